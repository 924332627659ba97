#include "base/grpc.h"
#include <ctype.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/conn.h"
#include "base/err.h"
#include "base/grpc_priv.h"
#include "base/log.h"
#include "base/loop.h"

enum {
	CONNECT_TIMEOUT_MS = 2000,
	PING_INTERVAL_MS = 10000,
	PING_TIMEOUT_MS = 5000,
	STREAM_WINDOW = 1 << 20,
	CONNECTION_WINDOW = 4 << 20,
	STATUS_TEXT_MAX = 512,
	STORY_MAX = 900,
};

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
	char text[STATUS_TEXT_MAX];
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

static void call_release(struct grpc_call *c)
{
	grpc_deframer_done(&c->in);
	loop_source_free(c->deadline);
	buf_done(&c->out);
	for (size_t i = 0; i < c->n_headers; i++) {
		free((char *)c->headers[i].name);
		free((char *)c->headers[i].value);
	}
	free(c->headers);
	free(c->path);
	free(c);
}

static void call_unlink(struct grpc_call *c)
{
	if (c->link) {
		*c->link = c->next;
		if (c->next)
			c->next->link = c->link;
	}
	c->link = NULL;
	c->next = NULL;
	if (c->ch->session && c->stream >= 0)
		nghttp2_session_set_stream_user_data(c->ch->session, c->stream, NULL);
}

static void channel_release(struct grpc_channel *ch)
{
	nghttp2_session_del(ch->session);
	conn_free(ch->conn);
	loop_source_free(ch->ping);
	for (size_t i = 0; i < ch->n_endpoints; i++)
		grpc_endpoint_done(&ch->endpoints[i]);
	SSL_CTX_free(ch->tls);
	buf_done(&ch->story);
	free(ch);
}

struct grpc_channel *grpc_channel_free(struct grpc_channel *ch)
{
	if (!ch)
		return NULL;
	while (ch->calls)
		grpc_call_cancel(ch->calls);
	ch->freed = true;
	if (ch->busy == 0)
		channel_release(ch);
	return NULL;
}

static const char *endpoint_name(const struct grpc_channel *ch)
{
	return ch->endpoints[ch->cur].name;
}

/* Tells the caller; the call is gone afterwards. */
static int call_finish(struct grpc_call *c, int code, const char *message)
{
	struct grpc_status st = { .code = code, .message = message, .endpoint = c->ch->last_endpoint };
	int r = 0;

	call_unlink(c);
	c->deadline = loop_source_free(c->deadline);
	if (!c->dead) {
		c->dead = true; /* a cancel from inside the event finds nothing to do */
		c->busy++;
		r = c->ev->done(c->ctx, &st);
		c->busy--;
	}
	if (c->busy == 0)
		call_release(c);
	return r;
}

static void flush(struct grpc_channel *ch)
{
	const uint8_t *p;
	ssize_t n;

	if (!ch->session || ch->in_session || ch->freed || ch->broken)
		return;
	ch->in_session++;
	while ((n = nghttp2_session_mem_send(ch->session, &p)) > 0) {
		int r = conn_write(ch->conn, p, (size_t)n);

		if (r < 0) {
			ch->broken = true;
			err_errno(&ch->why, -r, "sending to %s", endpoint_name(ch));
			break;
		}
	}
	ch->in_session--;
	if (n < 0 && !ch->broken) {
		ch->broken = true;
		err_text(&ch->why, EPROTO, "%s: HTTP/2: %s", endpoint_name(ch), nghttp2_strerror((int)n));
	}
	/* nghttp2 answers a peer that breaks the protocol with GOAWAY and is done */
	if (!ch->broken && !nghttp2_session_want_read(ch->session) &&
	    !nghttp2_session_want_write(ch->session)) {
		ch->broken = true;
		err_text(&ch->why, EPROTO, "the peer does not speak HTTP/2 (is this etcd's client port?)");
	}
	/* acted on by the timer, because our caller may be anyone */
	if (ch->broken)
		loop_timer_set(ch->ping, 0);
}

