"""ignition-apply, as a line of a Containerfile runs it: what it refuses, fetches and makes, and what it leaves behind."""
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import time
import unittest

from files_stage import Case, DEADLINE, JOURNAL, PASSWD, RESULT, UNITS, data, listing, main, sha512

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


class Usage(Apply):
    def test_arguments(self):
        config = self.config(storage={"files": [FILE]})
        for args, code, words in [
                ((), 1, "Usage: ignition-apply [OPTION]... FILE|-\n"),
                ((config, config), 1, "Usage: ignition-apply"),
                ((config, "--", "--offline"), 1, "Usage: ignition-apply"),
                (("--nope", config), 2, "unknown flag: --nope\n"),
                ((config, "--nope"), 2, "unknown flag: --nope\n"),
                (("-root", self.root, config), 2, "unknown shorthand flag: 'r' in -root\n"),
                ((config, "--root"), 2, "flag needs an argument: --root\n"),
                (("--offline=perhaps", config), 2, 'invalid boolean value "perhaps" for --offline: parse error\n')]:
            with self.subTest(args=args):
                done = self.run_apply(*args)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertTrue(done.stderr.startswith(words), done.stderr)
        done = self.run_apply("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--root", "--offline", "--ignore-unsupported", "--version"):
            self.assertIn(f"\n  {option}", done.stdout)
        done = self.run_apply("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^Ignition \d+\.\d+\.\d+\n$")
        self.assertFalse(os.path.exists(self.at("opt")))

    def test_options_after_the_argument(self):
        config = self.config(storage={"files": [FILE]})
        done = self.run_apply(config, "--offline=false", "--root=" + self.root, "--offline")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.read("opt/a"), "a")

    def test_relative_root(self):
        config = self.config(storage={"files": [FILE]})
        done = self.run_apply("--root", "sub/../root", config, cwd=self.dir)
        self.assertEqual(done.returncode, 1)  # "sub" does not exist
        done = self.run_apply("--root", "root", "config.ign", cwd=self.dir)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f'writing file "{self.root}/opt/a"', done.stdout)
        self.assertEqual(self.read("opt/a"), "a")

    def test_a_root_that_is_none(self):
        config = self.config(storage={"files": [FILE]})
        for root, why in (self.dir + "/none", "No such file or directory"), (config, "Not a directory"):
            done = self.run_apply("--root", root, config)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(last(done), f"CRITICAL : failed to apply: opening the root directory {root}: {why}")

    def test_standard_input(self):
        self.good("-", text=json.dumps({"ignition": {"version": "3.0.0"}, "storage": {"files": [FILE]}}))
        self.assertEqual(self.read("opt/a"), "a")
        self.bad("couldn't parse config: not a config (empty)", "-", text="")
        self.bad("couldn't read config: standard input is larger than 67108864 bytes", "-",
                 text=" " * (64 * 1024 * 1024 + 1))

    def test_log_to_a_closed_pipe(self):
        """Whoever reads the log may leave."""
        read, write = os.pipe()
        os.close(read)
        config = self.config(storage={"files": [FILE]})
        done = subprocess.run([APPLY, "--root", self.root, config], env={"container": "x"}, stdout=write,
                              stderr=subprocess.PIPE, check=False, timeout=DEADLINE)
        os.close(write)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.read("opt/a"), "a")


