/* nftables: the description of rules, and the real kernel in a namespace of this process's own. */
#include "netlink/nft.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/proc.h"
#include "netlink/monitor.h"
#include "netlink/nft_priv.h"
#include <errno.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct ipnet net(const char *s)
{
	struct ipnet n;

	if (ipnet_parse(AF_UNSPEC, s, &n) < 0)
		fail_msg("%s", s);
	return n;
}

#define MARK(m, k)                                                                                           \
	{                                                                                                    \
		.kind = NFT_MATCH_MARK, .mark = (m), .mask = (k)                                             \
	}
#define FROM(n)                                                                                              \
	{                                                                                                    \
		.kind = NFT_MATCH_SADDR, .net = net(n)                                                       \
	}
#define TO(n)                                                                                                \
	{                                                                                                    \
		.kind = NFT_MATCH_DADDR, .net = net(n)                                                       \
	}
#define NOT_FROM(n)                                                                                          \
	{                                                                                                    \
		.kind = NFT_MATCH_SADDR, .net = net(n), .negate = true                                       \
	}
#define NOT_TO(n)                                                                                            \
	{                                                                                                    \
		.kind = NFT_MATCH_DADDR, .net = net(n), .negate = true                                       \
	}

static struct nft_table table4(void)
{
	return (struct nft_table){
		.family = NFPROTO_IPV4,
		.name = "t4",
		.comment = "a table",
		.n_chain = 2,
		.chain = {
			{ .name = "post", .type = "nat", .hook = NF_INET_POST_ROUTING, .prio = 100,
			  .comment = "a chain", .n_rule = 3,
			  .rule = {
				{ .match = { MARK(0x4000, 0x4000) }, .n_match = 1, .verdict = NFT_DO_RETURN,
				  .comment = "why" },
				{ .match = { NOT_FROM("10.5.0.0/16"), TO("10.5.63.128/25") }, .n_match = 2,
				  .verdict = NFT_DO_RETURN },
				{ .match = { FROM("10.0.0.0/13"), NOT_TO("224.0.0.0/4") }, .n_match = 2,
				  .counter = true, .verdict = NFT_DO_MASQUERADE, .fully_random = true },
			  } },
			{ .name = "forw", .type = "filter", .hook = NF_INET_FORWARD, .n_rule = 2,
			  .rule = {
				{ .match = { TO("10.5.63.1/32") }, .n_match = 1, .verdict = NFT_DO_ACCEPT },
				{ .verdict = NFT_DO_ACCEPT },
			  } },
		},
	};
}

static struct nft_table table6(void)
{
	return (struct nft_table){
		.family = NFPROTO_IPV6,
		.name = "t6",
		.n_chain = 2,
		.chain = {
			{ .name = "post", .type = "nat", .hook = NF_INET_POST_ROUTING, .prio = 100, .n_rule = 2,
			  .rule = {
				{ .match = { FROM("fd00:7::/48"), NOT_TO("ff00::/8") }, .n_match = 2,
				  .verdict = NFT_DO_MASQUERADE },
				{ .match = { NOT_FROM("fd00:7::/33"), TO("fd00:7::1/128") }, .n_match = 2,
				  .verdict = NFT_DO_MASQUERADE, .fully_random = true },
			  } },
			{ .name = "unhooked", .n_rule = 1, .rule = { { .verdict = NFT_DO_RETURN } } },
		},
	};
}

/* Pure. */

static void formats_rules(void **state)
{
	static const char *const want[] = {
		"meta mark & 0x00004000 == 0x00004000 return comment \"why\"",
		"ip saddr != 10.5.0.0/16 ip daddr 10.5.63.128/25 return",
		"ip saddr 10.0.0.0/13 ip daddr != 224.0.0.0/4 counter masquerade fully-random",
	};
	struct nft_table t = table4();
	char text[256], cut[10];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(nft_rule_format(NFPROTO_IPV4, &t.chain[0].rule[i], text, sizeof text),
				    want[i]);
	assert_string_equal(nft_rule_format(NFPROTO_IPV4, &t.chain[0].rule[0], cut, sizeof cut), "meta mark");
}

