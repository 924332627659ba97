/* gunzip of anything: in one piece and byte by byte it is the same content, or refused. */
#include "base/inflate.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static int gunzip(const uint8_t *data, size_t size, size_t piece, struct buf *out)
{
	struct inflate_sink z;
	struct buf_sink s;
	struct err e = { .code = 0 };
	int r;

	buf_sink_init(&s, out);
	if (inflate_sink_init(&z, &s.base, &e) < 0)
		abort();
	r = 0;
	for (size_t i = 0; r == 0 && i < size; i += piece)
		r = sink_write(&z.base, data + i, size - i < piece ? size - i : piece, &e);
	if (r == 0)
		r = sink_finish(&z.base, &e);
	inflate_sink_done(&z);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a = BUF_INIT(.max = 1 << 20), b = BUF_INIT(.max = 1 << 20);
	int r = gunzip(data, size, size + 1, &a), r2 = gunzip(data, size, 1, &b);

	/* which of limit and damage is met first may differ */
	if ((r == 0) != (r2 == 0) || (r == 0 && (a.n != b.n || memcmp(buf_str(&a), buf_str(&b), a.n) != 0)))
		abort();
	buf_done(&a);
	buf_done(&b);
	return 0;
}
