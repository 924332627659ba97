"""What the reference says about this build is what the build does: schemes, refused parts, limits."""
import json
import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ.get("HEARTH_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
DESCRIPTIONS = ROOT / "schemas/descriptions"
LIMITS = json.loads((DESCRIPTIONS / "limits.json").read_text())
PAGES = [(ROOT / name).read_text() for name in ("docs/config-reference.md", "docs/man/ignition-config.5")]


def source(name):
    return (ROOT / name).read_text()


def table(name, start):
    """The initialiser that begins with that text, as rows of words and numbers."""
    text = source(name)
    text = text[text.index(start):]
    return re.findall(r'\{ "(\w+)",([^}]*)\}', text[:text.index("};")])


class Reference(unittest.TestCase):
    def test_schemes_that_are_fetched(self):
        known = set(json.loads((DESCRIPTIONS / "ignition.json").read_text())["schemes"])
        fetched = {name for name, _ in table("ignition/fetch/fetch.c", "struct scheme schemes[] = {")}
        self.assertEqual(known - set(LIMITS["schemes"]), fetched & known)
        self.assertIn("https", fetched)

    def test_schemes_of_the_rules(self):
        documented = json.loads((DESCRIPTIONS / "ignition.json").read_text())["schemes"]
        rules = {name: int(rest.split(",")[0]) for name, rest in
                 table("ignition/config/validate_resource.c", "} schemes[] = {")}
        self.assertEqual(documented, rules)

    def test_formats_of_the_rules(self):
        fields = json.loads((DESCRIPTIONS / "ignition.json").read_text())["definitions"]["filesystem"]["fields"]
        rules = {name: [int(n) for n in rest.split(",")] for name, rest in
                 table("ignition/config/validate_volume.c", "} formats[] = {")}
        self.assertEqual(fields["format"]["values"], {name: since for name, (since, _) in rules.items()})
        for name, (_, longest) in rules.items():
            if longest:
                self.assertRegex(fields["label"]["text"], rf"\b{longest}( bytes)? for {name}\b")

    def test_versions_that_are_read(self):
        described = set(re.findall(r"^\| (\d+\.\d+\.\d+\S*) \|", PAGES[0], re.M))
        text = source("ignition/config/version.c").replace("ign_version_newest", '"3.7.0-experimental"')
        self.assertEqual(described, set(re.findall(r'\{ "(\d+\.\d+\.\d+\S*)", \{', text)))

    def test_refused_parts(self):
        refused = set(re.findall(r"\$\.([a-z.]+): [^;]*not supported", re.sub(r'"\s*"', "", source("ignition/disks/stage.c"))))
        self.assertEqual(set(LIMITS["fields"]), refused)

    def test_limits(self):
        jscan, cfg, config, render = (source(n) for n in ("base/jscan.h", "base/cfg.h", "ignition/config/config.h",
                                                          "ignition/render.c"))

        def number(text, name):
            value = re.search(rf"\b{name} = ([\d <]+)", text)[1].split("<<")
            return int(value[0]) << int(value[1]) if len(value) == 2 else int(value[0])

        mib = number(config, "IGN_CONFIG_MAX_BYTES") >> 20
        self.assertIn("MAX_TOTAL_BYTES = 2 * IGN_CONFIG_MAX_BYTES", render)
        words = [f"{mib} MiB", f"{2 * mib} MiB", f"{number(jscan, 'JSCAN_MAX_DEPTH')} levels",
                 f"{number(jscan, 'JSCAN_MAX_CONTAINERS'):,} objects and lists",
                 f"{number(jscan, 'JSCAN_MAX_VALUES'):,} values", f"{number(cfg, 'CFG_MAX_LIST'):,} entries",
                 f"{number(render, 'MAX_DEPTH')} deep", f"{number(render, 'MAX_REFERENCES')} in one boot"]
        for page in PAGES:
            for word in words:
                self.assertIn(word, page.replace("\n", " "))


if __name__ == "__main__":
    unittest.main()