static int start_connect(struct grpc_channel *ch, struct err *e);

static void drop_connection(struct grpc_channel *ch)
{
	nghttp2_session_del(ch->session);
	ch->session = NULL;
	ch->conn = conn_free(ch->conn);
	ch->ping_sent = ch->broken = false;
	loop_timer_set(ch->ping, -1);
}

/* Fails the calls of now (all, or those already sent); what their events start stays. */
static int fail_calls(struct grpc_channel *ch, bool sent_only, int code, const char *why)
{
	uint64_t until = ch->generation;
	int result = 0;

	ch->generation++;
	for (;;) {
		struct grpc_call *c = ch->freed ? NULL : ch->calls;
		int r;

		while (c && (c->generation > until || (sent_only && c->stream < 0)))
			c = c->next;
		if (!c)
			return result;
		r = call_finish(c, code, why);
		if (r < 0 && result == 0)
			result = r;
	}
}

/* The connection is of no use any more; in the loop's hands, outside nghttp2. */
static int fail_connection(struct grpc_channel *ch, const struct err *why)
{
	bool was_up = ch->session != NULL;
	char text[sizeof(why->text)];
	struct err e = { 0 };
	int r = 0, r2;

	log_debug("connection to %s: %s", endpoint_name(ch), why->text);
	snprintf(ch->last_endpoint, sizeof(ch->last_endpoint), "%s", endpoint_name(ch));
	for (struct grpc_call *c = was_up ? ch->calls : NULL; c; c = c->next)
		if (c->stream >= 0)
			nghttp2_session_set_stream_user_data(ch->session, c->stream, NULL);
	if (was_up) {
		snprintf(text, sizeof(text), "%s: %s", endpoint_name(ch), why->text);
		ch->failed = 0;
		buf_clear(&ch->story);
	} else {
		ch->failed++;
		if (buf_printf(&ch->story, "%s%s: %s", ch->story.n ? "; " : "", endpoint_name(ch),
			       why->text) < 0)
			log_debug("list of connection failures is full");
	}
	drop_connection(ch);
	ch->cur = (ch->cur + 1) % ch->n_endpoints;

	if (was_up) {
		r = fail_calls(ch, true, GRPC_UNAVAILABLE, text);
		/* calls that came between the break and now still wait for a connection */
		if (ch->freed || !ch->calls || ch->conn || start_connect(ch, &e) == 0)
			return r;
	} else if (ch->failed < ch->n_endpoints && ch->calls && start_connect(ch, &e) == 0) {
		return 0;
	}
	/* nobody answers: say so now, with every reason */
	snprintf(text, sizeof(text), "%s", e.code ? e.text : buf_str(&ch->story));
	ch->failed = 0;
	buf_clear(&ch->story);
	r2 = fail_calls(ch, false, GRPC_UNAVAILABLE, text);
	return r < 0 ? r : r2;
}

/* Every entry from the loop ends here. */
static int leave(struct grpc_channel *ch, int r)
{
	if (ch->busy == 1 && !ch->freed) {
		if (!ch->broken)
			flush(ch);
		if (ch->broken) {
			struct err why = ch->why;
			int r2 = fail_connection(ch, &why);

			r = r < 0 ? r : r2;
		}
		/* calls that the events started while there was no connection */
		if (!ch->freed)
			flush(ch);
	}
	if (r >= 0 && ch->callback_error)
		r = ch->callback_error;
	ch->callback_error = 0;
	if (--ch->busy == 0 && ch->freed)
		channel_release(ch);
	return r;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct grpc_call *c = nghttp2_session_get_stream_user_data(session, stream);
	size_t n;

	(void)source, (void)ctx;
	if (!c)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = c->out.n - c->out_sent;
	if (n > length)
		n = length;
	memcpy(buf, c->out.p + c->out_sent, n);
	c->out_sent += n;
	if (c->out_sent == c->out.n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv header(const char *name, const char *value, uint8_t flags)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), flags };
}

