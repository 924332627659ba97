/* The strict scanner: what it accepts, where and why it refuses, and how it finds paths again. */
#include "base/jscan.h"
#include "base/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void accepts_rfc_8259(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		" \t\r\n0\n",
		"-0",
		"-0.5e+10",
		"1E400",
		"12345678901234567890123",
		"\"\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
		"\"\x7f\"",
		"\"\\ud83d\\ude00 \\ud800\"", /* a pair and half of one */
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"[true,false,null]",
		"{\"a\":{\"a\":{\"a\":[{\"a\":1}]}},\"A\":2,\"\":3}", /* same key in different objects, other
									 case */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct jscan_fault f = { .why = "" };

		if (jscan_check(texts[i], strlen(texts[i]), &f) != 0)
			fail_msg("%s: %s at %zu", texts[i], f.why, f.off);
	}
}

static void refuses_with_place_and_reason(void **state)
{
	static const struct {
		const char *text;
		size_t off;
		const char *why;
	} cases[] = {
		{ "", 0, "unexpected end of the document" },
		{ "  \n", 3, "unexpected end of the document" },
		{ "{", 1, "unexpected end of the document" },
		{ "[1,2", 4, "unexpected end of the document" },
		{ "\"abc", 4, "unexpected end of the document" },
		{ "\"abc\\", 5, "unexpected end of the document" },
		{ "tru", 3, "unexpected end of the document" },
		{ "-", 1, "unexpected end of the document" },
		{ "\"\\u12", 5, "unexpected end of the document" },
		{ "truth", 0, "not a JSON value" },
		{ "[NaN]", 1, "not a JSON value" },
		{ "Infinity", 0, "not a JSON value" },
		{ "{\"a\":+1}", 5, "not a JSON value" },
		{ "{\"a\":.5}", 5, "not a JSON value" },
		{ "[1.]", 3, "digit expected" },
		{ "[1e]", 3, "digit expected" },
		{ "[-a]", 2, "digit expected" },
		{ "[-01]", 3, "a number must not begin with 0" },
		{ "[00]", 2, "a number must not begin with 0" },
		{ "[1,]", 3, "a comma must not come before ']'" },
		{ "{\"a\":1,}", 7, "a comma must not come before '}'" },
		{ "[1 2]", 3, "',' or ']' expected" },
		{ "[1}", 2, "',' or ']' expected" },
		{ "{\"a\":1 \"b\":2}", 7, "',' or '}' expected" },
		{ "{\"a\" 1}", 5, "':' expected after a key" },
		{ "{a:1}", 1, "a key in double quotes expected" },
		{ "{1:1}", 1, "a key in double quotes expected" },
		{ "{} {}", 3, "data after the end of the document" },
		{ "1 x", 2, "data after the end of the document" },
		{ "['x']", 1, "a string needs double quotes" },
		{ "// no\n{}", 0, "comments are not part of JSON" },
		{ "[1, /* no */ 2]", 4, "comments are not part of JSON" },
		{ "{\"a\":# no\n1}", 5, "comments are not part of JSON" },
		{ "\xef\xbb\xbf{}", 0, "the document must not begin with a byte order mark" },
		{ "\"a\nb\"", 0, "the string does not end on its line" },
		{ "\"a\tb\"", 2, "control character in a string" },
		{ "\"a\\xb\"", 2, "unknown escape in a string" },
		{ "\"\\u12g4\"", 5, "four hexadecimal digits must follow \\u" },
		{ "\"a\\u0000\"", 2, "\\u0000 is not allowed in a string" },
		{ "{\"a\\u0000\":1}", 3, "\\u0000 is not allowed in a string" },
		{ "\"\xc0\x80\"", 1, "invalid UTF-8 in a string" },     /* overlong */
		{ "\"\xed\xa0\x80\"", 1, "invalid UTF-8 in a string" }, /* surrogate */
		{ "\"\xf4\x90\x80\x80\"", 1, "invalid UTF-8 in a string" },
		{ "\"\xff\"", 1, "invalid UTF-8 in a string" },
		{ "\"ab\xc3\"", 3, "invalid UTF-8 in a string" },
		{ "\"\xe2\x82x\"", 1, "invalid UTF-8 in a string" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", 13, "duplicate key \"a\"" },
		{ "{\"a\":1,\"\\u0061\":3}", 7, "duplicate key \"\\u0061\"" },
		{ "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":3}", 18, "duplicate key \"\xf0\x9f\x98\x80\"" },
		{ "[{\"x\":{\"b\":1,\"c\":0,\"c\":1,\"b\":2}}]", 19, "duplicate key \"c\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct jscan_fault f = { .why = "" };

		assert_int_equal(jscan_check(cases[i].text, strlen(cases[i].text), &f), -EBADMSG);
		if (f.off != cases[i].off || strcmp(f.why, cases[i].why) != 0)
			fail_msg("%s: got \"%s\" at %zu, want \"%s\" at %zu", cases[i].text, f.why, f.off,
				 cases[i].why, cases[i].off);
	}
	/* a NUL behind the document, which json-c overlooks */
	struct jscan_fault f;
	assert_int_equal(jscan_check("{}\0x", 4, &f), -EBADMSG);
	assert_int_equal(f.off, 2);
}

