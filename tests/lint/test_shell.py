"""shellcheck over every shell script of the tree."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

if not shutil.which("shellcheck"):
    print("shellcheck is not installed")
    raise SystemExit(77)
names = []
for name in tree.files(""):
    if name.endswith((".c", ".h", ".py", ".json", ".md")) or name.startswith(("tests/fuzz/corpus/", "tests/data/")):
        continue
    with open(os.path.join(tree.ROOT, name), "rb") as f:
        first = f.readline(64)
    if first.startswith(b"#!") and (b"sh" in first.split()[0].rsplit(b"/", 1)[-1] or b"bash" in first or b" sh" in first):
        names.append(name)
done = subprocess.run(["shellcheck", "-x", "-S", "style", *names], cwd=tree.ROOT, check=False)
print(f"{len(names)} scripts")
raise SystemExit(done.returncode)