enum { HEADERS_FIXED = 8, HEADERS_MAX = 16 };

static int submit(struct grpc_call *c)
{
	struct grpc_channel *ch = c->ch;
	const struct grpc_endpoint *ep = &ch->endpoints[ch->cur];
	nghttp2_data_provider body = { .read_callback = read_body };
	nghttp2_nv nv[HEADERS_FIXED + HEADERS_MAX];
	char authority[300], timeout[24];
	size_t n = 0;

	snprintf(authority, sizeof(authority), strchr(ep->host, ':') ? "[%s]:%s" : "%s:%s", ep->host,
		 ep->port);
	nv[n++] = header(":method", "POST", 0);
	nv[n++] = header(":scheme", ep->tls ? "https" : "http", 0);
	nv[n++] = header(":path", c->path, 0);
	nv[n++] = header(":authority", authority, 0);
	nv[n++] = header("te", "trailers", 0);
	nv[n++] = header("content-type", "application/grpc", 0);
	nv[n++] = header("user-agent", "hearth/" HEARTH_VERSION, 0);
	if (c->timeout_ms > 0) {
		snprintf(timeout, sizeof(timeout), "%dm", c->timeout_ms);
		nv[n++] = header("grpc-timeout", timeout, 0);
	}
	/* tokens must not stay in compression tables */
	for (size_t i = 0; i < c->n_headers; i++)
		nv[n++] = header(c->headers[i].name, c->headers[i].value, NGHTTP2_NV_FLAG_NO_INDEX);
	c->stream = nghttp2_submit_request(ch->session, NULL, nv, n, &body, c);
	return c->stream < 0 ? -EPROTO : 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t n_name,
		     const uint8_t *value, size_t n_value, uint8_t flags, void *ctx)
{
	struct grpc_call *c = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	size_t o = 0;

	(void)flags, (void)ctx, (void)n_name;
	if (!c || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	/* nghttp2 terminates both; unreadable numbers become an unknown code */
	if (strcmp((const char *)name, ":status") == 0)
		c->http_status = atoi((const char *)value);
	else if (strcmp((const char *)name, "grpc-status") == 0)
		c->code = isdigit(value[0]) && n_value <= 9 ? atoi((const char *)value) : GRPC_UNKNOWN;
	if (strcmp((const char *)name, "grpc-message") != 0)
		return 0;
	for (size_t i = 0; i < n_value && o < sizeof(c->text) - 1; i++) {
		unsigned ch = value[i];

		if (ch == '%' && n_value - i > 2 && isxdigit(value[i + 1]) && isxdigit(value[i + 2])) {
			char hex[3] = { (char)value[i + 1], (char)value[i + 2], '\0' };

			ch = (unsigned)strtoul(hex, NULL, 16);
			i += 2;
		}
		c->text[o++] = ch < 0x20 || ch == 0x7f ? '?' : (char)ch;
	}
	c->text[o] = '\0';
	return 0;
}

/* A user's event ran inside nghttp2: remember what it wants from the loop. */
static void note_result(struct grpc_channel *ch, int r)
{
	if (r < 0 && ch->callback_error == 0)
		ch->callback_error = r;
}

static int on_message(void *ctx, const void *p, size_t n)
{
	struct grpc_call *c = ctx;

	note_result(c->ch, c->ev->message(c->ctx, p, n));
	return c->dead ? -ECANCELED : 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p, size_t n,
			 void *ctx)
{
	struct grpc_channel *ch = ctx;
	struct grpc_call *c = nghttp2_session_get_stream_user_data(session, stream);
	int r;

	(void)flags;
	if (!c || c->dead || (c->http_status > 0 && c->http_status != 200))
		return 0;
	c->busy++;
	r = grpc_deframe(&c->in, p, n, on_message, c);
	c->busy--;
	if (c->dead) {
		if (c->busy == 0)
			call_release(c);
	} else if (r < 0) {
		c->in_error = r;
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
	}
	return ch->freed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *ctx)
{
	struct grpc_channel *ch = ctx;
	struct grpc_call *c = nghttp2_session_get_stream_user_data(session, stream);
	char text[sizeof(c->text) + 64];
	int code;

	if (!c)
		return 0;
	snprintf(ch->last_endpoint, sizeof(ch->last_endpoint), "%s", endpoint_name(ch));
	if (c->in_error) {
		code = c->in_error == -EMSGSIZE ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL;
		snprintf(text, sizeof(text),
			 c->in_error == -EMSGSIZE ? "answer is larger than the limit of 4 MiB"
						  : "answer is no gRPC message");
	} else if (c->code >= 0) {
		code = c->code;
		snprintf(text, sizeof(text), "%s", c->text);
		if (code == GRPC_OK && grpc_deframe_partial(&c->in)) {
			code = GRPC_INTERNAL;
			snprintf(text, sizeof(text), "answer ends inside a message");
		}
	} else if (c->http_status > 0 && c->http_status != 200) {
		code = GRPC_UNAVAILABLE;
		snprintf(text, sizeof(text), "HTTP status %d instead of a gRPC answer", c->http_status);
	} else {
		code = GRPC_UNAVAILABLE;
		snprintf(text, sizeof(text), "stream ended without a status: %s",
			 nghttp2_http2_strerror(error));
	}
	note_result(ch, call_finish(c, code, text));
	return ch->freed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_channel *ch = ctx;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY && !ch->broken) {
		ch->broken = true;
		err_text(&ch->why, ECONNRESET, "the server ends the connection (%s)",
			 nghttp2_http2_strerror(frame->goaway.error_code));
	}
	return 0;
}

