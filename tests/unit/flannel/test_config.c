#include "flannel/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"

static int setup(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void test_values(void **state)
{
	static const struct {
		const char *json;
		unsigned len;
		const char *network, *min, *max; /* IPv4 */
		unsigned len6;
		const char *network6, *min6, *max6; /* NULL = IPv6 off */
		const char *type;
	} cases[] = {
		/* upstream's defaults */
		{ "{\"network\":\"10.3.0.0/16\"}", 24, "10.3.0.0/16", "10.3.1.0", "10.3.255.0", 0, NULL, NULL,
		  NULL, "udp" },
		{ "{\"enableIPv6\":true,\"ipv6Network\":\"fc00::/48\",\"enableIPv4\":false}", 0, NULL, NULL,
		  NULL, 64, "fc00::/48", "fc00:0:0:1::", "fc00:0:0:ffff::", "udp" },
		/* overrides */
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetMin\":\"10.3.5.0\",\"SubnetMax\":\"10.3.8.0\",\"SubnetLen\":28,"
		  "\"Backend\":{\"Type\":\"VXLAN\"}}",
		  28, "10.3.0.0/16", "10.3.5.0", "10.3.8.0", 0, NULL, NULL, NULL, "VXLAN" },
		{ "{\"EnableIPv6\":true,\"Network\":\"10.3.0.0/16\",\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetMin\":\"fc00:0:0:1::\","
		  "\"IPv6SubnetMax\":\"fc00:0:0:f::\",\"IPv6SubnetLen\":64}",
		  24, "10.3.0.0/16", "10.3.1.0", "10.3.255.0", 64, "fc00::/48",
		  "fc00:0:0:1::", "fc00:0:0:f::", "udp" },
		/* sizes around the edges */
		{ "{\"Network\":\"10.3.4.0/22\"}", 24, "10.3.4.0/22", "10.3.5.0", "10.3.7.0", 0, NULL, NULL,
		  NULL, "udp" },
		{ "{\"Network\":\"10.3.4.0/23\"}", 25, "10.3.4.0/23", "10.3.4.128", "10.3.5.128", 0, NULL,
		  NULL, NULL, "udp" },
		{ "{\"Network\":\"10.3.4.0/28\"}", 30, "10.3.4.0/28", "10.3.4.4", "10.3.4.12", 0, NULL, NULL,
		  NULL, "udp" },
		{ "{\"Network\":\"10.0.0.0/8\",\"SubnetLen\":10}", 10, "10.0.0.0/8", "10.64.0.0",
		  "10.192.0.0", 0, NULL, NULL, NULL, "udp" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/63\"}", 0, NULL, NULL,
		  NULL, 65, "fc00::/63", "fc00::8000:0:0:0", "fc00:0:0:1:8000::", "udp" },
		/* habits of the decoder existing documents were written for */
		{ "{\"Network\":\"10.3.7.9/16\",\"unknown\":{\"a\":[1,2]},\"SubnetLen\":null,\"EnableIPv4\":null}",
		  24, "10.3.0.0/16", "10.3.1.0", "10.3.255.0", 0, NULL, NULL, NULL, "udp" },
		{ "{\"Network\":\"10.3.0.0/16\",\"network\":\"10.4.0.0/16\"}", 24, "10.4.0.0/16", "10.4.1.0",
		  "10.4.255.0", 0, NULL, NULL, NULL, "udp" },
		{ "{\"Network\":\"10.3.0.0/16\",\"Backend\":{}}", 24, "10.3.0.0/16", "10.3.1.0", "10.3.255.0",
		  0, NULL, NULL, NULL, "" },
		{ "{\"Network\":\"10.3.0.0/16\",\"Backend\":null}", 24, "10.3.0.0/16", "10.3.1.0",
		  "10.3.255.0", 0, NULL, NULL, NULL, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct net_config c;
		struct err e = { 0 };

		if (net_config_load(cases[i].json, strlen(cases[i].json), *state, &c, &e) < 0)
			fail_msg("%s: %s", cases[i].json, e.text);
		assert_int_equal(c.enable_ipv4, cases[i].network != NULL);
		assert_int_equal(c.enable_ipv6, cases[i].network6 != NULL);
		if (cases[i].network) {
			assert_string_equal(IPNET_STR(&c.network), cases[i].network);
			assert_string_equal(IPADDR_STR(&c.subnet_min), cases[i].min);
			assert_string_equal(IPADDR_STR(&c.subnet_max), cases[i].max);
			assert_int_equal(c.subnet_len, cases[i].len);
		}
		if (cases[i].network6) {
			assert_string_equal(IPNET_STR(&c.ipv6_network), cases[i].network6);
			assert_string_equal(IPADDR_STR(&c.ipv6_subnet_min), cases[i].min6);
			assert_string_equal(IPADDR_STR(&c.ipv6_subnet_max), cases[i].max6);
			assert_int_equal(c.ipv6_subnet_len, cases[i].len6);
		}
		assert_string_equal(c.backend_type, cases[i].type);
	}
}

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{ "{}", "please define a correct Network parameter in the flannel config" },
		{ "{\"Network\":\"0.0.0.0/0\"}", "Network: 0.0.0.0/0 is not a range of addresses for hosts" },
		{ "{\"Network\":\"0.0.0.0/8\"}", "Network: 0.0.0.0/8 is not a range of addresses for hosts" },
		{ "{\"Network\":\"224.0.0.0/8\"}",
		  "Network: 224.0.0.0/8 is not a range of addresses for hosts" },
		{ "{\"Network\":\"127.0.0.0/8\"}",
		  "Network: 127.0.0.0/8 is not a range of addresses for hosts" },
		{ "{\"Network\":\"169.254.0.0/16\"}",
		  "Network: 169.254.0.0/16 is not a range of addresses for hosts" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fe80::/48\"}",
		  "IPv6Network: fe80::/48 is not a range of addresses for hosts" },
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetLen\":31}", "SubnetLen must be less than /31" },
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetLen\":17}",
		  "network must be able to accommodate at least four subnets" },
		{ "{\"Network\":\"10.3.0.0/29\"}",
		  "network is too small. Minimum useful network prefix is /28" },
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetMin\":\"10.4.0.0\"}",
		  "SubnetMin is not in the range of the Network" },
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetMax\":\"10.4.0.0\"}",
		  "SubnetMax is not in the range of the Network" },
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetMin\":\"10.3.1.5\"}",
		  "SubnetMin is not on a SubnetLen boundary: 10.3.1.5" },
		{ "{\"Network\":\"10.3.0.0/16\",\"SubnetMax\":\"10.3.9.128\"}",
		  "SubnetMax is not on a SubnetLen boundary: 10.3.9.128" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true}",
		  "please define a correct IPv6Network parameter in the flannel config" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetLen\":127}",
		  "SubnetLen must be less than /127" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetLen\":49}",
		  "network must be able to accommodate at least four subnets" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/125\"}",
		  "IPv6Network is too small. Minimum useful network prefix is /124" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetMin\":\"fd00::\"}",
		  "IPv6SubnetMin is not in the range of the IPv6Network" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetMax\":\"fd00::\"}",
		  "IPv6SubnetMax is not in the range of the IPv6Network" },
		{ "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fc00::/48\",\"IPv6SubnetMin\":\"fc00:0:0:1::5\"}",
		  "IPv6SubnetMin is not on a SubnetLen boundary: fc00:0:0:1::5" },
		{ "{\"Network\":null}", "Network: expected a string, got null" },
		{ "{\"Network\":\"10.3.0.0\"}",
		  "Network: \"10.3.0.0\" is not an IPv4 network like 10.244.0.0/16" },
		{ "{\"Network\":\"fc00::/48\"}",
		  "Network: \"fc00::/48\" is not an IPv4 network like 10.244.0.0/16" },
		{ "{\"IPv6Network\":\"10.3.0.0/16\"}",
		  "IPv6Network: \"10.3.0.0/16\" is not an IPv6 network like fd00:10:244::/48" },
		{ "{\"SubnetMin\":\"x\"}", "SubnetMin: \"x\" is not an IPv4 address" },
		{ "{\"SubnetLen\":\"24\"}", "SubnetLen: expected a number, got a string" },
		{ "{\"SubnetLen\":24.0}", "SubnetLen: 24.0 is not a whole number from 0 to 4294967295" },
		{ "{\"SubnetLen\":-1}", "SubnetLen: -1 is not a whole number from 0 to 4294967295" },
		{ "{\"SubnetLen\":4294967296}",
		  "SubnetLen: 4294967296 is not a whole number from 0 to 4294967295" },
		{ "{\"EnableIPv6\":\"yes\"}", "EnableIPv6: expected a boolean, got a string" },
		{ "{\"Backend\":\"vxlan\"}", "Backend: expected a JSON object" },
		{ "{\"Backend\":{\"Type\":1}}", "Backend: Type: expected a string, got a number" },
		{ "[]", "expected a JSON object" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct net_config c;
		struct err e = { 0 };

		assert_int_equal(net_config_load(cases[i][0], strlen(cases[i][0]), *state, &c, &e), -EINVAL);
		assert_string_equal(e.text, cases[i][1]);
	}
}