class Configs(Apply):
    def test_unreadable(self):
        fifo = os.path.join(self.dir, "fifo")
        os.mkfifo(fifo)
        for path, why in [(self.dir + "/none", f"opening {self.dir}/none: No such file or directory"),
                          (self.dir, f"reading {self.dir}: Is a directory"),
                          (fifo, f"{fifo} is a FIFO, not a file")]:
            self.bad("couldn't read config: " + why, path)

    def test_unparsable(self):
        for text, why, finding in [
                ("", "not a config (empty)", None),
                ("{", "config is not valid", "CRITICAL : error at line 1 col 2: "),
                ("{}", "invalid config version (couldn't parse)", None),
                ('{"ignition": {"version": "4.0.0"}}', "unsupported config version", None),
                ('{"ignition": {"version": "3.4.0"},\n "storage": {"files": [{"path": "a"}]}}', "config is not valid",
                 "CRITICAL : error at $.storage.files.0.path, line 2 col 33: path not absolute")]:
            with self.subTest(text=text):
                out = self.bad("couldn't parse config: " + why, "-", text=text)
                self.assertIn(finding or "", out)
        out = self.good("-", text='{"ignition": {"version": "3.4.0"},\n "nope": 1}')
        self.assertIn("WARNING  : warning at $.nope, line 2 col 2: unused key nope\n", out)

    def test_every_version(self):
        for version in ("3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "3.5.0", "3.6.0", "3.7.0-experimental"):
            with self.subTest(version):
                self.new_root("root-" + version)
                self.good(self.config(version, storage={"files": [FILE], "directories": [{"path": "/d"}],
                                                        "links": [{"path": "/l", "target": "opt/a"}]},
                                      systemd={"units": [{"name": "a.service", "enabled": True}]}))
                self.assertEqual(self.read("l"), "a")
                self.assertEqual(self.read("etc/systemd/system-preset/20-ignition.preset"), "enable a.service\n")

    def test_old_versions(self):
        unit = {"name": "a.service", "enable": True, "contents": "[Install]\nWantedBy=multi-user.target\n"}
        network = {"units": [{"name": "00-eth.network", "contents": "[Match]\n"}]}
        file = {"filesystem": "root", "path": "/opt/a", "mode": 0o640, "contents": {"source": "data:,a"}}
        old = {"systemd": {"units": [unit]}, "networkd": network}
        for config in [{"ignitionVersion": 1, **old},
                       *({"ignition": {"version": f"2.{minor}.0"}, "storage": {"files": [file]}, **old}
                         for minor in range(5))]:
            with self.subTest(config=config):
                self.new_root(f"root-{len(os.listdir(self.dir))}")
                self.good("-", text=json.dumps(config))
                self.assertEqual(self.read("etc/systemd/system-preset/20-ignition.preset"), "enable a.service\n")
                self.assertEqual(self.read("etc/systemd/network/00-eth.network"), "[Match]\n")
                if "storage" in config:
                    self.assertEqual((self.read("opt/a"), os.stat(self.at("opt/a")).st_mode & 0o777), ("a", 0o640))
        self.new_root("refused")
        user = {"ignition": {"version": "2.0.0"}, "passwd": {"users": [{"name": "core", "create": {}}]}}
        self.bad("failed to apply: running stage 'files': cannot apply passwd live", "-", text=json.dumps(user))

    def test_sections_for_a_first_boot(self):
        hashed = {"name": "core", "passwordHash": "$6$salt$secret"}
        disk = {"device": "/dev/vda"}
        raid = {"name": "r", "level": "raid1", "devices": ["/dev/a", "/dev/b"]}
        luks = {"name": "l", "device": "/dev/vdb", "keyFile": {"source": "data:,k"}}
        fs = {"device": "/dev/vdc", "path": "/var", "format": "ext4"}
        kargs, disks, passwd = [f"running stage '{s}': cannot apply {t} live" for s, t in
                                (("kargs", "kargs modifications"), ("disks", "disk modifications"), ("files", "passwd"))]
        cases = [({"kernelArguments": {"shouldExist": ["a"]}}, kargs, "kernelArguments.shouldExist"),
                 ({"kernelArguments": {"shouldNotExist": ["a"]}}, kargs, "kernelArguments.shouldNotExist"),
                 ({"storage": {"disks": [disk]}}, disks, "storage.disks"),
                 ({"storage": {"raid": [raid]}}, disks, "storage.raid"),
                 ({"storage": {"luks": [luks]}}, disks, "storage.luks"),
                 ({"storage": {"filesystems": [fs]}}, disks, "storage.filesystems"),
                 ({"passwd": {"users": [hashed]}}, passwd, "passwd.users"),
                 ({"passwd": {"groups": [{"name": "g"}]}}, passwd, "passwd.groups"),
                 # the order of the stages, not of the config
                 ({"passwd": {"users": [hashed]}, "storage": {"disks": [disk]}}, disks, "storage.disks"),
                 ({"storage": {"disks": [disk]}, "kernelArguments": {"shouldExist": ["a"]}}, kargs,
                  "kernelArguments.shouldExist")]
        for i, (sections, why, name) in enumerate(cases):
            with self.subTest(name):
                storage = {**sections.get("storage", {}), "files": [FILE]}
                config = self.config(**{**sections, "storage": storage})
                self.new_root(f"root-{i}")
                out = self.bad("failed to apply: " + why, config)
                self.assertIn(f"NOTICE   : {name} is for a first boot: leave it out, or use --ignore-unsupported", out)
                before = listing(self.at("etc"))
                out = self.good("--ignore-unsupported", config)
                self.assertIn(f"WARNING  : {name} is ignored: it cannot be applied to an image", out)
                self.assertNotIn("secret", out)
                self.assertEqual(self.read("opt/a"), "a")
                self.assertEqual(listing(self.at("etc")), before)

    def test_ignored_users_own_nothing(self):
        """A user that is not made is no owner."""
        owned = {**FILE, "user": {"name": "core"}}
        config = self.config(storage={"files": [owned]}, passwd={"users": [{"name": "core"}]})
        self.bad("failed to apply: running stage 'files': failed to create files: file \"/opt/a\": no such user "
                 '"core" in the target or in the config', "--ignore-unsupported", config)
        self.put("etc/passwd", PASSWD + "core:x:1234:1234::/home/core:/bin/sh\n")
        self.good("--ignore-unsupported", config)
        self.assertEqual(os.stat(self.at("opt/a")).st_uid, 1234)


class Fetching(Apply):
    def test_references(self):
        child = json.dumps({"ignition": {"version": "3.1.0"}, "storage": {"files": [
            {"path": "/b", "contents": {"source": "data:,child"}}, {"path": "/c", "contents": {"source": "data:,c"}}]}})
        bodies = {"/child": child.encode(), "/body": b"remote", "/child.gz": gzip.compress(child.encode())}
        url = self.serve(bodies)
        bodies["/next"] = json.dumps({"ignition": {"version": "3.2.0", "config": {"merge": [{"source": url + "/child"}]}},
                                      "storage": {"files": [{"path": "/b", "contents": {"source": "data:,next"}}]}}
                                     ).encode()
        own = {"files": [{"path": "/b", "contents": {"source": "data:,own"}},
                         {"path": "/a", "contents": {"source": url + "/body",
                                                     "verification": {"hash": sha512(b"remote")}}}]}
        for i, (config, want) in enumerate([
                ({"merge": [{"source": url + "/child"}]}, {"a": "remote", "b": "child", "c": "c"}),
                ({"merge": [{"source": url + "/next"}]}, {"a": "remote", "b": "child", "c": "c"}),
                ({"merge": [{"source": data(child)}, {"source": url + "/next"}]}, {"a": "remote", "b": "child", "c": "c"}),
                ({"merge": [{"source": url + "/child.gz", "compression": "gzip", "verification":
                             {"hash": "sha512-" + hashlib.sha512(child.encode()).hexdigest().upper()}}]},
                 {"a": "remote", "b": "child", "c": "c"}),
                ({"replace": {"source": url + "/next"}}, {"b": "child", "c": "c"}),
                ({"replace": {"source": data(child)}}, {"b": "child", "c": "c"})]):
            with self.subTest(config=config):
                self.new_root(f"root-{i}")
                self.good(self.config(ignition={"config": config}, storage=own))
                found = {n: self.read(n) for n in "abc" if os.path.exists(self.at(n))}
                self.assertEqual(found, want)

    def test_references_that_fail(self):
        bodies = {"/bad": b'{"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "x"}]}}', "/empty": b""}
        url = self.serve(bodies)
        bodies["/loop"] = json.dumps({"ignition": {"version": "3.0.0", "config": {"merge": [{"source": url + "/loop"}]}}}
                                     ).encode()
        for path, why in [("/none", "resource not found"), ("/bad", "config is not valid"),
                          ("/empty", r"not a config \(empty\)"), ("/loop", "references to configs are nested deeper")]:
            with self.subTest(path):
                config = self.config(ignition={"config": {"merge": [{"source": url + path}]}}, storage={"files": [FILE]})
                self.bad(re.compile("failed to apply: .*" + why), config)
        config = self.config(ignition={"config": {"merge": [{"source": url + "/bad", "verification":
                                                             {"hash": sha512(b"other")}}]}})
        self.bad(re.compile("failed to apply: .*hash verification failed"), config)

    def test_more_references_than_anyone_has(self):
        seen = []
        url = self.serve(Asked(seen, json.dumps({"ignition": {"version": "3.1.0"}}).encode()))
        refers = lambda n, **more: {"config": {"merge": [*({"source": s} for s in more.values()),
                                                         *({"source": f"{url}/{i}"} for i in range(n))]}}
        self.good(self.config(ignition=refers(256)))
        self.assertEqual(len(seen), 256)
        nested = data(json.dumps({"ignition": {"version": "3.1.0", **refers(100)}}))
        why = "failed to apply: more than 256 referenced configs: do two of them name each other?"
        for config, fetched in [(refers(257), 0), (refers(60_000), 0), (refers(156, nested=nested), 255)]:
            seen.clear()
            self.bad(why, self.config(ignition=config))
            self.assertEqual(len(seen), fetched)
        self.good(self.config(ignition=refers(155, nested=nested)))

    def test_offline(self):
        url = self.serve({"/x": b"{}"})
        remote = [url + "/x", "http://user:word@192.0.2.1/x?token=secret", "https://example.com/x", "tftp://192.0.2.1/x",
                  "s3://bucket/key", "gs://bucket/key"]
        inline = ["", "data:,x", data("x")]
        shown = lambda source: "http://192.0.2.1/x?token=<redacted>" if "user:" in source else source
        places = [("file", lambda s: {"storage": {"files": [{"path": "/f", "contents": {"source": s}}]}}),
                  ("append", lambda s: {"storage": {"files": [{"path": "/f", "append": [{"source": s}]}]}}),
                  ("authority", lambda s: {"ignition": {"security": {"tls": {"certificateAuthorities": [{"source": s}]}}}})]
        for name, place in places:
            for source in remote:
                with self.subTest(name, source=source):
                    out = self.bad(f"failed to apply: {shown(source)}: resource requires networking", "--offline",
                                   self.config(**place(source)))
                    self.assertNotIn("word", out)
                    self.assertNotIn("secret", out)
        for i, source in enumerate(inline):
            for name, place in places[:2]:
                self.new_root(f"inline-{i}-{name}")
                self.good("--offline", self.config(**place(source)))
        for key in "merge", "replace":
            for source in remote:
                ref = [{"source": source}] if key == "merge" else {"source": source}
                with self.subTest(key, source=source):
                    self.bad(f"failed to apply: fetching a referenced config: {shown(source)}: "
                             "resource requires networking", "--offline", self.config(ignition={"config": {key: ref}}))
        child = {"ignition": {"version": "3.0.0"}, "storage": {"files": [FILE]}}
        merge = {"config": {"merge": [{"source": data(json.dumps(child))}]}}
        self.new_root("merged")
        self.good("--offline", self.config(ignition=merge))
        self.assertEqual(self.read("opt/a"), "a")
        child["storage"]["files"] = [{"path": "/r", "contents": {"source": url + "/x"}}]
        merge = {"config": {"merge": [{"source": data(json.dumps(child))}]}}
        self.bad(f"failed to apply: {url}/x: resource requires networking", "--offline", self.config(ignition=merge))
        tang = {"name": "l", "device": "/dev/x", "clevis": {"tang": [{"url": "http://x", "thumbprint": "y"}]}}
        self.bad("failed to apply: a tang server: resource requires networking", "--offline", "--ignore-unsupported",
                 self.config(storage={"luks": [tang]}))

    def test_authorities_are_fetched_only_when_needed(self):
        """The image builds without the network although a later boot needs it."""
        unreachable = {"security": {"tls": {"certificateAuthorities": [{"source": "http://127.0.0.1:9/ca.pem"}]}},
                       "timeouts": {"httpTotal": 1}}
        self.good(self.config(ignition=unreachable, storage={"files": [FILE]}))
        self.assertEqual(self.read("opt/a"), "a")
        url = self.serve({"/x": b"x"})
        remote = {"path": "/r", "contents": {"source": url + "/x"}}
        self.bad(re.compile("failed to apply: .*127.0.0.1:9/ca.pem"),
                 self.config(ignition=unreachable, storage={"files": [remote]}))

    def test_settings_of_the_config_count(self):
        """A proxy of a referenced config is used for the files of the one that refers to it."""
        seen = []
        proxy = self.serve(Asked(seen))
        child = {"ignition": {"version": "3.1.0", "proxy": {"httpProxy": proxy}}}
        merge = {"config": {"merge": [{"source": data(json.dumps(child))}]}}
        self.good(self.config(ignition=merge, storage={"files": [
            {"path": "/r", "contents": {"source": "http://no-such-host.invalid/x"}}]}))
        self.assertEqual(self.read("r"), "by proxy")
        self.assertEqual(seen, ["http://no-such-host.invalid/x"])

    def test_settings_hold_further_down(self):
        """The proxy of the first config is used for whatever is referred to below it, and after that."""
        child = {"ignition": {"version": "3.1.0"}, "storage": {"files": [FILE]}}
        seen = []
        proxy = self.serve(Asked(seen, json.dumps(child).encode()))
        refers = lambda *sources: {"version": "3.1.0", "config": {"merge": [{"source": s} for s in sources]}}
        inner = {"ignition": refers("http://inner.invalid/")}
        middle = {"ignition": refers(data(json.dumps(inner)), "http://middle.invalid/")}
        self.good(self.config(ignition={**refers(data(json.dumps(middle)), "http://last.invalid/"),
                                        "proxy": {"httpProxy": proxy}}))
        self.assertEqual(seen, ["http://inner.invalid/", "http://middle.invalid/", "http://last.invalid/"])
        # A config that replaces all others has only its own.
        self.bad(re.compile("inner.invalid"), self.config(ignition={
            "version": "3.1.0", "proxy": {"httpProxy": proxy}, "timeouts": {"httpTotal": 1},
            "config": {"replace": {"source": data(json.dumps({"ignition": {**inner["ignition"],
                                                                           "timeouts": {"httpTotal": 1}}}))}}}))
        self.assertEqual(len(seen), 3)

    def test_what_is_logged_of_references(self):
        child = json.dumps({"ignition": {"version": "3.1.0"}})
        digest = hashlib.sha512(child.encode()).hexdigest()
        url = self.serve({"/child?token=secret": child.encode()})
        out = self.good(self.config(ignition={"config": {"merge": [{"source": url + "/child?token=secret"},
                                                                   {"source": data(child)}]}}))
        self.assertIn(f"DEBUG    : fetched referenced config at {url}/child?token=<redacted> with SHA512: {digest}\n", out)
        self.assertIn(f"DEBUG    : fetched referenced config from data url with SHA512: {digest}\n", out)
        self.assertNotIn("secret", out)
        self.assertNotIn("base64", out)

    def test_nothing_is_written_before_all_is_fetched(self):
        url = self.serve({"/x": b"x"})
        wrong = {"path": "/z", "contents": {"source": url + "/x", "verification": {"hash": sha512(b"y")}}}
        self.bad(re.compile('file "/z": .*hash verification failed'), self.config(storage={"files": [FILE, wrong]},
                                                                              systemd=UNITS["systemd"]))


class Asked(dict):
    """Answers everything, and notes what for."""

    def __init__(self, seen, body=b"by proxy"):
        super().__init__()
        self.seen, self.body = seen, body

    def get(self, path, default=None):
        self.seen.append(path)
        return self.body


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


class Files(Tree):
    def test_the_same_tree_as_a_first_boot(self):
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 9000), "/tail": b"tail\n"})
        sections = self.everything(url)
        self.fill()
        self.apply(sections)  # ignition -stage=files
        want = listing(self.root, ())
        self.assertIn(JOURNAL, want)
        self.assertIn(RESULT, want)
        self.new_root("image")
        self.fill()
        out = self.good(self.config("3.6.0", **sections))
        self.assertEqual(listing(self.root, ()), {k: v for k, v in want.items() if k not in (JOURNAL, RESULT)})
        self.assertIn(f'createFilesystemsFiles: createFiles: op(1): [started]  creating directory "{self.root}/old"', out)
        self.assertNotIn("MESSAGE_ID", out)

    def test_no_trace(self):
        """Nothing but what the config says: no directory for notes, not a changed time."""
        for name in os.listdir(self.root):
            shutil.rmtree(self.at(name))
        self.good(self.config(storage={"files": [FILE]}))
        self.assertEqual(sorted(listing(self.root, ())), ["opt", "opt/a"])
        os.utime(self.root, (1, 1))
        self.good(self.config())
        self.good(self.config(storage={"directories": [{"path": "/opt"}]}))
        self.assertEqual(os.stat(self.root).st_mtime, 1)

    def test_again(self):
        """As upstream: the second time finds the files in its way, and appends once more."""
        one = self.config(storage={"files": [FILE]}, name="one")
        self.good(one)
        self.bad("failed to apply: running stage 'files': failed to create files: file \"/opt/a\": "
                 "A file exists there already and overwrite is false", one)
        rest = self.config(name="rest", storage={
            "files": [{**FILE, "overwrite": True}, {"path": "/log", "append": [{"source": data("line\n")}]},
                      {"path": "/empty", "mode": 0o600}],
            "directories": [{"path": "/d"}], "links": [{"path": "/l", "target": "d"},
                                                       {"path": "/h", "target": "/opt/a", "hard": True, "overwrite": True}]},
            systemd=UNITS["systemd"])
        self.good(rest)
        before = listing(self.root, ())
        self.good(rest)
        after = listing(self.root, ())
        self.assertEqual(self.read("log"), "line\nline\n")
        self.assertEqual({**before, "log": 0}, {**after, "log": 0})

    def test_below_links_of_the_config(self):
        """What is behind a link that the config itself makes is not replaced unasked, nor an obstacle for a re-run."""
        os.symlink("var", self.at("v"))
        below = {"files": [{"path": "/v/l/x", "contents": {"source": "data:,new"}}],
                 "links": [{"path": "/var/l", "target": "../opt"}]}
        self.put("opt/x", "old")
        refused = 'failed to create files: file "/v/l/x": A file exists there already and overwrite is false'
        self.bad("failed to apply: running stage 'files': " + refused, self.config(storage=below))
        # A merged config is not checked again, so a file may stand below a link without a detour, too.
        links = {"ignition": {"version": "3.0.0"}, "storage": {"links": [{"path": "/l", "target": "opt"}]}}
        merge = {"config": {"merge": [{"source": data(json.dumps(links))}]}}
        self.bad(re.compile(r'file "/l/x": A file exists there already'), self.config(ignition=merge, storage={
            "files": [{"path": "/l/x", "contents": {"source": "data:,new"}}]}))
        self.bad(re.compile("another entry with path /l/y also resolves there"), self.config(
            ignition=merge, storage={"files": [{"path": "/l/y"}, {"path": "/opt/y"}]}))
        self.new_root("empty")
        os.symlink("var", self.at("v"))
        for _ in range(2):
            self.apply({"storage": below})
        self.assertEqual(self.read("opt/x"), "new")
        self.assertEqual(os.readlink(self.at("var/l")), "../opt")

    def test_a_boot_s_notes_are_left_alone(self):
        self.apply({"storage": {"files": [{"path": "/boot-made", "contents": {"source": "data:,b"}}]}})
        with open(self.at(JOURNAL), "rb") as f:
            notes = f.read()
        self.good(self.config(storage={"files": [FILE]}))
        with open(self.at(JOURNAL), "rb") as f:
            self.assertEqual(f.read(), notes)
        self.bad(re.compile("A file exists there already"), self.config(storage={"files": [
            {"path": "/boot-made", "contents": {"source": "data:,b"}}]}))

    def test_hostile(self):
        outside = os.path.join(self.dir, "outside")
        os.mkdir(outside)
        with open(outside + "/file", "w", encoding="ascii") as f:
            f.write("untouched")
        up = "../" * 20 + outside.lstrip("/")
        os.symlink(outside, self.at("abs"))
        os.symlink(up, self.at("rel"))
        os.symlink("/proc/self/root", self.at("magic"))
        os.symlink("/proc/self/cwd", self.at("cwd"))
        os.symlink(outside + "/file", self.at("file"))
        os.symlink(outside + "/file", self.at(NOTES))
        os.rename(self.at("etc"), self.at("real-etc"))
        os.symlink(up + "/etc", self.at("etc"))
        self.good(self.config(storage={
            "files": [{"path": f"/{n}/x", "contents": {"source": "data:,x"}} for n in ("abs", "rel/sub", "magic", "cwd")] +
                     [{"path": "/file", "overwrite": True, "contents": {"source": "data:,mine"}}],
            "directories": [{"path": "/abs/d", "mode": 0o777}],
            "links": [{"path": "/rel/l", "target": "/"}, {"path": "/rel/h", "target": "/rel/sub/x", "hard": True}]},
            systemd=UNITS["systemd"]))
        self.assertEqual(listing(outside, ()), {"file": ["-rw-------", 0, 0, b"untouched", 1]})
        self.assertEqual(self.read("file"), "mine")
        self.assertEqual(self.read(outside.lstrip("/") + "/etc/systemd/system/a.service"),
                         "[Install]\nWantedBy=multi-user.target\n")
        self.assertEqual(sorted(os.listdir(self.dir)), ["config.ign", "outside", "root"])
        for config, words in [({"storage": {"files": [{"path": "/../../x"}]}}, "couldn't parse config"),
                              ({"systemd": {"units": [{"name": "../../../x.service", "contents": "[Unit]\n"}]}}, "unit")]:
            self.bad(re.compile(words), self.config(**config))
        os.symlink("loop", self.at("loop"))
        self.bad(re.compile("more than 40 symbolic links"), self.config(storage={"files": [{"path": "/loop/x"}]}))

    def test_what_is_mounted_is_not_emptied(self):
        """A cache or secret that the engine mounts below a replaced directory is not the image's."""
        out = os.path.join(self.dir, "a cache")
        os.mkdir(out)
        self.put("../a cache/keep", "")
        for place, config in [
                ("opt/d/sub/m", {"storage": {"directories": [{"path": "/opt/d", "overwrite": True}]}}),
                ("opt/d/sub/m", {"storage": {"files": [{"path": "/opt/d", "overwrite": True,
                                                        "contents": {"source": "data:,x"}}]}}),
                ("opt/d/a b", {"storage": {"links": [{"path": "/opt/d", "target": "x", "overwrite": True}]}}),
                ("etc/systemd/system/q.service/m", {"systemd": {"units": [{"name": "q.service", "mask": True}]}})]:
            os.makedirs(self.at(place), exist_ok=True)
            subprocess.run(["mount", "--bind", out, self.at(place)], check=True)
            try:
                if "storage" in config:
                    self.bad(re.compile(f"it cannot be replaced: something is mounted on {self.at(place)}$"),
                             self.config(**config))
                else:  # found when it is its turn, by the removal itself
                    done = self.run_apply("--root", self.root, self.config(**config))
                    self.assertRegex(last(done), "removing /etc/systemd/system/q.service: Device or resource busy$")
                self.assertEqual(os.listdir(out), ["keep"])
                self.put("opt/dd/x", "")
                self.good(self.config(storage={"directories": [{"path": "/opt/dd", "overwrite": True}]}))
            finally:
                subprocess.run(["umount", self.at(place)], check=True)

    def test_on_layers(self):
        """An image is an overlay: what a lower layer holds is replaced, appended to and linked to without touching it."""
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 9000), "/tail": b"tail\n"})
        sections = self.everything(url)
        sections["storage"]["links"].append({"path": "/srv/passwd", "target": "/etc/passwd", "hard": True})
        sections["storage"]["files"].append({"path": "/etc/group", "overwrite": True, "contents": {"source": "data:,g"}})
        config = self.config("3.6.0", **sections)
        self.fill()
        lower = self.root
        self.root = os.path.join(self.dir, "merged")
        for name in "merged", "upper", "work":
            os.mkdir(os.path.join(self.dir, name), 0o755)
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={self.dir}/upper,"
                               f"workdir={self.dir}/work", self.root], stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            self.skipTest("no overlay file system here")
        try:
            before = listing(lower, ())
            self.good(config)
            found = listing(self.root, ())
            self.assertEqual(listing(lower, ()), before)
            self.assertTrue(os.path.samefile(self.at("srv/passwd"), self.at("etc/passwd")))
        finally:
            subprocess.run(["umount", self.root], check=True)
        self.new_root("flat")
        self.fill()
        self.good(config)
        self.assertEqual(listing(self.root, ()), found)