static int new_session(struct grpc_channel *ch)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};
	nghttp2_session_callbacks *cb;
	int r;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	r = nghttp2_session_client_new(&ch->session, cb, ch);
	nghttp2_session_callbacks_del(cb);
	if (r == 0)
		r = nghttp2_submit_settings(ch->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings));
	if (r == 0)
		r = nghttp2_session_set_local_window_size(ch->session, NGHTTP2_FLAG_NONE, 0,
							  CONNECTION_WINDOW);
	return r == 0 ? 0 : -ENOMEM;
}

static int on_up(void *ctx)
{
	struct grpc_channel *ch = ctx;
	int r = 0;

	ch->busy++;
	ch->failed = 0;
	buf_clear(&ch->story);
	snprintf(ch->last_endpoint, sizeof(ch->last_endpoint), "%s", endpoint_name(ch));
	log_debug("connected to %s", endpoint_name(ch));
	if (new_session(ch) < 0) {
		ch->broken = true;
		err_errno(&ch->why, ENOMEM, "HTTP/2");
	}
	for (struct grpc_call *c = ch->calls, *next; c && !ch->broken; c = next) {
		next = c->next;
		if (c->stream < 0 && submit(c) < 0) {
			ch->broken = true;
			err_text(&ch->why, EPROTO, "HTTP/2 request refused");
		}
	}
	loop_timer_set(ch->ping, ch->ping_interval_ms);
	return leave(ch, r);
}

static int on_bytes(void *ctx, const void *p, size_t n)
{
	struct grpc_channel *ch = ctx;
	ssize_t r;

	ch->busy++;
	if (ch->ping_sent) { /* any byte proves that somebody is there */
		ch->ping_sent = false;
		loop_timer_set(ch->ping, ch->ping_interval_ms);
	}
	ch->in_session++;
	r = nghttp2_session_mem_recv(ch->session, p, n);
	ch->in_session--;
	if (r < 0 && !ch->freed && !ch->broken) {
		ch->broken = true;
		err_text(&ch->why, EPROTO, "HTTP/2: %s (is this etcd's client port?)",
			 nghttp2_strerror((int)r));
	}
	return leave(ch, 0);
}

