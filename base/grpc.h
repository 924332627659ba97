/*
 * A gRPC client on the loop: unary and server-streaming calls, many at once over one HTTP/2
 * connection (nghttp2) to one of several endpoints. The connection is made when a call needs it;
 * when it cannot be made to any endpoint, or breaks, the calls waiting on it fail with
 * GRPC_UNAVAILABLE and the reason, and the next call starts at the next endpoint. Pausing between
 * attempts is the caller's business. While calls are open a PING goes out regularly, so that a
 * connection into a black hole is noticed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct err;
struct grpc_call;
struct grpc_channel;
struct loop;

enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

struct grpc_status {
	int code;             /* enum grpc_code, or another number from the peer */
	const char *message;  /* never NULL; printable; valid during the call back */
	const char *endpoint; /* who said so, "" when no one */
};

/* "Unavailable"; "code 42" for unknown ones. */
const char *grpc_code_name(int code);

enum {
	GRPC_MESSAGE_MAX = 4 << 20, /* bytes of one message, both ways */
	GRPC_ENDPOINTS_MAX = 32,
};

struct grpc_options {
	const char *endpoints; /* "http://host:port,https://[::1]:2379,host:port": comma list */
	/* For https. NULL or "" = system roots, no client certificate. */
	const char *cafile, *certfile, *keyfile;
	int connect_timeout_ms; /* one endpoint; 0 = 2000 */
	int ping_interval_ms;   /* 0 = 10000; servers refuse clients that ask more often than every 5 s */
	int ping_timeout_ms;    /* 0 = 5000 */
};

/* No connection yet. -EINVAL names the endpoint or the file and the reason. */
int grpc_channel_new(struct loop *l, const struct grpc_options *o, struct grpc_channel **ret, struct err *e);
/* Open calls vanish without a call back. Accepts NULL, returns NULL. */
struct grpc_channel *grpc_channel_free(struct grpc_channel *ch);

struct grpc_header {
	const char *name; /* lower case */
	const char *value;
};

/* Return values follow base/loop.h. Either may cancel or start calls and free the channel. */
struct grpc_events {
	int (*message)(void *ctx, const void *p, size_t n);
	int (*done)(void *ctx, const struct grpc_status *st); /* once, last; the call is gone */
};

struct grpc_request {
	const char *path; /* "/package.Service/Method" */
	const void *message;
	size_t n;
	const struct grpc_header *headers; /* terminated by name NULL; may be NULL */
	int timeout_ms;                    /* until done; 0 = none (streams) */
};

/* Sends one message and half-closes. No event is called before the next turn of the loop. */
int grpc_call(struct grpc_channel *ch, const struct grpc_request *rq, const struct grpc_events *ev, void *ctx,
	      struct grpc_call **ret, struct err *e);
/* No event any more. Accepts NULL, returns NULL. */
struct grpc_call *grpc_call_cancel(struct grpc_call *c);

/* Leaves this endpoint: one that answers, but cannot serve (no leader). Open calls fail. */
void grpc_channel_rotate(struct grpc_channel *ch, const char *why);

/* Length-prefixed messages out of a byte stream. */
struct grpc_deframer {
	uint8_t head[5];
	unsigned n_head;
	size_t want; /* bytes of the message under way */
	struct buf msg;
};

/* fn is called per message; what it returns when negative ends the feed. -EMSGSIZE above the limit,
 * -EBADMSG for a compressed message, -ENOMEM. */
int grpc_deframe(struct grpc_deframer *d, const void *p, size_t n,
		 int (*fn)(void *ctx, const void *p, size_t n), void *ctx);
bool grpc_deframe_partial(const struct grpc_deframer *d); /* inside a message? */
void grpc_deframer_done(struct grpc_deframer *d);
