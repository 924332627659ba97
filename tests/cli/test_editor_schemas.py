"""The schemas for editors say what ignition-validate says about the shape of a config.

They accept all that it accepts: the examples, the seeds of the fuzzer, and tests/data/config/accepted/,
where full.json has every field of its version, nulls.json has null for objects, and what is bare-* lacks
something that a strict schema asks for.
Of made-up configs in which values have wrong types they complain about exactly the same places.
"""
import copy
import json
import os
import pathlib
import random
import re
import subprocess
import unittest

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    raise SystemExit(77)

ROOT = pathlib.Path(os.environ.get("HEARTH_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
VALIDATE = os.path.join(os.environ["HEARTH_BIN_DIR"], "ignition-validate")
EDITOR = ROOT / "schemas/editor"
ACCEPTED = ROOT / "tests/data/config/accepted"
STEMS = [p.stem.removeprefix("ignition-") for p in sorted(EDITOR.glob("*.json")) if not p.stem.endswith("-strict")]
WRONG_TYPE = re.compile(r"error at (\$\S*?)(?:, line \d+ col \d+)?: expected ")
IGNORED = re.compile(r"unused key|unrecognized key|context tree does not match")
OTHERS = [None, True, 7, 1.5, "", [], {}]


def load(stem, strict=False):
    schema = json.loads((EDITOR / f"ignition-{stem}{'-strict' if strict else ''}.json").read_text())
    return jsonschema.Draft202012Validator(schema)


LOOSE = {stem: load(stem) for stem in STEMS}
STRICT = {stem: load(stem, True) for stem in STEMS}


def version(stem):
    number, dash, suffix = stem.partition("-")
    return f"{number}.0{dash}{suffix}"


def stem_of(config):
    """The schema for a config, by the version that it names; None if it names none in the usual way."""
    if isinstance(config, dict) and "ignitionVersion" in config:
        return "1"
    try:
        named = config["ignition"]["version"]
    except (KeyError, TypeError):
        return None
    return next((s for s in STEMS if version(s) == named), None)


def validate(text):
    done = subprocess.run([VALIDATE, "-"], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def place(error):
    return ".".join(["$"] + [str(p) for p in error.absolute_path])


def paths(value, at=()):
    yield at
    for key, member in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(member, at + (key,))


def put(config, at, value):
    for key in at[:-1]:
        config = config[key]
    config[at[-1]] = value


def general(at):
    return tuple("[]" if isinstance(k, int) else k for k in at)


def sample(stem):
    """A config with every field in its type; what it says makes no sense."""
    schema = LOOSE[stem].schema

    def make(node):
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        kind = node["type"][0] if isinstance(node["type"], list) else node["type"]
        if kind == "object":
            return {key: make(member) for key, member in node["properties"].items()}
        if kind == "array":
            return [make(node["items"])]
        return {"string": "", "integer": 1, "boolean": False}[kind]

    config = make(schema)
    if stem != "1":
        config["ignition"]["version"] = version(stem)
    return config


class Accepted(unittest.TestCase):
    def files(self):
        yield from sorted((ROOT / "docs/examples").glob("*.ign"))
        yield from sorted((ROOT / "tests/fuzz/corpus/config").iterdir())
        for stem in STEMS:
            yield from sorted((ACCEPTED / stem).glob("*.json"))

    def test_what_ignition_accepts(self):
        counts = {True: 0, False: 0}
        for file in self.files():
            mine = ACCEPTED in file.parents
            status, said = validate(file.read_text(encoding="utf-8", errors="surrogateescape")) if mine else (
                subprocess.run([VALIDATE, file], capture_output=True, check=False).returncode, "")
            if mine or file.suffix == ".ign":
                self.assertEqual(status, 0, f"{file}: {said}")
            if status != 0:
                continue
            config = json.loads(file.read_text())
            stem = file.parent.name if mine else stem_of(config)
            if stem:
                self.assertEqual([e.message for e in LOOSE[stem].iter_errors(config)], [], file)
            else:  # a version spelt in another way
                self.assertTrue(any(schema.is_valid(config) for schema in LOOSE.values()), file)
            if mine:
                writable = not IGNORED.search(said) and not file.name.startswith(("bare-", "nulls"))
                self.assertEqual(STRICT[stem].is_valid(config), writable, file)
            counts[mine] += 1
        self.assertGreater(counts[False], 3)
        self.assertGreater(counts[True], 3 * len(STEMS))

    def test_examples_of_the_manual(self):
        page = (ROOT / "docs/man/ignition-config.5").read_text()
        page = re.search(r"^\.EX\n(.*?)^\.EE", page, re.S | re.M)[1].replace("\\-", "-").replace("\\e", "\\")
        reference = re.search(r"```json\n(\{.*?)```", (ROOT / "docs/config-reference.md").read_text(), re.S)[1]
        for text in (page, reference):
            self.assertEqual(validate(text), (0, ""))
            self.assertTrue(STRICT["3.6"].is_valid(json.loads(text)))

    def test_every_field_occurs(self):
        for stem in STEMS:
            full = json.loads((ACCEPTED / stem / "full.json").read_text())
            here, there = ({general(p) for p in paths(c)} for c in (full, sample(stem)))
            self.assertEqual(there - here, set(), stem)
            self.assertEqual(here - there, set(), stem)


class Agreement(unittest.TestCase):
    def complaints(self, stem, config):
        """(places that the schema complains about, places that ignition-validate does)"""
        status, said = validate(json.dumps(config))
        self.assertIn(status, (0, 1), said)
        return {place(e) for e in LOOSE[stem].iter_errors(config)}, set(WRONG_TYPE.findall(said))

    def test_the_sample_has_the_right_types(self):
        for stem in STEMS:
            self.assertEqual(self.complaints(stem, sample(stem)), (set(), set()), stem)

    def test_the_same_places(self):
        """Many values of a config have another type at once; each wrong one is found, and no other."""
        dice, wrong = random.Random(3), 0
        for stem in STEMS:
            whole = sample(stem)
            where = [p for p in paths(whole) if len(p) > 1 and p != ("ignition", "version")]
            for _ in range(5):
                config = copy.deepcopy(whole)
                for at in sorted(dice.sample(where, 30), key=len, reverse=True):
                    put(config, at, dice.choice(OTHERS))
                schema, ignition = self.complaints(stem, config)
                self.assertEqual(schema, ignition, f"{stem}: {json.dumps(config)}")
                wrong += len(schema)
        self.assertGreater(wrong, 60 * len(STEMS))

    def test_one_wrong_value(self):
        """The verdicts over a config that is right but for one value."""
        dice, refused = random.Random(4), 0
        for stem in STEMS:
            whole = json.loads((ACCEPTED / stem / "full.json").read_text())
            where = [p for p in paths(whole) if p]
            for at in dice.sample(where, 14):
                config, value = copy.deepcopy(whole), dice.choice([True, 1.5, "", [], {}])
                put(config, at, value)
                schema, ignition = self.complaints(stem, config)
                if at[-1] in ("version", "ignition", "ignitionVersion"):  # its own errors
                    self.assertTrue(schema and validate(json.dumps(config))[0] == 1, f"{stem}: {at} = {value!r}")
                else:
                    self.assertEqual(schema, ignition, f"{stem}: {at} = {value!r}")
                refused += bool(schema)
        self.assertGreater(refused, 7 * len(STEMS))

    def test_the_version(self):
        for stem in ("1", "2.0", "2.4", "3.0", "3.6", "3.7-experimental"):
            if stem == "1":
                wrong = [{}, {"ignitionVersion": "1"}, {"ignitionVersion": None}, {"ignitionVersion": 3}]
            else:
                wrong = [{}, {"ignition": None}, {"ignition": []}, {"ignition": {}}, {"ignition": {"version": None}},
                         {"ignition": {"version": 3}}, {"ignition": {"version": ""}},
                         {"ignition": {"version": version(stem) + "+x"}}, {"ignition": {"version": "4.0.0"}}]
            for config in wrong + [None, [], "", 1, True]:
                self.assertFalse(LOOSE[stem].is_valid(config), f"{stem}: {config}")
                self.assertFalse(STRICT[stem].is_valid(config), f"{stem}: {config}")
                self.assertEqual(validate(json.dumps(config))[0], 1, f"{stem}: {config}")

    def test_what_json_schema_cannot_say(self):
        """420.0 is an integer for JSON Schema, and not for ignition; documented in the reference."""
        config = {"ignition": {"version": "3.6.0"}, "storage": {"files": [{"path": "/a", "mode": 420.0}]}}
        self.assertTrue(LOOSE["3.6"].is_valid(config))
        self.assertEqual(validate(json.dumps(config))[0], 1)


class Form(unittest.TestCase):
    def test_they_are_schemas(self):
        for schemas in (LOOSE, STRICT):
            for validator in schemas.values():
                jsonschema.Draft202012Validator.check_schema(validator.schema)

    def test_every_field_explains_itself(self):
        ids = set()
        for validator in [*LOOSE.values(), *STRICT.values()]:
            schema = validator.schema
            ids.add(schema["$id"])
            for node in [schema, *schema["$defs"].values()]:
                for key, field in node["properties"].items():
                    self.assertTrue(field["title"] and field["description"].endswith("."), f"{schema['$id']}: {key}")
                    self.assertNotIn("`", field["description"])
                    if "default" in field:
                        self.assertTrue(jsonschema.Draft202012Validator(field).is_valid(field["default"]), key)
        self.assertEqual(len(ids), 2 * len(STEMS))

    def test_one_schema_for_all_versions(self):
        """It picks the strict schema of the version, and none for a config that names no version."""
        whole = json.loads((EDITOR / "ignition-any-strict.json").read_text())
        picks = {rule["then"]["$ref"]: jsonschema.Draft202012Validator(rule["if"]) for rule in whole.pop("allOf")}
        rest = jsonschema.Draft202012Validator(whole)
        self.assertEqual(set(picks), {f"ignition-{stem}-strict.json" for stem in STEMS})
        for stem in STEMS:
            config = json.loads((ACCEPTED / stem / "full.json").read_text())
            self.assertTrue(rest.is_valid(config), stem)
            self.assertEqual([ref for ref, picked in picks.items() if picked.is_valid(config)],
                             [f"ignition-{stem}-strict.json"])
        for config in ({}, {"ignition": {}}, {"ignition": {"version": "3.6"}}, {"ignition": {"version": "4.0.0"}}, []):
            self.assertFalse(rest.is_valid(config), config)

    def test_strict_finds_typing_errors(self):
        config = {"ignition": {"version": "3.6.0"}, "storage": {"files": [{"path": "/a", "moed": 420}, {"mode": 420}]}}
        self.assertTrue(LOOSE["3.6"].is_valid(config))
        self.assertEqual({place(e) for e in STRICT["3.6"].iter_errors(config)}, {"$.storage.files.0", "$.storage.files.1"})

    def test_deprecated_fields_are_marked(self):
        unit = lambda stem: LOOSE[stem].schema["$defs"]["unit"]["properties"]["enable"]
        self.assertNotIn("deprecated", unit("2.0"))
        self.assertTrue(unit("2.4")["deprecated"])


if __name__ == "__main__":
    unittest.main()