static int on_down(void *ctx, const struct err *why)
{
	struct grpc_channel *ch = ctx;

	ch->busy++;
	return leave(ch, fail_connection(ch, why));
}

static const struct conn_events conn_events = { .up = on_up, .data = on_bytes, .down = on_down };

static int start_connect(struct grpc_channel *ch, struct err *e)
{
	const struct grpc_endpoint *ep = &ch->endpoints[ch->cur];
	struct conn_options o = {
		.host = ep->host,
		.port = ep->port,
		.tls = ep->tls ? ch->tls : NULL,
		.alpn = ep->tls ? "h2" : NULL,
		.timeout_ms = ch->connect_timeout_ms,
	};

	return conn_open(ch->loop, &o, &conn_events, ch, &ch->conn, e);
}

static int on_ping(void *ctx)
{
	struct grpc_channel *ch = ctx;

	ch->busy++;
	if (ch->session && !ch->broken && ch->ping_sent) {
		ch->broken = true;
		err_text(&ch->why, ETIMEDOUT, "no answer to a PING within %d ms", ch->ping_timeout_ms);
	} else if (ch->session && !ch->broken) {
		/* servers count a PING on an idle connection as abuse */
		ch->ping_sent = ch->calls && nghttp2_submit_ping(ch->session, NGHTTP2_FLAG_NONE, NULL) == 0;
		loop_timer_set(ch->ping, ch->ping_sent ? ch->ping_timeout_ms : ch->ping_interval_ms);
	}
	return leave(ch, 0);
}

static int on_deadline(void *ctx)
{
	struct grpc_call *c = ctx;
	struct grpc_channel *ch = c->ch;
	bool was_sent = c->stream >= 0;
	char text[1200];
	int r;

	ch->busy++;
	if (was_sent)
		snprintf(text, sizeof(text), "no answer from %s within %d ms", endpoint_name(ch),
			 c->timeout_ms);
	else
		snprintf(text, sizeof(text), "no connection to %s within %d ms%s%s", endpoint_name(ch),
			 c->timeout_ms, ch->story.n ? "; before: " : "", buf_str(&ch->story));
	if (was_sent && !ch->broken) { /* it took the request and stays silent: try another */
		ch->broken = true;
		err_text(&ch->why, ETIMEDOUT, "a request got no answer within %d ms", c->timeout_ms);
	}
	r = call_finish(c, GRPC_DEADLINE_EXCEEDED, text);
	return leave(ch, r);
}

void grpc_channel_rotate(struct grpc_channel *ch, const char *why)
{
	if (!ch->session || ch->broken)
		return;
	ch->broken = true;
	err_text(&ch->why, ECANCELED, "%s", why);
	if (ch->busy == 0)
		loop_timer_set(ch->ping, 0);
}

static int copy_request(struct grpc_call *c, const struct grpc_request *rq)
{
	uint8_t head[5] = { 0, (uint8_t)(rq->n >> 24), (uint8_t)(rq->n >> 16), (uint8_t)(rq->n >> 8),
			    (uint8_t)rq->n };
	size_t n = 0;

	c->path = strdup(rq->path);
	if (!c->path || buf_append(&c->out, head, sizeof(head)) < 0)
		return -ENOMEM;
	if (rq->n > 0 && buf_append(&c->out, rq->message, rq->n) < 0)
		return -ENOMEM;
	while (rq->headers && rq->headers[n].name)
		n++;
	if (n > HEADERS_MAX)
		return -E2BIG;
	c->headers = calloc(n + 1, sizeof(*c->headers));
	if (!c->headers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++, c->n_headers++) {
		c->headers[i].name = strdup(rq->headers[i].name);
		c->headers[i].value = strdup(rq->headers[i].value);
		if (!c->headers[i].name || !c->headers[i].value) {
			c->n_headers++;
			return -ENOMEM;
		}
	}
	return 0;
}

