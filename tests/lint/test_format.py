"""Every C file is as clang-format leaves it."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

if not shutil.which("clang-format"):
    print("clang-format is not installed")
    raise SystemExit(77)
names = tree.files(".c", ".h")
done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=3", *names], cwd=tree.ROOT,
                      stderr=subprocess.PIPE, text=True, check=False)
bad = sorted({line.split(":", 1)[0] for line in done.stderr.splitlines() if ": error:" in line})
if done.returncode and not bad:
    print(done.stderr)
    raise SystemExit(1)
tree.report([f"{n}: run ./dev format" for n in bad], len(names))
