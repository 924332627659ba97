#include "base/explain.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/glyph.h"
#include "base/place.h"
#include "base/report.h"

enum {
	WIDTH = 96,  /* columns that are shown of a line */
	NEAR = 72,   /* a place that far from its beginning is shown with all that is before it, */
	BEFORE = 44, /* another one with so much */
	TAB = 4,
	TOKEN_MAX = 4 * WIDTH, /* bytes */
	MARKS_MAX = 4 * WIDTH, /* bytes of characters without a width, on each side of the place */
};

#define RED    "\x1b[1;31m"
#define YELLOW "\x1b[1;33m"
#define CYAN   "\x1b[1;36m"
#define GREEN  "\x1b[1;32m"
#define DIM    "\x1b[2m"

static const char *const severity_colour[] = { RED, YELLOW, CYAN };

/* Where the text goes; the first failure stays. */
struct pen {
	struct buf *out;
	const struct explain_view *v;
	int r;
};

static void put(struct pen *p, const char *s)
{
	if (p->r == 0)
		p->r = buf_puts(p->out, s);
}

__attribute__((format(printf, 2, 3))) static void put_f(struct pen *p, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put(p, text);
}

static void put_in(struct pen *p, const char *colour, const char *s)
{
	put(p, p->v->colour ? colour : "");
	put(p, s);
	put(p, p->v->colour ? "\x1b[0m" : "");
}

static void put_clean(struct pen *p, const char *s)
{
	for (struct glyph g; *s; s += g.bytes) {
		g = glyph_at(s, strlen(s));
		put(p, g.text);
	}
}

/* Of the character that ends at text + end. */
static struct glyph glyph_before(const char *text, size_t start, size_t end)
{
	size_t n = 1;

	while (n < 4 && end - n > start && (text[end - n] & 0xc0) == 0x80)
		n++;
	for (; n > 1; n--) {
		struct glyph g = glyph_at(text + end - n, n);

		if (g.bytes == n)
			return g;
	}
	return glyph_at(text + end - 1, 1);
}

/* That many columns before the place, or the beginning of its line, or many marks that have no width. */
static size_t go_back(const struct explain_view *v, const struct place *p, unsigned max)
{
	size_t from = p->off, marks = 0;
	unsigned cols = 0;

	while (from > p->line_start && cols < max && marks < MARKS_MAX) {
		struct glyph g = glyph_before(v->text, p->line_start, from);

		cols += v->text[from - 1] == '\t' ? (unsigned)TAB : g.cols;
		marks += g.cols ? 0 : g.bytes;
		from -= g.bytes;
	}
	return from;
}

/* The bytes of the token at the place, to be underlined: a string, a number or a word. */
static size_t token_len(const char *s, size_t left)
{
	static const char word[] = "-+.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t n = 0;

	left = left < TOKEN_MAX ? left : TOKEN_MAX;
	if (left && *s == '"') {
		for (n = 1; n < left && s[n] != '"' && s[n] != '\n'; n++)
			n += s[n] == '\\';
		return n < left && s[n] == '"' ? n + 1 : n;
	}
	while (n < left && s[n] && strchr(word, s[n]))
		n++;
	return n;
}

static void put_spaces(struct pen *p, unsigned n)
{
	put_f(p, "%*s", (int)n, "");
}

/* The first byte that is shown. */
static size_t window_start(const struct explain_view *v, const struct place *p)
{
	size_t from = go_back(v, p, NEAR);

	return from > p->line_start ? go_back(v, p, BEFORE) : from;
}

