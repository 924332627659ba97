"""What the disk tests share: loop devices, running a stage, a GPT reader of our own."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import uuid
import zlib

BIN = os.environ.get("HEARTH_BIN_DIR", "build/bin")
IGNITION = os.path.join(BIN, "ignition")
MIB = 1 << 20


def skip(reason):
    print(reason)
    sys.exit(77)


def require(*tools):
    if os.geteuid() != 0:
        skip("skipped: needs root for loop devices")
    missing = [t for t in tools + ("losetup", "sgdisk") if not shutil.which(t)]
    if missing:
        skip("skipped: not installed: " + " ".join(missing))
    if subprocess.run(["losetup", "-f"], capture_output=True).returncode != 0:
        skip("skipped: no loop devices here")


def run(*argv, check=True, **kw):
    p = subprocess.run(argv, text=True, capture_output=True, **kw)
    if check and p.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p


def _calm():
    """
    sgdisk syncs every file system of the machine and sleeps a second after each write; with strace at
    hand neither happens. What it writes to the disk is the same.
    """
    prefix = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=sync,clock_nanosleep",
              "-e", "inject=sync,clock_nanosleep:retval=0"]
    try:
        works = subprocess.run(prefix + ["sync"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    return prefix if works else []


CALM = _calm()


def sgdisk(*args, check=True):
    return run(*CALM, "sgdisk", *args, check=check)


@contextlib.contextmanager
def workdir():
    path = tempfile.mkdtemp(prefix="hearth-disk-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def loop(path, sector=512, size=None):
    """A loop device over path (made sparse with size bytes); its partitions are gone afterwards."""
    if size is not None:
        with open(path, "wb") as f:
            f.truncate(size)
    dev = run("losetup", "-f", "--show", "-b", str(sector), path).stdout.strip()
    try:
        yield dev
    finally:
        drop_parts(dev)
        run("losetup", "-d", dev, check=False)


def drop_parts(dev):
    """The partitions the kernel was told about would otherwise outlive the loop device."""
    name = os.path.basename(dev)
    for entry in sorted(os.listdir(f"/sys/class/block/{name}")):
        if entry.startswith(name + "p"):
            run("delpart", dev, entry[len(name) + 1:], check=False)


class Stage:
    """Runs stages of the real program with everything it writes kept below one directory."""

    def __init__(self, work):
        self.work = work
        self.root = os.path.join(work, "root")
        self.state = os.path.join(work, "state")
        os.makedirs(self.root, exist_ok=True)

    def _call(self, config, stage, timeout, env):
        cache = os.path.join(self.work, "config.json")
        with open(cache, "w") as f:
            json.dump({"ignition": {"version": "3.4.0"}, **config}, f)
        environ = dict(os.environ, IGNITION_DEVICE_TIMEOUT=timeout,
                       IGNITION_DEV_ALIASES_DIR=os.path.join(self.work, "aliases"), **(env or {}))
        return [IGNITION, "-platform", "file", "-stage", stage, "-root", self.root,
                "-config-cache", cache, "-state-file", self.state, "-log-to-stdout"], environ

    def start(self, config, stage="disks", timeout="120"):
        argv, environ = self._call(config, stage, timeout, None)
        return subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ)

    def __call__(self, config, stage="disks", ok=True, prefix=(), timeout="120", env=None):
        argv, environ = self._call(config, stage, timeout, env)
        p = subprocess.run([*prefix, *argv], text=True, capture_output=True, env=environ)
        p.log = p.stdout + p.stderr
        if ok is not None and (p.returncode == 0) != ok:
            raise AssertionError(f"stage {stage}: exit {p.returncode}\n{p.log}")
        return p


def storage(**kw):
    return {"storage": kw}


def sha(path):
    """Of what is not zero and where it is: holes cost nothing."""
    h, step = hashlib.sha256(), 65536
    with open(path, "rb") as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA) // step * step
            except OSError:
                break
            chunk = os.pread(f.fileno(), step, at)
            if chunk.strip(b"\0"):
                h.update(at.to_bytes(8, "little") + chunk)
            at += step
    return h.hexdigest()


class Gpt:
    """Both tables of a disk, checked for consistency as they are read."""

    def __init__(self, path, sector):
        with open(path, "rb") as f:
            f.seek(0, os.SEEK_END)
            self.sectors = f.tell() // sector
            main = self.header(f, sector, 1)
            back = self.header(f, sector, self.sectors - 1)
        assert main["other"] == self.sectors - 1 and back["other"] == 1, (main, back)
        for key in ("first", "last", "guid", "parts"):
            assert main[key] == back[key], f"the two tables differ in {key}"
        self.__dict__.update({k: main[k] for k in ("first", "last", "guid", "parts")})

    @staticmethod
    def header(f, sector, lba):
        f.seek(lba * sector)
        raw = f.read(92)
        sig, _, size, crc, _, me, other, first, last = struct.unpack_from("<8sIIIIQQQQ", raw)
        entries, count, width, entries_crc = struct.unpack_from("<QIII", raw, 72)
        assert sig == b"EFI PART" and me == lba, f"no GPT header at sector {lba}"
        assert zlib.crc32(raw[:16] + b"\0\0\0\0" + raw[20:size]) == crc, f"header CRC at sector {lba}"
        f.seek(entries * sector)
        table = f.read(count * width)
        assert zlib.crc32(table) == entries_crc, f"entries CRC of the header at sector {lba}"
        parts = {}
        for i in range(count):
            e = table[i * width:(i + 1) * width]
            if e[:16] != bytes(16):
                start, end, flags = struct.unpack_from("<QQQ", e, 32)
                parts[i + 1] = {"type": str(uuid.UUID(bytes_le=e[:16])), "guid": str(uuid.UUID(bytes_le=e[16:32])),
                                "start": start, "end": end, "flags": flags,
                                "label": e[56:128].decode("utf-16-le").rstrip("\0")}
        return {"other": other, "first": first, "last": last,
                "guid": str(uuid.UUID(bytes_le=raw[56:72])), "parts": parts}


def kernel_parts(dev):
    """{number: (start, size)} in 512-byte sectors, as /sys shows them."""
    name = os.path.basename(dev)
    found = {}
    for entry in os.listdir(f"/sys/class/block/{name}"):
        base = f"/sys/class/block/{name}/{entry}"
        if entry.startswith(name) and os.path.exists(base + "/partition"):
            num = [int(open(f"{base}/{a}").read()) for a in ("partition", "start", "size")]
            found[num[0]] = (num[1], num[2])
    return found


def _on_term(*_):
    sys.exit("terminated")


def run_tests(namespace):
    """Every function named test_*; all of them run, the first failure's text is shown with its name."""
    signal.signal(signal.SIGTERM, _on_term)  # a test's time limit: loop devices must go all the same
    failed = 0
    for name, fn in list(namespace.items()):
        if not name.startswith("test_") or not callable(fn):
            continue
        try:
            fn()
            print(f"ok      {name}", flush=True)
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {name}: {type(e).__name__}: {str(e)[-6000:]}", flush=True)
    sys.exit(1 if failed else 0)
