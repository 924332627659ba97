"""What others break: etcd that is late, broken configs and leases, deleted devices, flushed tables."""

import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as L
from lab import check, say, wait_until
from test_overlay import peers_known, ready_or_gone, start


def exits(host, code, pattern, *extra, **kw):
    p = host.flanneld(*extra, **kw)
    got = p.wait()
    check(got == code, f"{extra} ended with {got}, not {code}")
    check(re.search(pattern, p.log()), f"{extra}: {pattern!r} is not in its output:\n{p.log()}")
    return p


def test_etcd_is_late(lab):
    """the agent says that it waits, and goes on when etcd appears"""
    h1 = lab.hosts[1]
    h1.notify = L.NotifySocket(lab, "late")
    h1.daemon = h1.flanneld("-ip-masq", "-healthz-ip=127.0.0.1", "-healthz-port=8081", notify=h1.notify)
    h1.daemon.wait_log(r"Couldn't fetch network config: .*10\.77\.0\.100")
    check(any("STATUS=waiting for the network configuration" in m for m in h1.notify.poll()), "no status")
    check(not os.path.exists(h1.subnet_file), "subnet.env before there is a subnet")
    lab.start_etcd()


def test_config_without_network(lab):
    """the exact reason is logged, and the agent recovers when the config is right"""
    h1 = lab.hosts[1]
    h1.daemon.wait_log("Couldn't fetch network config: .*flannel config not found in etcd store. "
                       "Did you create your config using etcdv3 API", 15)
    lab.put_config(Network=None)
    h1.daemon.wait_log("Couldn't fetch network config: .*please define a correct Network parameter in the flannel config")
    check(not h1.notify.ready(), "ready without a network")
    lab.put_config()
    wait_until("host 1 to be ready", lambda: ready_or_gone(h1))
    start(lab, 2)
    for a, b in ((1, 2), (2, 1)):
        wait_until(f"host {a} to know host {b}", lambda a=a, b=b: peers_known(lab.hosts[a], lab.hosts[b]), L.SOON)


def put_lease(lab, key, value):
    lab.etcdctl("put", f"{L.PREFIX}/subnets/{key}", value if isinstance(value, str) else json.dumps(value))


def del_lease(lab, key):
    lab.etcdctl("del", f"{L.PREFIX}/subnets/{key}")


def vxlan_lease(ip, mac, vni=1):
    return {"PublicIP": ip, "PublicIPv6": None, "BackendType": "vxlan", "BackendData": {"VNI": vni, "VtepMAC": mac}}


