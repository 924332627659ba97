/* Bump allocator: everything decoded from one document lives and dies together. */
#pragma once
#include <stddef.h>

struct arena;

struct arena *arena_new(void);                /* NULL when memory is gone */
struct arena *arena_free(struct arena *a);    /* accepts NULL, returns NULL */
void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned for any type; NULL when memory is gone */
char *arena_alloc_text(struct arena *a, size_t n); /* the same, not aligned */
char *arena_strndup(struct arena *a, const char *s,
		    size_t n); /* s may hold NUL bytes; the copy is terminated */
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Calls fn(ptr) when the arena ends, the last first. 0, or -ENOMEM after having called it at once. */
int arena_defer(struct arena *a, void (*fn)(void *), void *ptr);

static inline void arena_freep(struct arena **a)
{
	arena_free(*a);
}
