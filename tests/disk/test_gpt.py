"""Partition tables made by the disks stage against sgdisk's, sector by sector, for the same request."""
import fcntl
import os
import subprocess

from disktest import Gpt, MIB, Stage, kernel_parts, loop, require, run, run_tests, sgdisk, sha, storage, workdir

require("delpart")

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
HOME = "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"
GUID = "8D9E6A1C-7C55-4A55-9A5E-3B7D3C1F0A11"


def part(number=0, start=None, size=None, **kw):
    p = dict(kw)
    if number:
        p["number"] = number
    if start is not None:
        p["startMiB"] = start
    if size is not None:
        p["sizeMiB"] = size
    return p


# name, disk size in MiB, what sgdisk prepares on both disks ({} is the sector count of a MiB), the
# config's disk, and what sgdisk is asked for: "new" = from the config's partitions in their order
# (numbered ones first, others as listed in the last field), or a list of arguments.
CASES = [
    ("rest of the disk", 256, [], dict(partitions=[part(1)]), "new", []),
    ("sizes, labels, types", 256, [], dict(wipeTable=True, partitions=[
        part(1, size=16, label="esp", typeGuid=ESP), part(2, size=64, label="root", guid=GUID),
        part(3, size=0, label="home", typeGuid=HOME)]), "new", []),
    ("explicit starts leave gaps", 256, [], dict(partitions=[
        part(1, start=1, size=10), part(2, start=100, size=10), part(3, start=50, size=20)]), "new", []),
    ("0 fills the largest gap", 256, [], dict(partitions=[
        part(1, start=1, size=10), part(2, start=200, size=10), part(3, start=0, size=0), part(4, size=20)]),
     "new", []),
    ("numbers out of order", 256, [], dict(partitions=[
        part(9, size=10), part(3, size=10), part(128, size=10), part(1, size=0)]), "new", []),
    ("no numbers", 256, [], dict(partitions=[
        part(label="a", size=10), part(2, size=10), part(label="b", size=10), part(label="c")]), "new", [1, 3, 4]),
    ("128 partitions", 256, [], dict(partitions=[part(i, size=1, label=f"p{i}") for i in range(1, 129)]),
     "new", []),
    ("label beyond ASCII", 256, [], dict(partitions=[part(1, label="hölle-日本")]), "new", []),
    ("beside what is there", 256, ["-n", "1:{10}:+{20}", "-n", "2:{100}:+{20}", "-c", "2:keep"],
     dict(partitions=[part(5, size=30), part(6, size=0)]), "new", []),
    ("odd starts lower the alignment", 256, ["-a", "1", "-n", "1:40:+100"],
     dict(partitions=[part(2, size=5), part(3)]), "new", []),
    ("delete and create", 256, ["-n", "1:{1}:+{20}", "-c", "1:old", "-n", "2:{21}:+{20}", "-n", "3:{41}:+{20}"],
     dict(partitions=[part(2, shouldExist=False, wipePartitionEntry=True),
                      part(1, size=10, label="new", wipePartitionEntry=True)]),
     ["-d", "1", "-d", "2", "-n", "1:0:+{10}", "-c", "1:new"], []),
    ("resize to the next one", 256, ["-n", "1:{1}:+{20}", "-c", "1:grow", "-u", "1:" + GUID, "-t", "1:" + HOME,
                                     "-n", "2:{100}:+{20}"],
     dict(partitions=[part(1, size=99, label="grow", resize=True)]),
     ["-d", "1", "-n", "1:{1}:+{99}", "-c", "1:grow", "-u", "1:" + GUID, "-t", "1:" + HOME], []),
    ("wipe what is there", 256, ["-n", "1:{1}:+{20}", "-n", "7:{100}:+{20}", "-c", "7:gone"],
     dict(wipeTable=True, partitions=[part(2, size=20)]), ["-Z", "new"], []),
    ("larger than old geometry counts", 9000, [], dict(partitions=[part(1, size=8500), part(2)]), "new", []),
]


def in_sectors(arg, sector):
    out = arg
    while "{" in out:
        head, rest = out.split("{", 1)
        mib, tail = rest.split("}", 1)
        out = f"{head}{int(mib) * (MIB // sector)}{tail}"
    return out