static void reads_what_it_builds(void **state)
{
	struct nft_table tables[] = { table4(), table6() };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(tables); k++) {
		struct nft_table *t = &tables[k];

		for (unsigned c = 0; c < t->n_chain; c++) {
			for (unsigned i = 0; i < t->chain[c].n_rule; i++) {
				struct nft_rule *r = &t->chain[c].rule[i], back;
				struct nftnl_rule *nr = nft_rule_build(t->family, t->name, "c", r);

				assert_non_null(nr);
				assert_true(nft_rule_read(t->family, nr, &back));
				nftnl_rule_free(nr);
				assert_true(nft_rule_equal(r, &back));
				back.counter = !back.counter;
				assert_false(nft_rule_equal(r, &back));
			}
		}
	}
}

static void tells_rules_apart(void **state)
{
	const struct nft_rule a = { .match = { FROM("10.5.0.0/16") },
				    .n_match = 1,
				    .verdict = NFT_DO_MASQUERADE };
	const struct nft_rule others[] = {
		{ .match = { FROM("10.5.0.0/17") }, .n_match = 1, .verdict = NFT_DO_MASQUERADE },
		{ .match = { TO("10.5.0.0/16") }, .n_match = 1, .verdict = NFT_DO_MASQUERADE },
		{ .match = { NOT_FROM("10.5.0.0/16") }, .n_match = 1, .verdict = NFT_DO_MASQUERADE },
		{ .match = { FROM("10.5.0.0/16") }, .n_match = 1, .verdict = NFT_DO_RETURN },
		{ .match = { FROM("10.5.0.0/16") },
		  .n_match = 1,
		  .verdict = NFT_DO_MASQUERADE,
		  .fully_random = true },
		{ .match = { FROM("10.5.0.0/16") },
		  .n_match = 1,
		  .verdict = NFT_DO_MASQUERADE,
		  .comment = "c" },
		{ .n_match = 0, .verdict = NFT_DO_MASQUERADE },
	};
	const struct nft_rule mark = { .match = { MARK(1, 1) }, .n_match = 1, .verdict = NFT_DO_ACCEPT };
	const struct nft_rule mark2 = { .match = { MARK(1, 3) }, .n_match = 1, .verdict = NFT_DO_ACCEPT };

	(void)state;
	assert_true(nft_rule_equal(&a, &a));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(nft_rule_equal(&a, &others[i]));
	assert_false(nft_rule_equal(&mark, &mark2));
}

/* In the kernel. */

static void nft(const char *const *argv, struct buf *out)
{
	struct err e = { 0 };

	if (proc_run(&(struct proc){ .argv = argv, .output = out, .timeout_ms = 10000 }, NULL, &e) < 0)
		fail_msg("%s", e.text);
}
#define NFT(out, ...) nft((const char *const[]){ "nft", __VA_ARGS__, NULL }, out)

static void install(struct nft *n, const struct nft_table *t)
{
	struct err e = { 0 };

	nft_put_table(n, t);
	if (nft_commit(n, &e) < 0)
		fail_msg("%s", e.text);
}

static bool same(struct nft *n, const struct nft_table *t)
{
	struct err e = { 0 };
	bool ret = false;

	if (nft_table_check(n, t, &ret, &e) < 0)
		fail_msg("%s", e.text);
	return ret;
}