static void limits_depth_and_size(void **state)
{
	enum { MANY = JSCAN_MAX_VALUES + 1 };
	static char deep[2 * JSCAN_MAX_DEPTH + 2];
	CLEANUP(freep) char *many = malloc(2 * MANY + 1);
	struct jscan_fault f;

	(void)state;
	memset(deep, '[', JSCAN_MAX_DEPTH);
	memset(deep + JSCAN_MAX_DEPTH, ']', JSCAN_MAX_DEPTH);
	assert_int_equal(jscan_check(deep, 2 * JSCAN_MAX_DEPTH, &f), 0);
	memset(deep, '[', JSCAN_MAX_DEPTH + 1);
	assert_int_equal(jscan_check(deep, 2 * JSCAN_MAX_DEPTH + 1, &f), -EBADMSG);
	assert_string_equal(f.why, "nested too deeply");
	assert_int_equal(f.off, JSCAN_MAX_DEPTH);

	assert_non_null(many);
	for (size_t i = 0; i < MANY; i++) {
		many[2 * i] = i ? ',' : '[';
		many[2 * i + 1] = '0';
	}
	assert_int_equal(jscan_check(many, 2 * MANY, &f), -EBADMSG);
	assert_string_equal(f.why, "the document has too many values");
}

/* Keys made to collide must not make the search for duplicates quadratic, nor be taken for equal. */
static void keys_of_one_object_are_told_apart(void **state)
{
	enum { KEYS = 20000, ROOM = 24 };
	CLEANUP(freep) char *text = malloc(KEYS * ROOM + 64);
	struct jscan_fault f;
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < KEYS; i++)
		n += (size_t)snprintf(text + n, ROOM, "%c\"k%d\":%d", i ? ',' : '{', i, i);
	text[n] = '}';
	assert_int_equal(jscan_check(text, n + 1, &f), 0);
	snprintf(text + n, 64, ",\"k777\":0,\"k3\":0}");
	assert_int_equal(jscan_check(text, strlen(text), &f), -EBADMSG);
	assert_int_equal(f.off, n + 1); /* the first that repeats, not the smallest */
	assert_string_equal(f.why, "duplicate key \"k777\"");
}

static size_t locate(const char *text, const struct cfg_path *path, bool key)
{
	struct jscan_query q = { .path = path, .key = key };

	assert_int_equal(jscan_locate(text, strlen(text), &q, 1), 0);
	return q.off;
}

