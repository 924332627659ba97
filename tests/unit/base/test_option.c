#include "base/option.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/option_value.h"

struct values {
	bool b, yes;
	const char *s, *stage;
	long long n, wait_ms;
	struct option_strings list;
};

static const char *const stages[] = { "disks", "files", NULL };
static const struct option_def defs[] = {
	{ "b", OPT_BOOL, offsetof(struct values, b), .help = "a switch" },
	{ "yes", OPT_BOOL, offsetof(struct values, yes), .def = "true", .help = "on unless said otherwise" },
	{ "s", OPT_STRING, offsetof(struct values, s), .def = "text", .arg = "TEXT", .help = "some text" },
	{ "stage", OPT_STRING, offsetof(struct values, stage), .arg = "NAME", .help = "stage",
	  .choices = stages },
	{ "n", OPT_INT, offsetof(struct values, n), .def = "5", .arg = "N", .help = "a number" },
	{ "wait-time", OPT_DURATION, offsetof(struct values, wait_ms), .def = "2m0s", .arg = "DUR",
	  .help = "time" },
	{ "list", OPT_STRINGS, offsetof(struct values, list), .arg = "X", .help = "repeatable" },
	{ "secret", OPT_STRING, offsetof(struct values, s), .hidden = true, .help = "hidden", .arg = "X" },
};
static const struct option_set set = { .program = "prog", .env_prefix = "HTEST", .defs = defs, .n = 7 };

static int parse(struct values *v, int *rest, struct err *e, const char *const *args)
{
	char *argv[16] = { (char *)"prog" };
	int argc = 1;

	for (; *args; args++)
		argv[argc++] = (char *)(uintptr_t)*args;
	return option_parse(&set, argc, argv, v, rest, NULL, e);
}
#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void defaults(void **state)
{
	struct values v;
	struct err e;
	int rest;

	(void)state;
	memset(&v, 0xff, sizeof v);
	assert_int_equal(parse(&v, &rest, &e, (const char *const[]){ NULL }), OPTION_OK);
	assert_int_equal(rest, 1);
	assert_true(!v.b && v.yes && v.n == 5 && v.wait_ms == 120000 && v.list.n == 0 && !v.stage);
	assert_string_equal(v.s, "text");
}

static void every_spelling(void **state)
{
	struct values v;
	struct err e;
	int rest;

	(void)state;
	assert_int_equal(parse(&v, &rest, &e,
			       ARGS("-b", "--yes=false", "-s", "-x", "--n=0x10", "-wait-time=1m30s",
				    "-list=a", "--list", "b", "--stage", "files", "tail", "-b=false")),
			 OPTION_OK);
	assert_true(v.b && !v.yes && v.n == 16 && v.wait_ms == 90000);
	assert_string_equal(v.s, "-x"); /* a value may look like an option */
	assert_string_equal(v.stage, "files");
	assert_int_equal(v.list.n, 2);
	assert_string_equal(v.list.v[1], "b");
	assert_int_equal(rest, 12); /* parsing stops at "tail" */
	option_values_done(&set, &v);
	assert_int_equal(v.list.n, 0);

	assert_int_equal(parse(&v, &rest, &e, ARGS("-b", "true", "-n=9")), OPTION_OK);
	assert_true(v.b && v.n == 5); /* "true" is a positional argument */
	assert_int_equal(rest, 2);
	assert_int_equal(parse(&v, &rest, &e, ARGS("--", "-b")), OPTION_OK);
	assert_true(!v.b);
	assert_int_equal(rest, 2);
	assert_int_equal(parse(&v, &rest, &e, ARGS("-", "-b")), OPTION_OK);
	assert_int_equal(rest, 1);
	assert_int_equal(parse(&v, &rest, &e, ARGS("-s=")), OPTION_OK);
	assert_string_equal(v.s, "");
	assert_int_equal(parse(&v, &rest, &e, ARGS("-s=a=b")), OPTION_OK);
	assert_string_equal(v.s, "a=b");
}

