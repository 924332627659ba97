"""A host that is not as it should be: descriptors, rights and limits that lack, another agent in the same place."""

import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as L
from lab import check, wait_until
from test_overlay import peers_known, start


def vxlan_lease(ip, mac, vni=1):
    return json.dumps({"PublicIP": ip, "PublicIPv6": None, "BackendType": "vxlan", "BackendData": {"VNI": vni, "VtepMAC": mac}})


def test_closed_descriptors(lab):
    """started without standard input, output and error it works, and writes no log line into a socket"""
    lab.put_config()
    h1 = lab.hosts[1]
    for closed in ("0<&- 1>&- 2>&-", "2>&-", "0<&-"):
        notify = L.NotifySocket(lab, "closed" + re.sub(r"\D", "", closed))
        p = h1.flanneld("-ip-masq", "-v=1", notify=notify, wrapper=("sh", "-c", f'exec "$@" {closed}', "sh"))
        wait_until(f"READY=1 with {closed}", notify.ready)
        for fd in (0, 1, 2):
            to = os.readlink(f"/proc/{p.popen.pid}/fd/{fd}")
            check(not to.startswith(("socket:", "anon_inode:")), f"{closed}: {fd} is {to}")
        check(p.stop() == 0, "SIGTERM")


def test_no_rights(lab):
    """without CAP_NET_ADMIN it is not ready, and says what is needed"""
    h1 = lab.hosts[1]
    notify = L.NotifySocket(lab, "rights")
    p = h1.flanneld(notify=notify, wrapper=("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"))
    p.wait_log("not ready yet: .*[Oo]peration not permitted; will be tried again")
    time.sleep(1.5)
    check(not notify.ready() and "flannel is ready" not in p.log(), "ready without any rights")
    check(p.stop() == 0, "SIGTERM")


def test_few_descriptors(lab):
    """what lacks a descriptor at start is tried again, not forgotten"""
    h1 = lab.hosts[1]
    h1.run("nft", "flush", "ruleset")
    p = h1.flanneld("-iptables-resync=3600", wrapper=("prlimit", "--nofile=11:1024", "--"))
    p.wait_log("not ready yet: .*Too many open files; will be tried again")
    lab.run("prlimit", "--nofile=1024", "--pid", str(p.popen.pid))
    p.wait_log("flannel is ready")
    check("table ip flannel-ipv4" in h1.run("nft", "list", "tables"), "no rules")
    h1.run("nft", "flush", "ruleset")
    wait_until("the rules", lambda: "table ip flannel-ipv4" in h1.run("nft", "list", "tables"), L.SOON)
    check(p.stop() == 0, "SIGTERM")


def cpu_seconds(p):
    with open(f"/proc/{p.popen.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_descriptor_for_a_probe(lab):
    """a probe that cannot be taken waits, without a busy loop, and is answered later"""
    h1 = lab.hosts[1]
    p = h1.flanneld("-healthz-ip=127.0.0.1", "-healthz-port=8085")
    p.wait_log("flannel is ready")
    time.sleep(0.5)
    used = len(os.listdir(f"/proc/{p.popen.pid}/fd"))
    lab.run("prlimit", f"--nofile={used}:1024", "--pid", str(p.popen.pid))
    client = L.Process(lab, "probe", ["ip", "netns", "exec", h1.ns, sys.executable, "-c",
                                      "import urllib.request; "
                                      "print(urllib.request.urlopen('http://127.0.0.1:8085/healthz', timeout=90).read().decode())"])
    time.sleep(0.5)
    before = cpu_seconds(p)
    time.sleep(1.5)
    check(cpu_seconds(p) - before < 0.5, f"{cpu_seconds(p) - before} s of CPU in 1.5 s")
    lab.run("prlimit", "--nofile=1024:1024", "--pid", str(p.popen.pid))
    client.wait_log("flanneld is running")
    check(p.stop() == 0, "SIGTERM")


def test_subnet_file_is_a_fifo(lab):
    """it is not opened, but replaced"""
    h1 = lab.hosts[1]
    os.unlink(h1.subnet_file)
    os.mkfifo(h1.subnet_file)
    start(lab, 1)
    check("subnet.env is not a regular file" in h1.daemon.log(), "not a word about the FIFO")
    check(os.path.isfile(h1.subnet_file), "the FIFO is still there")


def test_many_unusable_leases(lab):
    """a flood of them is told in a few lines, and the others are used"""
    h1 = lab.hosts[1]
    start(lab, 2)
    seen = len(h1.daemon.log())
    puts = "".join(f"put {L.PREFIX}/subnets/10.99.{n}.0-24 {json.dumps(vxlan_lease('10.77.0.99', '02:00:00:00:00:99'))}\n"
                   for n in range(100))
    path = os.path.join(lab.dir, "flood")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"\n{puts}\n\n")
    lab.run("sh", "-c", f'exec "$@" <{path}', "sh", "ip", "netns", "exec", lab.etcd_ns, "env", "ETCDCTL_API=3",
            "etcdctl", f"--endpoints=http://{L.ETCD_IP}:2379", "txn")
    h1.daemon.wait_log("100 leases ignored in all", after=seen)
    check(h1.daemon.log()[seen:].count("ignoring the lease 10.99.") == 10, "not ten of them by name")
    wait_until("host 2", lambda: peers_known(h1, lab.hosts[2]), L.SOON)
    lab.etcdctl("del", "--prefix", f"{L.PREFIX}/subnets/10.99.")


