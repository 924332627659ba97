#include "base/http_priv.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/http_tls.h"

struct origin {
	char *scheme, *host, *port;
};

static void origin_done(const struct curl_api *api, struct origin *o)
{
	api->free(o->scheme);
	api->free(o->host);
	api->free(o->port);
}

/* False when the URL is none; o needs origin_done() either way. */
static bool origin_of(const struct curl_api *api, const char *url, struct origin *o)
{
	CURLU *u = api->url();
	bool ok;

	*o = (struct origin){ NULL, NULL, NULL };
	ok = u && api->url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
	     api->url_get(u, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
	     api->url_get(u, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
	     api->url_get(u, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) == CURLUE_OK && o->scheme &&
	     o->host && o->port;
	if (u)
		api->url_cleanup(u);
	return ok;
}

bool http_same_origin(const struct http_client *c, const char *a, const char *b)
{
	struct origin x, y;
	bool same = origin_of(c->curl, a, &x);

	same = origin_of(c->curl, b, &y) && same;
	same = same && strcasecmp(x.scheme, y.scheme) == 0 && strcasecmp(x.host, y.host) == 0 &&
	       strcmp(x.port, y.port) == 0;
	origin_done(c->curl, &x);
	origin_done(c->curl, &y);
	return same;
}

static bool in_list(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(name, *list) == 0)
			return true;
	return false;
}

/* Field names and values must not be able to add further lines to the request. */
static bool header_ok(const struct http_header *h)
{
	const char *s = h->name;

	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	for (const char *v = h->value; *v; v++)
		if (((unsigned char)*v < 0x20 && *v != '\t') || *v == 0x7f)
			return false;
	return s > h->name;
}

static int add_header(struct http_call *call, const struct http_header *h, struct err *e)
{
	CLEANUP(buf_done) struct buf line = BUF_INIT(.max = 65536);
	struct curl_slist *more;
	int r;

	if (!header_ok(h))
		return err_text(e, EINVAL, "HTTP header \"%.60s\" has a character that is not allowed",
				h->name);
	/* "Name;" is how libcurl is asked for a header without a value */
	r = h->value[0] ? buf_printf(&line, "%s: %s", h->name, h->value) : buf_printf(&line, "%s;", h->name);
	if (r < 0)
		return err_errno(e, -r, "HTTP header \"%.60s\"", h->name);
	more = call->client->curl->slist_append(call->slist, line.p);
	if (!more)
		return err_errno(e, ENOMEM, "HTTP header \"%.60s\"", h->name);
	call->slist = more;
	return 0;
}

static int add_headers(struct http_call *call, struct err *e)
{
	static const char *const ignored[] = { "Host",       "Content-Length", "Transfer-Encoding",
					       "Connection", "Trailer",        NULL };
	/* Everything else may be a credential of the origin that was asked first. */
	static const char *const travelling[] = { "User-Agent", "Accept", "Accept-Encoding", "Content-Type",
						  NULL };
	const struct curl_api *api = call->client->curl;

	api->slist_free_all(call->slist);
	call->slist = NULL;
	for (size_t i = 0; i < call->req.n_headers; i++) {
		const struct http_header *h = &call->req.headers[i];
		int r = 0;

		if (!in_list(h->name, ignored) && (!call->crossed || in_list(h->name, travelling)))
			r = add_header(call, h, e);
		if (r < 0)
			return r;
	}
	if (call->with_body) { /* no round trip before a small body */
		struct curl_slist *more = api->slist_append(call->slist, "Expect:");

		if (!more)
			return err_errno(e, ENOMEM, "HTTP header \"Expect\"");
		call->slist = more;
	}
	return 0;
}

/* Proxies come from the settings alone, never from libcurl's reading of the environment. */
static bool set_proxy(struct http_call *call, CURL *h, const struct origin *o)
{
	const struct http_client *c = call->client;
	const struct curl_api *api = c->curl;
	const struct http_proxies p = { c->http_proxy, c->https_proxy, (const char *const *)c->no_proxy,
					c->n_no_proxy };
	CLEANUP(freep) char *host = strdup(o->host[0] == '[' ? o->host + 1 : o->host);
	const char *proxy;

	if (!host)
		return false;
	host[strcspn(host, "]%")] = '\0';
	proxy = http_proxy_for(&p, strcasecmp(o->scheme, "https") == 0, host,
			       (unsigned)strtoul(o->port, NULL, 10));
	return api->easy_setopt(h, CURLOPT_PROXY, proxy ? proxy : "") == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_NOPROXY, "") == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK;
}