def sgdisk_new(disk, numbers, gpt, sector):
    """The request in sgdisk's words; what was random comes from the table to compare with."""
    args, free = [], list(numbers)
    ordered = [p for p in disk["partitions"] if p.get("number")] + \
              [p for p in disk["partitions"] if not p.get("number")]
    for p in ordered:
        n = p.get("number") or free.pop(0)
        start, size = (p.get(k, 0) * (MIB // sector) for k in ("startMiB", "sizeMiB"))
        args += ["-n", f"{n}:{start}:+{size}", "-u", f"{n}:{gpt.parts[n]['guid']}"]
        if "label" in p:
            args += ["-c", f"{n}:{p['label']}"]
        if "typeGuid" in p:
            args += ["-t", f"{n}:{p['typeGuid']}"]
    return args


def check(case, sector):
    name, mib, prepare, disk, request, numbers = case
    with workdir() as work:
        stage = Stage(work)
        ours, theirs = os.path.join(work, "ours"), os.path.join(work, "theirs")
        with loop(ours, sector, mib * MIB) as dev:
            if prepare:
                sgdisk(*[in_sectors(a, sector) for a in prepare], dev)
            run("sync", dev)
            run("cp", "--sparse=always", ours, theirs)
            stage(storage(disks=[dict(device=dev, **disk)]))
            gpt = Gpt(ours, sector)
            per = sector // 512
            touched = {p["number"] for p in disk["partitions"] if p.get("number")} | set(numbers)
            seen = kernel_parts(dev)
            want = {n: (p["start"] * per, (p["end"] - p["start"] + 1) * per)
                    for n, p in gpt.parts.items() if n in touched}
            assert seen == want, f"kernel sees {seen}, table has {want}"

            again = dict(disk, wipeTable=False)
            before = sha(ours)
            stage(storage(disks=[dict(device=dev, **again)]))
            assert sha(ours) == before, "running again changed the disk"
        with loop(theirs, sector) as dev:
            args = ["new"] if request == "new" else request
            if "-Z" in args or disk.get("wipeTable"):
                sgdisk("-Z", dev, check=False)
            flat = []
            for a in args:
                if a == "new":
                    flat += sgdisk_new(disk, numbers, gpt, sector)
                elif a != "-Z":
                    flat.append(in_sectors(a, sector))
            for n, p in gpt.parts.items():
                if "-u" not in flat and f"{n}:" in " ".join(flat):
                    flat += ["-u", f"{n}:{p['guid']}"]
            sgdisk(*flat, f"--disk-guid={gpt.guid}", dev)
        for path in (ours, theirs):
            with loop(path, sector) as dev:
                verdict = sgdisk("-v", dev).stdout
                assert "No problems found" in verdict, f"{path}: {verdict}"
        if sha(ours) != sha(theirs):
            p = subprocess.run(["cmp", "-l", ours, theirs], text=True, capture_output=True)
            raise AssertionError("differs from sgdisk's: " + p.stdout[:400])


def add_tests():
    for sector in (512, 4096):
        for case in CASES:
            key = f"test_{sector}_{case[0].replace(' ', '_')}"
            globals()[key] = lambda case=case, sector=sector: check(case, sector)


def test_grown_disk():
    """The backup moves to the new end, as sgdisk moves it, and new space counts from then on."""
    with workdir() as work:
        ours, theirs = os.path.join(work, "ours"), os.path.join(work, "theirs")
        with loop(ours, 512, 64 * MIB) as dev:
            sgdisk("-n", "1:0:+10M", dev)
        os.truncate(ours, 128 * MIB)
        run("cp", "--sparse=always", ours, theirs)
        with loop(ours) as dev:
            Stage(work)(storage(disks=[dict(device=dev, partitions=[part(2)])]))
            gpt = Gpt(ours, 512)
        with loop(theirs) as dev:
            sgdisk("-n", "2:0:+0", "-u", f"2:{gpt.parts[2]['guid']}", f"--disk-guid={gpt.guid}", dev)
        their = Gpt(theirs, 512)
        assert gpt.parts == their.parts and gpt.last == their.last, (gpt.parts, their.parts)


def test_damaged_tables():
    """A broken primary or backup is repaired by a change; wipeTable copes with anything."""
    for where, label in ((512, "primary"), (64 * MIB - 512, "backup"), (510, "protective MBR")):
        with workdir() as work, loop(os.path.join(work, "img"), 512, 64 * MIB) as dev:
            sgdisk("-n", "1:0:+10M", "-c", "1:keep", dev)
            with open(dev, "r+b") as f:
                f.seek(where)
                f.write(b"\xa5" * (2 if where == 510 else 64))
            twice = where != 512
            wanted = [part(1, label="keep")] + [part(2, size=5)] * twice
            Stage(work)(storage(disks=[dict(device=dev, partitions=wanted)]))
            gpt = Gpt(os.path.join(work, "img"), 512)
            assert gpt.parts[1]["label"] == "keep" and (2 in gpt.parts) == twice, f"{label}: {gpt.parts}"
            assert "No problems found" in sgdisk("-v", dev).stdout, label
    with workdir() as work, loop(os.path.join(work, "img"), 512, 64 * MIB) as dev:
        sgdisk("-n", "1:0:+10M", dev)
        with open(dev, "r+b") as f:
            for at in (512, 1024, 64 * MIB - 512):
                f.seek(at)
                f.write(b"\xff" * 512)
        Stage(work)(storage(disks=[dict(device=dev, wipeTable=True, partitions=[part(1, size=5)])]))
        assert "No problems found" in sgdisk("-v", dev).stdout


def test_wipe_alone():
    with workdir() as work, loop(os.path.join(work, "img"), 512, 64 * MIB) as dev:
        run("mkfs.ext4", "-q", dev)
        sgdisk("-n", "1:0:+10M", dev)
        Stage(work)(storage(disks=[dict(device=dev, wipeTable=True, partitions=[part(1)])]))
        assert 1 in kernel_parts(dev)
        Stage(work)(storage(disks=[dict(device=dev, wipeTable=True)]))
        assert kernel_parts(dev) == {}
        assert run("wipefs", "--noheadings", dev).stdout == ""


def test_changed_meanwhile():
    """While the stage waits for the disk's lock someone else makes a table: the plan no longer holds."""
    with workdir() as work, loop(os.path.join(work, "img"), 512, 64 * MIB) as dev:
        config = storage(disks=[dict(device=dev, partitions=[part(1, size=10)])])
        with open(dev, "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            child = Stage(work).start(config)
            log = ""
            while "[started]  partitioning" not in log:
                line = child.stdout.readline()
                assert line, log
                log += line
            sgdisk("-n", "2:0:+20M", "-c", "2:theirs", dev)
            before = sha(dev)
            fcntl.flock(f, fcntl.LOCK_UN)
        log += child.communicate()[0]
        assert child.returncode == 1 and "another program has changed or taken the disk" in log, log
        assert sha(dev) == before
        Stage(work)(config)
        assert 1 in kernel_parts(dev) and "theirs" in sgdisk("-p", dev).stdout


add_tests()
run_tests(globals())
