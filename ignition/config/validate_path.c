#include "ignition/config/validate_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"

char *path_clean(struct arena *a, const char *path)
{
	size_t n = strlen(path), w = 0, floor;
	bool rooted = *path == '/';
	char *out = arena_alloc(a, n + 2);

	if (!out)
		return NULL;
	if (rooted)
		out[w++] = '/';
	floor = w; /* ".." cannot go above this */
	for (const char *p = path + w; *p;) {
		size_t part = strcspn(p, "/");

		if (part == 2 && memcmp(p, "..", 2) == 0 && w > floor) {
			while (w > floor && out[w - 1] != '/')
				w--;
			w -= w > floor;
		} else if (part == 2 && memcmp(p, "..", 2) == 0 && !rooted) {
			if (w)
				out[w++] = '/';
			memcpy(out + w, "..", 2);
			w += 2;
			floor = w;
		} else if (part && !(part == 1 && *p == '.') && !(part == 2 && memcmp(p, "..", 2) == 0)) {
			if (w > rooted)
				out[w++] = '/';
			memcpy(out + w, p, part);
			w += part;
		}
		p += part;
		p += *p == '/';
	}
	if (w == 0)
		out[w++] = '.';
	out[w] = '\0';
	return out;
}

static bool is_clean(const char *path) /* of an absolute path, without memory */
{
	if (path[1] == '\0')
		return true;
	for (const char *p = path; *p;) {
		size_t part = strcspn(p + 1, "/");

		if (part == 0 || (part == 1 && p[1] == '.') || (part == 2 && p[1] == '.' && p[2] == '.'))
			return false;
		p += 1 + part;
	}
	return true;
}

void v_path(struct vctx *v, const struct cfg_path *at, const char *path)
{
	if (!v_given(path))
		v_error(v, at, "path not specified");
	else if (*path != '/')
		v_error(v, at, "path not absolute");
	else if (!is_clean(path))
		v_error(v, at, "path is not fully simplified");
}

int text_set_init(struct text_set *t, struct arena *a, size_t max)
{
	*t = (struct text_set){ .v = arena_alloc(a, (max + 1) * sizeof *t->v) };
	return t->v ? 0 : -ENOMEM;
}

void text_set_add(struct text_set *t, const char *s, size_t idx)
{
	t->v[t->n++] = (struct text_ref){ s, strlen(s), idx };
}

static int compare(const char *s, size_t n, const struct text_ref *r)
{
	int c = memcmp(s, r->s, n < r->len ? n : r->len);

	return c ? c : n < r->len ? -1 : n > r->len;
}

static int by_text(const void *a, const void *b)
{
	const struct text_ref *x = a, *y = b;
	int c = compare(x->s, x->len, y);

	return c ? c : x->idx < y->idx ? -1 : x->idx > y->idx;
}

void text_set_sort(struct text_set *t)
{
	qsort(t->v, t->n, sizeof *t->v, by_text);
}

const struct text_ref *text_set_find(const struct text_set *t, const char *s, size_t len)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(s, len, &t->v[mid]) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->n && compare(s, len, &t->v[low]) == 0 ? &t->v[low] : NULL;
}

/* Orders a text that begins with s[0, known) by what s[known, len) says; 0: it goes on with that. */
static int compare_rest(const struct text_ref *r, const char *s, size_t known, size_t len)
{
	int c = memcmp(r->s + known, s + known, (r->len < len ? r->len : len) - known);

	return c ? c : -(r->len < len);
}

void text_set_narrow(const struct text_set *t, struct text_range *range, const char *s, size_t len)
{
	size_t from = range->from, end = range->end, mid;

	for (size_t high = end; from < high;) { /* to the first that is not below */
		mid = from + (high - from) / 2;
		if (compare_rest(&t->v[mid], s, range->known, len) < 0)
			from = mid + 1;
		else
			high = mid;
	}
	for (size_t low = from; low < end;) { /* to the first that is above */
		mid = low + (end - low) / 2;
		if (compare_rest(&t->v[mid], s, range->known, len) <= 0)
			low = mid + 1;
		else
			end = mid;
	}
	*range = (struct text_range){ from, end, len };
}
