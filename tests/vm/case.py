"""Frame of the vm tests: skip when programs are missing, a work directory that is kept on failure,
one initramfs per run, and a readable end."""
import json
import os
import shutil
import sys
import tempfile
import time
import traceback

import vm


class Bench:
    """What every case of one test run shares."""

    def __init__(self, work):
        self.work = work
        self.programs = os.environ.get("HEARTH_BIN_DIR") or os.path.join(vm.SOURCE, "build/bin")
        self.initrd = os.path.join(work, "initrd")
        print(vm.build_initramfs(self.initrd, os.path.join(self.programs, "ignition")), flush=True)

    def directory(self, name):
        path = os.path.join(self.work, name)
        os.makedirs(path, exist_ok=True)
        return path

    def boot(self, name, append="", config=None, check=None, disks=(), **options):
        """A machine whose files are in directory `name`; config is a dict, or text to be handed over as it is."""
        work = self.directory(name)
        fw_cfg = {}
        if config is not None:
            path = os.path.join(work, "config.ign")
            with open(path, "w", encoding="utf-8") as f:
                f.write(config if isinstance(config, str) else json.dumps(config, indent=1))
            fw_cfg["opt/com.coreos/config"] = path
        if check:
            fw_cfg["opt/org.hearth/check"] = check
            append += " hearth.check"
        return vm.Vm(work, self.initrd, f"root=LABEL=root hearth.on_failure=poweroff {append}", disks, fw_cfg, **options)


FIRST_BOOT = "ignition.firstboot ignition.platform.id=qemu"


def disks(work):
    """A fresh root and a blank data disk."""
    return [(vm.overlay(vm.root_image(), os.path.join(work, "root.qcow2")), "qcow2", "root"),
            (vm.blank_disk(os.path.join(work, "data.img"), 2048), "raw", "data")]


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def main(cases):
    """Runs [(name, function(bench)), ...] and exits with the verdict."""
    missing = vm.missing_programs()
    if missing:
        print(f"skipped: not installed: {' '.join(missing)} (./dev deps names the packages)")
        sys.exit(77)
    vm.exit_on_signals()
    work = tempfile.mkdtemp(prefix="hearth-vm.")
    failed = []
    try:
        print(f"accelerator: {vm.accelerator()}", flush=True)
        bench = Bench(work)
        for name, function in cases:
            start = time.monotonic()
            try:
                function(bench)
            except (AssertionError, vm.VmError) as e:
                failed.append(name)
                print(f"FAILED {name}: {e}")
            except Exception:
                failed.append(name)
                print(f"FAILED {name}:")
                traceback.print_exc(file=sys.stdout)
            else:
                print(f"passed {name} ({time.monotonic() - start:.1f} s)")
            if name in failed:
                for directory in sorted(os.listdir(work)):
                    if os.path.isdir(os.path.join(work, directory)):
                        vm.show_tail(os.path.join(work, directory), out=sys.stdout)
            sys.stdout.flush()
    except (vm.VmError, OSError) as e:
        failed.append("preparation")
        print(f"FAILED: {e}")
    finally:
        if failed:
            print(f"logs and disks are kept in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed else 0)
