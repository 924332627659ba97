"""What the lint tests share: the project's files, as git knows them or as they lie there."""
import os
import subprocess

ROOT = os.environ.get("HEARTH_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*endings, generated=False):
    """Tracked and new files with one of the endings, relative to ROOT, sorted."""
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          capture_output=True, check=False)
    if done.returncode == 0:
        names = [n.decode() for n in done.stdout.split(b"\0") if n]
    else:  # a release tarball has no git
        names = []
        for folder, folders, here in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in ("build", ".git")]
            names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in here]
    found = sorted(n for n in names
                   if n.endswith(endings) and os.path.isfile(os.path.join(ROOT, n))
                   and (generated or not n.endswith(("_gen.c", "_gen.h"))))
    if not found:
        raise SystemExit(f"no files with {endings} below {ROOT}: the test looked in the wrong place")
    return found


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def report(problems, checked):
    for p in problems:
        print(p)
    print(f"{checked} files, {len(problems)} problems")
    raise SystemExit(1 if problems else 0)
