/*
 * Tables of mistakes that people make, and the hint each gets. In a config ' stands for " and $ for
 * '{"ignition": {"version": "3.4.0"}', which @ opens at the newest stable version.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"
#include "ignition/config/hints.h"

struct hint_case {
	const char *text;
	size_t len;       /* 0: up to the NUL, and ' and $ and @ stand for something */
	const char *want; /* the first hint or advice */
};

#define RAW(s) s, sizeof(s) - 1

static inline void put_text(struct buf *out, const struct hint_case *c)
{
	if (c->len)
		assert_int_equal(buf_append(out, c->text, c->len), 0);
	for (const char *p = c->len ? "" : c->text; *p; p++)
		assert_int_equal(*p == '\''  ? buf_putc(out, '"')
				 : *p == '$' ? buf_puts(out, "{\"ignition\": {\"version\": \"3.4.0\"}")
				 : *p == '@' ? buf_puts(out, "{\"ignition\": {\"version\": \"3.6.0\"}")
					     : buf_putc(out, *p),
				 0);
}

/* Of the first error that has one, else of the first finding. */
static inline const char *first_hint(const struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].sev == SEV_ERROR && r->v[i].hint)
			return r->v[i].hint;
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].hint)
			return r->v[i].hint;
		if (r->v[i].advice)
			return r->v[i].text;
	}
	return "";
}

/* Also: the same verdict and the same plain lines with hints and without. */
static inline void run_hint_cases(const struct hint_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf text = { 0 };
		CLEANUP(buf_done) struct buf plain = { 0 };
		CLEANUP(buf_done) struct buf same = { 0 };
		CLEANUP(report_done) struct report with = { .explain = true };
		CLEANUP(report_done) struct report without = { 0 };
		struct err e = { 0 }, e2 = { 0 };
		struct ign_config c;
		int r, r2;

		put_text(&text, &cases[i]);
		r = ign_config_parse(buf_str(&text), text.n, a, &with, &c, &e);
		r2 = ign_config_parse(buf_str(&text), text.n, a, &without, &c, &e2);
		assert_int_equal(r, r2);
		assert_string_equal(e.text, e2.text);
		assert_int_equal(report_print(&without, &plain), 0);
		for (size_t k = 0; k < without.n; k++)
			assert_null(without.v[k].hint);
		for (size_t k = 0; k < with.n; k++) {
			if (with.v[k].advice)
				continue;
			assert_int_equal(report_format(&with.v[k], &same), 0);
			assert_int_equal(buf_putc(&same, '\n'), 0);
		}
		assert_string_equal(buf_str(&same), buf_str(&plain));
		if (strcmp(first_hint(&with), cases[i].want) != 0)
			fail_msg("%s\n%sgot:  %s\nwant: %s", cases[i].text, buf_str(&plain),
				 first_hint(&with), cases[i].want);
	}
}

#define FILE_(rest)   "$,'storage':{'files':[{'path':'/a'," rest "}]}}"
#define UNIT(rest)    "$,'systemd':{'units':[{'name':'a.service'," rest "}]}}"
#define USER(rest)    "$,'passwd':{'users':[{'name':'core'," rest "}]}}"
#define DISK(rest)    "$,'storage':{'disks':[{'device':'/dev/a'," rest "}]}}"
#define PART(rest)    DISK("'partitions':[{'number':1," rest "}]")
#define FS(rest)      "$,'storage':{'filesystems':[{'device':'/dev/a'," rest "}]}}"
#define LUKS(rest)    "$,'storage':{'luks':[{'name':'a','device':'/dev/a'," rest "}]}}"
#define STORAGE(rest) "$,'storage':{" rest "}}"
#define IGN(rest)     "{'ignition':{'version':'3.4.0'," rest "}}"
