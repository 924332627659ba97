/*
 * The findings of a report for a person at a terminal: each as report_format() has it, then the line of
 * the document with a mark under the place, then the hint; a line that counts them comes last.
 *
 *	error at $.storage.files.0.mode, line 4 col 18: expected integer, got string
 *	   --> config.ign:4:18
 *	    |
 *	  4 |         "mode": "0644"
 *	    |                 ^~~~~~
 *	   hint: write 420: numbers in JSON are decimal, and 420 is 0644
 *
 * What the document holds is shown without controls; of a long line, what is around the place.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct report;

struct explain_view {
	const char *file; /* as the user named it */
	const char *text; /* what the report is about */
	size_t len;
	const char *reason; /* why it cannot be used although no finding is an error; NULL: it can */
	bool colour;
};

/* Time: one pass over the text; output: a few hundred bytes per finding. 0 or what the buffer said. */
int explain_print(const struct report *r, const struct explain_view *v, struct buf *out);
