#include "base/http.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/http_priv.h"
#include "base/http_tls.h"
#include "base/log.h"
#include "base/loop_transfer.h"
#include "base/sink.h"

enum { MAX_URL = 65536, MAX_CA_BYTES = 64 << 20 };

static int on_transfer(void *ctx, int code);

static const char *status_text(long status)
{
	static const struct {
		long status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 410, "Gone" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "";
}

bool http_accepted(long status)
{
	return status == 200 || status == 204;
}

/* Bytes of a refused answer are read and dropped, so that the connection can be used again. */
size_t http_on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;

	n *= size;
	call->body_ms = loop_now_ms();
	if (!http_accepted(call->status)) {
		call->refused_bytes += n;
		return call->refused_bytes <= HTTP_MAX_REFUSED_BYTES ? n : 0;
	}
	if (n == 0)
		return 0;
	call->dirty = true;
	call->body_bytes += n;
	call->sink_r = sink_write(call->req.sink, data, n, &call->sink_err);
	return call->sink_r < 0 ? 0 : n;
}

size_t http_on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	long status = 0;

	n *= size;
	if (n > 2 || (n == 2 && data[0] != '\r')) /* not the end of the header block */
		return n;
	call->client->curl->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) {
		call->status = status;
		call->body_ms = loop_now_ms();
		loop_timer_set(call->headers, -1);
	}
	return n;
}

int http_on_connected(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct http_call *call = ctx;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (call->client->header_timeout_ms > 0)
		loop_timer_set(call->headers, call->client->header_timeout_ms);
	return CURL_PREREQFUNC_OK;
}

static void stop_transfer(struct http_call *call)
{
	call->transfer = loop_source_free(call->transfer);
	call->easy = NULL;
	loop_timer_set(call->headers, -1);
}

static int waited_s(const struct http_call *call)
{
	return (int)((loop_now_ms() - call->started_ms) / 1000);
}

/* The end: why does not name the request. */
static int end_call(struct http_call *call, int r, const struct err *why)
{
	const char *method = call->req.method ? call->req.method : "GET";
	struct err e = *why; /* the callback may free the call, and with it what why points to */

	stop_transfer(call);
	loop_timer_set(call->retry, -1);
	loop_timer_set(call->deadline, -1);
	loop_timer_set(call->notice, -1);
	call->ended = true;
	call->client->active--;
	if (r < 0 && call->attempt > 1)
		err_wrap(&e, r, "%s %s (attempt %u)", method, call->shown, call->attempt);
	else if (r < 0)
		err_wrap(&e, r, "%s %s", method, call->shown);
	return call->fn(call->ctx, r, &e);
}

static int64_t next_delay(struct http_call *call, int64_t asked_ms)
{
	int64_t d = call->delay_ms;

	call->delay_ms = d * 2 < HTTP_BACKOFF_MAX_MS ? d * 2 : HTTP_BACKOFF_MAX_MS;
	if (asked_ms > HTTP_RETRY_AFTER_MAX_MS)
		asked_ms = HTTP_RETRY_AFTER_MAX_MS;
	return asked_ms > d ? asked_ms : d;
}

/* call->last says why. */
static int try_again(struct http_call *call, int64_t asked_ms)
{
	struct err e = { .code = 0 };
	int r = 0;

	stop_transfer(call);
	if (call->dirty) {
		struct sink *s = call->req.sink;

		if (++call->broken > HTTP_MAX_BROKEN)
			return end_call(call, -call->last.code, &call->last);
		r = s->reset ? s->reset(s, &e) : err_text(&e, ESPIPE, "the output cannot start again");
		if (r < 0) {
			err_wrap(&e, r, "after %.300s", call->last.text);
			return end_call(call, r, &e);
		}
		call->dirty = false;
	}
	loop_timer_set(call->retry, next_delay(call, asked_ms));
	return 0;
}

