/* The findings of a report for programs: one JSON object, or a SARIF 2.1.0 log. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct report;

struct report_subject {
	const char *program; /* who looked */
	const char *file;    /* as the user named it */
	const char *text;
	size_t len;
	const char *reason; /* the one line that says why it cannot be used; NULL: it can */
};

/*
 * {"file", "valid", "error", "counts": {"error", "warning", "info"}, "findings": [...], "omitted"}; a
 * finding is {"severity", "path", "line", "column", "message", "rule", "hint"}, members that are not
 * known left out. Columns count bytes, as in the text form. 0, -ENOMEM or what the buffer said.
 */
int report_json(const struct report *r, const struct report_subject *s, struct buf *out);

/*
 * One run; columns count UTF-16 code units, which is what readers of SARIF expect. A document that is
 * refused without a finding that says so gets a result of its own. As report_json() returns.
 */
int report_sarif(const struct report *r, const struct report_subject *s, struct buf *out);