static void test_bad_json_has_a_place(void **state)
{
	static const char *const cases[] = { "", "{", "{\"Network\":\"10.3.0.0/16\"}x", "{'a':1}",
					     "{\"a\":01}" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct net_config c;
		struct err e = { 0 };

		assert_int_equal(net_config_parse(cases[i], strlen(cases[i]), *state, &c, &e), -EINVAL);
		assert_non_null(strstr(e.text, "invalid JSON at line 1 column"));
	}
}

static void test_vxlan(void **state)
{
	static const char all[] =
		"{\"Network\":\"10.3.0.0/16\",\"EnableNFTables\":true,\"Backend\":{\"type\":\"vxlan\",\"vni\":7,"
		"\"Port\":4789,\"mtu\":1400,\"GBP\":true,\"Learning\":true,\"directrouting\":true}}";
	static const char few[] =
		"{\"Network\":\"10.3.0.0/16\",\"Backend\":{\"Type\":\"vxlan\",\"Port\":null}}";
	static const char bad[] =
		"{\"Network\":\"10.3.0.0/16\",\"Backend\":{\"Type\":\"vxlan\",\"VNI\":16777216}}";
	struct vxlan_config v = { 0 };
	struct net_config c;
	struct err e = { 0 };

	assert_int_equal(net_config_load(all, sizeof(all) - 1, *state, &c, &e), 0);
	assert_true(c.enable_nftables);
	assert_string_equal(c.backend_type, "vxlan");
	assert_int_equal(vxlan_config_parse(&c, &v, &e), 0);
	assert_int_equal(v.vni, 7);
	assert_int_equal(v.port, 4789);
	assert_int_equal(v.mtu, 1400);
	assert_true(v.gbp && v.learning && v.direct_routing);

	assert_int_equal(net_config_load(few, sizeof(few) - 1, *state, &c, &e), 0);
	assert_int_equal(vxlan_config_parse(&c, &v, &e), 0);
	assert_int_equal(v.vni, 1);
	assert_int_equal(v.port, 0);
	assert_int_equal(v.mtu, 0);
	assert_false(v.gbp || v.learning || v.direct_routing);

	assert_int_equal(net_config_load(bad, sizeof(bad) - 1, *state, &c, &e), 0);
	assert_int_equal(vxlan_config_parse(&c, &v, &e), -EINVAL);
	assert_string_equal(e.text, "Backend: VNI: 16777216 is not a whole number from 0 to 16777215");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_json_has_a_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vxlan, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
