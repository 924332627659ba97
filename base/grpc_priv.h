/*
 * Parts of the gRPC client that its files share:
 *   grpc.c           channels, connections, calls and their ends
 *   grpc_http2.c     one connection's HTTP/2 session
 *   grpc_frame.c     messages in the byte stream
 *   grpc_endpoint.c  the list of endpoints
 */
#pragma once
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include "base/err.h"
#include "base/grpc.h"

struct conn;
struct loop_source;

enum { GRPC_STATUS_TEXT_MAX = 512, GRPC_HEADERS_MAX = 16 };

struct grpc_endpoint {
	char *name; /* "http://127.0.0.1:2379", for messages */
	char *host, *port;
	bool tls;
};

/* Appends to list (of max entries). -EINVAL names the endpoint and the reason. */
int grpc_endpoints_parse(const char *text, struct grpc_endpoint *list, size_t max, size_t *n, struct err *e);
void grpc_endpoint_done(struct grpc_endpoint *ep);

struct grpc_call {
	struct grpc_channel *ch;
	struct grpc_call *next, **link;
	const struct grpc_events *ev;
	void *ctx;
	char *path;
	struct grpc_header *headers;
	size_t n_headers;
	struct buf out; /* the framed message */
	size_t out_sent;
	int timeout_ms;
	struct loop_source *deadline;
	uint64_t generation;
	int32_t stream; /* -1: waits for a connection */
	unsigned busy;
	bool dead; /* cancelled while its own event was running */

	struct grpc_deframer in;
	int in_error;          /* why we refused what the peer sent */
	int http_status, code; /* -1 = not seen */
	char text[GRPC_STATUS_TEXT_MAX];
};

struct grpc_channel {
	struct loop *loop;
	struct grpc_endpoint endpoints[GRPC_ENDPOINTS_MAX];
	size_t n_endpoints, cur;
	size_t failed; /* endpoints in a row that could not be reached */
	SSL_CTX *tls;
	int connect_timeout_ms, ping_interval_ms, ping_timeout_ms;

	struct conn *conn;
	nghttp2_session *session; /* NULL until the connection is up */
	struct loop_source *ping;
	bool ping_sent;
	struct grpc_call *calls;
	uint64_t generation;
	char last_endpoint[300];
	struct buf story; /* why each endpoint of this round could not be reached */

	unsigned busy, in_session;
	bool freed;
	int callback_error; /* a user's event returned it inside nghttp2 */
	bool broken;        /* noticed inside nghttp2; acted on outside */
	struct err why;
};

static inline const char *grpc_endpoint_name(const struct grpc_channel *ch)
{
	return ch->endpoints[ch->cur].name;
}

/* Tells the caller; the call is gone afterwards. Returns what the event returned. */
int grpc_call_finish(struct grpc_call *c, int code, const char *message);
void grpc_call_release(struct grpc_call *c);

int grpc_session_new(struct grpc_channel *ch); /* 0 or -ENOMEM */
int grpc_call_submit(struct grpc_call *c);     /* 0 or -EPROTO */
