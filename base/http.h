/*
 * HTTP requests on the loop, any number at a time. Each is repeated until it succeeds, is refused for
 * good, or its time is over: transport errors, 5xx, 408, 429 and the statuses the caller names are
 * tried again after 0.2, 0.4, ... 5 s or what Retry-After asks for; a body that breaks off starts the
 * sink again. Attempts are logged, and every wait says at least every 10 s what it waits for.
 *
 * Redirects (up to 10) leave the caller's headers behind when they lead to another origin. Bodies are
 * delivered as they are: no content coding is asked for. TLS 1.2 or newer, host names checked.
 */
#pragma once
#include <stdint.h>
#include "base/http_url.h"
#include "base/loop.h"

struct err;
struct http_call;
struct http_client;
struct sink;

struct http_settings {
	int64_t header_timeout_ms; /* from request sent to response headers, each attempt; 0 = none */
	struct http_proxies proxies;
	const void *extra_ca; /* PEM, trusted besides the system's */
	size_t extra_ca_len;
};

struct http_header {
	const char *name, *value;
};

/* Everything is kept by reference until the call has ended. */
struct http_request {
	const char *method; /* NULL = GET */
	const char *url;    /* userinfo becomes "Authorization: Basic" unless a header says otherwise */
	const struct http_header *headers; /* Host and framing headers are ignored */
	size_t n_headers;
	const void *body;
	size_t body_len;
	const int *retry_statuses; /* 0 ends; NULL = none */
	int64_t total_ms;          /* all attempts and the body; 0 = no limit, negative = over already */
	struct sink *sink;         /* gets the body of a 200 or 204, and finish() */
};

int http_client_new(struct loop *l, struct http_client **ret, struct err *e);
struct http_client *http_client_free(struct http_client *c); /* no call may be left; accepts NULL */

/* Copies the settings. -EBUSY while calls are under way. */
int http_client_configure(struct http_client *c, const struct http_settings *s, struct err *e);

/*
 * How it ended, once, from the loop: 0; -ENOENT the server said 404 ("resource not found"); -ETIMEDOUT
 * total_ms is over ("unable to fetch resource in time"); what the sink failed with; -EPROTO or -EIO for
 * everything else that is final ("failed to fetch resource: HTTP 403 Forbidden"). The story names the
 * request with the URL redacted. The call may be freed here; the return value is the loop's.
 */
typedef int (*http_done_fn)(void *ctx, int r, const struct err *e);

int http_start(struct http_client *c, const struct http_request *req, http_done_fn fn, void *ctx,
	       struct http_call **ret, struct err *e);
struct http_call *http_call_free(struct http_call *call); /* cancels when still under way; accepts NULL */
