/* What the vxlan backend decides without a kernel: devices, peers, MACs, requests. */
#include "flannel/backend/vxlan_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "flannel/backend/backend.h"
#include "flannel/backend/vxlan_peer.h"
#include "flannel/backend/vxlan_table.h"
#include "flannel/lease.h"
#include "netlink/tx.h"

#define OWN_MAC  "02:00:00:00:00:01"
#define PEER_MAC "02:00:00:00:00:0a"

static struct ipnet net(const char *s)
{
	struct ipnet n;

	assert_int_equal(ipnet_parse(AF_UNSPEC, s, &n), 0);
	return n;
}

static struct ipaddr addr(const char *s)
{
	struct ipaddr a = { 0 };

	if (*s)
		assert_int_equal(ipaddr_parse(AF_UNSPEC, s, &a), 0);
	return a;
}

static struct hwaddr mac(const char *s)
{
	struct hwaddr h;

	assert_int_equal(hwaddr_parse(s, &h), 0);
	return h;
}

static const struct {
	const char *subnet, *public_ip, *type, *data;
	int want;
	const char *text; /* of the error, or the peer as "subnet mac vtep" */
} peers[] = {
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "{\"VNI\":1,\"VtepMAC\":\"" PEER_MAC "\"}", 1,
	  "10.5.3.0/24 " PEER_MAC " 10.0.0.3" },
	{ "10.5.3.0/24", "10.0.0.3", "VXLAN", "{\"VtepMAC\":\"" PEER_MAC "\"}", 1,
	  "10.5.3.0/24 " PEER_MAC " 10.0.0.3" },
	{ "10.5.4.0/23", "10.0.0.3", "vxlan", "{\"VNI\":1,\"VtepMAC\":\"" PEER_MAC "\"}", 1,
	  "10.5.4.0/23 " PEER_MAC " 10.0.0.3" },
	{ "0.0.0.0/0", "10.0.0.3", "vxlan", "{}", 0, "" },
	{ "10.5.3.0/24", "10.0.0.3", "host-gw", NULL, -EINVAL, "backend is \"host-gw\"" },
	{ "10.5.3.0/24", "10.0.0.3", "", NULL, -EINVAL, "backend is \"\"" },
	{ "10.5.3.7/24", "10.0.0.3", "vxlan", "{}", -EINVAL, "host bits" },
	{ "10.6.3.0/24", "10.0.0.3", "vxlan", "{}", -EINVAL, "outside of the network 10.5.0.0/16" },
	{ "0.0.0.0/1", "10.0.0.3", "vxlan", "{}", -EINVAL, "outside of the network" },
	{ "10.5.1.0/24", "10.0.0.3", "vxlan", "{}", -EINVAL, "overlaps our own 10.5.1.0/24" },
	{ "10.5.1.128/25", "10.0.0.3", "vxlan", "{}", -EINVAL, "overlaps our own" },
	{ "10.5.0.0/16", "10.0.0.3", "vxlan", "{}", -EINVAL, "overlaps our own" },
	{ "10.5.3.0/24", "0.0.0.0", "vxlan", "{}", -EINVAL, "no public IPv4 address" },
	{ "10.5.3.0/24", "", "vxlan", "{}", -EINVAL, "no public IPv4 address" },
	{ "10.5.3.0/24", "192.0.2.1", "vxlan", "{}", -EINVAL, "192.0.2.1 is our own" },
	{ "10.5.3.0/24", "10.0.0.1", "vxlan", "{}", -EINVAL, "10.0.0.1 is our own" },
	{ "10.5.3.0/24", "224.0.0.9", "vxlan", "{}", -EINVAL, "not one of a node" },
	{ "10.5.3.0/24", "127.0.0.1", "vxlan", "{}", -EINVAL, "not one of a node" },
	{ "10.5.3.0/24", "255.255.255.255", "vxlan", "{}", -EINVAL, "not one of a node" },
	{ "10.5.3.0/24", "10.5.3.9", "vxlan", "{}", -EINVAL, "inside the subnet 10.5.3.0/24 of the overlay" },
	{ "10.5.3.0/24", "10.5.1.9", "vxlan", "{}", -EINVAL, "inside the subnet 10.5.1.0/24 of the overlay" },
	/* A network as wide as 10.0.0.0/8 holds the hosts' own addresses, too. */
	{ "10.5.3.0/24", "10.5.9.9", "vxlan", "{\"VNI\":1,\"VtepMAC\":\"" PEER_MAC "\"}", 1,
	  "10.5.3.0/24 " PEER_MAC " 10.5.9.9" },
	{ "10.5.200.0/24", "10.0.0.3", "vxlan", "{}", -EINVAL,
	  "contains this host's own address 10.5.200.7" },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", NULL, -EINVAL, "no BackendData" },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "{}", -EINVAL, "BackendData: " },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "7", -EINVAL, "BackendData: " },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "{\"VNI\":2,\"VtepMAC\":\"" PEER_MAC "\"}", -EINVAL,
	  "its VNI is 2, ours is 1" },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "{\"VNI\":1,\"VtepMAC\":\"00:00:00:00:00:00\"}", -EINVAL, "" },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "{\"VNI\":1,\"VtepMAC\":\"01:00:5e:00:00:01\"}", -EINVAL, "" },
	{ "10.5.3.0/24", "10.0.0.3", "vxlan", "{\"VNI\":1,\"VtepMAC\":\"" OWN_MAC "\"}", -EINVAL,
	  "is our own" },
};

