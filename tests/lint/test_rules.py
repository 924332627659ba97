"""Each rule for configs in the sources is named by a table of cases, which fail unless something hits it."""
import ast
import glob
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

LITERALS = r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*'
FINDING = re.compile(r"\b(?:v_error|v_warn|v_add|report_add|bad|snprintf)\s*\(")
RETURNED = re.compile(r"\b(?:return|text\[\] =) (" + LITERALS + ");")


def plain(source):
    """Without comments and character constants."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|\'(?:[^\'\\]|\\.)\'', lambda m: m.group(1) or " ", source, flags=re.S)


def text(literals):
    return "".join(ast.literal_eval(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', literals))


def call(source, at):
    """The arguments of the call whose opening parenthesis ends at `at`."""
    depth, i = 1, at
    while depth:
        if source[i] == '"':
            i = re.compile(r'"(?:[^"\\]|\\.)*"').match(source, i).end()
            continue
        depth += {"(": 1, ")": -1}.get(source[i], 0)
        i += 1
    return source[at:i - 1]


def rules(name):
    source = plain(tree.read(name))
    for m in FINDING.finditer(source):
        for args in re.findall(LITERALS, re.sub(r"\bCFG_CHILD\([^\"]*\"\w+\"\)", "", call(source, m.end()))):
            yield text(args)
    for m in RETURNED.finditer(source):
        yield text(m.group(1))


def as_text(rule):
    return re.compile(re.sub(r"%(?:z?[udi]|s)", ".*", re.escape(rule).replace(r"\%", "%")))


SOURCES = {  # -> the tests that must name their rules
    **{os.path.relpath(p, tree.ROOT): ("test_config_",)
       for p in glob.glob(os.path.join(tree.ROOT, "ignition/config/validate*.c"))},
    **{os.path.relpath(p, tree.ROOT): ("test_config_v2_",)
       for p in glob.glob(os.path.join(tree.ROOT, "ignition/config/v2/rules*.c"))},
    "ignition/config/v1/rules.c": ("test_config_v1",),
    "base/cfg_decode.c": ("test_config_",), "base/cfg_key.c": ("test_config_",),
    "ignition/config/unit_file.c": ("test_unit_file",), "ignition/fetch/dataurl.c": ("test_dataurl", "test_config_url"),
}
# not the text of a finding, or no more than what another finding is made of
OTHER = {"", "%s", "$", ".%s", ".%zu"}

named = {}
for path in glob.glob(os.path.join(tree.ROOT, "tests/unit/ignition/*.[ch]")):
    source_text = plain(tree.read(os.path.relpath(path, tree.ROOT)).replace("\\\n", " "))
    named[os.path.basename(path)] = {text(t) for t in re.findall(LITERALS, source_text)}
shared = named.get("config_cases.h", set())

problems, checked = [], 0
for source_name, tests in sorted(SOURCES.items()):
    known = shared.union(*(texts for name, texts in named.items() if name.startswith(tests)))
    found = set(rules(source_name)) - OTHER
    checked += len(found)
    problems += [f'{source_name}: no case of {" or ".join(tests)} names the rule "{r}"' for r in sorted(found)
                 if r not in known and not any(as_text(r).search(k) for k in known)]
if checked < 80:
    problems.append(f"only {checked} rules found: the test looked in the wrong place")
for p in problems:
    print(p)
print(f"{checked} texts, {len(problems)} problems")
raise SystemExit(1 if problems else 0)
