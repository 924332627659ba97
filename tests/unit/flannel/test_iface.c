#include "flannel/iface.h"

#include <linux/if_addr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"

static struct nl_link links[] = {
	{ .ifindex = 1, .name = "lo", .mtu = 65536 },
	{ .ifindex = 2, .name = "eth0", .mtu = 1500 },
	{ .ifindex = 3, .name = "eth1", .mtu = 9000 },
	{ .ifindex = 4, .name = "broken", .mtu = 0 },
};

static const struct {
	int ifindex;
	const char *addr;
	uint32_t flags;
} addr_texts[] = {
	{ 1, "127.0.0.1/8", IFA_F_PERMANENT },    { 1, "::1/128", IFA_F_PERMANENT },
	{ 2, "169.254.7.7/16", IFA_F_PERMANENT }, { 2, "10.0.2.15/24", 0 },
	{ 2, "10.0.2.16/24", IFA_F_PERMANENT },   { 2, "10.0.2.17/24", IFA_F_PERMANENT },
	{ 2, "fe80::2/64", IFA_F_PERMANENT },     { 2, "fd02::bad/64", IFA_F_PERMANENT | IFA_F_DEPRECATED },
	{ 2, "fd02::7e/64", IFA_F_TEMPORARY },    { 2, "fd02::2/64", 0 },
	{ 3, "192.168.7.3/24", IFA_F_PERMANENT }, { 3, "fd03::3/64", IFA_F_PERMANENT },
	{ 4, "10.99.0.1/24", IFA_F_PERMANENT },
};
static struct nl_addr addrs[ARRAY_SIZE(addr_texts)];

static struct nl_route defaults[] = {
	{ .dst = { .addr = { .family = AF_INET } }, .oif = 3, .metric = 200, .type = RTN_UNICAST },
	{ .dst = { .addr = { .family = AF_INET } }, .oif = 2, .metric = 100, .type = RTN_UNICAST },
	{ .dst = { .addr = { .family = AF_INET6 } }, .oif = 3, .metric = 1024, .type = RTN_UNICAST },
};

enum { V4 = 1, V6 = 2 };

static const struct {
	unsigned stack;
	const char *name, *name2, *regex, *reach, *pub, *pub6;
	size_t n_defaults;
	/* "iface addr addr6 ext ext6" with - for none, or a part of the error */
	const char *want;
	const char *reason; /* a part */
} cases[] = {
	{ V4, .n_defaults = 2, .want = "eth0 10.0.2.16 - 10.0.2.16 -", .reason = "default route" },
	{ V6, .n_defaults = 3, .want = "eth1 - fd03::3 - fd03::3", .reason = "default route" },
	{ V4, .n_defaults = 1, .want = "eth1 192.168.7.3 - 192.168.7.3 -", .reason = "default route" },
	{ V4, .want = "Failed to find any valid interface to use: unable to find default route" },
	{ V4 | V6, .n_defaults = 3, .want = "v4 default route is on eth0, v6 default route on eth1" },
	{ V4, .name = "eth1", .want = "eth1 192.168.7.3 - 192.168.7.3 -", .reason = "--iface=eth1" },
	{ V4, .name = "10.0.2.15", .want = "eth0 10.0.2.15 - 10.0.2.15 -", .reason = "--iface=10.0.2.15" },
	{ V4, .name = "eth9", .name2 = "eth0", .want = "eth0 10.0.2.16 - 10.0.2.16 -",
	  .reason = "--iface=eth0" },
	{ V4, .name = "eth9",
	  .want = "Failed to find interface to use that matches the interfaces and/or regexes provided: "
		  "Could not find valid interface matching eth9: no such interface" },
	{ V4, .name = "10.1.1.1", .want = "no interface with address 10.1.1.1 found" },
	{ V4, .name = "fd02::2", .want = "family that the network does not use" },
	{ V6, .name = "fd02::2", .want = "eth0 - fd02::2 - fd02::2" },
	{ V6, .name = "eth0", .want = "eth0 - fd02::2 - fd02::2" },
	{ V4 | V6, .name = "eth0", .want = "eth0 10.0.2.16 fd02::2 10.0.2.16 fd02::2" },
	{ V4 | V6, .name = "192.168.7.3", .pub6 = "fd03::3",
	  .want = "eth1 192.168.7.3 fd03::3 192.168.7.3 fd03::3" },
	{ V4 | V6, .name = "192.168.7.3", .pub6 = "fd02::2",
	  .want = "192.168.7.3 is on eth1, but fd02::2 is on eth0" },
	{ V4, .name = "lo", .want = "failed to find IPv4 address for interface lo" },
	{ V4, .name = "broken", .want = "failed to determine MTU for interface broken" },
	{ V4, .regex = "^192\\.168\\.", .want = "eth1 192.168.7.3 - 192.168.7.3 -",
	  .reason = "--iface-regex" },
	{ V4, .regex = "eth\\d", .want = "eth0 10.0.2.16 - 10.0.2.16 -" },
	{ V4, .regex = "(?:eth|en)[\\d]$", .want = "eth0 10.0.2.16 - 10.0.2.16 -" },
	{ V4, .regex = "1$", .want = "broken" },
	{ V4, .regex = "10.0.2.1[57]", .want = "eth0 10.0.2.15 - 10.0.2.15 -" },
	{ V4 | V6, .regex = "\\.7\\.3|fd03", .want = "eth1 192.168.7.3 fd03::3 192.168.7.3 fd03::3" },
	{ V4, .regex = "wlan",
	  .want = "could not match pattern wlan to any of the available network interfaces "
		  "(lo:[127.0.0.1 ::1], eth0:[" },
	{ V4, .regex = "(", .want = "pattern \"(\"" },
	{ V4, .regex = "(?i)eth", .want = "\"(?i\" is not supported" },
	{ V4, .regex = "\\p{L}", .want = "escape \"\\p\" is not supported" },
	{ V4, .reach = "192.168.7.200", .want = "eth1 192.168.7.3 - 192.168.7.3 -",
	  .reason = "--iface-can-reach=192.168.7.200" },
	{ V4, .reach = "somewhere", .want = "\"somewhere\" is not an IP address" },
	{ V4, .name = "eth9", .reach = "192.168.7.200", .want = "eth1 192.168.7.3 - 192.168.7.3 -" },
	{ V4, .pub = "192.168.7.3", .n_defaults = 2, .want = "eth1 192.168.7.3 - 192.168.7.3 -",
	  .reason = "address 192.168.7.3 of --public-ip" },
	/* Behind a NAT no interface has it, and the default route decides. */
	{ V4, .pub = "1.2.3.4", .n_defaults = 2, .want = "eth0 10.0.2.16 - 1.2.3.4 -",
	  .reason = "no interface has the address 1.2.3.4" },
	{ V4, .pub = "1.2.3.4", .name = "eth1", .want = "eth1 192.168.7.3 - 1.2.3.4 -" },
	{ V4, .pub = "1.2.3", .name = "eth1", .want = "invalid public IP address: 1.2.3" },
	{ V6, .pub6 = "10.0.0.1", .name = "eth1", .want = "invalid public IPv6 address: 10.0.0.1" },
	{ V6, .pub6 = "2001:db8::9", .n_defaults = 3, .want = "eth1 - fd03::3 - 2001:db8::9" },
};

