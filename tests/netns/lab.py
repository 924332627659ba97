"""A small cluster on one machine: namespaces for hosts and containers on a bridged underlay, a real
etcd, and flanneld in each host. Everything carries this process's id in its name and is removed at
the end, whatever happened; nothing outside the namespaces made here is touched."""

import atexit
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

UNDERLAY = "10.77.0"
UNDERLAY6 = "fd77::"
ETCD_IP = f"{UNDERLAY}.100"
PREFIX = "/coreos.com/network"

# Seconds. A wait ends as soon as it can, so these are for hangs alone - also on a slow, busy machine.
PATIENCE = 90.0
# What follows an event must not wait for the agent's next slow check, a minute after the last.
SOON = 20.0


class Failure(Exception):
    """What was expected and did not happen."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def say(text):
    print(f"[{time.monotonic() - START:6.2f}] {text}", flush=True)


START = time.monotonic()


def wait_until(what, probe, timeout=PATIENCE, pause=0.05):
    """Calls probe until it returns something true; an exception of it counts as not yet."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            result = probe()
            if result:
                return result
            last = result
        except (Failure, OSError, ValueError, LookupError, subprocess.SubprocessError) as e:
            last = e
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout:.0f} s in vain for {what} (last: {last!r})")
        time.sleep(pause)


class Process:
    """A started program; its output goes to a file that tests read and failures show."""

    def __init__(self, lab, name, argv, env=None):
        self.name = name
        self.path = os.path.join(lab.dir, f"{name}.{len(lab.processes)}.log")
        self.argv = argv
        with open(self.path, "wb") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        lab.processes.append(self)

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, timeout=PATIENCE, after=0):
        """Returns the match; pattern is searched after this many characters of the log."""
        def probe():
            m = re.search(pattern, self.log()[after:], re.M)
            if not m and self.popen.poll() is not None:
                raise ProcessGone(f"{self.name} ended with {self.popen.returncode} before it logged {pattern!r}")
            return m
        return wait_until(f"{self.name} to log {pattern!r}", probe, timeout)

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout=PATIENCE):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout:.0f} s") from None

    def stop(self, signo=signal.SIGTERM, timeout=PATIENCE):
        if self.running():
            self.popen.send_signal(signo)
        return self.wait(timeout)

    def kill(self):
        if self.running():
            self.popen.kill()
            self.popen.wait()


class ProcessGone(Exception):
    """Ends a wait at once: the program will never log what is waited for."""


