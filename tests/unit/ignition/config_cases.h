/*
 * A table of configs with everything that must be reported about each, for the tests of the rules.
 * In a text, ' stands for " and $ for the version; the report is compared without positions.
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
#include "base/report.h"
#include "ignition/config/config.h"

static const char *const version_text[] = { "3.0.0", "3.1.0", "3.2.0", "3.3.0",
					    "3.4.0", "3.5.0", "3.6.0", "3.7.0-experimental" };

#define IGN(rest)     "{'ignition':{'version':'$'," rest "}}"
#define STORAGE(rest) "{'ignition':{'version':'$'},'storage':{" rest "}}"
#define TOP(rest)     "{'ignition':{'version':'$'}," rest "}"

struct config_case {
	unsigned minor;
	const char *text, *want;
};

static inline void put_config(struct buf *out, const char *text, unsigned minor)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_putc(out, '"');
		else if (*text == '$')
			buf_puts(out, version_text[minor]);
		else
			buf_putc(out, *text);
	}
}

/* Parses, prints the report without positions into got, and returns what the parser did. */
static inline int parse_case(const char *text, unsigned minor, struct arena *a, struct ign_config *c,
			     struct buf *got, struct err *e)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	int r;

	put_config(&json, text, minor);
	r = ign_config_parse(buf_str(&json), json.n, a, &rep, c, e);
	for (size_t i = 0; i < rep.n; i++) {
		assert_true(rep.v[i].line > 0 && rep.v[i].col > 0);
		rep.v[i].line = rep.v[i].col = 0;
	}
	assert_int_equal(report_print(&rep, got), 0);
	assert_int_equal(r < 0, report_fatal(&rep) || e->code);
	return r;
}

static inline void run_cases(const struct config_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf got = { 0 };
		struct ign_config c;
		struct err e = { 0 };
		int r = parse_case(cases[i].text, cases[i].minor, a, &c, &got, &e);

		if (strcmp(buf_str(&got), cases[i].want) != 0)
			fail_msg("3.%u %s\ngot:\n%swant:\n%s", cases[i].minor, cases[i].text, buf_str(&got),
				 cases[i].want);
		if (strstr(cases[i].want, "error")) {
			assert_int_equal(r, -EBADMSG);
			assert_string_equal(e.text, "config is not valid");
		} else {
			assert_int_equal(r, 0);
		}
	}
}