class Interrupted(Tree):
    def test_killed(self):
        """At random instants of its writing; the next run ends as if nothing had happened."""
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 90000), "/tail": b"tail\n"})
        sections = self.everything(url)
        sections["storage"]["files"] += [{"path": f"/m/{i}", "contents": {"source": data(f"{i}\n" * 3000)}}
                                         for i in range(80)]
        config = self.config(**sections)
        self.fill()
        self.good(config)
        want = listing(self.root, ())
        seed = int(os.environ.get("HEARTH_TEST_SEED", "1"))
        print(f"HEARTH_TEST_SEED={seed}", flush=True)
        rng = random.Random(seed)
        halfway, longest = 0, 0.05
        for i in range(200):
            self.new_root(f"killed-{i}")
            self.fill()
            child = subprocess.Popen([APPLY, "--root", self.root, config], env={"container": "x"},
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not os.path.exists(self.at(NOTES)) and child.poll() is None:
                time.sleep(0.0005)
            time.sleep(rng.random() * longest)
            child.kill()
            child.wait()
            if os.path.exists(self.at(NOTES)):
                halfway += 1
                self.good(config)
            else:  # after its end, or what was its end but for leaving
                longest *= 0.8
            self.assertEqual(listing(self.root, ()), want)
            shutil.rmtree(self.root)
            if halfway == 12:
                break
        self.assertEqual(halfway, 12)

    def test_full(self):
        """What a failed run made is ours, also for a corrected config; the notes go with the run that succeeds."""
        os.mkdir(self.at("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.at("small")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.at("small")], check=True)
        self.put("log", "x")
        adds = {"path": "/log", "append": [{"source": data("y")}]}
        big = {"path": "/small/z", "contents": {"source": data(os.urandom(200_000))}}
        done = self.run_apply("--root", self.root, self.config(storage={"files": [FILE, adds, big]}))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last(done), "^CRITICAL : failed to apply: running stage 'files': .*/small/z.*No space left on")
        self.assertTrue(os.path.exists(self.at(NOTES)))
        self.assertEqual(os.stat(self.at(NOTES)).st_mode & 0o777, 0o600)
        self.good(self.config(storage={"files": [FILE, adds]}))
        self.assertEqual((self.read("opt/a"), self.read("log")), ("a", "xy"))
        self.assertEqual(os.listdir(self.at("small")), [])


    def test_notes_outlive_other_configs(self):
        """What a failed run appended is known until a run succeeds, also when another config fails in between."""
        os.mkdir(self.at("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.at("small")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.at("small")], check=True)
        self.put("log", "x")
        adds = {"path": "/log", "append": [{"source": data("y")}]}
        big = {"path": "/small/big/z", "contents": {"source": data(os.urandom(200_000))}}
        for files in [adds, big], [big]:
            done = self.run_apply("--root", self.root, self.config(storage={"files": files}))
            self.assertEqual(done.returncode, 1)
            self.assertRegex(last(done), "No space left on device$")
        self.assertEqual(self.read("log"), "xy")
        self.good(self.config(storage={"files": [adds]}))
        self.assertEqual(self.read("log"), "xy")
        # With nothing but an append in them, they go as well.
        self.put("small/log", "x")
        done = self.run_apply("--root", self.root, self.config(storage={"files": [
            {"path": "/small/log", "append": [{"source": data(os.urandom(200_000))}]}]}))
        self.assertTrue(os.path.exists(self.at(NOTES)), done.stdout)
        self.good(self.config())


class Unprivileged(Apply):
    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o755)
        self.program = shutil.copy(APPLY, self.dir)  # the build may be where nobody may look
        for folder, dirs, files in os.walk(self.root):
            for name in [".", *dirs, *files]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)
        self.umask = os.umask(0o022)  # the configs are read by nobody
        self.addCleanup(os.umask, self.umask)

    def as_nobody(self):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    def rootless(self, *more):
        """Root of a user namespace in which nothing else is mapped, as in a container that a user builds."""
        under = ["unshare", "-Ur", *more]
        if subprocess.run([*under, "true"], preexec_fn=self.as_nobody, stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no user namespaces for users here")
        return {"under": under, "preexec_fn": self.as_nobody}

    SECTIONS = {"storage": {"files": [FILE, {"path": "/o", "user": {"id": 0}, "group": {"name": "root"}, "mode": 0o750}],
                            "directories": [{"path": "/d", "user": {"name": "root"}}],
                            "links": [{"path": "/l", "target": "d", "user": {"id": 0}}]},
                "systemd": UNITS["systemd"]}

    def test_root_of_a_namespace(self):
        kw = self.rootless()
        self.good(self.config(**self.SECTIONS), **kw)
        self.assertEqual({v[1] for v in listing(self.root, ()).values()}, {NOBODY})
        self.assertEqual(os.stat(self.at("o")).st_mode & 0o777, 0o750)
        self.assertEqual(self.read("etc/systemd/system-preset/20-ignition.preset").splitlines()[0], "enable a.service")
        for owner, why in [({"user": {"id": 4242}}, "user id 4242 is not mapped in this user namespace: give the build "
                            "more ids (/etc/subuid), or run it as root"),
                           ({"group": {"id": 4242}}, "group id 4242 is not mapped in this user namespace: give the "
                            "build more ids (/etc/subgid), or run it as root"),
                           ({"user": {"name": "daemon"}}, "user id 1 is not mapped in this user namespace: give the "
                            "build more ids (/etc/subuid), or run it as root")]:
            config = self.config(storage={"files": [{"path": "/first"}, {"path": "/owned", **owner}]})
            self.bad("failed to apply: running stage 'files': failed to create files: file \"/owned\": " + why, config,
                     **kw)

    def test_no_root_at_all(self):
        sections = {**self.SECTIONS, "storage": {"files": [FILE]}}
        self.good(self.config(**sections), preexec_fn=self.as_nobody)
        self.assertEqual({v[1] for v in listing(self.root, ()).values()}, {NOBODY})
        done = self.run_apply("--root", self.root, self.config(storage={"files": [{"path": "/z", "user": {"id": 0}}]}),
                              preexec_fn=self.as_nobody)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(last(done), "/z: changing the owner: Operation not permitted$")


BOX = r"""
set -e
box=$1 bin=$2 out=$3
shift 3
mount --make-rprivate /
mount --bind "$box" "$box"
for d in usr proc dev; do mkdir -p "$box/$d"; mount --rbind "/$d" "$box/$d"; done
for d in bin sbin lib lib32 lib64; do [ ! -L "/$d" ] || ln -sfn "usr/$d" "$box/$d"; done
for d in bin sbin lib lib64; do [ -L "/$d" ] || [ ! -d "/$d" ] || { mkdir -p "$box/$d"; mount --bind "/$d" "$box/$d"; }; done
mkdir -p "$box/hearth" "$box/in"
mount --bind "$bin" "$box/hearth"
mount --bind "$out" "$box/in"
exec chroot "$box" "$@"
"""


class Image(Apply):
    """In a root of its own, as a container engine gives one: "/" is the image."""

    def box(self, *args, **kw):
        """Runs in a chroot of a mount namespace; the image is self.root, the test's files are in /in."""
        env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **kw.pop("env", {})}
        given = os.path.join(self.dir, "in")
        os.makedirs(given, exist_ok=True)
        shutil.copy(self.config(storage={"files": [FILE, {"path": "/etc/new", "user": {"name": "daemon"}}]},
                                systemd=UNITS["systemd"]), given)
        return subprocess.run(["unshare", "-m", "sh", "-c", BOX, "sh", self.root, os.path.dirname(APPLY), given, *args],
                              env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                              check=False, **kw)

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.at("usr"))
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no mount namespaces here")

    RUN = ("/hearth/ignition-apply", "/in/config.ign")

    def is_applied(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(self.read("opt/a"), "a")
        self.assertEqual(os.stat(self.at("etc/new")).st_uid, 1)
        self.assertEqual(os.readlink(self.at("etc/systemd/system/m.service")), "/dev/null")
        self.assertFalse(os.path.lexists(self.at(NOTES)))
        self.assertIn('writing file "/opt/a"', done.stdout)

    def test_on_a_host(self):
        for env in {}, {"container": ""}:
            with self.subTest(env=env):
                before = listing(self.at("etc"))
                done = self.box(*self.RUN, env=env)
                self.assertEqual((done.returncode, last(done), done.stderr), (1, HOST, ""))
                self.assertEqual(listing(self.at("etc")), before)
                self.assertFalse(os.path.exists(self.at("opt")))
        # A config that is no good is said first.
        done = self.box("/hearth/ignition-apply", "/etc/passwd")
        self.assertEqual((done.returncode, last(done)), (1, "CRITICAL : couldn't parse config: config is not valid"))

    def test_told_by_the_environment(self):
        self.is_applied(self.box(*self.RUN, env={"container": "podman"}))

    def test_told_by_podman_s_file(self):
        self.put("run/.containerenv", "")
        self.is_applied(self.box(*self.RUN))

    def test_told_by_docker_s_file(self):
        self.put(".dockerenv", "")
        self.is_applied(self.box(*self.RUN))

    def test_without_proc(self):
        self.put(".dockerenv", "")
        url = self.serve({"/x": b"remote"})
        self.box("/bin/true")  # makes /in
        path = self.config(storage={"files": [{"path": "/r", "contents": {"source": url + "/x"}}]}, name="in/remote.ign")
        self.assertTrue(os.path.exists(path))
        done = self.box("sh", "-c", "umount -l /proc && exec /hearth/ignition-apply /in/remote.ign")
        self.assertEqual(last(done), "INFO     : Ignition finished successfully")
        if "ASAN_OPTIONS" not in os.environ:  # it looks for leaks through /proc, and for its options too
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("r"), "remote")

    def test_a_file_of_the_engine(self):
        """/etc/hosts and the like are mounted while an image is built: nobody can replace them."""
        self.put(".dockerenv", "")
        self.put("etc/hosts", "of the image\n")
        self.box("/bin/true")
        self.config(storage={"files": [{"path": "/etc/hosts", "overwrite": True, "contents": {"source": "data:,x"}}]},
                    name="in/hosts.ign")
        done = self.box("sh", "-c", "echo engine > /in/hosts && mount --bind /in/hosts /etc/hosts && "
                        "exec /hearth/ignition-apply /in/hosts.ign")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(last(done), "CRITICAL : failed to apply: running stage 'files': failed to create files: "
                         'file "/etc/hosts": it is a mount point, which cannot be replaced')
        self.assertEqual(self.read("etc/hosts"), "of the image\n")


if __name__ == "__main__":
    main()
