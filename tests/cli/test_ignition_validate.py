"""ignition-validate as its users call it: exact lines, positions, streams and exit codes."""
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition-validate")
V = '{"ignition": {"version": "3.4.0"}'


def run(*args, text=None):
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    done = subprocess.run([PROGRAM, *args], input=data, capture_output=True, timeout=240, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


class Documents(unittest.TestCase):
    # document, exit code, standard output, standard error
    CASES = [
        (V + "}", 0, "", ""),
        ("", 1, "", "couldn't parse config: not a config (empty)\n"),
        ("  \n", 1, "error at line 2 col 1: unexpected end of the document\n", ""),
        ("#cloud-config\n", 1, "error at line 1 col 1: comments are not part of JSON\n", ""),
        (V, 1, "error at line 1 col 34: unexpected end of the document\n", ""),
        (V + ",\n \"storage\": {\n  \"files\": [],\n }\n}", 1,
         "error at line 4 col 2: a comma must not come before '}'\n", ""),
        (V + "\n \"storage\": {}}", 1, "error at line 2 col 2: ',' or '}' expected\n", ""),
        (V + '} x', 1, "error at line 1 col 36: data after the end of the document\n", ""),
        ("\ufeff" + V + "}", 1,
         "error at line 1 col 1: the document must not begin with a byte order mark\n", ""),
        (V + ',\n"storage": {}, "storage": {}}', 1, 'error at line 2 col 16: duplicate key "storage"\n', ""),
        (V + ',\n"x": "a\\u0000b"}', 1, "error at line 2 col 8: \\u0000 is not allowed in a string\n", ""),
        (V.encode() + b',\n"x": "a\xffb"}', 1, "error at line 2 col 8: invalid UTF-8 in a string\n", ""),
        ("[" * 200, 1, "error at line 1 col 101: nested too deeply\n", ""),
        ("[]", 1, "error at line 1 col 1: expected object, got list\n", ""),
        ("null", 1, "", "couldn't parse config: invalid config version (couldn't parse)\n"),
        ("{}", 1, "", "couldn't parse config: invalid config version (couldn't parse)\n"),
        ('{"ignition": {"version": "3.4"}}', 1, "",
         "couldn't parse config: invalid config version (couldn't parse)\n"),
        ('{"ignition": {"version": 3}}', 1,
         "error at $.ignition.version, line 1 col 26: expected string, got number\n", ""),
        ('{"ignition": {"version": "2.5.0-experimental"}}', 1,
         'info at $.ignition.version, line 1 col 26: version "2.5.0-experimental" is not one of '
         "1 (as ignitionVersion), 2.0.0, 2.1.0, 2.2.0, 2.3.0, 2.4.0, 3.0.0, 3.1.0, 3.2.0, 3.3.0, 3.4.0, 3.5.0, "
         "3.6.0, 3.7.0-experimental\n",
         "couldn't parse config: unsupported config version\n"),
        # wrong types: every one, with the place of the value
        (V + ',\n "storage": {"files": [\n  {"path": 7, "mode": "0644"},\n  {"path": "/b", "mode": 420.0}]}}', 1,
         "error at $.storage.files.0.path, line 3 col 12: expected string, got number\n"
         "error at $.storage.files.0.mode, line 3 col 23: expected integer, got string\n"
         "error at $.storage.files.1.mode, line 4 col 26: expected integer, got a number with a fraction or "
         "an exponent\n", ""),
        (V + ',\n "storage": {"disks": {}}, "systemd": []}', 1,
         "error at $.storage.disks, line 2 col 23: expected list, got object\n"
         "error at $.systemd, line 2 col 39: expected object, got list\n", ""),
        # warnings do not fail; keys are marked where they stand, bytes are counted
        (V + ',\n "storage": {"files": [{"path": "/\u00e9", "mood": 1}]},\n\t"Passwd": {}}', 0,
         "warning at $.storage.files.0.mood, line 2 col 40: unused key mood\n"
         "warning at $.Passwd, line 3 col 2: unused key Passwd\n", ""),
        (V + ',\n "passwd":  null}', 0,
         "warning at $.passwd, line 2 col 13: context tree does not match content tree at $.passwd. Line and "
         "column reporting may be inconsistent. Unused keys may not be reported\n", ""),
        (V + ', "bad\\nkey\\u001b[31m": 1}', 0,
         "warning at $.bad\\x0akey\\x1b[31m, line 1 col 36: unused key bad\\x0akey\\x1b[31m\n", ""),
        # rules first, unused keys last; a missing member is marked at what would hold it
        (V + ',\n "zz": 1,\n "storage": {"files": [\n  {"contents": {"source": "http://"}},\n'
             '  {"path": "/a",\n   "path2": 1, "mode": 4096}]}}', 1,
         "error at $.storage.files.0.path, line 4 col 3: path not specified\n"
         "error at $.storage.files.1.mode, line 6 col 24: illegal file mode\n"
         "warning at $.zz, line 2 col 2: unused key zz\n"
         "warning at $.storage.files.1.path2, line 6 col 4: unused key path2\n", ""),
        (V + ',\r\n "systemd": {"units": [{"name": "a.service",\r\n"contents": "[Unit\\n"}]}}', 1,
         "error at $.systemd.units.0.contents, line 3 col 13: invalid unit content: unable to find end of "
         "section\n", ""),
        (V + ', "storage": {"luks": [{"name": "a", "device": "/d",\n "cex": {"enabled": true}}]}}', 0,
         "warning at $.storage.luks.0.cex, line 2 col 2: unused key cex\n", ""),
    ]

    def test_each(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "config.ign")
            for text, code, out, err in self.CASES:
                with self.subTest(text=text):
                    data = text if isinstance(text, bytes) else text.encode()
                    path.write_bytes(data)
                    self.assertEqual(run(str(path)), (code, out, err))
                    self.assertEqual(run("-", text=data), (code, out, err))


class CommandLine(unittest.TestCase):
    def test_version(self):
        for flag in ("-version", "--version", "-version=true"):
            code, out, err = run(flag)
            self.assertEqual((code, err), (0, ""))
            self.assertRegex(out, r"^Ignition \d+\.\d+\.\d+\n$")

    def test_help(self):
        for flag in ("-help", "--help", "-h"):
            code, out, err = run(flag)
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(out.startswith("Usage: ignition-validate [-version] [-strict] [-explain] [-format FORMAT] FILE|-\n"), out)

    def test_exactly_one_file(self):
        for args in ((), ("a", "b"), ("-version=false",)):
            code, out, err = run(*args)
            self.assertEqual((code, out), (1, ""))
            self.assertIn("Usage: ignition-validate", err)

    def test_unknown_flag(self):
        code, out, err = run("-frobnicate", "x")
        self.assertEqual((code, out), (2, ""))
        self.assertTrue(err.startswith("flag provided but not defined: -frobnicate\n"), err)

    def test_unreadable(self):
        self.assertEqual(run("/nonexistent/config.ign"),
                         (1, "", "couldn't read config: open /nonexistent/config.ign: No such file or directory\n"))
        self.assertEqual(run("/tmp"), (1, "", "couldn't read config: read /tmp: Is a directory\n"))

    def test_file_named_like_a_flag(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "-x").write_text(V + "}")
            done = subprocess.run([PROGRAM, "--", "-x"], cwd=folder, capture_output=True, timeout=240, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "-"], input=b"[]", stdout=full, stderr=subprocess.PIPE, timeout=240,
                                  check=False)
        self.assertEqual((done.returncode, done.stderr), (1, b"couldn't write the report\n"))


