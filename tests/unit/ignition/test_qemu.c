#include "ignition/providers/provider.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static char dir[] = "/tmp/hearth-fwcfg-XXXXXX";
static char size_path[PATH_MAX], raw_path[PATH_MAX];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(size_path, sizeof size_path, "%s/opt/com.coreos/config/size", dir);
	snprintf(raw_path, sizeof raw_path, "%s/opt/com.coreos/config/raw", dir);
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const parts[] = { "/opt/com.coreos/config/size",
					     "/opt/com.coreos/config/raw",
					     "/opt/com.coreos/config",
					     "/opt/com.coreos",
					     "/opt",
					     "" };
	char p[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(p, sizeof p, "%s%s", dir, parts[i]);
		(void)remove(p);
	}
	return 0;
}

static void no_item_is_no_config(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(qemu_fw_cfg_read(dir, &out, &e), 0);
	assert_int_equal(out.n, 0);
}

static void reads_exactly_the_size(void **state)
{
	static const struct {
		const char *size, *raw;
		int want;
		const char *text;
	} cases[] = {
		{ "5\n", "hello", 0, "" },
		{ "0\n", "", 0, "" },
		{ "4\n", "hello", -EBADMSG, "missing EOF" },
		{ "6\n", "hello", -EBADMSG, "ended after 5 of 6" },
		{ "five\n", "hello", -EBADMSG, "does not hold a number" },
		{ "999999\n", "hello", -EFBIG, "limit" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 1000);
		struct err e = { 0 };

		assert_int_equal(
			atomic_write(size_path, cases[i].size, strlen(cases[i].size), 0600, 0700, &e), 0);
		assert_int_equal(atomic_write(raw_path, cases[i].raw, strlen(cases[i].raw), 0600, 0700, &e),
				 0);
		assert_int_equal(qemu_fw_cfg_read(dir, &out, &e), cases[i].want);
		if (cases[i].want == 0)
			assert_string_equal(buf_str(&out), cases[i].raw);
		else
			assert_non_null(strstr(e.text, cases[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_item_is_no_config),
		cmocka_unit_test(reads_exactly_the_size),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
