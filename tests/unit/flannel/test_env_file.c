#include "flannel/env_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

static struct ipnet net(const char *s)
{
	struct ipnet n = { 0 };

	if (*s)
		assert_int_equal(ipnet_parse(AF_UNSPEC, s, &n), 0);
	return n;
}

static const struct {
	const char *network, *subnet, *network6, *subnet6;
	unsigned mtu;
	bool masq;
	int want;
	const char *text;
} formats[] = {
	{ "10.5.0.0/16", "10.5.63.0/24", "", "", 1450, true, 0,
	  "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.63.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n" },
	{ "10.5.0.0/16", "10.5.63.0/24", "fd00:7::/48", "fd00:7:0:63::/64", 1430, false, 0,
	  "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.63.1/24\nFLANNEL_IPV6_NETWORK=fd00:7::/48\n"
	  "FLANNEL_IPV6_SUBNET=fd00:7:0:63::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n" },
	{ "", "", "fd00:7::/48", "fd00:7:0:63::/64", 1430, false, 0,
	  "FLANNEL_IPV6_NETWORK=fd00:7::/48\nFLANNEL_IPV6_SUBNET=fd00:7:0:63::1/64\nFLANNEL_MTU=1430\n"
	  "FLANNEL_IPMASQ=false\n" },
	{ "10.5.0.0/16", "10.5.63.0/32", "", "", 1450, true, -EINVAL, NULL },
	{ "10.5.0.0/16", "", "", "", 1450, true, -EINVAL, NULL },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 4096);
		const struct env_file env = { .network = net(formats[i].network),
					      .subnet = net(formats[i].subnet),
					      .network6 = net(formats[i].network6),
					      .subnet6 = net(formats[i].subnet6),
					      .mtu = formats[i].mtu,
					      .ip_masq = formats[i].masq };
		struct env_file back;

		assert_int_equal(env_file_format(&env, &b), formats[i].want);
		if (formats[i].want < 0)
			continue;
		assert_string_equal(buf_str(&b), formats[i].text);
		env_file_parse(b.p, b.n, &back);
		assert_true(ipnet_equal(&back.network, &env.network));
		assert_true(ipnet_equal(&back.subnet, &env.subnet));
		assert_true(ipnet_equal(&back.network6, &env.network6));
		assert_true(ipnet_equal(&back.subnet6, &env.subnet6));
		assert_int_equal(back.mtu, env.mtu);
		assert_int_equal(back.ip_masq, env.ip_masq);
	}
}

static const struct {
	const char *text, *network, *subnet, *subnet6;
	unsigned mtu;
	bool masq;
} parses[] = {
	{ "", "", "", "", 0, false },
	{ "FLANNEL_SUBNET=10.5.63.1/24", "", "10.5.63.0/24", "", 0, false },
	{ "FLANNEL_SUBNET=10.5.63.1/24\r\nFLANNEL_MTU=1400\r\n", "", "10.5.63.0/24", "", 1400, false },
	{ " export FLANNEL_SUBNET = \"10.5.63.1/24\" # note\n", "", "10.5.63.0/24", "", 0, false },
	{ "FLANNEL_SUBNET='10.5.63.1/24'\n# FLANNEL_SUBNET=10.5.64.1/24\n", "", "10.5.63.0/24", "", 0,
	  false },
	{ "FLANNEL_SUBNET=10.5.63.1/24 # why\n", "", "10.5.63.0/24", "", 0, false },
	{ "FLANNEL_SUBNET=bad,10.5.63.1/24\n", "", "10.5.63.0/24", "", 0, false },
	{ "FLANNEL_SUBNET=10.5.63.1/24,10.5.64.1/24\n", "", "", "", 0, false },
	{ "FLANNEL_NETWORK=10.5.0.0/16,10.6.0.0/16\n", "10.5.0.0/16", "", "", 0, false },
	{ "FLANNEL_SUBNET=10.5.63.1\nFLANNEL_MTU=x\nFLANNEL_IPMASQ=1\nnonsense\n=\n", "", "", "", 0, false },
	{ "FLANNEL_SUBNET=fd00::1/64\nFLANNEL_IPV6_SUBNET=10.5.0.1/24\n", "", "", "", 0, false },
	{ "FLANNEL_IPV6_SUBNET=fd00:0:0:5::1/64\nFLANNEL_IPMASQ=true\n", "", "", "fd00:0:0:5::/64", 0, true },
	{ "FLANNEL_SUBNET=10.5.63.1/24\nFLANNEL_SUBNET=\n", "", "", "", 0, false },
	{ "FLANNEL_MTU=99999999999999999999\nFLANNEL_SUBNET=\"10.5.63.1/24", "", "10.5.63.0/24", "", 0,
	  false },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parses); i++) {
		struct env_file env;
		struct ipnet network = net(parses[i].network), subnet = net(parses[i].subnet),
			     subnet6 = net(parses[i].subnet6);

		env_file_parse(parses[i].text, strlen(parses[i].text), &env);
		if (!ipnet_equal(&env.network, &network) || !ipnet_equal(&env.subnet, &subnet) ||
		    !ipnet_equal(&env.subnet6, &subnet6) || env.mtu != parses[i].mtu ||
		    env.ip_masq != parses[i].masq)
			fail_msg("parse case %zu: %s", i, parses[i].text);
	}
}

static void test_write_and_read(void **state)
{
	char dir[] = "/tmp/hearth-env-XXXXXX", path[64], deep[64];
	const struct env_file env = { .network = net("10.5.0.0/16"),
				      .subnet = net("10.5.63.0/24"),
				      .mtu = 1450 };
	struct env_file back;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/a/subnet.env", dir);
	(void)snprintf(deep, sizeof(deep), "%s/a", dir);
	assert_int_equal(env_file_read(path, &back, &e), -ENOENT);
	(void)umask(077);
	assert_int_equal(env_file_write(path, &env, &e), 0);
	assert_int_equal(env_file_write(path, &env, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(env_file_read(path, &back, &e), 0);
	assert_true(ipnet_equal(&back.subnet, &env.subnet));
	assert_int_equal(unlink(path), 0);
	/* Nothing else was left beside it. */
	assert_int_equal(rmdir(deep), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_true(env_file_write("/proc/self/nowhere/subnet.env", &env, &e) < 0);
	assert_non_null(strstr(e.text, "/proc/self/nowhere"));
}

/* A FIFO is opened when somebody writes to it: perhaps never. */
static void test_read_special(void **state)
{
	char dir[] = "/tmp/test-env-XXXXXX", path[64];
	struct env_file env = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(env_file_read(path, &env, &e), -EINVAL);
	assert_non_null(strstr(e.text, "fifo is not a regular file"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(env_file_read(dir, &env, &e), -EINVAL);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(env_file_read(dir, &env, &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_read_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
