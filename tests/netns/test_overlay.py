"""Two hosts join an overlay through a real etcd, a third comes and goes, one restarts."""

import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as L
from lab import Failure, check, say, wait_until


def start(lab, number, *extra, **kw):
    host = lab.hosts[number]
    host.notify = L.NotifySocket(lab, f"h{number}.{len(lab.processes)}")
    host.daemon = host.flanneld("-ip-masq", *extra, notify=host.notify, **kw)
    wait_until(f"host {number} to be ready", lambda: ready_or_gone(host))
    return host


def ready_or_gone(host):
    if not host.daemon.running():
        raise L.ProcessGone(f"{host.daemon.name} ended with {host.daemon.popen.returncode}")
    return host.notify.ready()


def peers_known(host, *others):
    """The host's kernel tables hold exactly these peers."""
    want_routes, want_neigh, want_fdb = {}, {}, {}
    for o in others:
        base = o.subnet().split("/")[0]
        mac = o.device()["address"]
        want_routes[o.subnet()] = base
        want_neigh[base] = mac
        want_fdb[mac] = {o.ip}
    got = (host.routes(), host.neighbours(), host.fdb())
    want = (want_routes, want_neigh, want_fdb)
    if got != want:
        raise Failure(f"host {host.number} has {got}, wanted {want}")
    return True


def test_two_hosts(lab):
    """subnet.env, readiness, health, device attributes, lease"""
    lab.put_config()
    h1 = start(lab, 1, "-healthz-ip=127.0.0.1", "-healthz-port=8081")
    start(lab, 2)
    for number in (1, 2):
        h = lab.hosts[number]
        env = h.subnet_env()
        check(list(env) == ["FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_MTU", "FLANNEL_IPMASQ"], f"keys of {env}")
        check(env["FLANNEL_NETWORK"] == "10.5.0.0/16", f"network of {env}")
        check(re.fullmatch(r"10\.5\.\d+\.1/24", env["FLANNEL_SUBNET"]), f"subnet of {env}")
        check(env["FLANNEL_MTU"] == "1450" and env["FLANNEL_IPMASQ"] == "true", f"rest of {env}")
        check(os.stat(h.subnet_file).st_mode & 0o777 == 0o644, "mode of subnet.env")

        d = h.device()
        info = d["linkinfo"]["info_data"]
        check(d["mtu"] == 1450 and "UP" in d["flags"] and d.get("txqlen", 0) == 0, f"device {d}")
        check(int(d["address"][:2], 16) & 3 == 2, f"MAC {d['address']} is not locally administered unicast")
        for key, want in {"id": 1, "link": "eth0", "local": h.ip, "port": 8472, "learning": False,
                          "udp_csum": True}.items():
            check(info.get(key) == want, f"vxlan {key} is {info.get(key)!r}, not {want!r}")
        base = h.subnet().split("/")[0]
        addresses = [f"{a['local']}/{a['prefixlen']}" for a in h.ip_json("-4", "addr", "show", "dev", "flannel.1")[0]["addr_info"]]
        check(addresses == [f"{base}/32"], f"addresses {addresses}")
        check(h.run("cat", "/proc/sys/net/ipv6/conf/flannel.1/accept_ra").strip() == "0", "accept_ra")

        lease = lab.leases()[h.subnet().replace("/", "-")]
        check(lease["PublicIP"] == h.ip and lease["BackendType"] == "vxlan", f"lease {lease}")
        check(lease["BackendData"] == {"VNI": 1, "VtepMAC": d["address"]}, f"lease {lease}")
        log = h.daemon.log()
        for line in ("Found network config - Backend type: vxlan", "Interface eth0 chosen: named by --iface=eth0",
                     f"Using interface with name eth0 and address {h.ip}",
                     f"Defaulting external address to interface address ({h.ip})",
                     "VXLAN config: VNI=1 Port=0 GBP=false Learning=false DirectRouting=false",
                     f"Wrote subnet file to {h.subnet_file}", "flannel is ready"):
            check(line in log, f"{line!r} is not in the log")
    check(lab.hosts[1].subnet() != lab.hosts[2].subnet(), "both hosts have one subnet")
    for path, code, body in (("/healthz", 200, "flanneld is running"), ("/readyz", 200, "flanneld is ready"),
                             ("/other", 404, None)):
        got = h1.run(sys.executable, "-c", HTTP_GET, f"http://127.0.0.1:8081{path}").split(" ", 1)
        check(int(got[0]) == code and body in (None, got[1]), f"{path}: {got}")


