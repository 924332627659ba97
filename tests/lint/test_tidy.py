"""clang-tidy with the checks of .clang-tidy over every translation unit of the product."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree

if not shutil.which("clang-tidy"):
    print("clang-tidy is not installed")
    raise SystemExit(77)
# flags of gcc that clang 14 does not know would be findings of their own
UNKNOWN = ("-ftrivial-auto-var-init=zero", "-fcf-protection", "-fstack-clash-protection", "-Wno-format-truncation")
with open(os.path.join(os.environ["HEARTH_BUILD_DIR"], "compile_commands.json"), encoding="utf-8") as f:
    entries = [e for e in json.load(f) if "/tests/" not in e["file"] and not e["file"].endswith("_gen.c")]
for e in entries:
    e["command"] = " ".join(w for w in e["command"].split() if w not in UNKNOWN)
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as f:
        json.dump(entries, f)

    def tidy(name):
        done = subprocess.run(["clang-tidy", "--quiet", "-p", folder, name], cwd=tree.ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout

    names = sorted({e["file"] for e in entries})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(tidy, names))
bad = [out for code, out in results if code or out.strip()]
for out in bad:
    print(out)
print(f"{len(names)} files, {len(bad)} with findings")
raise SystemExit(1 if bad or not names else 0)