def test_hostile_leases(lab):
    """each is refused with its reason, and no other peer is touched"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    own = h1.subnet().split("/")[0].rsplit(".", 1)[0]
    good = "02:11:22:33:44:55"
    for key, value, pattern in (
            ("notes", "hello", "notes"),
            ("10.5.200.0-24", "{broken", "10.5.200.0-24"),
            ("10.5.200.0-24", vxlan_lease("10.77.0.200", "zz"), "10.5.200.0-24"),
            ("10.5.200.0-24", vxlan_lease("10.77.0.200", "01:00:5e:00:00:01"), "10.5.200.0-24"),
            ("10.5.200.0-24", vxlan_lease("10.77.0.200", "00:00:00:00:00:00"), "10.5.200.0-24"),
            ("10.5.200.0-24", vxlan_lease("0.0.0.0", good), "10.5.200.0-24: it has no public IPv4 address"),
            ("10.5.200.0-24", vxlan_lease(h1.ip, good), f"10.5.200.0-24: its public address {h1.ip} is our own"),
            ("10.5.200.0-24", vxlan_lease("10.77.0.200", good, 7), "10.5.200.0-24: its VNI is 7, ours is 1"),
            ("10.5.200.0-24", {**vxlan_lease("10.77.0.200", good), "BackendType": "host-gw"}, '10.5.200.0-24: its backend is "host-gw"'),
            ("10.9.1.0-24", vxlan_lease("10.77.0.200", good), "10.9.1.0-24: subnet 10.9.1.0/24 is outside of the network"),
            (f"{own}.128-25", vxlan_lease("10.77.0.200", good), f"{own}.128-25: subnet {own}.128/25 overlaps our own")):
        seen = len(h1.daemon.log())
        put_lease(lab, key, value)
        h1.daemon.wait_log(re.escape(pattern), L.SOON, after=seen)
        peers_known(h1, h2)
        del_lease(lab, key)
    # A lease that was good and turns bad is taken out; the one beside it stays.
    put_lease(lab, "10.5.201.0-24", vxlan_lease("10.77.0.201", "02:00:00:00:02:01"))
    wait_until("the made-up peer", lambda: "10.5.201.0/24" in h1.routes(), L.SOON)
    put_lease(lab, "10.5.201.0-24", {**vxlan_lease("10.77.0.201", "02:00:00:00:02:01"), "BackendType": "udp"})
    wait_until("the made-up peer to go", lambda: peers_known(h1, h2), L.SOON)
    del_lease(lab, "10.5.201.0-24")


def test_shared_mac(lab):
    """an old lease of a node that came back elsewhere expires without taking the node's entry along"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    mac, base = h2.device()["address"], h2.subnet().split("/")[0]
    put_lease(lab, "10.5.202.0-24", vxlan_lease("10.77.0.202", mac))
    wait_until("the second lease with this MAC", lambda: "10.5.202.0/24" in h1.routes(), L.SOON)
    check(h1.fdb()[mac] == {"10.77.0.202"}, f"the newest lease decides: {h1.fdb()}")
    del_lease(lab, "10.5.202.0-24")
    wait_until("host 2's entry to be back", lambda: peers_known(h1, h2), L.SOON)
    check(h1.neighbours()[base] == mac, "neighbour")
    # A changed MAC leaves no forwarding entry of the old one behind.
    put_lease(lab, "10.5.203.0-24", vxlan_lease("10.77.0.203", "02:00:00:00:02:03"))
    wait_until("a peer", lambda: h1.fdb().get("02:00:00:00:02:03"), L.SOON)
    put_lease(lab, "10.5.203.0-24", vxlan_lease("10.77.0.203", "02:00:00:00:02:04"))
    wait_until("its new MAC", lambda: h1.fdb().get("02:00:00:00:02:04") and "02:00:00:00:02:03" not in h1.fdb(), L.SOON)
    del_lease(lab, "10.5.203.0-24")
    wait_until("it to go", lambda: peers_known(h1, h2), L.SOON)


def test_device_deleted(lab):
    """the device comes back with its MAC and everything on it"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    h1.add_container()
    h2.add_container()
    wait_until("container 1 to reach container 2", lambda: h1.container_ping(h2.container_ip), L.SOON)
    mac = h1.device()["address"]
    began = time.monotonic()
    h1.lab.run("ip", "-n", h1.ns, "link", "del", "flannel.1")
    wait_until("the device", lambda: h1.device()["address"] == mac, L.SOON)
    wait_until("its peers", lambda: peers_known(h1, h2), L.SOON)
    wait_until("container 1 to reach container 2", lambda: h1.container_ping(h2.container_ip), L.SOON)
    h1.daemon.wait_log("Interface flannel.1 deleted")
    h1.daemon.wait_log("VXLAN device flannel.1 recreated successfully")
    base = h1.subnet().split("/")[0]
    addresses = h1.ip_json("-4", "addr", "show", "dev", "flannel.1")[0]["addr_info"]
    check([a["local"] for a in addresses] == [base], f"addresses {addresses}")
    say(f"device deleted: all is back after {time.monotonic() - began:.2f} s")


def test_device_changed(lab):
    """MAC, MTU, state and address are set right again"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    mac, base = h1.device()["address"], h1.subnet().split("/")[0]
    for what, argv, probe in (
            ("MAC", ["link", "set", "flannel.1", "address", "02:de:ad:be:ef:01"], lambda: h1.device()["address"] == mac),
            ("MTU", ["link", "set", "flannel.1", "mtu", "1300"], lambda: h1.device()["mtu"] == 1450),
            ("state", ["link", "set", "flannel.1", "down"], lambda: "UP" in h1.device()["flags"]),
            ("address", ["addr", "del", f"{base}/32", "dev", "flannel.1"],
             lambda: h1.ip_json("-4", "addr", "show", "dev", "flannel.1")[0]["addr_info"][0]["local"] == base),
            ("foreign address", ["addr", "add", "10.5.99.99/32", "dev", "flannel.1"],
             lambda: len(h1.ip_json("-4", "addr", "show", "dev", "flannel.1")[0]["addr_info"]) == 1)):
        lab.run("ip", "-n", h1.ns, *argv)
        wait_until(f"the {what} of flannel.1", probe, L.SOON)
        wait_until(f"the peers after the {what} changed", lambda: peers_known(h1, h2), L.SOON)


