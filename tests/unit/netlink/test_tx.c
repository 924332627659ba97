#include "netlink/tx.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/addr.h"
#include "netlink/fdb.h"
#include "netlink/link.h"
#include "netlink/neigh.h"
#include "netlink/route.h"
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

/* A fake kernel: answers are written before the commit, requests are read after it. */

struct fake {
	int fd; /* the kernel's end */
	struct nltx *t;
	uint8_t out[65536];
	size_t n;
};

static void fake_open(struct fake *f)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	f->fd = sv[0];
	f->n = 0;
	assert_int_equal(nltx_open_fd(sv[1], &f->t), 0);
	nltx_set_timeout(f->t, 30);
}

static void fake_close(struct fake *f)
{
	close(f->fd);
	f->t = nltx_close(f->t);
}

/* The first transaction of a socket starts with sequence number 2. */
static void ack(struct fake *f, uint32_t seq, int error, const char *msg)
{
	struct nlmsghdr *h = (void *)(f->out + f->n);
	struct nlmsgerr *e;

	assert_true(f->n + 256 < sizeof f->out);
	mnl_nlmsg_put_header(h);
	h->nlmsg_type = NLMSG_ERROR;
	h->nlmsg_seq = seq;
	h->nlmsg_flags = NLM_F_CAPPED;
	e = mnl_nlmsg_put_extra_header(h, sizeof *e);
	e->error = error;
	e->msg.nlmsg_len = 77; /* capped: not what follows */
	if (msg) {
		h->nlmsg_flags |= NLM_F_ACK_TLVS;
		mnl_attr_put_strz(h, NLMSGERR_ATTR_MSG, msg);
	}
	f->n += NLMSG_ALIGN(h->nlmsg_len);
}

static void deliver(struct fake *f)
{
	assert_int_equal(send(f->fd, f->out, f->n, 0), (ssize_t)f->n);
	f->n = 0;
}

static void queue(struct nltx *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct nlmsghdr *h = nltx_begin(t, RTM_NEWROUTE, NLM_F_CREATE, 0, "request %u", i);

		mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));
		nltx_tag(t, i * 10);
		nltx_end(t);
	}
}

static void matches_acks_out_of_order(void **state)
{
	struct fake f;
	struct err e = { 0 };

	(void)state;
	fake_open(&f);
	queue(f.t, 4);
	ack(&f, 5, 0, NULL);
	ack(&f, 99, -EIO, "not ours"); /* a stray answer */
	ack(&f, 3, -EINVAL, "Invalid prefix for given prefix length");
	deliver(&f);
	ack(&f, 3, 0, NULL); /* a second answer to the same request changes nothing */
	ack(&f, 2, 0, NULL);
	ack(&f, 4, -ENODEV, NULL);
	deliver(&f);
	assert_int_equal(nltx_commit(f.t, &e), -EINVAL);
	assert_string_equal(e.text, "request 1: Invalid argument (Invalid prefix for given prefix length); "
				    "1 more of 4 requests failed");
	assert_int_equal(nltx_count(f.t), 4);
	assert_int_equal(nltx_failed(f.t), 2);
	assert_int_equal(nltx_op(f.t, 0)->err, 0);
	assert_int_equal(nltx_op(f.t, 1)->err, -EINVAL);
	assert_int_equal(nltx_op(f.t, 2)->err, -ENODEV);
	assert_int_equal(nltx_op(f.t, 3)->err, 0);
	assert_int_equal(nltx_op(f.t, 3)->tag, 30);
	assert_string_equal(nltx_name(f.t, 2), "request 2");
	assert_null(nltx_op(f.t, 4));
	fake_close(&f);
}

static void counts_the_errno_given_as_success(void **state)
{
	struct fake f;

	(void)state;
	fake_open(&f);
	neigh_put_del(f.t, 3, "flannel.1", &(struct ipaddr){ .family = AF_INET });
	neigh_put_del(f.t, 3, "flannel.1", &(struct ipaddr){ .family = AF_INET });
	neigh_put_del(f.t, 3, "flannel.1", &(struct ipaddr){ .family = AF_INET });
	ack(&f, 2, -ENOENT, NULL);
	ack(&f, 3, -ENODEV, NULL);
	ack(&f, 4, -EPERM, NULL);
	deliver(&f);
	assert_int_equal(nltx_commit(f.t, NULL), -EPERM);
	assert_int_equal(nltx_op(f.t, 0)->err, 0);
	assert_int_equal(nltx_op(f.t, 1)->err, 0);
	assert_int_equal(nltx_op(f.t, 2)->err, -EPERM);
	fake_close(&f);
}

