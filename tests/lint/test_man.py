"""The man pages format without warnings and name every option that --help names."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

PROGRAMS = {"ignition": "docs/man/ignition.8", "ignition-validate": "docs/man/ignition-validate.1",
            "ignition-apply": "docs/man/ignition-apply.1",
            "flanneld": "docs/man/flanneld.8"}

if not shutil.which("man"):
    print("man is not installed")
    raise SystemExit(77)
problems = []
pages = tree.files(".1", ".5", ".8")
for page in pages:
    done = subprocess.run(["man", "--warnings=all", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], cwd=tree.ROOT,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"})
    problems += [f"{page}: {line}" for line in done.stderr.splitlines() if "cannot break" not in line]
for program, page in PROGRAMS.items():
    done = subprocess.run([os.path.join(os.environ["HEARTH_BIN_DIR"], program), "-help"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    options = set(re.findall(r"^\s+--?([a-z][a-z0-9_-]*)", done.stdout, re.M))
    if done.returncode or not options:
        problems.append(f"{program} -help: exit {done.returncode}, {len(options)} options")
    text = tree.read(page).replace("\\-", "-") if page in pages else ""
    problems += [f"{page}: does not document -{o} of {program}" for o in sorted(options)
                 if not re.search(r"-" + re.escape(o) + r"(?![a-z0-9-])", text)]
tree.report(problems, len(pages))
