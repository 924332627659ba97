#include "base/ip.h"
#include "base/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	if (ipaddr_parse(AF_UNSPEC, s, &a) < 0)
		fail_msg("%s is not an address", s);
	return a;
}

static struct ipnet net(const char *s)
{
	struct ipnet n;

	if (ipnet_parse(AF_UNSPEC, s, &n) < 0)
		fail_msg("%s is not a prefix", s);
	return n;
}

static void parses_addresses(void **state)
{
	static const struct {
		int family;
		const char *in, *out; /* NULL = refused */
	} cases[] = {
		{ AF_UNSPEC, "10.5.0.1", "10.5.0.1" },
		{ AF_INET, "255.255.255.255", "255.255.255.255" },
		{ AF_INET6, "10.5.0.1", NULL },
		{ AF_INET, "::1", NULL },
		{ AF_UNSPEC, "FD00:0:0::00A", "fd00::a" },
		{ AF_UNSPEC, "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
		{ AF_UNSPEC, "", NULL },
		{ AF_UNSPEC, "10.5.0", NULL },
		{ AF_UNSPEC, "10.5.0.256", NULL },
		{ AF_UNSPEC, "010.5.0.1", NULL },
		{ AF_UNSPEC, "10.5.0.1 ", NULL },
		{ AF_UNSPEC, "10.5.0.1/24", NULL },
		{ AF_UNSPEC, "fe80::1%eth0", NULL },
		{ AF_UNIX, "10.5.0.1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipaddr a;
		int r;

		memset(&a, 0xaa, sizeof a);
		r = ipaddr_parse(cases[i].family, cases[i].in, &a);
		if (!cases[i].out) {
			assert_int_equal(r, -EINVAL);
			assert_int_equal(a.family, 0xaa); /* untouched on failure */
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(IPADDR_STR(&a), cases[i].out);
	}
}

static void parses_prefixes(void **state)
{
	static const struct {
		int family;
		const char *in, *out, *masked, *last;
	} cases[] = {
		{ AF_UNSPEC, "10.5.63.7/24", "10.5.63.7/24", "10.5.63.0/24", "10.5.63.255" },
		{ AF_UNSPEC, "10.5.63.7/32", "10.5.63.7/32", "10.5.63.7/32", "10.5.63.7" },
		{ AF_UNSPEC, "10.5.63.7/0", "10.5.63.7/0", "0.0.0.0/0", "255.255.255.255" },
		{ AF_UNSPEC, "10.5.63.7/13", "10.5.63.7/13", "10.0.0.0/13", "10.7.255.255" },
		{ AF_UNSPEC, "fd00:7::1/48", "fd00:7::1/48", "fd00:7::/48",
		  "fd00:7:0:ffff:ffff:ffff:ffff:ffff" },
		{ AF_UNSPEC, "fd00::1/0", "fd00::1/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ AF_UNSPEC, "fd00::1/128", "fd00::1/128", "fd00::1/128", "fd00::1" },
		{ AF_UNSPEC, "10.5.63.7/33", NULL, NULL, NULL },
		{ AF_UNSPEC, "fd00::/129", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0/", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0/-1", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0/+8", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0/08", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0/8x", NULL, NULL, NULL },
		{ AF_UNSPEC, "10.5.0.0/4294967304", NULL, NULL, NULL },
		{ AF_UNSPEC, "/24", NULL, NULL, NULL },
		{ AF_INET6, "10.5.0.0/16", NULL, NULL, NULL },
		{ AF_UNSPEC, "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipnet n, m;
		struct ipaddr last;
		int r = ipnet_parse(cases[i].family, cases[i].in, &n);

		if (!cases[i].out) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(IPNET_STR(&n), cases[i].out);
		m = ipnet_masked(&n);
		assert_string_equal(IPNET_STR(&m), cases[i].masked);
		last = ipnet_last(&n);
		assert_string_equal(IPADDR_STR(&last), cases[i].last);
	}
}

static void parses_hardware_addresses(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "ce:c3:01:02:0a:FF", "ce:c3:01:02:0a:ff" },
		{ "CE-C3-01-02-0A-FF", "ce:c3:01:02:0a:ff" },
		{ "ce:c3:01:02:0a", NULL },
		{ "ce:c3:01:02:0a:ff:00", NULL },
		{ "ce:c3-01:02:0a:ff", NULL },
		{ "cec301020aff", NULL },
		{ "ce:c3:01:02:0a:f", NULL },
		{ "ce:c3:01:02:0a:fg", NULL },
		{ " ce:c3:01:02:0a:ff", NULL },
		{ "", NULL },
	};
	struct hwaddr h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = hwaddr_parse(cases[i].in, &h);

		assert_int_equal(r, cases[i].out ? 0 : -EINVAL);
		if (r == 0)
			assert_string_equal(HWADDR_STR(&h), cases[i].out);
	}
	assert_int_equal(hwaddr_parse("00:00:00:00:00:00", &h), 0);
	assert_true(hwaddr_is_zero(&h));
}

static void adds(void **state)
{
	static const struct {
		const char *a;
		int64_t n;
		unsigned shift;
		const char *out;
		int want;
	} cases[] = {
		{ "10.5.63.0", 1, 0, "10.5.63.1", 0 },
		{ "10.5.63.255", 1, 0, "10.5.64.0", 0 },
		{ "10.5.64.0", -1, 0, "10.5.63.255", 0 },
		{ "10.5.0.0", 255, 8, "10.5.255.0", 0 },
		{ "10.5.0.0", 3, 24, "13.5.0.0", 0 },
		{ "255.255.255.255", 1, 0, NULL, -ERANGE },
		{ "0.0.0.0", -1, 0, NULL, -ERANGE },
		{ "0.0.0.0", INT64_MIN, 0, NULL, -ERANGE },
		{ "0.0.0.0", INT64_MAX, 0, NULL, -ERANGE },
		{ "0.0.0.0", 1, 32, NULL, -ERANGE },
		{ "0.0.0.0", 0, 200, "0.0.0.0", 0 },
		{ "0.0.0.0", 1, 200, NULL, -ERANGE },
		{ "0.0.0.0", UINT32_MAX, 0, "255.255.255.255", 0 },
		{ "fd00:7::", 1, 64, "fd00:7:0:1::", 0 },
		{ "fd00:7::", 256, 120, NULL, -ERANGE },
		{ "::", 1, 127, "8000::", 0 },
		{ "::", 2, 127, NULL, -ERANGE },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 0, NULL, -ERANGE },
		{ "8000::", INT64_MIN, 64, "::", 0 },
		{ "8000::", INT64_MIN, 0, "7fff:ffff:ffff:ffff:8000::", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipaddr a = addr(cases[i].a), r = { 0 };

		assert_int_equal(ipaddr_add_shifted(&a, cases[i].n, cases[i].shift, &r), cases[i].want);
		if (cases[i].out)
			assert_string_equal(IPADDR_STR(&r), cases[i].out);
		else
			assert_false(ipaddr_is_set(&r));
	}
	assert_int_equal(ipaddr_add(&(struct ipaddr){ 0 }, 1, &(struct ipaddr){ 0 }), -EINVAL);
}

static void measures_distance(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned shift;
		uint64_t want;
		int r;
	} cases[] = {
		{ "10.5.0.0", "10.5.255.0", 8, 255, 0 },
		{ "10.5.0.0", "10.5.0.255", 8, 0, 0 },
		{ "0.0.0.0", "255.255.255.255", 0, UINT32_MAX, 0 },
		{ "10.5.1.0", "10.5.0.0", 0, 0, -EINVAL },
		{ "10.5.1.0", "fd00::", 0, 0, -EINVAL },
		{ "::", "fd00::", 0, UINT64_MAX, 0 },
		{ "::", "fd00::", 120, 0xfd, 0 },
		{ "::", "fd00::", 128, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipaddr a = addr(cases[i].a), b = addr(cases[i].b);
		uint64_t n = 7;

		assert_int_equal(ipaddr_distance(&a, &b, cases[i].shift, &n), cases[i].r);
		assert_int_equal(n, cases[i].r < 0 ? 7 : cases[i].want);
	}
}

static void compares_prefixes(void **state)
{
	static const struct {
		const char *a, *b;
		bool a_has_b, overlap;
	} cases[] = {
		{ "10.5.0.0/16", "10.5.63.0/24", true, true },
		{ "10.5.63.0/24", "10.5.0.0/16", false, true },
		{ "10.5.0.0/16", "10.5.0.0/16", true, true },
		{ "10.5.9.9/16", "10.5.0.0/16", true, true },
		{ "10.5.0.0/16", "10.6.0.0/16", false, false },
		{ "0.0.0.0/0", "10.6.0.0/16", true, true },
		{ "0.0.0.0/0", "fd00::/8", false, false },
		{ "::/0", "fd00::/8", true, true },
		{ "10.5.0.1/32", "10.5.0.1/32", true, true },
		{ "10.5.0.1/32", "10.5.0.0/32", false, false },
		{ "fd00:7::/48", "fd00:7:0:63::/64", true, true },
		{ "fd00:7::/48", "fd00:7:1::/64", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipnet a = net(cases[i].a), b = net(cases[i].b);

		assert_int_equal(ipnet_contains_net(&a, &b), cases[i].a_has_b);
		assert_int_equal(ipnet_overlaps(&a, &b), cases[i].overlap);
		assert_int_equal(ipnet_overlaps(&b, &a), cases[i].overlap);
	}
	assert_true(ipnet_cmp(&(struct ipnet){ addr("10.5.0.0"), 16 },
			      &(struct ipnet){ addr("10.5.0.0"), 24 }) < 0);
	assert_true(ipaddr_cmp(&(struct ipaddr){ .family = AF_INET, .b = { 255 } },
			       &(struct ipaddr){ .family = AF_INET6 }) < 0);
	assert_false(ipnet_contains(&(struct ipnet){ 0 }, &(struct ipaddr){ 0 }));
}

static void walks_neighbours(void **state)
{
	struct ipnet n = net("10.5.254.3/24");

	(void)state;
	assert_int_equal(ipnet_next(&n, &n), 0);
	assert_string_equal(IPNET_STR(&n), "10.5.255.0/24");
	n = net("255.255.255.0/24");
	assert_int_equal(ipnet_next(&n, &n), -ERANGE);
	n = net("0.0.0.0/0");
	assert_int_equal(ipnet_next(&n, &n), -ERANGE);
	n = net("::/0");
	assert_int_equal(ipnet_next(&n, &n), -ERANGE);
	n = net("fd00:0:0:ffff::/64");
	assert_int_equal(ipnet_next(&n, &n), 0);
	assert_string_equal(IPNET_STR(&n), "fd00:0:1::/64");
}

static void knows_kinds(void **state)
{
	struct ipaddr a;

	(void)state;
	a = addr("169.254.1.1");
	assert_true(ipaddr_is_link_local(&a));
	a = addr("febf::1");
	assert_true(ipaddr_is_link_local(&a));
	a = addr("fec0::1");
	assert_false(ipaddr_is_link_local(&a));
	a = addr("127.3.2.1");
	assert_true(ipaddr_is_loopback(&a));
	a = addr("::1");
	assert_true(ipaddr_is_loopback(&a));
	assert_false(ipaddr_is_zero(&a));
	a = addr("239.1.1.1");
	assert_true(ipaddr_is_multicast(&a));
	a = addr("240.0.0.1");
	assert_false(ipaddr_is_multicast(&a));
	a = addr("ff02::1");
	assert_true(ipaddr_is_multicast(&a));
	a = addr("0.0.0.0");
	assert_true(ipaddr_is_zero(&a));
	a = ipaddr_from_v4(0x0a053f01);
	assert_string_equal(IPADDR_STR(&a), "10.5.63.1");
	assert_int_equal(ipaddr_v4(&a), 0x0a053f01);
	a = ipnet_mask(AF_INET, 20);
	assert_string_equal(IPADDR_STR(&a), "255.255.240.0");
	a = ipnet_mask(AF_INET6, 48);
	assert_string_equal(IPADDR_STR(&a), "ffff:ffff:ffff::");
	assert_int_equal(ipaddr_from_bytes(AF_INET, "\1\2\3\4\5", 5, &a), -EINVAL);
	assert_string_equal(IPADDR_STR(&(struct ipaddr){ 0 }), "none");
	assert_string_equal(IPNET_STR(&(struct ipnet){ 0 }), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_addresses),          cmocka_unit_test(parses_prefixes),
		cmocka_unit_test(parses_hardware_addresses), cmocka_unit_test(adds),
		cmocka_unit_test(measures_distance),         cmocka_unit_test(compares_prefixes),
		cmocka_unit_test(walks_neighbours),          cmocka_unit_test(knows_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