static void errors_read_as_upstreams(void **state)
{
	static const struct {
		const char *a, *b, *text;
	} cases[] = {
		{ "-xyz", NULL, "flag provided but not defined: -xyz" },
		{ "--xyz=1", NULL, "flag provided but not defined: -xyz" },
		{ "-s", NULL, "flag needs an argument: -s" },
		{ "---b", NULL, "bad flag syntax: ---b" },
		{ "-=b", NULL, "bad flag syntax: -=b" },
		{ "--=b", NULL, "bad flag syntax: --=b" },
		{ "-b=x", NULL, "invalid boolean value \"x\" for -b: parse error" },
		{ "-b=", NULL, "invalid boolean value \"\" for -b: parse error" },
		{ "-n", "ten", "invalid value \"ten\" for flag -n: parse error" },
		{ "-n", "9223372036854775808",
		  "invalid value \"9223372036854775808\" for flag -n: value out of range" },
		{ "-wait-time", "5", "invalid value \"5\" for flag -wait-time: parse error" },
		{ "-n", "a\"\n\x01\xff\u00e9",
		  "invalid value \"a\\\"\\n\\x01\\xff\u00e9\" for flag -n: parse error" },
		{ "-stage", "x", "invalid value \"x\" for flag -stage: x is not a valid stage" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct values v;
		struct err e = { .code = 0 };
		int rest = -7;

		assert_int_equal(parse(&v, &rest, &e, ARGS(cases[i].a, cases[i].b)), -EINVAL);
		assert_string_equal(e.text, cases[i].text);
		assert_int_equal(rest, -7);
		option_values_done(&set, &v);
	}
}

static void help_is_a_result(void **state)
{
	struct values v;
	struct err e;
	int rest;

	(void)state;
	assert_int_equal(parse(&v, &rest, &e, ARGS("-h")), OPTION_HELP);
	assert_int_equal(parse(&v, &rest, &e, ARGS("--help")), OPTION_HELP);
	assert_int_equal(parse(&v, &rest, &e, ARGS("-b", "-help=1")), OPTION_HELP);
	assert_int_equal(parse(&v, &rest, &e, ARGS("x", "-h")), OPTION_OK);
}

static char warned[512];

static void warn(const char *text)
{
	snprintf(warned, sizeof warned, "%s", text);
}

static void environment(void **state)
{
	char *none[] = { (char *)"prog", NULL },
	     *given[] = { (char *)"prog", (char *)"-s", (char *)"cmd", NULL };
	struct values v;
	struct err e;
	int rest;

	(void)state;
	setenv("HTEST_S", "env", 1);
	setenv("HTEST_WAIT_TIME", "3s", 1);
	setenv("HTEST_LIST", "a,b", 1);
	setenv("HTEST_N", "", 1);
	setenv("HTEST_B", "perhaps", 1);
	assert_int_equal(option_parse(&set, 1, none, &v, &rest, warn, &e), OPTION_OK);
	assert_string_equal(v.s, "env");
	assert_true(v.wait_ms == 3000 && v.n == 5 && !v.b);
	assert_int_equal(v.list.n, 1); /* commas do not split */
	assert_string_equal(v.list.v[0], "a,b");
	assert_non_null(strstr(warned, "HTEST_B is ignored: invalid boolean value \"perhaps\""));
	option_values_done(&set, &v);
	assert_int_equal(option_parse(&set, 3, given, &v, &rest, warn, &e), OPTION_OK);
	assert_string_equal(v.s, "cmd");
	option_values_done(&set, &v);
	assert_true(option_given(&set, 3, given, "s"));
	assert_false(option_given(&set, 3, given, "cmd"));
	assert_false(option_given(&set, 3, given, "b"));
	unsetenv("HTEST_S");
	unsetenv("HTEST_WAIT_TIME");
	unsetenv("HTEST_LIST");
	unsetenv("HTEST_N");
	unsetenv("HTEST_B");
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		long long v;
		const char *why;
	} cases[] = {
		{ "0", 0, NULL },
		{ "-0", 0, NULL },
		{ "+7", 7, NULL },
		{ "-12", -12, NULL },
		{ "0x1F", 31, NULL },
		{ "-0X1f", -31, NULL },
		{ "0b101", 5, NULL },
		{ "0o17", 15, NULL },
		{ "017", 15, NULL },
		{ "1_000", 1000, NULL },
		{ "0x_f", 15, NULL },
		{ "0_7", 7, NULL },
		{ "9223372036854775807", LLONG_MAX, NULL },
		{ "-9223372036854775808", LLONG_MIN, NULL },
		{ "9223372036854775808", 0, "value out of range" },
		{ "-9223372036854775809", 0, "value out of range" },
		{ "99999999999999999999999", 0, "value out of range" },
		{ "", 0, "parse error" },
		{ "-", 0, "parse error" },
		{ "0x", 0, "parse error" },
		{ "08", 0, "parse error" },
		{ "0b2", 0, "parse error" },
		{ "1_", 0, "parse error" },
		{ "_1", 0, "parse error" },
		{ "1__0", 0, "parse error" },
		{ " 1", 0, "parse error" },
		{ "1 ", 0, "parse error" },
		{ "1.0", 0, "parse error" },
		{ "1e3", 0, "parse error" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long long v = 77;
		const char *why = option_parse_int(cases[i].text, &v);

		if (!why != !cases[i].why || (why && strcmp(why, cases[i].why) != 0) ||
		    (!why && v != cases[i].v))
			fail_msg("%s: %lld %s", cases[i].text, v, why ? why : "");
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		long long ms;
		bool ok;
	} cases[] = {
		{ "0", 0, true },
		{ "90s", 90000, true },
		{ "1m30s", 90000, true },
		{ "500ms", 500, true },
		{ "2m0s", 120000, true },
		{ "1.5h", 5400000, true },
		{ ".5s", 500, true },
		{ "1.s", 1000, true },
		{ "-1.5s", -1500, true },
		{ "+5s", 5000, true },
		{ "1h1m1s1ms", 3661001, true },
		{ "1500us", 1, true },
		{ "2000\u00b5s", 2, true },
		{ "2000\u03bcs", 2, true },
		{ "3000000ns", 3, true },
		{ "-0", 0, true },
		{ "", 0, false },
		{ "5", 0, false },
		{ "s", 0, false },
		{ ".s", 0, false },
		{ "5 s", 0, false },
		{ "5S", 0, false },
		{ "5d", 0, false },
		{ "1h2", 0, false },
		{ "--1s", 0, false },
		{ "9223372036s", 9223372036000, true },
		{ "9223372037s", 0, false },
		{ "99999999999999999999h", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long long ms = 77;
		const char *why = option_parse_duration(cases[i].text, &ms);

		if (!why != cases[i].ok || (!why && ms != cases[i].ms))
			fail_msg("%s: %lld %s", cases[i].text, ms, why ? why : "");
	}
}

static void booleans(void **state)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	static const char *const bad[] = { "", "yes", "tRUE", "2", "on", " 1" };
	bool v;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		v = false;
		assert_null(option_parse_bool(yes[i], &v));
		assert_true(v);
		assert_null(option_parse_bool(no[i], &v));
		assert_false(v);
		assert_string_equal(option_parse_bool(bad[i], &v), "parse error");
	}
}

