#!/usr/bin/env python3
"""An EFI system partition: vfat is made, mounted, filled and mounted again by the node. It has no owners,
no links and no unnamed files, so the files stage takes its other way there; only a VM has this file system."""
import hashlib

import case
import node
import vm


def esp(bench):
    work = bench.directory("esp")
    blob = bytes(range(256)) * 4096
    text = b"timeout 3\n"
    with vm.Web({"/blob": blob}) as web:
        config = {"ignition": {"version": "3.4.0"}, "storage": {
            "disks": [{"device": "/dev/disk/by-id/virtio-data", "wipeTable": True, "partitions": [
                {"number": 1, "label": "esp", "sizeMiB": 64, "typeGuid": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"}]}],
            "filesystems": [{"device": "/dev/disk/by-partlabel/esp", "format": "vfat", "label": "ESP", "uuid": "1234-ABCD",
                             "path": "/efi"}],
            "files": [
                {"path": "/efi/loader/loader.conf", "contents": {"source": "data:,timeout%203%0A"}},
                {"path": "/efi/loader/blob", "contents": {"source": f"http://10.0.2.2:{web.port}/blob", "verification": {
                    "hash": "sha512-" + hashlib.sha512(blob).hexdigest()}}}],
            "directories": [], "links": []},
            "systemd": {"units": [{"name": "efi.mount", "enabled": True, "contents":
                                   "[Mount]\nWhat=/dev/disk/by-uuid/1234-ABCD\nWhere=/efi\nType=vfat\n"
                                   "[Install]\nRequiredBy=local-fs.target\n"}]},
            "passwd": {"users": []}}
        check = node.check_script(config, f"{work}/check.py")
        with bench.boot("esp", case.FIRST_BOOT, config, check, case.disks(work)) as machine:
            facts = machine.wait_facts(300)
            machine.wait_exit(60)
    for path, want in (("/efi/loader/loader.conf", text), ("/efi/loader/blob", blob)):
        got = facts["paths"][path]
        case.expect(got.get("sha512") == hashlib.sha512(want).hexdigest(), f"{path} is {got}")
    case.expect(facts["units"]["efi.mount"].get("ActiveState") == "active", f"efi.mount: {facts['units']['efi.mount']}")
    left = [line for line in machine.lines if "CRITICAL" in line or "WARNING  :" in line]
    case.expect(not left, f"the stages complained: {left}")


case.main([("EFI system partition", esp)])
