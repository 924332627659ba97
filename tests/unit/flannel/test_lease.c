#include "flannel/lease.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "flannel/config.h"

static void test_keys(void **state)
{
	static const struct {
		const char *key;
		int want;
		const char *v4, *v6; /* as text; NULL = not set */
	} cases[] = {
		{ "10.12.13.0-24", 0, "10.12.13.0/24", NULL },
		{ "10.5.34.0-24", 0, "10.5.34.0/24", NULL },
		{ "10.5.34.4-30", 0, "10.5.34.4/30", NULL },
		{ "10.7.83.0-24&fd00:7:0:63::-64", 0, "10.7.83.0/24", "fd00:7:0:63::/64" },
		{ "10.12.13.0-24&fc00::-56", 0, "10.12.13.0/24", "fc00::/56" },
		{ "0.0.0.0-0&fd00:8:0:10::-64", 0, NULL, "fd00:8:0:10::/64" },
		/* upstream's list of keys that are none */
		{ "10", -EINVAL, NULL, NULL },
		{ "10.12.13.0", -EINVAL, NULL, NULL },
		{ "10.12.13-24", -EINVAL, NULL, NULL },
		{ "10.12.13.300-24", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24hi", -EINVAL, NULL, NULL },
		{ "&2001::-56", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&:12:13:-56", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&20011::-56", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&2001-56", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&2001::", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&2001::-56hi", -EINVAL, NULL, NULL },
		/* ours */
		{ "", -EINVAL, NULL, NULL },
		{ "-", -EINVAL, NULL, NULL },
		{ "notes", -EINVAL, NULL, NULL },
		{ "10.12.13.0-32", -EINVAL, NULL, NULL },
		{ "10.12.13.0-33", -EINVAL, NULL, NULL },
		{ "10.12.13.0--1", -EINVAL, NULL, NULL },
		{ "10.12.13.0-024x", -EINVAL, NULL, NULL },
		{ "x10.12.13.0-24", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24/", -EINVAL, NULL, NULL },
		{ "10.12.13.5-24", -EINVAL, NULL, NULL },
		{ "0.0.0.0-0", -EINVAL, NULL, NULL },
		{ "10.0.0.0-0", -EINVAL, NULL, NULL },
		{ "127.0.0.0-24", -EINVAL, NULL, NULL },
		{ "224.0.0.0-24", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&fc00::-128", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&::-0", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&fe80::-64", -EINVAL, NULL, NULL },
		{ "10.12.13.0-24&", -EINVAL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lease_subnet s = { 0 };
		struct err e = { 0 };
		char key[LEASE_KEY_MAX];
		int r = lease_subnet_parse(cases[i].key, strlen(cases[i].key), &s, &e);

		if (r != cases[i].want)
			fail_msg("%s: %d (%s)", cases[i].key, r, e.text);
		if (r < 0) {
			assert_true(e.text[0] != '\0');
			continue;
		}
		assert_int_equal(ipnet_is_set(&s.v4), cases[i].v4 != NULL);
		assert_int_equal(ipnet_is_set(&s.v6), cases[i].v6 != NULL);
		if (cases[i].v4)
			assert_string_equal(IPNET_STR(&s.v4), cases[i].v4);
		if (cases[i].v6)
			assert_string_equal(IPNET_STR(&s.v6), cases[i].v6);
		lease_subnet_format(&s, key);
		assert_string_equal(key, cases[i].key);
	}
}

static void test_subnet_text(void **state)
{
	struct lease_subnet s = { 0 };
	char text[LEASE_KEY_MAX];

	(void)state;
	assert_int_equal(lease_subnet_parse("10.7.83.0-24&fd00::-64", 22, &s, NULL), 0);
	assert_string_equal(lease_subnet_text(&s, text), "10.7.83.0/24 fd00::/64");
}

static void test_attrs(void **state)
{
	static const struct {
		const char *json, *again; /* again: as encoded; NULL = the same */
		const char *error;        /* part of the reason */
	} cases[] = {
		{ "{\"PublicIP\":\"10.77.0.1\",\"PublicIPv6\":\"fd77::1\",\"BackendType\":\"vxlan\",\"BackendData\":"
		  "{\"VNI\":1,\"VtepMAC\":\"e6:d5:4c:34:71:61\"},\"BackendV6Data\":{\"VNI\":1,\"VtepMAC\":\"3a:52:be:38:4e:ab\"}}",
		  NULL, NULL },
		{ "{\"PublicIP\":\"10.77.0.1\",\"PublicIPv6\":null}", NULL, NULL },
		{ "{\"publicip\":\"10.77.0.1\",\"BACKENDTYPE\":\"host-gw\",\"Other\":[1,{\"a\":\"}\"}]}",
		  "{\"PublicIP\":\"10.77.0.1\",\"PublicIPv6\":null,\"BackendType\":\"host-gw\"}", NULL },
		{ "{}", "{\"PublicIP\":\"0.0.0.0\",\"PublicIPv6\":null}", NULL },
		{ " {\"PublicIP\" : \"1.2.3.4\" , \"BackendData\" : { \"x\" : [ 1.50, \"\\u00e9\\\"\" ] } } ",
		  "{\"PublicIP\":\"1.2.3.4\",\"PublicIPv6\":null,\"BackendData\":{ \"x\" : [ 1.50, \"\\u00e9\\\"\" ] }}",
		  NULL },
		{ "{\"PublicIP\":\"1.2.3.4\",\"BackendData\":\"text\"}",
		  "{\"PublicIP\":\"1.2.3.4\",\"PublicIPv6\":null,\"BackendData\":\"text\"}", NULL },
		{ "{\"PublicIP\":\"1.2.3.4\",\"BackendData\":null,\"BackendType\":null}",
		  "{\"PublicIP\":\"1.2.3.4\",\"PublicIPv6\":null,\"BackendData\":null}", NULL },
		{ "{\"PublicIP\":null}", NULL, "PublicIP: expected a string, got null" },
		{ "{\"PublicIP\":5}", NULL, "PublicIP: expected a string, got a number" },
		{ "{\"PublicIP\":\"\"}", NULL, "PublicIP: not an IPv4 address" },
		{ "{\"PublicIP\":\"10.77.0.256\"}", NULL, "PublicIP: not an IPv4 address" },
		{ "{\"PublicIP\":\"224.0.0.1\"}", NULL, "224.0.0.1 is not the address of another host" },
		{ "{\"PublicIP\":\"127.0.0.1\"}", NULL, "not the address of another host" },
		{ "{\"PublicIP\":\"255.255.255.255\"}", NULL, "not the address of another host" },
		{ "{\"PublicIPv6\":\"ff02::1\"}", NULL, "not the address of another host" },
		{ "{\"PublicIPv6\":\"10.0.0.1\"}", NULL, "PublicIPv6: not an IPv6 address" },
		{ "{\"BackendType\":\"a b\"}", NULL, "visible ASCII" },
		{ "{\"BackendType\":\"vx\\nlan\"}", NULL, "visible ASCII" },
		{ "{\"BackendType\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
		  NULL, "longer than 63 bytes" },
		{ "hello", NULL, "invalid JSON at line 1 column 1" },
		{ "", NULL, "invalid JSON" },
		{ "[]", NULL, "expected a JSON object" },
		{ "{\"PublicIP\":\"1.2.3.4\"} x", NULL, "invalid JSON at line 1 column" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(lease_attrs_donep) struct lease_attrs a = { 0 };
		CLEANUP(lease_attrs_donep) struct lease_attrs copy = { 0 };
		CLEANUP(buf_done) struct buf b = { 0 };
		struct err e = { 0 };
		int r = lease_attrs_decode(cases[i].json, strlen(cases[i].json), &a, &e);

		if (cases[i].error) {
			if (r == 0 || !strstr(e.text, cases[i].error))
				fail_msg("%s: %d \"%s\" without \"%s\"", cases[i].json, r, e.text,
					 cases[i].error);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", cases[i].json, e.text);
		assert_int_equal(lease_attrs_encode(&a, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].again ? cases[i].again : cases[i].json);
		assert_int_equal(lease_attrs_copy(&a, &copy), 0);
		assert_true(lease_attrs_equal(&a, &copy));
		copy.public_ipv6.family ^= AF_INET6;
		assert_false(lease_attrs_equal(&a, &copy));
	}
}

static void test_attrs_size(void **state)
{
	CLEANUP(lease_attrs_donep) struct lease_attrs a = { 0 };
	CLEANUP(freep) char *big = malloc(LEASE_VALUE_MAX + 1);

	(void)state;
	assert_non_null(big);
	memset(big, ' ', LEASE_VALUE_MAX + 1);
	big[0] = '{';
	big[LEASE_VALUE_MAX - 1] = '}';
	assert_int_equal(lease_attrs_decode(big, LEASE_VALUE_MAX, &a, NULL), 0);
	assert_int_equal(lease_attrs_decode(big, LEASE_VALUE_MAX + 1, &a, NULL), -EFBIG);
}

static void test_vxlan_data(void **state)
{
	static const struct {
		const char *json;
		uint32_t vni;
		const char *error;
	} cases[] = {
		{ "{\"VNI\":1,\"VtepMAC\":\"e6:d5:4c:34:71:61\"}", 1, NULL },
		{ "{\"vtepmac\":\"E6:D5:4C:34:71:61\"}", 0, NULL },
		{ NULL, 0, "no BackendData" },
		{ "null", 0, "expected a JSON object" },
		{ "{\"VNI\":1}", 0, "VtepMAC is missing" },
		{ "{\"VNI\":16777216,\"VtepMAC\":\"e6:d5:4c:34:71:61\"}", 0,
		  "not a whole number from 0 to 16777215" },
		{ "{\"VNI\":-1,\"VtepMAC\":\"e6:d5:4c:34:71:61\"}", 0, "not a whole number" },
		{ "{\"VNI\":\"1\",\"VtepMAC\":\"e6:d5:4c:34:71:61\"}", 0,
		  "VNI: expected a number, got a string" },
		{ "{\"VtepMAC\":\"e6:d5:4c:34:71\"}", 0, "not a MAC address" },
		{ "{\"VtepMAC\":\"00:00:00:00:00:00\"}", 0, "not the address of one device" },
		{ "{\"VtepMAC\":\"01:00:5e:00:00:01\"}", 0, "not the address of one device" },
		{ "{\"VtepMAC\":\"e6:d5:4c:34:71:61:22:33\"}", 0, "longer than" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(freep) char *text = NULL;
		struct lease_vxlan v = { 0 };
		struct err e = { 0 };
		int r = lease_vxlan_decode(cases[i].json, &v, &e);

		if (cases[i].error) {
			if (r == 0 || !strstr(e.text, cases[i].error))
				fail_msg("%s: %d \"%s\"", cases[i].json, r, e.text);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(v.vni, cases[i].vni);
		v.vni = 1;
		assert_int_equal(lease_vxlan_encode(&v, &text), 0);
		assert_string_equal(text, "{\"VNI\":1,\"VtepMAC\":\"e6:d5:4c:34:71:61\"}");
	}
}

static void load(const char *json, struct arena *a, struct net_config *c)
{
	struct err e = { 0 };

	if (net_config_load(json, strlen(json), a, c, &e) < 0)
		fail_msg("%s", e.text);
}

static struct lease lease_of(const char *key)
{
	struct lease l = { 0 };

	assert_int_equal(lease_subnet_parse(key, strlen(key), &l.subnet, NULL), 0);
	return l;
}

static void test_fits(void **state)
{
	static const struct {
		const char *config, *key;
		bool want;
	} cases[] = {
		{ "{\"Network\":\"10.5.0.0/16\"}", "10.5.34.0-24", true },
		{ "{\"Network\":\"10.5.0.0/16\"}", "10.5.0.0-24", false }, /* below SubnetMin */
		{ "{\"Network\":\"10.5.0.0/16\"}", "10.5.34.0-25", false },
		{ "{\"Network\":\"10.5.0.0/16\"}", "10.6.34.0-24", false },
		{ "{\"Network\":\"10.5.0.0/16\"}", "10.5.34.0-24&fd00:0:0:1::-64", false },
		{ "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00::/48\"}",
		  "10.5.34.0-24", false },
		{ "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00::/48\"}",
		  "10.5.34.0-24&fd00:0:0:1::-64", true },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetMax\":\"10.5.20.0\"}", "10.5.21.0-24", false },
		{ "{\"Network\":\"10.5.0.0/16\",\"SubnetMax\":\"10.5.20.0\"}", "10.5.20.0-24", true },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00::/48\"}",
		  "0.0.0.0-0&fd00:0:0:1::-64", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena *a = arena_new();
		struct net_config c;
		struct lease l = lease_of(cases[i].key);

		load(cases[i].config, a, &c);
		if (lease_subnet_fits(&l.subnet, &c) != cases[i].want)
			fail_msg("%s in %s", cases[i].key, cases[i].config);
		arena_free(a);
	}
}

static void test_pick(void **state)
{
	static const char *const taken_keys[] = { "10.5.1.0-24", "10.5.2.0-25", "10.5.3.16-28", "10.5.4.0-22",
						  "10.5.9.0-24" };
	struct arena *a = arena_new();
	struct lease taken[ARRAY_SIZE(taken_keys)];
	struct lease_subnet s = { 0 };
	struct net_config c;
	struct err e = { 0 };
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		taken[i] = lease_of(taken_keys[i]);
	load("{\"Network\":\"10.5.0.0/16\",\"SubnetMax\":\"10.5.9.0\"}", a, &c);
	/* only .8 is free: .1 taken, .2 and .3 in part, .4-.7 by one bigger lease, .9 taken */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(lease_subnet_pick(&c, taken, ARRAY_SIZE(taken), &s, &e), 0);
		assert_string_equal(IPNET_STR(&s.v4), "10.5.8.0/24");
		assert_false(ipnet_is_set(&s.v6));
	}
	load("{\"Network\":\"10.5.0.0/16\",\"SubnetMax\":\"10.5.7.0\"}", a, &c);
	assert_int_equal(lease_subnet_pick(&c, taken, ARRAY_SIZE(taken), &s, &e), -ENOSPC);
	assert_string_equal(e.text, "out of subnets");

	/* the choice is among the first hundred, and it is a choice */
	load("{\"Network\":\"10.5.0.0/16\"}", a, &c);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(lease_subnet_pick(&c, NULL, 0, &s, &e), 0);
		assert_true(s.v4.addr.b[2] >= 1 && s.v4.addr.b[2] <= 100);
		seen |= 1u << (s.v4.addr.b[2] % 32);
	}
	assert_true(__builtin_popcount(seen) > 16);

	/* the end of the address space is an end */
	load("{\"Network\":\"255.255.255.0/24\"}", a, &c);
	assert_int_equal(lease_subnet_pick(&c, NULL, 0, &s, &e), 0);
	arena_free(a);
}

static void test_pick_v6_steps_over_big_leases(void **state)
{
	struct lease taken[] = { lease_of("10.9.0.0-24&fd00::-17"), lease_of("10.9.1.0-24&fd00:8000::-64") };
	struct arena *a = arena_new();
	struct lease_subnet s = { 0 };
	struct net_config c;
	struct err e = { 0 };

	(void)state;
	/* 2^47 subnets are behind one lease: this ends at once or never */
	load("{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00::/16\",\"IPv6SubnetLen\":64}",
	     a, &c);
	assert_int_equal(lease_subnet_pick(&c, taken, ARRAY_SIZE(taken), &s, &e), 0);
	assert_false(ipnet_is_set(&s.v4));
	assert_int_equal(s.v6.len, 64);
	assert_int_equal(s.v6.addr.b[2], 0x80);
	assert_false(ipnet_overlaps(&s.v6, &taken[1].subnet.v6));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),       cmocka_unit_test(test_subnet_text),
		cmocka_unit_test(test_attrs),      cmocka_unit_test(test_attrs_size),
		cmocka_unit_test(test_vxlan_data), cmocka_unit_test(test_fits),
		cmocka_unit_test(test_pick),       cmocka_unit_test(test_pick_v6_steps_over_big_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
