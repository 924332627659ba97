"""Virtual machines for tests and the demo: images from the cache, QEMU, markers with deadlines.

Needs Python's standard library, QEMU and the programs of ./dev deps. Every wait has a deadline
and names what it waited for; a machine dies with the process that started it.
"""
import ctypes
import functools
import gzip
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")

# qemu64 alone lacks what OpenSSL and crc32c use to be quick; rdrand spares the guest the wait for entropy.
TCG_CPU = "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt"


# A wait ends as soon as it can; without KVM, on a busy machine, a guest may take many times longer than usual.
PATIENCE = 3


class VmError(Exception):
    """A machine did not do what it should; the text says what was missed."""


def missing_programs():
    """Names of needed programs that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    needed = ("qemu-system-x86_64", "qemu-img", "mmdebstrap", "mkfs.ext4", "depmod", "cpio", "zstd", "busybox",
              "udevadm")
    return [name for name in needed if not shutil.which(name, path=path)]


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME") or "/root", ".cache")
    return os.path.join(base, "hearth")


def _script(name):
    # A group of its own: when we are told to end, what the script has started must end as well.
    process = subprocess.Popen([os.path.join(HERE, name)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    if process.returncode:
        raise VmError(f"{name} failed with status {process.returncode} (its message is above)")
    return out.strip().split("\n")[-1]


@functools.lru_cache
def kernel():
    """(vmlinuz, module directory) of the cached Debian kernel."""
    base = _script("mkkernel")
    with open(os.path.join(base, "release"), encoding="ascii") as f:
        release = f.read().strip()
    return os.path.join(base, "vmlinuz"), os.path.join(base, "lib/modules", release)


@functools.lru_cache
def root_image():
    return _script("mkroot")


def build_initramfs(output, ignition, *options):
    """Runs the project's image builder; returns its one line of sizes."""
    done = subprocess.run(
        [os.path.join(SOURCE, "initramfs/hearth-mkinitramfs"), "--output", output, "--ignition", ignition,
         "--kernel-modules", kernel()[1], *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise VmError(f"hearth-mkinitramfs failed:\n{done.stdout}")
    return done.stdout.strip()


def die_with_parent():
    """In the child, before exec: SIGKILL when the parent goes, however it goes."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def exit_on_signals():
    """SIGTERM and SIGHUP unwind the stack like SIGINT, so that context managers clean up."""
    def handler(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


@functools.lru_cache
def accelerator():
    """'kvm' only after a guest proved within 5 s that it boots; the verdict is kept until reboot."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = f.read().strip()
    verdict = os.path.join(cache_dir(), "accelerator")
    try:
        with open(verdict, encoding="ascii") as f:
            known = f.read().split()
        if len(known) == 2 and known[0] == boot:
            return known[1]
    except OSError:
        pass
    with tempfile.TemporaryDirectory(prefix="hearth-kvm.") as work:
        initrd = os.path.join(work, "initrd")
        os.mkdir(os.path.join(work, "root"))
        shutil.copy(shutil.which("busybox"), os.path.join(work, "root/busybox"))
        with open(os.path.join(work, "root/init"), "w", encoding="ascii") as f:
            f.write("#!/busybox sh\n/busybox echo kvm-probe-booted\n/busybox poweroff -f\n")
        os.chmod(os.path.join(work, "root/init"), 0o755)
        with open(initrd, "wb") as out:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=b"busybox\ninit\n", stdout=out,
                           cwd=os.path.join(work, "root"), check=True)
        try:
            done = subprocess.run(
                ["qemu-system-x86_64", "-accel", "kvm", "-M", "q35,sata=off", "-cpu", "host", "-m", "256M",
                 "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
                 "-kernel", kernel()[0], "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=5,
                preexec_fn=die_with_parent, check=False)
            works = b"kvm-probe-booted" in done.stdout
        except (subprocess.TimeoutExpired, OSError):
            works = False
    result = "kvm" if works else "tcg"
    with open(f"{verdict}.{os.getpid()}", "w", encoding="ascii") as f:
        f.write(f"{boot} {result}\n")
    os.rename(f"{verdict}.{os.getpid()}", verdict)
    return result


class Web:
    """Serves {path: bytes} on the loopback; guests reach it as http://10.0.2.2:<port>/."""

    def __init__(self, documents, port=0):
        self.documents = documents
        self.requests = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = web.documents.get(self.path)
                web.requests.append((self.path, dict(self.headers)))
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        try:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError:
            # Somebody else has the port: any other will do, the config is adapted to it.
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


class Vm:
    """One QEMU process. Files (console.log, check.log, qemu.log, disks) are in `work`."""

    def __init__(self, work, initrd, append="", disks=(), fw_cfg=None, memory=768, on_line=None):
        """disks: (path, format, serial) triples; fw_cfg: {name: path}; on_line is called with each console line."""
        self.work = work
        self.on_line = on_line
        self.console = os.path.join(work, "console.log")
        self.check = os.path.join(work, "check.log")
        self.process = None
        self._read = 0
        self._partial = ""
        self.lines = []
        accel = accelerator()
        self.argv = [
            "qemu-system-x86_64", "-accel", accel, "-M", "q35,sata=off",
            "-cpu", "host" if accel == "kvm" else TCG_CPU, "-smp", "1", "-m", f"{memory}M",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-serial", f"file:{self.console}", "-serial", f"file:{self.check}",
            "-kernel", kernel()[0], "-initrd", initrd,
            "-append", f"console=ttyS0 loglevel=3 panic=-1 systemd.show_status=0 {append}",
            "-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"]
        for number, (path, form, serial) in enumerate(disks):
            self.argv += ["-drive", f"file={path},if=none,id=d{number},format={form},cache=unsafe",
                          "-device", f"virtio-blk-pci,drive=d{number},serial={serial}"]
        for name, path in (fw_cfg or {}).items():
            self.argv += ["-fw_cfg", f"name={name},file={path}"]

    def __enter__(self):
        for path in (self.console, self.check):
            with open(path, "wb"):
                pass
        with open(os.path.join(self.work, "qemu.log"), "wb") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._poll()

    def _poll(self):
        """Takes what the console has said since the last call."""
        with open(self.console, "rb") as f:
            f.seek(self._read)
            data = f.read()
        self._read += len(data)
        text = self._partial + data.decode("utf-8", "replace")
        *lines, self._partial = text.split("\n")
        for line in lines:
            line = ANSI.sub("", line)
            self.lines.append(line)
            if self.on_line:
                self.on_line(line)

    def _until(self, done, what, timeout):
        timeout *= PATIENCE
        limit = time.monotonic() + timeout
        while True:
            alive = self.process.poll() is None
            self._poll()
            result = done()
            if result:
                return result
            if not alive:
                raise VmError(f"the machine stopped before {what} (QEMU exit status {self.process.returncode})"
                              f"{self._qemu_says()}")
            if time.monotonic() > limit:
                raise VmError(f"no {what} within {timeout} s")
            time.sleep(0.1)

    def _qemu_says(self):
        with open(os.path.join(self.work, "qemu.log"), encoding="utf-8", errors="replace") as f:
            text = f.read().strip()
        return f"\n{text}" if text else ""

    def wait_line(self, pattern, timeout):
        """The first console line that matches, from the beginning of the boot."""
        regex = re.compile(pattern)
        return self._until(lambda: next((line for line in self.lines if regex.search(line)), None),
                           f'console line matching "{pattern}"', timeout)

    def wait_exit(self, timeout):
        """Until the machine has powered off."""
        timeout *= PATIENCE
        limit = time.monotonic() + timeout
        while self.process.poll() is None:
            self._poll()
            if time.monotonic() > limit:
                raise VmError(f"the machine did not power off within {timeout} s")
            time.sleep(0.1)
        self._poll()
        return self.process.returncode

    def wait_facts(self, timeout):
        """What the check program in the booted node reported: one line of JSON on the second serial port."""
        def report():
            with open(self.check, encoding="utf-8", errors="replace") as f:
                text = f.read().replace("\r", "")
            return text if "CHECK-END\n" in text else None
        text = self._until(report, "report of the check program in the booted node", timeout)
        for line in text.split("\n"):
            if line.startswith("{"):
                return json.loads(line)
        raise VmError(f"the check program reported no facts: {text.strip()}")


def overlay(base, path):
    """A copy-on-write disk over a raw image."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", path], check=True)
    return path


def blank_disk(path, mib):
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    return path


def gzipped(data):
    return gzip.compress(data, mtime=0)


def show_tail(vm_work, lines=40, out=sys.stderr):
    """The end of the console, for a failure report."""
    try:
        with open(os.path.join(vm_work, "console.log"), encoding="utf-8", errors="replace") as f:
            tail = ANSI.sub("", f.read()).split("\n")[-lines:]
    except OSError:
        return
    print(f"--- last lines of {vm_work}/console.log", file=out)
    print("\n".join(tail), file=out)
