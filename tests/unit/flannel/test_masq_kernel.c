/*
 * The masquerade rules at work, in network namespaces of this process's own: a host between a pod,
 * a remote pod (through the overlay's device) and the outside. Judged by packets, not by text.
 */
#include "flannel/masq.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/proc.h"
#include "netlink/dump.h"
#include "netlink/link.h"
#include "netlink/addr.h"
#include "netlink/route.h"
#include "netlink/tx.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum place { HOST, POD, REMOTE, OUTSIDE, PLACES };

static int ns[PLACES];

struct plan { /* one address family */
	int af;
	const char *network, *subnet;
	const char *addr[PLACES];   /* the one packets are sent from and to */
	const char *gateway;        /* the host's address towards the pod */
	const char *overlay;        /* the host's address on the overlay's device */
	unsigned host_len, pod_len; /* prefix lengths */
};

static const struct plan plans[] = {
	{ AF_INET,
	  "10.5.0.0/16",
	  "10.5.1.0/24",
	  { "192.0.2.1", "10.5.1.5", "10.5.2.5", "192.0.2.9" },
	  "10.5.1.1",
	  "10.5.1.0",
	  24,
	  24 },
	{ AF_INET6,
	  "fd05::/48",
	  "fd05:0:0:1::/64",
	  { "fd99::1", "fd05:0:0:1::5", "fd05:0:0:2::5", "fd99::9" },
	  "fd05:0:0:1::1",
	  "fd05:0:0:1::",
	  64,
	  64 },
};

static struct ipaddr ip(const char *s)
{
	struct ipaddr a;

	if (ipaddr_parse(AF_UNSPEC, s, &a) < 0)
		fail_msg("%s", s);
	return a;
}

static struct ipnet net(const char *s)
{
	struct ipnet n;

	if (ipnet_parse(AF_UNSPEC, s, &n) < 0)
		fail_msg("%s", s);
	return n;
}

static void enter(enum place p)
{
	if (setns(ns[p], CLONE_NEWNET) < 0)
		fail_msg("setns: %s", strerror(errno));
}

static void sysctl(const char *path, const char *value)
{
	CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

static int new_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	sysctl("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0"); /* addresses serve at once */
	return fd;
}

struct session { /* with the kernel, in one namespace */
	struct nltx *t;
	struct nldump *d;
};

static struct session begin(enum place p)
{
	struct session s = { 0 };
	struct err e = { 0 };

