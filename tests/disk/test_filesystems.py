"""File systems, refusals before the first write, devices in use, mount and umount."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from orphans import adopt_orphans, end_orphans
from disktest import (IGNITION, MIB, Gpt, Stage, kernel_parts, loop, require, run, run_tests, sgdisk, sha, storage,
                      workdir)

require("delpart", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mkfs.fat", "mkswap", "blkid", "unshare", "mount")

UUID = "7c2b9a52-3c7f-4e0c-8b7d-0d6c3a4e5f60"


def blkid(dev):
    out = run("blkid", "-p", "-o", "export", dev, check=False).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def data_loop(work, mib=300, name="img"):
    return loop(os.path.join(work, name), 512, mib * MIB)


def test_every_format():
    with workdir() as work, data_loop(work, 2000) as dev:
        rows = [(f, l, u.upper(), u) for f, l, u in (
            ("ext4", "boot", UUID), ("xfs", "data", UUID.replace("7c2b", "aaaa")), ("vfat", "ESP", "DEAD-BEEF"),
            ("btrfs", "pool", UUID.replace("7c2b", "bbbb")), ("swap", "sw", UUID.replace("7c2b", "cccc")))]
        parts = [dict(number=i + 1, sizeMiB=350) for i in range(len(rows))]
        fss = [dict(device=f"{dev}p{i + 1}", format=f, label=l, uuid=u) for i, (f, l, u, _) in enumerate(rows)]
        config = storage(disks=[dict(device=dev, wipeTable=True, partitions=parts)], filesystems=fss)
        stage = Stage(work)
        stage(config)
        for i, (fmt, label, _, uuid) in enumerate(rows):
            found = blkid(f"{dev}p{i + 1}")
            assert (found["TYPE"], found["LABEL"], found["UUID"]) == (fmt, label, uuid), found
        before = sha(os.path.join(work, "img"))
        config["storage"]["disks"][0]["wipeTable"] = False
        p = stage(config)
        assert p.log.count("already correctly formatted") == len(rows), p.log
        assert sha(os.path.join(work, "img")) == before, "reusing changed the disk"


def test_wipe_and_options():
    with workdir() as work, data_loop(work) as dev:
        stage = Stage(work)
        run("mkfs.xfs", "-q", "-L", "old", dev)
        stage(storage(filesystems=[dict(device=dev, format="ext4", wipeFilesystem=True, label="new",
                                        options=["-O", "^has_journal"])]))
        assert blkid(dev)["LABEL"] == "new"
        assert "has_journal" not in run("dumpe2fs", "-h", dev).stdout
        stage(storage(filesystems=[dict(device=dev, format="none", wipeFilesystem=True)]))
        assert run("wipefs", "--noheadings", dev).stdout == ""


def refused(config, work, *words, **kw):
    """The stage fails with these words, and not a byte of the disk has changed."""
    before = sha(os.path.join(work, "img"))
    p = Stage(work)(config, ok=False, **kw)
    for w in words:
        assert w in p.log, f"{w!r} is not in:\n{p.log}"
    assert sha(os.path.join(work, "img")) == before, "the disk was written"


def test_wrong_content_is_refused_first():
    """Also when only a later file system is wrong: the table is not touched either."""
    with workdir() as work, data_loop(work) as dev, data_loop(work, 64, "other") as other:
        run("mkfs.ext4", "-q", "-L", "precious", other)
        kept = sha(os.path.join(work, "other"))
        refused(storage(disks=[dict(device=dev, wipeTable=True, partitions=[dict(number=1)])],
                        filesystems=[dict(device=f"{dev}p1", format="ext4"), dict(device=other, format="xfs")]),
                work, "failed to create filesystems: $.storage.filesystems.1",
                "filesystem is not of the correct type: found ext4", "precious")
        refused(storage(filesystems=[dict(device=other, format="ext4", label="x")]), work, 'wanted label "x"')
        assert sha(os.path.join(work, "other")) == kept


def test_refused_before_write():
    one = [dict(number=1, sizeMiB=100, label="one")]
    with workdir() as work, data_loop(work) as dev:
        sgdisk("-n", "1:0:+100M", "-c", "1:one", dev)
        for parts, words in (
                ([dict(number=2, sizeMiB=500, label="big")],
                 ["create partitions failed: ", dev, '$.storage.disks.0.device',
                  'partition 2 ("big") does not fit: 500 MiB', "198 MiB"]),
                ([dict(number=1, sizeMiB=90, label="one"), dict(number=2, sizeMiB=50)],
                 ["partition 1 didn't match: size did not match (specified 184320, got 204800)"]),
                ([dict(number=1, shouldExist=False)],
                 ["partition 1 exists but is specified as nonexistant and wipePartitionEntry is false"])):
            refused(storage(disks=[dict(device=dev, partitions=parts)]), work, *words)
        refused(storage(disks=[dict(device=dev, wipeTable=True, partitions=one), dict(device="/dev/hearth-none")]),
                work, "$.storage.disks.1.device", "/dev/hearth-none did not appear within 1 s", timeout="1")
        refused(storage(disks=[dict(device=dev, wipeTable=True, partitions=one), dict(device="/dev/null")]),
                work, "$.storage.disks.1.device: /dev/null is not a block device", timeout="600")
        refused(storage(disks=[dict(device=dev, wipeTable=True)],
                        raid=[dict(name="r", level="raid1", devices=[dev])]), work, "$.storage.raid")
        refused(storage(disks=[dict(device=dev, wipeTable=True)], luks=[dict(name="l", device=dev)]), work,
                "$.storage.luks")
        refused(storage(disks=[dict(device=dev, wipeTable=True), dict(device=dev.replace("/dev/", "/dev/./"))]),
                work, "are the same disk")
        refused(storage(filesystems=[dict(device=dev, format="ext4", wipeFilesystem=True)]), work,
                "mkfs.ext4 not found in PATH", env={"PATH": "/nonexistent"})
    with workdir() as work, data_loop(work) as dev:
        run("sfdisk", "-q", dev, input="label: dos\n,50M\n", check=False)
        refused(storage(disks=[dict(device=dev, partitions=one)]), work, "disk does not have a GPT", '"dos"')


def test_mkfs_fails_with_its_words():
    with workdir() as work, data_loop(work, 16) as dev:
        p = Stage(work)(storage(filesystems=[dict(device=dev, format="btrfs")]), ok=False)
        assert f"failed to create filesystems: {dev}: mkfs.btrfs exited 1: " in p.log, p.log


def in_namespace(work, script):
    """A shell in a private mount namespace; what it mounts goes with it."""
    p = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-euc", script], text=True,
                       capture_output=True, check=False)
    if p.returncode:
        raise AssertionError(p.stdout + p.stderr)
    return p.stdout


def command(work, stage):
    env = f"IGNITION_DEVICE_TIMEOUT=60 IGNITION_DEV_ALIASES_DIR={work}/aliases"
    return (f"env {env} {IGNITION} -platform file -stage {stage} -root {work}/root -config-cache {work}/config.json "
            f"-state-file {work}/state -log-to-stdout 2>&1")


def write_config(work, config):
    with open(os.path.join(work, "config.json"), "w") as f:
        json.dump({"ignition": {"version": "3.4.0"}, **config}, f)
    os.makedirs(os.path.join(work, "root"), exist_ok=True)


def test_mounted_partitions():
    """One that is in use is refused; its neighbours can change, and it stays mounted."""
    with workdir() as work, data_loop(work) as dev:
        Stage(work)(storage(disks=[dict(device=dev, partitions=[dict(number=1, sizeMiB=50, label="a")])],
                            filesystems=[dict(device=f"{dev}p1", format="ext4")]))
        mount = f"mount {dev}p1 {work}/root; "
        for disk, word in (
                (dict(partitions=[dict(number=1, sizeMiB=60, label="a", resize=True)]),
                 "refusing to modify active partition 1"),
                (dict(wipeTable=True), "refusing to wipe active disk")):
            write_config(work, storage(disks=[dict(device=dev, **disk)]))
            out = in_namespace(work, mount + command(work, "disks") + "&& exit 3; umount " + work + "/root")
            assert word in out and "mounted on" in out, out
        write_config(work, storage(filesystems=[dict(device=f"{dev}p1", format="xfs", wipeFilesystem=True)]))
        out = in_namespace(work, mount + command(work, "disks") + "&& exit 3; umount " + work + "/root")
        assert "refusing to make a file system" in out, out
        write_config(work, storage(disks=[dict(device=dev, partitions=[
            dict(number=1, sizeMiB=50, label="a"), dict(number=2, sizeMiB=20)])]))
        in_namespace(work, mount + f"touch {work}/root/alive; " + command(work, "disks")
                     + f"; sync; test -e {work}/root/alive; umount {work}/root")
        assert set(kernel_parts(dev)) == {1, 2}


def test_mount_and_umount():
    with workdir() as work, data_loop(work, 600) as dev:
        config = storage(
            disks=[dict(device=dev, wipeTable=True, partitions=[dict(number=i, sizeMiB=120) for i in (1, 2, 3)])],
            filesystems=[dict(device=f"{dev}p2", format="ext4", path="/var/lib/data"),
                         dict(device=f"{dev}p1", format="ext4", path="/", mountOptions=["noatime", "x-systemd.foo"]),
                         dict(device=f"{dev}p3", format="btrfs", path="/var", mountOptions=["compress=zstd"])])
        Stage(work)(config)
        write_config(work, config)
        out = in_namespace(work, "umask 077; " + command(work, "mount") + f"""
            findmnt -rno TARGET,SOURCE,OPTIONS | grep {work}/root
            stat -c %a {work}/root/var {work}/root/var/lib
            {command(work, "mount")}
            {command(work, "umount")}
            ! findmnt -rno TARGET | grep {work}/root
            {command(work, "umount")}""")
        lines = [line for line in out.splitlines() if line.startswith(work)]
        assert [line.split()[0][len(work):] for line in lines] == ["/root", "/root/var", "/root/var/lib/data"], out
        assert "noatime" in lines[0] and "compress=zstd" in lines[1], out
        assert 'with type "ext4" and options "noatime,x-systemd.foo"' in out, out
        assert out.count("is already mounted") == 3 and "\n755\n755\n" in out, out
        with open(os.path.join(work, "state")) as f:
            assert json.load(f)["notatedDirectories"] == ["/var", "/var/lib", "/var/lib/data"]


def test_mount_points_that_are_none():
    with workdir() as work, data_loop(work, 64) as dev:
        run("mkfs.ext4", "-q", dev)
        config = storage(filesystems=[dict(device=dev, format="ext4", path="/a/b/c")])
        stage = Stage(work)
        for make in (lambda p: os.symlink("/tmp", p), lambda p: open(p, "w").close()):
            path = os.path.join(stage.root, "a")
            make(path)
            p = stage(config, stage="mount", ok=False, prefix=("unshare", "-m"))
            assert 'mount path "/a/b/c" contains non-directory component "/a"' in p.log, p.log
            os.unlink(path)
        stage(storage(filesystems=[dict(device=dev, format="ext4", path="/x", mountOptions=["no-such-option"])]),
              stage="mount", ok=False, prefix=("unshare", "-m"))


def test_late_device():
    """The stage waits for a disk that comes later, and says so when it does not."""
    with workdir() as work:
        link = os.path.join(work, "late")
        with data_loop(work) as dev:
            cache = storage(disks=[dict(device=link, partitions=[dict(number=1)])])
            write_config(work, cache)
            child = subprocess.Popen(["sh", "-c", command(work, "disks")], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            os.symlink(dev, link)
            out = child.communicate(timeout=240)[0]
            assert child.returncode == 0 and 1 in kernel_parts(dev), out


def test_killed_at_any_moment():
    """Whenever the stage is killed, running it again completes."""
    with workdir() as work, data_loop(work) as dev:
        config = storage(
            disks=[dict(device=dev, partitions=[dict(number=1, sizeMiB=60, label="a"),
                                                dict(label="b", sizeMiB=60), dict(label="c")])],
            filesystems=[dict(device=f"{dev}p1", format="ext4", label="fsa"),
                         dict(device=f"{dev}p3", format="ext4", label="fsc")])
        write_config(work, config)
        adopt_orphans(True)  # mkfs must not go on writing while the next run does
        for delay_ms in (1, 3, 5, 8, 12, 16, 20, 30, 45, 60, 90):
            child = subprocess.Popen(["sh", "-c", "exec " + command(work, "disks")], stdout=subprocess.DEVNULL,
                                     start_new_session=True)
            time.sleep(delay_ms / 1000)
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            end_orphans()
        adopt_orphans(False)
        Stage(work)(config)
        gpt = Gpt(os.path.join(work, "img"), 512)
        assert [p["label"] for p in gpt.parts.values()] == ["a", "b", "c"], gpt.parts
        assert blkid(f"{dev}p1")["LABEL"] == "fsa" and blkid(f"{dev}p3")["LABEL"] == "fsc"
        run("e2fsck", "-fn", f"{dev}p1")
        run("e2fsck", "-fn", f"{dev}p3")


run_tests(globals())
