#include "base/sink.h"
#include <errno.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/err.h"

static int buf_sink_write(struct sink *s, const void *data, size_t n, struct err *e)
{
	struct buf *b = ((struct buf_sink *)s)->b;
	int r = buf_append(b, data, n);

	if (r == -EFBIG)
		return err_text(e, EFBIG, "larger than %zu bytes", b->max);
	return r < 0 ? err_errno(e, -r, "keeping %zu bytes", n) : 0;
}

static int buf_sink_finish(struct sink *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static int buf_sink_reset(struct sink *s, struct err *e)
{
	struct buf_sink *b = (struct buf_sink *)s;

	(void)e;
	b->b->n = b->start;
	if (b->b->p)
		b->b->p[b->start] = '\0';
	return 0;
}

void buf_sink_init(struct buf_sink *s, struct buf *b)
{
	*s = (struct buf_sink){
		.base = { .write = buf_sink_write, .finish = buf_sink_finish, .reset = buf_sink_reset },
		.b = b,
		.start = b->n,
	};
}

static int fd_sink_write(struct sink *s, const void *data, size_t n, struct err *e)
{
	struct fd_sink *f = (struct fd_sink *)s;
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(f->fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(e, errno, "writing %s", f->name);
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int fd_sink_finish(struct sink *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static int fd_sink_reset(struct sink *s, struct err *e)
{
	struct fd_sink *f = (struct fd_sink *)s;

	if (f->start < 0)
		return err_text(e, ESPIPE, "%s cannot be written again from its start", f->name);
	if (ftruncate(f->fd, f->start) < 0 || lseek(f->fd, f->start, SEEK_SET) < 0)
		return err_errno(e, errno, "starting %s again", f->name);
	return 0;
}

void fd_sink_init(struct fd_sink *s, int fd, const char *name)
{
	*s = (struct fd_sink){
		.base = { .write = fd_sink_write, .finish = fd_sink_finish, .reset = fd_sink_reset },
		.fd = fd,
		.start = lseek(fd, 0, SEEK_CUR),
		.name = name,
	};
}