class NotifySocket:
    """Plays the service manager: receives sd_notify datagrams."""

    def __init__(self, lab, name):
        self.path = os.path.join(lab.dir, f"{name}.notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.messages = []

    def poll(self):
        while True:
            try:
                self.messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.messages

    def ready(self):
        return any("READY=1" in m.split("\n") for m in self.poll())


class Host:
    def __init__(self, lab, number, iface="eth0"):
        self.lab = lab
        self.number = number
        self.ns = lab.add_ns(f"h{number}")
        self.ip = f"{UNDERLAY}.{number}"
        self.ip6 = f"{UNDERLAY6}{number}"
        self.iface = iface
        self.subnet_file = os.path.join(lab.dir, f"h{number}", "subnet.env")
        self.container = None
        lab.plug(self.ns, iface, f"h{number}", [f"{self.ip}/24", f"{self.ip6}/64"])
        self.sysctl("net.ipv4.ip_forward", 1)
        self.sysctl("net.ipv6.conf.all.forwarding", 1)

    def run(self, *argv, **kw):
        return self.lab.run("ip", "netns", "exec", self.ns, *argv, **kw)

    def try_run(self, *argv):
        return self.lab.try_run("ip", "netns", "exec", self.ns, *argv)

    def sysctl(self, name, value):
        path = "/proc/sys/" + name.replace(".", "/")
        self.run("sh", "-c", f"echo {value} >{path}")

    def ip_json(self, *argv):
        text = self.lab.run("ip", "-d", "-j", "-n", self.ns, *argv)
        return json.loads(text) if text.strip() else []

    def flanneld(self, *extra, env=None, iface=True, notify=None, wrapper=()):
        argv = ["ip", "netns", "exec", self.ns, *wrapper, self.lab.program("flanneld"),
                f"-etcd-endpoints=http://{ETCD_IP}:2379", f"-subnet-file={self.subnet_file}"]
        if iface:
            argv.append(f"-iface={self.iface}")
        env = dict(env or {})
        if notify:
            env["NOTIFY_SOCKET"] = notify.path
        return Process(self.lab, f"flanneld-h{self.number}", argv + list(extra), env)

    def subnet_env(self):
        with open(self.subnet_file, encoding="ascii") as f:
            return dict(line.rstrip("\n").split("=", 1) for line in f)

    def subnet(self):
        """The leased subnet as CIDR, for example 10.5.34.0/24."""
        address, length = self.subnet_env()["FLANNEL_SUBNET"].split("/")
        return address.rsplit(".", 1)[0] + ".0/" + length

    def device(self, name="flannel.1"):
        return self.ip_json("link", "show", "dev", name)[0]

    def routes(self, device="flannel.1"):
        """Destination -> gateway of the device's IPv4 routes."""
        return {r["dst"]: r.get("gateway") for r in self.ip_json("-4", "route", "show", "dev", device)}

    def neighbours(self, device="flannel.1"):
        return {n["dst"]: n["lladdr"] for n in self.ip_json("-4", "neigh", "show", "dev", device)
                if "PERMANENT" in n["state"]}

    def fdb(self, device="flannel.1"):
        """MAC -> set of remote VTEP addresses."""
        text = self.run("bridge", "-j", "fdb", "show", "dev", device)
        entries = {}
        for e in json.loads(text) if text.strip() else []:
            if "dst" in e:
                entries.setdefault(e["mac"], set()).add(e["dst"])
        return entries

    def add_container(self):
        """A namespace behind a bridge, as a container runtime would make it from subnet.env."""
        env = self.subnet_env()
        gateway = env["FLANNEL_SUBNET"]
        prefix = gateway.rsplit(".", 1)[0]
        self.container = self.lab.add_ns(f"c{self.number}")
        self.container_ip = f"{prefix}.2"
        for argv in (["link", "add", "cni0", "type", "bridge"],
                     ["link", "set", "cni0", "mtu", env["FLANNEL_MTU"], "up"],
                     ["addr", "add", gateway, "dev", "cni0"],
                     ["link", "add", "veth0", "mtu", env["FLANNEL_MTU"], "type", "veth",
                      "peer", "name", "eth0", "mtu", env["FLANNEL_MTU"], "netns", self.container],
                     ["link", "set", "veth0", "master", "cni0", "up"]):
            self.lab.run("ip", "-n", self.ns, *argv)
        for argv in (["addr", "add", f"{self.container_ip}/24", "dev", "eth0"],
                     ["link", "set", "eth0", "up"],
                     ["route", "add", "default", "via", gateway.split("/")[0]]):
            self.lab.run("ip", "-n", self.container, *argv)
        return self.container_ip

    def container_run(self, *argv):
        return self.lab.run("ip", "netns", "exec", self.container, *argv)

    def container_ping(self, address, size=56):
        self.container_run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size), address)
        return True


