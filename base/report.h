/*
 * Findings about one document: severity, path, text, and (once, at the end) line and column.
 * Findings are not errors: a validator adds them and goes on.
 *
 *   error at $.storage.disks.0.partitions.1.sizeMiB, line 9 col 20: expected integer, got string
 *
 * A reader who wants help (explain) also gets a hint under a finding, and advice: SEV_INFO findings that
 * upstream does not have. Neither changes whether a document is accepted, neither appears otherwise.
 *
 * The report owns everything it holds. Up to REPORT_MAX_KEPT findings of each severity are kept;
 * further ones are counted, so a document with a million mistakes is still fatal, and still cheap.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/cfg.h"

struct buf;

enum severity { SEV_ERROR, SEV_WARN, SEV_INFO, SEV_COUNT_ };
enum report_at { AT_VALUE, AT_KEY }; /* which position of the path's last member */

enum { REPORT_MAX_KEPT = 1000 };

struct report_entry {
	enum severity sev;
	enum report_at at;
	const struct cfg_path *path; /* NULL: the whole document */
	const char *text;
	const char *rule;   /* the text's format string, a literal: the same for findings of one kind */
	const char *hint;   /* what to do about it, or NULL */
	unsigned line, col; /* 0 = not known */
	bool advice;        /* not upstream's: only for who asked for help */
};

struct report {
	struct arena *arena;
	struct report_entry *v;
	size_t n, cap;
	size_t count[SEV_COUNT_]; /* all of them, kept or not */
	bool explain;             /* set by who will show hints */
};

/* Zeroed is empty. 0 or -ENOMEM. The path is copied; fmt must be a literal, it is kept as the rule. */
int report_add(struct report *r, enum severity sev, enum report_at at, const struct cfg_path *path,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int report_add_at(struct report *r, enum severity sev, unsigned line, unsigned col, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

int report_vadd(struct report *r, enum severity sev, enum report_at at, const struct cfg_path *path,
		const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

/*
 * A hint for finding i of those kept: what to do, where the finding only says what is wrong. The first
 * one stays. Nothing happens unless hints are wanted. 0 or -ENOMEM.
 */
int report_hint_at(struct report *r, size_t i, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A SEV_INFO finding at the value, when hints are wanted; else nothing. 0 or -ENOMEM. */
int report_advise(struct report *r, const struct cfg_path *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Moves all findings of from to the end of to. 0 or -ENOMEM (then from is unchanged). */
int report_take(struct report *to, struct report *from);

/* Fills in line and column of every finding that has none; one pass over the text. 0 or -ENOMEM. */
int report_locate(struct report *r, const char *text, size_t len);

static inline bool report_fatal(const struct report *r)
{
	return r->count[SEV_ERROR] > 0;
}

/* One finding as upstream prints it, no newline; control characters appear as \x0a. */
int report_format(const struct report_entry *e, struct buf *out);

/* Its path as the line has it, "$.storage.disks.0"; nothing when it has none. */
int report_format_path(const struct report_entry *e, struct buf *out);

/* Its hint, or what it advises, without control characters; nothing when it does neither. */
int report_format_hint(const struct report_entry *e, struct buf *out);

/* All of them, one per line; a last line counts those that were not kept. 0, or what the buffer said. */
int report_print(const struct report *r, struct buf *out);

void report_done(struct report *r);
