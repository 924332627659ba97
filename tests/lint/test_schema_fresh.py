"""The generated tables are what the schemas say, and released schemas only ever grow."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("HEARTH_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
SCHEMAS = ROOT / "schemas"
NOTES = json.loads((SCHEMAS / "annotations.json").read_text())


def generate(schemas, out):
    return subprocess.run([sys.executable, str(schemas / "schemagen.py"), "-o", str(out)], capture_output=True,
                          text=True, check=False)


def versions(family):
    files = (SCHEMAS / family).glob("*.json")
    return sorted(files, key=lambda p: int(re.match(r"\d+\.(\d+)", p.name).group(1)))


def paths(schema):
    """path -> type, written independently of the generator"""
    found = {}

    def walk(node, path):
        while "$ref" in node:
            node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]]
        if "allOf" in node:
            for part in node["allOf"]:
                walk(part, path)
            return
        kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
        found[path] = next(k for k in kinds if k != "null")
        for key, member in node.get("properties", {}).items():
            walk(member, f"{path}.{key}")
        if "items" in node:
            walk(node["items"], path + "[]")

    walk(schema, "$")
    return found


class Fresh(unittest.TestCase):
    def test_generated_files(self):
        with tempfile.TemporaryDirectory() as folder:
            done = generate(SCHEMAS, folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            made = {str(p.relative_to(folder)): p.read_bytes() for p in pathlib.Path(folder).rglob("*") if p.is_file()}
            for notes in NOTES.values():
                for name in ("types_gen.h", "tables_gen.c"):
                    self.assertIn(f"{notes['output']}/{name}", made)
            for name, text in made.items():
                self.assertEqual((ROOT / name).read_bytes(), text, f"{name} is stale: run schemas/schemagen.py")
            there = {f"schemas/editor/{p.name}" for p in (SCHEMAS / "editor").iterdir()}
            self.assertEqual(there - set(made), set(), "files that no version makes any more")

    def test_versions_only_grow(self):
        for family in NOTES:
            before = {}
            self.assertTrue(versions(family))
            for file in versions(family):
                now = paths(json.loads(file.read_text()))
                for path, kind in before.items():
                    self.assertEqual(now.get(path), kind, f"{file.name}: {path}")
                before = now

    def test_what_each_version_added(self):
        """As many new members as upstream's versions brought; a frozen file cannot change unseen."""
        def counts(family):
            added, before = [], set()
            for file in versions(family):
                now = set(paths(json.loads(file.read_text()))) - {"$"}
                added.append(len(now - before))
                before = now
            return added
        self.assertEqual(counts("ignition"), [136, 30, 32, 5, 4, 2, 0, 0])
        self.assertEqual(counts("ignition1"), [76])
        self.assertEqual(counts("ignition2"), [97, 46, 17, 4, 21])

    def test_every_list_and_secret_is_annotated(self):
        for notes in NOTES.values():
            tables = (ROOT / notes["output"] / "tables_gen.c").read_text()
            self.assertEqual(tables.count("CFG_LIST,") + tables.count("CFG_STRLIST,"), tables.count(".rule = "))
            self.assertRegex(tables, r'"passwordHash", CFG_STR,.*CFG_SENSITIVE')


class Refused(unittest.TestCase):
    """What the generator must not let through."""

    def broken(self, file, change, message):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "schemas")
            shutil.copytree(SCHEMAS, copy, ignore=shutil.ignore_patterns("__pycache__"))
            data = json.loads((copy / file).read_text())
            change(data)
            (copy / file).write_text(json.dumps(data))
            done = generate(copy, pathlib.Path(folder, "out"))
            self.assertEqual(done.returncode, 1)
            self.assertIn(message, done.stderr)
            self.assertFalse(pathlib.Path(folder, "out").exists())

    def test_rules_in_a_schema(self):
        def change(s):
            s["definitions"]["verification"]["properties"]["hash"]["pattern"] = "^sha512-"
        self.broken("ignition/3.2.json", change, "keyword pattern says more than shape")

    def test_a_removed_path(self):
        def change(s):
            del s["definitions"]["partition"]["properties"]["guid"]
        self.broken("ignition/3.5.json", change, "$.storage.disks[].partitions[].guid was removed")

    def test_a_retyped_path(self):
        def change(s):
            s["definitions"]["disk"]["properties"]["wipeTable"]["type"] = "string"
        self.broken("ignition/3.6.json", change, "$.storage.disks[].wipeTable changed from boolean to string")

    def test_a_list_without_a_rule(self):
        def change(notes):
            del notes["ignition"]["lists"]["raid.devices"]
        self.broken("annotations.json", change, "no rule for the list raid.devices")

    def test_a_field_that_nobody_described(self):
        def change(texts):
            del texts["definitions"]["node"]["fields"]["path"]
        self.broken("descriptions/ignition.json", change, "directory.path is not described")

    def test_a_description_of_nothing(self):
        def change(texts):
            texts["definitions"]["user"]["fields"]["pasword"] = {"text": "The password."}
        self.broken("descriptions/ignition.json", change, "user.pasword describes nothing")

    def test_a_limit_of_nothing(self):
        def change(limits):
            limits["fields"]["storage.lucks"] = "Refused."
        self.broken("descriptions/limits.json", change, "storage.lucks limits nothing")

    def test_an_annotation_of_nothing(self):
        def change(notes):
            notes["ignition"]["sensitive"].append("user.pasword")
        self.broken("annotations.json", change, "user.pasword names nothing")


if __name__ == "__main__":
    unittest.main()
