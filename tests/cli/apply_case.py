"""What the tests of ignition-apply share: a program in a container, and a tree that it fills."""
import json
import os
import subprocess

from files_stage import Case, DEADLINE, UNITS, data, listing

APPLY = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition-apply")
NOTES = ".ignition-apply.journal"
HOST = ("CRITICAL : failed to apply: this tool is not designed to run on a host system; "
        "reprovision the machine instead")
NOBODY = 65534
FILE = {"path": "/opt/a", "contents": {"source": "data:,a"}}


def last(done):
    """What the program has to say in the end."""
    return done.stdout.splitlines()[-1]


class Apply(Case):
    program = APPLY

    def config(self, version="3.4.0", name="config.ign", ignition=None, **sections):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"ignition": {"version": version, **(ignition or {})}, **sections}, f)
        return path

    def run_apply(self, *args, text=None, **kw):
        env = {"PATH": "/usr/bin:/bin", "container": "test",
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **kw.pop("env", {})}
        return subprocess.run([*kw.pop("under", []), self.program, *args], env=env, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False, **kw)

    def good(self, *args, **kw):
        done = self.run_apply("--root", self.root, *args, **kw)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout[-3000:])
        self.assertEqual(last(done), "INFO     : Ignition finished successfully")
        self.assertFalse(os.path.lexists(self.at(NOTES)))
        return done.stdout

    def bad(self, want, *args, **kw):
        """Refused with these words, and nothing was written."""
        before = listing(self.root, ())
        done = self.run_apply("--root", self.root, *args, **kw)
        self.assertEqual((done.returncode, done.stderr), (1, ""), done.stdout[-3000:])
        if hasattr(want, "pattern"):
            self.assertRegex(last(done), want)
        else:
            self.assertEqual(last(done), "CRITICAL : " + want)
        self.assertEqual(listing(self.root, ()), before)
        return done.stdout


class Tree(Apply):
    def everything(self, url):
        return {"storage": {
            "directories": [{"path": "/srv/d", "mode": 0o1770, "user": {"id": 7}, "group": {"name": "daemon"}},
                            {"path": "/old", "overwrite": True}],
            "files": [{"path": "/srv/d/plain", "contents": {"source": data("plain\n")}, "user": {"name": "daemon"}},
                      {"path": "/srv/suid", "contents": {"source": data("#!")}, "mode": 0o755},
                      {"path": "/srv/empty"}, {"path": "/etc/motd", "append": [{"source": data("more\n")}]},
                      {"path": "/home2/x/file", "contents": {"source": data("via link\n")}},
                      {"path": "/srv/big", "contents": {"source": url + "/big.gz", "compression": "gzip"},
                       "append": [{"source": url + "/tail"}]}],
            "links": [{"path": "/srv/sym", "target": "../etc/motd", "user": {"id": 12}},
                      {"path": "/srv/hard", "target": "/srv/d/plain", "hard": True}]},
            "systemd": UNITS["systemd"]}

    def fill(self):
        os.symlink("var/home", self.at("home2"))
        self.put("etc/motd", "hello\n", 0o640)
        self.put("old/junk", "junk")
        os.makedirs(self.at("etc/systemd/system"))
        os.symlink("/dev/null", self.at("etc/systemd/system/u.service"))
        os.symlink("/usr/lib/systemd/system/off.service", self.at("etc/systemd/system/alias.service"))
