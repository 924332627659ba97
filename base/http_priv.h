/* Shared by http.c (the life of a call) and http_easy.c (one hop of it as a libcurl handle). */
#pragma once
#include <stdbool.h>
#include "base/curl_dl.h"
#include "base/err.h"
#include "base/http.h"

enum {
	HTTP_MAX_REDIRECTS = 10,
	HTTP_MAX_BROKEN = 5,            /* restarts of a body that broke off */
	HTTP_MAX_REFUSED_BYTES = 65536, /* of an error page, before the connection is given up */
	HTTP_CONNECT_MS = 30000,
	HTTP_NOTICE_MS = 10000,
	HTTP_STALL_MS = 60000, /* a body without a byte for this long has broken off */
	HTTP_BACKOFF_MIN_MS = 200,
	HTTP_BACKOFF_MAX_MS = 5000,
	HTTP_RETRY_AFTER_MAX_MS = 300000,
};

struct http_client {
	struct loop *loop;
	const struct curl_api *curl;
	unsigned active;
	int64_t header_timeout_ms;
	char *http_proxy, *https_proxy;
	char **no_proxy;
	size_t n_no_proxy;
	char *ca; /* bundle with extra certificates; NULL = only the system's */
	size_t ca_len;
};

struct http_call {
	struct http_client *client;
	struct http_request req;
	http_done_fn fn;
	void *ctx;
	struct loop_source *transfer;
	struct loop_source *retry;    /* the next attempt */
	struct loop_source *deadline; /* total_ms */
	struct loop_source *headers;  /* response headers of this hop */
	struct loop_source *notice;
	bool ended;

	char *shown; /* req.url, redacted */
	unsigned attempt, broken;
	int64_t started_ms, delay_ms;
	struct err last; /* why the last attempt did not do it */

	char *url; /* of this hop */
	const char *method;
	bool with_body, crossed; /* crossed: this attempt has left the origin it was meant for */
	unsigned redirects;
	struct curl_slist *slist;
	char curl_text[CURL_ERROR_SIZE];
	CURL *easy; /* owned by the transfer source */
	long status;
	uint64_t refused_bytes, body_bytes;
	int64_t body_ms; /* when the last byte came */
	bool dirty;      /* the sink has bytes of a body */
	int sink_r;
	struct err sink_err;
};

bool http_accepted(long status);

/* Builds the handle for call->url; the callbacks belong to http.c. */
int http_easy_new(struct http_call *call, CURL **ret, struct err *e);
bool http_same_origin(const struct http_client *c, const char *a, const char *b);

size_t http_on_body(char *data, size_t size, size_t n, void *ctx);
size_t http_on_header(char *data, size_t size, size_t n, void *ctx);
int http_on_connected(void *ctx, char *remote, char *local, int remote_port, int local_port);
