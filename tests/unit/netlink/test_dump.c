#include "netlink/dump.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/attr.h"
#include "netlink/monitor.h"
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

/* A fake kernel whose answers are written before the question is asked. Questions count from 1. */

static int fake_open(struct nldump **ret)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(nldump_open_fd(sv[1], ret), 0);
	return sv[0];
}

static void say(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *payload, size_t n)
{
	union {
		struct nlmsghdr h;
		uint8_t room[512];
	} m;

	mnl_nlmsg_put_header(&m);
	m.h.nlmsg_type = type;
	m.h.nlmsg_flags = flags;
	m.h.nlmsg_seq = seq;
	if (n)
		memcpy(mnl_nlmsg_put_extra_header(&m.h, n), payload, n);
	assert_int_equal(send(fd, &m, m.h.nlmsg_len, 0), (ssize_t)m.h.nlmsg_len);
}

static void item(int fd, uint16_t flags, uint32_t seq, uint32_t value)
{
	say(fd, 100, NLM_F_MULTI | flags, seq, &value, sizeof value);
}

static void done(int fd, uint16_t flags, uint32_t seq, int32_t code)
{
	say(fd, NLMSG_DONE, NLM_F_MULTI | flags, seq, &code, sizeof code);
}

struct got {
	uint32_t sum;
	unsigned n;
	int stop_at;
};

static int count(void *ctx, const struct nlmsghdr *h)
{
	const uint32_t *v = attr_header(h, sizeof *v);
	struct got *g = ctx;

	assert_non_null(v);
	g->sum += *v;
	g->n++;
	return g->stop_at && (int)g->n == g->stop_at ? -ECANCELED : 0;
}

static int run(struct nldump *d, uint16_t flags, struct got *g, struct err *e)
{
	*g = (struct got){ .stop_at = g->stop_at };
	mnl_nlmsg_put_extra_header(nldump_begin(d, 90, flags), 16);
	return nldump_run(d, count, g, "numbers", e);
}

static void believes_only_whole_answers(void **state)
{
	CLEANUP(nldump_closep) struct nldump *d = NULL;
	CLEANUP(closep) int fd = fake_open(&d);
	struct got g = { 0 };
	struct err e = { 0 };

	(void)state;
	/* interrupted twice, by a message and by the end; then whole */
	item(fd, 0, 1, 1);
	item(fd, NLM_F_DUMP_INTR, 1, 2);
	item(fd, 0, 1, 4);
	done(fd, 0, 1, 0);
	item(fd, 0, 2, 8);
	done(fd, NLM_F_DUMP_INTR, 2, 0);
	item(fd, 0, 3, 16);
	item(fd, 0, 77, 1000); /* somebody else's */
	item(fd, 0, 3, 32);
	done(fd, 0, 3, 0);
	assert_int_equal(run(d, NLM_F_DUMP, &g, &e), 0);
	assert_int_equal(g.sum, 48);
	assert_int_equal(g.n, 2);

	/* a dump that fails half-way delivers nothing */
	item(fd, 0, 4, 1);
	done(fd, 0, 4, -EPERM);
	assert_int_equal(run(d, NLM_F_DUMP, &g, &e), -EPERM);
	assert_int_equal(g.n, 0);
	assert_string_equal(e.text, "reading numbers from the kernel: Operation not permitted");

	/* busy is a reason to ask again */
	done(fd, 0, 5, -EBUSY);
	item(fd, 0, 6, 5);
	done(fd, 0, 6, 0);
	assert_int_equal(run(d, NLM_F_DUMP, &g, &e), 0);
	assert_int_equal(g.sum, 5);

	/* the callback's own failure ends it */
	for (uint32_t i = 0; i < 5; i++)
		item(fd, 0, 7, i);
	done(fd, 0, 7, 0);
	g.stop_at = 3;
	assert_int_equal(run(d, NLM_F_DUMP, &g, &e), -ECANCELED);
	assert_int_equal(g.n, 3);
}

static void gives_up_on_what_never_settles(void **state)
{
	CLEANUP(nldump_closep) struct nldump *d = NULL;
	CLEANUP(closep) int fd = fake_open(&d);
	struct got g = { 0 };
	struct err e = { 0 };

	(void)state;
	for (uint32_t seq = 1; seq <= NLDUMP_TRIES; seq++) {
		item(fd, 0, seq, 1);
		done(fd, NLM_F_DUMP_INTR, seq, 0);
	}
	assert_int_equal(run(d, NLM_F_DUMP, &g, &e), -EAGAIN);
	assert_int_equal(g.n, 0);
	assert_string_equal(e.text, "reading numbers from the kernel: it kept changing (8 tries)");
}

