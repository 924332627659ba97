#!/usr/bin/env python3
"""The example config on a machine with a blank data disk: every item of it is looked up inside the
booted node, a later boot changes none of it, and a first boot that failed can be repeated."""
import base64
import json

import case
import node
import vm


def provision(bench):
    work = bench.directory("provision")
    disks = case.disks(work)
    with vm.Web(node.web_documents()) as web:
        config = node.for_port(node.load(), web.port)
        check = node.check_script(config, f"{work}/check.py")
        with bench.boot("provision", case.FIRST_BOOT, config, check, disks) as machine:
            machine.wait_line("starting the real system", 180)
            facts = machine.wait_facts(180)
            machine.wait_exit(60)
        fetched = [path for path, _ in web.requests]
    checks = node.Checks(config, facts).run()
    print(f"{len(checks.results)} items looked up in the booted node")
    case.expect(not checks.failed(), "in the booted node:\n  " + "\n  ".join(checks.failed()))
    case.expect(fetched == ["/hello.sh.gz"], f"the host served {fetched}, expected one request")
    stages = [line.split("stage ")[1].split(":")[0] for line in machine.lines if line.startswith("hearth:") and ": started" in line]
    case.expect(stages == ["fetch-offline", "kargs", "disks", "mount", "files", "umount"], f"stages ran as {stages}")
    case.expect(facts["paths"]["/run/ignition.log"].get("kind") == "file", "the node has no /run/ignition.log")
    journal = [json.loads(line) for line in facts["journal"].split("\n") if line]
    for message in ("Stage: disks", "Stage: files", "Ignition finished successfully"):
        case.expect(any(e["MESSAGE"].endswith(message) and e["PRIORITY"] == "6" for e in journal),
                    f'the journal has no entry "{message}" of ignition')
    case.expect(checks.result.get("provisioningBootID") == facts["boot_id"], "result file names another boot")

    # The same disks without the first-boot flag and without the host's web server.
    with bench.boot("later", "", config, check, disks) as machine:
        later = machine.wait_facts(240)
        machine.wait_exit(60)
    case.expect(not any("stage " in line for line in machine.lines), "a stage ran on the later boot")
    again = node.Checks(config, later)
    again.partitions(), again.filesystems(), again.units(), again.passwd()
    case.expect(not again.failed(), "after the later boot:\n  " + "\n  ".join(again.failed()))
    case.expect(facts["boot_id"] != later["boot_id"], "that was not another boot")
    case.expect(facts["machine_id"] == later["machine_id"], "the machine id changed")
    case.expect(facts["disks"] == later["disks"], "a partition table changed")
    for path, before in facts["paths"].items():
        if path in ("/run/ignition.log", "/run/ignition.json", "/var/lib/hello/greeting", "/var/lib/hello/starts"):
            continue
        # Device numbers may move between boots; everything else may not.
        a, b = ({k: v for k, v in f.items() if k != "inode"} for f in (before, later["paths"][path]))
        case.expect(a == b, f"{path} changed between the boots: {a} became {b}")
    starts = base64.b64decode(later["paths"]["/var/lib/hello/starts"]["content"]).decode().split()
    case.expect(len(starts) == 2, f"hello.service should have run once per boot: {starts}")


def retry(bench):
    """A first boot that failed half-way is tried again on the same disks, with a config that is right."""
    work = bench.directory("retry")
    disks = case.disks(work)
    with vm.Web(node.web_documents()) as web:
        right, wrong = (node.for_port(node.load(), web.port) for _ in range(2))
        script = next(f for f in wrong["storage"]["files"] if f["path"] == "/opt/bin/hello.sh")
        script["contents"]["verification"]["hash"] = "sha512-" + "0" * 128
        with bench.boot("retry", case.FIRST_BOOT, wrong, None, disks) as machine:
            machine.wait_exit(240)
        case.expect(any('stage "files" failed' in line for line in machine.lines), "the first attempt did not fail")
        check = node.check_script(right, f"{work}/check.py")
        with bench.boot("retry", case.FIRST_BOOT, right, check, disks) as machine:
            facts = machine.wait_facts(300)
            machine.wait_exit(60)
    checks = node.Checks(right, facts).run()
    case.expect(not checks.failed(), "after the second attempt:\n  " + "\n  ".join(checks.failed()))


case.main([("example config", provision), ("retry", retry)])