static int on_deadline(void *ctx)
{
	struct http_call *call = ctx;
	struct err e = { .code = 0 };

	if (call->last.code)
		err_text(&e, ETIMEDOUT,
			 "unable to fetch resource in time (gave up after %d s, last error: %.600s)",
			 waited_s(call), call->last.text);
	else
		err_text(&e, ETIMEDOUT, "unable to fetch resource in time (gave up after %d s)",
			 waited_s(call));
	return end_call(call, -ETIMEDOUT, &e);
}

static int on_header_timeout(void *ctx)
{
	struct http_call *call = ctx;

	err_text(&call->last, ETIMEDOUT, "no response headers within %lld ms",
		 (long long)call->client->header_timeout_ms);
	log_info("%s error: %s", call->method, call->last.text);
	return try_again(call, 0);
}

/* Says what is waited for; notices a body that has stopped. */
static int on_notice(void *ctx)
{
	struct http_call *call = ctx;

	loop_timer_set(call->notice, HTTP_NOTICE_MS);
	if (call->transfer && call->status && loop_now_ms() - call->body_ms > HTTP_STALL_MS) {
		err_text(&call->last, ETIMEDOUT, "no data for %d s", HTTP_STALL_MS / 1000);
		log_info("%s error: %s", call->method, call->last.text);
		return try_again(call, 0);
	}
	if (call->transfer && http_accepted(call->status))
		log_notice("receiving %s: %llu bytes in %d s", call->shown,
			   (unsigned long long)call->body_bytes, waited_s(call));
	else
		log_notice("waiting for %s since %d s, attempt %u%s%.300s", call->shown, waited_s(call),
			   call->attempt, call->last.code ? ", last error: " : "",
			   call->last.code ? call->last.text : "");
	return 0;
}

static int code_errno(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return EPROTO;
	default:
		return EIO;
	}
}

/* Errors that the next attempt would meet again. Wrong certificates are not among them: clocks get set. */
static bool hopeless(CURLcode code)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_NOT_BUILT_IN:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return true;
	default:
		return false;
	}
}

static int on_transport_error(struct http_call *call, CURLcode code)
{
	const char *why = call->curl_text[0] ? call->curl_text : call->client->curl->easy_strerror(code);
	const char *hint = "";

	if (code == CURLE_OUT_OF_MEMORY) /* libcurl's answer to a header of more than 100 KiB as well */
		hint = ", or a response header is too long";
	if (code == CURLE_PEER_FAILED_VERIFICATION && !http_ca_file() && !call->client->ca)
		hint = " (the system has no bundle of certificate authorities)";
	err_text(&call->last, code_errno(code), "%s%s", why, hint);
	log_info("%s error: %s", call->method, call->last.text);
	if (hopeless(code))
		return end_call(call, -call->last.code, &call->last);
	return try_again(call, 0);
}

static bool wants_retry(const struct http_call *call, long status)
{
	if (status >= 500 || status == 408 || status == 429)
		return true;
	for (const int *s = call->req.retry_statuses; s && *s; s++)
		if (*s == status)
			return true;
	return false;
}

static int hop_begin(struct http_call *call, struct err *e)
{
	CURL *easy;
	int r = http_easy_new(call, &easy, e);

	if (r < 0)
		return r;
	call->easy = easy;
	call->status = 0;
	call->refused_bytes = call->body_bytes = 0;
	call->curl_text[0] = '\0';
	return loop_add_transfer(call->client->loop, easy, on_transfer, call, &call->transfer, e);
}