def test_hosts_inside_the_network(lab):
    """a wide network may hold the hosts' own addresses; a lease for their subnet takes nothing from them"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    for h in (h1, h2):
        h.daemon.stop()
        os.unlink(h.subnet_file)
    lab.put_config(Network="10.0.0.0/8", SubnetLen=24, SubnetMin="10.200.0.0", SubnetMax="10.220.0.0")
    lab.etcdctl("put", f"{L.PREFIX}/subnets/10.77.0.0-24", vxlan_lease("192.0.2.7", "02:00:00:00:00:98"))
    for n in (1, 2):
        start(lab, n)
    wait_until("host 1 to know host 2", lambda: peers_known(h1, h2), L.SOON)
    h1.daemon.wait_log(r"ignoring the lease 10\.77\.0\.0-24: subnet 10\.77\.0\.0/24 contains this host's own address")
    wait_until("a ping through the overlay", lambda: h1.run("ping", "-n", "-c", "1", "-W", "1", h2.subnet().split("/")[0]), L.SOON)
    lab.etcdctl("del", f"{L.PREFIX}/subnets/10.77.0.0-24")


def test_renamed_device(lab):
    """it is noticed at once, and the overlay is whole when the name is back"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    for argv in (["down"], ["name", "mine"]):
        h1.run("ip", "link", "set", "flannel.1", *argv)
    h1.daemon.wait_log("Interface flannel.1 was renamed to mine")
    h1.daemon.wait_log("flannel.1: .*; will be tried again")
    h1.run("ip", "link", "set", "mine", "name", "flannel.1")
    wait_until("the peers", lambda: peers_known(h1, h2), L.SOON)


def test_two_networks(lab):
    """two agents on one host: apart with two VNIs; with the same one both say what is wrong"""
    h1 = lab.hosts[1]
    lab.etcdctl("put", "/two/config", json.dumps({"Network": "10.6.0.0/16", "Backend": {"Type": "vxlan", "VNI": 2}}))
    lab.etcdctl("put", "/two/subnets/10.6.7.0-24", vxlan_lease("10.77.0.77", "02:00:00:00:00:77", 2))
    lab.etcdctl("put", "/same/config", json.dumps({"Network": "10.9.0.0/16", "Backend": {"Type": "vxlan"}}))
    lab.etcdctl("put", "/same/subnets/10.9.7.0-24", vxlan_lease("10.77.0.77", "02:00:00:00:00:79"))
    seen = len(h1.daemon.log())
    second = h1.flanneld("-etcd-prefix=/two", f"-subnet-file={lab.dir}/two.env")
    wait_until("the route of the second network", lambda: "10.6.7.0/24" in h1.routes("flannel.2"), L.SOON)
    time.sleep(2)
    check("set right" not in h1.daemon.log()[seen:], "the first agent repaired what the second did")
    check(second.stop() == 0, "SIGTERM")
    third = h1.flanneld("-etcd-prefix=/same", f"-subnet-file={lab.dir}/same.env")
    for p in (h1.daemon, third):
        p.wait_log("flannel.1: somebody undoes what is set right, again and again. If two agents run on this host", after=0)
    check(third.stop(signal.SIGINT) == 0, "SIGINT")
    wait_until("the first network alone", lambda: peers_known(h1, lab.hosts[2]), L.SOON)


