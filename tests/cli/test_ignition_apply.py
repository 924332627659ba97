"""ignition-apply, as a line of a Containerfile runs it: what it refuses, fetches and makes, and what it leaves behind."""
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

from apply_case import APPLY, NOTES, FILE, last, Apply, Tree
from files_stage import DEADLINE, JOURNAL, PASSWD, RESULT, UNITS, data, listing, main, sha512


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


if __name__ == "__main__":
    main()