HTTP_GET = """
import sys, urllib.request, urllib.error
try:
    r = urllib.request.urlopen(sys.argv[1], timeout=30)
except urllib.error.HTTPError as e:
    r = e
sys.stdout.write(f"{r.status} {r.read().decode()}")
"""


def test_tables(lab):
    """each host knows the other, exactly"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    wait_until("routes on host 1", lambda: peers_known(h1, h2), L.SOON)
    wait_until("routes on host 2", lambda: peers_known(h2, h1), L.SOON)
    r = h1.ip_json("-4", "route", "show", "dev", "flannel.1")[0]
    check(r["flags"] == ["onlink"] and r["protocol"] == "boot" and r["scope"] == "global" and "metric" not in r,
          f"route {r}")


def test_pings(lab):
    """containers reach each other, with full frames, and hosts reach containers"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    h1.add_container()
    h2.add_container()
    wait_until("container 1 to reach container 2", lambda: h1.container_ping(h2.container_ip), L.SOON)
    h2.container_ping(h1.container_ip)
    h1.container_ping(h2.container_ip, size=1450 - 28)
    h1.run("ping", "-n", "-c", "1", "-W", "2", h2.container_ip)


def test_masquerade(lab):
    """what leaves the overlay carries the host's address, what stays in it does not"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    for source, target, want in (("container", lab_server(lab), h1.ip), ("container", h2, h1.container_ip)):
        got = seen_source(h1, target)
        check(got == want, f"{source} on host 1 was seen as {got}, not {want}")
    # A host's own address is not part of the overlay: the peer could not answer it through the tunnel.
    got = seen_source(h1, h2, from_host=True)
    base = h1.subnet().split("/")[0]
    check(got == base, f"host 1 was seen by container 2 as {got}, not {base}")


def lab_server(lab):
    """A host outside of the overlay: the one that runs etcd."""
    class Outside:
        ip, ns = L.ETCD_IP, lab.etcd_ns
    return Outside


SERVER = """
import socket, sys
s = socket.create_server((sys.argv[1], 7777))
print("listening", flush=True)
c, peer = s.accept()
c.sendall(peer[0].encode())
c.close()
"""
CLIENT = """
import socket, sys
args = {"source_address": (sys.argv[2], 0)} if len(sys.argv) > 2 else {}
s = socket.create_connection((sys.argv[1], 7777), 5, **args)
sys.stdout.write(s.recv(64).decode())
"""


def seen_source(client, server, from_host=False):
    """The source address under which the server sees a connection."""
    ns, ip = (server.container, server.container_ip) if hasattr(server, "container") else (server.ns, server.ip)
    p = L.Process(client.lab, "server", ["ip", "netns", "exec", ns, sys.executable, "-c", SERVER, ip])
    p.wait_log("listening")
    # The source given from the host is outside of the network, so the rules have something to do.
    run = client.run(sys.executable, "-c", CLIENT, ip, client.ip) if from_host else \
        client.container_run(sys.executable, "-c", CLIENT, ip)
    p.wait()
    return run


def test_third_host(lab):
    """joins, is known everywhere, leaves (its lease is deleted), and is forgotten"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    h3 = lab.add_host(3)
    start(lab, 3)
    for h, others in ((h1, (h2, h3)), (h2, (h1, h3)), (h3, (h1, h2))):
        wait_until(f"host {h.number} to know both others", lambda h=h, o=others: peers_known(h, *o), L.SOON)
    h3.add_container()
    wait_until("container 1 to reach container 3", lambda: h1.container_ping(h3.container_ip), L.SOON)
    check(h3.daemon.stop() == 0, "SIGTERM did not end host 3 with status 0")
    lab.etcdctl("del", f"{L.PREFIX}/subnets/{h3.subnet().replace('/', '-')}")
    wait_until("host 1 to forget host 3", lambda: peers_known(h1, h2), L.SOON)
    wait_until("host 2 to forget host 3", lambda: peers_known(h2, h1), L.SOON)