	enter(p);
	if (nltx_open(NETLINK_ROUTE, &s.t, &e) < 0 || nldump_open(NETLINK_ROUTE, &s.d, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static void end(struct session *s)
{
	struct err e = { 0 };

	if (nltx_commit(s->t, &e) < 0)
		fail_msg("%s", e.text);
	nltx_close(s->t);
	nldump_close(s->d);
}

static int up(struct session *s, const char *name)
{
	struct err e = { 0 };
	struct nl_link l;

	if (link_get_by_name(s->d, name, &l, &e) < 0)
		fail_msg("%s", e.text);
	link_put_up(s->t, l.ifindex, name, true);
	return l.ifindex;
}

static void add(struct session *s, int ifindex, const char *addr, unsigned len)
{
	addr_put_add(s->t, ifindex, "x", &(struct ipnet){ ip(addr), (uint8_t)len });
}

static void route(struct session *s, int ifindex, struct ipnet dst, const char *via)
{
	struct nl_route r = { .dst = dst, .oif = ifindex };

	if (via) {
		r.gateway = ip(via);
		r.flags = RTNH_F_ONLINK;
	}
	route_put_replace(s->t, &r);
}

static void wire_leaf(enum place p, const struct plan *pl, unsigned len, const char *via)
{
	struct session s = begin(p);
	int i = up(&s, "up0");

	add(&s, i, pl->addr[p], len);
	route(&s, i, net(pl->network), via);
	if (p != OUTSIDE)
		route(&s, i, (struct ipnet){ ip(pl->af == AF_INET ? "0.0.0.0" : "::"), 0 }, via);
	end(&s);
}

static void wire(void)
{
	static const char *const ports[] = { [POD] = "cni0", [REMOTE] = "flannel.1", [OUTSIDE] = "eth0" };
	int index[PLACES];
	struct session s = begin(HOST);

	sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	for (enum place p = POD; p < PLACES; p++)
		link_put_veth(s.t, ports[p], "up0", ns[p]);
	assert_int_equal(nltx_commit(s.t, NULL), 0);
	for (enum place p = POD; p < PLACES; p++)
		index[p] = up(&s, ports[p]);
	for (size_t k = 0; k < ARRAY_SIZE(plans); k++) {
		const struct plan *pl = &plans[k];
		struct ipnet far = { ip(pl->addr[REMOTE]), (uint8_t)pl->pod_len };

		far = ipnet_masked(&far);
		add(&s, index[POD], pl->gateway, pl->pod_len);
		add(&s, index[OUTSIDE], pl->addr[HOST], pl->host_len);
		add(&s, index[REMOTE], pl->overlay, ip_family_bits(pl->af));
		route(&s, index[REMOTE], far, NULL);
	}
	end(&s);
	for (size_t k = 0; k < ARRAY_SIZE(plans); k++) {
		const struct plan *pl = &plans[k];

		wire_leaf(POD, pl, pl->pod_len, pl->gateway);
		wire_leaf(REMOTE, pl, ip_family_bits(pl->af), pl->overlay);
		wire_leaf(OUTSIDE, pl, pl->host_len, pl->addr[HOST]);
	}
	enter(HOST);
}

/* Packets. */

static socklen_t sock_addr(const struct ipaddr *a, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (a->family == AF_INET) {
		*(struct sockaddr_in *)ret = (struct sockaddr_in){ .sin_family = AF_INET,
								   .sin_port = htons(port),
								   .sin_addr = a->v4 };
		return sizeof(struct sockaddr_in);
	}
	*(struct sockaddr_in6 *)ret = (struct sockaddr_in6){ .sin6_family = AF_INET6,
							     .sin6_port = htons(port),
							     .sin6_addr = a->v6 };
	return sizeof(struct sockaddr_in6);
}

static int udp(enum place p, const char *addr, uint16_t port)
{
	struct ipaddr a = ip(addr);
	struct sockaddr_storage sa;
	socklen_t n = sock_addr(&a, port, &sa);
	int fd;

	enter(p);
	fd = socket(a.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) < 0)
		fail_msg("%s: %s", addr, strerror(errno));
	enter(HOST);
	return fd;
}

/* Whom the receiver sees as the sender. */
static struct ipaddr seen_source(enum place from, const char *src, enum place to, const char *dst,
				 uint32_t mark)
{
	static uint16_t port = 2000; /* a new connection each time: NAT is decided by the first packet */
	CLEANUP(closep) int rx = udp(to, dst, ++port);
	CLEANUP(closep) int tx = udp(from, src, ++port);
	struct ipaddr a = ip(dst), ret = { 0 };
	struct sockaddr_storage sa;
	socklen_t n = sock_addr(&a, (uint16_t)(port - 1), &sa);
	struct pollfd p = { .fd = rx, .events = POLLIN };
	char c;

	if (mark)
		assert_int_equal(setsockopt(tx, SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
	if (sendto(tx, "x", 1, 0, (struct sockaddr *)&sa, n) != 1)
		fail_msg("%s to %s: %s", src, dst, strerror(errno));
	if (poll(&p, 1, 30000) != 1)
		fail_msg("%s to %s: nothing arrived", src, dst);
	n = sizeof sa;
	assert_int_equal(recvfrom(rx, &c, 1, 0, (struct sockaddr *)&sa, &n), 1);
	if (sa.ss_family == AF_INET)
		(void)ipaddr_from_bytes(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr, 4, &ret);
	else
		(void)ipaddr_from_bytes(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr, 16, &ret);
	return ret;
}

static struct masq_plan plan(bool ip_masq, const char *instance)
{
	struct masq_config c = {
		.network = net(plans[0].network),
		.subnet = net(plans[0].subnet),
		.network6 = net(plans[1].network),
		.subnet6 = net(plans[1].subnet),
		.ip_masq = ip_masq,
		.forward = true,
		.random_fully = true,
	};
	struct masq_plan p;
	struct err e = { 0 };

	snprintf(c.instance, sizeof c.instance, "%s", instance);
	if (masq_plan(&c, &p, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

static void apply(struct masq *m, const struct masq_plan *p)
{
	struct err e = { 0 };

	if (masq_apply(m, p, &e) != 0)
		fail_msg("%s", e.text);
}

static void masquerades_the_right_packets(void **state)
{
	static const struct {
		enum place from, to;
		uint32_t mark;
		enum { KEPT, OVERLAY, UPLINK } source, without; /* with and without --ip-masq */
	} cases[] = {
		{ POD, OUTSIDE, 0, UPLINK, KEPT },
		{ POD, REMOTE, 0, KEPT, KEPT },
		{ REMOTE, POD, 0, KEPT, KEPT },
		{ OUTSIDE, POD, 0, KEPT, KEPT },
		{ HOST, REMOTE, 0, OVERLAY, KEPT },
		{ HOST, OUTSIDE, 0, KEPT, KEPT },
		{ OUTSIDE, REMOTE, 0, OVERLAY, KEPT },
		{ REMOTE, OUTSIDE, 0, UPLINK, KEPT },
		/* what kube-proxy marked is its own business, whatever other bits say */
		{ HOST, REMOTE, 0x4000, KEPT, KEPT },
		{ HOST, REMOTE, 0x1c000, KEPT, KEPT },
		{ HOST, REMOTE, 0x8000, OVERLAY, KEPT },
	};
	struct masq *m = *state;

	for (int on = 1; on >= 0; on--) {
		struct masq_plan p = plan(on, "");

		apply(m, &p);
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			for (size_t k = 0; k < ARRAY_SIZE(plans); k++) {
				const struct plan *pl = &plans[k];
				int how = on ? (int)cases[i].source : (int)cases[i].without;
				const char *want = how == UPLINK    ? pl->addr[HOST]
						   : how == OVERLAY ? pl->overlay
								    : pl->addr[cases[i].from];
				struct ipaddr got = seen_source(cases[i].from, pl->addr[cases[i].from],
								cases[i].to, pl->addr[cases[i].to],
								cases[i].mark);

				if (strcmp(IPADDR_STR(&got), want) != 0)
					fail_msg("case %zu, masquerading %d: %s instead of %s", i, on,
						 IPADDR_STR(&got), want);
			}
		}
	}
}

static void tool(const char *const *argv, struct buf *out)
{
	struct err e = { 0 };

	if (proc_run(&(struct proc){ .argv = argv, .output = out, .timeout_ms = 10000 }, NULL, &e) < 0)
		fail_msg("%s", e.text);
}
#define TOOL(out, ...) tool((const char *const[]){ __VA_ARGS__, NULL }, out)

static void watches_over_its_rules(void **state)
{
	struct masq *m = *state;
	struct masq_plan p = plan(true, ""), none = { 0 };
	struct masq_config off = { .network = net("10.5.0.0/16"), .subnet = net("10.5.1.0/24") };
	struct err e = { 0 };

	apply(m, &p);
	assert_int_equal(masq_check(m, &p, &e), 1);
	assert_int_equal(masq_resync(m, &p, &e), 0);
	TOOL(NULL, "nft", "flush", "chain", "ip6", "flannel-ipv6", "postrtg");
	assert_int_equal(masq_check(m, &p, &e), 0);
	assert_int_equal(masq_resync(m, &p, &e), 1);
	assert_int_equal(masq_check(m, &p, &e), 1);
	TOOL(NULL, "nft", "delete", "table", "ip", "flannel-ipv4");
	assert_int_equal(masq_resync(m, &p, &e), 1);

	assert_true(masq_concerns(m, &p, NFPROTO_IPV4, "flannel-ipv4", 1));
	assert_false(masq_concerns(m, &p, NFPROTO_IPV6, "flannel-ipv4", 1));
	assert_false(masq_concerns(m, &p, NFPROTO_IPV4, "nat", 1));

	/* everything off: the tables go, and the check says so */
	assert_int_equal(masq_plan(&off, &none, &e), 0);
	assert_int_equal(masq_check(m, &none, &e), 0);
	apply(m, &none);
	assert_int_equal(masq_check(m, &none, &e), 1);
	assert_int_equal(masq_check(m, &p, &e), 0);
}

static void keeps_instances_apart(void **state)
{
	struct masq *m = *state;
	struct masq_plan a = plan(true, ""), b = plan(true, "0badcafe");
	struct err e = { 0 };

	apply(m, &a);
	apply(m, &b);
	assert_int_equal(masq_check(m, &a, &e), 1);
	assert_int_equal(masq_check(m, &b, &e), 1);
	TOOL(NULL, "nft", "flush", "table", "ip", "flannel-ipv4");
	assert_int_equal(masq_check(m, &a, &e), 0);
	assert_int_equal(masq_check(m, &b, &e), 1);
	TOOL(NULL, "nft", "delete", "table", "ip", "flannel-ipv4-0badcafe");
	TOOL(NULL, "nft", "delete", "table", "ip6", "flannel-ipv6-0badcafe");
}

static void takes_over_from_upstream_nft_mode(void **state)
{
	CLEANUP(buf_done) struct buf out = { .max = 65536 };
	struct masq *m = *state;
	struct masq_plan p = plan(true, "");

	TOOL(NULL, "nft",
	     "add table ip flannel-ipv4; flush table ip flannel-ipv4;"
	     "add chain ip flannel-ipv4 postrtg { type nat hook postrouting priority 100; };"
	     "add rule ip flannel-ipv4 postrtg ip saddr != 10.5.1.0/24 ip daddr 10.5.0.0/16 return");
	apply(m, &p);
	TOOL(&out, "nft", "list", "table", "ip", "flannel-ipv4");
	assert_null(strstr(out.p, "saddr != 10.5.1.0/24"));
	assert_non_null(strstr(out.p, "ip saddr != 10.5.0.0/16 ip daddr 10.5.1.0/24 return"));
}

static bool have(const char *program)
{
	return RUN(NULL, program, "--version") >= 0;
}

static void iptables_mode(const char *iptables, const char *n, const char *s)
{
#define MASQ "-m", "comment", "--comment", "flanneld masq"
#define FWD  "-m", "comment", "--comment", "flanneld forward"
	TOOL(NULL, iptables, "-t", "nat", "-N", "FLANNEL-POSTRTG");
	TOOL(NULL, iptables, "-t", "nat", "-A", "POSTROUTING", MASQ, "-j", "FLANNEL-POSTRTG");
	TOOL(NULL, iptables, "-t", "nat", "-A", "FLANNEL-POSTRTG", "-m", "mark", "--mark", "0x4000/0x4000",
	     MASQ, "-j", "RETURN");
	TOOL(NULL, iptables, "-t", "nat", "-A", "FLANNEL-POSTRTG", "-s", s, "-d", n, MASQ, "-j", "RETURN");
	TOOL(NULL, iptables, "-t", "nat", "-A", "FLANNEL-POSTRTG", "!", "-s", n, "-d", n, MASQ, "-j",
	     "MASQUERADE", "--random-fully");
	TOOL(NULL, iptables, "-t", "filter", "-N", "FLANNEL-FWD");
	TOOL(NULL, iptables, "-t", "filter", "-A", "FORWARD", FWD, "-j", "FLANNEL-FWD");
	TOOL(NULL, iptables, "-t", "filter", "-A", "FLANNEL-FWD", "-s", n, FWD, "-j", "ACCEPT");
	/* older: without chains of its own */
	TOOL(NULL, iptables, "-t", "nat", "-A", "POSTROUTING", "-s", n, "-d", n, MASQ, "-j", "RETURN");
}

static void iptables_others(const char *iptables, const char *n)
{
	TOOL(NULL, iptables, "-t", "nat", "-N", "DOCKER");
	TOOL(NULL, iptables, "-t", "nat", "-A", "POSTROUTING", "-s", n, "-j", "MASQUERADE");
	TOOL(NULL, iptables, "-t", "nat", "-A", "POSTROUTING", "-m", "comment", "--comment",
	     "flanneld masquerade", "-j", "DOCKER");
	TOOL(NULL, iptables, "-t", "filter", "-A", "FORWARD", "-s", n, "-j", "DROP");
}

/* What belongs to iptables, without its counters. */
static void save(struct buf *out)
{
	static const char *const families[] = { "ip", "ip6" };
	static const char *const tables[] = { "nat", "filter" };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (size_t k = 0; k < ARRAY_SIZE(tables); k++)
			TOOL(out, "nft", "-s", "list", "table", families[i], tables[k]);
}

static void takes_over_from_upstream_iptables_mode(void **state)
{
	CLEANUP(buf_done) struct buf before = { .max = 65536 };
	CLEANUP(buf_done) struct buf after = { .max = 65536 };
	struct masq *m = *state;
	struct masq_plan p = plan(true, "");
	struct err e = { 0 };

	if (!have("iptables-nft") || !have("ip6tables-nft"))
		skip();
	apply(m, &p);
	iptables_others("iptables-nft", "172.17.0.0/16");
	iptables_others("ip6tables-nft", "fd17::/64");
	save(&before);
	iptables_mode("iptables-nft", "10.5.0.0/16", "10.5.1.0/24");
	iptables_mode("ip6tables-nft", "fd05::/48", "fd05:0:0:1::/64");
	apply(m, &p);
	save(&after);
	assert_string_equal(after.p, before.p);
	assert_null(strstr(after.p, "FLANNEL"));
	assert_non_null(strstr(after.p, "jump DOCKER"));
	assert_int_equal(masq_check(m, &p, &e), 1);
}

static void installs_its_rules_although_remains_stay(void **state)
{
	struct masq *m = *state;
	struct masq_plan p = plan(true, "");
	struct err e = { 0 };

	/* A verdict map leads to the chain: no rule that could be found jumps to it, and it is busy. */
	TOOL(NULL, "nft",
	     "flush ruleset; add table ip nat; add chain ip nat POSTROUTING { type nat hook postrouting priority 100; };"
	     "add chain ip nat FLANNEL-POSTRTG;"
	     "add rule ip nat POSTROUTING ip saddr vmap { 10.9.0.0/16 : jump FLANNEL-POSTRTG }");
	assert_int_equal(masq_apply(m, &p, &e), 1);
	assert_non_null(strstr(e.text,
			       "removing the rules of another flanneld's iptables mode: removing chain "
			       "FLANNEL-POSTRTG from nftables table ip nat: Device or resource busy"));
	assert_int_equal(masq_check(m, &p, &e), 1);
}

static int setup(void **state)
{
	static struct masq *m;
	struct err e = { 0 };

	wire();
	if (masq_open(&m, &e) < 0)
		fail_msg("%s", e.text);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	masq_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masquerades_the_right_packets),
		cmocka_unit_test(watches_over_its_rules),
		cmocka_unit_test(keeps_instances_apart),
		cmocka_unit_test(takes_over_from_upstream_nft_mode),
		cmocka_unit_test(takes_over_from_upstream_iptables_mode),
		cmocka_unit_test(installs_its_rules_although_remains_stay),
	};

	for (enum place p = HOST; p < PLACES; p++) {
		ns[p] = new_namespace();
		if (ns[p] < 0) {
			printf("skipped: a network namespace cannot be made here: %s\n", strerror(errno));
			return 77;
		}
	}
	if (RUN(NULL, "nft", "--version") < 0) {
		printf("skipped: nft does not run here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