def test_tables_changed(lab):
    """flushed routes, neighbours and forwarding entries come back, one that was bent is straightened"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    mac, base = h2.device()["address"], h2.subnet().split("/")[0]
    for argv in (["ip", "route", "flush", "dev", "flannel.1"],
                 ["ip", "neigh", "flush", "dev", "flannel.1", "nud", "permanent"],
                 ["bridge", "fdb", "del", mac, "dev", "flannel.1"],
                 ["ip", "route", "replace", h2.subnet(), "dev", "eth0"],
                 ["ip", "neigh", "replace", base, "lladdr", "02:00:00:00:99:99", "dev", "flannel.1", "nud", "permanent"],
                 ["bridge", "fdb", "replace", mac, "dst", "10.77.0.99", "dev", "flannel.1"]):
        h1.run(*argv)
        wait_until(f"recovery from {' '.join(argv)}", lambda: peers_known(h1, h2), L.SOON)


def test_stream_of_changes(lab):
    """somebody who never stops does not keep the agent from repairing"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    base = h2.subnet().split("/")[0]
    noise = L.Process(lab, "noise", ["ip", "netns", "exec", h1.ns, "sh", "-c",
                                     "while :; do ip route del 10.5.250.0/24 dev flannel.1; "
                                     f"ip neigh replace {base} lladdr 02:00:00:00:99:98 dev flannel.1 nud permanent; "
                                     "sleep 0.01; done"])
    try:
        h1.run("ip", "route", "flush", "dev", "flannel.1")
        wait_until("the routes amid the noise", lambda: h1.routes() == {h2.subnet(): base}, L.SOON)
    finally:
        noise.kill()
    wait_until("the tables after the noise", lambda: peers_known(h1, h2), L.SOON)


def test_rules_deleted(lab):
    """the rules come back"""
    h1 = lab.hosts[1]

    def table():
        for t in json.loads(h1.run("nft", "-j", "list", "tables"))["nftables"]:
            if t.get("table", {}).get("name", "").startswith("flannel-ipv4"):
                return t["table"]["name"]
        return None

    name = table()
    before = re.sub(r" # handle \d+", "", h1.run("nft", "list", "table", "ip", name))
    h1.run("nft", "delete", "table", "ip", name)
    wait_until("the table", lambda: re.sub(r" # handle \d+", "", h1.run("nft", "list", "table", "ip", name)) == before, L.SOON)
    h1.run("nft", "flush", "chain", "ip", name, "postrtg")
    wait_until("the rules", lambda: re.sub(r" # handle \d+", "", h1.run("nft", "list", "table", "ip", name)) == before, L.SOON)


def test_underlay_replaced(lab):
    """the interface below goes, and the overlay with it; it comes back under another index, and so does all"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    mac = h1.device()["address"]
    lab.run("ip", "-n", lab.underlay, "link", "del", "h1")
    h1.daemon.wait_log("waiting for the external interface: .*eth0")
    lab.plug(h1.ns, "eth0", "h1", [f"{h1.ip}/24", f"{h1.ip6}/64"])
    wait_until("the device", lambda: h1.device()["address"] == mac)
    wait_until("the peers", lambda: peers_known(h1, h2))
    wait_until("container 1 to reach container 2", lambda: h1.container_ping(h2.container_ip), L.SOON)
    put_lease(lab, "10.5.205.0-24", vxlan_lease("10.77.0.205", "02:00:00:00:02:06"))
    wait_until("a new lease", lambda: "10.5.205.0/24" in h1.routes())
    del_lease(lab, "10.5.205.0-24")
    wait_until("it to go", lambda: peers_known(h1, h2), L.SOON)


def test_etcd_outage(lab):
    """the data plane stays and is repaired without etcd; what happened meanwhile arrives afterwards"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    lab.etcd_process.stop()
    h1.container_ping(h2.container_ip)
    h1.run("ip", "route", "flush", "dev", "flannel.1")
    wait_until("the routes without etcd", lambda: peers_known(h1, h2), L.SOON)
    time.sleep(1)
    lab.start_etcd()
    put_lease(lab, "10.5.204.0-24", vxlan_lease("10.77.0.204", "02:00:00:00:02:05"))
    wait_until("a lease made after the outage", lambda: "10.5.204.0/24" in h1.routes())
    del_lease(lab, "10.5.204.0-24")
    wait_until("it to go", lambda: peers_known(h1, h2), L.SOON)
    check(h1.daemon.running() and h2.daemon.running(), "an agent ended")


