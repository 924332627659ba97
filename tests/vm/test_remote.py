#!/usr/bin/env python3
"""A config that is itself remote (ignition.config.url): the network comes up between fetch-offline
and fetch, and both config and files arrive over it."""
import base64
import hashlib
import json

import case
import node
import vm


def remote_config(bench):
    work = bench.directory("remote")
    blob = bytes(range(256)) * 4096
    with vm.Web({"/blob": blob}) as web:
        config = {"ignition": {"version": "3.4.0"}, "storage": {"files": [
            {"path": "/etc/remote.txt", "contents": {"source": "data:,from%20afar"}},
            {"path": "/srv/blob", "contents": {"source": f"http://10.0.2.2:{web.port}/blob", "verification": {
                "hash": "sha512-" + hashlib.sha512(blob).hexdigest()}}}]}}
        web.documents["/config.ign"] = json.dumps(config).encode()
        full = {"storage": {"disks": [], "filesystems": [], "directories": [], "links": [], **config["storage"]},
                "systemd": {"units": []}, "passwd": {"users": []}}
        check = node.check_script(full, f"{work}/check.py")
        url = f"ignition.config.url=http://10.0.2.2:{web.port}/config.ign"
        with bench.boot("remote", f"{case.FIRST_BOOT} {url}", None, check, case.disks(work)) as machine:
            facts = machine.wait_facts(240)
            machine.wait_exit(60)
        fetched = [path for path, _ in web.requests]
    case.expect(fetched == ["/config.ign", "/blob"], f"the host served {fetched}")
    got = facts["paths"]["/etc/remote.txt"]
    case.expect(base64.b64decode(got.get("content", "")) == b"from afar", f"/etc/remote.txt is {got}")
    got = facts["paths"]["/srv/blob"]
    case.expect(got.get("sha512") == hashlib.sha512(blob).hexdigest(), f"/srv/blob is {got}")
    stages = [line for line in machine.lines if line.startswith("hearth:") and "stage fetch: done" in line]
    case.expect(len(stages) == 1, "the stage fetch did not run")
    case.expect("10.0.2.15" not in facts["network"], f"the initramfs left its address behind: {facts['network']}")


case.main([("remote config", remote_config)])
