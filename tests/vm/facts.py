"""Runs inside the booted node: reports what is there, judges nothing. The test puts SPEC before it."""
import base64
import grp
import hashlib
import json
import os
import pwd
import stat
import struct
import subprocess
import sys
import uuid

SPEC = globals().get("SPEC", {})


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()


def gpt(device):
    """The partition table as it is on the disk, read here byte by byte."""
    with open(device, "rb") as f:
        f.seek(512)
        header = f.read(92)
        if header[:8] != b"EFI PART":
            return None
        first, last = struct.unpack_from("<QQ", header, 40)
        entries_lba, count, size = struct.unpack_from("<QII", header, 72)
        f.seek(entries_lba * 512)
        table = f.read(count * size)
    parts = []
    for number in range(count):
        entry = table[number * size:(number + 1) * size]
        if entry[:16] == bytes(16):
            continue
        start, end = struct.unpack_from("<QQ", entry, 32)
        parts.append({
            "number": number + 1, "type": str(uuid.UUID(bytes_le=entry[:16])).upper(),
            "guid": str(uuid.UUID(bytes_le=entry[16:32])).upper(), "start": start, "size": end - start + 1,
            "label": entry[56:128].decode("utf-16-le").rstrip("\0")})
    return {"first": first, "last": last, "partitions": parts}


def path_facts(path):
    try:
        st = os.lstat(path)
    except OSError as e:
        return {"error": e.strerror}
    facts = {"mode": stat.S_IMODE(st.st_mode), "uid": st.st_uid, "gid": st.st_gid, "inode": [st.st_dev, st.st_ino],
             "links": st.st_nlink, "mtime": st.st_mtime_ns, "kind": {
                 stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}.get(stat.S_IFMT(st.st_mode))}
    if facts["kind"] == "link":
        facts["target"] = os.readlink(path)
    if facts["kind"] == "file":
        with open(path, "rb") as f:
            data = f.read()
        facts["sha512"] = hashlib.sha512(data).hexdigest()
        if len(data) < 16384:
            facts["content"] = base64.b64encode(data).decode("ascii")
    return facts


def device_facts(device):
    return dict(line.split("=", 1) for line in run("blkid", "-p", "-o", "export", device).split("\n") if "=" in line)


def unit_facts(name):
    wanted = "ActiveState,SubState,Result,UnitFileState,LoadState,DropInPaths,Environment,ExecMainStatus,FragmentPath"
    lines = run("systemctl", "show", "-p", wanted, "--", name).split("\n")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def mounts():
    found = {}
    with open("/proc/self/mountinfo") as f:
        for line in f:
            fields = line.split()
            rest = fields[fields.index("-") + 1:]
            found[fields[4]] = {"type": rest[0], "source": os.path.realpath(rest[1]) if rest[1][0] == "/" else rest[1],
                                "options": fields[5] + "," + rest[2]}
    return found


def user_facts(name):
    try:
        u = pwd.getpwnam(name)
    except KeyError:
        return None
    with open("/etc/shadow") as f:
        shadow = next((line.split(":") for line in f if line.startswith(name + ":")), ["", ""])
    return {"uid": u.pw_uid, "gid": u.pw_gid, "home": u.pw_dir, "shell": u.pw_shell, "gecos": u.pw_gecos,
            "hash": shadow[1], "groups": sorted(g.gr_name for g in grp.getgrall() if name in g.gr_mem),
            "primary": grp.getgrgid(u.pw_gid).gr_name}


with open("/proc/swaps") as f:
    swaps = [os.path.realpath(line.split()[0]) for line in f.readlines()[1:]]
with open("/proc/cmdline") as f:
    cmdline = f.read().strip()
with open("/proc/sys/kernel/random/boot_id") as f:
    boot_id = f.read().strip()
with open("/proc/uptime") as f:
    uptime = float(f.read().split()[0])

json.dump({
    "cmdline": cmdline, "boot_id": boot_id, "uptime": uptime,
    "disks": {d: gpt(d) for d in SPEC.get("disks", [])},
    "devices": {d: {"node": os.path.realpath(d), **device_facts(d)} for d in SPEC.get("devices", [])},
    "mounts": mounts(), "swaps": swaps,
    "paths": {p: path_facts(p) for p in SPEC.get("paths", [])},
    "units": {u: unit_facts(u) for u in SPEC.get("units", [])},
    "users": {u: user_facts(u) for u in SPEC.get("users", [])},
    "groups": {g.gr_name: g.gr_gid for g in grp.getgrall()},
    "uids": {u.pw_name: u.pw_uid for u in pwd.getpwall()},
    "failed": run("systemctl", "--failed", "--plain", "--no-legend"),
    "system": run("systemctl", "is-system-running"),
    "journal": run("journalctl", "-b", "-t", "ignition", "-o", "json", "--output-fields=MESSAGE,PRIORITY"),
    "machine_id": run("cat", "/etc/machine-id"),
    "network": run("ip", "-br", "address"),
}, sys.stdout)
print()