/* What of the line fits; *ret_col is the column of the place in it, *ret_width that of its token. */
static void put_line(struct pen *p, const struct place *at, unsigned *ret_col, unsigned *ret_width)
{
	const struct explain_view *v = p->v;
	size_t i = window_start(v, at), end = at->off + token_len(v->text + at->off, v->len - at->off);
	unsigned col = i > at->line_start ? 3 : 0, token_end = 0;
	size_t marks = 0;

	*ret_col = 0;
	put(p, col ? "..." : "");
	while (i < v->len && v->text[i] != '\n') {
		struct glyph g = glyph_at(v->text + i, v->len - i);
		bool tab = v->text[i] == '\t';

		if (v->text[i] == '\r' && i + 1 < v->len && v->text[i + 1] == '\n')
			break;
		if (tab)
			g.cols = TAB - col % TAB;
		marks += g.cols ? 0 : g.bytes;
		if (col + g.cols > WIDTH || marks > 2 * MARKS_MAX) {
			put(p, "...");
			break;
		}
		if (i <= at->off)
			*ret_col = col;
		if (tab)
			put_spaces(p, g.cols);
		else
			put(p, g.text);
		col += g.cols;
		i += g.bytes;
		if (i <= end)
			token_end = col;
	}
	if (i <= at->off) /* the end of the line or of the text */
		*ret_col = col;
	*ret_width = token_end > *ret_col ? token_end - *ret_col : 1;
}

static void put_source(struct pen *p, const struct report_entry *e, const struct place *at)
{
	char number[16], mark[WIDTH + 1];
	unsigned col, width, margin = (unsigned)snprintf(number, sizeof number, "%u", e->line);

	put_spaces(p, margin + 2);
	put_in(p, DIM, "-->");
	put(p, " ");
	put_clean(p, p->v->file);
	put_f(p, ":%u:%u\n", e->line, e->col);
	put_spaces(p, margin + 3);
	put_in(p, DIM, "|");
	put(p, "\n  ");
	put_in(p, DIM, number);
	put_in(p, DIM, " |");
	put(p, " ");
	put_line(p, at, &col, &width);
	put(p, "\n");
	put_spaces(p, margin + 3);
	put_in(p, DIM, "|");
	put_spaces(p, col + 1);
	memset(mark, '~', sizeof mark);
	mark[0] = '^';
	mark[width < WIDTH ? width : WIDTH] = '\0';
	put_in(p, GREEN, mark);
	put(p, "\n");
}

static void put_finding(struct pen *p, const struct report_entry *e, const struct place *at)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	char word[16] = "";
	const char *rest;

	if (p->r == 0)
		p->r = report_format(e, &line);
	rest = buf_str(&line) + strcspn(buf_str(&line), " :");
	snprintf(word, sizeof word, "%.*s", (int)(rest - buf_str(&line)), buf_str(&line));
	put_in(p, severity_colour[e->sev], word);
	put(p, rest);
	put(p, "\n");
	if (at->known)
		put_source(p, e, at);
	if (e->hint) {
		put(p, "   ");
		put_in(p, CYAN, "hint:");
		put(p, " ");
		put_clean(p, e->hint);
		put(p, "\n");
	}
}

static void put_count(struct pen *p, size_t n, const char *what)
{
	put_f(p, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void put_summary(struct pen *p, const struct report *r)
{
	bool bad = report_fatal(r) || p->v->reason;

	put_clean(p, p->v->file);
	put(p, ": ");
	put_in(p, bad ? RED : GREEN, bad ? "not valid" : "valid");
	if (p->v->reason && !report_fatal(r)) {
		put(p, ": ");
		put_clean(p, p->v->reason);
	}
	put(p, ": ");
	put_count(p, r->count[SEV_ERROR], "error");
	put(p, ", ");
	put_count(p, r->count[SEV_WARN], "warning");
	put(p, "\n");
}

int explain_print(const struct report *r, const struct explain_view *v, struct buf *out)
{
	struct pen p = { .out = out, .v = v };
	CLEANUP(freep) struct place *at = NULL;
	size_t all = r->count[SEV_ERROR] + r->count[SEV_WARN] + r->count[SEV_INFO];

	if (places_find(r, v->text, v->len, &at) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		put_finding(&p, &r->v[i], &at[i]);
	if (all > r->n)
		put_f(&p, "%s: %zu more findings are not shown\n", report_fatal(r) ? "error" : "warning",
		      all - r->n);
	put_summary(&p, r);
	return p.r;
}
