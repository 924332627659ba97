"""The files stage on a small Debian-like tree: what it makes and what it refuses."""
import fcntl
import gzip
import json
import os
import re
import resource
import shutil
import subprocess
import time
import unittest

from files_stage import Case, PASSWD, RESULT, UNITS, data, listing, main, sha512


class Storage(Case):
    def test_everything(self):
        os.symlink("var/home", self.at("home2"))  # dangling, as on image-based systems
        self.put("etc/motd", "hello\n")
        big = b"line\n" * 100000
        url = self.serve({"/big.gz": gzip.compress(big), "/tail": b"tail\n"})
        config = {"storage": {
            "directories": [{"path": "/srv/d", "mode": 0o1770, "user": {"id": 7}, "group": {"name": "daemon"}},
                            {"path": "/srv/deep/er/d"}],
            "files": [
                {"path": "/srv/d/plain", "contents": {"source": "data:,a%20b"}},
                {"path": "/srv/suid", "contents": {"source": data("#!"), }, "mode": 0o4755, "user": {"name": "daemon"}},
                {"path": "/srv/empty"},
                {"path": "/srv/zero", "contents": {"source": ""}, "mode": 0},
                {"path": "/srv/big", "contents": {"source": url + "/big.gz", "compression": "gzip",
                                                  "verification": {"hash": sha512(big)}}},
                {"path": "/srv/mixed", "contents": {"source": data("one\n")},
                 "append": [{"source": url + "/tail"}, {"source": data("three\n")}]},
                {"path": "/etc/motd", "append": [{"source": data("more\n")}, {"source": url + "/tail"}], "mode": 0o640},
                {"path": "/etc/issue", "append": [{"source": data("new\n")}]},
                {"path": "/home2/x/file", "contents": {"source": data("via link\n")}},
            ],
            "links": [{"path": "/srv/sym", "target": "../etc/motd", "user": {"id": 12}},
                      {"path": "/srv/hard", "target": "/srv/d/plain", "hard": True},
                      {"path": "/srv/d/hardsym", "target": "/srv/sym", "hard": True},
                      {"path": "/srv/way", "target": "d"},
                      {"path": "/srv/through", "target": "/srv/way/plain", "hard": True}]}}
        out = self.apply(config)
        self.assertIn(f'files: createFilesystemsFiles: createFiles: op(', out)
        self.assertIn(f'[finished] writing file "{self.root}/srv/big"', out)
        self.assertIn(f'[finished] writing link "{self.root}/srv/hard" -> "/srv/d/plain"', out)
        self.assertTrue(os.path.samefile(self.at("srv/through"), self.at("srv/d/plain")))
        for _ in range(2):
            st = os.stat(self.at("srv/d"))
            self.assertEqual((st.st_mode & 0o7777, st.st_uid, st.st_gid), (0o1770, 7, 1))
            self.assertEqual(os.stat(self.at("srv")).st_mode & 0o7777, 0o755)
            self.assertEqual(self.read("srv/d/plain"), "a b")
            self.assertEqual(os.stat(self.at("srv/d/plain")).st_mode & 0o7777, 0o644)
            st = os.stat(self.at("srv/suid"))
            self.assertEqual((st.st_mode & 0o7777, st.st_uid), (0o4755, 1))
            self.assertEqual(os.path.getsize(self.at("srv/empty")), 0)
            self.assertEqual(os.stat(self.at("srv/zero")).st_mode & 0o7777, 0)
            self.assertEqual(self.read("srv/big").encode(), big)
            self.assertEqual(os.stat(self.at("srv/big")).st_mode & 0o7777, 0o644)
            self.assertEqual(self.read("srv/mixed"), "one\ntail\nthree\n")
            self.assertEqual(self.read("etc/motd"), "hello\nmore\ntail\n")
            self.assertEqual(os.stat(self.at("etc/motd")).st_mode & 0o7777, 0o640)
            self.assertEqual(self.read("etc/issue"), "new\n")
            self.assertEqual(self.read("var/home/x/file"), "via link\n")
            self.assertEqual(os.readlink(self.at("srv/sym")), "../etc/motd")
            self.assertEqual(os.lstat(self.at("srv/sym")).st_uid, 12)
            self.assertTrue(os.path.samefile(self.at("srv/hard"), self.at("srv/d/plain")))
            self.assertTrue(os.path.islink(self.at("srv/d/hardsym")))
            self.assertEqual([p for p in listing(self.root) if ".tmp" in p or ".hearth" in p], [])
            # The same again: nothing is refused, nothing is appended twice.
            self.apply(config)

    def test_overwrite(self):
        self.put("a/tree/x", "old")
        self.put("b", "old", 0o600)
        os.symlink("/etc/passwd", self.at("c"))
        self.put("kept/inside", "kept")
        self.put("etc/conf.d", "a file where a directory is wanted")
        os.chown(self.at("b"), 5, 5)
        self.apply({"storage": {
            "directories": [{"path": "/a", "overwrite": True}, {"path": "/kept", "mode": 0o700},
                            {"path": "/etc/conf.d", "overwrite": True}],
            "files": [{"path": "/b", "overwrite": True, "contents": {"source": data("new")}},
                      {"path": "/a/tree", "contents": {"source": data("now a file")}},
                      {"path": "/etc/conf.d/x", "contents": {"source": data("x")}}],
            "links": [{"path": "/c", "overwrite": True, "target": "/b"}]}})
        self.assertEqual(self.read("a/tree"), "now a file")
        self.assertEqual(self.read("b"), "new")
        st = os.stat(self.at("b"))
        self.assertEqual((st.st_mode & 0o7777, st.st_uid, st.st_gid), (0o644, 0, 0))
        self.assertEqual(os.readlink(self.at("c")), "/b")
        self.assertEqual(self.read("etc/passwd"), PASSWD)
        self.assertEqual(self.read("kept/inside"), "kept")
        self.assertEqual(os.stat(self.at("kept")).st_mode & 0o7777, 0o700)
        self.assertEqual(self.read("etc/conf.d/x"), "x")

    def test_existing_kept(self):
        self.put("keep", "kept", 0o600)
        os.chown(self.at("keep"), 9, 9)
        os.symlink("etc//./passwd", self.at("same"))
        self.apply({"storage": {"files": [{"path": "/keep", "user": {"id": 3}}],
                                "links": [{"path": "/same", "target": "etc/passwd"}]}})
        st = os.stat(self.at("keep"))
        self.assertEqual((self.read("keep"), st.st_mode & 0o7777, st.st_uid, st.st_gid), ("kept", 0o600, 3, 9))
        self.assertEqual(os.readlink(self.at("same")), "etc//./passwd")

    def test_refusals(self):
        self.put("file", "x")
        self.put("dir/x", "x")
        os.symlink("a", self.at("sym"))
        os.symlink("dir", self.at("alias"))
        os.mkfifo(self.at("fifo"))
        url = self.serve({"/ok": b"ok", "/notgzip": b"plain"})
        ok = {"source": url + "/ok"}
        files = [
            ({"path": "/file", "contents": {"source": data("x")}}, "A file exists there already and overwrite is false"),
            ({"path": "/dir"}, "A non regular file exists there already and overwrite is false"),
            ({"path": "/new", "user": {"id": -1}}, 'file "/new": -1 is not a user id'),
            ({"path": "/new", "group": {"id": 2**32 - 1}}, 'file "/new": 4294967295 is not a group id'),
            ({"path": "/fifo", "append": [ok]}, "A non regular file exists there already and overwrite is false"),
            ({"path": "/file/x"}, "/file is not a directory"),
            ({"path": "/new", "user": {"name": "nobody-here"}}, 'no such user "nobody-here"'),
            ({"path": "/new", "group": {"name": "none-here"}}, 'no such group "none-here"'),
            ({"path": "/new", "contents": {"source": url + "/absent"}}, "resource not found"),
            ({"path": "/new", "contents": {**ok, "verification": {"hash": sha512(b"other")}}}, "/ok"),
            ({"path": "/new", "contents": {"source": url + "/notgzip", "compression": "gzip"}}, "/notgzip"),
            ({"path": "/new", "contents": {"source": data("x"), "verification": {"hash": sha512(b"y")}}}, '"/new"'),
            ({"path": "/new", "append": [ok, {"source": url + "/absent"}]}, "resource not found"),
        ]
        for file, words in files:
            with self.subTest(words=words, file=file):
                first = {"path": "/first", "contents": {"source": data("must not appear")}}
                self.refuse({"storage": {"files": [first, file]},
                             "passwd": {"users": [{"name": "early"}]}}, words)
        for other, words in [
            ({"directories": [{"path": "/file"}]}, "A non-directory already exists and overwrite is false"),
            ({"links": [{"path": "/sym", "target": "b"}]},
             "a symlink exists at that path but points to a, not b and overwrite is false"),
            ({"links": [{"path": "/file", "target": "b"}]}, "overwrite is false"),
            ({"links": [{"path": "/h", "target": "/none", "hard": True}]}, "hard link target /none does not exist"),
            ({"links": [{"path": "/h", "target": "/dir", "hard": True}]}, "hard link target /dir is a directory"),
            ({"links": [{"path": "/file", "target": "/dir/x", "hard": True}]}, "is not the target"),
            ({"files": [{"path": "/dir/n"}, {"path": "/alias/n"}]},
             "file at /alias/n resolved to /dir/n after symlink chasing, but another entry with path /dir/n also "
             "resolves there"),
            ({"files": [{"path": "/p"}, {"path": "/p/q"}]}, "its parent /p is a file of this config"),
        ]:
            with self.subTest(words=words):
                self.refuse({"storage": other}, words)
        self.refuse({"systemd": {"units": [{"name": "../../x.service", "contents": "[Unit]"}]}}, "systemd.units[0]")
        self.refuse({"storage": {"luks": [{"name": "x", "device": "/dev/x"}]}}, "storage.luks")

    def test_no_way_out(self):
        outside = os.path.join(self.dir, "outside")
        os.mkdir(outside)
        os.symlink(outside, self.at("abs"))
        os.symlink("../" * 20 + outside.lstrip("/"), self.at("rel"))
        os.symlink("/proc/self/root", self.at("magic"))
        os.symlink("loop", self.at("loop"))
        self.apply({"storage": {"files": [{"path": "/rel/one", "contents": {"source": data("1")}},
                                          {"path": "/abs/two", "contents": {"source": data("2")}},
                                          {"path": "/magic/three", "contents": {"source": data("3")}}],
                                "links": [{"path": "/hard", "target": "/etc/passwd", "hard": True}]}})
        self.assertEqual(os.listdir(outside), [])
        self.assertEqual(self.read(outside.lstrip("/") + "/one"), "1")
        self.assertEqual(self.read(outside.lstrip("/") + "/two"), "2")
        self.assertEqual(self.read("proc/self/root/three"), "3")
        self.assertTrue(os.path.samefile(self.at("hard"), self.at("etc/passwd")))
        self.refuse({"storage": {"files": [{"path": "/loop/x"}]}}, "more than 40 symbolic links")

    def test_full_disk(self):
        os.mkdir(self.at("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", self.at("small")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.at("small")], check=True)
        self.put("small/log", "start\n")
        body = os.urandom(600_000)
        url = self.serve({"/body": body})
        self.refuse({"storage": {"files": [{"path": "/small/a", "contents": {"source": url + "/body"}}]}},
                    "No space left on device")
        for file in ({"path": "/small/a", "contents": {"source": data(body)}},
                     {"path": "/small/log", "append": [{"source": data("first\n")}, {"source": data(body)}]}):
            done = self.run_stage({"storage": {"files": [file]}})
            self.assertEqual(done.returncode, 1)
            self.assertIn("No space left on device", done.stderr)
            self.assertIn(file["path"], done.stderr)
            self.assertEqual(os.listdir(self.at("small")), ["log"])
            self.assertEqual(self.read("small/log"), "start\n")

    @unittest.skipUnless(shutil.which("mkfs.vfat", path="/usr/sbin:/usr/bin"), "no mkfs.vfat here")
    def test_vfat(self):
        """No owners, no nameless files, no links: an EFI system partition."""
        image = os.path.join(self.dir, "vfat")
        with open(image, "wb") as f:
            f.truncate(4 << 20)
        subprocess.run(["mkfs.vfat", image], check=True, stdout=subprocess.DEVNULL)
        os.mkdir(self.at("efi"))
        if subprocess.run(["mount", "-o", "loop", image, self.at("efi")], check=False).returncode:
            self.skipTest("no loop device or no vfat in this kernel")
        self.addCleanup(subprocess.run, ["umount", self.at("efi")], check=True)
        url = self.serve({"/body": b"remote"})
        config = {"storage": {"files": [{"path": "/efi/a/b", "contents": {"source": url + "/body"}},
                                        {"path": "/efi/c", "contents": {"source": data("inline")}}]}}
        for _ in range(2):
            self.apply(config)
            self.assertEqual((self.read("efi/a/b"), self.read("efi/c")), ("remote", "inline"))
            self.assertEqual(sorted(os.listdir(self.at("efi"))), ["a", "c"])
            self.assertEqual(os.listdir(self.at("efi/a")), ["b"])

    def test_more_files_than_descriptors(self):
        url = self.serve({f"/{i}": str(i).encode() for i in range(400)})
        files = [{"path": f"/m/{i}", "contents": {"source": f"{url}/{i}"}} for i in range(400)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for limit, n in (100, 400), (32, 60):
            self.new_root(f"limit-{limit}")
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try:
                self.apply({"storage": {"files": files[:n]}})
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            self.assertEqual([self.read(f"m/{i}") for i in range(n)], [str(i) for i in range(n)])

    def test_two_runs_at_once(self):
        config = {"storage": {"files": [{"path": "/a", "contents": {"source": "data:,a"}}]}}
        with_lock = os.open(self.root, os.O_RDONLY)
        fcntl.flock(with_lock, fcntl.LOCK_EX)
        self.refuse(config, "another run is writing to")
        os.close(with_lock)
        self.apply(config)
        self.assertEqual(self.read("a"), "a")

    def test_a_corrected_config(self):
        """What a failed run made may be replaced by the next; what a finished run made may not, by another config."""
        os.mkdir(self.at("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.at("small")], check=True)
        self.addCleanup(subprocess.run, ["umount", self.at("small")], check=True)
        self.put("log", "x")
        early = {"path": "/a", "contents": {"source": data("early")}}
        failing = {"path": "/small/z", "contents": {"source": data(os.urandom(200_000))}}
        adds = {"path": "/log", "append": [{"source": data("wrong")}]}
        done = self.run_stage({"storage": {"files": [early, adds, failing]}})
        self.assertEqual(done.returncode, 1)
        self.assertEqual((self.read("a"), self.read("log")), ("early", "xwrong"))
        fixed = {**early, "contents": {"source": data("fixed")}}
        adds = {"path": "/log", "append": [{"source": data("right")}]}
        self.apply({"storage": {"files": [fixed, adds]}})
        self.assertEqual((self.read("a"), self.read("log")), ("fixed", "xright"))
        self.refuse({"storage": {"files": [early]}}, "A file exists there already and overwrite is false")

    def test_many_files(self):
        files = [{"path": f"/m/{i % 50}/{i}", "contents": {"source": data(str(i) * 50)}} for i in range(3000)]
        start = time.monotonic()
        self.apply({"storage": {"files": files}})
        took = time.monotonic() - start
        self.assertEqual(len([1 for p in listing(self.root) if re.match(r"m/\d+/\d+$", p)]), 3000)
        self.assertLess(took, 60)  # it takes one; a step that reads all the others for each file takes minutes


class Systemd(Case):


    def test_units(self):
        base = "etc/systemd/system/"
        os.makedirs(self.at(base + "multi-user.target.wants"))
        os.makedirs(self.at(base + "x.target.requires"))
        os.symlink("/dev/null", self.at(base + "u.service"))
        os.symlink("/usr/lib/systemd/system/off.service", self.at(base + "alias.service"))
        os.symlink("/usr/lib/systemd/system/off.service", self.at(base + "multi-user.target.wants/off.service"))
        os.symlink("/usr/lib/systemd/system/d@.service", self.at(base + "x.target.requires/d@1.service"))
        os.symlink("/usr/lib/systemd/system/d@.service", self.at(base + "x.target.requires/d@2.service"))
        self.put("etc/systemd/system-preset/20-ignition.preset", "enable earlier.service")
        for _ in range(2):
            out = self.apply(UNITS)
            self.assertEqual(self.read(base + "a.service"), "[Install]\nWantedBy=multi-user.target\n")
            self.assertEqual(self.read(base + "a.service.d/10-x.conf"), "[Service]\n")
            self.assertEqual(self.read(base + "a.service.d/20-empty.conf"), "")
            self.assertEqual(sorted(os.listdir(self.at(base + "a.service.d"))), ["10-x.conf", "20-empty.conf"])
            self.assertEqual(os.readlink(self.at(base + "m.service")), "/dev/null")
            self.assertFalse(os.path.lexists(self.at(base + "u.service")))
            self.assertFalse(os.path.lexists(self.at(base + "alias.service")))
            self.assertEqual(os.listdir(self.at(base + "multi-user.target.wants")), [])
            self.assertEqual(os.listdir(self.at(base + "x.target.requires")), ["d@2.service"])
            self.assertEqual(self.read("etc/systemd/system-preset/20-ignition.preset"),
                             "enable earlier.service\nenable a.service\ndisable d@.service 1\n"
                             "enable e@.service two one\ndisable off.service\n")
        self.assertRegex(out, r'files: op\(\w+\): op\(\w+\): \[started\]  writing unit "a.service" at')

    def test_names(self):
        dropin = {"name": "two words.conf", "contents": "[Unit]\n"}
        self.apply({"systemd": {"units": [{"name": "a.service", "dropins": [dropin]}]}})
        self.assertEqual(self.read("etc/systemd/system/a.service.d/two words.conf"), "[Unit]\n")
        for unit, words in [
                ({"name": "a b.service", "enabled": True}, 'unit name "a b.service" contains white space'),
                ({"name": "a/b.service", "enabled": True}, 'unit name "a/b.service" cannot be the name of a file'),
                ({"name": "a.service", "dropins": [{**dropin, "name": "../x.conf"}]}, 'drop-in name "../x.conf"')]:
            self.refuse({"systemd": {"units": [unit]}}, words)

    def test_what_is_in_the_way(self):
        config = {**UNITS, "storage": {"directories": [{"path": "/first"}]}}
        for name, is_dir, words in [
                ("etc/systemd", False, "systemd.units[0]: /etc/systemd/system/a.service.d/10-x.conf: /etc/systemd is not"),
                ("etc/systemd/system/a.service.d", False, "a.service.d is not a directory"),
                ("etc/systemd/system/a.service", True, "systemd.units[0]: /etc/systemd/system/a.service is a directory"),
                ("etc/systemd/system/a.service.d/20-empty.conf", True, "20-empty.conf is a directory in the target"),
                ("etc/systemd/system-preset/20-ignition.preset", True, "20-ignition.preset: not a regular file")]:
            with self.subTest(name):
                self.new_root("root-" + name.replace("/", "-"))
                os.makedirs(self.at(name)) if is_dir else self.put(name, "")
                self.refuse(config, words)
        config["storage"]["directories"] = [{"path": "/etc/systemd", "overwrite": True}]
        self.apply(config)
        self.assertEqual(self.read("etc/systemd/system/a.service.d/10-x.conf"), "[Service]\n")


class Result(Case):
    def test_result(self):
        self.apply({})
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            boot_id = f.read().strip()
        text = self.read(RESULT)
        first = json.loads(text)
        self.assertEqual(os.stat(self.at(RESULT)).st_mode & 0o7777, 0o600)
        self.assertEqual(text, '{\n  "provisioningBootID": "%s",\n  "provisioningDate": "%s",\n'
                         '  "userConfigProvided": true\n}\n' % (boot_id, first["provisioningDate"]))
        self.assertRegex(first["provisioningDate"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$")
        out = self.apply({})
        self.assertIn("WARNING  : files: Ignition has already run on this system.", out)
        second = json.loads(self.read(RESULT))
        self.assertEqual(second["previousReport"], first)
        self.assertIn('\n  "previousReport": {\n    "provisioningBootID": ', self.read(RESULT))
        live = os.path.join(self.dir, "bin")
        os.mkdir(live)
        with open(os.path.join(live, "is-live-image"), "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexit 0\n")
        os.chmod(f.name, 0o755)
        out = self.apply({}, PATH=live + ":/usr/bin:/bin")
        self.assertNotIn("already run", out)
        self.assertNotIn("previousReport", json.loads(self.read(RESULT)))
        self.put(RESULT, "{broken")
        self.refuse({}, "couldn't unmarshal previous report output")

    def test_selinux_warning(self):
        self.put("etc/selinux/config", "# x\nSELINUX=enforcing\n")
        self.assertIn("WARNING  : files: the target enforces SELinux", self.apply({}))


if __name__ == "__main__":
    main()
