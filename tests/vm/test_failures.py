#!/usr/bin/env python3
"""Configs that cannot be applied: the screen names the stage and the cause, the real system does
not start, and the machine does what hearth.on_failure says."""
import case
import node
import vm


def fails(bench, name, config, stage, words, append=""):
    work = bench.directory(name)
    with bench.boot(name, f"{case.FIRST_BOOT} {append}", config, None, case.disks(work)) as machine:
        machine.wait_exit(120)
    text = "\n".join(machine.lines)
    if stage:
        case.expect(f'stage "{stage}" failed' in text, f"the console does not say that stage {stage} failed")
    screen = text[text.rfind("=" * 70, 0, max(text.rfind("=" * 70), 0)):]
    for word in words:
        case.expect(word in screen, f'the failure screen does not say "{word}":\n{screen}')
    case.expect("starting the real system" not in text, "the real system was started")
    case.expect("Welcome to" not in text, "the real system was started")
    return text


def wrong_hash(bench):
    with vm.Web(node.web_documents()) as web:
        config = node.for_port(node.load(), web.port)
        contents = next(f for f in config["storage"]["files"] if f["path"] == "/opt/bin/hello.sh")["contents"]
        right = contents["verification"]["hash"]
        wrong = "sha512-" + "0" * 128
        contents["verification"]["hash"] = wrong
        fails(bench, "wrong-hash", config, "files",
              [f"http://10.0.2.2:{web.port}/hello.sh.gz", right.removeprefix("sha512-"), "0" * 128, "/opt/bin/hello.sh"])


def broken_json(bench):
    fails(bench, "broken-json", '{\n "ignition": {"version": "3.4.0"},\n "storage": {"files": [}\n}\n', "fetch-offline",
          ["line 3"])


def missing_disk(bench):
    config = {"ignition": {"version": "3.4.0"}, "storage": {"disks": [
        {"device": "/dev/disk/by-id/virtio-absent", "wipeTable": True, "partitions": [{"number": 1, "label": "a"}]}]}}
    fails(bench, "missing-disk", config, "disks", ["/dev/disk/by-id/virtio-absent"], "hearth.device_timeout=10")


def no_root(bench):
    fails(bench, "no-root", {"ignition": {"version": "3.4.0"}}, None,
          ["root=LABEL=nowhere", "/dev/disk/by-label/nowhere", "vda"], "root=LABEL=nowhere hearth.device_timeout=10")


def no_network(bench):
    config = node.load()
    work = bench.directory("no-network")
    machine = bench.boot("no-network", f"{case.FIRST_BOOT} hearth.network_timeout=4", config, None, case.disks(work))
    # A cable that leads nowhere: the device is there, nobody answers.
    machine.argv = [a.replace("user,id=net0", "hubport,id=net0,hubid=0") for a in machine.argv]
    with machine:
        machine.wait_exit(120)
    text = "\n".join(machine.lines)
    case.expect("No network after 4 s" in text and "No answer from DHCP on: eth0" in text.replace("  ", " "),
                "the console does not explain that DHCP did not answer")
    case.expect("starting the real system" not in text, "the real system was started")


case.main([("wrong hash", wrong_hash), ("broken JSON", broken_json), ("missing disk", missing_disk),
           ("no root device", no_root), ("no network", no_network)])
