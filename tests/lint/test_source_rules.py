"""House rules that a search can check: banned calls, includes, file length, unfinished marks."""
import re
import sys
import os

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

BANNED = {
    "strcpy": "a copy without a bound", "strcat": "a copy without a bound", "stpcpy": "a copy without a bound",
    "sprintf": "use snprintf", "vsprintf": "use vsnprintf", "strtok": "hidden state", "gets": "no bound",
    "system": "no shells: proc_run()", "popen": "no shells: proc_run()", "mktemp": "race", "tmpnam": "race",
    "alloca": "unbounded stack", "json_tokener_parse": "lenient; jscan first, then json_tokener_parse_ex()",
    "json_object_object_get": "cannot tell null from absent; use ..._get_ex()",
}
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MAX_LINES = 600
LONGER = {}  # path: reason


def strip_c(text):
    """The code without comments and string contents, line structure kept."""
    def blank(m):
        s = m.group(0)
        return '""' if s[0] in "\"'" else "\n" * s.count("\n")
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_c(name, text):
    out = []
    code = strip_c(text)
    for word, why in BANNED.items():
        for m in re.finditer(r"(?<![\w.>])" + word + r"\s*\(", code):
            line = code.count("\n", 0, m.start()) + 1
            out.append(f"{name}:{line}: {word}(): {why}")
    if text.count("\n") > MAX_LINES and name not in LONGER:
        out.append(f"{name}: {text.count(chr(10))} lines; past {MAX_LINES} a file asks to be split by subject")
    if name.endswith(".h") and "#pragma once" not in text:
        out.append(f"{name}: no #pragma once")
    if name.endswith(".c") and not name.startswith(("tests/", "cmd/")):
        own = name[:-2] + ".h"
        first = re.search(r'^#\s*include\s+["<]([^">]+)', text, re.M)
        if os.path.exists(os.path.join(tree.ROOT, own)) and first and first.group(1) != own:
            out.append(f"{name}: includes {first.group(1)} before its own header {own}")
    return out


def main():
    problems = []
    names = tree.files(".c", ".h", ".py", ".sh", ".cmake")
    for name in names:
        text = tree.read(name)
        if name.endswith((".c", ".h")):
            problems += check_c(name, text)
        if not name.startswith("tests/lint/"):
            for m in MARKS.finditer(text):
                problems.append(f"{name}:{text.count(chr(10), 0, m.start()) + 1}: unfinished mark {m.group(0)}")
    tree.report(problems, len(names))


main()
