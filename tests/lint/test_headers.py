"""Each header compiles alone, with only what it includes itself."""
import json
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

flags = []
with open(os.path.join(os.environ["HEARTH_BUILD_DIR"], "compile_commands.json"), encoding="utf-8") as f:
    for entry in json.load(f):
        words = shlex.split(entry["command"])
        for i, w in enumerate(words):
            if re.match(r"-[ID]", w) and w not in flags:
                flags.append(w)
            if w == "-isystem" and words[i + 1] not in flags:
                flags += ["-isystem", words[i + 1]]
problems = []
names = tree.files(".h", generated=True)
for name in names:
    done = subprocess.run(["cc", "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-pragma-once-outside-header",
                           "-Wno-unused-function", *flags, "-x", "c", os.path.join(tree.ROOT, name)],
                          stderr=subprocess.PIPE, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if ": error:" in line and "pragma once" not in line]
    problems += errors[:1]
tree.report(problems, len(names))
