#!/usr/bin/env python3
"""First half of ./dev demo: a machine with a blank data disk provisions itself from
docs/examples/node.ign, boots, and is looked over item by item."""
import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests/vm"))
import node
import vm

START = time.monotonic()


def say(text=""):
    print(f"[{time.monotonic() - START:6.1f} s] {text}" if text else "", flush=True)


class Progress:
    """Turns the machine's console into a few lines for people."""

    def __init__(self):
        self.screen = False

    def line(self, line):
        stage = re.match(r"hearth: \[[\d.]+\] stage (\S+): (done in|failed after) ([\d.]+) s", line)
        other = re.match(r"hearth: \[[\d.]+\] (first boot.*|network:.*|mounted root.*|provisioned.*|waiting.*)", line)
        # The failure screen is shown as it is.
        if line.startswith("=====") or self.screen:
            self.screen = True
            say(f"   | {line}")
        elif stage:
            verdict = "done" if stage[2].startswith("done") else "FAILED"
            say(f"   stage {stage[1]:<14} {verdict:<7} {stage[3]:>5} s")
        elif other:
            say(f"   {other[1]}")


def table(facts, config):
    """What was made, in the words of the node itself."""
    disk = config["storage"]["disks"][0]["device"]
    yield f"Disk {disk}:"
    for part in facts["disks"][disk]["partitions"]:
        dev = facts["devices"].get(f"/dev/disk/by-partlabel/{part['label']}", {})
        where = next((p for p, m in facts["mounts"].items() if m["source"] == dev.get("node")), "")
        where = where or ("swap in use" if dev.get("node") in facts["swaps"] else "")
        yield (f"   {part['number']}  {part['label']:<11} {part['size'] // 2048:>5} MiB  {dev.get('TYPE', '-'):<6} "
               f"{where:<20} type {part['type']}")
    yield "Files, directories, links:"
    for kind in ("directories", "files", "links"):
        for item in config["storage"][kind]:
            f = facts["paths"][item["path"]]
            owner = "{}:{}".format(next((n for n, u in facts["uids"].items() if u == f.get("uid")), f.get("uid")),
                                   next((n for n, g in facts["groups"].items() if g == f.get("gid")), f.get("gid")))
            more = f" -> {f['target']}" if f.get("kind") == "link" else f" = {item['target']}" if kind == "links" else ""
            yield f"   {f.get('mode', 0):04o} {owner:<15} {item['path']}{more}"
    yield "Units:"
    for unit in config["systemd"]["units"]:
        state = facts["units"][unit["name"]]
        yield f"   {unit['name']:<34} {state['LoadState']}, {state['UnitFileState']}, {state['ActiveState']}"
    yield "Users:"
    for name, user in facts["users"].items():
        keys = len(next(u for u in config["passwd"]["users"] if u["name"] == name).get("sshAuthorizedKeys", []))
        yield f"   {name}: uid {user['uid']}, {user['home']}, {user['shell']}, groups {' '.join(user['groups'])}, {keys} SSH keys"


def demo(work, programs):
    say("preparing the machine: Debian kernel and root image (built once, then cached)")
    kernel, root = vm.kernel()[0], vm.root_image()
    say(f"   kernel {os.path.basename(os.path.dirname(kernel))}, root {os.path.basename(root)}")
    say("   " + vm.build_initramfs(f"{work}/initrd", f"{programs}/ignition"))
    accel = vm.accelerator()
    say(f"   virtualisation: {'KVM' if accel == 'kvm' else 'software emulation (a KVM guest did not come up)'}")
    disks = [(vm.overlay(root, f"{work}/root.qcow2"), "qcow2", "root"),
             (vm.blank_disk(f"{work}/data.img", node.DATA_MIB), "raw", "data")]
    with vm.Web(node.web_documents(), node.EXAMPLE_PORT) as web:
        config = node.for_port(node.load(), web.port)
        with open(f"{work}/config.ign", "w", encoding="utf-8") as f:
            json.dump(config, f, indent=1)
        fw_cfg = {"opt/com.coreos/config": f"{work}/config.ign",
                  "opt/org.hearth/check": node.check_script(config, f"{work}/check.py")}
        say(f"booting with a root disk, a blank {node.DATA_MIB} MiB data disk and docs/examples/node.ign in fw_cfg")
        append = ("root=LABEL=root hearth.on_failure=poweroff hearth.check "
                  "ignition.firstboot ignition.platform.id=qemu")
        with vm.Vm(work, f"{work}/initrd", append, disks, fw_cfg, on_line=Progress().line) as machine:
            machine.wait_line("starting the real system|The real system was not started", 240)
            if any("The real system was not started" in line for line in machine.lines):
                machine.wait_exit(30)
                raise vm.VmError("the machine could not provision itself (the screen above says why)")
            facts = machine.wait_facts(240)
            machine.wait_exit(60)
        fetched = len(web.requests)
    say(f"the node booted, reported and powered off; it fetched {fetched} file over HTTP")
    checks = node.Checks(config, facts).run()
    print()
    print("\n".join(table(facts, config)))
    print()
    bad = checks.failed()
    if bad:
        raise vm.VmError(f"{len(bad)} of {len(checks.results)} items are not as the config says:\n  " + "\n  ".join(bad))
    say(f"all {len(checks.results)} properties of the config's items were found in the booted node")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true", help="leave the disks and logs")
    args = parser.parse_args()
    vm.exit_on_signals()
    print("=== Provisioning: a blank machine becomes a node", flush=True)
    missing = vm.missing_programs()
    if missing:
        print(f"not installed: {' '.join(missing)} (./dev deps)", file=sys.stderr)
        return 1
    programs = os.environ.get("HEARTH_BIN_DIR") or os.path.join(SOURCE, "build/bin")
    work = tempfile.mkdtemp(prefix="hearth-demo.")
    status = 1
    try:
        demo(work, programs)
        status = 0
    except (vm.VmError, OSError) as e:
        say(f"FAILED: {e}")
        vm.show_tail(work, out=sys.stdout)
    finally:
        if args.keep or status:
            print(f"""
kept in {work}:
  console.log       what the machine said        config.ign   the config it got
  root.qcow2        its root disk                data.img     its data disk
  look into the data disk:  sgdisk -p {work}/data.img
  remove:                   rm -r {work}""")
        else:
            shutil.rmtree(work, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
