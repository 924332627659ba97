#include "base/place.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/report.h"
#include "base/utf8.h"

static int by_position(const void *a, const void *b, void *entries)
{
	const struct report_entry *x = (struct report_entry *)entries + *(const size_t *)a;
	const struct report_entry *y = (struct report_entry *)entries + *(const size_t *)b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->col < y->col ? -1 : x->col > y->col;
}

/* Walks forward only, so that many findings in one long line cost one look at it. */
struct cursor {
	const char *text;
	size_t len;
	size_t line, start; /* current line and where it begins */
	size_t off, utf16;  /* how far in it, in bytes of the text and in units from the line's start */
};

static void go_to_line(struct cursor *c, size_t line)
{
	while (c->line < line) {
		const char *nl = memchr(c->text + c->start, '\n', c->len - c->start);

		if (!nl)
			return;
		c->start = c->off = (size_t)(nl - c->text) + 1;
		c->utf16 = 0;
		c->line++;
	}
}

static void go_to_col(struct cursor *c, size_t col)
{
	while (c->off < c->len && c->off - c->start + 1 < col && c->text[c->off] != '\n') {
		unsigned char first = (unsigned char)c->text[c->off];
		size_t n = first < 0x80 ? 1
					: utf8_len((const unsigned char *)c->text + c->off, c->len - c->off);

		if (n && c->off - c->start + n >= col) /* in the middle of a character: at its start */
			return;
		c->off += n ? n : 1;
		c->utf16 += n == 4 ? 2 : 1;
	}
}

int places_find(const struct report *r, const char *text, size_t len, struct place **ret)
{
	CLEANUP(freep) size_t *order = calloc(r->n + 1, sizeof *order);
	struct place *v = calloc(r->n + 1, sizeof *v);
	struct cursor c = { .text = text, .len = len, .line = 1 };

	if (!order || !v) {
		free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->n; i++)
		order[i] = i;
	if (r->n)
		qsort_r(order, r->n, sizeof *order, by_position, r->v);
	for (size_t i = 0; i < r->n; i++) {
		const struct report_entry *e = &r->v[order[i]];

		if (!e->line)
			continue;
		go_to_line(&c, e->line);
		go_to_col(&c, e->col);
		v[order[i]] = (struct place){ c.start, c.off, c.utf16 + 1, true };
	}
	*ret = v;
	return 0;
}
