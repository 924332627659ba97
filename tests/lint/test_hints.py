"""Every hint belongs to a rule that the sources have, and every rule of a config format has a hint."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

LITERALS = r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*'
HINTS = "ignition/config/hint_rule.c"
SOURCES = [n for n in tree.files(".c") if n.startswith(("ignition/config/", "base/cfg_", "ignition/fetch/dataurl"))
           and not os.path.basename(n).startswith("hint")]
# the text is made elsewhere
OTHER = {"%s"}


def text(literals):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def source(name):
    """Without comments and character constants."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|\'(?:[^\'\\]|\\.)\'', lambda m: m.group(1) or " ", tree.read(name),
                  flags=re.S)


table = tree.read(HINTS).split("rule_hints[] = {", 1)[1]
hints = [text(m) for m in re.findall(r"\{ (" + LITERALS + r"),", table)]
known = {text(m) for name in SOURCES for m in re.findall(LITERALS, source(name))}
problems = [f"{HINTS}: no rule begins with \"{h}\"" for h in hints if not any(k.startswith(h) for k in known)]
problems += [f"{HINTS}: \"{h}\" is there twice" for h in sorted({h for h in hints if hints.count(h) > 1})]
rules = 0
for name in SOURCES:
    for call in re.findall(r"\bv_(?:error|warn)\((.*?)\);", source(name), re.S):
        found = [text(m) for m in re.findall(LITERALS, re.sub(r"CFG_CHILD\([^\"]*\"\w+\"\)", "", call))]
        rules += len(found)
        problems += [f"{name}: no hint for \"{r}\"" for r in found
                     if r not in OTHER and not any(r.startswith(h) for h in hints)]
if len(hints) < 80 or rules < 80:
    problems.append(f"only {len(hints)} hints and {rules} rules were found: the test looked in the wrong place")
tree.report(problems, len(SOURCES))