static void takes_no_silence_for_success(void **state)
{
	struct fake f;
	struct err e = { 0 };

	(void)state;
	fake_open(&f);
	queue(f.t, 3);
	ack(&f, 2, 0, NULL);
	deliver(&f);
	assert_int_equal(nltx_commit(f.t, &e), -ETIMEDOUT);
	assert_string_equal(e.text, "request 1: Connection timed out; 1 more of 3 requests failed");
	assert_int_equal(nltx_op(f.t, 0)->err, 0);
	assert_int_equal(nltx_op(f.t, 2)->err, -ETIMEDOUT);

	/* The late answers belong to nothing in the next transaction. */
	queue(f.t, 1);
	ack(&f, 3, -EIO, NULL);
	ack(&f, 4, -EIO, NULL);
	ack(&f, 7, 0, NULL);
	deliver(&f);
	assert_int_equal(nltx_commit(f.t, &e), 0);
	assert_int_equal(nltx_count(f.t), 1);
	fake_close(&f);
}

static void survives_malformed_answers(void **state)
{
	struct fake f;
	struct nlmsghdr *h;

	(void)state;
	fake_open(&f);
	queue(f.t, 2);
	/* an error message too short to hold a code */
	h = mnl_nlmsg_put_header(f.out);
	h->nlmsg_type = NLMSG_ERROR;
	h->nlmsg_seq = 2;
	f.n = h->nlmsg_len;
	deliver(&f);
	/* attributes announced that leave the message; a length past the datagram */
	ack(&f, 2, -EINVAL, "cut");
	((struct nlmsghdr *)(void *)f.out)->nlmsg_flags &= (uint16_t)~NLM_F_CAPPED;
	deliver(&f);
	ack(&f, 3, 0, NULL);
	((struct nlmsghdr *)(void *)f.out)->nlmsg_len = 4000;
	deliver(&f);
	assert_int_equal(nltx_commit(f.t, NULL), -EINVAL);
	assert_int_equal(nltx_op(f.t, 0)->err, -EINVAL);
	assert_string_equal(nltx_op(f.t, 0)->msg, "");
	assert_int_equal(nltx_op(f.t, 1)->err, -ETIMEDOUT);
	fake_close(&f);
}

static void notices_a_dead_peer(void **state)
{
	struct fake f;

	(void)state;
	fake_open(&f);
	queue(f.t, NLTX_BATCH_REQUESTS + 1);
	shutdown(f.fd, SHUT_RDWR);
	assert_true(nltx_commit(f.t, NULL) < 0);
	assert_int_equal(nltx_failed(f.t), NLTX_BATCH_REQUESTS + 1);
	assert_int_equal(nltx_op(f.t, NLTX_BATCH_REQUESTS)->err, -ECANCELED);
	fake_close(&f);
}

static void splits_into_datagrams(void **state)
{
	struct fake f;
	uint8_t in[2 * NLTX_BATCH_BYTES];
	unsigned total = 0, datagrams = 0;
	uint32_t seq = 2;

	(void)state;
	fake_open(&f);
	queue(f.t, 600);
	for (unsigned from = 0; from < 600; from += NLTX_BATCH_REQUESTS) {
		for (unsigned i = from; i < 600 && i < from + NLTX_BATCH_REQUESTS; i++)
			ack(&f, seq++, 0, NULL);
		deliver(&f);
	}
	assert_int_equal(nltx_commit(f.t, NULL), 0);
	while (total < 600) {
		ssize_t n = recv(f.fd, in, sizeof in, MSG_DONTWAIT);
		int left = (int)n;
		unsigned here = 0;

		assert_true(n > 0);
		for (struct nlmsghdr *h = (void *)in; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			assert_int_equal(h->nlmsg_seq, 2 + total++);
			assert_true(h->nlmsg_flags & NLM_F_ACK);
			here++;
		}
		assert_true(here <= NLTX_BATCH_REQUESTS);
		datagrams++;
	}
	assert_int_equal(datagrams, 3);

	/* Large requests are split by size. */
	for (unsigned i = 0; i < 20; i++) {
		struct nlmsghdr *h = nltx_begin(f.t, RTM_NEWLINK, 0, 0, "large");
		static const char filler[7000];

		mnl_attr_put(h, 1, sizeof filler, filler);
		nltx_end(f.t);
	}
	for (uint32_t k = 0; k < 20; k++) {
		ack(&f, 604 + k, 0, NULL);
		deliver(&f);
	}
	assert_int_equal(nltx_commit(f.t, NULL), 0);
	for (total = 0; total < 20 * 7000;) {
		ssize_t n = recv(f.fd, in, sizeof in, MSG_DONTWAIT);

		assert_true(n > 0 && n <= NLTX_BATCH_BYTES);
		total += (unsigned)n;
	}
	fake_close(&f);
}

