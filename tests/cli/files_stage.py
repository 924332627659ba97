"""A small Debian-like tree, and the files stage run on it: shared by the tests of that stage."""
import base64
import hashlib
import http.server
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

IGNITION = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition")
JOURNAL = "etc/.ignition-files.journal"
RESULT = "etc/.ignition-result.json"
DEADLINE = 240  # seconds for one run: only a hang may end a test on a slow, busy machine
HASH = "$6$saltsalt$" + "x" * 86

PASSWD = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndaemon:x:1:\nsudo:x:27:\ndocker:x:990:\n"

UNITS = {"systemd": {"units": [
    {"name": "a.service", "enabled": True, "contents": "[Install]\nWantedBy=multi-user.target\n",
     "dropins": [{"name": "10-x.conf", "contents": "[Service]\n"}, {"name": "20-empty.conf", "contents": ""},
                 {"name": "30-none.conf"}]},
    {"name": "e@two.service", "enabled": True}, {"name": "e@one.service", "enabled": True},
    {"name": "off.service", "enabled": False}, {"name": "d@1.service", "enabled": False},
    {"name": "m.service", "mask": True, "contents": "[Unit]\n"}, {"name": "u.service", "mask": False}]}}


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
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False)

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


def main():
    if os.geteuid() != 0:
        print("needs root: owners are set and tools run in a chroot")
        sys.exit(77)
    os.umask(0o077)  # must not show in anything the stage makes
    unittest.main()