/* Takes target. */
static int follow(struct http_call *call, char *target)
{
	CLEANUP(buf_done) struct buf shown = BUF_INIT(.max = MAX_URL);
	struct err e = { .code = 0 };
	long status = call->status;
	int r;

	stop_transfer(call);
	if (http_url_redact(target, &shown) < 0)
		buf_clear(&shown);
	if (!http_same_origin(call->client, call->url, target))
		call->crossed = true;
	free(call->url);
	call->url = target;
	if (++call->redirects > HTTP_MAX_REDIRECTS) {
		err_text(&e, ELOOP, "failed to fetch resource: more than %d redirects, the last to %.300s",
			 HTTP_MAX_REDIRECTS, buf_str(&shown));
		return end_call(call, -ELOOP, &e);
	}
	if (status <= 303 && strcmp(call->method, "HEAD") != 0) {
		call->method = "GET";
		call->with_body = false;
	}
	log_debug("%s: redirected to %s", call->shown, buf_str(&shown));
	r = hop_begin(call, &e);
	if (r < 0) {
		err_wrap(&e, r, "redirected to %.300s", buf_str(&shown));
		return end_call(call, r, &e);
	}
	return 0;
}

static int on_status(struct http_call *call, long status, const char *location, int64_t retry_after_ms)
{
	struct err e = { .code = 0 };
	char *target;
	int r;

	if (status >= 300 && status < 400 && status != 304 && location) {
		target = strdup(location);
		if (target)
			return follow(call, target);
		err_errno(&e, ENOMEM, "following a redirect");
		return end_call(call, -ENOMEM, &e);
	}
	log_info("%s result: %s", call->method,
		 *status_text(status) ? status_text(status) : "unknown status");
	if (http_accepted(status)) {
		r = sink_finish(call->req.sink, &e);
		return end_call(call, r, &e);
	}
	if (wants_retry(call, status)) {
		err_text(&call->last, EIO, "HTTP %ld%s%s", status, *status_text(status) ? " " : "",
			 status_text(status));
		return try_again(call, retry_after_ms);
	}
	if (status == 404)
		err_text(&e, ENOENT, "resource not found (HTTP 404)");
	else
		err_text(&e, EIO, "failed to fetch resource: HTTP %ld%s%s", status,
			 *status_text(status) ? " " : "", status_text(status));
	return end_call(call, -e.code, &e);
}

static int on_transfer(void *ctx, int code)
{
	struct http_call *call = ctx;
	const struct curl_api *api = call->client->curl;
	char *location = NULL;
	curl_off_t after = 0;
	long status = 0;

	api->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	api->easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &location);
	api->easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &after);
	if (call->sink_r < 0)
		return end_call(call, call->sink_r, &call->sink_err);
	if (code != CURLE_OK && !(call->status && call->refused_bytes > HTTP_MAX_REFUSED_BYTES))
		return on_transport_error(call, (CURLcode)code);
	return on_status(call, status, location, (int64_t)after * 1000);
}

static int attempt_begin(void *ctx)
{
	struct http_call *call = ctx;
	CLEANUP(buf_done) struct buf url = BUF_INIT(.max = MAX_URL);
	struct err e = { .code = 0 };
	int r;

	call->attempt++;
	call->redirects = 0;
	call->crossed = false;
	call->method = call->req.method ? call->req.method : "GET";
	call->with_body = call->req.body != NULL;
	free(call->url);
	r = http_url_encode(call->req.url, &url);
	call->url = r < 0 ? NULL : strdup(buf_str(&url));
	log_info("%s %s: attempt #%u", call->method, call->shown, call->attempt);
	if (call->url)
		r = hop_begin(call, &e);
	else
		r = err_errno(&e, r < 0 ? -r : ENOMEM, "the URL");
	return r < 0 ? end_call(call, r, &e) : 0;
}

static int add_timers(struct http_call *call)
{
	struct loop *l = call->client->loop;
	int r = loop_add_timer(l, attempt_begin, call, &call->retry);

	r = r < 0 ? r : loop_add_timer(l, on_deadline, call, &call->deadline);
	r = r < 0 ? r : loop_add_timer(l, on_header_timeout, call, &call->headers);
	r = r < 0 ? r : loop_add_timer(l, on_notice, call, &call->notice);
	return r;
}

