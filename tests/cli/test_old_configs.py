"""ignition-validate over configs of spec 1 and 2.x: verdicts, lines, positions, and what is read as what."""
import json
import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(os.environ["HEARTH_SOURCE_DIR"])
PROGRAM = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition-validate")
ACCEPTED = ROOT / "tests/data/config/accepted"
MINORS = range(5)
READ = ("1 (as ignitionVersion), 2.0.0, 2.1.0, 2.2.0, 2.3.0, 2.4.0, 3.0.0, 3.1.0, 3.2.0, 3.3.0, 3.4.0, 3.5.0, 3.6.0, "
        "3.7.0-experimental")


def run(text, *args):
    done = subprocess.run([PROGRAM, *args, "-"], input=text, capture_output=True, text=True, timeout=240, check=False)
    return done.returncode, done.stdout, done.stderr


def v2(minor, rest=""):
    return f'{{"ignition": {{"version": "2.{minor}.0"}}{rest}}}'


class Accepted(unittest.TestCase):
    def test_examples(self):
        files = sorted(f for family in ("1", "2.*") for f in ACCEPTED.glob(family + "/*.json"))
        self.assertEqual({f.parent.name for f in files}, {"1", *(f"2.{m}" for m in MINORS)})
        for file in files:
            with self.subTest(file):
                code, out, err = run(file.read_text(encoding="utf-8"))
                self.assertEqual((code, err), (0, ""), out)

    def test_the_least_of_each(self):
        for minor in MINORS:
            self.assertEqual(run(v2(minor)), (0, "", ""))
        self.assertEqual(run('{"ignitionVersion": 1}'),
                         (0, "warning at $.ignitionVersion, line 1 col 21: config format deprecated\n", ""))


class Lines(unittest.TestCase):
    # minor versions, what follows the version, exit code, standard output
    CASES = [
        (MINORS, ',\n "storage": {"files": [\n  {"filesystem": "root", "path": "a", "mode": 420}]}', 1,
         "error at $.storage.files.0.path, line 3 col 34: path not absolute\n"),
        (range(2, 5), ',\n "storage": {"files": [\n  {"filesystem": "data", "path": "a"}]}', 1,
         'warning at $.storage.files.0.filesystem, line 3 col 18: File "a" references nonexistent filesystem "data". '
         "(This is ok if it is defined in a referenced config)\n"
         "error at $.storage.files.0.path, line 3 col 34: path not absolute\n"
         "warning at $.storage.files.0.mode, line 3 col 3: permissions unset, defaulting to 0000\n"),
        (MINORS, ',\n "systemd": {"units": [\n\t{"name": "a.service", "enabel": true,\n "Enable": false}]}', 0,
         "warning at $.systemd.units.0.enabel, line 3 col 24: Config has unrecognized key: enabel\n"
         "warning at $.systemd.units.0.Enable, line 4 col 2: Config has unrecognized key: Enable\n"
         "info at $.systemd.units.0.Enable, line 4 col 2: Did you mean enable instead of Enable\n"),
        (range(1), ',\n "storage": {"links": [], "directories": []}', 0,
         "warning at $.storage.links, line 2 col 14: Config has unrecognized key: links\n"
         "warning at $.storage.directories, line 2 col 27: Config has unrecognized key: directories\n"),
        (range(1, 5), ',\n "passwd": {"users": [{"name": "a", "create": {}, "uid": 5}]}', 1,
         "warning at $.passwd.users.0.create, line 2 col 47: the create object has been deprecated in favor of "
         "user-level options\n"
         "error at $.passwd.users.0.uid, line 2 col 58: cannot use both the create object and the user-level uid "
         "field\n"),
        (MINORS, ',\n "kernelArguments": null, "storage": {"disks": {}}', 1,
         "warning at $.kernelArguments, line 2 col 2: Config has unrecognized key: kernelArguments\n"
         "error at $.storage.disks, line 2 col 48: expected list, got object\n"),
    ]

    def test_each(self):
        for minors, rest, code, out in self.CASES:
            for minor in minors:
                with self.subTest(rest=rest, minor=minor):
                    self.assertEqual(run(v2(minor, rest)), (code, out, ""))

    def test_spec_1(self):
        self.assertEqual(run('{"ignitionVersion": 1,\n "storage": {"filesystems": [\n  {"device": "/dev/sda1", '
                             '"format": "vfat"}]}}'),
                         (1, "error at $.storage.filesystems.0.format, line 3 col 37: invalid filesystem format\n", ""))

    def test_a_secret_in_a_url_is_not_repeated(self):
        text = v2(4, ', "storage": {"files": [{"filesystem": "root", "path": "/a", "mode": 0, "contents": '
                     '{"source": "foo://user:word@h/x?key=hidden"}}]}')
        code, out, _ = run(text)
        self.assertEqual(code, 1)
        self.assertIn('invalid url "foo://h/x?key=<redacted>": invalid url scheme', out)
        self.assertNotIn("word", out)
        self.assertNotIn("hidden", out)


class Versions(unittest.TestCase):
    REASON = "couldn't parse config: unsupported config version\n"

    def test_what_is_not_read(self):
        for version in ("2.5.0-experimental", "2.5.0", "2.4.1", "2.4.0-dev", "1.0.0", "0.1.0", "2.4.0+x"):
            out = f'info at $.ignition.version, line 1 col 26: version "{version}" is not one of {READ}\n'
            self.assertEqual(run(f'{{"ignition": {{"version": "{version}"}}}}'), (1, out, self.REASON))
        for number in (0, 2, -1, 99999999999):
            out = f'info at $.ignitionVersion, line 1 col 21: version "{number}" is not one of {READ}\n'
            self.assertEqual(run(f'{{"ignitionVersion": {number}}}'), (1, out, self.REASON))

    def test_both_versions(self):
        """The newer member wins, as long as there is one."""
        code, out, _ = run('{"ignitionVersion": 1, "ignition": {"version": "2.1.0"}}')
        self.assertEqual((code, out), (0, "warning at $.ignitionVersion, line 1 col 2: Config has unrecognized key: "
                                          "ignitionVersion\n"))
        code, out, _ = run('{"ignitionVersion": 1, "ignition": {"version": "3.0.0"}}')
        self.assertEqual((code, out), (0, "warning at $.ignitionVersion, line 1 col 2: unused key ignitionVersion\n"))

    def test_a_number_of_another_type(self):
        for text, got in (('"1"', "string"), ("true", "boolean"), ("[1]", "list"),
                          ("1.0", "a number with a fraction or an exponent")):
            self.assertEqual(run(f'{{"ignitionVersion": {text}}}'),
                             (1, f"error at $.ignitionVersion, line 1 col 21: expected integer, got {got}\n", ""))


class Ways(unittest.TestCase):
    CREATE = v2(1, ', "passwd": {"users": [{"name": "a", "create": {}}]}')

    def test_strict(self):
        self.assertEqual(run(self.CREATE)[0], 0)
        self.assertEqual(run(self.CREATE, "-strict")[0], 1)

    def test_json(self):
        code, out, _ = run(self.CREATE, "-format", "json")
        self.assertEqual(code, 0)
        self.assertIn("$.passwd.users.0.create", json.dumps(json.loads(out)))


if __name__ == "__main__":
    unittest.main()
