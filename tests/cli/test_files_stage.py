"""The files stage on a small Debian-like tree: what it makes, what it refuses, and what survives being killed."""
import base64
import fcntl
import gzip
import hashlib
import http.server
import json
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

IGNITION = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition")
JOURNAL = "etc/.ignition-files.journal"
RESULT = "etc/.ignition-result.json"
HASH = "$6$saltsalt$" + "x" * 86

PASSWD = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndaemon:x:1:\nsudo:x:27:\ndocker:x:990:\n"


def data(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return "data:;base64," + base64.b64encode(raw).decode()


def sha512(raw):
    return "sha512-" + hashlib.sha512(raw).hexdigest()


class Server:
    """Answers from a dict path -> body on loopback."""

    def __init__(self, bodies):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = bodies.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *args: None  # clients that are killed or refuse the rest
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def listing(top, skip=(JOURNAL, RESULT)):
    """Path -> what it is. Inodes stand for hard links; times do not count."""
    out = {}
    for folder, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(folder, name)
            rel = os.path.relpath(path, top)
            st = os.lstat(path)
            if rel in skip:
                continue
            entry = [stat.filemode(st.st_mode), st.st_uid, st.st_gid]
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    entry += [f.read(), st.st_nlink]
            elif stat.S_ISLNK(st.st_mode):
                entry.append(os.readlink(path))
            out[rel] = entry
    return out


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        memory = "/dev/shm"  # syncing a busy disk would take most of the time
        self.dir = tempfile.mkdtemp(prefix="hearth-files-", dir=memory if os.access(memory, os.W_OK) else None)
        self.addCleanup(shutil.rmtree, self.dir)
        self.new_root()

    def new_root(self, name="root"):
        self.root = os.path.join(self.dir, name)
        for d in ("etc/skel", "home", "root", "usr/lib", "tmp", "var"):
            os.makedirs(self.at(d))
        self.put("etc/passwd", PASSWD)
        self.put("etc/group", GROUP)
        self.put("etc/shadow", "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n", 0o600)
        self.put("etc/gshadow", "root:*::\ndaemon:*::\nsudo:*::\ndocker:*::\n", 0o600)
        self.put("etc/subuid", "")
        self.put("etc/subgid", "")
        self.put("etc/skel/.bashrc", "# skel\n")
        self.put("etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\n")

    def at(self, *parts):
        return os.path.join(self.root, *parts)

    def put(self, name, text, mode=0o644):
        path = self.at(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.at(name), encoding="utf-8") as f:
            return f.read()

    def command(self, config):
        cache = {"ignition": {"config": {"replace": {"verification": {}}}, "proxy": {}, "security": {"tls": {}},
                              "timeouts": {}, "version": "3.7.0-experimental"},
                 "kernelArguments": {}, "passwd": {}, "storage": {}, "systemd": {}, **config}
        path = os.path.join(self.dir, "ignition.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(cache, f)
        state = os.path.join(self.dir, "state")
        with open(state, "w", encoding="utf-8") as f:
            json.dump({"fetchedConfigs": [{"kind": "user", "source": "file", "referenced": False}],
                       "notatedDirectories": getattr(self, "mounts", None)}, f)
        return [IGNITION, "-platform=metal", "-stage=files", "-root", self.root, "-config-cache", path,
                "-state-file", state, "-log-to-stdout"]

    def environment(self, **env):
        return {**os.environ, "IGNITION_SYSTEM_CONFIG_DIR": self.dir + "/none",
                "IGNITION_SYSTEM_LOCAL_CONFIG_DIR": self.dir + "/none",
                "IGNITION_SYSTEM_RUNTIME_CONFIG_DIR": self.dir + "/none",
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **env}

    def run_stage(self, config, **env):
        return subprocess.run(self.command(config), env=self.environment(**env), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    def apply(self, config, **env):
        done = self.run_stage(config, **env)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr)
        return done.stdout

    def refuse(self, config, words, **env):
        before = listing(self.root, ())
        done = self.run_stage(config, **env)
        self.assertEqual(done.returncode, 1, done.stdout[-3000:])
        self.assertIn(words, done.stderr)
        self.assertEqual(listing(self.root, ()), before, "something was written before the refusal")

    def serve(self, bodies):
        server = Server(bodies)
        self.addCleanup(server.close)
        return server.url


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
        self.assertLess(took, 20)


class Systemd(Case):
    CONFIG = {"systemd": {"units": [
        {"name": "a.service", "enabled": True, "contents": "[Install]\nWantedBy=multi-user.target\n",
         "dropins": [{"name": "10-x.conf", "contents": "[Service]\n"}, {"name": "20-empty.conf", "contents": ""},
                     {"name": "30-none.conf"}]},
        {"name": "e@two.service", "enabled": True}, {"name": "e@one.service", "enabled": True},
        {"name": "off.service", "enabled": False}, {"name": "d@1.service", "enabled": False},
        {"name": "m.service", "mask": True, "contents": "[Unit]\n"}, {"name": "u.service", "mask": False}]}}

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
            out = self.apply(self.CONFIG)
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
        config = {**self.CONFIG, "storage": {"directories": [{"path": "/first"}]}}
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


@unittest.skipUnless(shutil.which("useradd", path="/usr/sbin:/usr/bin"), "no shadow-utils here")
class Passwd(Case):
    CONFIG = {"passwd": {
        "groups": [{"name": "ops", "gid": 1500}, {"name": "sys1", "system": True}, {"name": "docker", "gid": 991},
                   {"name": "daemon2", "shouldExist": False}],
        "users": [{"name": "core", "passwordHash": HASH, "groups": ["sudo", "docker", "ops"], "gecos": "Core",
                   "sshAuthorizedKeys": ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]},
                  {"name": "svc", "system": True, "noCreateHome": True, "shell": "/usr/sbin/nologin", "uid": 800,
                   "primaryGroup": "ops"},
                  {"name": "daemon", "shell": "/bin/false"},
                  {"name": "gone", "shouldExist": False}]},
        "storage": {"files": [{"path": "/srv/owned", "user": {"name": "core"}, "group": {"name": "ops"}},
                              {"path": "/home/core/.bashrc", "contents": {"source": data("mine")},
                               "user": {"name": "core"}, "group": {"name": "core"}}]}}

    def fields(self, name, key):
        for line in self.read(name).splitlines():
            if line.split(":")[0] == key:
                return line.split(":")
        return None

    def check(self):
        core = self.fields("etc/passwd", "core")
        self.assertEqual(core[4:6], ["Core", "/home/core"])
        self.assertEqual(self.fields("etc/shadow", "core")[1], HASH)
        self.assertEqual(self.fields("etc/shadow", "svc")[1], "*")
        self.assertEqual(self.fields("etc/passwd", "svc")[2:4], ["800", "1500"])
        self.assertEqual(self.fields("etc/passwd", "daemon")[6], "/bin/false")
        self.assertIsNone(self.fields("etc/passwd", "gone"))
        self.assertEqual(self.fields("etc/group", "docker")[2:], ["991", "core"])
        for group in ("sudo", "ops"):
            self.assertIn("core", self.fields("etc/group", group)[3].split(","))
        uid = int(core[2])
        st = os.stat(self.at("srv/owned"))
        self.assertEqual((st.st_uid, st.st_gid), (uid, 1500))
        self.assertEqual(self.read("home/core/.bashrc"), "mine")
        for path, mode in (("home/core/.ssh", 0o700), ("home/core/.ssh/authorized_keys.d", 0o700),
                           ("home/core/.ssh/authorized_keys.d/ignition", 0o600)):
            st = os.stat(self.at(path))
            self.assertEqual((st.st_mode & 0o7777, st.st_uid, st.st_gid), (mode, uid, int(core[3])))
        self.assertEqual(self.read("home/core/.ssh/authorized_keys.d/ignition"),
                         "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n")

    def test_users(self):
        self.put("etc/passwd", PASSWD + "gone:x:1234:1234::/home/gone:/bin/sh\n")
        self.put("etc/group", GROUP + "daemon2:x:77:\n")
        out = self.apply(self.CONFIG)
        self.check()
        self.assertIsNone(self.fields("etc/group", "daemon2"))
        self.assertIn('[finished] creating or modifying user "core"', out)
        self.assertIn("wrote ssh authorized keys file for user: core", out)
        self.assertNotIn(HASH, out)
        before = listing(self.root)
        self.assertNotIn(HASH, self.apply(self.CONFIG))
        self.check()
        self.assertEqual(listing(self.root).keys(), before.keys())

    def test_tools_of_the_target(self):
        """No shadow-utils in PATH: the target's own are run in a chroot."""
        for tool in ("useradd", "usermod", "groupadd", "groupmod", "groupdel", "userdel", "chpasswd", "chgpasswd"):
            source = shutil.which(tool, path="/usr/sbin:/usr/bin")
            wanted = [source] + re.findall(r"(/\S+) \(0x", subprocess.run(
                ["ldd", source], stdout=subprocess.PIPE, text=True, check=True).stdout)
            for path in wanted:
                os.makedirs(os.path.dirname(self.at(path.lstrip("/"))), exist_ok=True)
                shutil.copy(path, self.at(path.lstrip("/")))
        self.apply(self.CONFIG, PATH="/nonexistent")
        self.check()

    def test_no_tools(self):
        done = self.run_stage(self.CONFIG, PATH="/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("groupadd is needed, but neither in PATH nor in", done.stderr)

    def test_home_behind_a_dangling_link(self):
        os.rmdir(self.at("home"))
        os.symlink("var/home", self.at("home"))
        self.apply(self.CONFIG)
        self.check()
        self.assertEqual(os.listdir(self.at("var/home")), ["core"])

    def test_keys_in_one_file(self):
        self.mounts = ["/home/core/data", "/home/corex"]
        for d in self.mounts:
            os.makedirs(self.at(d.lstrip("/")))
        for keys, text in ((["k\n"], "k\n"), (["a\n", "b"], "a\n\nb\n"), (["k"], "k\n")):
            self.apply({"passwd": {"users": [{"name": "core", "sshAuthorizedKeys": keys}]}},
                       IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT="false")
            self.assertEqual(self.read("home/core/.ssh/authorized_keys"), text)
        uid = int(self.fields("etc/passwd", "core")[2])
        st = os.stat(self.at("home/core/data"))
        self.assertEqual((st.st_uid, st.st_mode & 0o7777), (uid, 0o700))
        self.assertEqual(os.stat(self.at("home/corex")).st_uid, 0)
        self.refuse({}, "IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT", IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT="maybe")

    def test_planted_links(self):
        for link in (".ssh", ".ssh/authorized_keys.d", ".ssh/authorized_keys.d/ignition"):
            with self.subTest(link=link):
                self.new_root("root-" + link.replace("/", "-"))
                self.put("etc/passwd", PASSWD + "core:x:1000:1000::/home/core:/bin/sh\n")
                os.makedirs(os.path.dirname(self.at("home/core", link)))
                os.symlink("/etc/passwd" if link.endswith("ignition") else "/etc", self.at("home/core", link))
                before = listing(self.at("etc"), (".ignition-files.journal", ".ignition-result.json"))
                done = self.run_stage({"passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["k"]}]}})
                if link.endswith("ignition"):  # a link in the place of the file is replaced
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(self.read("home/core/" + link), "k\n")
                else:
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("links are not followed", done.stderr)
                after = listing(self.at("etc"), (".ignition-files.journal", ".ignition-result.json"))
                self.assertEqual(after, before)

    def test_users_of_the_image(self):
        """nss-altfiles: accounts in /usr/lib are seen, and copied to /etc when they must change."""
        self.put("usr/lib/passwd", "img:x:500:500:Image:/home/img:/bin/sh\n")
        self.put("usr/lib/group", "img:x:500:\nwheel:x:10:\n")
        self.apply({"passwd": {"groups": [{"name": "wheel", "gid": 11}],
                               "users": [{"name": "img", "gecos": "New", "passwordHash": HASH}]},
                    "storage": {"files": [{"path": "/f", "user": {"name": "img"}, "group": {"name": "wheel"}}]}})
        self.assertEqual(self.fields("etc/passwd", "img")[4], "New")
        self.assertEqual(self.fields("etc/shadow", "img")[1], HASH)
        self.assertEqual(self.fields("etc/group", "wheel")[2], "11")
        st = os.stat(self.at("f"))
        self.assertEqual((st.st_uid, st.st_gid), (500, 11))

    def test_refusals(self):
        for user, words in [({"name": "-rf"}, "cannot be a name"), ({"name": "a:b"}, "cannot be a name"),
                            ({"name": "x", "groups": ["nogroup-here"]}, 'group "nogroup-here"'),
                            ({"name": "x", "gecos": "a\nroot::0:0"}, "gecos"),
                            ({"name": "x", "passwordHash": "a:b"}, "passwordHash"),
                            ({"name": "x", "uid": -1}, "out of range")]:
            with self.subTest(words=words):
                self.refuse({"passwd": {"users": [user]}}, words)


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
                "systemd": Systemd.CONFIG["systemd"]}

    def fill(self, name):
        self.new_root(name)
        self.put("etc/log", "start\n", 0o640)
        self.put("opt/old/junk", "junk")

    def tree(self):
        out = listing(self.root)
        # shadow-utils keep the previous versions and a lock file; how often they ran shows there.
        out = {p: v for p, v in out.items() if not re.match(r"etc/(\w+-|\.pwd\.lock)$", p)}
        for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid"):
            entry = out["etc/" + name]  # modes of these are the tools' own; the order of lines means nothing
            out["etc/" + name] = sorted(entry[3].splitlines())
        return out

    def end_tools(self):
        """A reboot ends them too, in the middle of what they do - also one that was just being started."""
        found = True
        while found:
            found = False
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        words = f.read().split(b"\0")
                    if self.root.encode() in words:
                        found = True
                        os.kill(int(pid), signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.002 if found else 0)

    def test_killed(self):
        url = self.serve({"/big.gz": gzip.compress(b"big\n" * 200000), "/tail": b"tail\n" * 500})
        config = self.config(url)
        self.fill("whole")
        start = time.monotonic()
        self.apply(config)
        took = time.monotonic() - start
        want = self.tree()
        rng = random.Random(int(os.environ.get("HEARTH_TEST_SEED", "1")))
        killed = 0
        for turn in range(int(os.environ.get("HEARTH_TEST_KILLS", "15"))):
            self.fill(f"killed-{turn}")
            for _ in range(2):
                child = subprocess.Popen(self.command(config), env=self.environment(), stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, start_new_session=True)
                time.sleep(rng.random() * took)
                child.send_signal(signal.SIGKILL)
                killed += child.wait() == -signal.SIGKILL
                self.end_tools()
            self.apply(config)
            self.assertEqual(self.tree(), want)
            shutil.rmtree(self.root)
        self.assertGreater(killed, 5)

    @unittest.skipUnless(shutil.which("strace"), "no strace here")
    def test_failing_calls(self):
        """The n-th call fails: no temporary file stays, and the next run ends as if nothing had happened."""
        if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("strace may not trace here")
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
    if os.geteuid() != 0:
        print("needs root: owners are set and tools run in a chroot")
        sys.exit(77)
    os.umask(0o077)  # must not show in anything the stage makes
    unittest.main()