static void writes_what_nft_lists(void **state)
{
	static const char want4[] =
		"table ip t4 {\n"
		"\tcomment \"a table\"\n"
		"\tchain post {\n"
		"\t\tcomment \"a chain\"\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\tmeta mark & 0x00004000 == 0x00004000 return comment \"why\"\n"
		"\t\tip saddr != 10.5.0.0/16 ip daddr 10.5.63.128/25 return\n"
		"\t\tip saddr 10.0.0.0/13 ip daddr != 224.0.0.0/4 counter masquerade fully-random\n"
		"\t}\n"
		"\n"
		"\tchain forw {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\tip daddr 10.5.63.1 accept\n"
		"\t\taccept\n"
		"\t}\n"
		"}\n";
	static const char want6[] =
		"table ip6 t6 {\n"
		"\tchain post {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\tip6 saddr fd00:7::/48 ip6 daddr != ff00::/8 masquerade\n"
		"\t\tip6 saddr != fd00:7::/33 ip6 daddr fd00:7::1 masquerade fully-random\n"
		"\t}\n"
		"\n"
		"\tchain unhooked {\n"
		"\t\treturn\n"
		"\t}\n"
		"}\n";
	CLEANUP(buf_done) struct buf out = { .max = 65536 };
	struct nft *n = *state;
	struct nft_table a = table4(), b = table6();
	struct err e = { 0 };

	/* both in one transaction, then once more over the first */
	nft_put_table(n, &a);
	nft_put_table(n, &b);
	assert_int_equal(nft_commit(n, &e), 0);
	install(n, &a);
	NFT(&out, "-s", "list", "table", "ip", "t4");
	assert_string_equal(buf_str(&out), want4);
	buf_clear(&out);
	NFT(&out, "-s", "list", "table", "ip6", "t6");
	assert_string_equal(buf_str(&out), want6);
	buf_clear(&out);
	NFT(&out, "-j", "list", "ruleset"); /* nft can say all of it in JSON too */
	assert_non_null(strstr(out.p, "{\"masquerade\": {\"flags\": \"fully-random\"}}"));
	assert_true(same(n, &a));
	assert_true(same(n, &b));
}

static void refuses_as_a_whole(void **state)
{
	struct nft *n = *state;
	struct nft_table good = table4(), bad = table4();
	struct err e = { 0 };

	install(n, &good);
	/* a chain type and hook that do not go together: the last object fails */
	bad.chain[0].n_rule = 1;
	bad.chain[1].type = "nat";
	assert_true(nft_commit(n, &e) == 0); /* nothing queued */
	nft_put_table(n, &bad);
	assert_int_equal(nft_commit(n, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "adding chain forw to nftables table ip t4: Operation not supported"));
	assert_true(same(n, &good));

	/* masquerade outside of a nat chain */
	bad = table4();
	bad.chain[1].rule[1].verdict = NFT_DO_MASQUERADE;
	nft_put_table(n, &bad);
	assert_true(nft_commit(n, &e) < 0);
	assert_non_null(strstr(e.text, "rule \"masquerade\" of chain forw in nftables table ip t4"));
	assert_true(same(n, &good));

	/* what cannot be written is refused before anything is sent */
	bad = table4();
	bad.chain[0].rule[1].match[0].net = net("fd00::/8");
	nft_put_table(n, &bad);
	assert_int_equal(nft_commit(n, &e), -EINVAL);
	assert_non_null(strstr(e.text, "fd00::/8 is of another family than the rule's table"));
	bad.chain[0].rule[1].match[0].net = net("10.5.0.1/16");
	nft_put_table(n, &bad);
	assert_int_equal(nft_commit(n, &e), -EINVAL);
	assert_true(same(n, &good));
	nft_put_table(n, &good); /* and the failure is forgotten */
	assert_int_equal(nft_commit(n, &e), 0);
}

