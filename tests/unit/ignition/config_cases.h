/*
 * Tables of configs with everything that each version must report about them, positions included.
 *
 * In a config ' stands for " and $ for the version; ~ and a letter marks a place, and the same mark in
 * a finding behind its path stands for ", line L col C" of that place. A case names the rule it is
 * about (the finding's format) and says for each range of versions what must be reported; together the
 * ranges cover every version, so what a version does not refuse is tested too. tests/lint/test_rules.py
 * checks that every rule in the sources is named by some case.
 */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/jscan.h"
#include "base/report.h"
#include "ignition/config/config.h"

static const char *const version_text[] = { "3.0.0", "3.1.0", "3.2.0", "3.3.0",
					    "3.4.0", "3.5.0", "3.6.0", "3.7.0-experimental" };
enum { N_VERSIONS = ARRAY_SIZE(version_text), NEWEST = N_VERSIONS - 1, STABLE = NEWEST - 1 };

#define IGN(rest)     "{'ignition':{'version':'$',\n" rest "}}"
#define STORAGE(rest) "{'ignition':{'version':'$'},\n'storage':{" rest "}}"
#define TOP(rest)     "{'ignition':{'version':'$'},\n" rest "}"

#define E(path, text)      "error at $." path ": " text "\n"
#define W(path, text)      "warning at $." path ": " text "\n"
#define UNUSED(path, key)  W(path, "unused key " key)
#define DUPLICATE(path)    E(path, "duplicate entry defined")
#define NULL_OBJECT(place) /* %s of the rule is the place as well */                                         \
	"context tree does not match content tree at $." place                                               \
	". Line and column reporting may be inconsistent. Unused keys may not be reported"
#define NULL_OBJECT_RULE                                                                                     \
	"context tree does not match content tree at %s. Line and column reporting may be inconsistent. "    \
	"Unused keys may not be reported"

struct by_version {
	unsigned from, to; /* minor versions */
	const char *want;  /* the whole report */
};
#define ALL(want)                                                                                            \
	{                                                                                                    \
		{                                                                                            \
			0, NEWEST, want                                                                      \
		}                                                                                            \
	}
#define FROM(minor, before, want)                                                                            \
	{                                                                                                    \
		{ 0, (minor)-1, before },                                                                    \
		{                                                                                            \
			minor, NEWEST, want                                                                  \
		}                                                                                            \
	}

struct rule_case {
	const char *rule;
	const char *text;
	struct by_version by[4];
};

struct mark {
	char name;
	size_t off;
	bool used;
};

struct marks {
	struct mark v[26];
	size_t n;
};

static inline struct mark *find_mark(struct marks *m, char name)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].name == name)
			return &m->v[i];
	return NULL;
}

static inline void put_config(struct buf *out, const char *text, unsigned minor, struct marks *m)
{
	for (; *text; text++) {
		if (*text == '\'') {
			buf_putc(out, '"');
		} else if (*text == '$') {
			buf_puts(out, version_text[minor]);
		} else if (*text == '~' && m) {
			assert_null(find_mark(m, text[1]));
			assert_true(m->n < ARRAY_SIZE(m->v));
			m->v[m->n++] = (struct mark){ .name = *++text, .off = out->n };
		} else {
			buf_putc(out, *text);
		}
	}
}

static inline void put_want(struct buf *out, const char *want, const struct buf *json, struct marks *m)
{
	for (; *want; want++) {
		struct mark *mark = *want == '~' ? find_mark(m, want[1]) : NULL;
		char place[64];
		unsigned line, col;

		if (!mark) {
			buf_putc(out, *want);
			continue;
		}
		jscan_linecol(json->p, json->n, mark->off, &line, &col);
		snprintf(place, sizeof place, ", line %u col %u", line, col);
		buf_puts(out, place);
		mark->used = true;
		want++;
	}
}

/* Parses, prints the report into got, and returns what the parser did. */
static inline int parse_json(const struct buf *json, struct arena *a, struct ign_config *c,
			     struct report *rep, struct buf *got, struct err *e)
{
	int r = ign_config_parse(json->p ? json->p : "", json->n, a, rep, c, e);

	assert_int_equal(report_print(rep, got), 0);
	assert_int_equal(r < 0, report_fatal(rep) || e->code);
	return r;
}

static inline int parse_case(const char *text, unsigned minor, struct arena *a, struct ign_config *c,
			     struct buf *got, struct err *e)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };

	put_config(&json, text, minor, NULL);
	return parse_json(&json, a, c, &rep, got, e);
}

static inline bool has_rule(const struct report *rep, const char *rule)
{
	for (size_t i = 0; i < rep->n; i++)
		if (strcmp(rep->v[i].rule, rule) == 0 ||
		    (strcmp(rep->v[i].rule, "%s") == 0 && strcmp(rep->v[i].text, rule) == 0))
			return true;
	return false;
}

/* Returns whether the rule that the case is about was hit. */
static inline bool run_version(const struct rule_case *c, unsigned minor, const char *want, bool *used)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(buf_done) struct buf expected = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	struct marks marks = { 0 };
	struct ign_config config;
	struct err e = { 0 };
	int r;

	put_config(&json, c->text, minor, &marks);
	put_want(&expected, want, &json, &marks);
	r = parse_json(&json, a, &config, &rep, &got, &e);
	if (strcmp(buf_str(&got), buf_str(&expected)) != 0) {
		/* cmocka cuts messages off */
		fprintf(stderr, "3.%u, %s\n%s\ngot:\n%swant:\n%s", minor, c->rule, buf_str(&json),
			buf_str(&got), buf_str(&expected));
		fail();
	}
	if (r != (report_fatal(&rep) ? -EBADMSG : 0) || (r < 0 && strcmp(e.text, "config is not valid") != 0))
		fail_msg("3.%u, %s: %d %s", minor, c->text, r, e.text);
	for (size_t i = 0; i < marks.n; i++)
		used[i] = used[i] || marks.v[i].used;
	return has_rule(&rep, c->rule);
}

/* Whether a version that knows the keys would have said nothing. */
static inline bool only_unused_keys(const char *want)
{
	for (const char *end; *want; want = end + 1) {
		const char *unused = strstr(want, ": unused key ");

		end = strchr(want, '\n');
		if (!unused || unused > end)
			return false;
	}
	return true;
}

static inline void run_case(const struct rule_case *c)
{
	bool used[26] = { false }, hit = false, silent = true;
	unsigned next = 0;
	size_t i = 0, n = 0;

	for (; i < ARRAY_SIZE(c->by) && c->by[i].want; i++) {
		assert_int_equal(c->by[i].from, next);
		next = c->by[i].to + 1;
		silent = silent && only_unused_keys(c->by[i].want);
		for (unsigned minor = c->by[i].from; minor <= c->by[i].to; minor++)
			hit = run_version(c, minor, c->by[i].want, used) || hit;
	}
	if (next != N_VERSIONS)
		fail_msg("%s: the case ends before 3.%u", c->text, next);
	if (!silent && !hit)
		fail_msg("%s: no version says \"%s\"", c->text, c->rule);
	for (const char *t = c->text; *t; t++)
		if (*t == '~' && !used[n++])
			fail_msg("%s: mark %c is in no finding", c->text, t[1]);
}

static inline void run_cases(const struct rule_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_case(&cases[i]);
}
#define RUN(cases) run_cases(cases, ARRAY_SIZE(cases))
