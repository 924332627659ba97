/* Frames out of arbitrary bytes, cut in two at a place that the first byte tells. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct total {
	size_t n, bytes;
};

static int count(void *ctx, const void *p, size_t n)
{
	struct total *t = ctx;

	for (size_t i = 0; i < n; i++) /* every byte is there to be read */
		t->bytes += ((const uint8_t *)p)[i];
	t->n++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grpc_deframer whole = { 0 }, cut = { 0 };
	struct total a = { 0 }, b = { 0 };
	size_t at;
	int ra, rb;

	if (size < 1)
		return 0;
	at = data[0] < size - 1 ? data[0] : size - 1;
	data++;
	ra = grpc_deframe(&whole, data, size - 1, count, &a);
	rb = grpc_deframe(&cut, data, at, count, &b);
	if (rb == 0)
		rb = grpc_deframe(&cut, data + at, size - 1 - at, count, &b);
	if (ra != rb || a.n != b.n || a.bytes != b.bytes)
		abort();
	grpc_deframer_done(&whole);
	grpc_deframer_done(&cut);
	return 0;
}
