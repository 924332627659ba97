"""docs/config-reference.md and docs/man/ignition-config.5, from descriptions and schemas.

Their frames are in schemas/frames/. A line `@fields FAMILY@`, `@history FAMILY@`, `@schemes FAMILY@`
or `@names FAMILY@` of a frame is replaced by the text made for that family.
"""
import json
import re
import textwrap

from describe import die


def joined(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def code(value):
    """A JSON scalar as a config has it."""
    return "`" + (value if isinstance(value, str) else json.dumps(value)) + "`"


class Section:
    """The fields that the reference shows together: those of a definition and of what belongs to it."""

    def __init__(self, described, name):
        self.described, self.name = described, name
        note = described.texts["definitions"][name]
        self.title, self.text = note["section"], note["text"]
        self.rows = list(self.walk(name, "", 0))  # (name, definition, field, since)

    def walk(self, owner, prefix, since):
        for field in sorted(self.described.newest[owner].values(), key=lambda f: f.order):
            child = field.child if field.kind in ("object", "list of objects") else None
            inline = child and "section" not in self.described.texts["definitions"][child]
            if not inline or field.kind != "object":
                yield prefix + field.key, owner, field, max(since, field.since)
            if inline:
                below = prefix + field.key + ("." if field.kind == "object" else "[].")
                yield from self.walk(child, below, max(since, field.since))


def sections(described):
    return [Section(described, name) for name, note in described.texts["definitions"].items() if "section" in note]


def need(described, field):
    """"required", or "" when the field may be absent."""
    since = field.note.get("required", 0)
    if not field.required:
        return ""
    return "required" + (f" since {described.short(since)}" if since > described.minors()[0] else "")


def default(field):
    if "default" in field.note:
        return code(field.note["default"])
    if "default_text" in field.note:
        return field.note["default_text"]
    return "empty" if field.kind.startswith("list") else ""


def meaning(described, owner, field):
    out = field.sentences(described.minors()[-1])
    values = field.note.get("values")
    if values:
        first = min(values.values())
        out.insert(1, "Values: " + ", ".join(
            code(v) + (f" (since {described.short(since)})" if since > first else "")
            for v, since in values.items()) + ".")
    for since, places in described.late(field).items():
        out.append(f"Since {described.short(since)} in {joined([f'`{p}`' for p in places])}.")
    rule = described.texts.get("merged") and described.merging(owner, field.key)
    if rule:
        out.append("Merging: " + ("appended." if rule == "append" else f"{rule}."))
    return " ".join(out)


class Markdown:
    """For docs/config-reference.md."""

    def anchor(self, described, section):
        return f"v{described.texts['prefix']}-" + re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")

    def fields(self, described):
        out, shown = [], sections(described)
        anchors = {s.name: self.anchor(described, s) for s in shown}
        many = len(described.minors()) > 1
        for section in shown:
            out += [f'### <a id="{anchors[section.name]}"></a>{section.title}', "", section.text, ""]
            out += ["| Field | Type | Default |" + (" Since |" if many else "") + " Meaning |",
                    "|---|---|---|" + ("---|" if many else "") + "---|"]
            for name, owner, field, since in section.rows:
                kind = field.kind
                if field.child in anchors and "object" in kind:
                    kind = f"[{kind}](#{anchors[field.child]})"
                absent = need(described, field)
                cells = [f"`{name}`", kind, f"**{absent}**" if absent else default(field)]
                cells += [described.short(since)] if many else []
                cells.append(meaning(described, owner, field))
                out.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
            out.append("")
        return out[:-1]

    def history(self, described):
        out = ["| Version | Since Ignition | New fields | Other changes |", "|---|---|---|---|"]
        for minor in described.minors():
            note = described.texts["history"][str(minor)]
            new = "" if minor == described.minors()[0] else ", ".join(f"`{p}`" for p in described.added(minor))
            out.append(f"| {described.version(minor)} | {note['ignition']} | {new} | {note['text']} |")
        return out

    def schemes(self, described):
        out = ["| Scheme | Since | This build |", "|---|---|---|"]
        for scheme, since in described.texts["schemes"].items():
            does = ("refuses it: spec 3 has no such URLs" if scheme in described.texts.get("untranslated", []) else
                    "refuses it when fetching" if scheme in described.limits["schemes"] else "fetches it")
            out.append(f"| `{scheme}` | {described.short(since)} | {does} |")
        return out


class Man:
    """For docs/man/ignition-config.5, in the macros of man(7)."""

    def text(self, markdown):
        """Paragraph text: `code` is bold, one sentence a line, no line that troff takes for a request."""
        parts = markdown.replace("\\", "\\e").split("`")
        for i in range(1, len(parts), 2):
            parts[i] = "\\fB" + parts[i].replace("-", "\\-").replace(" ", "\\ ") + "\\fR"
        lines = []
        for sentence in re.split(r"(?<=[.:]) (?=[A-Z0-9\\])", "".join(parts)):
            lines += textwrap.wrap(sentence, 100, break_long_words=False, break_on_hyphens=False)
        return ["\\&" + line if line[0] in ".'" else line for line in lines]

    def fields(self, described):
        out = []
        for section in sections(described):
            out += [f'.SS "{section.title}"'] + self.text(section.text)
            for name, owner, field, since in section.rows:
                facts = [field.kind, need(described, field)]
                facts += [f"since {described.short(since)}"] if since > described.minors()[0] else []
                out += [".TP", f"\\fB{name}\\fR ({', '.join(f for f in facts if f)})"]
                out += self.text(meaning(described, owner, field))
                if default(field) and not field.required and not field.kind.startswith("list"):
                    out += self.text(f"Default: {default(field)}.")
        return out

    def names(self, described):
        """Just what there is, for versions that nobody should write any more."""
        out = []
        for section in sections(described):
            names = [f"`{name}`" + (f" ({described.short(since)})" if since > 0 else "")
                     for name, _, _, since in section.rows]
            out += [".TP", f"\\fB{section.title}\\fR"] + self.text(", ".join(names) + ".")
        return out

    def history(self, described):
        out = []
        for minor in described.minors():
            note = described.texts["history"][str(minor)]
            new = "" if minor == described.minors()[0] else joined([f"`{p}`" for p in described.added(minor)] or [""])
            out += [".TP", f"\\fB{described.version(minor)}\\fR".replace("-", "\\-")]
            out += self.text(note["text"] + (f" New: {new}." if new else ""))
        return out

    def schemes(self, described):
        late = lambda since: f" (since {described.short(since)})" if since > 0 else ""
        names = [f"`{s}`{late(since)}" for s, since in described.texts["schemes"].items()]
        refused = [f"`{s}`" for s in described.texts["schemes"] if s in described.limits["schemes"]]
        out = self.text(f"The scheme is {joined(names)}.")
        return out + (self.text(f"This build refuses {joined(refused)} when it is to fetch them.") if refused else [])


def fill(frame, style, families):
    out = []
    for line in frame.read_text().splitlines():
        asked = re.fullmatch(r"@(fields|history|schemes|names) (\w+)@", line)
        if asked and asked[2] not in families:
            die(f"{frame.name}: no family {asked[2]}")
        out += getattr(style, asked[1])(families[asked[2]]) if asked else [line]
    return "\n".join(out) + "\n"


def write(families, folder):
    """path below the project -> text"""
    by_name = {described.name: described for described in families}
    return {
        "docs/config-reference.md": fill(folder / "config-reference.md.in", Markdown(), by_name),
        "docs/man/ignition-config.5": fill(folder / "ignition-config.5.in", Man(), by_name),
    }
