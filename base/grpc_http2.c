#include "base/grpc_priv.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"

enum {
	STREAM_WINDOW = 1 << 20,
	CONNECTION_WINDOW = 4 << 20,
	HEADERS_FIXED = 8,
};

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

int grpc_call_submit(struct grpc_call *c)
{
	struct grpc_channel *ch = c->ch;
	const struct grpc_endpoint *ep = &ch->endpoints[ch->cur];
	nghttp2_data_provider body = { .read_callback = read_body };
	nghttp2_nv nv[HEADERS_FIXED + GRPC_HEADERS_MAX];
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
			grpc_call_release(c);
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
	snprintf(ch->last_endpoint, sizeof(ch->last_endpoint), "%s", grpc_endpoint_name(ch));
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
	note_result(ch, grpc_call_finish(c, code, text));
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

int grpc_session_new(struct grpc_channel *ch)
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