static void finds_paths(void **state)
{
	static const char text[] =
		" { \"a\" : [ 10, {\"b\":\"}]\\\"\", \"Cee\": null }, [[],{}] ],\n  \"d\\u0065\":{}}";
	const struct cfg_path *a = CFG_CHILD(NULL, "a");

	(void)state;
	assert_int_equal(locate(text, NULL, false), 1);
	assert_int_equal(locate(text, a, false), strchr(text, '[') - text);
	assert_int_equal(locate(text, a, true), 3);
	assert_int_equal(locate(text, CFG_ENTRY(a, 0), false), strstr(text, "10") - text);
	assert_int_equal(locate(text, CFG_CHILD(CFG_ENTRY(a, 1), "b"), false), strstr(text, "\"}") - text);
	assert_int_equal(locate(text, CFG_ENTRY(CFG_ENTRY(a, 2), 1), false), strstr(text, "{}]") - text);
	/* any case when nothing matches exactly, and keys with escapes */
	assert_int_equal(locate(text, CFG_CHILD(CFG_ENTRY(a, 1), "cee"), true), strstr(text, "\"Cee") - text);
	assert_int_equal(locate(text, CFG_CHILD(NULL, "de"), true), strstr(text, "\"d\\") - text);
	/* what is missing is reported at the nearest ancestor, by its value */
	assert_int_equal(locate(text, CFG_CHILD(CFG_ENTRY(a, 1), "x"), true), strstr(text, "{\"b") - text);
	assert_int_equal(locate(text, CFG_CHILD(CFG_CHILD(CFG_ENTRY(a, 9), "x"), "y"), false),
			 strchr(text, '[') - text);
	assert_int_equal(locate(text, CFG_CHILD(CFG_CHILD(NULL, "nope"), "x"), true), 1);
	assert_int_equal(locate(text, CFG_CHILD(CFG_ENTRY(a, 0), "scalar"), true), strstr(text, "10") - text);
}

static void finds_many_paths_in_one_pass(void **state)
{
	static const char text[] = "{\"SIZE\":1,\"size\":2,\"Size\":3,\"l\":[{\"x\":4},{\"x\":5}]}";
	const struct cfg_path *l = CFG_CHILD(NULL, "l");
	struct jscan_query q[] = {
		{ .path = CFG_CHILD(NULL, "size") },
		{ .path = CFG_CHILD(NULL, "Size"), .key = true },
		{ .path = CFG_CHILD(NULL, "SIZE") },
		{ .path = CFG_CHILD(CFG_ENTRY(l, 1), "x") },
		{ .path = CFG_CHILD(CFG_ENTRY(l, 0), "x") },
		{ .path = CFG_CHILD(CFG_ENTRY(l, 0), "x") },
		{ .path = NULL },
	};
	static const char *const want[] = { "2,", "\"Size", "1,", "5}", "4}", "4}", "{\"SIZE" };

	(void)state;
	assert_int_equal(jscan_locate(text, strlen(text), q, ARRAY_SIZE(q)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		assert_int_equal(q[i].off, strstr(text, want[i]) - text);
}

static void counts_lines_and_columns(void **state)
{
	static const struct {
		size_t off;
		unsigned line, col;
	} cases[] = { { 0, 1, 1 }, { 2, 1, 3 }, { 3, 2, 1 }, { 4, 3, 1 }, { 6, 3, 3 }, { 99, 3, 4 } };
	unsigned line, col;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		jscan_linecol("ab\n\n\xc3\xa9z", 7, cases[i].off, &line, &col);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(col, cases[i].col);
	}
}

static void says_whether_the_lowest_integer_is_meant(void **state)
{
	static const struct {
		const char *text;
		bool lowest;
	} cases[] = {
		{ "-9223372036854775808", true },
		{ "[1, -9223372036854775808]", true },
		{ "-9223372036854775807", false },
		{ "-9223372036854775809", false },
		{ "[-9223372036854775808, -9223372036854775809]", false },
		{ "[-10000000000000000000, -9223372036854775808]", false },
		{ "9223372036854775808", false },
		{ "-0", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct jscan_fault fault;

		assert_int_equal(jscan_check(cases[i].text, strlen(cases[i].text), &fault), 0);
		assert_int_equal(fault.lowest, cases[i].lowest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_whether_the_lowest_integer_is_meant),
		cmocka_unit_test(accepts_rfc_8259),
		cmocka_unit_test(refuses_with_place_and_reason),
		cmocka_unit_test(limits_depth_and_size),
		cmocka_unit_test(keys_of_one_object_are_told_apart),
		cmocka_unit_test(finds_paths),
		cmocka_unit_test(finds_many_paths_in_one_pass),
		cmocka_unit_test(counts_lines_and_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
