#include "base/grpc.h"
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
	STORY_MAX = 900,
};

void grpc_call_release(struct grpc_call *c)
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

int grpc_call_finish(struct grpc_call *c, int code, const char *message)
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
		grpc_call_release(c);
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
			err_errno(&ch->why, -r, "sending to %s", grpc_endpoint_name(ch));
			break;
		}
	}
	ch->in_session--;
	if (n < 0 && !ch->broken) {
		ch->broken = true;
		err_text(&ch->why, EPROTO, "%s: HTTP/2: %s", grpc_endpoint_name(ch),
			 nghttp2_strerror((int)n));
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
		r = grpc_call_finish(c, code, why);
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

	log_debug("connection to %s: %s", grpc_endpoint_name(ch), why->text);
	snprintf(ch->last_endpoint, sizeof(ch->last_endpoint), "%s", grpc_endpoint_name(ch));
	for (struct grpc_call *c = was_up ? ch->calls : NULL; c; c = c->next)
		if (c->stream >= 0)
			nghttp2_session_set_stream_user_data(ch->session, c->stream, NULL);
	if (was_up) {
		snprintf(text, sizeof(text), "%s: %s", grpc_endpoint_name(ch), why->text);
		ch->failed = 0;
		buf_clear(&ch->story);
	} else {
		ch->failed++;
		if (buf_printf(&ch->story, "%s%s: %s", ch->story.n ? "; " : "", grpc_endpoint_name(ch),
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

static int on_up(void *ctx)
{
	struct grpc_channel *ch = ctx;
	int r = 0;

	ch->busy++;
	ch->failed = 0;
	buf_clear(&ch->story);
	snprintf(ch->last_endpoint, sizeof(ch->last_endpoint), "%s", grpc_endpoint_name(ch));
	log_debug("connected to %s", grpc_endpoint_name(ch));
	if (grpc_session_new(ch) < 0) {
		ch->broken = true;
		err_errno(&ch->why, ENOMEM, "HTTP/2");
	}
	for (struct grpc_call *c = ch->calls, *next; c && !ch->broken; c = next) {
		next = c->next;
		if (c->stream < 0 && grpc_call_submit(c) < 0) {
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
		snprintf(text, sizeof(text), "no answer from %s within %d ms", grpc_endpoint_name(ch),
			 c->timeout_ms);
	else
		snprintf(text, sizeof(text), "no connection to %s within %d ms%s%s", grpc_endpoint_name(ch),
			 c->timeout_ms, ch->story.n ? "; before: " : "", buf_str(&ch->story));
	if (was_sent && !ch->broken) { /* it took the request and stays silent: try another */
		ch->broken = true;
		err_text(&ch->why, ETIMEDOUT, "a request got no answer within %d ms", c->timeout_ms);
	}
	r = grpc_call_finish(c, GRPC_DEADLINE_EXCEEDED, text);
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
	if (n > GRPC_HEADERS_MAX)
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
		r = grpc_call_submit(c);
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
	grpc_call_release(c);
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
		grpc_call_release(c);
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