static void test_peers(void **state)
{
	struct vxlan_self self = {
		.family = AF_INET,
		.vni = 1,
		.network = net("10.5.0.0/16"),
		.subnet = net("10.5.1.0/24"),
		.public_ip = addr("192.0.2.1"),
		.local = addr("10.0.0.1"),
		.mac = mac(OWN_MAC),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		struct lease l = { .subnet.v4 = net(peers[i].subnet), .mod_revision = 9 };
		struct reconcile_peer p = { 0 };
		struct err e = { 0 };
		char got[sizeof(e.text)] = "";
		int r;

		self.local = addr(strstr(peers[i].text, "own address") ? "10.5.200.7" : "10.0.0.1");
		l.attrs.public_ip = addr(peers[i].public_ip);
		(void)snprintf(l.attrs.backend_type, sizeof(l.attrs.backend_type), "%s", peers[i].type);
		l.attrs.backend_data = (char *)(uintptr_t)peers[i].data;
		r = vxlan_peer_from_lease(&self, &l, &p, &e);
		if (r > 0)
			(void)snprintf(got, sizeof(got), "%s %s %s", IPNET_STR(&p.subnet), HWADDR_STR(&p.mac),
				       IPADDR_STR(&p.vtep));
		else
			(void)snprintf(got, sizeof(got), "%s", e.text);
		if (r != peers[i].want || !strstr(got, peers[i].text))
			fail_msg("case %zu: %d \"%s\", want %d \"%s\"", i, r, got, peers[i].want,
				 peers[i].text);
		if (r > 0)
			assert_int_equal(p.revision, 9);
	}
}

/* The families of one lease stand for themselves. */
static void test_dual_stack_peer(void **state)
{
	struct vxlan_self self = {
		.family = AF_INET6,
		.vni = 1,
		.network = net("fd00:5::/48"),
		.subnet = net("fd00:5:0:1::/64"),
		.public_ip = addr("fd77::1"),
		.local = addr("fd77::1"),
		.mac = mac(OWN_MAC),
	};
	struct lease l = { .subnet = { .v4 = net("10.5.3.0/24"), .v6 = net("fd00:5:0:3::/64") } };
	char v6_data[] = "{\"VNI\":1,\"VtepMAC\":\"" PEER_MAC "\"}";
	struct reconcile_peer p;
	struct err e = { 0 };

	(void)state;
	memcpy(l.attrs.backend_type, "vxlan", 6);
	l.attrs.public_ipv6 = addr("fd77::3");
	l.attrs.backend_v6_data = v6_data;
	assert_int_equal(vxlan_peer_from_lease(&self, &l, &p, &e), 1);
	assert_string_equal(IPNET_STR(&p.subnet), "fd00:5:0:3::/64");
	self.family = AF_INET;
	self.network = net("10.5.0.0/16");
	self.subnet = net("10.5.1.0/24");
	assert_int_equal(vxlan_peer_from_lease(&self, &l, &p, &e), -EINVAL);
	assert_non_null(strstr(e.text, "no public IPv4 address"));
}

