/*
 * Tables of rule cases (config_cases.h) for spec 1 and 2.x: what a document's decoding and the rules of
 * its version report, without what its conversion has to say about documents that they accept.
 */
#pragma once
#include "tests/unit/ignition/config_cases.h"
#include <json-c/json.h>
#include "ignition/config/tree.h"
#include "ignition/config/v1/v1.h"
#include "ignition/config/v2/v2.h"
#include "ignition/config/version.h"

enum { OLDEST2, NEWEST2 = 4 };

#define ALL2(want)                                                                                           \
	{                                                                                                    \
		{                                                                                            \
			0, NEWEST2, want                                                                     \
		}                                                                                            \
	}
#define FROM2(minor, before, want)                                                                           \
	{                                                                                                    \
		{ 0, (minor)-1, before },                                                                    \
		{                                                                                            \
			minor, NEWEST2, want                                                                 \
		}                                                                                            \
	}
#define UNKNOWN(path, key) W(path, "Config has unrecognized key: " key)

/* What the rules say, and unknown keys behind that. */
static inline void check_old(const struct buf *json, struct arena *a, struct report *rep)
{
	CLEANUP(tree_freep) struct json_object *root = NULL;
	CLEANUP(report_done) struct report keys = { 0 };
	struct ign1_config v1 = { 0 };
	struct ign2_config v2 = { 0 };
	struct ign_version version;
	struct err e = { 0 };

	assert_int_equal(tree_read(json->p, json->n, rep, &root, &e), 0);
	assert_int_equal(ign_version_find(root, rep, &version, &e), 0);
	if (version.major == 1) {
		assert_int_equal(cfg_decode_v0(&ign1_config_desc, root, 0, a, &keys, &v1), 0);
		assert_int_equal(report_fatal(&keys) ? 0 : ign1_validate(&v1, rep), 0);
	} else {
		assert_int_equal(version.major, 2);
		assert_int_equal(cfg_decode_v0(&ign2_config_desc, root, version.minor, a, &keys, &v2), 0);
		assert_int_equal(report_fatal(&keys) ? 0 : ign2_validate(&v2, version.minor, rep), 0);
	}
	assert_int_equal(report_take(rep, &keys), 0);
	assert_int_equal(report_locate(rep, json->p, json->n), 0);
}

/* The parser must say the same, and, when that refuses nothing, add no more than the conversion's. */
static inline void check_parse(const struct buf *json, const struct buf *expected, bool refused)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	struct ign_config config;
	struct err e = { 0 };
	int r = parse_json(json, a, &config, &rep, &got, &e);

	if (refused) {
		assert_int_equal(r, -EBADMSG);
		assert_string_equal(e.text, "config is not valid");
		assert_string_equal(buf_str(&got), buf_str(expected));
	} else if (strncmp(buf_str(&got), buf_str(expected), expected->n) != 0) {
		fail_msg("%s\nparsed:\n%s", buf_str(json), buf_str(&got));
	}
}

static inline bool run_old_version(const struct rule_case *c, const char *version, const char *want,
				   bool *used)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(buf_done) struct buf expected = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	struct marks marks = { 0 };

	for (const char *t = c->text; *t; t++)
		(void)(*t == '$' ? buf_puts(&text, version) : buf_putc(&text, *t));
	put_config(&json, buf_str(&text), 0, &marks);
	put_want(&expected, want, &json, &marks);
	check_old(&json, a, &rep);
	assert_int_equal(report_print(&rep, &got), 0);
	if (strcmp(buf_str(&got), buf_str(&expected)) != 0) {
		fprintf(stderr, "%s, %s\n%s\ngot:\n%swant:\n%s", version, c->rule, buf_str(&json),
			buf_str(&got), buf_str(&expected));
		fail();
	}
	check_parse(&json, &expected, report_fatal(&rep));
	for (size_t i = 0; i < marks.n; i++)
		used[i] = used[i] || marks.v[i].used;
	return has_rule(&rep, c->rule);
}

static inline bool only_unknown_keys(const char *want)
{
	for (const char *end; *want; want = end + 1) {
		const char *key = strstr(want, ": Config has unrecognized key: ");

		end = strchr(want, '\n');
		if (!key || key > end)
			return false;
	}
	return true;
}

/* newest: the last minor version that the case must speak of. */
static inline void run_old_case(const struct rule_case *c, unsigned newest)
{
	bool used[26] = { false }, hit = false, silent = true;
	unsigned next = 0;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(c->by) && c->by[i].want; i++) {
		assert_int_equal(c->by[i].from, next);
		next = c->by[i].to + 1;
		silent = silent && only_unknown_keys(c->by[i].want);
		for (unsigned minor = c->by[i].from; minor <= c->by[i].to; minor++) {
			char version[16];

			snprintf(version, sizeof version, "2.%u.0", minor);
			hit = run_old_version(c, version, c->by[i].want, used) || hit;
		}
	}
	if (next != newest + 1)
		fail_msg("%s: the case ends before minor version %u", c->text, next);
	if (!silent && !hit)
		fail_msg("%s: no version says \"%s\"", c->text, c->rule);
	for (const char *t = c->text; *t; t++)
		if (*t == '~' && !used[n++])
			fail_msg("%s: mark %c is in no finding", c->text, t[1]);
}

#define RUN2(cases)                                                                                          \
	for (size_t i_ = 0; i_ < ARRAY_SIZE(cases); i_++)                                                    \
	run_old_case(&cases[i_], NEWEST2)
#define RUN1(cases)                                                                                          \
	for (size_t i_ = 0; i_ < ARRAY_SIZE(cases); i_++)                                                    \
	run_old_case(&cases[i_], 0)
