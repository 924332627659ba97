#include "flannel/masq.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <linux/netfilter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct ipnet net(const char *s)
{
	struct ipnet n;

	if (ipnet_parse(AF_UNSPEC, s, &n) < 0)
		fail_msg("%s", s);
	return n;
}

static void assert_rules(const struct nft_table *t, unsigned chain, const char *const *want)
{
	const struct nft_chain *c = &t->chain[chain];
	char text[256];
	unsigned n = 0;

	for (; want[n]; n++) {
		assert_true(n < c->n_rule);
		assert_string_equal(nft_rule_format(t->family, &c->rule[n], text, sizeof text), want[n]);
	}
	assert_int_equal(c->n_rule, n);
}

static void plans_the_rules_of_iptables_mode(void **state)
{
	static const char *const postrtg4[] = {
		"meta mark & 0x00004000 == 0x00004000 return comment \"flanneld masq\"",
		"ip saddr 10.5.63.0/24 ip daddr 10.5.0.0/16 return comment \"flanneld masq\"",
		"ip saddr 10.5.0.0/16 ip daddr 10.5.63.0/24 return comment \"flanneld masq\"",
		"ip saddr != 10.5.0.0/16 ip daddr 10.5.63.0/24 return comment \"flanneld masq\"",
		"ip saddr 10.5.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random comment \"flanneld masq\"",
		"ip saddr != 10.5.0.0/16 ip daddr 10.5.0.0/16 masquerade fully-random comment \"flanneld masq\"",
		NULL,
	};
	static const char *const forward4[] = {
		"ip saddr 10.5.0.0/16 accept comment \"flanneld forward\"",
		"ip daddr 10.5.0.0/16 accept comment \"flanneld forward\"",
		NULL,
	};
	static const char *const postrtg6[] = {
		"meta mark & 0x00004000 == 0x00004000 return comment \"flanneld masq\"",
		"ip6 saddr fd00:7:0:63::/64 ip6 daddr fd00:7::/48 return comment \"flanneld masq\"",
		"ip6 saddr fd00:7::/48 ip6 daddr fd00:7:0:63::/64 return comment \"flanneld masq\"",
		"ip6 saddr != fd00:7::/48 ip6 daddr fd00:7:0:63::/64 return comment \"flanneld masq\"",
		"ip6 saddr fd00:7::/48 ip6 daddr != ff00::/8 masquerade fully-random comment \"flanneld masq\"",
		"ip6 saddr != fd00:7::/48 ip6 daddr fd00:7::/48 masquerade fully-random comment \"flanneld masq\"",
		NULL,
	};
	struct masq_config c = {
		/* as the env file has them: with host bits */
		.network = net("10.5.0.0/16"),
		.subnet = net("10.5.63.1/24"),
		.network6 = net("fd00:7::/48"),
		.subnet6 = net("fd00:7:0:63::1/64"),
		.ip_masq = true,
		.forward = true,
		.random_fully = true,
	};
	struct masq_plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(masq_plan(&c, &p, &e), 0);
	assert_int_equal(p.n_table, 2);
	assert_int_equal(p.n_absent, 0);
	assert_string_equal(p.table[0].name, "flannel-ipv4");
	assert_string_equal(p.table[1].name, "flannel-ipv6");
	assert_string_equal(p.table[0].chain[0].name, "postrtg");
	assert_string_equal(p.table[0].chain[0].type, "nat");
	assert_int_equal(p.table[0].chain[0].hook, NF_INET_POST_ROUTING);
	assert_int_equal(p.table[0].chain[0].prio, 100);
	assert_string_equal(p.table[0].chain[1].name, "forward");
	assert_string_equal(p.table[0].chain[1].type, "filter");
	assert_int_equal(p.table[0].chain[1].hook, NF_INET_FORWARD);
	assert_rules(&p.table[0], 0, postrtg4);
	assert_rules(&p.table[0], 1, forward4);
	assert_rules(&p.table[1], 0, postrtg6);
}

