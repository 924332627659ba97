/* Where the findings of a report are in the text: offsets and columns for those who show them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct report;

struct place {
	size_t line_start, off; /* of the first byte of the line, and of the finding */
	size_t col_utf16;       /* from 1 */
	bool known;             /* false: the finding has no position */
};

/* One place per finding of r, in their order; the caller frees. One pass over the text. 0 or -ENOMEM. */
int places_find(const struct report *r, const char *text, size_t len, struct place **ret);