static void help_names_every_option(void **state)
{
	struct option_set all = set;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	all.n = ARRAY_SIZE(defs);
	option_help(&all, f);
	fclose(f);
	for (size_t i = 0; i < set.n; i++)
		if (!strstr(text, defs[i].name))
			fail_msg("no %s in: %s", defs[i].name, text);
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "one of: disks files"));
	assert_non_null(strstr(text, "(default 2m0s)"));
	assert_non_null(strstr(text, "HTEST_WAIT_TIME"));
	free(text);
}

static const struct option_set gnu = { .program = "prog", .defs = defs, .n = 7, .gnu = true };

static void gnu_style(void **state)
{
	const struct {
		const char *args[8];
		const char *want; /* text of the refusal; NULL = accepted */
		const char *rest[4];
	} cases[] = {
		{ { "x", "--b", "y", "--s", "z", "--yes=false", "w" }, NULL, { "x", "y", "w" } },
		{ { "x", "--s=z", "--", "--b", "y" }, NULL, { "x", "--b", "y" } },
		{ { "-", "--s", "--b" }, NULL, { "-" } },
		{ { "x", "-s", "z" }, "unknown shorthand flag: 's' in -s", { NULL } },
		{ { "--nope=3" }, "unknown flag: --nope", { NULL } },
		{ { "x", "--s" }, "flag needs an argument: --s", { NULL } },
		{ { "x", "--b=maybe" }, "invalid boolean value \"maybe\" for --b: parse error", { NULL } },
		{ { "x", "--n", "y" }, "invalid value \"y\" for flag --n: parse error", { NULL } },
		{ { "x", "---s", "y" }, "bad flag syntax: ---s", { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[10] = { (char *)"prog" };
		struct err e = { 0 };
		struct values v;
		int argc = 1, rest = 0, r;

		for (; cases[i].args[argc - 1]; argc++)
			argv[argc] = (char *)(uintptr_t)cases[i].args[argc - 1];
		r = option_parse(&gnu, argc, argv, &v, &rest, NULL, &e);
		if (cases[i].want) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(e.text, cases[i].want);
			continue;
		}
		assert_int_equal(r, OPTION_OK);
		for (int k = 0; cases[i].rest[k]; k++, rest++)
			assert_string_equal(argv[rest], cases[i].rest[k]);
		assert_int_equal(rest, argc);
	}
}

static void gnu_help(void **state)
{
	CLEANUP(freep) char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_non_null(f);
	option_help(&gnu, f);
	fclose(f);
	assert_non_null(strstr(text, "  --wait-time DUR\n"));
	assert_non_null(strstr(text, "  --help\n"));
	for (const char *const *help = (const char *const[]){ "--help", "-h", "-help", NULL }; *help;
	     help++) {
		char *argv[] = { (char *)"prog", (char *)"x", (char *)(uintptr_t)*help };
		struct values v;
		int rest;

		assert_int_equal(option_parse(&gnu, 3, argv, &v, &rest, NULL, NULL), OPTION_HELP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_spelling),
		cmocka_unit_test(errors_read_as_upstreams),
		cmocka_unit_test(help_is_a_result),
		cmocka_unit_test(environment),
		cmocka_unit_test(integers),
		cmocka_unit_test(durations),
		cmocka_unit_test(booleans),
		cmocka_unit_test(help_names_every_option),
		cmocka_unit_test(gnu_style),
		cmocka_unit_test(gnu_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
