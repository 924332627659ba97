"""The example node: its config made ready for a machine, and every item of it looked up in the
facts that the booted node reports (facts.py). Used by the test and by the demo."""
import base64
import hashlib
import json
import os
import urllib.parse

import vm

EXAMPLES = os.path.join(vm.SOURCE, "docs/examples")
EXAMPLE_PORT = 8099
DATA_MIB = 2048
SECTORS_PER_MIB = 2048


def load():
    with open(os.path.join(EXAMPLES, "node.ign"), encoding="utf-8") as f:
        return json.load(f)


def web_documents():
    with open(os.path.join(EXAMPLES, "www/hello.sh"), "rb") as f:
        return {"/hello.sh.gz": vm.gzipped(f.read())}


def for_port(config, port):
    """The config with the example's port replaced by the one the host really serves on."""
    return json.loads(json.dumps(config).replace(f"//10.0.2.2:{EXAMPLE_PORT}/", f"//10.0.2.2:{port}/"))


def check_script(config, path):
    """Writes the program for the booted node: what to look at, then the collector."""
    storage, users = config["storage"], config["passwd"]["users"]
    homes = [f"/home/{u['name']}" for u in users]
    paths = [n["path"] for kind in ("files", "directories", "links") for n in storage[kind]]
    paths += [h + p for h in homes for p in ("", "/.ssh", "/.ssh/authorized_keys.d", "/.ssh/authorized_keys.d/ignition")]
    paths += ["/etc/.ignition-result.json", "/etc/systemd/system-preset/20-ignition.preset", "/run/ignition.log",
              "/run/ignition.json", "/var/lib/hello/greeting", "/var/lib/hello/starts", "/etc/issue"]
    for unit in config["systemd"]["units"]:
        paths.append(f"/etc/systemd/system/{unit['name']}")
        paths += [f"/etc/systemd/system/{unit['name']}.d/{d['name']}" for d in unit.get("dropins", [])]
    spec = {"disks": [d["device"] for d in storage["disks"]],
            "devices": [f["device"] for f in storage["filesystems"]] +
                       [d["device"] + f"-part{p['number']}" for d in storage["disks"] for p in d["partitions"]],
            "paths": paths, "units": [u["name"] for u in config["systemd"]["units"]] + ["multi-user.target"],
            "users": [u["name"] for u in users]}
    with open(os.path.join(vm.HERE, "facts.py"), encoding="utf-8") as f:
        collector = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"import json\nSPEC = json.loads({json.dumps(spec)!r})\n{collector}")
    return path


def document(url):
    """What a source of the example config stands for, before any verification by ignition."""
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        data = urllib.parse.unquote_to_bytes(data)
        return base64.b64decode(data) if head.endswith(";base64") else data
    with open(os.path.join(EXAMPLES, "www", os.path.basename(url).removesuffix(".gz")), "rb") as f:
        return f.read()


