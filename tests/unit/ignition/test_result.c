#include "ignition/files/result.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/jscan.h"

#define HEAD                                                                                                 \
	"{\n  \"provisioningBootID\": \"id\",\n  \"provisioningDate\": \"d\",\n  \"userConfigProvided\": false"

static const struct {
	const char *previous, *want;
} cases[] = {
	{ NULL, HEAD "\n}\n" },
	{ "{}", HEAD ",\n  \"previousReport\": {}\n}\n" },
	{ "{\"a\":1,\"b\" : [ ] ,\"c\":[1, 2],\"d\":{\"e\":null}}\n", HEAD
	  ",\n  \"previousReport\": {\n    \"a\": 1,\n    \"b\": [],\n    \"c\": [\n      1,\n      2\n    ],\n"
	  "    \"d\": {\n      \"e\": null\n    }\n  }\n}\n" },
	{ "{\"s\":\"a \\\"{,:}\\\\\",\"t\":\"\\\\\"}",
	  HEAD ",\n  \"previousReport\": {\n    \"s\": \"a \\\"{,:}\\\\\",\n    \"t\": \"\\\\\"\n  }\n}\n" },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf out = { 0 };
		const struct result r = {
			.boot_id = "id",
			.date = "d",
			.previous = cases[i].previous,
			.previous_len = cases[i].previous ? strlen(cases[i].previous) : 0,
		};
		struct jscan_fault fault;

		assert_int_equal(result_format(&r, &out), 0);
		assert_string_equal(buf_str(&out), cases[i].want);
		assert_int_equal(jscan_check(buf_str(&out), out.n, &fault), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_format) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