static void records(void **state)
{
	CLEANUP(nltx_closep) struct nltx *t = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(nltx_open_recording(&t), 0);
	assert_int_equal(nltx_commit(t, &e), 0); /* nothing queued */
	queue(t, 3);
	nltx_record_fail(t, 1, EBUSY, "Device is busy");
	assert_int_equal(nltx_op(t, 1)->err, -EINPROGRESS);
	assert_int_equal(nltx_commit(t, &e), -EBUSY);
	assert_string_equal(e.text, "request 1: Device or resource busy (Device is busy)");
	assert_int_equal(nltx_request(t, 2)->nlmsg_type, RTM_NEWROUTE);
	assert_null(nltx_request(t, 3));
	/* the script was for one commit */
	queue(t, 2);
	assert_int_equal(nltx_count(t), 2);
	assert_int_equal(nltx_commit(t, &e), 0);
	queue(t, 2);
	nltx_cancel(t);
	assert_int_equal(nltx_count(t), 0);
}

/* What the requests look like. */

static const struct nlattr *attr(const struct nlmsghdr *h, size_t hdr, uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, hdr)
		if (mnl_attr_get_type(a) == type)
			return a;
	fail_msg("attribute %u is missing", type);
	return NULL;
}

static void assert_ip(const struct nlattr *a, const char *want)
{
	struct ipaddr ip;
	unsigned n = mnl_attr_get_payload_len(a);

	assert_int_equal(ipaddr_from_bytes(n == 4 ? AF_INET : AF_INET6, mnl_attr_get_payload(a), n, &ip), 0);
	assert_string_equal(IPADDR_STR(&ip), want);
}

static struct ipaddr ip(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(AF_UNSPEC, s, &a), 0);
	return a;
}

static const struct hwaddr mac = { { 0xce, 0xc3, 1, 2, 3, 4 } };

