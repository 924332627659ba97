#include "ignition/cmdline.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void finds_the_last_non_empty_value(void **state)
{
	static const struct {
		const char *line, *key, *want;
	} cases[] = {
		{ "", "ignition.config.url", NULL },
		{ "quiet ignition.config.url=http://a/b root=/dev/vda", "ignition.config.url", "http://a/b" },
		{ "ignition.config.url=one ignition.config.url=two\n", "ignition.config.url", "two" },
		{ "ignition.config.url=one ignition.config.url=", "ignition.config.url", "one" },
		{ "ignition.config.url=", "ignition.config.url", NULL },
		{ "ignition.config.url", "ignition.config.url", NULL },
		{ "xignition.config.url=one", "ignition.config.url", NULL },
		{ "ignition.config.urls=one", "ignition.config.url", NULL },
		{ "a=b=c", "a", "b=c" },
		{ "\t a=\"b c\" d", "a", "\"b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf got = { 0 };
		int r = cmdline_find(cases[i].line, cases[i].key, &got);

		assert_int_equal(r, cases[i].want ? 1 : 0);
		assert_string_equal(buf_str(&got), cases[i].want ? cases[i].want : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_last_non_empty_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
