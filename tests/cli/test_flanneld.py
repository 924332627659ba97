"""flanneld's command line, without privileges and without etcd: options, exit codes, messages."""

import os
import re
import signal
import subprocess
import sys
import threading

FLANNELD = os.path.join(os.environ.get("HEARTH_BIN_DIR", "build/bin"), "flanneld")

# arguments, environment, exit code, what standard error matches, what it must not contain
CASES = [
    (["-version"], {}, 0, r"\A\d+\.\d+\.\d+\n\Z", None),
    (["--version"], {"FLANNELD_IFACE": "x"}, 0, r"\A\d+\.\d+\.\d+\n\Z", None),
    (["-h"], {}, 0, r"\AUsage: flanneld ", None),
    (["--help"], {}, 0, r"-etcd-endpoints", None),
    (["-nonsense"], {}, 2, r"\Aflag provided but not defined: -nonsense\nUsage: flanneld ", None),
    (["-healthz-port=abc"], {}, 2, r"\Ainvalid value \"abc\" for flag -healthz-port", None),
    (["-etcd-endpoints"], {}, 2, r"\Aflag needs an argument: -etcd-endpoints", None),
    (["-kube-subnet-mgr"], {}, 1, r"the Kubernetes subnet manager is not available", None),
    (["--kube-subnet-mgr=true", "-kube-api-url=http://x", "-net-config-path", "/x"], {}, 1, r"leave out -kube-subnet-mgr", None),
    (["-subnet-lease-renew-margin=0"], {}, 1, r"Invalid subnet-lease-renew-margin option, out of acceptable range", None),
    (["-subnet-lease-renew-margin=1440"], {}, 1, r"out of acceptable range", None),
    (["-subnet-lease-renew-margin=0x5a0"], {}, 1, r"out of acceptable range", None),
    ([], {"FLANNELD_SUBNET_LEASE_RENEW_MARGIN": "1440"}, 1, r"out of acceptable range", None),
    (["-healthz-port=65536"], {}, 1, r"healthz-port 65536 is not a port", None),
    (["-kube-subnet-mgr", "-etcd-password=hunter2"], {}, 1, r"etcd-password=<redacted>", "hunter2"),
    (["-kube-subnet-mgr"], {"FLANNELD_ETCD_PASSWORD": "hunter2"}, 1, r"etcd-password=<redacted>", "hunter2"),
    (["-kube-subnet-mgr", "-etcd-endpoints=http://me:hunter2@a:1,https://you:hunt@er2@b:2"], {}, 1,
     r"etcd-endpoints=http://<redacted>@a:1,https://<redacted>@b:2 ", "hunt"),
    (["-kube-subnet-mgr", "-iface=a", "--iface", "b"], {"FLANNELD_IFACE": "c"}, 1, r" iface=a,b ", None),
    (["-kube-subnet-mgr"], {"FLANNELD_IFACE": "c,d", "FLANNELD_IP_MASQ": "true"}, 1, r" iface=c,d .* ip-masq=true ", None),
    (["-kube-subnet-mgr", "-ip-masq", "true", "-nonsense"], {}, 1, r" ip-masq=true ", None),
    (["-healthz-ip=nowhere", "-healthz-port=80"], {}, 1, r"Start healthz server error: \"nowhere\" is not an IP address", None),
    (["-etcd-endpoints=https://127.0.0.1:1", "-etcd-certfile=/nonexistent/c", "-etcd-keyfile=/nonexistent/k"], {}, 1,
     r"Failed to create SubnetManager: .*/nonexistent/", None),
]


def environment(extra):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLANNELD_") and k != "NOTIFY_SOCKET"}
    return {**clean, **extra}


def run_cases():
    failed = 0
    for argv, env, code, pattern, secret in CASES:
        done = subprocess.run([FLANNELD, *argv, "-subnet-file=/nonexistent/subnet.env"] if code == 1 and "true" not in argv
                              else [FLANNELD, *argv], env=environment(env), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        problem = None
        if done.returncode != code:
            problem = f"exit code {done.returncode}, not {code}"
        elif not re.search(pattern, done.stderr):
            problem = f"{pattern!r} is not in its output"
        elif secret and secret in done.stderr:
            problem = f"{secret!r} is in its output"
        elif done.stdout:
            problem = f"standard output: {done.stdout!r}"
        if problem:
            failed += 1
            print(f"{argv} {env}: {problem}\n{done.stderr}")
    return failed


def run_waiting():
    """An etcd that is not there: it says so, keeps waiting, and a signal ends it with status 0."""
    p = subprocess.Popen([FLANNELD, "-etcd-endpoints=http://127.0.0.1:1", "-subnet-file=/nonexistent/subnet.env"],
                         env=environment({}), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    patience = threading.Timer(120, p.kill)
    patience.start()
    err = ""
    while "Couldn't fetch network config" not in err and (line := p.stderr.readline()):
        err += line
    waiting = p.poll() is None
    p.send_signal(signal.SIGTERM)
    err += p.communicate()[1]
    patience.cancel()
    if not waiting or p.returncode != 0 or "Couldn't fetch network config" not in err or \
            "shutdownHandler sent cancel signal" not in err or "Exiting cleanly..." not in err:
        print(f"waiting for etcd: running {waiting}, exit code {p.returncode}\n{err}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(1 if run_cases() + run_waiting() else 0)
