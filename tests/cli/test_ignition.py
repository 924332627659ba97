"""The engine as a boot runs it: usage, config sources, references, cache, state, network flag."""
import base64
import gzip
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.parse

IGNITION = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition")
EMPTY_CACHE = {"ignition": {"config": {"replace": {"verification": {}}}, "proxy": {}, "security": {"tls": {}},
                            "timeouts": {}, "version": "3.7.0-experimental"},
               "kernelArguments": {}, "passwd": {}, "storage": {}, "systemd": {}}


class Server:
    """Answers from a dict path -> (status, body) on loopback; remembers what was asked."""

    def __init__(self, answers):
        outer = self
        self.answers, self.seen = answers, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                status, body = outer.answers.get(self.path.split("?")[0], (404, b"no"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hearth-ign-")
        self.addCleanup(shutil.rmtree, self.dir)
        for d in ("root", "run", "etc", "usr", "bin"):
            os.mkdir(self.path(d))
        self.write("cmdline", "quiet\n")

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, content, mode=0o644):
        p = self.path(name)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        with open(p, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(p, mode)
        return p

    def config(self, **sections):
        ign = {"version": "3.4.0", **sections.pop("ignition", {})}
        return json.dumps({"ignition": ign, **sections})

    def serve(self, answers):
        s = Server(answers)
        self.addCleanup(s.close)
        return s

    def run_stage(self, stage, *args, platform="file", env=None, timeout=240):
        return subprocess.run(
            [IGNITION, f"-platform={platform}", "-stage", stage, "--root", self.path("root"),
             "-config-cache", self.path("run/ignition.json"), "-state-file=" + self.path("run/state"),
             "-neednet", self.path("run/need/neednet"), "-log-to-stdout", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, check=False, cwd=self.dir,
            env={"PATH": self.path("bin") + ":" + os.environ["PATH"],
                 "IGNITION_KERNEL_CMDLINE_PATH": self.path("cmdline"),
                 "IGNITION_SYSTEM_RUNTIME_CONFIG_DIR": self.path("run"),
                 "IGNITION_SYSTEM_LOCAL_CONFIG_DIR": self.path("etc"),
                 "IGNITION_SYSTEM_CONFIG_DIR": self.path("usr"),
                 **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **(env or {})})

    def ok(self, stage, *args, **kw):
        done = self.run_stage(stage, *args, **kw)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def fails(self, stage, *texts, code=1, **kw):
        done = self.run_stage(stage, **kw)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for t in texts:
            self.assertIn(t, done.stderr + done.stdout)
        return done

    def cache(self):
        with open(self.path("run/ignition.json"), encoding="utf-8") as f:
            return json.load(f)

    def state(self):
        with open(self.path("run/state"), encoding="utf-8") as f:
            return json.load(f)


class Usage(Case):
    def run_raw(self, *args):
        return subprocess.run([IGNITION, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def test_codes_and_texts(self):
        for args, code, text in [
                ([], 2, "'--platform' must be provided"),
                (["-platform", "qemu"], 2, "'--stage' must be provided"),
                (["--stage=disks"], 2, "'--platform' must be provided"),
                (["-platform=moon", "-stage=disks"], 2,
                 'invalid value "moon" for flag -platform: moon is not a valid platform'),
                (["-platform=qemu", "-stage", "tea"], 2, 'invalid value "tea" for flag -stage: tea is not a valid stage'),
                (["-frobnicate"], 2, "flag provided but not defined: -frobnicate"),
                (["-root"], 2, "flag needs an argument: -root"),
                (["-fetch-timeout=soon", "-platform=file", "-stage=fetch"], 2, 'invalid value "soon"')]:
            done = self.run_raw(*args)
            self.assertEqual(done.returncode, code, args)
            self.assertIn(text, done.stderr, args)

    def test_version_and_help(self):
        done = self.run_raw("-platform=moon", "--version")
        self.assertEqual((done.returncode, done.stdout.split()[0]), (0, "Ignition"))
        done = self.run_raw("-help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("-config-cache", done.stdout)


class Sources(Case):
    def test_file_offline(self):
        self.write("config.ign", self.config(storage={"directories": [{"path": "/a"}]}))
        done = self.ok("fetch-offline")
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^INFO     : Ignition \S+$")
        self.assertEqual(lines[1], "INFO     : Stage: fetch-offline")
        self.assertEqual(lines[-1], "INFO     : Ignition finished successfully")
        cache = self.cache()
        self.assertEqual(cache["ignition"]["version"], "3.7.0-experimental")
        self.assertEqual(cache["storage"]["directories"][0]["path"], "/a")
        self.assertEqual(os.stat(self.path("run/ignition.json")).st_mode & 0o777, 0o600)
        self.assertEqual(self.state()["fetchedConfigs"], [{"kind": "user", "source": "file", "referenced": False}])
        self.assertFalse(os.path.exists(self.path("run/need/neednet")))

    def test_config_file_variable_and_missing_file(self):
        other = self.write("elsewhere", self.config())
        self.ok("fetch-offline", env={"IGNITION_CONFIG_FILE": other})
        self.fails("fetch-offline", "config.ign", "No such file or directory")

    def test_a_fifo_is_not_waited_for(self):
        os.mkfifo(self.path("config.ign"))
        self.fails("fetch-offline", "config.ign is a FIFO")
        os.mkdir(self.path("etc/base.d"))
        os.mkfifo(self.path("etc/base.d/a"))
        self.fails("fetch-offline", "etc/base.d/a is a FIFO")
        os.unlink(self.path("etc/base.d/a"))
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        with os.fdopen(write_end, "w") as f:
            f.write(self.config(storage={"directories": [{"path": "/d"}]}))
        self.ok("fetch-offline", env={"IGNITION_CONFIG_FILE": f"/proc/{os.getpid()}/fd/{read_end}"})
        self.assertEqual(self.cache()["storage"]["directories"][0]["path"], "/d")

    def test_empty_config_and_metal(self):
        self.write("config.ign", "")
        self.ok("fetch-offline")
        self.assertEqual(self.cache(), EMPTY_CACHE)
        os.unlink(self.path("run/ignition.json"))
        self.ok("fetch-offline", platform="metal")
        self.assertEqual(self.cache(), EMPTY_CACHE)

    def test_user_ign_wins_over_the_platform(self):
        self.write("config.ign", self.config(storage={"directories": [{"path": "/platform"}]}))
        self.write("etc/user.ign", self.config(storage={"directories": [{"path": "/system"}]}))
        self.ok("fetch-offline")
        self.assertEqual(self.cache()["storage"]["directories"][0]["path"], "/system")
        self.assertEqual(self.state()["fetchedConfigs"][0]["source"], "system")

    def test_kernel_command_line_needs_the_network(self):
        s = self.serve({"/c.ign": (200, self.config().encode())})
        self.write("cmdline", f"quiet ignition.config.url={s.url}/c.ign\n")
        self.ok("fetch-offline")
        self.assertTrue(os.path.exists(self.path("run/need/neednet")))
        self.assertFalse(os.path.exists(self.path("run/ignition.json")))
        self.assertEqual(s.seen, [])
        self.ok("fetch")
        self.assertEqual(self.cache()["ignition"]["version"], "3.7.0-experimental")
        self.assertEqual(self.state()["fetchedConfigs"], [{"kind": "user", "source": "cmdline", "referenced": False}])
        headers = {k.lower(): v for k, v in s.seen[0][1].items()}
        self.assertEqual(headers["accept"], "application/vnd.coreos.ignition+json;version=3.6.0, */*;q=0.1")
        self.assertEqual(headers["accept-encoding"], "identity")
        self.assertRegex(headers["user-agent"], "^Ignition/")

    def test_command_line_faults(self):
        s = self.serve({})
        self.write("cmdline", f"ignition.config.url={s.url}/missing.ign\n")
        self.fails("fetch", f"{s.url}/missing.ign", "resource not found")
        self.write("cmdline", "ignition.config.url=http://127.0.0.1:1/c.ign?token=secret\n")
        done = self.run_stage("fetch", "-fetch-timeout=2s")
        self.assertEqual(done.returncode, 1)
        self.assertIn("127.0.0.1:1/c.ign", done.stderr)
        self.assertNotIn("secret", done.stderr + done.stdout)
        self.write("cmdline", "ignition.config.device=config\n")
        self.fails("fetch-offline", "ignition.config.device")

    def test_remote_files_ask_for_the_network_and_keep_the_cache(self):
        self.write("config.ign", self.config(storage={"files": [
            {"path": "/a", "contents": {"source": "http://example.invalid/a"}}]}))
        self.ok("fetch-offline")
        self.assertTrue(os.path.exists(self.path("run/need/neednet")))
        self.assertEqual(self.cache()["storage"]["files"][0]["contents"]["source"], "http://example.invalid/a")

    def test_the_reason_for_the_network_tells_no_secret(self):
        self.write("config.ign", self.config(storage={"files": [
            {"path": "/a", "contents": {"source": "http://user:hunter2@example.invalid/a?token=hunter3"}}]}))
        done = self.ok("fetch-offline")
        self.assertIn("http://example.invalid/a", done.stdout)
        self.assertNotIn("hunter", done.stdout + done.stderr)

    def test_bad_configs(self):
        for text, reason in [("{", "config is not valid"), ('{"ignition":{"version":"9.9.9"}}', "unsupported config version"),
                             ("{}", "invalid config version (couldn't parse)"),
                             (self.config(storage={"files": [{"path": "relative"}]}), "path not absolute"),
                             (self.config(storage={"files": 3}), "line 1 col ")]:
            self.write("config.ign", text)
            self.fails("fetch-offline", reason, "Ignition failed")
            self.assertFalse(os.path.exists(self.path("run/ignition.json")))

    def test_what_a_refused_config_logs(self):
        """Findings in their order and with their places, one hint, then the failure, and no secret of the config."""
        text = ('{"ignition": {"version": "3.4.0"},\n "nope": 1,\n "passwd": {"users": [{"name": "u", "passwordHash": "s3cret"}]},\n'
                ' "storage": {"files": [\n  {"path": "a", "mode": 99999}],\n  "directories": [{"path": "/d", "mode": 1023}]}}\n')
        special = "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0"
        for text, lines in [
                (text, ["WARNING  : fetch-offline: warning at $.storage.directories.0.mode, line 6 col 42: " + special,
                        "CRITICAL : fetch-offline: error at $.storage.files.0.path, line 5 col 12: path not absolute",
                        "CRITICAL : fetch-offline: error at $.storage.files.0.mode, line 5 col 25: illegal file mode",
                        "WARNING  : fetch-offline: warning at $.storage.files.0.mode, line 5 col 25: " + special,
                        "WARNING  : fetch-offline: warning at $.nope, line 2 col 2: unused key nope",
                        'ERROR    : fetch-offline: hint: a path begins with /: "/a"',
                        "CRITICAL : Ignition failed: config from file: config is not valid"]),
                ('{"ignition": {"version": "3.4.0"},\n "storage": {"files": [{"path": "/a", "mode": "0644"}]}}',
                 [r"CRITICAL : fetch-offline: error at \$.storage.files.0.mode, line 2 col 47: .*",
                  "ERROR    : fetch-offline: hint: write 420: numbers in JSON are decimal, and 420 is 0644",
                  "CRITICAL : Ignition failed: config from file: config is not valid"]),
                ('{"ignition": {"version": "3.4.0",\n}}', [r"CRITICAL : fetch-offline: error at line 2 col 1: .*",
                                                           "ERROR    : fetch-offline: hint: JSON has no comma after the last one: remove it",
                  "CRITICAL : Ignition failed: config from file: config is not valid"]),
                ("{}", ['ERROR    : fetch-offline: hint: a config says its version: {"ignition": {"version": "3.6.0"}, ...}',
                        "CRITICAL : Ignition failed: config from file: invalid config version (couldn't parse)"])]:
            self.write("config.ign", text)
            done = self.fails("fetch-offline")
            found = done.stdout.split("parsing config with SHA512: ")[1].splitlines()[1:]
            self.assertEqual(len(found), len(lines), done.stdout)
            for line, want in zip(found, lines):
                if ".*" in want:
                    self.assertRegex(line, "^" + want + "$")
                else:
                    self.assertEqual(line, want)
            self.assertEqual(done.stdout.splitlines()[:2], [done.stdout.splitlines()[0], "INFO     : Stage: fetch-offline"])
            self.assertRegex(done.stdout, r"^INFO     : Ignition \d")
            self.assertEqual(done.stderr, "fetch-offline failed: " + lines[-1].split("failed: ")[1] + "\n")
            self.assertNotIn("s3cret", done.stdout + done.stderr)

    def test_unknown_keys_warn(self):
        self.write("config.ign", self.config(storage={"files": [{"path": "/a", "mod": 1}]}))
        done = self.ok("fetch-offline")
        self.assertRegex(done.stdout, r"WARNING  : .*warning at \$\.storage\.files\.0\.mod, line 1 col \d+: unused key mod")


class Base(Case):
    def test_base_configs_lie_below_the_users(self):
        def unit(name, text):
            return {"units": [{"name": name, "contents": "[Unit]\nDescription=" + text}]}
        self.write("usr/base.d/10-a.ign", self.config(systemd=unit("a.service", "low")))
        self.write("usr/base.d/20-b.ign", self.config(systemd=unit("a.service", "high")))
        self.write("etc/base.d/10-a.ign", self.config(systemd=unit("c.service", "etc wins over usr")))
        self.write("run/base.platform.d/file/x", self.config(kernelArguments={"shouldExist": ["from-platform"]}))
        self.write("config.ign", self.config())
        self.ok("fetch-offline")
        self.assertEqual(self.cache(), EMPTY_CACHE, "the cache holds the user's config only")
        self.assertEqual([c["kind"] for c in self.state()["fetchedConfigs"]], ["base", "user"])
        log = self.write("args", "")
        self.write("bin/ignition-kargs-helper", f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\n', 0o755)
        self.ok("kargs")
        with open(log, encoding="utf-8") as f:
            self.assertEqual(f.read().splitlines(), ["--should-exist", "from-platform"])

    def test_a_broken_base_config_is_fatal_a_broken_platform_one_is_not(self):
        self.write("config.ign", self.config())
        self.write("etc/base.platform.d/file/a-good", self.config())
        self.write("etc/base.platform.d/file/bad", "{")
        self.ok("fetch-offline")
        self.assertEqual([c["kind"] for c in self.state()["fetchedConfigs"]], ["user"], "what is ignored is not recorded")
        self.write("etc/base.d/bad", "{")
        self.fails("fetch-offline", "failed to acquire system base config", "base.d/bad")


class References(Case):
    def test_merge_and_replace(self):
        child = gzip.compress(self.config(storage={"directories": [{"path": "/child", "mode": 448}]}).encode())
        plain = hashlib.sha512(gzip.decompress(child)).hexdigest()
        s = self.serve({"/child": (200, child), "/other": (200, self.config(storage={"directories": [{"path": "/o"}]}).encode())})
        self.write("config.ign", self.config(
            ignition={"config": {"merge": [{"source": s.url + "/child?key=hidden", "compression": "gzip",
                                            "verification": {"hash": "sha512-" + plain}}]}},
            storage={"directories": [{"path": "/parent"}, {"path": "/child", "mode": 493}]}))
        self.ok("fetch-offline")
        self.assertFalse(os.path.exists(self.path("run/ignition.json")))
        done = self.ok("fetch")
        self.assertNotIn("hidden", done.stdout + done.stderr)
        self.assertEqual({d["path"]: d.get("mode") for d in self.cache()["storage"]["directories"]},
                         {"/parent": None, "/child": 448})
        self.assertEqual(self.state()["fetchedConfigs"][-1], {"kind": "user", "source": "/child", "referenced": True})
        self.write("config.ign", self.config(ignition={"config": {"replace": {"source": s.url + "/other"}}},
                                             storage={"directories": [{"path": "/gone"}]}))
        self.ok("fetch")
        self.assertEqual([d["path"] for d in self.cache()["storage"]["directories"]], ["/o"])

    def test_references_are_recorded_by_the_path_of_their_url(self):
        inner = json.dumps({"ignition": {"version": "3.1.0"}, "storage": {"files": [
            {"path": "/f", "contents": {"source": "data:,http://not.a.host/not/a/path"}}]}})
        s = self.serve({"/a%20b": (200, self.config().encode())})
        self.write("config.ign", self.config(ignition={"config": {"merge": [
            {"source": "data:," + urllib.parse.quote(inner, safe="/:,")}, {"source": s.url + "/a%20b?q=1"}]}}))
        self.ok("fetch")
        self.assertEqual([c["source"] for c in self.state()["fetchedConfigs"]], ["file", "", "/a b"])

    def test_bad_references(self):
        loop = {"merge": [{"source": "LOOP"}]}
        s = self.serve({"/empty": (200, b""), "/bad": (200, b"{"), "/good": (200, self.config().encode())})
        s.answers["/loop"] = (200, self.config(ignition={"config": loop}).replace("LOOP", s.url + "/loop").encode())
        for ref, text in [({"source": s.url + "/empty"}, "not a config (empty)"),
                          ({"source": s.url + "/bad"}, "config is not valid"),
                          ({"source": s.url + "/missing"}, "resource not found"),
                          ({"source": s.url + "/good", "verification": {"hash": "sha512-" + "0" * 128}},
                           "hash verification failed"),
                          ({"source": s.url + "/loop"}, "nested deeper than 16")]:
            self.write("config.ign", self.config(ignition={"config": {"merge": [ref]}}))
            self.fails("fetch", ref["source"], text)
            self.assertFalse(os.path.exists(self.path("run/ignition.json")))

    def test_references_have_a_total_limit(self):
        refs = []
        for i in range(3):
            padded = gzip.compress(self.config().encode() + b" " * ((50 << 20) + i))
            refs.append({"source": "data:;base64," + base64.b64encode(padded).decode(), "compression": "gzip"})
        self.write("config.ign", self.config(ignition={"config": {"merge": refs[:2]}}))
        self.ok("fetch-offline")
        self.write("config.ign", self.config(ignition={"config": {"merge": refs}}))
        self.fails("fetch-offline", "the referenced configs up to data:... have more than 134217728 bytes together")

    def test_a_reference_with_an_empty_source(self):
        self.write("config.ign", self.config(ignition={"config": {"replace": {"source": ""}}}))
        self.fails("fetch-offline", 'a referenced config has the source ""')

    def test_merging_valid_configs_can_give_an_invalid_one(self):
        child = json.dumps({"ignition": {"version": "3.2.0"}, "storage": {"links": [{"path": "/l"}]}})
        self.write("config.ign", self.config(ignition={"config": {"merge": [
            {"source": "data:," + child.replace('"', "%22").replace("{", "%7B").replace("}", "%7D")
             .replace("[", "%5B").replace("]", "%5D").replace(" ", "")}]}}))
        self.fails("fetch-offline", "merging configs resulted in an invalid config", "link target is required")


class OldVersions(Case):
    """Spec 1 and 2.x: read wherever a 3.x config is, and written to the cache as the newest."""

    UNIT = {"name": "old.service", "contents": "[Install]\nWantedBy=multi-user.target\n"}
    NETWORKD = {"units": [{"name": "00-eth.network", "contents": "[Match]\n"}]}

    def document(self, version):
        if version == 1:
            return json.dumps({"ignitionVersion": 1, "systemd": {"units": [{**self.UNIT, "enable": True}]},
                               "networkd": self.NETWORKD})
        return json.dumps({"ignition": {"version": version}, "systemd": {"units": [{**self.UNIT, "enable": True}]},
                           "networkd": self.NETWORKD, "storage": {"files": [
                               {"filesystem": "root", "path": "/etc/old", "mode": 420,
                                "contents": {"source": "data:,old"}}]}})

    VERSIONS = (1, "2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0")

    def check_cache(self, has_file=True):
        cache = self.cache()
        self.assertEqual(cache["ignition"]["version"], "3.7.0-experimental")
        self.assertEqual(sorted(cache), ["ignition", "kernelArguments", "passwd", "storage", "systemd"])
        self.assertEqual(cache["systemd"]["units"], [{**self.UNIT, "enabled": True}])
        files = {f["path"]: f["contents"]["source"] for f in cache["storage"]["files"]}
        self.assertEqual(files.pop("/etc/systemd/network/00-eth.network"), "data:,%5BMatch%5D%0A")
        self.assertEqual(files, {"/etc/old": "data:,old"} if has_file else {})

    def test_what_later_stages_read(self):
        for version in self.VERSIONS:
            with self.subTest(version):
                self.write("config.ign", self.document(version))
                self.ok("fetch-offline")
                self.check_cache(version != 1)
                shutil.rmtree(self.path("root"))
                os.mkdir(self.path("root"))
                for stage in ("kargs", "disks", "mount", "files", "umount"):
                    self.ok(stage)
                for name, text in [("etc/systemd/system/old.service", self.UNIT["contents"]),
                                   ("etc/systemd/network/00-eth.network", "[Match]\n"),
                                   ("etc/systemd/system-preset/20-ignition.preset", "enable old.service\n"),
                                   ("etc/old", "old" if version != 1 else None)]:
                    path = self.path("root", name)
                    self.assertEqual(os.path.exists(path), text is not None)
                    if text is not None:
                        with open(path, encoding="utf-8") as f:
                            self.assertEqual(f.read(), text)

    def test_from_every_source(self):
        for version in self.VERSIONS:
            text = self.document(version)
            server = self.serve({"/old": (200, text.encode())})
            url = "data:;base64," + base64.b64encode(text.encode()).decode()
            new = lambda ref: self.config(ignition={"config": ref})
            for where, write in [
                    ("user.ign", lambda: self.write("etc/user.ign", text)),
                    ("a base config", lambda: self.write("usr/base.d/10-old.ign", text)),
                    ("the command line", lambda: self.write("cmdline", "ignition.config.url=" + server.url + "/old")),
                    ("merge", lambda: self.write("config.ign", new({"merge": [{"source": server.url + "/old"}]}))),
                    ("replace", lambda: self.write("config.ign", new({"replace": {"source": url}})))]:
                with self.subTest(version=version, where=where):
                    shutil.rmtree(self.dir)
                    os.mkdir(self.dir)
                    for d in ("root", "run", "etc", "usr", "bin"):
                        os.mkdir(self.path(d))
                    self.write("cmdline", "quiet\n")
                    self.write("config.ign", self.config())
                    write()
                    self.ok("fetch")
                    if where == "a base config":  # is not part of the cache, but of what a stage gets
                        self.ok("files")
                        self.assertTrue(os.path.exists(self.path("root/etc/systemd/system/old.service")))
                    else:
                        self.check_cache(version != 1)

    def test_references_of_an_old_config(self):
        """2.x: append takes configs of any version; its lists grow, as 0.x did it."""
        s = self.serve({"/new": (200, self.config(systemd={"units": [{"name": "new.service", "enabled": True}]}).encode()),
                        "/old": (200, self.document("2.1.0").encode())})
        self.write("config.ign", json.dumps({"ignition": {"version": "2.4.0", "config": {
            "append": [{"source": s.url + "/old"}, {"source": s.url + "/new"}]}}}))
        self.ok("fetch")
        self.assertEqual([u["name"] for u in self.cache()["systemd"]["units"]], ["old.service", "new.service"])
        self.write("config.ign", json.dumps({"ignition": {"version": "2.0.0", "config": {
            "replace": {"source": s.url + "/old"}}}}))
        self.ok("fetch")
        self.check_cache()


class LaterStages(Case):
    def test_a_missing_cache_is_fatal(self):
        self.fails("kargs", "failed to acquire config", "ignition.json", "No such file or directory")

    def test_a_corrupt_state_ends_with_3(self):
        self.write("config.ign", self.config())
        for text in ("", "{", "[]", "null", "{} {}", '{"fetchedConfigs":{}}', '{"fetchedConfigs":[1]}'):
            self.write("run/state", text)
            self.fails("fetch-offline", "corrupt", code=3)

    def test_a_cache_that_is_not_ours_is_refused(self):
        for text, reason in [("", "unexpected end"), ("{", "unexpected end"), ("{}", 'has version ""'),
                             ('{"ignition":{"version":"2.4.0"}}', 'has version "2.4.0"'),
                             ('{"storage":{"files":7}}', "line 1 col 21")]:
            self.write("run/ignition.json", text)
            for stage in ("kargs", "disks", "mount", "files", "umount"):
                self.fails(stage, "failed to acquire config", self.path("run/ignition.json"), reason)

    def test_a_config_that_later_stages_could_not_read_is_refused(self):
        self.write("config.ign", self.config(systemd={"units": [
            {"name": "a.service", "contents": "[Unit]\nDescription=" + "<" * (12 << 20)}]}))  # 6 bytes each in the cache
        self.fails("fetch-offline", "the config with all it refers to is larger than")
        self.assertFalse(os.path.exists(self.path("run/ignition.json")))

    def test_control_characters_do_not_reach_the_terminal(self):
        self.write("config.ign", self.config(storage={"files": [{"path": "/a\x1b[2J"}, {"path": "/a\x1b[2J/b"}]}))
        self.ok("fetch-offline")
        done = self.fails("files", "is a file of this config")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertIn("/a\\x1b[2J/b", done.stderr)

    def test_kargs(self):
        log = self.write("args", "")
        self.write("config.ign", json.dumps({"ignition": {"version": "3.3.0"}, "kernelArguments": {
            "shouldExist": ["a=1", "b c"], "shouldNotExist": ["quiet"]}}))
        self.ok("fetch-offline")
        self.write("bin/ignition-kargs-helper", f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\n', 0o755)
        self.ok("kargs")
        with open(log, encoding="utf-8") as f:
            self.assertEqual(f.read().splitlines(),
                             ["--should-exist", "a=1", "--should-exist", "b c", "--should-not-exist", "quiet"])
        self.write("bin/ignition-kargs-helper", "#!/bin/sh\necho cannot do that >&2\nexit 3\n", 0o755)
        self.fails("kargs", "failed adding kernel arguments", "exited 3", "cannot do that")

    def test_stages_of_an_empty_config_do_nothing(self):
        self.write("config.ign", "")
        self.ok("fetch-offline")
        for stage in ("kargs", "disks", "mount", "umount"):
            self.ok(stage)

    def test_only_stages_that_use_the_root_need_one(self):
        self.write("config.ign", "")
        for where, why in (self.path("nowhere"), "No such file"), (self.path("config.ign"), "Not a directory"):
            for stage in ("fetch-offline", "fetch", "kargs", "disks"):
                self.ok(stage, "-root", where)
            for stage in ("mount", "files", "umount"):
                done = self.run_stage(stage, "-root", where)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"opening the root directory {where}: {why}", done.stderr)

    def test_a_relative_root(self):
        self.write("config.ign", self.config(passwd={"users": [{"name": "u"}]}))
        log = self.write("args", "")
        self.write("bin/useradd", f'#!/bin/sh\necho "$2" > {log}\necho "u:x:1:1::/:/bin/sh" >> "$2/etc/passwd"\n', 0o755)
        os.mkdir(self.path("root/etc"))
        self.ok("fetch-offline")
        self.ok("files", "-root", "root")
        with open(log, encoding="utf-8") as f:
            self.assertEqual(f.read(), os.path.realpath(self.path("root")) + "\n")

    def test_a_reader_of_the_log_may_leave(self):
        self.write("config.ign", self.config(storage={"directories": [{"path": "/d"}]}))
        self.ok("fetch-offline")
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([IGNITION, "-platform=file", "-stage=files", "-root", self.path("root"), "-log-to-stdout",
                               "-config-cache", self.path("run/ignition.json"), "-state-file", self.path("run/state")],
                              stdout=write_end, stderr=write_end, timeout=240, check=False)
        os.close(write_end)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(os.path.isdir(self.path("root/d")))


if __name__ == "__main__":
    unittest.main()
