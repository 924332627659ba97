"""The files stage killed, failing and losing power in the middle: running it again makes the same tree."""
import gzip
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from orphans import adopt_orphans, end_orphans
from files_stage import Case, DEADLINE, HASH, JOURNAL, UNITS, data, listing, main

ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
FIRST_DAY = int(time.time() // 86400)


class Killed(Case):
    """At whatever instant the stage is killed, running it again ends with the tree that one whole run makes."""

    def config(self, url):
        files = [{"path": f"/opt/{i % 5}/f{i}", "contents": {"source": data(f"{i}\n" * 2000)}, "user": {"id": i}}
                 for i in range(60)]
        files += [{"path": "/etc/log", "append": [{"source": data("one\n" * 3000)}, {"source": url + "/tail"}]},
                  {"path": "/etc/newlog", "append": [{"source": data("new\n")}]},
                  {"path": "/opt/big", "contents": {"source": url + "/big.gz", "compression": "gzip"}}]
        return {"storage": {"files": files, "directories": [{"path": "/opt/old", "overwrite": True}],
                            "links": [{"path": "/opt/l", "target": "big"},
                                      {"path": "/opt/h", "target": "/opt/big", "hard": True}]},
                "passwd": {"groups": [{"name": "ops", "gid": 1500}],
                           "users": [{"name": "core", "passwordHash": HASH, "groups": ["ops"],
                                      "sshAuthorizedKeys": ["k"]}]},
                "systemd": UNITS["systemd"]}

    def fill(self, name):
        self.new_root(name)
        self.put("etc/log", "start\n", 0o640)
        self.put("opt/old/junk", "junk")
        with open(self.at("etc/login.defs"), "a", encoding="ascii") as f:
            f.write("HOME_MODE 0700\n")

    def tree(self):
        out = listing(self.root)
        # shadow-utils keep the previous versions and a lock file; how often they ran shows there.
        out = {p: v for p, v in out.items() if not re.match(r"etc/(\w+-|\.pwd\.lock)$", p)}
        for name in ACCOUNTS:
            entry = out["etc/" + name]  # modes of these are the tools' own; the order of lines means nothing
            out["etc/" + name] = sorted(entry[3].decode().splitlines())
        # The day of the last change of a password: midnight may come in between.
        days = {str(d) for d in range(FIRST_DAY, int(time.time() // 86400) + 1)}
        lines = [line.split(":") for line in out["etc/shadow"]]
        out["etc/shadow"] = [[*f[:2], "today" if f[2] in days else f[2], *f[3:]] for f in lines]
        return out

    def run_killed(self, config, delay):
        """One run, killed after delay seconds. Returns whether that was before its end."""
        with open(os.path.join(self.dir, "log"), "w+", encoding="utf-8") as log:
            child = subprocess.Popen(self.command(config), env=self.environment(), stdout=log,
                                     stderr=subprocess.STDOUT, start_new_session=True)
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
            status = child.wait()
            end_orphans()
            log.seek(0)
            last = log.read().splitlines()[-1:]
        accounts = {name: self.read("etc/" + name) for name in ACCOUNTS}
        left = sorted(n for n in os.listdir(self.at("etc")) if re.search(r"lock$|\+$|\.\d+$|hearth", n))
        home = {p: v[:3] for p, v in listing(self.at("home")).items()}
        self.story.append(f"killed after {delay:.4f} s: status {status}, last line {last}, left {left}, home {home}\n"
                          f"  {accounts}")
        return status == -signal.SIGKILL

    def check(self, config, want):
        """The run that nobody disturbs; on a difference the message tells all that went before."""
        done = self.run_stage(config)
        self.assertEqual(done.returncode, 0, "\n".join([*self.story, done.stdout[-3000:], done.stderr]))
        self.assertEqual(self.tree(), want, "\n".join(self.story))

    def test_killed(self):
        """At random instants. HEARTH_TEST_SEED and HEARTH_TEST_KILLS choose which and how many."""
        seed = int(os.environ.get("HEARTH_TEST_SEED", "1"))
        print(f"HEARTH_TEST_SEED={seed}", flush=True)
        rng = random.Random(seed)
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 200000), "/tail": b"tail\n" * 500})
        config = self.config(url)
        self.fill("whole")
        start = time.monotonic()
        self.apply(config)
        took = time.monotonic() - start
        want = self.tree()
        adopt_orphans(True)
        self.addCleanup(adopt_orphans, False)
        killed = 0
        while killed < int(os.environ.get("HEARTH_TEST_KILLS", "25")):
            self.fill("killed")
            self.story = [f"HEARTH_TEST_SEED={seed}, after {killed} kills"]
            for _ in range(2):
                delay = rng.random() * took
                if self.run_killed(config, delay):
                    killed += 1
                else:
                    took = delay  # the first run was slower than they are now
            self.check(config, want)
            shutil.rmtree(self.root)

    def killed_at(self, config, calls, n):
        """A run in which each process is killed by its n-th call of that kind. Returns whether one was."""
        names = ",".join("?" + c for c in calls)  # not every machine has all of them
        done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={names}", "-e",
                               f"inject={names}:signal=KILL:when={n}", *self.command(config)], timeout=DEADLINE,
                              env=self.environment(ASAN_OPTIONS="detect_leaks=0"), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.story.append(f"killed at {calls[0]} {n}: status {done.returncode}, {done.stdout.splitlines()[-1:]}\n"
                          f"  {({name: self.read('etc/' + name) for name in ACCOUNTS})}")
        return done.returncode != 0

    @unittest.skipUnless(shutil.which("strace"), "no strace here")
    @unittest.skipUnless(shutil.which("useradd", path="/usr/sbin:/usr/bin"), "no shadow-utils here")
    def test_killed_tools(self):
        """Killed at each change that it or a tool makes - and the next run too, while it takes a user out again."""
        self.need_strace()
        config = {"passwd": self.config("")["passwd"]}
        self.fill("whole")
        self.apply(config)
        want = self.tree()
        rename = ("rename", "renameat", "renameat2")
        points, half_made = 0, None
        for first in (rename, ("mkdir", "mkdirat"), ("chown", "fchownat"), ("chmod", "fchmodat")):
            for n in range(1, 100):
                self.fill("killed")
                self.story = []
                if not self.killed_at(config, first, n):
                    break
                points += 1
                if "core:" in self.read("etc/passwd") and "core:" in self.read("etc/subuid"):
                    half_made = half_made or (first, n)
                self.check(config, want)
                shutil.rmtree(self.root)
            self.assertLess(n, 99)
            shutil.rmtree(self.root)
        self.assertGreater(points, 10)
        for n in range(1, 100):
            self.fill("killed")
            self.story = []
            self.assertTrue(self.killed_at(config, *half_made))
            again = self.killed_at(config, rename, n)
            self.check(config, want)
            shutil.rmtree(self.root)
            if not again:
                break
        self.assertGreater(n, 6)

    def need_strace(self):
        if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("strace may not trace here")

    @unittest.skipUnless(shutil.which("strace"), "no strace here")
    def test_failing_calls(self):
        """The n-th call fails: no temporary file stays, and the next run ends as if nothing had happened."""
        self.need_strace()
        env = self.environment(ASAN_OPTIONS="detect_leaks=0")  # its leak check cannot work under strace
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 2000), "/tail": b"tail\n" * 50})
        config = self.config(url)
        config["storage"]["files"] = config["storage"]["files"][-7:]
        self.fill("whole")
        self.apply(config)
        want = self.tree()
        failed = 0
        for call, error, when in [("linkat", "EXDEV", 1), ("fchmod", "EIO", 1), ("fchmod", "EIO", 4),
                                  ("fchmod", "EIO", 7), ("renameat", "ENOSPC", 1), ("renameat", "ENOSPC", 2),
                                  ("renameat", "ENOSPC", 4), ("fchown", "EIO", 1), ("fchown", "EIO", 2),
                                  ("mkdirat", "ENOSPC", 2), ("symlinkat", "EIO", 1), ("fsync", "EIO", 1),
                                  ("syncfs", "EIO", 1), ("ftruncate", "EIO", 1)]:
            with self.subTest(call=call, when=when):
                self.fill(f"{call}-{when}")
                inject = ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                          f"inject={call}:error={error}:when={when}"]
                done = subprocess.run(inject + self.command(config), env=env, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
                self.assertIn(done.returncode, (0, 1), done.stderr)
                failed += done.returncode
                self.assertEqual([p for p in listing(self.root) if ".hearth" in p], [])
                self.apply(config)
                self.assertEqual(self.tree(), want)
        self.assertGreater(failed, 8)

    def test_lost_writes(self):
        """The power went: names are there, the data is not. The notes do not trust what they find."""
        config = {"storage": {"files": [{"path": "/a", "contents": {"source": data("content")}},
                                        {"path": "/log", "append": [{"source": data("line\n")}]}]}}
        self.put("log", "start\n")
        self.apply(config)
        self.put("a", "")
        self.put("log", "start\nli\0\0")
        notes = self.at(JOURNAL)
        with open(notes, "rb") as f:
            raw = f.read()
        with open(notes, "wb") as f:
            f.write(raw.replace(b"\0finished\0", b"\0unfinished\0"))
        self.apply(config)
        self.assertEqual((self.read("a"), self.read("log")), ("content", "start\nline\n"))


if __name__ == "__main__":
    main()