static void follows_the_switches(void **state)
{
	static const struct {
		bool v4, v6, masq, forward;
		unsigned tables, absent, chains; /* of the first table */
		const char *first;
	} cases[] = {
		{ true, false, true, true, 1, 1, 2, "postrtg" },
		{ true, false, false, true, 1, 1, 1, "forward" },
		{ true, false, true, false, 1, 1, 1, "postrtg" },
		{ true, true, false, false, 0, 2, 0, NULL },
		{ false, true, true, true, 1, 1, 2, "postrtg" },
		{ false, false, true, true, 0, 2, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct masq_config c = { .ip_masq = cases[i].masq, .forward = cases[i].forward };
		struct masq_plan p;

		if (cases[i].v4) {
			c.network = net("10.5.0.0/16");
			c.subnet = net("10.5.63.0/24");
		}
		if (cases[i].v6) {
			c.network6 = net("fd00:7::/48");
			c.subnet6 = net("fd00:7:0:63::/64");
		}
		assert_int_equal(masq_plan(&c, &p, NULL), 0);
		assert_int_equal(p.n_table, cases[i].tables);
		assert_int_equal(p.n_absent, cases[i].absent);
		if (!p.n_table)
			continue;
		assert_int_equal(p.table[0].n_chain, cases[i].chains);
		assert_string_equal(p.table[0].chain[0].name, cases[i].first);
		assert_false(p.table[0].chain[0].rule[4].fully_random);
	}
}

static void refuses_what_makes_no_rules(void **state)
{
	static const struct {
		const char *network, *subnet, *why;
	} cases[] = {
		{ "10.5.0.0/16", "10.6.1.0/24", "subnet 10.6.1.0/24 is not part of network 10.5.0.0/16" },
		{ "10.5.0.0/16", "10.0.0.0/8", "subnet 10.0.0.0/8 is not part of network 10.5.0.0/16" },
		{ "0.0.0.0/0", "10.5.1.0/24", "no rules can be made for network 0.0.0.0/0" },
		{ "fd00::/48", "fd00::/64", "no rules can be made for network fd00::/48" },
		{ "10.5.0.0/16", "fd00::/64", "subnet fd00::/64 is not part of network 10.5.0.0/16" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct masq_config c = { .network = net(cases[i].network), .subnet = net(cases[i].subnet) };
		struct masq_plan p = { .n_table = 42 };
		struct err e = { 0 };

		assert_int_equal(masq_plan(&c, &p, &e), -EINVAL);
		assert_string_equal(e.text, cases[i].why);
		assert_int_equal(p.n_table, 42);
	}
}

static void names_instances(void **state)
{
	static const struct {
		const char *prefix, *file;
		bool is_default;
	} cases[] = {
		{ NULL, NULL, true },
		{ "", "", true },
		{ "/coreos.com/network", "/run/flannel/subnet.env", true },
		{ "coreos.com/network/", "/run//flannel/subnet.env", true },
		{ "/coreos.com/network2", NULL, false },
		{ "/coreos.com/network", "/run/flannel/other.env", false },
		{ "/coreos.com", "/network/run/flannel/subnet.env", false },
	};
	char name[MASQ_INSTANCE_LEN], again[MASQ_INSTANCE_LEN], seen[ARRAY_SIZE(cases)][MASQ_INSTANCE_LEN];
	struct masq_config c = { .network = net("10.5.0.0/16"),
				 .subnet = net("10.5.1.0/24"),
				 .forward = true };
	struct masq_plan p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		masq_instance(cases[i].prefix, cases[i].file, name);
		masq_instance(cases[i].prefix, cases[i].file, again);
		assert_string_equal(name, again);
		assert_int_equal(name[0] == '\0', cases[i].is_default);
		memcpy(seen[i], name, sizeof name);
		for (size_t k = 0; k < i && !cases[i].is_default; k++)
			assert_string_not_equal(seen[i], seen[k]);
	}
	/* part of an installation's state: it must stay what it is */
	masq_instance("/second", "/run/flannel/second.env", c.instance);
	assert_string_equal(c.instance, "98f7933d");
	assert_int_equal(masq_plan(&c, &p, NULL), 0);
	assert_string_equal(p.table[0].name, "flannel-ipv4-98f7933d");
	assert_string_equal(p.absent[0].name, "flannel-ipv6-98f7933d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_the_rules_of_iptables_mode),
		cmocka_unit_test(follows_the_switches),
		cmocka_unit_test(refuses_what_makes_no_rules),
		cmocka_unit_test(names_instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