static void ends_a_single_answer_with_its_ack(void **state)
{
	CLEANUP(nldump_closep) struct nldump *d = NULL;
	CLEANUP(closep) int fd = fake_open(&d);
	struct nlmsgerr ack = { 0 };
	struct got g = { 0 };
	struct err e = { 0 };
	struct {
		struct nlmsgerr ack;
		struct nlattr a;
		char text[16];
	} bad = { { .error = -ENODEV }, { 4 + 16, NLMSGERR_ATTR_MSG }, "No such thing" };

	(void)state;
	item(fd, 0, 1, 9);
	say(fd, NLMSG_ERROR, NLM_F_CAPPED, 1, &ack, sizeof ack);
	assert_int_equal(run(d, 0, &g, &e), 0);
	assert_int_equal(g.sum, 9);

	say(fd, NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, 2, &bad, sizeof bad);
	assert_int_equal(run(d, 0, &g, &e), -ENODEV);
	assert_string_equal(e.text, "reading numbers from the kernel: No such device (No such thing)");

	say(fd, NLMSG_ERROR, 0, 3, NULL, 0); /* no room for a code */
	assert_int_equal(run(d, 0, &g, &e), -EBADMSG);

	close(fd);
	fd = -1;
	assert_true(run(d, 0, &g, &e) < 0);
}

/* Parsers on messages that lie. */

static void keeps_inside_its_container(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t n;
		int want;
		size_t len; /* of attribute 1; 99 = absent */
	} cases[] = {
		{ { 0 }, 0, 0, 99 },
		{ { 8, 0, 1, 0, 1, 2, 3, 4 }, 8, 0, 4 },
		{ { 5, 0, 1, 0, 1 }, 5, 0, 1 },                  /* unaligned end */
		{ { 4, 0, 1, 0 }, 4, 0, 0 },                     /* empty */
		{ { 8, 0, 1, 0x80, 1, 2, 3, 4 }, 8, 0, 4 },      /* nested flag */
		{ { 8, 0, 200, 0, 1, 2, 3, 4 }, 8, 0, 99 },      /* unknown type */
		{ { 9, 0, 1, 0, 1, 2, 3, 4 }, 8, -EBADMSG, 99 }, /* past the end */
		{ { 3, 0, 1, 0, 1, 2, 3, 4 }, 8, -EBADMSG, 99 }, /* shorter than its header */
		{ { 0, 0, 1, 0 }, 4, -EBADMSG, 99 },             /* would never advance */
		{ { 4, 0, 2, 0, 5, 0 }, 6, 0, 99 },              /* rest too short for a header */
	};
	struct nlattr_view tb[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* exact allocation: the sanitizer sees a read past it */
		uint8_t *p = malloc(cases[i].n + !cases[i].n);

		memcpy(p, cases[i].bytes, cases[i].n);
		assert_int_equal(attr_index(p, cases[i].n, tb, ARRAY_SIZE(tb)), cases[i].want);
		if (cases[i].want == 0)
			assert_int_equal(tb[1].p ? tb[1].n : 99, cases[i].len);
		free(p);
	}
}

struct events {
	unsigned n[MONITOR_RESYNC + 1], gone;
	struct monitor_event last;
};

static int note(void *ctx, const struct monitor_event *ev)
{
	struct events *s = ctx;

	s->n[ev->kind]++;
	s->gone += ev->gone;
	s->last = *ev;
	return 0;
}