static bool set_tls(const struct http_client *c, CURL *h)
{
	const struct curl_api *api = c->curl;
	struct curl_blob blob = { .data = c->ca, .len = c->ca_len, .flags = CURL_BLOB_NOCOPY };
	const char *file = http_ca_file(), *dir = secure_getenv("SSL_CERT_DIR");
	bool ok = api->easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;

	if (c->ca)
		ok = ok && api->easy_setopt(h, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK &&
		     api->easy_setopt(h, CURLOPT_PROXY_CAINFO_BLOB, &blob) == CURLE_OK;
	else if (file)
		ok = ok && api->easy_setopt(h, CURLOPT_CAINFO, file) == CURLE_OK &&
		     api->easy_setopt(h, CURLOPT_PROXY_CAINFO, file) == CURLE_OK;
	if (dir && *dir)
		ok = ok && api->easy_setopt(h, CURLOPT_CAPATH, dir) == CURLE_OK &&
		     api->easy_setopt(h, CURLOPT_PROXY_CAPATH, dir) == CURLE_OK;
	return ok;
}

static bool set_method(struct http_call *call, CURL *h)
{
	const struct curl_api *api = call->client->curl;
	bool ok = true;

	if (call->with_body)
		ok = api->easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->req.body_len) ==
			     CURLE_OK &&
		     api->easy_setopt(h, CURLOPT_POSTFIELDS, call->req.body) == CURLE_OK;
	if (strcmp(call->method, "HEAD") == 0)
		return ok && api->easy_setopt(h, CURLOPT_NOBODY, 1L) == CURLE_OK;
	return ok && api->easy_setopt(h, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

static bool set_transport(struct http_call *call, CURL *h)
{
	const struct curl_api *api = call->client->curl;
	static const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_BUFFERSIZE, 256 * 1024 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_FOLLOWLOCATION, 0 }, /* done by http.c, which knows what may travel */
		{ CURLOPT_CONNECTTIMEOUT_MS, HTTP_CONNECT_MS },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		{ CURLOPT_TCP_KEEPIDLE, 30 },
		{ CURLOPT_TCP_KEEPINTVL, 30 },
		{ CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 300 },
		{ CURLOPT_PATH_AS_IS, 1 },
		{ CURLOPT_QUICK_EXIT, 1 }, /* a deadline does not wait for the resolver's thread */
		{ CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC },
		{ CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (api->easy_setopt(h, numbers[i].option, numbers[i].value) != CURLE_OK)
			return false;
	return api->easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_ERRORBUFFER, call->curl_text) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_HTTPHEADER, call->slist) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_WRITEFUNCTION, http_on_body) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_WRITEDATA, call) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_HEADERFUNCTION, http_on_header) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_HEADERDATA, call) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_PREREQFUNCTION, http_on_connected) == CURLE_OK &&
	       api->easy_setopt(h, CURLOPT_PREREQDATA, call) == CURLE_OK;
}

static bool is_http(const char *scheme)
{
	return strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
}

static int easy_new(struct http_call *call, const struct origin *o, CURL **ret, struct err *e)
{
	const struct curl_api *api = call->client->curl;
	int r = add_headers(call, e);
	CURL *h;

	if (r < 0)
		return r;
	h = api->easy_init();
	if (!h)
		return err_errno(e, ENOMEM, "preparing a request");
	if (!set_transport(call, h) || !set_method(call, h) || !set_tls(call->client, h) ||
	    !set_proxy(call, h, o) || api->easy_setopt(h, CURLOPT_URL, call->url) != CURLE_OK) {
		api->easy_cleanup(h);
		return err_text(e, EIO, "libcurl refuses the settings of the request");
	}
	*ret = h;
	return 0;
}

int http_easy_new(struct http_call *call, CURL **ret, struct err *e)
{
	const struct curl_api *api = call->client->curl;
	struct origin o;
	bool ok;
	int r;

	ok = origin_of(api, call->url, &o);
	if (o.scheme && !is_http(o.scheme))
		r = err_text(e, EINVAL, "unsupported scheme \"%.20s\"", o.scheme);
	else if (!ok)
		r = err_text(e, EINVAL, "not a URL that can be fetched");
	else
		r = easy_new(call, &o, ret, e);
	origin_done(api, &o);
	return r;
}
