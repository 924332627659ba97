#include "base/arena.h"
#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BYTES = 16 * 1024,
	OWN_CHUNK_BYTES = CHUNK_BYTES / 4, /* from here on exact: what does not fit costs no chunk's rest */
};

struct chunk {
	struct chunk *next;
	size_t used, cap;
	alignas(max_align_t) char mem[];
};

struct deferred {
	struct deferred *next;
	void (*fn)(void *);
	void *ptr;
};

struct arena {
	struct chunk *head;
	struct deferred *last;
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

struct arena *arena_free(struct arena *a)
{
	if (!a)
		return NULL;
	for (struct deferred *d = a->last; d; d = d->next)
		d->fn(d->ptr);
	for (struct chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
	return NULL;
}

/* Zeroed by calloc, which knows when the kernel has done it: large pieces are not written twice. */
static struct chunk *chunk_new(size_t cap)
{
	struct chunk *c = cap > SIZE_MAX - sizeof *c ? NULL : calloc(1, sizeof *c + cap);

	if (c)
		c->cap = cap;
	return c;
}

static void *bump(struct arena *a, size_t n, size_t align)
{
	struct chunk *c = a->head;
	size_t at = c ? (c->used + align - 1) / align * align : 0;

	if (c && at <= c->cap && n <= c->cap - at) {
		c->used = at + n;
		return c->mem + at;
	}
	c = chunk_new(n >= OWN_CHUNK_BYTES ? n : CHUNK_BYTES);
	if (!c)
		return NULL;
	c->used = n;
	if (a->head && n >= OWN_CHUNK_BYTES) { /* the half-full chunk stays in use */
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	return c->mem;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return bump(a, n, alignof(max_align_t));
}

char *arena_alloc_text(struct arena *a, size_t n)
{
	return bump(a, n, 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n == SIZE_MAX ? NULL : arena_alloc_text(a, n + 1);

	return p ? memcpy(p, s, n) : NULL;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0)
		p = arena_alloc_text(a, (size_t)n + 1);
	if (p)
		(void)vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

int arena_defer(struct arena *a, void (*fn)(void *), void *ptr)
{
	struct deferred *d = arena_alloc(a, sizeof *d);

	if (!d) {
		fn(ptr);
		return -ENOMEM;
	}
	*d = (struct deferred){ a->last, fn, ptr };
	a->last = d;
	return 0;
}