def test_compaction(lab):
    """history is lost while the agent is cut off: a changed MAC and a removed lease are noticed all the same"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    put_lease(lab, "10.5.206.0-24", vxlan_lease("10.77.0.206", "02:00:00:00:02:07"))
    put_lease(lab, "10.5.207.0-24", vxlan_lease("10.77.0.207", "02:00:00:00:02:08"))
    wait_until("two made-up peers", lambda: {"10.5.206.0/24", "10.5.207.0/24"} <= set(h1.routes()), L.SOON)
    seen = len(h1.daemon.log())
    lab.run("ip", "-n", lab.underlay, "link", "set", "h1", "down")
    # A connection of the old etcd could still deliver what it had sent.
    lab.etcd_process.stop()
    lab.start_etcd()
    put_lease(lab, "10.5.206.0-24", vxlan_lease("10.77.0.206", "02:00:00:00:02:09"))
    del_lease(lab, "10.5.207.0-24")
    header = json.loads(lab.etcdctl("get", "-w", "json", f"{L.PREFIX}/config"))["header"]
    lab.etcdctl("compact", str(header["revision"]))
    lab.run("ip", "-n", lab.underlay, "link", "set", "h1", "up")
    wait_until("the new MAC", lambda: h1.neighbours().get("10.5.206.0") == "02:00:00:00:02:09")
    h1.daemon.wait_log(r"\d+ other leases known, \d+ peers in use, 1 gone since before", after=seen)
    check("10.5.207.0/24" not in h1.routes() and "02:00:00:00:02:08" not in h1.fdb(), "the removed lease is still there")
    check("02:00:00:00:02:07" not in h1.fdb(), "the old MAC is still there")
    del_lease(lab, "10.5.206.0-24")
    wait_until("host 2 alone", lambda: peers_known(h1, h2), L.SOON)


def test_stale_state(lab):
    """what a killed predecessor and a former network left on our device goes, the rest stays"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    h1.daemon.kill()
    lab.run("ip", "-n", h1.ns, "addr", "add", "10.5.77.0/32", "dev", "flannel.1")
    for net, mac, vtep in (("10.5.210.0", "02:00:00:00:02:10", "10.77.0.210"), ("10.200.7.0", "02:00:00:00:02:11", "10.77.0.211")):
        h1.run("ip", "neigh", "add", net, "lladdr", mac, "dev", "flannel.1", "nud", "permanent")
        h1.run("bridge", "fdb", "add", mac, "dst", vtep, "dev", "flannel.1")
        h1.run("ip", "route", "add", f"{net}/24", "via", net, "dev", "flannel.1", "onlink")
    others = ["192.0.2.0/24", "198.51.100.0/24"]
    h1.run("ip", "route", "add", others[0], "via", "10.77.0.2", "dev", "eth0")
    h1.run("ip", "route", "add", others[1], "dev", "flannel.1", "scope", "link")
    h1.run("ip", "neigh", "add", "10.77.0.222", "lladdr", "02:00:00:00:02:22", "dev", "eth0", "nud", "permanent")
    index = h1.device()["ifindex"]
    start(lab, 1)
    h1.daemon.wait_log(r"flannel.1: \d+ entries set right")
    check(h1.device()["ifindex"] == index, "the device was made anew")
    routes = h1.routes()
    check(routes.pop(others[1], 0) is None, f"a route of another shape was removed: {h1.routes()}")
    check(routes == {h2.subnet(): h2.subnet().split("/")[0]}, f"routes {routes}")
    check(list(h1.neighbours()) == [h2.subnet().split("/")[0]], f"neighbours {h1.neighbours()}")
    check(list(h1.fdb()) == [h2.device()["address"]], f"fdb {h1.fdb()}")
    check(any(r["dst"] == others[0] for r in h1.ip_json("route", "show", "dev", "eth0")), "a route of eth0 was removed")
    check("10.77.0.222" in h1.neighbours("eth0"), "a neighbour of eth0 was removed")
    check(len(h1.ip_json("-4", "addr", "show", "dev", "flannel.1")[0]["addr_info"]) == 1, "the stale address stayed")
    h1.run("ip", "route", "del", others[1])
    wait_until("exactly one peer", lambda: peers_known(h1, h2), L.SOON)