static void sees_every_change(void **state)
{
	static const char *const changes[][10] = {
		{ "nft", "flush", "chain", "ip", "t4", "forw" },
		{ "nft", "add", "rule", "ip", "t4", "post", "drop" },
		{ "nft", "insert", "rule", "ip", "t4", "post", "ip saddr 10.5.0.0/16 tcp dport 80 accept" },
		{ "nft", "add", "chain", "ip", "t4", "another" },
		{ "nft", "add", "chain", "ip", "t4", "forw", "{ policy drop; }" },
		{ "nft", "add", "table", "ip", "t4", "{ flags dormant; }" },
		{ "nft", "delete", "table", "ip", "t4" },
		{ "nft", "flush", "ruleset" },
	};
	CLEANUP(buf_done) struct buf out = { .max = 65536 };
	struct nft *n = *state;
	struct nft_table t = table4();
	char number[16];
	const char *handle;

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		install(n, &t);
		assert_true(same(n, &t));
		nft(changes[i], NULL);
		if (same(n, &t))
			fail_msg("not noticed: %s %s %s", changes[i][1], changes[i][2], changes[i][5] ?: "");
	}
	install(n, &t);
	assert_true(same(n, &t));
	NFT(&out, "-a", "list", "chain", "ip", "t4", "forw");
	handle = strrchr(out.p, '#');
	assert_true(handle && sscanf(handle, "# handle %15[0-9]", number) == 1);
	NFT(NULL, "delete", "rule", "ip", "t4", "forw", "handle", number);
	assert_false(same(n, &t));
	install(n, &t);
	t.chain[0].rule[2].fully_random = false;
	assert_false(same(n, &t));
	/* objects of others do not matter */
	t = table4();
	NFT(NULL, "add", "table", "ip", "t5");
	NFT(NULL, "add", "table", "ip6", "t4");
	NFT(NULL, "add", "chain", "ip6", "t4", "x");
	assert_true(same(n, &t));
}

struct heard {
	unsigned n, own;
	uint32_t portid;
	char table[64];
};

static int hear(void *ctx, const struct monitor_event *ev)
{
	struct heard *h = ctx;

	assert_int_equal(ev->kind, MONITOR_NFT);
	h->n++;
	h->own += ev->portid == h->portid;
	snprintf(h->table, sizeof h->table, "%s", ev->nft.table);
	return 0;
}

static void hears_of_changes(void **state)
{
	CLEANUP(monitor_closep) struct monitor *m = NULL;
	struct nft *n = *state;
	struct nft_table t = table4();
	struct heard h = { .portid = nft_portid(n) };
	struct err e = { 0 };
	struct pollfd p = { .events = POLLIN };

	assert_int_equal(monitor_open_nft(&m, &e), 0);
	p.fd = monitor_fd(m);
	install(n, &t);
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(monitor_dispatch(m, hear, &h), 0);
	assert_true(h.n > 5);
	assert_int_equal(h.own, h.n);
	h.n = h.own = 0;
	NFT(NULL, "flush", "chain", "ip", "t4", "post");
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(monitor_dispatch(m, hear, &h), 0);
	assert_true(h.n >= 3);
	assert_int_equal(h.own, 0);
	assert_string_equal(h.table, "t4");
}

static int note_table(void *ctx, uint8_t family, const char *name)
{
	*(bool *)ctx |= family == NFPROTO_IPV4 && strcmp(name, "t4") == 0;
	return 0;
}

static void deletes_tables(void **state)
{
	struct nft *n = *state;
	struct nft_table t = table4();
	struct err e = { 0 };
	bool there = false;

	install(n, &t);
	assert_int_equal(nft_list_tables(n, NFPROTO_UNSPEC, note_table, &there, &e), 0);
	assert_true(there);
	for (int i = 0; i < 2; i++) { /* absent is fine */
		nft_put_table_del(n, NFPROTO_IPV4, "t4");
		assert_int_equal(nft_commit(n, &e), 0);
	}
	there = false;
	assert_int_equal(nft_list_tables(n, NFPROTO_IPV4, note_table, &there, &e), 0);
	assert_false(there);
}

