/* A growing byte buffer that is born with a limit when its content comes from outside. */
#pragma once
#include <stddef.h>

struct buf {
	char *p; /* NUL-terminated whenever n > 0; NULL while nothing was ever added */
	size_t n, cap;
	size_t max; /* 0 = no limit */
};

#define BUF_INIT(...) ((struct buf){ __VA_ARGS__ })

/* All return 0, -EFBIG past the limit, or -ENOMEM; on failure the content is unchanged. */
int buf_append(struct buf *b, const void *data, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_reserve(struct buf *b, size_t more); /* room for more bytes and the terminator */

const char *buf_str(const struct buf *b); /* "" when empty */
void buf_clear(struct buf *b);            /* keeps the memory */
void buf_done(struct buf *b);             /* frees; the buffer may be used again */
