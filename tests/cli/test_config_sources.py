"""Where configs come from and which of them wins: the search directories, base configs, replace and merge."""
import base64
import gzip
import hashlib
import json
import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_ignition

DIRS = ("run", "etc", "usr")  # the highest priority first


def config(args=(), gone=(), refs=None, version="3.6.0", **sections):
    """A config that is known again by its kernel arguments."""
    ignition = {"version": version, **({"config": refs} if refs else {})}
    arguments = {**({"shouldExist": list(args)} if args else {}), **({"shouldNotExist": list(gone)} if gone else {})}
    return {"ignition": ignition, **({"kernelArguments": arguments} if arguments else {}), **sections}


def data(document, **more):
    return {"source": "data:," + urllib.parse.quote(json.dumps(document), safe=""), **more}


class Case(test_ignition.Case):
    def put(self, name, document):
        return self.write(name, document if isinstance(document, str) else json.dumps(document))

    def remove(self, name):
        os.unlink(self.path(name))

    def arguments(self):
        """What the kargs stage makes of base and user config together."""
        log = self.write("args", "")
        self.write("bin/ignition-kargs-helper", f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\n', 0o755)
        self.ok("kargs")
        with open(log, encoding="utf-8") as f:
            return f.read().split()[1::2]

    def fetched(self):
        self.ok("fetch-offline")
        return self.cache().get("kernelArguments", {}).get("shouldExist", [])

    def kinds(self):
        return [(c["kind"], c["source"]) for c in self.state()["fetchedConfigs"]]


class UserIgn(Case):
    def test_the_first_directory_that_has_one_wins(self):
        self.put("config.ign", config(["platform"]))
        for d in DIRS:
            self.put(d + "/user.ign", config([d]))
        for d in DIRS:
            self.assertEqual(self.fetched(), [d])
            self.remove(d + "/user.ign")
            self.remove("run/state")
        self.assertEqual(self.fetched(), ["platform"])
        self.assertEqual(self.kinds(), [("user", "file")])

    def test_a_broken_one_is_not_passed_over(self):
        self.put("config.ign", config())
        self.put("usr/user.ign", config(["usr"]))
        self.put("etc/user.ign", "{")
        self.fails("fetch-offline", "error at line 1 col 2", "config from system: config is not valid")
        self.remove("etc/user.ign")
        os.mkdir(self.path("run/user.ign"))
        self.fails("fetch-offline", self.path("run/user.ign"))

    def test_an_empty_one_is_an_empty_config(self):
        self.put("config.ign", config(["platform"]))
        self.put("usr/user.ign", config(["usr"]))
        self.put("run/user.ign", "")
        done = self.ok("fetch-offline")
        self.assertIn("provider config was empty", done.stdout)
        self.assertEqual(self.cache(), test_ignition.EMPTY_CACHE)

    def test_the_kernel_command_line_comes_before(self):
        s = self.serve({"/c": (200, json.dumps(config(["cmdline"])).encode())})
        self.put("run/user.ign", config(["system"]))
        self.write("cmdline", f"ignition.config.url={s.url}/c\n")
        self.ok("fetch")
        self.assertEqual(self.cache()["kernelArguments"]["shouldExist"], ["cmdline"])
        self.assertEqual(self.kinds(), [("user", "cmdline")])

    def test_a_link_is_followed(self):
        self.put("elsewhere", config(["linked"]))
        os.symlink(self.path("elsewhere"), self.path("etc/user.ign"))
        self.put("config.ign", config())
        self.assertEqual(self.fetched(), ["linked"])


class BaseConfigs(Case):
    def setUp(self):
        super().setUp()
        self.put("config.ign", config(["user"]))

    def expect(self, *args):
        self.ok("fetch-offline")
        self.assertEqual(self.cache()["kernelArguments"]["shouldExist"], ["user"], "the cache is the user's alone")
        self.assertEqual(self.arguments(), list(args))

    def test_one_name_is_one_config(self):
        for d in DIRS:
            self.put(d + "/base.d/a", config([d]))
        for d in DIRS:
            self.expect(d, "user")
            self.remove(d + "/base.d/a")
        self.expect("user")
        self.assertNotIn("base", [kind for kind, _ in self.kinds()][-1:])

    def test_names_are_merged_in_the_order_of_their_bytes_whatever_the_directory(self):
        self.put("usr/base.d/10", config(["10"]))
        self.put("run/base.d/9", config(["9"]))
        self.put("etc/base.d/1.json", config(["1.json"]))
        self.put("usr/base.d/a", config(["a"]))
        self.put("run/base.d/Z", config(["Z"]))
        self.put("etc/base.d/.hidden", config(["hidden"]))
        self.expect("hidden", "1.json", "10", "9", "Z", "a", "user")

    def test_the_later_is_the_child(self):
        self.put("usr/base.d/a", config(["kept", "moved"], ["x"]))
        self.put("usr/base.d/b", config(["x", "kept"], ["moved"]))
        self.ok("fetch-offline")
        self.assertEqual(self.arguments(), ["kept", "x", "user", "moved"])

    def test_the_platforms_lie_between(self):
        self.put("usr/base.d/z", config(["base", "p", "u"]))
        self.put("etc/base.platform.d/file/a", config(["platform"], ["p"]))
        self.put("run/base.platform.d/qemu/a", config(["other-platform"]))
        self.put("config.ign", config(["user"], ["u"]))
        self.ok("fetch-offline")
        self.assertEqual(self.arguments(), ["base", "platform", "user", "p", "u"])
        self.assertEqual(self.kinds(), [("base", "system"), ("user", "file")])

    def test_any_accepted_version_is_read(self):
        self.put("usr/base.d/1", {"ignitionVersion": 1})
        self.put("usr/base.d/2", {"ignition": {"version": "2.3.0"}})
        self.put("usr/base.d/3", config(version="3.0.0"))
        self.put("usr/base.d/4", config(["new"], version="3.7.0-experimental"))
        self.expect("new", "user")

    def test_references_in_a_base_config_are_not_followed(self):
        self.put("usr/base.d/m", config(["base"], refs={"merge": [data(config(["merged"]))]}))
        self.put("usr/base.d/r", config(["too"], refs={"replace": data(config(["replaced"]))}))
        done = self.ok("fetch-offline")
        for name in "mr":
            self.assertRegex(done.stdout, r"WARNING  : .*base\.d/" + name + ": ignition.config.merge and .* are not followed")
        self.assertEqual(self.arguments(), ["base", "too", "user"])

    def test_what_makes_a_base_config_fatal(self):
        name = self.path("etc/base.d/x")
        for document, texts in [("{", ["error at line 1 col 2", "config is not valid"]), ("", ["config from " + name + ": not a config (empty)"]),
                                ({"ignition": {"version": "9.0.0"}}, ["unsupported config version"]),
                                (config(storage={"files": [{"path": "x"}]}), ["path not absolute", "config is not valid"])]:
            self.put("etc/base.d/x", document)
            for stage in ("fetch-offline", "kargs"):
                self.fails(stage, "failed to acquire system base config", name, *texts)
        self.remove("etc/base.d/x")
        os.mkdir(name)
        self.fails("fetch-offline", "failed to acquire system base config", name)
        os.rmdir(name)
        os.symlink("nowhere", name)
        self.fails("fetch-offline", "failed to acquire system base config", name)

    def test_the_same_of_a_platform_is_a_warning(self):
        self.put("usr/base.d/a", config(["base"]))
        self.put("usr/base.platform.d/file/a", config(["platform"]))
        for document in ("{", "", config(storage={"files": [{"path": "x"}]})):
            self.put("etc/base.platform.d/file/x", document)
            done = self.ok("fetch-offline")
            self.assertRegex(done.stdout, r"WARNING  : .*ignoring the base config of platform file: .*base.platform.d/file/x")
            self.assertEqual(self.arguments(), ["base", "user"], "all of the platform's")
        self.remove("etc/base.platform.d/file/x")
        self.expect("base", "platform", "user")

    def test_findings_of_a_base_config_are_logged(self):
        self.put("usr/base.d/a", config(["base"], unknown=1))
        self.assertRegex(self.ok("fetch-offline").stdout, r"WARNING  : .*warning at \$\.unknown, line 1 col \d+: unused key unknown")


class References(Case):
    def fetch(self, document):
        self.put("config.ign", document)
        return self.fetched()

    def test_children_lie_over_their_parent_in_their_order_and_depth_first(self):
        deep = config(["deep"], refs={"merge": [data(config(["deeper"]))]})
        self.assertEqual(self.fetch(config(["parent"], refs={"merge": [data(config(["a"])), data(deep), data(config(["b"]))]})),
                         ["parent", "a", "deep", "deeper", "b"])
        files = {"files": [{"path": "/f", "mode": 1}]}
        merge = [data(config(storage={"files": [{"path": "/f", "mode": mode}]})) for mode in (2, 3)]
        self.fetch(config(refs={"merge": merge}, storage=files))
        self.assertEqual([f["mode"] for f in self.cache()["storage"]["files"]], [3])

    def test_a_replacement_replaces_everything(self):
        self.assertEqual(self.fetch(config(["gone"], refs={
            "replace": data(config(["new"], refs={"merge": [data(config(["its-child"]))]})),
            "merge": [data(config(["not-fetched-either"]))]})), ["new", "its-child"])
        self.assertEqual(self.fetch(config(["gone"], refs={"replace": data(config(["gone-too"], refs={
            "replace": data(config(["last"]))}))})), ["last"])
        # of a child: the child alone
        self.assertEqual(self.fetch(config(["parent"], refs={"merge": [data(config(["gone"], refs={
            "replace": data(config(["child"]))}))]})), ["parent", "child"])

    def test_the_cache_keeps_what_was_referred_to(self):
        inner = data(config(["inner"]))
        child = data(config(["child"], refs={"merge": [inner]}))
        self.fetch(config(refs={"merge": [child]}))
        self.assertEqual([m["source"] for m in self.cache()["ignition"]["config"]["merge"]], [child["source"], inner["source"]])
        self.assertEqual(self.cache()["ignition"]["version"], "3.7.0-experimental")

    def test_children_of_other_versions(self):
        old = {"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "/f", "mode": 0o4755}]}}
        older = {"ignition": {"version": "2.4.0"}, "storage": {"directories": [{"filesystem": "root", "path": "/d"}]}}
        self.fetch(config(refs={"merge": [data(old), data(older)]}, storage={"files": [{"path": "/f", "mode": 0o6700}]}))
        self.assertEqual([(f["path"], f["mode"]) for f in self.cache()["storage"]["files"]], [("/f", 0o755)])
        self.assertEqual([d["path"] for d in self.cache()["storage"]["directories"]], ["/d"])

    def test_a_reference_is_unpacked_and_then_verified(self):
        text = json.dumps(config(["child"])).encode()
        packed = {"source": "data:;base64," + base64.b64encode(gzip.compress(text)).decode(), "compression": "gzip"}
        for algorithm in ("sha512", "sha256"):
            digest = hashlib.new(algorithm, text).hexdigest()
            for written in (digest, digest.upper()):
                verification = {"hash": f"{algorithm}-{written}"}
                self.assertEqual(self.fetch(config(["parent"], refs={"merge": [{**packed, "verification": verification}]})),
                                 ["parent", "child"])
        self.put("config.ign", config(refs={"merge": [{**packed, "verification": {"hash": "sha256-" + "0" * 64}}]}))
        os.unlink(self.path("run/ignition.json"))
        self.fails("fetch-offline", "hash verification failed")
        self.assertFalse(os.path.exists(self.path("run/ignition.json")))

    def test_a_bad_child_is_fatal_and_its_findings_are_logged(self):
        child = config(storage={"files": [{"path": "x"}]}, unknown=1)
        self.put("config.ign", config(refs={"merge": [data(child)]}))
        self.fails("fetch-offline", "error at $.storage.files.0.path, line 1 col ", "warning at $.unknown, line 1 col ",
                   "referenced config data:", "config is not valid")
        self.put("config.ign", config(refs={"replace": {"source": "data:,"}}))
        self.fails("fetch-offline", "not a config (empty)")

    def test_3_0_lets_a_reference_have_no_source_until_it_is_fetched(self):
        self.put("config.ign", {"ignition": {"version": "3.0.0", "config": {"merge": [{}]}}})
        self.fails("fetch-offline", "source is required")

    def test_a_header_that_erases_nothing_is_warned_of(self):
        def files(*headers):
            return {"files": [{"path": "/f", "contents": {"source": "http://h/", "httpHeaders": list(headers)}}]}
        child = config(storage=files({"name": "erased"}, {"name": "missing"}))
        self.put("config.ign", config(refs={"merge": [data(child)]}, storage=files({"name": "erased", "value": "v"})))
        done = self.ok("fetch-offline")
        self.assertRegex(done.stdout, r"WARNING  : .*warning at \$\.storage\.files\.0\.contents\.httpHeaders\.0: HTTP header has no value")
        self.assertEqual(self.cache()["storage"]["files"][0]["contents"]["httpHeaders"], [{"name": "missing"}])

    def test_duplicates_that_merging_makes_are_refused(self):
        """By number and by label they were two partitions; now one number has a label that another has."""
        disk = [{"device": "/dev/d", "partitions": [{"number": 1, "label": "a"}, {"number": 2, "label": "b"}]}]
        child = config(storage={"disks": [{"device": "/dev/d", "partitions": [{"number": 2, "label": "a"}]}]})
        self.put("config.ign", config(refs={"merge": [data(child)]}, storage={"disks": disk}))
        self.fails("fetch-offline", "error at $.storage.disks.0.partitions.1: cannot use the same partition label twice",
                   "merging configs resulted in an invalid config")


if __name__ == "__main__":
    unittest.main()