static void builds_the_requests_of_a_peer(void **state)
{
	CLEANUP(nltx_closep) struct nltx *t = NULL;
	struct ipaddr base = ip("10.5.68.0"), vtep = ip("10.77.0.2");
	const struct nlmsghdr *h;
	const struct ndmsg *nd;
	const struct rtmsg *rt;

	(void)state;
	assert_int_equal(nltx_open_recording(&t), 0);
	neigh_put_replace(t, 7, "flannel.1", &base, &mac);
	fdb_put_replace(t, 7, "flannel.1", &mac, &vtep);
	route_put_replace(
		t,
		&(struct nl_route){ .dst = { base, 24 }, .gateway = base, .oif = 7, .flags = RTNH_F_ONLINK });
	assert_int_equal(nltx_commit(t, NULL), 0);

	h = nltx_request(t, 0);
	nd = mnl_nlmsg_get_payload(h);
	assert_int_equal(h->nlmsg_type, RTM_NEWNEIGH);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	assert_int_equal(nd->ndm_family, AF_INET);
	assert_int_equal(nd->ndm_ifindex, 7);
	assert_int_equal(nd->ndm_state, NUD_PERMANENT);
	assert_int_equal(nd->ndm_flags, 0);
	assert_int_equal(nd->ndm_type, RTN_UNICAST);
	assert_ip(attr(h, sizeof *nd, NDA_DST), "10.5.68.0");
	assert_memory_equal(mnl_attr_get_payload(attr(h, sizeof *nd, NDA_LLADDR)), mac.b, 6);
	assert_string_equal(nltx_name(t, 0), "neighbour 10.5.68.0 lladdr ce:c3:01:02:03:04 dev flannel.1");

	h = nltx_request(t, 1);
	nd = mnl_nlmsg_get_payload(h);
	assert_int_equal(nd->ndm_family, AF_BRIDGE);
	assert_int_equal(nd->ndm_flags, NTF_SELF);
	assert_int_equal(nd->ndm_state, NUD_PERMANENT);
	assert_int_equal(nd->ndm_type, 0);
	assert_ip(attr(h, sizeof *nd, NDA_DST), "10.77.0.2");

	h = nltx_request(t, 2);
	rt = mnl_nlmsg_get_payload(h);
	assert_int_equal(h->nlmsg_type, RTM_NEWROUTE);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	assert_int_equal(rt->rtm_dst_len, 24);
	assert_int_equal(rt->rtm_table, RT_TABLE_MAIN);
	assert_int_equal(rt->rtm_protocol, RTPROT_BOOT);
	assert_int_equal(rt->rtm_scope, RT_SCOPE_UNIVERSE);
	assert_int_equal(rt->rtm_type, RTN_UNICAST);
	assert_int_equal(rt->rtm_flags, RTNH_F_ONLINK);
	assert_ip(attr(h, sizeof *rt, RTA_DST), "10.5.68.0");
	assert_ip(attr(h, sizeof *rt, RTA_GATEWAY), "10.5.68.0");
	assert_int_equal(mnl_attr_get_u32(attr(h, sizeof *rt, RTA_OIF)), 7);
	assert_string_equal(nltx_name(t, 2), "route 10.5.68.0/24 via 10.5.68.0");
}

static unsigned nested_types(const struct nlattr *nest, uint16_t types[], unsigned max)
{
	const struct nlattr *a;
	unsigned n = 0;

	mnl_attr_for_each_nested(a, nest) {
		assert_true(n < max);
		types[n++] = mnl_attr_get_type(a);
	}
	return n;
}

static const struct nlattr *nested(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
		if (mnl_attr_get_type(a) == type)
			return a;
	fail_msg("nested attribute %u is missing", type);
	return NULL;
}

static void builds_the_vxlan_device(void **state)
{
	static const uint16_t want_top[] = { IFLA_IFNAME, IFLA_MTU, IFLA_TXQLEN, IFLA_ADDRESS,
					     IFLA_LINKINFO };
	static const uint16_t want_data[] = {
		IFLA_VXLAN_ID,
		IFLA_VXLAN_LINK,
		IFLA_VXLAN_LOCAL,
		IFLA_VXLAN_TTL,
		IFLA_VXLAN_TOS,
		IFLA_VXLAN_LEARNING,
		IFLA_VXLAN_PROXY,
		IFLA_VXLAN_RSC,
		IFLA_VXLAN_L2MISS,
		IFLA_VXLAN_L3MISS,
		IFLA_VXLAN_UDP_ZERO_CSUM6_TX,
		IFLA_VXLAN_UDP_ZERO_CSUM6_RX,
		IFLA_VXLAN_PORT,
	};
	CLEANUP(nltx_closep) struct nltx *t = NULL;
	struct nl_vxlan v = { .vni = 1, .link = 2, .local = ip("10.77.0.1"), .port = 8472 };
	const struct ifinfomsg zero = { 0 };
	const struct nlmsghdr *h;
	const struct nlattr *data, *a;
	uint16_t types[32];
	unsigned n = 0;

	(void)state;
	assert_int_equal(nltx_open_recording(&t), 0);
	link_put_vxlan(t, "flannel.1", 1450, &mac, &v);
	h = nltx_request(t, 0);
	assert_int_equal(h->nlmsg_type, RTM_NEWLINK);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	assert_memory_equal(mnl_nlmsg_get_payload(h), &zero, sizeof zero);
	mnl_attr_for_each(a, h, sizeof zero)
		assert_int_equal(mnl_attr_get_type(a), want_top[n++]);
	assert_int_equal(n, ARRAY_SIZE(want_top));
	a = attr(h, sizeof zero, IFLA_LINKINFO);
	assert_string_equal(mnl_attr_get_str(nested(a, IFLA_INFO_KIND)), "vxlan");
	data = nested(a, IFLA_INFO_DATA);
	n = nested_types(data, types, ARRAY_SIZE(types));
	assert_int_equal(n, ARRAY_SIZE(want_data));
	assert_memory_equal(types, want_data, sizeof want_data);
	assert_int_equal(mnl_attr_get_u16(nested(data, IFLA_VXLAN_PORT)), htons(8472));

	/* IPv6, group based policy, port left to the kernel */
	v = (struct nl_vxlan){ .vni = 1, .local = ip("fd00::1"), .gbp = true, .learning = true };
	link_put_vxlan(t, "flannel-v6.1", 1430, &mac, &v);
	data = nested(attr(nltx_request(t, 1), sizeof zero, IFLA_LINKINFO), IFLA_INFO_DATA);
	n = nested_types(data, types, ARRAY_SIZE(types));
	assert_int_equal(types[2], IFLA_VXLAN_LOCAL6);
	assert_int_equal(types[n - 1], IFLA_VXLAN_GBP);
	assert_int_equal(mnl_attr_get_u8(nested(data, IFLA_VXLAN_LEARNING)), 1);
}

