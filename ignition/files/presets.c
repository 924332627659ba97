#include "ignition/files/presets.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct preset {
	const char *name;    /* the first unit of the group */
	size_t template_len; /* up to and with the '@' of an instance; 0 = no instance */
	bool enable;
	size_t order;
};

static size_t instance_prefix(const char *name)
{
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

	return at && dot && at > name && dot > at + 1 ? (size_t)(at - name) + 1 : 0;
}

/* "a@.service" for an instance, the name itself otherwise. */
static int put_name(const struct preset *p, struct buf *out)
{
	int r;

	if (!p->template_len)
		return buf_puts(out, p->name);
	r = buf_append(out, p->name, p->template_len);
	return r < 0 ? r : buf_puts(out, strrchr(p->name, '.'));
}

static int compare(const void *a, const void *b)
{
	const struct preset *x = a, *y = b;
	CLEANUP(buf_done) struct buf s = { 0 };
	CLEANUP(buf_done) struct buf t = { 0 };
	int c;

	(void)(put_name(x, &s) || buf_puts(&s, x->enable ? "-enabled" : "-disabled"));
	(void)(put_name(y, &t) || buf_puts(&t, y->enable ? "-enabled" : "-disabled"));
	c = strcmp(buf_str(&s), buf_str(&t));
	return c ? c : x->order < y->order ? -1 : x->order > y->order;
}

static bool same_group(const struct preset *a, const struct preset *b)
{
	return a->template_len && a->template_len == b->template_len && a->enable == b->enable &&
	       !strncmp(a->name, b->name, a->template_len) &&
	       !strcmp(strrchr(a->name, '.'), strrchr(b->name, '.'));
}

/* Looks only at what was there before: the new lines differ from each other. */
static bool has_line(const char *p, size_t size, const char *line, size_t n)
{
	const char *end = p + size;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (len == n && !memcmp(p, line, n))
			return true;
		p += len + 1;
	}
	return false;
}

static int add_line(const struct preset *v, size_t n, size_t old, struct buf *text)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	int r = buf_puts(&line, v->enable ? "enable " : "disable ");

	if (r == 0)
		r = put_name(v, &line);
	for (size_t i = 0; r == 0 && v->template_len && i < n; i++) {
		const char *instance = v[i].name + v[i].template_len;

		r = buf_putc(&line, ' ');
		if (r == 0)
			r = buf_append(&line, instance, (size_t)(strrchr(instance, '.') - instance));
	}
	if (r < 0 || has_line(buf_str(text), old, line.p, line.n))
		return r;
	if (text->n && text->p[text->n - 1] != '\n')
		r = buf_putc(text, '\n');
	if (r == 0)
		r = buf_putc(&line, '\n');
	return r == 0 ? buf_append(text, line.p, line.n) : r;
}

int presets_add(const struct ign_systemd *s, struct buf *text)
{
	CLEANUP(freep) struct preset *v = calloc(s->units.n + 1, sizeof *v);
	size_t n = 0, old = text->n;
	int r = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < s->units.n; i++)
		if (s->units.v[i].enabled.set)
			v[n++] = (struct preset){ s->units.v[i].name, instance_prefix(s->units.v[i].name),
						  s->units.v[i].enabled.v, i };
	qsort(v, n, sizeof *v, compare);
	for (size_t i = 0, k; r == 0 && i < n; i = k) {
		for (k = i + 1; k < n && same_group(&v[i], &v[k]); k++)
			;
		r = add_line(&v[i], k - i, old, text);
	}
	return r;
}