class Checks:
    """A list of (what, ok, detail); the walkers below fill it for one part of the config each."""

    def __init__(self, config, facts):
        self.config, self.facts, self.results = config, facts, []

    def expect(self, what, got, want):
        self.results.append((what, got == want, f"is {got!r}, expected {want!r}"))

    def failed(self):
        return [f"{what}: {detail}" for what, ok, detail in self.results if not ok]

    def run(self):
        self.partitions()
        self.filesystems()
        self.files()
        self.directories()
        self.links()
        self.units()
        self.passwd()
        self.left_behind()
        return self

    def partitions(self):
        for disk in self.config["storage"]["disks"]:
            table = self.facts["disks"][disk["device"]] or {"partitions": []}
            found = {p["number"]: p for p in table["partitions"]}
            self.expect(f"{disk['device']}: partition numbers", sorted(found), [p["number"] for p in disk["partitions"]])
            next_free = SECTORS_PER_MIB
            for want in disk["partitions"]:
                at = f"partition {want['number']}"
                part = found.get(want["number"], {})
                self.expect(f"{at}: label", part.get("label"), want["label"])
                self.expect(f"{at}: type", part.get("type"), want["typeGuid"])
                if "guid" in want:
                    self.expect(f"{at}: GUID", part.get("guid"), want["guid"])
                # Laid end to end from 1 MiB on; size 0 takes the rest up to the last usable sector.
                self.expect(f"{at}: first sector", part.get("start"), next_free)
                size = want["sizeMiB"] * SECTORS_PER_MIB or table.get("last", 0) - next_free + 1
                self.expect(f"{at}: sectors", part.get("size"), size)
                next_free += size

    def filesystems(self):
        for fs in self.config["storage"]["filesystems"]:
            dev = self.facts["devices"][fs["device"]]
            self.expect(f"{fs['device']}: format", dev.get("TYPE"), fs["format"])
            self.expect(f"{fs['device']}: label", dev.get("LABEL"), fs["label"])
            if "uuid" in fs:
                self.expect(f"{fs['device']}: UUID", dev.get("UUID"), fs["uuid"])
            if fs["format"] == "swap":
                self.expect(f"{fs['device']}: in use as swap", dev["node"] in self.facts["swaps"], True)
            if "path" in fs:
                mount = self.facts["mounts"].get(fs["path"], {})
                self.expect(f"{fs['path']}: mounted", (mount.get("type"), mount.get("source")),
                            (fs["format"], dev["node"]))
                for option in fs.get("mountOptions", []):
                    self.expect(f"{fs['path']}: mount option {option}",
                                option in mount.get("options", "").split(","), True)

    def owner(self, node, got):
        path = node["path"]
        self.expect(f"{path}: owner", got.get("uid"), self.facts["uids"].get(node.get("user", {}).get("name", "root")))
        self.expect(f"{path}: group", got.get("gid"), self.facts["groups"].get(node.get("group", {}).get("name", "root")))

    def files(self):
        for node in self.config["storage"]["files"]:
            got = self.facts["paths"][node["path"]]
            self.expect(f"{node['path']}: kind", got.get("kind"), "file")
            self.expect(f"{node['path']}: mode", oct(got.get("mode", 0)), oct(node.get("mode", 0o644)))
            self.owner(node, got)
            added = b"".join(document(a["source"]) for a in node.get("append", []))
            if "contents" in node:
                data = document(node["contents"]["source"]) + added
                self.expect(f"{node['path']}: contents", got.get("sha512"), hashlib.sha512(data).hexdigest())
            else:
                data = base64.b64decode(got.get("content", ""))
                self.expect(f"{node['path']}: ends with what was appended, once",
                            (data.endswith(added), data.count(added), len(data) > len(added)), (True, 1, True))

    def directories(self):
        for node in self.config["storage"]["directories"]:
            got = self.facts["paths"][node["path"]]
            self.expect(f"{node['path']}: kind", got.get("kind"), "directory")
            self.expect(f"{node['path']}: mode", oct(got.get("mode", 0)), oct(node.get("mode", 0o755)))
            self.owner(node, got)

    def links(self):
        for node in self.config["storage"]["links"]:
            got = self.facts["paths"][node["path"]]
            if node.get("hard"):
                self.expect(f"{node['path']}: same file as {node['target']}", got.get("inode", "missing"),
                            self.facts["paths"][node["target"]].get("inode"))
                self.expect(f"{node['path']}: names of the file", got.get("links"), 2)
            else:
                self.expect(f"{node['path']}: symbolic link", (got.get("kind"), got.get("target")), ("link", node["target"]))

    def units(self):
        paths = self.facts["paths"]
        preset = base64.b64decode(paths["/etc/systemd/system-preset/20-ignition.preset"].get("content", "")).decode()
        for unit in self.config["systemd"]["units"]:
            name, state = unit["name"], self.facts["units"][unit["name"]]
            if "contents" in unit:
                self.expect(f"{name}: contents", paths[f"/etc/systemd/system/{name}"].get("sha512"),
                            hashlib.sha512(unit["contents"].encode()).hexdigest())
            if unit.get("enabled"):
                self.expect(f"{name}: enabled", state.get("UnitFileState"), "enabled")
                self.expect(f"{name}: active", state.get("ActiveState"), "active")
                self.expect(f"{name}: in the preset, once", preset.split("\n").count(f"enable {name}"), 1)
            if unit.get("enabled") is False:
                self.expect(f"{name}: disabled", state.get("UnitFileState"), "disabled")
                self.expect(f"{name}: in the preset, once", preset.split("\n").count(f"disable {name}"), 1)
            if unit.get("mask"):
                self.expect(f"{name}: masked", (state.get("LoadState"), paths[f"/etc/systemd/system/{name}"].get("target")),
                            ("masked", "/dev/null"))
            for dropin in unit.get("dropins", []):
                path = f"/etc/systemd/system/{name}.d/{dropin['name']}"
                self.expect(f"{path}: contents", paths[path].get("sha512"),
                            hashlib.sha512(dropin["contents"].encode()).hexdigest())
                self.expect(f"{path}: known to systemd", path in state.get("DropInPaths", "").split(), True)
        # The service ran, and with the drop-in's environment.
        self.expect("hello.service: result", (state_of(self.facts, "hello.service", "Result"),
                                              state_of(self.facts, "hello.service", "ExecMainStatus")), ("success", "0"))
        self.expect("hello.service: what it wrote",
                    base64.b64decode(paths["/var/lib/hello/greeting"].get("content", "")),
                    b"Welcome from hearth-demo, provisioned from a blank disk\n")

    def passwd(self):
        for group in self.config["passwd"]["groups"]:
            self.expect(f"group {group['name']}: gid", self.facts["groups"].get(group["name"]), group["gid"])
        for want in self.config["passwd"]["users"]:
            name, home = want["name"], f"/home/{want['name']}"
            user = self.facts["users"][name] or {}
            self.expect(f"user {name}: shell", user.get("shell"), want["shell"])
            self.expect(f"user {name}: gecos", user.get("gecos"), want["gecos"])
            self.expect(f"user {name}: home", user.get("home"), home)
            self.expect(f"user {name}: password hash in shadow", user.get("hash"), want["passwordHash"])
            self.expect(f"user {name}: groups", user.get("groups"), sorted(want["groups"]))
            self.expect(f"user {name}: own primary group", user.get("primary"), name)
            for path, kind, mode in ((home, "directory", None), (f"{home}/.ssh", "directory", 0o700),
                                     (f"{home}/.ssh/authorized_keys.d", "directory", 0o700),
                                     (f"{home}/.ssh/authorized_keys.d/ignition", "file", 0o600)):
                got = self.facts["paths"][path]
                self.expect(f"{path}: kind and owner", (got.get("kind"), got.get("uid"), got.get("gid")),
                            (kind, user.get("uid"), user.get("gid")))
                if mode:
                    self.expect(f"{path}: mode", oct(got.get("mode", 0)), oct(mode))
            keys = base64.b64decode(self.facts["paths"][f"{home}/.ssh/authorized_keys.d/ignition"].get("content", ""))
            # Both as sets of lines: their order in the file has no meaning to sshd.
            self.expect(f"user {name}: SSH keys", sorted(keys.decode().strip("\n").split("\n")),
                        sorted(want["sshAuthorizedKeys"]))

    def left_behind(self):
        paths = self.facts["paths"]
        result = paths["/etc/.ignition-result.json"]
        self.expect("result file: mode", oct(result.get("mode", 0)), oct(0o600))
        try:
            document_ = json.loads(base64.b64decode(result.get("content", "")))
        except ValueError:
            document_ = {}
        self.expect("result file: a user config was provided", document_.get("userConfigProvided"), True)
        self.result = document_
        self.expect("no unit failed", self.facts["failed"], "")
        self.expect("system state", self.facts["system"] in ("running", "starting"), True)


def state_of(facts, unit, key):
    return facts["units"][unit].get(key)