def test_settings_changed(lab):
    """a restart with another MTU, learning or VNI applies it; the MAC survives"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    mac, index = h1.device()["address"], h1.device()["ifindex"]
    h1.daemon.stop()
    lab.put_config(Backend={"Type": "vxlan", "MTU": 1400})
    start(lab, 1)
    check(h1.device()["mtu"] == 1350 and h1.subnet_env()["FLANNEL_MTU"] == "1350", f"MTU {h1.device()['mtu']}")
    check((h1.device()["address"], h1.device()["ifindex"]) == (mac, index), "a new MTU made the device anew")
    h1.daemon.stop()
    lab.put_config(Backend={"Type": "vxlan", "Learning": True})
    start(lab, 1)
    check(h1.device()["linkinfo"]["info_data"]["learning"] is True, "learning is still off")
    check(h1.device()["mtu"] == 1450 and h1.device()["address"] == mac, f"device {h1.device()}")
    wait_until("the peers", lambda: peers_known(h1, h2), L.SOON)
    h1.daemon.stop()
    # Another VNI: the old device goes with its routes, a stranger of a similar name stays.
    lab.run("ip", "-n", h1.ns, "link", "add", "flannel.77", "type", "vxlan", "id", "77", "dstport", "8473", "dev", "eth0")
    lab.put_config(Backend={"Type": "vxlan", "VNI": 5})
    start(lab, 1)
    h1.daemon.wait_log("other leases known")
    links = h1.run("ip", "-o", "link")
    check("flannel.5" in links and "flannel.1:" not in links and "flannel.77" in links, f"devices after the VNI changed: {links}")
    h1.daemon.stop()
    lab.run("ip", "-n", h1.ns, "link", "del", "flannel.77")
    lab.put_config()
    start(lab, 1)
    check("flannel.5" not in h1.run("ip", "-o", "link"), "the device of VNI 5 stayed")
    check(h1.device()["address"] == mac, "another MAC after the VNI went back")
    wait_until("the peers", lambda: peers_known(h1, h2), L.SOON)
    h1.daemon.stop()
    # Gone and made again without anything to read the MAC from: it is the same.
    lab.run("ip", "-n", h1.ns, "link", "del", "flannel.1")
    lab.put_config()
    start(lab, 1)
    check(h1.device()["address"] == mac, f"MAC {h1.device()['address']} instead of {mac} after the device was lost")
    wait_until("the peers", lambda: peers_known(h1, h2), L.SOON)


def test_unwritable_subnet_file(lab):
    """not ready until the file could be written"""
    h1 = lab.hosts[1]
    h1.daemon.stop()
    notify = L.NotifySocket(lab, "unwritable")
    obstacle = os.path.join(lab.dir, "obstacle")
    with open(obstacle, "w", encoding="ascii"):
        pass
    p = h1.flanneld(f"-subnet-file={obstacle}/subnet.env", "-healthz-ip=127.0.0.1", "-healthz-port=8082", notify=notify)
    p.wait_log("not ready yet: Failed to write subnet file.*obstacle")
    check(not notify.ready(), "READY=1 without a subnet file")
    check(health(h1, 8082, "/readyz") == "503", "ready without a subnet file")
    os.unlink(obstacle)
    wait_until("READY=1", notify.ready)
    check(os.path.exists(f"{obstacle}/subnet.env"), "no subnet file")
    check(health(h1, 8082, "/readyz") == "200", "not ready with a subnet file")
    check(p.stop() == 0, "SIGTERM")


def health(host, port, path):
    return host.run(sys.executable, "-c",
                    "import sys, urllib.request, urllib.error\n"
                    "try: print(urllib.request.urlopen(sys.argv[1], timeout=30).status, end='')\n"
                    "except urllib.error.HTTPError as e: print(e.code, end='')", f"http://127.0.0.1:{port}{path}")


def test_public_ip_behind_nat(lab):
    """--public-ip alone is enough; the tunnel's source stays the interface's own address"""
    h1 = lab.hosts[1]
    lab.run("ip", "-n", h1.ns, "route", "add", "default", "via", "10.77.0.254")
    lab.run("ip", "-n", h1.ns, "link", "del", "flannel.1")
    start(lab, 1, "-public-ip=203.0.113.9", iface=False)
    check("Using 203.0.113.9 as external address" in h1.daemon.log(), "log")
    check(h1.device()["linkinfo"]["info_data"]["local"] == h1.ip, "local is not the interface's address")
    check(any(l["PublicIP"] == "203.0.113.9" for l in lab.leases().values()), f"leases {lab.leases()}")
    check(h1.daemon.stop() == 0, "SIGTERM")


def test_dual_stack(lab):
    """both families, the smaller MTU, pings over IPv6; the two never wait for each other"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    for n in (1, 2):
        lab.hosts[n].daemon.stop()
    lab.put_config(EnableIPv6=True, IPv6Network="fd00:5::/48")
    for n in (1, 2):
        start(lab, n)
    env = h1.subnet_env()
    check(list(env) == ["FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_IPV6_NETWORK", "FLANNEL_IPV6_SUBNET",
                        "FLANNEL_MTU", "FLANNEL_IPMASQ"], f"keys of {env}")
    check(env["FLANNEL_MTU"] == "1430", f"MTU {env['FLANNEL_MTU']}")
    check((h1.device()["mtu"], h1.device("flannel-v6.1")["mtu"]) == (1450, 1430), "device MTUs")
    check(h1.device("flannel-v6.1")["linkinfo"]["info_data"]["local6"] == h1.ip6, "local6")
    net2 = h2.subnet_env()["FLANNEL_IPV6_SUBNET"].replace("::1/", "::/")

    def route6():
        return any(r["dst"] == net2 and r.get("gateway") == net2.split("/")[0]
                   for r in h1.ip_json("-6", "route", "show", "dev", "flannel-v6.1"))
    wait_until("an IPv6 route to host 2", route6, L.SOON)
    base2 = net2.split("/")[0]
    wait_until("an IPv6 ping to host 2", lambda: h1.run("ping", "-6", "-n", "-c", "1", "-W", "1", base2), L.SOON)
    h1.run("ip", "-6", "route", "flush", "dev", "flannel-v6.1", "proto", "boot")
    wait_until("the IPv6 route to come back", route6, L.SOON)
    # Without its IPv6 half's underlay address the kernel refuses; the IPv4 half goes on.
    lab.run("ip", "-n", h1.ns, "link", "del", "flannel.1")
    lab.run("ip", "-n", h1.ns, "link", "del", "flannel-v6.1")
    wait_until("both devices", lambda: h1.device() and h1.device("flannel-v6.1"), L.SOON)
    wait_until("the IPv6 route", route6, L.SOON)
    for n in (1, 2):
        check(lab.hosts[n].daemon.stop() == 0, "SIGTERM")


