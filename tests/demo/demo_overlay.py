#!/usr/bin/env python3
"""Second half of ./dev demo: a real etcd and two hosts, each a network namespace on a bridge, join
an overlay with flanneld; a container on one talks to a container on the other."""
import argparse
import atexit
import os
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests/netns"))
os.environ.setdefault("HEARTH_BIN_DIR", os.path.join(SOURCE, "build/bin"))
import lab as netlab
from lab import check, say, wait_until


def indent(text):
    for line in text.rstrip("\n").split("\n"):
        print(f"            {line}", flush=True)


def show(title, text):
    say(f"   {title}")
    indent(text or "(nothing)")



def demo(lab, keep):
    say("etcd answers; the network is 10.5.0.0/16, backend vxlan")
    lab.put_config(Network="10.5.0.0/16", Backend={"Type": "vxlan"})
    daemons = []
    for number, host in lab.hosts.items():
        say(f"host {number} ({host.ip}): starting flanneld --ip-masq")
        daemons.append(host.flanneld("-ip-masq"))
    for number, host in lab.hosts.items():
        wait_until(f"host {number}'s subnet.env", lambda h=host: os.path.exists(h.subnet_file), 20)
        say(f"host {number} leased {host.subnet()}")
    one, two = lab.hosts[1], lab.hosts[2]
    for host, peer in ((one, two), (two, one)):
        wait_until(f"host {host.number}'s route to {peer.subnet()}", lambda h=host, p=peer: p.subnet() in h.routes(), 20)
    for number, host in lab.hosts.items():
        print(flush=True)
        say(f"host {number}:")
        with open(host.subnet_file, encoding="ascii") as f:
            show("subnet.env", f.read())
        show("ip route", host.run("ip", "route"))
        show("ip neigh show dev flannel.1", host.run("ip", "neigh", "show", "dev", "flannel.1"))
        show("bridge fdb show dev flannel.1", host.run("bridge", "fdb", "show", "dev", "flannel.1"))
        show("nft list ruleset", host.run("nft", "list", "ruleset"))
    print(flush=True)
    for host in (one, two):
        say(f"container on host {host.number}: {host.add_container()}")
    for host, peer in ((one, two), (two, one)):
        show(f"ping from the container on host {host.number} to the one on host {peer.number}",
             host.container_run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", peer.container_ip))
    mtu = int(one.subnet_env()["FLANNEL_MTU"])
    one.container_ping(two.container_ip, mtu - 28)
    say(f"a packet of the full {mtu} bytes passes unfragmented")
    env = two.subnet_env()
    check(env["FLANNEL_IPMASQ"] == "true", f"subnet.env says FLANNEL_IPMASQ={env['FLANNEL_IPMASQ']}")
    if not keep:
        for number, daemon in enumerate(daemons, 1):
            status = daemon.stop()
            check(status == 0, f"flanneld on host {number} ended with status {status} after SIGTERM")
        one.container_ping(two.container_ip)
        say("both agents ended on SIGTERM; the containers still reach each other, as they should")
    print(f"""
made: {len(lab.leases())} leases in etcd, a flannel.1 device per host, routes, neighbours and forwarding entries,
nftables rules, and a bridge with one container behind each host""", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true", help="leave the namespaces and etcd")
    args = parser.parse_args()
    print("=== Overlay: two hosts join a network", flush=True)
    if os.geteuid() != 0:
        print("the overlay needs root to make network namespaces; run: sudo ./dev demo overlay", file=sys.stderr)
        return 1
    lab = netlab.Lab(2)
    status = 1
    try:
        demo(lab, args.keep)
        status = 0
    except (netlab.Failure, netlab.ProcessGone, OSError) as e:
        say(f"FAILED: {e}")
        lab.show_logs()
    finally:
        if args.keep:
            atexit.unregister(lab.close)
            names = " ".join(lab.namespaces)
            pids = " ".join(str(p.popen.pid) for p in lab.processes if p.running())
            print(f"""
kept: namespaces {names}
      running: {", ".join(f"{p.name} ({p.popen.pid})" for p in lab.processes if p.running())}
      logs and subnet.env files in {lab.dir}
  look:    ip netns exec {lab.hosts[1].ns} ip -d link show flannel.1
  remove:  kill {pids}; for n in {names}; do ip netns del $n; done; rm -r {lab.dir}""")
        else:
            lab.close()
    return status


if __name__ == "__main__":
    status = main()
    # Not 77, the tests' word for "skipped": a demo that could not run has not succeeded.
    sys.exit(status)
