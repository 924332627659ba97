/*
 * Push pipeline: download -> [inflate] -> [digest] -> buffer or file. A sink is embedded as the
 * first member of its stage's struct; each stage holds a pointer to the next and owns only its own
 * state. Nothing is published before finish() of the last stage has returned 0, so a wrong hash
 * leaves no trace.
 */
#pragma once
#include <stddef.h>

struct err;
struct buf;

struct sink {
	int (*write)(struct sink *s, const void *data, size_t n, struct err *e);
	int (*finish)(struct sink *s, struct err *e);
	/* Forget everything written so far, for a download that starts again. May be NULL: cannot. */
	int (*reset)(struct sink *s, struct err *e);
};

static inline int sink_write(struct sink *s, const void *data, size_t n, struct err *e)
{
	return s->write(s, data, n, e);
}

static inline int sink_finish(struct sink *s, struct err *e)
{
	return s->finish(s, e);
}

/* Ends in memory, after what b holds already; b->max is the limit ("larger than N bytes"). */
struct buf_sink {
	struct sink base;
	struct buf *b;
	size_t start; /* reset() cuts to here */
};
void buf_sink_init(struct buf_sink *s, struct buf *b);

/* Ends in an open file, written from its current offset on. finish() does not close or sync. */
struct fd_sink {
	struct sink base;
	int fd;
	long long start;  /* reset() truncates to here */
	const char *name; /* for messages; kept by reference */
};
void fd_sink_init(struct fd_sink *s, int fd, const char *name);