def test_ipv6_only(lab):
    """each host has a lease of its own and reaches the other, over IPv6 alone"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    lab.etcdctl("del", "--prefix", f"{L.PREFIX}/subnets/")
    for h in (h1, h2):
        os.unlink(h.subnet_file)
    lab.put_config(Network=None, EnableIPv4=False, EnableIPv6=True, IPv6Network="fd00:6::/48", Backend={"Type": "vxlan", "VNI": 6})
    for n in (1, 2):
        start(lab, n)
    subnets = [h.subnet_env()["FLANNEL_IPV6_SUBNET"] for h in (h1, h2)]
    check(subnets[0] != subnets[1], f"one subnet for two hosts: {subnets}")
    check(list(h1.subnet_env()) == ["FLANNEL_IPV6_NETWORK", "FLANNEL_IPV6_SUBNET", "FLANNEL_MTU", "FLANNEL_IPMASQ"],
          f"keys of {h1.subnet_env()}")
    check(h1.subnet_env()["FLANNEL_MTU"] == "1430", "MTU")
    check("flannel.6:" not in h1.run("ip", "-o", "link"), "an IPv4 device in an IPv6 network")
    base2 = subnets[1].replace("::1/64", "::")
    wait_until("an IPv6 ping to host 2", lambda: h1.run("ping", "-6", "-n", "-c", "1", "-W", "1", base2), L.SOON)
    check(len(lab.leases()) == 2, f"leases {lab.leases()}")
    for n in (1, 2):
        check(lab.hosts[n].daemon.stop() == 0, "SIGTERM")
        lab.run("ip", "-n", lab.hosts[n].ns, "link", "del", "flannel-v6.6")


def test_refusals(lab):
    """usage errors end with 2, what cannot work with 1, each with its reason"""
    h1 = lab.hosts[1]
    exits(h1, 2, r"flag provided but not defined: -nonsense\nUsage: flanneld", "-nonsense")
    exits(h1, 0, r"^\d+\.\d+\.\d+$", "--version")
    exits(h1, 0, r"Usage: flanneld", "-help")
    exits(h1, 1, "Invalid subnet-lease-renew-margin option, out of acceptable range", "-subnet-lease-renew-margin=1440")
    exits(h1, 1, "Kubernetes subnet manager is not available", "-kube-subnet-mgr")
    exits(h1, 1, "Start healthz server error: ", "-healthz-ip=203.0.113.5", "-healthz-port=80")
    exits(h1, 1, "Failed to find interface to use .*eth9: no such interface", "-iface=eth9", iface=False)
    p = exits(h1, 1, "etcd-password=<redacted>", "-iface=eth9", iface=False,
              env={"FLANNELD_ETCD_PASSWORD": "hunter2", "FLANNELD_SUBNET_LEASE_RENEW_MARGIN": "0"})
    check("hunter2" not in p.log(), "the password is in the log")
    lab.put_config(Backend={"Type": "host-gw"})
    exits(h1, 1, r"Error fetching backend: unknown backend type: host-gw \(available: vxlan\)")
    lab.put_config(Backend={"Type": "vxlan", "VNI": "x"})
    exits(h1, 1, "VNI")
    lab.put_config(EnableIPv4=False)
    exits(h1, 1, "none defined stack")
    lab.put_config(EnableIPv6=True, IPv6Network="fd00:5::/48")
    lab.run("ip", "-n", h1.ns, "-6", "addr", "flush", "dev", "eth0", "scope", "global")


def test_lease_taken(lab):
    """another node took our subnet: the agent ends with status 1 and says so"""
    h2 = lab.hosts[2]
    lab.put_config()
    start(lab, 2)
    key = h2.subnet().replace("/", "-")
    put_lease(lab, key, vxlan_lease("10.77.0.250", "02:00:00:00:02:50"))
    code = h2.daemon.wait()
    check(code == 1, f"ended with {code}")
    check("Lease has been revoked" in h2.daemon.log() and "10.77.0.250" in h2.daemon.log(), h2.daemon.log()[-500:])
    check("flannel.1" in h2.run("ip", "link"), "the device was removed")


if __name__ == "__main__":
    L.main([test_etcd_is_late, test_config_without_network, test_hostile_leases, test_shared_mac,
            test_device_deleted, test_device_changed, test_tables_changed, test_stream_of_changes,
            test_rules_deleted,
            test_underlay_replaced, test_etcd_outage, test_compaction, test_stale_state, test_settings_changed, test_unwritable_subnet_file,
            test_public_ip_behind_nat, test_dual_stack, test_ipv6_only, test_lease_taken, test_refusals], etcd=False)