int grpc_call(struct grpc_channel *ch, const struct grpc_request *rq, const struct grpc_events *ev, void *ctx,
	      struct grpc_call **ret, struct err *e)
{
	struct grpc_call *c;
	int r;

	if (rq->n > GRPC_MESSAGE_MAX)
		return err_text(e, EMSGSIZE, "request is larger than %d bytes", GRPC_MESSAGE_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_errno(e, ENOMEM, "gRPC call");
	*c = (struct grpc_call){ .ch = ch,
				 .ev = ev,
				 .ctx = ctx,
				 .timeout_ms = rq->timeout_ms,
				 .stream = -1,
				 .code = -1,
				 .generation = ch->generation };
	r = copy_request(c, rq);
	if (r == 0)
		r = loop_add_timer(ch->loop, on_deadline, c, &c->deadline);
	if (r < 0)
		goto fail;
	if (c->timeout_ms > 0)
		loop_timer_set(c->deadline, c->timeout_ms);

	/* a connection that is known to be broken is gone before the loop waits again: wait for the next */
	if (ch->session && !ch->broken)
		r = submit(c);
	else if (!ch->conn)
		r = start_connect(ch, NULL);
	if (r < 0)
		goto fail;
	c->next = ch->calls;
	c->link = &ch->calls;
	if (c->next)
		c->next->link = &c->next;
	ch->calls = c;
	flush(ch);
	if (ret)
		*ret = c;
	return 0;

fail:
	c->stream = -1;
	call_release(c);
	return err_errno(e, -r, "gRPC call");
}

struct grpc_call *grpc_call_cancel(struct grpc_call *c)
{
	struct grpc_channel *ch = c ? c->ch : NULL;

	if (!c || c->dead)
		return NULL;
	c->dead = true;
	call_unlink(c);
	c->deadline = loop_source_free(c->deadline);
	if (ch->session && c->stream >= 0)
		nghttp2_submit_rst_stream(ch->session, NGHTTP2_FLAG_NONE, c->stream, NGHTTP2_CANCEL);
	flush(ch);
	if (c->busy == 0)
		call_release(c);
	return NULL;
}

int grpc_channel_new(struct loop *l, const struct grpc_options *o, struct grpc_channel **ret, struct err *e)
{
	struct grpc_channel *ch = calloc(1, sizeof(*ch));
	bool tls = false;
	int r;

	if (!ch)
		return err_errno(e, ENOMEM, "gRPC channel");
	*ch = (struct grpc_channel){
		.loop = l,
		.connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : CONNECT_TIMEOUT_MS,
		.ping_interval_ms = o->ping_interval_ms ? o->ping_interval_ms : PING_INTERVAL_MS,
		.ping_timeout_ms = o->ping_timeout_ms ? o->ping_timeout_ms : PING_TIMEOUT_MS,
		.story = BUF_INIT(.max = STORY_MAX),
	};
	r = grpc_endpoints_parse(o->endpoints, ch->endpoints, ARRAY_SIZE(ch->endpoints), &ch->n_endpoints, e);
	for (size_t i = 0; i < ch->n_endpoints; i++)
		tls = tls || ch->endpoints[i].tls;
	if (r == 0 && tls)
		r = conn_tls_new(o->cafile && *o->cafile ? o->cafile : NULL,
				 o->certfile && *o->certfile ? o->certfile : NULL,
				 o->keyfile && *o->keyfile ? o->keyfile : NULL, &ch->tls, e);
	if (r == 0)
		r = loop_add_timer(l, on_ping, ch, &ch->ping) < 0 ? err_errno(e, ENOMEM, "gRPC channel") : 0;
	if (r < 0) {
		channel_release(ch);
		return r;
	}
	*ret = ch;
	return 0;
}