class Lab:
    def __init__(self, hosts=2, etcd=True):
        if os.geteuid() != 0:
            skip("needs root to make network namespaces")
        for tool in ("ip", "etcd", "etcdctl", "ping", "nft"):
            if not shutil.which(tool):
                skip(f"{tool} is not installed")
        self.tag = f"hl{os.getpid()}"
        self.namespaces = []
        self.processes = []
        self.etcd_process = None
        self.dir = tempfile.mkdtemp(prefix="hearth-netns-")
        self.underlay = None
        atexit.register(self.close)
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signo, lambda n, _: sys.exit(128 + n))
        try:
            self.underlay = self.add_ns("net")
        except Failure as e:
            skip(f"cannot make a network namespace: {e}")
        self.run("ip", "-n", self.underlay, "link", "add", "br0", "type", "bridge")
        self.run("ip", "-n", self.underlay, "link", "set", "br0", "up")
        self.etcd_ns = self.add_ns("etcd")
        self.plug(self.etcd_ns, "eth0", "etcd", [f"{ETCD_IP}/24"])
        if etcd:
            self.start_etcd()
        self.hosts = {}
        for number in range(1, hosts + 1):
            self.add_host(number)

    def program(self, name):
        path = os.path.join(os.environ.get("HEARTH_BIN_DIR", "build/bin"), name)
        check(os.access(path, os.X_OK), f"{path} is not there: build first")
        return os.path.abspath(path)

    def run(self, *argv, timeout=PATIENCE, **kw):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False, **kw)
        if done.returncode != 0:
            raise Failure(f"{' '.join(argv)} exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def try_run(self, *argv):
        """Exit status and both outputs, whatever they are."""
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout

    def add_ns(self, name):
        ns = f"{self.tag}-{name}"
        self.run("ip", "netns", "add", ns)
        self.namespaces.append(ns)
        self.run("ip", "-n", ns, "link", "set", "lo", "up")
        return ns

    def plug(self, ns, device, port, addresses):
        """Connects a device of the namespace with the underlay's bridge."""
        self.run("ip", "-n", self.underlay, "link", "add", port, "type", "veth",
                 "peer", "name", device, "netns", ns)
        self.run("ip", "-n", self.underlay, "link", "set", port, "master", "br0", "up")
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            self.run("ip", "-n", ns, "addr", "add", address, "dev", device, *extra)
        self.run("ip", "-n", ns, "link", "set", device, "up")

    def add_host(self, number):
        self.hosts[number] = Host(self, number)
        return self.hosts[number]

    def start_etcd(self):
        url = f"http://{ETCD_IP}:2379"
        data = os.path.join(self.dir, "etcd")
        self.etcd_process = Process(self, "etcd", [
            "ip", "netns", "exec", self.etcd_ns, "etcd", "--name", "lab", "--data-dir", data,
            "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", "http://127.0.0.1:2380",
            "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
            "--initial-cluster", "lab=http://127.0.0.1:2380"])
        wait_until("etcd to answer", lambda: self.etcdctl("endpoint", "health") is not None, pause=0.2)

    def etcdctl(self, *argv):
        return self.run("ip", "netns", "exec", self.etcd_ns, "env", "ETCDCTL_API=3", "etcdctl",
                        f"--endpoints=http://{ETCD_IP}:2379", *argv)

    def put_config(self, **config):
        config.setdefault("Network", "10.5.0.0/16")
        config.setdefault("Backend", {"Type": "vxlan"})
        self.etcdctl("put", f"{PREFIX}/config",
                     json.dumps({k: v for k, v in config.items() if v is not None}))

    def leases(self):
        """Subnet key -> attributes, as found in etcd."""
        out = self.etcdctl("get", "--prefix", "-w", "json", f"{PREFIX}/subnets/")
        import base64
        found = {}
        for kv in json.loads(out).get("kvs", []):
            key = base64.b64decode(kv["key"]).decode().rsplit("/", 1)[1]
            found[key] = json.loads(base64.b64decode(kv["value"]))
        return found

    def close(self):
        atexit.unregister(self.close)
        for p in reversed(self.processes):
            p.kill()
        for ns in reversed(self.namespaces):
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL, check=False)
        self.namespaces = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def show_logs(self):
        for p in self.processes:
            if p.name == "etcd":
                continue
            print(f"----- {p.name} ({' '.join(p.argv[4:])})")
            print("\n".join(p.log().splitlines()[-60:]))


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def main(cases, hosts=2, etcd=True):
    """Runs the cases in order in one lab; the first failure ends the run and shows every log."""
    wanted = sys.argv[1:]
    lab = Lab(hosts, etcd)
    try:
        for case in cases:
            if wanted and case.__name__ not in wanted:
                continue
            say(f"{case.__name__}: {(case.__doc__ or '').strip()}")
            case(lab)
        for p in lab.processes:
            for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
                check(sign not in p.log(), f"{p.name} has a sanitizer report")
    except (Failure, ProcessGone) as e:
        lab.show_logs()
        print(f"FAILED: {e}")
        sys.exit(1)
    except Exception:
        lab.show_logs()
        raise
    finally:
        lab.close()
    say("passed")