static struct nl_link device(void)
{
	return (struct nl_link){ .ifindex = 9,
				 .name = "flannel.1",
				 .flags = IFF_UP,
				 .mtu = 1450,
				 .has_mac = true,
				 .mac = mac(OWN_MAC),
				 .kind = "vxlan",
				 .vxlan = { .vni = 1, .link = 2, .local = addr("10.0.0.1"), .port = 8472 } };
}

static void test_device_compare(void **state)
{
	struct vxlan_device d = {
		.name = "flannel.1",
		.vxlan = { .vni = 1, .link = 2, .local = addr("10.0.0.1") },
		.mtu = 1450,
		.mac = mac(OWN_MAC),
		.mac_settled = true,
	};
	struct nl_link have;
	char why[128] = "";

#define COMPARE() vxlan_device_compare(&d, &have, 8472, why, sizeof(why))
	(void)state;
	have = device();
	assert_int_equal(COMPARE(), VXLAN_SAME);
	d.vxlan.port = 8472;
	assert_int_equal(COMPARE(), VXLAN_SAME);
	have.mtu = 1400;
	assert_int_equal(COMPARE(), VXLAN_ADJUST);
	have = device();
	have.flags = 0;
	assert_int_equal(COMPARE(), VXLAN_ADJUST);
	have = device();
	have.mac = mac(PEER_MAC);
	assert_int_equal(COMPARE(), VXLAN_ADJUST);
	d.mac_settled = false;
	assert_int_equal(COMPARE(), VXLAN_SAME);
	have = device();
	have.vxlan.vni = 2;
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	assert_string_equal(why, "vni: 1 vs 2");
	have = device();
	have.vxlan.link = 3;
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	have = device();
	have.vxlan.local = addr("1.2.3.4");
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	assert_string_equal(why, "vtep (external) IP: 10.0.0.1 vs 1.2.3.4");
	have = device();
	have.vxlan.group = addr("239.1.1.1");
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	have = device();
	have.vxlan.port = 4789;
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	have = device();
	have.vxlan.learning = true;
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	assert_string_equal(why, "learning: 0 vs 1");
	have = device();
	have.vxlan.gbp = true;
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	have = device();
	memcpy(have.kind, "dummy", 6);
	assert_int_equal(COMPARE(), VXLAN_RECREATE);
	assert_string_equal(why, "link type: vxlan vs dummy");
#undef COMPARE
}

static void test_mac(void **state)
{
	static const struct {
		const char *machine, *cluster;
		uint32_t vni;
		const char *ip;
	} ids[] = {
		{ "aaaa", "/coreos.com/network", 1, "10.0.0.1" },
		{ "bbbb", "/coreos.com/network", 1, "10.0.0.1" },
		{ "aaaa", "/other", 1, "10.0.0.1" },
		{ "aaaa", "/coreos.com/network", 2, "10.0.0.1" },
		{ "aaaa", "/coreos.com/network", 1, "10.0.0.2" },
		{ "aaaa", "/coreos.com/network", 1, "fd77::1" },
		{ "", "/coreos.com/network", 1, "10.0.0.1" },
	};
	struct hwaddr got[ARRAY_SIZE(ids)], again;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct ipaddr ip = addr(ids[i].ip);

		assert_int_equal(vxlan_mac_derive(ids[i].machine, ids[i].cluster, ids[i].vni, &ip, &got[i]),
				 0);
		assert_int_equal(vxlan_mac_derive(ids[i].machine, ids[i].cluster, ids[i].vni, &ip, &again),
				 0);
		assert_true(hwaddr_equal(&got[i], &again));
		assert_int_equal(got[i].b[0] & 3, 2);
		for (size_t k = 0; k < i; k++)
			assert_false(hwaddr_equal(&got[i], &got[k]));
	}
}