static void sorts_events(void **state)
{
	union {
		struct nlmsghdr h;
		uint8_t room[1024];
	} m;
	struct ifinfomsg *ifi;
	struct rtmsg *rt;
	struct nfgenmsg *nf;
	struct events s = { 0 };

	(void)state;
	mnl_nlmsg_put_header(&m);
	m.h.nlmsg_type = RTM_DELLINK;
	m.h.nlmsg_pid = 4711;
	ifi = mnl_nlmsg_put_extra_header(&m.h, sizeof *ifi);
	ifi->ifi_index = 5;
	mnl_attr_put_strz(&m.h, IFLA_IFNAME, "flannel.1");
	assert_int_equal(monitor_parse(NETLINK_ROUTE, &m, m.h.nlmsg_len, note, &s), 0);
	assert_int_equal(s.n[MONITOR_LINK], 1);
	assert_int_equal(s.gone, 1);
	assert_int_equal(s.last.portid, 4711);
	assert_string_equal(s.last.link.name, "flannel.1");

	/* a bridge port that leaves its bridge is no device that vanishes */
	ifi->ifi_family = AF_BRIDGE;
	assert_int_equal(monitor_parse(NETLINK_ROUTE, &m, m.h.nlmsg_len, note, &s), 0);
	assert_int_equal(s.n[MONITOR_LINK], 1);

	/* unreadable: look for oneself */
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = 0;
	assert_int_equal(monitor_parse(NETLINK_ROUTE, &m, m.h.nlmsg_len, note, &s), 0);
	assert_int_equal(s.n[MONITOR_RESYNC], 1);

	/* cached routes come and go */
	mnl_nlmsg_put_header(&m);
	m.h.nlmsg_type = RTM_NEWROUTE;
	rt = mnl_nlmsg_put_extra_header(&m.h, sizeof *rt);
	rt->rtm_family = AF_INET6;
	rt->rtm_flags = RTM_F_CLONED;
	assert_int_equal(monitor_parse(NETLINK_ROUTE, &m, m.h.nlmsg_len, note, &s), 0);
	assert_int_equal(s.n[MONITOR_ROUTE], 0);
	rt->rtm_flags = 0;
	assert_int_equal(monitor_parse(NETLINK_ROUTE, &m, m.h.nlmsg_len, note, &s), 0);
	assert_int_equal(s.n[MONITOR_ROUTE], 1);

	mnl_nlmsg_put_header(&m);
	m.h.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELRULE;
	nf = mnl_nlmsg_put_extra_header(&m.h, sizeof *nf);
	nf->nfgen_family = 2;
	mnl_attr_put_strz(&m.h, NFTA_RULE_TABLE, "flannel-ipv4");
	assert_int_equal(monitor_parse(NETLINK_NETFILTER, &m, m.h.nlmsg_len, note, &s), 0);
	assert_int_equal(s.n[MONITOR_NFT], 1);
	assert_string_equal(s.last.nft.table, "flannel-ipv4");
	assert_int_equal(s.last.nft.family, 2);
	assert_true(s.last.gone);
}

static void refuses_lies_about_lengths(void **state)
{
	union {
		struct nlmsghdr h;
		uint8_t room[256];
	} m;
	struct rtmsg *rt;
	struct nl_route r;
	struct nl_addr a;
	struct nl_neigh n;

	(void)state;
	mnl_nlmsg_put_header(&m);
	m.h.nlmsg_type = RTM_NEWROUTE;
	assert_int_equal(route_parse(&m.h, &r), -EBADMSG); /* no header */
	rt = mnl_nlmsg_put_extra_header(&m.h, sizeof *rt);
	rt->rtm_family = AF_INET;
	rt->rtm_dst_len = 33;
	assert_int_equal(route_parse(&m.h, &r), -EBADMSG);
	rt->rtm_dst_len = 24;
	mnl_attr_put(&m.h, RTA_DST, 3, "abc"); /* an address of three bytes */
	assert_int_equal(route_parse(&m.h, &r), -EBADMSG);
	rt->rtm_family = AF_UNIX;
	assert_int_equal(route_parse(&m.h, &r), -EAFNOSUPPORT);
	m.h.nlmsg_type = RTM_NEWADDR;
	assert_int_equal(addr_parse(&m.h, &a), -EBADMSG);
	assert_int_equal(neigh_parse(&m.h, &n), -EBADMSG); /* another kind of message */

	/* a nexthop of length zero must not loop */
	mnl_nlmsg_put_header(&m);
	m.h.nlmsg_type = RTM_NEWROUTE;
	rt = mnl_nlmsg_put_extra_header(&m.h, sizeof *rt);
	rt->rtm_family = AF_INET;
	mnl_attr_put(&m.h, RTA_MULTIPATH, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	assert_int_equal(route_parse(&m.h, &r), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(believes_only_whole_answers),
		cmocka_unit_test(gives_up_on_what_never_settles),
		cmocka_unit_test(ends_a_single_answer_with_its_ack),
		cmocka_unit_test(keeps_inside_its_container),
		cmocka_unit_test(sorts_events),
		cmocka_unit_test(refuses_lies_about_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
