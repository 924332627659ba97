#include "base/inflate.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include "base/err.h"

enum { WINDOW_GZIP = 16 + MAX_WBITS, OUT_BYTES = 32768 };

static int inflate_piece(struct inflate_sink *s, const void *data, size_t n, struct err *e)
{
	z_stream *z = s->z;
	unsigned char out[OUT_BYTES];
	int r, zr;

	z->next_in = (unsigned char *)(uintptr_t)data;
	z->avail_in = (unsigned)n;
	do {
		if (!s->in_member) {
			if (z->avail_in == 0)
				return 0;
			if (inflateReset(z) != Z_OK)
				return err_text(e, EIO, "gunzip could not start");
			s->in_member = true;
		}
		z->next_out = out;
		z->avail_out = sizeof out;
		zr = inflate(z, Z_NO_FLUSH);
		if (zr != Z_OK && zr != Z_STREAM_END && zr != Z_BUF_ERROR)
			return err_text(e, zr == Z_MEM_ERROR ? ENOMEM : EBADMSG, "gunzip: %s%s",
					s->any ? "after the first member: " : "",
					z->msg ? z->msg : "the data is damaged");
		r = sizeof out > z->avail_out ? sink_write(s->next, out, sizeof out - z->avail_out, e) : 0;
		if (r < 0)
			return r;
		if (zr == Z_STREAM_END) {
			s->in_member = false;
			s->any = true;
		}
	} while (z->avail_in > 0 || z->avail_out == 0);
	return 0;
}

static int inflate_write(struct sink *sink, const void *data, size_t n, struct err *e)
{
	struct inflate_sink *s = (struct inflate_sink *)sink;
	const char *p = data;
	int r = 0;

	while (r == 0 && n > 0) {
		size_t piece = n < INT_MAX ? n : INT_MAX; /* zlib counts in unsigned int */

		r = inflate_piece(s, p, piece, e);
		p += piece;
		n -= piece;
	}
	return r;
}

static int inflate_finish(struct sink *sink, struct err *e)
{
	struct inflate_sink *s = (struct inflate_sink *)sink;

	if (s->in_member || !s->any)
		return err_text(e, EBADMSG, "gunzip: the data ends too early");
	return sink_finish(s->next, e);
}

static int inflate_reset(struct sink *sink, struct err *e)
{
	struct inflate_sink *s = (struct inflate_sink *)sink;

	s->in_member = s->any = false;
	return s->next->reset ? s->next->reset(s->next, e)
			      : err_text(e, ESPIPE, "the output cannot start again");
}

int inflate_sink_init(struct inflate_sink *s, struct sink *next, struct err *e)
{
	z_stream *z = calloc(1, sizeof *z);

	if (!z || inflateInit2(z, WINDOW_GZIP) != Z_OK) {
		free(z);
		return err_errno(e, ENOMEM, "preparing gunzip");
	}
	*s = (struct inflate_sink){
		.base = { .write = inflate_write, .finish = inflate_finish, .reset = inflate_reset },
		.next = next,
		.z = z,
	};
	return 0;
}

void inflate_sink_done(struct inflate_sink *s)
{
	if (s->z)
		inflateEnd(s->z);
	free(s->z);
	s->z = NULL;
}