def test_sigterm_and_restart(lab):
    """a stop and a start disturb no packet and write nothing to the kernel"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    env, mac, index = h1.subnet_env(), h1.device()["address"], h1.device()["ifindex"]
    # Duplicate address detection of link-local addresses is the kernel's own and must be over.
    wait_until("link-local addresses to settle",
               lambda: not any("tentative" in a for d in h1.ip_json("-6", "addr", "show") for a in d["addr_info"]))
    ping = L.Process(lab, "ping", ["ip", "netns", "exec", h2.container, "ping", "-n", "-i", "0.05", "-W", "1",
                                   h1.container_ip])
    watch = L.Process(lab, "monitor", ["ip", "netns", "exec", h1.ns, "ip", "monitor", "link", "address", "route", "neigh"])
    nft = L.Process(lab, "nft", ["ip", "netns", "exec", h1.ns, "nft", "monitor"])
    time.sleep(0.3)
    code = h1.daemon.stop()
    log = h1.daemon.log()
    check(code == 0, f"SIGTERM ended host 1 with {code}")
    check("shutdownHandler sent cancel signal..." in log and "Exiting cleanly..." in log, "farewell in the log")
    check(any("STOPPING=1" in m for m in h1.notify.poll()), f"no STOPPING=1 in {h1.notify.messages}")
    peers_known(h1, h2)
    check(h1.subnet_env() == env, "subnet.env changed on exit")
    rules = json.loads(h1.run("nft", "-j", "list", "tables"))["nftables"]
    check(any(t.get("table", {}).get("name", "").startswith("flannel-ipv4") for t in rules), "rules are gone after exit")

    start(lab, 1)
    h1.daemon.wait_log(r"\d+ other leases known")
    time.sleep(1.2)
    wait_until("a good number of pings", lambda: ping.log().count("icmp_seq=") > 25)
    check(h1.subnet_env() == env, f"the restart leased {h1.subnet_env()}, not {env}")
    check((h1.device()["address"], h1.device()["ifindex"]) == (mac, index), "the device was made anew")
    ping.stop(signal.SIGINT)
    watch.kill()
    nft.kill()
    m = re.search(r"(\d+) packets transmitted, (\d+) received", ping.log())
    check(m and int(m[1]) > 20, f"ping did not run: {ping.log()[-300:]}")
    # The last one may have been on its way when ping was stopped.
    answered = [int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", ping.log())]
    check(answered == list(range(1, len(answered) + 1)) and int(m[1]) - len(answered) <= 1,
          f"the restart cost packets: {m[0]}, answered {answered}")
    # The kernel's own: neighbours of other devices, multicast listeners, link-local addresses.
    written = [l for l in watch.log().splitlines()
               if "flannel" in l and not re.search("NOARP|fe80|ff0[0-9a-f]:|multicast", l)]
    check("generation" not in nft.log(), f"the restart wrote rules: {nft.log()}")
    check(not written, f"the restart wrote to the kernel: {written}")
    check("entries set right" not in h1.daemon.log(), "the restart wrote table entries")
    say(f"restart: {m[0]}; 0 changes of links, addresses, routes, neighbours and rules")


def test_signals_early(lab):
    """SIGTERM and SIGINT end it with status 0 while it waits for its configuration"""
    for signo in (signal.SIGTERM, signal.SIGINT):
        p = lab.hosts[1].flanneld("-etcd-prefix=/nowhere", f"-subnet-file={lab.dir}/unused.env")
        p.wait_log("flannel config not found in etcd store")
        code = p.stop(signo)
        check(code == 0, f"{signo!r} ended the waiting agent with {code}")
        check(not os.path.exists(f"{lab.dir}/unused.env"), "a subnet file without a subnet")


if __name__ == "__main__":
    L.main([test_two_hosts, test_tables, test_pings, test_masquerade, test_third_host,
            test_sigterm_and_restart, test_signals_early])