static const char *show(const struct ipaddr *a, char buf[IPADDR_STRLEN])
{
	return ipaddr_is_set(a) ? ipaddr_format(a, buf) : "-";
}

static void test_choose(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *names[] = { cases[i].name, cases[i].name2 };
		const struct iface_options o = {
			.v4 = cases[i].stack & V4,
			.v6 = cases[i].stack & V6,
			.names = names,
			.n_names = cases[i].name2  ? 2
				   : cases[i].name ? 1
						   : 0,
			.regexes = &cases[i].regex,
			.n_regexes = cases[i].regex ? 1 : 0,
			.can_reach = cases[i].reach,
			.public_ip = cases[i].pub,
			.public_ip6 = cases[i].pub6,
		};
		struct iface_snapshot s = {
			.links = links,
			.n_links = ARRAY_SIZE(links),
			.addrs = addrs,
			.n_addrs = ARRAY_SIZE(addrs),
			.defaults = defaults,
			.n_defaults = cases[i].n_defaults,
			.reach = { .oif = 3 },
		};
		char got[sizeof(((struct err *)0)->text)], b[4][IPADDR_STRLEN];
		struct iface_choice c = { 0 };
		struct err e = { 0 };

		assert_int_equal(ipaddr_parse(AF_INET, "192.168.7.3", &s.reach.prefsrc), 0);
		if (iface_choose(&s, &o, &c, &e) == 0)
			(void)snprintf(got, sizeof(got), "%s %s %s %s %s", c.name, show(&c.addr, b[0]),
				       show(&c.addr6, b[1]), show(&c.ext, b[2]), show(&c.ext6, b[3]));
		else
			(void)snprintf(got, sizeof(got), "%s", e.text);
		if (!strstr(got, cases[i].want))
			fail_msg("case %zu: got \"%s\", want \"%s\"", i, got, cases[i].want);
		if (cases[i].reason && !strstr(c.reason, cases[i].reason))
			fail_msg("case %zu: reason \"%s\", want \"%s\"", i, c.reason, cases[i].reason);
	}
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addr_texts); i++) {
		addrs[i].ifindex = addr_texts[i].ifindex;
		addrs[i].flags = addr_texts[i].flags;
		assert_int_equal(ipnet_parse(AF_UNSPEC, addr_texts[i].addr, &addrs[i].local), 0);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(test_choose, setup) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