static void test_requests(void **state)
{
	CLEANUP(nltx_closep) struct nltx *t = NULL;
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;
	const struct reconcile_peer p = {
		.subnet = net("10.5.3.0/24"), .mac = mac(PEER_MAC), .vtep = addr("10.0.0.3"), .revision = 1
	};
	struct err e = { 0 };

	(void)state;
	assert_int_equal(nltx_open_recording(&t), 0);
	assert_int_equal(reconcile_new(&r), 0);
	assert_int_equal(reconcile_set(r, "k", &p), 1);
	/* The second request (the forwarding entry) fails: the others count as done. */
	nltx_record_fail(t, 1, ENOBUFS, "no room");
	assert_int_equal(vxlan_table_apply(r, t, 9, "flannel.1", &e), -ENOBUFS);
	assert_int_equal(nltx_count(t), 3);
	assert_int_equal(vxlan_table_apply(r, t, 9, "flannel.1", &e), 1);
	assert_non_null(strstr(nltx_name(t, 0), PEER_MAC));
	assert_int_equal(vxlan_table_apply(r, t, 9, "flannel.1", &e), 0);
}

static void test_backends(void **state)
{
	static const char *const unknown[] = { "udp", "", "host-gw", "vxlan " };
	const struct backend_ops *ops = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(backend_find("VXLAN", &ops, &e), 0);
	assert_string_equal(ops->type, "vxlan");
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		char want[64];

		(void)snprintf(want, sizeof(want), "unknown backend type: %s (available: vxlan)", unknown[i]);
		assert_int_equal(backend_find(unknown[i], &ops, &e), -EINVAL);
		assert_string_equal(e.text, want);
	}
}

static void test_names(void **state)
{
	char name[IFNAMSIZ] = "";
	struct err e = { 0 };

	(void)state;
	assert_int_equal(vxlan_device_name(AF_INET, 9999999, name, &e), 0);
	assert_string_equal(name, "flannel.9999999");
	assert_int_equal(vxlan_device_name(AF_INET6, 9999, name, &e), 0);
	assert_string_equal(name, "flannel-v6.9999");
	/* Cut, it would be the name of another network's device. */
	assert_int_equal(vxlan_device_name(AF_INET, 16777215, name, &e), -EINVAL);
	assert_string_equal(e.text,
			    "the device's name flannel.16777215 is longer than 15 characters: choose a "
			    "smaller VNI");
	assert_int_equal(vxlan_device_name(AF_INET6, 10000, name, &e), -EINVAL);
	assert_string_equal(name, "flannel-v6.9999");
}

static void test_addresses(void **state)
{
	const struct vxlan_device v4 = { .address = net("10.5.1.0/32"), .network = net("10.5.0.0/16") };
	const struct vxlan_device v6 = { .address = net("fd00:5::/128"), .network = net("fd00:5::/48") };
	static const struct {
		const char *addr;
		bool unwanted;
	} cases[] = {
		{ "10.5.1.0/32", false },   { "10.5.7.0/32", true },    { "10.5.1.1/24", true },
		{ "10.6.7.0/32", true },    { "192.0.2.1/24", false },  { "169.254.1.1/32", false },
		{ "fd00:5::/128", false },  { "fd00:5:1::/128", true }, { "fe80::1/64", false },
		{ "2001:db8::1/64", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ipnet a = net(cases[i].addr);

		if (vxlan_device_unwanted(a.addr.family == AF_INET ? &v4 : &v6, &a) != cases[i].unwanted)
			fail_msg("%s", cases[i].addr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),          cmocka_unit_test(test_names),
		cmocka_unit_test(test_addresses),      cmocka_unit_test(test_dual_stack_peer),
		cmocka_unit_test(test_device_compare), cmocka_unit_test(test_mac),
		cmocka_unit_test(test_requests),       cmocka_unit_test(test_backends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
