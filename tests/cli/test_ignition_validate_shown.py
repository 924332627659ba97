"""What ignition-validate has beyond upstream: explanations, JSON, SARIF, -strict, and when each of them is used."""
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import unittest

PROGRAM = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition-validate")
GOOD = '{"ignition": {"version": "3.4.0"}}'
WARNS = '{"ignition": {"version": "3.4.0"},\n "passwd": {"users": [{"name": "a", "home_dir": "/b"}]}}\n'
BAD = ('{"ignition": {"version": "3.6.0"},\n "storage": {"files": [\n'
       '\t{"path": "/\u00e9\U0001f600", "mode": "0644", "mod": 1},\n\t{"path": "/b", "mode": 755}]}}\n')
UNSUPPORTED = '{"ignition": {"version": "3.8.0"}}'

PLAIN = ("error at $.storage.files.0.mode, line 3 col 30: expected integer, got string\n"
         "warning at $.storage.files.0.mod, line 3 col 38: unused key mod\n")
EXPLAINED = """\
error at $.storage.files.0.mode, line 3 col 30: expected integer, got string
   --> {file}:3:30
    |
  3 |     {{"path": "/\u00e9\U0001f600", "mode": "0644", "mod": 1}},
    |                              ^~~~~~
   hint: write 420: numbers in JSON are decimal, and 420 is 0644
warning at $.storage.files.0.mod, line 3 col 38: unused key mod
   --> {file}:3:38
    |
  3 |     {{"path": "/\u00e9\U0001f600", "mode": "0644", "mod": 1}},
    |                                      ^~~~~
   hint: did you mean "mode"?
info at $.storage.files.1.mode, line 4 col 25: numbers in JSON are decimal: 755 is mode 01363; write 493 for 0755
   --> {file}:4:25
    |
  4 |     {{"path": "/b", "mode": 755}}]}}}}
    |                            ^~~
{file}: not valid: 1 error, 1 warning
"""