def test_other_network(lab):
    """a restart with another network: nothing of the former one stays on the device"""
    h1 = lab.hosts[1]
    h1.daemon.stop()
    lab.put_config(Network="10.8.0.0/16")
    start(lab, 1)
    addresses = [a["local"] for a in h1.ip_json("-4", "addr", "show", "dev", "flannel.1")[0]["addr_info"]]
    check(addresses == [h1.subnet().split("/")[0]], f"addresses {addresses}")


def test_other_flags_on_one_port(lab):
    """our former device gives its UDP port to the new one; another network's is named as the reason"""
    h1 = lab.hosts[1]
    h1.daemon.stop()
    lab.put_config(Network="10.8.0.0/16", Backend={"Type": "vxlan", "VNI": 9, "GBP": True})
    p = h1.flanneld()
    check(p.wait() == 1 and "a VXLAN device with other flags has this UDP port" in p.log(), p.log()[-300:])
    h1.run("ip", "link", "del", "flannel.2")
    h1.run("ip", "link", "del", "flannel.9")
    lab.put_config(Network="10.8.0.0/16")
    start(lab, 1)
    h1.daemon.stop()
    lab.put_config(Network="10.8.0.0/16", Backend={"Type": "vxlan", "VNI": 9, "GBP": True})
    start(lab, 1)
    check(h1.device("flannel.9")["flags"].count("UP") == 1, "flannel.9 is down")
    check("flannel.1:" not in h1.run("ip", "-o", "link"), "the former device is still there")


def test_unusable_network(lab):
    """what no node could use is told, and nothing is leased"""
    h1 = lab.hosts[1]
    h1.daemon.stop()
    lab.put_config(Network="10.8.0.0/16", Backend={"Type": "vxlan", "VNI": 16777215})
    p = h1.flanneld()
    check(p.wait() == 1 and "name flannel.16777215 is longer than 15 characters" in p.log(), p.log()[-300:])
    before = lab.leases()
    lab.put_config(Network="224.0.0.0/8")
    p = h1.flanneld()
    p.wait_log("Couldn't fetch network config: .*Network: 224.0.0.0/8 is not a range of addresses for hosts")
    check(lab.leases() == before, "a lease for a network of multicast addresses")
    lab.put_config(Network="10.77.0.0/16", SubnetMin="10.77.0.0", Backend={"Type": "vxlan", "VNI": 9, "GBP": True})
    p.wait_log(r"this host's own address 10\.77\.0\.1 is in the range 10\.77\.0\.0 \.\.\. 10\.77\.255\.255 of subnets")
    check(p.stop() == 0, "SIGTERM")


def test_shared_address(lab):
    """two hosts that advertise one public address are told what is wrong"""
    h1, h2 = lab.hosts[1], lab.hosts[2]
    h2.daemon.stop()
    lab.put_config()
    h1.run("ip", "link", "del", "flannel.9")
    both = []
    for h in (h1, h2):
        both.append(h.flanneld("-public-ip=198.51.100.1"))
        both[-1].wait_log("flannel is ready")
    for p in both:
        p.wait_log("was overwritten in etcd: .* If two hosts share one public address, give each its own with --public-ip")
    for p in both:
        check(p.stop() == 0, "SIGTERM")


if __name__ == "__main__":
    L.main([test_closed_descriptors, test_no_rights, test_few_descriptors, test_no_descriptor_for_a_probe,
            test_subnet_file_is_a_fifo,
            test_many_unusable_leases, test_hosts_inside_the_network, test_renamed_device, test_two_networks,
            test_other_network, test_other_flags_on_one_port, test_unusable_network,
            test_shared_address])
