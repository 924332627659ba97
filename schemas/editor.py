"""JSON Schemas (draft 2020-12) of every version, for editors and for checks outside this project.

Two of each version:

  ignition-3.6.json         accepts whatever a config of the version may look like: unknown keys, null
                            for anything, the version also with leading zeros, and `ignition` and its
                            `version` in any case. It refuses wrong types and values that no rule lets pass.
  ignition-3.6-strict.json  for writing: unknown keys, null for objects and missing required fields
                            are faults, too, and what is to be a URI has that format.

ignition-any-strict.json picks the strict schema of the version that a config names, for editors that
take one schema for all files of a kind.

What JSON Schema cannot say (rules between fields, 420.0 being no integer) stays with ignition-validate.
"""
import json

INT64 = {"minimum": -2**63, "maximum": 2**63 - 1}


def plain(text):
    return text.replace("`", "")


def any_case(key):
    """A pattern that matches the key in any case, as the decoder does."""
    return "^" + "".join(f"[{c.upper()}{c.lower()}]" for c in key) + "$"


def needs(key):
    """The key in any case. Its exact form comes first: that one an editor asks for and completes."""
    return {"anyOf": [{"required": [key]}, {"not": {"propertyNames": {"not": {"pattern": any_case(key)}}}}]}


class Editor:
    def __init__(self, described, index, strict):
        self.described, self.strict = described, strict
        self.minor = described.family.schemas[index].minor
        self.view = described.views[index]
        self.nullable = {f.child for fields in self.view.values() for f in fields.values() if f.nullable}
        self.version = described.version(self.minor)
        self.name = "ignition-" + (self.version if self.version == "1" else described.family.schemas[index].path.stem)
        self.name += "-strict" if strict else ""

    def description(self, field):
        out = field.sentences(self.minor)
        if "default_text" in field.note:
            out.append(f"Default: {field.note['default_text']}.")
        return plain(" ".join(out))

    def scalar(self, field):
        out = {"type": [field.kind, "null"]}
        values, closed = field.values(self.minor)
        if closed:
            out["enum"] = values + ["", None]
        elif values:
            out["examples"] = values
        if field.kind == "integer":
            lowest, highest = field.note.get("range", (None, None))
            out |= INT64 if lowest is None else {"minimum": lowest, "maximum": highest}
        if self.strict and "format" in field.note:
            out["anyOf"] = [{"format": field.note["format"]}, {"const": ""}]
        return out

    def value(self, field):
        if field.key == "version":
            return self.version_value()
        if field.key == "ignitionVersion":
            return {"type": "integer", "const": 1}
        if field.kind == "object":
            return {"$ref": f"#/$defs/{field.child}"}
        if field.kind == "list of objects":
            return {"type": ["array", "null"], "items": {"$ref": f"#/$defs/{field.child}"}}
        if field.kind == "list of strings":
            return {"type": ["array", "null"], "items": {"type": ["string", "null"]}}
        return self.scalar(field)

    def version_value(self):
        if self.strict:
            return {"type": "string", "const": self.version}
        number, dash, suffix = self.version.partition("-")
        pattern = "^" + r"\.".join("0*" + n for n in number.split(".")) + dash + suffix + "$"
        return {"type": "string", "anyOf": [{"const": self.version}, {"pattern": pattern}]}

    def field(self, field):
        out = {"title": field.title, "description": self.description(field)} | self.value(field)
        if "default" in field.note:
            out["default"] = field.note["default"]
        if field.deprecated(self.minor):
            out["deprecated"] = True
        if "examples" in field.note:
            out.setdefault("examples", field.note["examples"])
        return out

    def definition(self, name):
        fields = self.view[name]
        nullable = name in self.nullable if self.strict else name not in ("config", "ignition")
        out = {"type": ["object", "null"] if nullable else "object",
               "properties": {key: self.field(f) for key, f in fields.items()}}
        if self.strict:
            required = [key for key, f in fields.items() if f.required]
            return out | ({"required": required} if required else {}) | {"additionalProperties": False}
        if name == "ignition":
            return out | needs("version")
        if name == "config":
            return out | needs(next(key for key in ("ignition", "ignitionVersion") if key in fields))
        return out

    def schema(self):
        head = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:hearth:schema:{self.name}",
            "title": f"Ignition config {self.version}",
            "description": f"A config of spec version {self.version}" +
                           (", without unknown keys and with all that is required." if self.strict else "."),
        }
        others = {name: self.definition(name) for name in self.view if name != "config"}
        return head | self.definition("config") | {"$defs": others}


def layout(value, indent=0):
    """As json.dumps(), but what fits is in one line."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + len(line) <= 100 or not isinstance(value, (dict, list)):
        return line
    inner = indent + 2
    if isinstance(value, list):
        parts, ends = [layout(v, inner) for v in value], "[]"
    else:
        parts = [f"{json.dumps(k)}: {layout(v, inner)}" for k, v in value.items()]
        ends = "{}"
    pad = "\n" + " " * inner
    return ends[0] + pad + ("," + pad).join(parts) + "\n" + " " * indent + ends[1]


def names(version):
    """What a config of the version looks like from outside."""
    if version == "1":
        return {"required": ["ignitionVersion"]}
    ignition = {"properties": {"version": {"const": version}}, "required": ["version"]}
    return {"properties": {"ignition": ignition}, "required": ["ignition"]}


def any_version(editors):
    """The references are relative to the file, so it has no $id of its own."""
    numbers = [editor.version for editor in editors if editor.version != "1"]
    version = {"title": "Version", "description": "The version of the spec that the config is written in.",
               "enum": sorted(numbers, reverse=True)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ignition config",
        "description": "A config of any version, without unknown keys and with all that is required.",
        "type": "object",
        "anyOf": [{"required": ["ignition"]}, {"required": ["ignitionVersion"]}],
        "properties": {"ignition": {"properties": {"version": version}, "required": ["version"]}},
        "allOf": [{"if": names(editor.version), "then": {"$ref": f"{editor.name}.json"}} for editor in editors],
    }


def write(families):
    """path below the project -> text"""
    editors = [Editor(described, index, strict) for described in families
               for index in range(len(described.views)) for strict in (False, True)]
    out = {editor.name: editor.schema() for editor in editors}
    out["ignition-any-strict"] = any_version([editor for editor in editors if editor.strict])
    return {f"schemas/editor/{name}.json": layout(schema) + "\n" for name, schema in out.items()}