def run(*args, text=None, env=None):
    done = subprocess.run([PROGRAM, *args], input=text if text is None else text.encode(), capture_output=True,
                          timeout=240, check=False, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run_on_terminal(*args, env=None):
    """Exit code and what a terminal receives; standard error is not the terminal."""
    main, side = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    environment.update(env or {"TERM": "xterm"})
    child = subprocess.Popen([PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=side, stderr=subprocess.PIPE,
                             env=environment)
    os.close(side)
    got = b""
    while True:
        ready, _, _ = select.select([main], [], [], 240)
        if not ready:
            child.kill()
            raise AssertionError("no output and no end")
        try:
            data = os.read(main, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not data:
            break
        got += data
    os.close(main)
    child.stderr.close()
    return child.wait(240), got.decode().replace("\r\n", "\n")


class Shown(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, text, name="config.ign"):
        path = pathlib.Path(self.folder, name)
        path.write_text(text, encoding="utf-8")
        return str(path)


class Explained(Shown):
    def test_only_when_asked_for(self):
        path = self.file(BAD)
        self.assertEqual(run(path), (1, PLAIN, ""))
        self.assertEqual(run("-explain=false", path), (1, PLAIN, ""))
        for flag in ("-explain", "--explain", "--explain=true"):
            self.assertEqual(run(flag, path), (1, EXPLAINED.format(file=path), ""))
        self.assertEqual(run("-explain", "-", text=BAD), (1, EXPLAINED.format(file="-"), ""))

    def test_on_a_terminal(self):
        path = self.file(BAD)
        self.assertEqual(run_on_terminal(path, env={"TERM": "dumb"}), (1, EXPLAINED.format(file=path)))
        self.assertEqual(run_on_terminal(path, env={"TERM": "xterm", "NO_COLOR": "1"}),
                         (1, EXPLAINED.format(file=path)))
        self.assertEqual(run_on_terminal("-explain=false", path), (1, PLAIN))
        self.assertEqual(run_on_terminal("-format", "text", self.file(GOOD, "good"), env={"TERM": "dumb"}),
                         (0, f"{self.folder}/good: valid: 0 errors, 0 warnings\n"))

    def test_colour_is_for_terminals(self):
        path = self.file(BAD)
        for env in ({"TERM": "xterm"}, {"TERM": "xterm", "NO_COLOR": ""}):
            code, text = run_on_terminal(path, env=env)
            self.assertEqual(code, 1)
            self.assertIn("\x1b[1;31merror\x1b[0m at ", text)
            self.assertEqual(re.sub(r"\x1b\[[0-9;]*m", "", text), EXPLAINED.format(file=path))
        self.assertNotIn("\x1b", run("-explain", path)[1])

    def test_refused_without_a_finding(self):
        path = self.file("{}")
        want = ('info at line 1 col 1: a config says its version: {"ignition": {"version": "3.6.0"}, ...}\n'
                f"   --> {path}:1:1\n    |\n  1 | {{}}\n    | ^\n"
                f"{path}: not valid: invalid config version (couldn't parse): 0 errors, 0 warnings\n")
        self.assertEqual(run("-explain", path),
                         (1, want, "couldn't parse config: invalid config version (couldn't parse)\n"))
        self.assertEqual(run(path), (1, "", "couldn't parse config: invalid config version (couldn't parse)\n"))
        empty = self.file("", "empty")
        self.assertEqual(run("-explain", empty),
                         (1, f"{empty}: not valid: not a config (empty): 0 errors, 0 warnings\n",
                          "couldn't parse config: not a config (empty)\n"))

    def test_much_in_one_line(self):
        text = '{"ignition": {"version": "3.4.0"}, "storage": {"files": [' + '{"mod": 644},' * 60000 + "{}]}}"
        code, out, err = run("-explain", "-", text=text)
        self.assertEqual((code, err), (1, ""))
        self.assertLess(len(out), 2 << 20)
        self.assertIn("more findings are not shown\n", out)
        self.assertTrue(out.endswith("-: not valid: 120001 errors, 60000 warnings\n"), out[-200:])
        self.assertLess(max(map(len, out.splitlines())), 300)


class Strict(Shown):
    LINE = "config is usable, but -strict refuses warnings\n"

    def test_warnings_fail(self):
        warns, good, bad = self.file(WARNS, "w"), self.file(GOOD, "g"), self.file(BAD, "b")
        self.assertEqual(run(warns)[0], 0)
        self.assertEqual(run("-strict", warns),
                         (1, "warning at $.passwd.users.0.home_dir, line 2 col 37: unused key home_dir\n", self.LINE))
        self.assertEqual(run("-strict=false", warns)[0::2], (0, ""))
        self.assertEqual(run("--strict", good), (0, "", ""))
        self.assertEqual(run("-strict", bad), (1, PLAIN, ""))
        for form in ("json", "sarif"):
            code, out, err = run("-strict", "-format", form, warns)
            self.assertEqual((code, err), (1, self.LINE))
            json.loads(out)

    def test_advice_is_no_warning(self):
        path = self.file('{"ignition": {"version": "3.6.0"}, "storage": {"files": [{"path": "/a", "mode": 755}]}}')
        code, out, err = run("-strict", "-explain", path)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("write 493 for 0755\n", out)
        self.assertTrue(out.endswith(": valid: 0 errors, 0 warnings\n"))
        self.assertEqual(run("-strict", path), (0, "", ""))


class Json(Shown):
    def test_all_of_it(self):
        path = self.file(BAD)
        code, out, err = run("-format=json", path)
        self.assertEqual((code, err), (1, ""))
        self.assertEqual(json.loads(out), {
            "file": path, "valid": False, "error": "config is not valid",
            "counts": {"error": 1, "warning": 1, "info": 1},
            "findings": [
                {"severity": "error", "path": "$.storage.files.0.mode", "line": 3, "column": 30,
                 "message": "expected integer, got string", "rule": "expected-got",
                 "hint": "write 420: numbers in JSON are decimal, and 420 is 0644"},
                {"severity": "warning", "path": "$.storage.files.0.mod", "line": 3, "column": 38,
                 "message": "unused key mod", "rule": "unused-key", "hint": 'did you mean "mode"?'},
                {"severity": "info", "path": "$.storage.files.1.mode", "line": 4, "column": 25,
                 "message": "numbers in JSON are decimal: 755 is mode 01363; write 493 for 0755",
                 "rule": "numbers-in-json-are-decimal-is-mode-0-write-for-0"}],
            "omitted": 0})

    def test_valid_and_refused(self):
        self.assertEqual(json.loads(run("-format", "json", "-", text=GOOD)[1]),
                         {"file": "-", "valid": True, "counts": {"error": 0, "warning": 0, "info": 0},
                          "findings": [], "omitted": 0})
        code, out, err = run("-format", "json", "-", text=UNSUPPORTED)
        self.assertEqual((code, err), (1, "couldn't parse config: unsupported config version\n"))
        got = json.loads(out)
        self.assertEqual((got["valid"], got["error"]), (False, "unsupported config version"))
        self.assertEqual(got["findings"][0]["severity"], "info")
        got = json.loads(run("-format", "json", "-", text='{"a": 1, "a": 2}')[1])
        self.assertEqual(got["findings"][0]["rule"], "duplicate-key")
        self.assertNotIn("path", got["findings"][0])

    def test_what_is_not_kept_is_counted(self):
        text = '{"ignition": {"version": "3.4.0"}, "storage": {"files": [' + "{}," * 1999 + "{}]}}"
        got = json.loads(run("-format", "json", "-", text=text)[1])
        self.assertEqual(len(got["findings"]) + got["omitted"], sum(got["counts"].values()))
        self.assertEqual(len(got["findings"]), 1000)

    def test_a_name_that_is_no_text(self):
        path = os.path.join(os.fsencode(self.folder), b"\xff.ign")
        pathlib.Path(os.fsdecode(path)).write_text(GOOD, encoding="utf-8")
        done = subprocess.run([PROGRAM.encode(), b"-format", b"json", path], capture_output=True, timeout=240,
                              check=False)
        self.assertEqual(json.loads(done.stdout)["file"], self.folder + "/\ufffd.ign")
        done = subprocess.run([PROGRAM.encode(), b"-format", b"sarif", path], capture_output=True, timeout=240,
                              check=False)
        self.assertTrue(json.loads(done.stdout)["runs"][0]["artifacts"][0]["location"]["uri"].endswith("/%FF.ign"))


class Sarif(Shown):
    def check(self, log):
        """What SARIF 2.1.0 requires of the parts that are used."""
        self.assertEqual(log["version"], "2.1.0")
        self.assertRegex(log["$schema"], r"^https://.*sarif.*2\.1\.0.*\.json$")
        self.assertEqual(len(log["runs"]), 1)
        run_ = log["runs"][0]
        driver = run_["tool"]["driver"]
        self.assertEqual(driver["name"], "ignition-validate")
        self.assertRegex(driver["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(run_["columnKind"], "utf16CodeUnits")
        ids = [rule["id"] for rule in driver["rules"]]
        self.assertEqual(len(ids), len(set(ids)))
        for one in ids:
            self.assertRegex(one, r"^[a-z0-9]+(-[a-z0-9]+)*$")
        uri = run_["artifacts"][0]["location"]["uri"]
        self.assertRegex(uri, r"^[A-Za-z0-9._~/%:-]+$")
        for result in run_["results"]:
            self.assertIn(result["level"], ("error", "warning", "note"))
            self.assertEqual(ids[result["ruleIndex"]], result["ruleId"])
            self.assertTrue(result["message"]["text"])
            place = result["locations"][0]["physicalLocation"]
            self.assertEqual(place["artifactLocation"], {"uri": uri, "index": 0})
            if "region" in place:
                self.assertGreaterEqual(place["region"]["startLine"], 1)
                self.assertGreaterEqual(place["region"]["startColumn"], 1)
        return run_

    def sarif(self, *args, text=None):
        code, out, _ = run("-format", "sarif", *args, text=text)
        return code, self.check(json.loads(out))

    def test_findings(self):
        path = self.file(BAD, "a b:c.ign")
        code, got = self.sarif(path)
        self.assertEqual(code, 1)
        self.assertEqual(got["artifacts"], [{"location": {"uri": f"file://{self.folder}/a%20b%3Ac.ign"},
                                             "length": len(BAD.encode())}])
        self.assertEqual([(r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]["region"],
                           r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]) for r in got["results"]],
                         # bytes 30 and 38: two bytes of one unit, four bytes of two
                         [("expected-got", "error", {"startLine": 3, "startColumn": 27}, "$.storage.files.0.mode"),
                          ("unused-key", "warning", {"startLine": 3, "startColumn": 35}, "$.storage.files.0.mod"),
                          ("numbers-in-json-are-decimal-is-mode-0-write-for-0", "note",
                           {"startLine": 4, "startColumn": 25}, "$.storage.files.1.mode")])
        self.assertEqual(got["results"][1]["message"]["text"], 'unused key mod\nHint: did you mean "mode"?')
        self.assertEqual(got["properties"], {"valid": False, "omitted": 0})

    def test_columns_count_utf16_units(self):
        _, got = self.sarif(self.file(BAD))
        line = BAD.split("\n")[2].encode("utf-16-le")
        for result in got["results"][:2]:
            at = 2 * (result["locations"][0]["physicalLocation"]["region"]["startColumn"] - 1)
            self.assertIn(line[at:].decode("utf-16-le").split(",")[0], ('"0644"', '"mod": 1}'))

    def test_relative_names_and_standard_input(self):
        self.file(GOOD, "x.ign")
        done = subprocess.run([PROGRAM, "-format", "sarif", "x.ign"], cwd=self.folder, capture_output=True, timeout=240,
                              check=False)
        run_ = self.check(json.loads(done.stdout))
        self.assertEqual((done.returncode, run_["artifacts"][0]["location"]["uri"]), (0, "x.ign"))
        self.assertEqual((run_["results"], run_["properties"]["valid"]), ([], True))
        _, run_ = self.sarif("-", text=BAD)
        self.assertEqual(run_["artifacts"][0]["location"]["uri"], "-")

    def test_refused_without_an_error_finding(self):
        code, got = self.sarif("-", text=UNSUPPORTED)
        self.assertEqual(code, 1)
        last = got["results"][-1]
        self.assertEqual((last["ruleId"], last["level"], last["message"]["text"]),
                         ("unsupported-config-version", "error", "unsupported config version"))
        self.assertNotIn("region", last["locations"][0]["physicalLocation"])
        self.assertEqual([r["level"] for r in got["results"]], ["note", "error"])


class CommandLine(Shown):
    def test_bad_flags(self):
        for args, first in [(("-format", "xml", "-"), 'invalid value "xml" for flag -format: xml is not a valid format'),
                            (("-explain=maybe", "-"), 'invalid boolean value "maybe" for -explain: parse error'),
                            (("-format",), "flag needs an argument: -format"),
                            (("-srict", "-"), "flag provided but not defined: -srict")]:
            code, out, err = run(*args, text=GOOD)
            self.assertEqual((code, out, err.splitlines()[0]), (2, "", first))

    def test_one_file_as_upstream(self):
        for args in (("-strict",), ("-format", "json", "a", "b")):
            code, out, err = run(*args)
            self.assertEqual((code, out), (1, ""))
            self.assertIn("Usage: ignition-validate", err)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for args in (("-explain",), ("-format", "json"), ("-format", "sarif")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, *args, "-"], input=GOOD.encode(), stdout=full, stderr=subprocess.PIPE,
                                      timeout=240, check=False)
            self.assertEqual((done.returncode, done.stderr), (1, b"couldn't write the report\n"))


if __name__ == "__main__":
    unittest.main()
