#include "base/pb.h"
#include <errno.h>
#include <string.h>
#include "base/buf.h"

enum { VARINT_MAX_BYTES = 10, FIELD_NO_MAX = (1 << 29) - 1 };

static int read_varint(struct pb_reader *r, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_MAX_BYTES && r->p < r->end; i++) {
		uint8_t c = *r->p++;

		/* the tenth byte holds one bit of a 64-bit number */
		if (i == VARINT_MAX_BYTES - 1 && c > 1)
			return -EBADMSG;
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_fixed(struct pb_reader *r, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if ((size_t)(r->end - r->p) < n)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)r->p[i] << (8 * i);
	r->p += n;
	*ret = v;
	return 0;
}

int pb_next(struct pb_reader *r, struct pb_field *ret)
{
	struct pb_field f = { 0 };
	uint64_t tag;
	int rc;

	if (r->p == r->end)
		return 0;
	rc = read_varint(r, &tag);
	if (rc < 0)
		return rc;
	if (tag >> 3 == 0 || tag >> 3 > FIELD_NO_MAX)
		return -EBADMSG;
	f.no = (uint32_t)(tag >> 3);

	switch (tag & 7) {
	case PB_VARINT:
		rc = read_varint(r, &f.v);
		break;
	case PB_FIXED64:
		rc = read_fixed(r, 8, &f.v);
		break;
	case PB_FIXED32:
		rc = read_fixed(r, 4, &f.v);
		break;
	case PB_BYTES:
		rc = read_varint(r, &f.v);
		if (rc == 0 && f.v > (uint64_t)(r->end - r->p))
			rc = -EBADMSG;
		if (rc == 0) {
			f.p = r->p;
			f.n = (size_t)f.v;
			r->p += f.n;
		}
		break;
	default: /* groups left the format long before etcd used it */
		return -EBADMSG;
	}
	if (rc < 0)
		return rc;
	f.wire = (enum pb_wire)(tag & 7);
	*ret = f;
	return 1;
}

struct pb_reader pb_inner(const struct pb_field *f)
{
	return f->wire == PB_BYTES ? pb_reader(f->p, f->n) : pb_reader("", 0);
}

static size_t put_varint(uint8_t *out, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

int pb_put_uint(struct buf *b, uint32_t no, uint64_t v)
{
	uint8_t out[2 * VARINT_MAX_BYTES];
	size_t n;

	if (v == 0)
		return 0;
	n = put_varint(out, (uint64_t)no << 3 | PB_VARINT);
	n += put_varint(out + n, v);
	return buf_append(b, out, n);
}

int pb_put_int(struct buf *b, uint32_t no, int64_t v)
{
	return pb_put_uint(b, no, (uint64_t)v);
}

int pb_put_bool(struct buf *b, uint32_t no, bool v)
{
	return pb_put_uint(b, no, v);
}

static int put_delimited(struct buf *b, uint32_t no, const void *p, size_t n)
{
	uint8_t head[2 * VARINT_MAX_BYTES];
	size_t len = put_varint(head, (uint64_t)no << 3 | PB_BYTES);
	int r;

	len += put_varint(head + len, n);
	r = buf_reserve(b, len + n);
	if (r == 0)
		r = buf_append(b, head, len);
	return r == 0 && n > 0 ? buf_append(b, p, n) : r;
}

int pb_put_bytes(struct buf *b, uint32_t no, const void *p, size_t n)
{
	return n > 0 ? put_delimited(b, no, p, n) : 0;
}

int pb_put_message(struct buf *b, uint32_t no, const struct buf *inner)
{
	return put_delimited(b, no, inner->p, inner->n);
}
