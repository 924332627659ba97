"""What the fields of a family mean: schemas/descriptions/<family>.json joined with its schemas.

A description belongs to a definition and a field of the newest version; older versions find theirs
by the path. A field without a description stops the generator, and so does the reverse.

An entry has `text` and, where they apply:
  default, default_text   what an absent field means: a JSON value, or words
  required                first minor version in which the field must be there
  values, open            known values with their first minor; every other one is refused, from the
                          minor version `open` on it is accepted
  range                   [lowest, highest] number that is accepted
  format, examples        as in JSON Schema
  notes                   sentences about differences between versions
  deprecated              {since: minor, text: what to use instead}
  title                   where the one made from the key is wrong
  same                    takes text, default, format, examples, range and title from this
                          definition.field of the family `ignition`
A definition has `text`, and `section` when the reference has a section of that name for it; the
others are shown in the section that they are used in. limits.json says what this build refuses.
"""
import json
import re

SHARED = ("text", "default", "default_text", "format", "examples", "range", "title")
KNOWN = set(SHARED) | {"required", "values", "open", "notes", "deprecated", "same"}
WORDS = {"cex": "CEX", "gecos": "GECOS", "gid": "GID", "guid": "GUID", "http": "HTTP", "https": "HTTPS",
         "id": "id", "luks": "LUKS", "mib": "(MiB)", "raid": "RAID", "ssh": "SSH", "tls": "TLS",
         "tpm2": "TPM 2", "uid": "UID", "url": "URL", "uuid": "UUID", "tang": "tang"}


def die(text):
    raise SystemExit("schemagen: " + text)


def title_of(key):
    """httpTotal -> HTTP total"""
    words = re.findall(r"[A-Z]?[a-z0-9]+(?:iB)?|[A-Z]+(?![a-z])", key)
    text = " ".join(WORDS.get(w.lower(), w.lower()) for w in words)
    return text[0].upper() + text[1:]


class Field:
    """One field of one version."""

    def __init__(self, key, kind, child, note):
        self.key, self.kind, self.child = key, kind, child  # child: definition of the object or entry
        self.note = note
        self.nullable = self.required = False
        self.places = {}  # path of the object around it -> first minor there
        self.order = 0    # in the reference

    @property
    def since(self):
        return min(self.places.values())

    @property
    def title(self):
        return self.note.get("title") or title_of(self.key)

    def sentences(self, minor):
        """What is to be said about the field in that version, without its default."""
        out = [self.note["text"]] + self.note.get("notes", [])
        if self.deprecated(minor):
            out.append("Deprecated. " + self.note["deprecated"]["text"])
        return out + ([self.note["limit"]] if "limit" in self.note else [])

    def deprecated(self, minor):
        return "deprecated" in self.note and self.note["deprecated"]["since"] <= minor

    def values(self, minor):
        """(values known to the version, whether it refuses all others)"""
        known = [v for v, since in self.note.get("values", {}).items() if since <= minor]
        return known, bool(known) and minor < self.note.get("open", minor + 1)


