/* Keys in any case: what Go's folding takes as the same, in texts, in JSON and in what is searched there. */
#include "base/fold.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/cleanup.h"
#include "base/jscan.h"
#include "base/jscan_priv.h"

static const struct {
	const char *key; /* as JSON */
	const char *text;
	bool same;
} cases[] = {
	{ "\"shell\"", "shell", true },
	{ "\"SHELL\"", "shell", true },
	{ "\"\u017fhell\"", "shell", true },
	{ "\"\\u017fhell\"", "shell", true },
	{ "\"\\u017Fhell\"", "\u017fHELL", true },
	{ "\"mas\u212a\"", "mask", true },
	{ "\"mas\\u212a\"", "MASK", true },
	{ "\"ma\u017f\u212a\"", "mask", true },
	{ "\"mask\u017f\"", "mask", false },
	{ "\"mask\"", "masks", false },
	{ "\"mas\"", "mask", false },
	{ "\"\u017e\"", "s", false },
	{ "\"\u212b\"", "k", false },
	{ "\"\u00e9\"", "\u00e9", true },
	{ "\"\u00e9\"", "\u00c9", false }, /* no name of ours has such a letter */
	{ "\"\"", "", true },
};

static void folds_like_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *key = cases[i].key, *end = key + strlen(key);
		bool exact, same = jscan_key_equals(key, cases[i].text, &exact);
		char other[32];

		assert_int_equal(same, cases[i].same);
		snprintf(other, sizeof other, "\"%s\"", cases[i].text);
		if (same)
			assert_int_equal(jscan_key_hash(7, key, end, true, true),
					 jscan_key_hash(7, other, other + strlen(other), true, true));
	}
	assert_true(fold_equal("\u017fHe\u212a", "shek"));
	assert_false(fold_equal("shek", "sheks"));
	assert_false(fold_equal("sheks", "shek"));
}

static void exact_is_exact(void **state)
{
	bool exact;

	(void)state;
	assert_true(jscan_key_equals("\"sh\\u0065ll\"", "shell", &exact) && exact);
	assert_true(jscan_key_equals("\"Shell\"", "shell", &exact) && !exact);
	assert_true(jscan_key_equals("\"\\u017fhell\"", "shell", &exact) && !exact);
	assert_true(jscan_key_equals("\"\\u017fhell\"", "\u017fhell", &exact) && exact);
}

static void places_are_found_under_any_spelling(void **state)
{
	static const char text[] = "{\"MA\u017f\\u212A\": {\"x\": 1}}";
	struct jscan_query q[] = {
		{ .path = CFG_CHILD(CFG_CHILD(NULL, "mask"), "x") },
		{ .path = CFG_CHILD(NULL, "mask"), .key = true },
	};

	(void)state;
	assert_int_equal(jscan_locate(text, sizeof text - 1, q, 2), 0);
	assert_int_equal(q[0].off, strstr(text, "1}") - text);
	assert_int_equal(q[1].off, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folds_like_go),
		cmocka_unit_test(exact_is_exact),
		cmocka_unit_test(places_are_found_under_any_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