static void fills_in_what_routes_leave_open(void **state)
{
	static const struct {
		struct nl_route r;
		uint8_t scope, type, protocol, table;
	} cases[] = {
		{ { .oif = 3 }, RT_SCOPE_LINK, RTN_UNICAST, RTPROT_BOOT, RT_TABLE_MAIN },
		{ { .oif = 3, .nhid = 9 }, RT_SCOPE_UNIVERSE, RTN_UNICAST, RTPROT_BOOT, RT_TABLE_MAIN },
		{ { .type = RTN_BLACKHOLE, .protocol = 99 },
		  RT_SCOPE_UNIVERSE,
		  RTN_BLACKHOLE,
		  99,
		  RT_TABLE_MAIN },
		{ { .oif = 3, .table = 1000 }, RT_SCOPE_LINK, RTN_UNICAST, RTPROT_BOOT, RT_TABLE_UNSPEC },
	};
	CLEANUP(nltx_closep) struct nltx *t = NULL;

	(void)state;
	assert_int_equal(nltx_open_recording(&t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nl_route r = cases[i].r;
		const struct rtmsg *m;

		assert_int_equal(ipnet_parse(AF_INET, "10.1.0.0/16", &r.dst), 0);
		route_put_replace(t, &r);
		m = mnl_nlmsg_get_payload(nltx_request(t, i));
		assert_int_equal(m->rtm_scope, cases[i].scope);
		assert_int_equal(m->rtm_type, cases[i].type);
		assert_int_equal(m->rtm_protocol, cases[i].protocol);
		assert_int_equal(m->rtm_table, cases[i].table);
		if (r.table >= 256)
			assert_int_equal(mnl_attr_get_u32(attr(nltx_request(t, i), sizeof *m, RTA_TABLE)),
					 r.table);
	}
}

static void limits_a_transaction(void **state)
{
	CLEANUP(nltx_closep) struct nltx *t = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(nltx_open_recording(&t), 0);
	for (size_t i = 0; i <= NLTX_REQUESTS_MAX; i++) {
		nltx_begin(t, RTM_GETLINK, 0, 0, "r");
		nltx_end(t);
	}
	assert_int_equal(nltx_commit(t, &e), -E2BIG);
	assert_int_equal(nltx_op(t, 0)->err, -ECANCELED);
	queue(t, 1);
	assert_int_equal(nltx_commit(t, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_acks_out_of_order),
		cmocka_unit_test(counts_the_errno_given_as_success),
		cmocka_unit_test(takes_no_silence_for_success),
		cmocka_unit_test(survives_malformed_answers),
		cmocka_unit_test(notices_a_dead_peer),
		cmocka_unit_test(splits_into_datagrams),
		cmocka_unit_test(records),
		cmocka_unit_test(builds_the_requests_of_a_peer),
		cmocka_unit_test(builds_the_vxlan_device),
		cmocka_unit_test(fills_in_what_routes_leave_open),
		cmocka_unit_test(limits_a_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
