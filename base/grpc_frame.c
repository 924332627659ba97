#include "base/grpc.h"
#include <errno.h>
#include <string.h>

static int start_message(struct grpc_deframer *d)
{
	if (d->head[0] != 0) /* we never offered to read compressed messages */
		return -EBADMSG;
	d->want = (size_t)d->head[1] << 24 | (size_t)d->head[2] << 16 | (size_t)d->head[3] << 8 | d->head[4];
	if (d->want > GRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	buf_clear(&d->msg);
	return 0;
}

int grpc_deframe(struct grpc_deframer *d, const void *data, size_t n,
		 int (*fn)(void *ctx, const void *p, size_t n), void *ctx)
{
	const uint8_t *p = data;

	for (;;) {
		size_t take;
		int r = 0;

		if (d->n_head < sizeof(d->head)) {
			if (n == 0)
				return 0;
			d->head[d->n_head++] = *p++;
			n--;
			if (d->n_head == sizeof(d->head))
				r = start_message(d);
			if (r < 0)
				return r;
			continue;
		}

		take = d->want - d->msg.n;
		if (take > n)
			take = n;
		if (take == d->want) { /* all of it is here: no need to copy */
			d->n_head = 0;
			r = fn(ctx, p, take);
		} else if (n == 0) {
			return 0;
		} else {
			r = buf_append(&d->msg, p, take);
			if (r == 0 && d->msg.n == d->want) {
				d->n_head = 0;
				r = fn(ctx, d->msg.p, d->msg.n);
			}
		}
		if (r < 0)
			return r;
		p += take;
		n -= take;
	}
}

bool grpc_deframe_partial(const struct grpc_deframer *d)
{
	return d->n_head > 0;
}

void grpc_deframer_done(struct grpc_deframer *d)
{
	buf_done(&d->msg);
	*d = (struct grpc_deframer){ 0 };
}

const char *grpc_code_name(int code)
{
	static const char *const names[] = {
		"OK",       "Cancelled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
		"NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
		"Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
		"DataLoss", "Unauthenticated",
	};

	return code >= 0 && (size_t)code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown status";
}