class Described:
    """A family with its texts. views[i] belongs to schemas[i]: definition -> fields, in its order."""

    def __init__(self, family, folder):
        self.family, self.name, self.merge_notes = family, family.folder.name, family.notes["lists"]
        self.texts = json.loads((folder / (self.name + ".json")).read_text())
        self.shared = json.loads((folder / "ignition.json").read_text())["definitions"]
        self.limits = json.loads((folder / "limits.json").read_text())
        self.used, self.limited = set(), set()
        self.views = [self.view(schema) for schema in family.schemas]
        self.newest = self.views[-1]
        self.refuse_leftovers()

    def minors(self):
        return [schema.minor for schema in self.family.schemas]

    def version(self, minor):
        """As a config names it: 3.7.0-experimental; spec 1 is just 1."""
        stem = self.family.schemas[self.minors().index(minor)].path.stem
        if self.texts["prefix"] == "1":
            return "1"
        number, dash, suffix = stem.partition("-")
        return f"{number}.0{dash}{suffix}"

    def short(self, minor):
        return f"{self.texts['prefix']}.{minor}"

    def note(self, owner, base, key):
        """(entry, place in the order of the descriptions) of a field, its own or its base's"""
        order = []
        for definition in (base, owner):
            fields = self.texts["definitions"].get(definition, {}).get("fields", {})
            order += [k for k in fields if k not in order]
        for definition in (owner, base):
            fields = self.texts["definitions"].get(definition, {}).get("fields", {})
            if key in fields:
                self.used.add((definition, key))
                return self.complete(definition, key, dict(fields[key])), order.index(key)
        return die(f"descriptions/{self.name}.json: {owner}.{key} is not described")

    def complete(self, owner, key, note):
        where = f"descriptions/{self.name}.json: {owner}.{key}"
        if "same" in note:
            definition, _, field = note["same"].partition(".")
            other = self.shared.get(definition, {}).get("fields", {}).get(field) or \
                die(f"{where} is the same as {note['same']}, which is not described")
            note = {k: other[k] for k in SHARED if k in other} | note
        if unknown := set(note) - KNOWN:
            die(f"{where}: unknown word {sorted(unknown)[0]}")
        if not note.get("text", "").endswith("."):
            die(f"{where} needs a text of whole sentences")
        if limit := self.limits["fields"].get(f"{owner}.{key}"):
            note["limit"] = limit
            self.limited.add(f"{owner}.{key}")
        return note

    def view(self, schema):
        """Walks a version beside the newest one, whose definitions have the texts."""
        found, newest = {}, self.family.newest

        def walk(node, new, path):
            name, node, _ = schema.resolve(node)
            owner, new, base = newest.resolve(new)
            if schema.kind(node)[0] == "array":
                walk(node["items"], new["items"], path + "[]")
            elif schema.kind(node)[0] == "object":
                fields = found.setdefault(name or "config", {})
                for key, member in node["properties"].items():
                    where = f"{path}.{key}"
                    note, order = self.note(owner or "config", base, key)
                    field = fields.setdefault(key, self.field(schema, key, member, note))
                    field.places[path] = self.family.known[where][0]
                    field.order = order
                    field.required = (key in node.get("required", []) or
                                      note.get("required", schema.minor + 1) <= schema.minor)
                    walk(member, new["properties"][key], where)

        walk(schema.root, newest.root, "$")
        return found

    @staticmethod
    def field(schema, key, member, note):
        name, node, _ = schema.resolve(member)
        kind, nullable = schema.kind(node)
        if kind == "array":
            name, entry, _ = schema.resolve(node["items"])
            kind = "list of " + schema.kind(entry)[0] + "s"
        out = Field(key, kind, name, note)
        out.nullable = nullable
        return out

    def late(self, field):
        """places that learnt the field later than others did, with the minor: {minor: [path, ...]}"""
        out = {}
        for place, since in sorted(field.places.items()):
            if since > max(field.since, self.family.known[place][0]):
                out.setdefault(since, []).append(place.removeprefix("$."))
        return out

    def added(self, minor):
        """Paths that came with a version, without what is below them."""
        known = self.family.known
        parent = lambda path: path.removesuffix("[]").rpartition(".")[0]
        return [path.removeprefix("$.") for path, (since, _) in known.items()
                if since == minor and not path.endswith("[]") and known[parent(path)][0] < minor]

    def refuse_leftovers(self):
        for definition, entry in self.texts["definitions"].items():
            if "text" not in entry or set(entry) - {"text", "section", "fields"}:
                die(f"descriptions/{self.name}.json: {definition} is not described as a definition")
            for key in entry["fields"]:
                if (definition, key) not in self.used:
                    die(f"descriptions/{self.name}.json: {definition}.{key} describes nothing")

    def merging(self, owner, key):
        """What a merge does with a list, in words."""
        note = self.merge_notes.get(f"{owner}.{key}")
        if note is None or note == "append":
            return note
        if note.get("space"):
            others = [k.partition(".")[2] for k, v in self.merge_notes.items()
                      if k.startswith(owner + ".") and v != "append" and v.get("space") == note["space"]]
            within = " in " + ", ".join(f"`{k}`" for k in others)
        else:
            within = ""
        if not note["key"]:
            return "by value" + within
        return f"by `{note['key']}`" + (f", else `{note['else']}`" if "else" in note else "") + within


def describe(families, folder):
    """The families with their texts."""
    out = [Described(family, folder) for family in families]
    for place in out[0].limits["fields"]:
        if not any(place in described.limited for described in out):
            die(f"descriptions/limits.json: {place} limits nothing")
    return out