int http_start(struct http_client *c, const struct http_request *req, http_done_fn fn, void *ctx,
	       struct http_call **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf shown = BUF_INIT(.max = MAX_URL);
	struct http_call *call = calloc(1, sizeof *call);
	int r;

	if (!call)
		return err_errno(e, ENOMEM, "starting a request");
	*call = (struct http_call){
		.client = c,
		.req = *req,
		.fn = fn,
		.ctx = ctx,
		.ended = true, /* not counted yet */
		.delay_ms = HTTP_BACKOFF_MIN_MS,
		.started_ms = loop_now_ms(),
	};
	r = http_url_redact(req->url, &shown);
	if (r == 0) {
		call->shown = strdup(buf_str(&shown));
		r = call->shown ? add_timers(call) : -ENOMEM;
	}
	if (r < 0) {
		http_call_free(call);
		return r == -EFBIG ? err_text(e, EFBIG, "a URL is longer than %d bytes", MAX_URL)
				   : err_errno(e, -r, "starting a request");
	}
	call->ended = false;
	c->active++;
	loop_timer_set(call->retry, 0);
	loop_timer_set(call->notice, HTTP_NOTICE_MS);
	if (req->total_ms)
		loop_timer_set(call->deadline, req->total_ms > 0 ? req->total_ms : 0);
	*ret = call;
	return 0;
}

struct http_call *http_call_free(struct http_call *call)
{
	if (!call)
		return NULL;
	if (!call->ended)
		call->client->active--;
	loop_source_free(call->transfer);
	loop_source_free(call->retry);
	loop_source_free(call->deadline);
	loop_source_free(call->headers);
	loop_source_free(call->notice);
	if (call->slist)
		call->client->curl->slist_free_all(call->slist);
	free(call->url);
	free(call->shown);
	free(call);
	return NULL;
}

int http_client_new(struct loop *l, struct http_client **ret, struct err *e)
{
	struct http_client *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return err_errno(e, ENOMEM, "preparing HTTP");
	c->loop = l;
	r = loop_curl(l, &c->curl, e);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static void drop_settings(struct http_client *c)
{
	for (size_t i = 0; i < c->n_no_proxy; i++)
		free(c->no_proxy[i]);
	free(c->no_proxy);
	free(c->http_proxy);
	free(c->https_proxy);
	free(c->ca);
	*c = (struct http_client){ .loop = c->loop, .curl = c->curl };
}

struct http_client *http_client_free(struct http_client *c)
{
	if (c)
		drop_settings(c);
	free(c);
	return NULL;
}

static bool copy_string(char **ret, const char *s)
{
	*ret = s ? strdup(s) : NULL;
	return *ret || !s;
}

static int copy_proxies(struct http_client *c, const struct http_proxies *p)
{
	if (!copy_string(&c->http_proxy, p->http) || !copy_string(&c->https_proxy, p->https))
		return -ENOMEM;
	c->no_proxy = calloc(p->n_none + 1, sizeof *c->no_proxy);
	if (!c->no_proxy)
		return -ENOMEM;
	for (; c->n_no_proxy < p->n_none; c->n_no_proxy++)
		if (!copy_string(&c->no_proxy[c->n_no_proxy], p->none[c->n_no_proxy]))
			return -ENOMEM;
	return 0;
}

int http_client_configure(struct http_client *c, const struct http_settings *s, struct err *e)
{
	struct http_client next = { .loop = c->loop,
				    .curl = c->curl,
				    .header_timeout_ms = s->header_timeout_ms };
	CLEANUP(buf_done) struct buf ca = BUF_INIT(.max = MAX_CA_BYTES);
	int r;

	if (c->active)
		return err_errno(e, EBUSY, "changing the HTTP settings");
	r = copy_proxies(&next, &s->proxies);
	if (r < 0)
		err_errno(e, -r, "changing the HTTP settings");
	else if (s->extra_ca_len)
		r = http_ca_collect(s->extra_ca, s->extra_ca_len, &ca, e);
	if (r < 0) {
		drop_settings(&next);
		return r;
	}
	next.ca_len = ca.n;
	next.ca = TAKE_PTR(ca.p);
	drop_settings(c);
	*c = next;
	return 0;
}