static void removes_grafts_and_nothing_else(void **state)
{
	static const struct nft_graft g = { NFPROTO_IPV4, "nat", "POST", "OURS", "our comment" };
	CLEANUP(buf_done) struct buf before = { .max = 65536 };
	CLEANUP(buf_done) struct buf after = { .max = 65536 };
	struct nft *n = *state;
	struct err e = { 0 };

	assert_int_equal(nft_put_graft_del(n, &g, &e), 0); /* not even the table is there */
	NFT(NULL, "add table ip nat; add chain ip nat POST { type nat hook postrouting priority 100; };"
		  "add chain ip nat OTHER; add rule ip nat POST counter jump OTHER;"
		  "add rule ip nat OTHER ip saddr 10.0.0.0/8 return comment \"our comment\";"
		  "add table ip filter; add chain ip filter OURS; add rule ip filter OURS accept");
	NFT(&before, "list", "ruleset");
	NFT(NULL, "add chain ip nat OURS; add rule ip nat OURS masquerade; add rule ip nat OURS return;"
		  "insert rule ip nat POST jump OURS; add rule ip nat POST ip saddr 10.0.0.0/8 jump OURS;"
		  "add rule ip nat POST ip saddr 10.0.0.0/8 accept comment \"our comment\"");
	assert_int_equal(nft_put_graft_del(n, &g, &e), 1);
	assert_int_equal(nft_commit(n, &e), 0);
	NFT(&after, "list", "ruleset");
	assert_string_equal(after.p, before.p);
	assert_int_equal(nft_put_graft_del(n, &g, &e), 0);

	/* a rule of somebody else leads to the chain: it is emptied and stays */
	NFT(NULL, "add chain ip nat OURS; add rule ip nat OURS masquerade; add rule ip nat OTHER jump OURS");
	assert_int_equal(nft_put_graft_del(n, &g, &e), 1);
	assert_int_equal(nft_commit(n, &e), 0);
	buf_clear(&after);
	NFT(&after, "list", "chain", "ip", "nat", "OURS");
	assert_null(strstr(after.p, "masquerade"));

	/* a rule that vanishes in between spoils the transaction, not the table */
	NFT(NULL, "add rule ip nat POST jump OURS");
	assert_int_equal(nft_put_graft_del(n, &g, &e), 1);
	NFT(NULL, "flush chain ip nat POST");
	assert_int_equal(nft_commit(n, &e), -ENOENT);
	assert_non_null(strstr(e.text, "removing a rule of chain POST in nftables table ip nat"));
}

static int try_unprivileged(void)
{
	struct nft_table t = table4();
	struct nft *n = NULL;
	struct err e = { 0 };
	bool told;

	if (setresuid(65534, 65534, 65534) < 0 || nft_open(&n, &e) < 0)
		return 2;
	nft_put_table(n, &t);
	told = nft_commit(n, &e) == -EPERM && strstr(e.text, "Operation not permitted");
	nft_close(n);
	return told ? 0 : 3;
}

/* The kernel answers for the batch as a whole: no request of it gets an answer of its own. */
static void hears_that_it_may_not(void **state)
{
	int64_t start = loop_now_ms();
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(try_unprivileged());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(loop_now_ms() - start < 5000); /* not by running into the deadline */
}

static int setup(void **state)
{
	static struct nft *n;
	struct err e = { 0 };

	if (nft_open(&n, &e) < 0)
		fail_msg("%s", e.text);
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	nft_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(formats_rules),
		cmocka_unit_test(reads_what_it_builds),
		cmocka_unit_test(tells_rules_apart),
	};
	const struct CMUnitTest kernel[] = {
		cmocka_unit_test(writes_what_nft_lists), cmocka_unit_test(refuses_as_a_whole),
		cmocka_unit_test(sees_every_change),     cmocka_unit_test(hears_of_changes),
		cmocka_unit_test(deletes_tables),        cmocka_unit_test(removes_grafts_and_nothing_else),
		cmocka_unit_test(hears_that_it_may_not),
	};
	int r = cmocka_run_group_tests(pure, NULL, NULL);

	if (r != 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: a network namespace cannot be made here: %s\n", strerror(errno));
		return 77;
	}
	if (RUN(NULL, "nft", "--version") < 0) {
		printf("skipped: nft does not run here\n");
		return 77;
	}
	return cmocka_run_group_tests(kernel, setup, teardown);
}
