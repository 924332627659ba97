"""
Random disks and requests: whenever sgdisk can do what is asked, the disks stage puts every partition
on the same sectors. HEARTH_SEED chooses others; HEARTH_SECONDS takes as many as there is time for.
"""
import os
import random
import time

from disktest import Gpt, MIB, Stage, loop, require, run, run_tests, sgdisk, storage, workdir

require("delpart")

SECONDS = float(os.environ.get("HEARTH_SECONDS", "0"))
COMPARED = 120  # else: the same ones on any machine
SEED = int(os.environ.get("HEARTH_SEED", "1"))


def random_disk(rnd, dev, sectors):
    """Up to three partitions at odd places; sgdisk may refuse some requests, that is as good."""
    args = ["-a", str(rnd.choice([1, 8, 64, 2048]))]
    for _ in range(rnd.randrange(4)):
        start = rnd.choice([0, rnd.randrange(34, sectors)])
        args += ["-n", f"{rnd.randrange(1, 6)}:{start}:+{rnd.randrange(1, sectors // 4)}"]
    if len(args) > 2:
        sgdisk(*args, dev, check=False)
    run("sync", dev)


def random_request(rnd, have, mib):
    parts = []
    for n in have:
        kind = rnd.random()
        if kind < 0.2:
            parts.append({"number": n})
        elif kind < 0.4:
            parts.append({"number": n, "shouldExist": False, "wipePartitionEntry": True})
        elif kind < 0.6:
            parts.append({"number": n, "wipePartitionEntry": True, "sizeMiB": rnd.randrange(6)})
    free = [n for n in range(1, 10) if n not in have]
    for n in rnd.sample(free, rnd.randrange(1, 4)):
        p = {"number": n}
        if rnd.random() < 0.7:
            p["sizeMiB"] = rnd.randrange(mib // 3)
        if rnd.random() < 0.5:
            p["startMiB"] = rnd.randrange(mib)
        parts.append(p)
    rnd.shuffle(parts)
    return parts


def in_sgdisk_words(parts, have, per_mib):
    args = []
    for p in parts:
        if p["number"] in have:
            args += ["-d", str(p["number"])]
    for p in parts:
        n = p["number"]
        if p.get("shouldExist") is False:
            continue
        start, size = p.get("startMiB", 0) * per_mib, p.get("sizeMiB", 0) * per_mib
        if n in have and not p.get("wipePartitionEntry"):
            start, size = have[n][0], have[n][1] - have[n][0] + 1
        args += ["-n", f"{n}:{start}:+{size}"]
    return args


def places(path, sector):
    return {n: (p["start"], p["end"]) for n, p in Gpt(path, sector).parts.items()}


def test_random_requests():
    rnd, end, same = random.Random(SEED), time.monotonic() + SECONDS, 0
    while time.monotonic() < end if SECONDS else same < COMPARED:
        sector, mib = rnd.choice([512, 4096]), rnd.choice([16, 40, 65])
        size = mib * MIB + rnd.choice([0, 4096 * rnd.randrange(200)])
        with workdir() as work:
            ours, theirs = os.path.join(work, "ours"), os.path.join(work, "theirs")
            with loop(ours, sector, size) as dev:
                random_disk(rnd, dev, size // sector)
                run("cp", "--sparse=always", ours, theirs)
                try:
                    have = places(ours, sector)
                except AssertionError:  # blank
                    have = {}
                parts = random_request(rnd, have, mib)
                stage = Stage(work)(storage(disks=[{"device": dev, "partitions": parts}]), ok=None)
            with loop(theirs, sector) as dev:
                args = in_sgdisk_words(parts, have, MIB // sector)
                if not args or sgdisk(*args, dev, check=False).returncode != 0:
                    continue
            what = f"seed {SEED}: {sector}-byte sectors, {size} bytes, {have}, {parts}"
            assert stage.returncode == 0, f"{what}: {stage.log[-500:]}"
            got, want = places(ours, sector), places(theirs, sector)
            assert got == want, f"{what}: {got}, sgdisk {want}"
            same += 1
    assert same, "no request was compared"
    print(f"{same} requests placed as sgdisk places them")


run_tests(globals())
