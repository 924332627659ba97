#include "base/report.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/glyph.h"
#include "base/jscan.h"

enum { MAX_TEXT = 600, MAX_SHOWN_KEY = 200 };

static const struct cfg_path *copy_path(struct arena *a, const struct cfg_path *p)
{
	struct cfg_path *c = arena_alloc(a, sizeof *c);

	if (!c)
		return NULL;
	*c = *p;
	if (p->key && !(c->key = arena_strdup(a, p->key)))
		return NULL;
	if (p->up && !(c->up = copy_path(a, p->up)))
		return NULL;
	return c;
}

static int keep(struct report *r, struct report_entry e)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 16;
		struct report_entry *v = reallocarray(r->v, cap, sizeof *v);

		if (!v)
			return -ENOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = e;
	return 0;
}

__attribute__((format(printf, 3, 0))) static int add(struct report *r, struct report_entry e, const char *fmt,
						     va_list ap)
{
	const struct cfg_path *path = e.path;
	char text[MAX_TEXT];

	if (r->count[e.sev]++ >= REPORT_MAX_KEPT)
		return 0;
	if (!r->arena && !(r->arena = arena_new()))
		return -ENOMEM;
	(void)vsnprintf(text, sizeof text, fmt, ap);
	e.text = arena_strdup(r->arena, text);
	e.path = path ? copy_path(r->arena, path) : NULL;
	e.rule = fmt;
	if (!e.text || (path && !e.path))
		return -ENOMEM;
	return keep(r, e);
}

int report_vadd(struct report *r, enum severity sev, enum report_at at, const struct cfg_path *path,
		const char *fmt, va_list ap)
{
	return add(r, (struct report_entry){ .sev = sev, .at = at, .path = path }, fmt, ap);
}

int report_add(struct report *r, enum severity sev, enum report_at at, const struct cfg_path *path,
	       const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = report_vadd(r, sev, at, path, fmt, ap);
	va_end(ap);
	return rc;
}

int report_add_at(struct report *r, enum severity sev, unsigned line, unsigned col, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add(r, (struct report_entry){ .sev = sev, .line = line, .col = col }, fmt, ap);
	va_end(ap);
	return rc;
}

int report_hint_at(struct report *r, size_t i, const char *fmt, ...)
{
	char text[MAX_TEXT];
	va_list ap;

	if (!r->explain || i >= r->n || r->v[i].hint)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->v[i].hint = arena_strdup(r->arena, text);
	return r->v[i].hint ? 0 : -ENOMEM;
}

int report_advise(struct report *r, const struct cfg_path *path, const char *fmt, ...)
{
	va_list ap;
	int rc;

	if (!r->explain)
		return 0;
	va_start(ap, fmt);
	rc = add(r, (struct report_entry){ .sev = SEV_INFO, .path = path, .advice = true }, fmt, ap);
	va_end(ap);
	return rc;
}

int report_take(struct report *to, struct report *from)
{
	struct arena *a = to->arena ? to->arena : arena_new();
	size_t kept[SEV_COUNT_] = { 0 }, n = to->n;

	if (!a)
		return -ENOMEM;
	to->arena = a;
	for (size_t i = 0; i < to->n; i++)
		kept[to->v[i].sev]++;
	for (size_t i = 0; i < from->n; i++) {
		struct report_entry e = from->v[i];

		if (kept[e.sev]++ >= REPORT_MAX_KEPT)
			continue;
		e.text = arena_strdup(a, e.text);
		e.path = e.path ? copy_path(a, e.path) : NULL;
		e.hint = e.hint ? arena_strdup(a, e.hint) : NULL;
		if (!e.text || (from->v[i].path && !e.path) || (from->v[i].hint && !e.hint) ||
		    keep(to, e) < 0) {
			to->n = n;
			return -ENOMEM;
		}
	}
	for (int sev = 0; sev < SEV_COUNT_; sev++)
		to->count[sev] += from->count[sev];
	report_done(from);
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct jscan_query *const *x = a, *const *y = b;

	return (*x)->off < (*y)->off ? -1 : (*x)->off > (*y)->off;
}