class Hostile(unittest.TestCase):
    """
    Refused or read quickly, whatever the size: all take less than a second or two. The bounds leave room for
    sanitizers and a busy machine, and none for a cost that grows with the square of the size.
    """

    def within(self, seconds, data, code, first):
        start = time.monotonic()
        got, out, err = run("-", text=data)
        self.assertLess(time.monotonic() - start, seconds)
        self.assertEqual((got, err), (code, ""))
        self.assertEqual(out.split("\n")[0], first)

    def test_hundred_megabytes_of_garbage(self):
        self.within(30, os.urandom(1 << 20) * 100, 1, "error: the config is larger than 67108864 bytes")

    def test_brackets(self):
        self.within(30, b"[" * (60 << 20), 1, "error at line 1 col 101: nested too deeply")

    def test_many_small_objects(self):
        self.within(60, V.encode() + b',"x":[' + b"{}," * (2 << 20) + b"{}]}", 1,
                    "error at line 1 col 1572895: the document has too many lists and objects")

    def test_many_keys_and_a_duplicate(self):
        keys = b",".join(b'"k%d":0' % i for i in range(200000))
        self.within(60, V.encode() + b',\n' + keys + b',"k5":1}', 1,
                    f'error at line 2 col {len(keys) + 2}: duplicate key "k5"')

    def test_many_findings(self):
        data = V.encode() + b',"storage":{"files":[' + b"{}," * 60000 + b"{}]}}"
        code, out, err = run("-", text=data)
        lines = out.splitlines()
        self.assertEqual((code, err, len(lines)), (1, "", 1001))
        self.assertEqual(lines[0], "error at $.storage.files.0.path, line 1 col 55: path not specified")
        self.assertEqual(lines[-1], "error: 119001 more findings are not shown")

    def test_a_big_good_config(self):
        files = b",".join(b'{"path":"/f%d","mode":420,"contents":{"source":"data:;base64,%s"}}' % (i, b"QUJD" * 250)
                          for i in range(15000))
        start = time.monotonic()
        self.assertEqual(run("-", text=V.encode() + b',"storage":{"files":[' + files + b"]}}"), (0, "", ""))
        self.assertLess(time.monotonic() - start, 60)


if __name__ == "__main__":
    unittest.main()