int report_locate(struct report *r, const char *text, size_t len)
{
	CLEANUP(freep) struct jscan_query *q = calloc(r->n + 1, sizeof *q);
	CLEANUP(freep) struct jscan_query **order = calloc(r->n + 1, sizeof *order);
	size_t n = 0, start = 0, seen = 0;
	unsigned line = 1;

	if (!q || !order)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		q[i] = (struct jscan_query){ .path = r->v[i].path, .key = r->v[i].at == AT_KEY };
		if (!r->v[i].line)
			order[n++] = &q[i];
	}
	if (n == 0)
		return 0;
	if (jscan_locate(text, len, q, r->n) < 0)
		return -ENOMEM;
	qsort(order, n, sizeof(*order), by_offset);
	for (size_t i = 0; i < n; i++) {
		struct report_entry *e = &r->v[order[i] - q];
		const char *nl;

		while ((nl = memchr(text + seen, '\n', order[i]->off - seen))) {
			start = seen = (size_t)(nl - text) + 1;
			line++;
		}
		seen = order[i]->off; /* a line may be all of the document: no part of it is looked at twice
				       */
		e->line = line;
		e->col = (unsigned)(order[i]->off - start) + 1;
	}
	return 0;
}

/* What a document says may reach a terminal or a log: one finding stays one line. */
static int put_clean(struct buf *out, const char *s, size_t max)
{
	size_t n = strlen(s);
	int r = 0;

	for (size_t i = 0, step; r == 0 && i < n && i < max; i += step) {
		struct glyph g = glyph_at(s + i, n - i);

		r = s[i] == '\t' ? buf_puts(out, "\\x09") : buf_puts(out, g.text);
		step = g.bytes;
	}
	return r == 0 && n > max ? buf_puts(out, "...") : r;
}

static int put_path(struct buf *out, const struct cfg_path *p)
{
	int r = 0;

	if (!p)
		return 0;
	r = put_path(out, p->up);
	if (r == 0)
		r = p->key ? buf_putc(out, '.') : buf_printf(out, ".%zu", p->idx);
	return r == 0 && p->key ? put_clean(out, p->key, MAX_SHOWN_KEY) : r;
}

int report_format_path(const struct report_entry *e, struct buf *out)
{
	int r = e->path ? buf_putc(out, '$') : 0;

	return r == 0 ? put_path(out, e->path) : r;
}

int report_format(const struct report_entry *e, struct buf *out)
{
	static const char *const name[] = { "error", "warning", "info" };
	int r = buf_puts(out, name[e->sev]);

	if (r == 0 && (e->path || e->line))
		r = buf_puts(out, " at ");
	if (r == 0)
		r = report_format_path(e, out);
	if (r == 0 && e->path && e->line)
		r = buf_puts(out, ", ");
	if (r == 0 && e->line)
		r = buf_printf(out, "line %u col %u", e->line, e->col);
	if (r == 0)
		r = buf_puts(out, ": ");
	return r == 0 ? put_clean(out, e->text, MAX_TEXT) : r;
}

int report_format_hint(const struct report_entry *e, struct buf *out)
{
	const char *s = e->hint ? e->hint : e->advice ? e->text : "";

	return put_clean(out, s, MAX_TEXT);
}

int report_print(const struct report *r, struct buf *out)
{
	size_t all = r->count[SEV_ERROR] + r->count[SEV_WARN] + r->count[SEV_INFO];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		rc = report_format(&r->v[i], out);
		if (rc == 0)
			rc = buf_putc(out, '\n');
	}
	if (rc == 0 && all > r->n)
		rc = buf_printf(out, "%s: %zu more findings are not shown\n",
				report_fatal(r) ? "error" : "warning", all - r->n);
	return rc;
}

void report_done(struct report *r)
{
	arena_free(r->arena);
	free(r->v);
	*r = (struct report){ 0 };
}
