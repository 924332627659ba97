#include "ignition/fetch/fetch.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/http.h"
#include "base/inflate.h"
#include "base/log.h"
#include "base/loop.h"
#include "ignition/config/types_gen.h"
#include "ignition/fetch/ca.h"
#include "ignition/fetch/dataurl.h"
#include "ignition/fetch/headers.h"

enum {
	PARALLEL = 8,
	MAX_DATA_BYTES = 256 << 20,
	MAX_CA_BYTES = 16 << 20,
	MAX_URL_SHOWN = 2048,
	DEFAULT_HEADER_TIMEOUT_S = 10,
	MAX_TIMEOUT_S = INT_MAX / 1000,
};

/* Certificates of one source, kept: the same config is applied more than once in a run. */
struct known_ca {
	struct known_ca *next;
	char *source;
	struct buf raw, pem; /* as it came; only its certificates */
};

struct fetcher {
	bool offline;
	struct loop *loop;        /* NULL until the network is needed */
	struct http_client *http; /* the same */
	long long total_ms;
	struct arena *settings_arena; /* strings of settings */
	struct http_settings settings;
	struct buf ca; /* settings.extra_ca */
	struct known_ca *known;
};

/* One fetch under way: its pipeline and what the request refers to. */
struct slot {
	struct fetch_job *job;
	struct arena *arena;
	struct header_list headers;
	struct inflate_sink inflate;
	struct digest_sink digest;
	struct sink *head;
	struct http_call *call;
	bool busy, done;
	int r;
	struct err e;
};

struct scheme {
	const char *name;
	bool needs_net;
	int (*start)(struct fetcher *f, struct slot *s, struct err *e); /* 1 = under way, 0 = done */
};

int fetcher_new(bool offline, struct fetcher **ret, struct err *e)
{
	struct fetcher *f = calloc(1, sizeof *f);

	if (!f)
		return err_errno(e, ENOMEM, "preparing the fetcher");
	f->offline = offline;
	f->settings.header_timeout_ms = DEFAULT_HEADER_TIMEOUT_S * 1000;
	*ret = f;
	return 0;
}

struct fetcher *fetcher_free(struct fetcher *f)
{
	if (!f)
		return NULL;
	http_client_free(f->http);
	loop_free(f->loop);
	arena_free(f->settings_arena);
	buf_done(&f->ca);
	while (f->known) {
		struct known_ca *k = f->known;

		f->known = k->next;
		free(k->source);
		buf_done(&k->raw);
		buf_done(&k->pem);
		free(k);
	}
	free(f);
	return NULL;
}

bool fetcher_offline(const struct fetcher *f)
{
	return f->offline;
}

void fetcher_set_total_timeout(struct fetcher *f, long long ms)
{
	f->total_ms = ms;
}

bool fetch_needs_net(const char *source)
{
	return source && *source && strncasecmp(source, "data:", 5) != 0;
}

int fetch_redact(const char *url, struct buf *out)
{
	return http_url_redact(url, out);
}

/* The loop, libcurl and the client appear with the first fetch that needs them. */
static int need_http(struct fetcher *f, struct err *e)
{
	int r = 0;

	if (!f->loop)
		r = loop_new(&f->loop);
	if (r < 0)
		return err_errno(e, -r, "preparing the event loop");
	if (f->http)
		return 0;
	r = http_client_new(f->loop, &f->http, e);
	if (r == 0)
		r = http_client_configure(f->http, &f->settings, e);
	if (r < 0)
		f->http = http_client_free(f->http);
	return r;
}

static int fail_source(const char *source, int r, struct err *e)
{
	CLEANUP(buf_done) struct buf shown = BUF_INIT(.max = MAX_URL_SHOWN);

	(void)http_url_redact(source, &shown);
	return err_wrap(e, r, "%s", shown.n ? shown.p : "resource");
}

static int on_http_done(void *ctx, int r, const struct err *e)
{
	struct slot *s = ctx;

	s->r = r;
	s->e = *e;
	s->done = true;
	s->call = http_call_free(s->call);
	return 0;
}

static int start_http(struct fetcher *f, struct slot *s, struct err *e)
{
	struct http_request req = {
		.url = s->job->res->source,
		.headers = s->headers.v,
		.n_headers = s->headers.n,
		.total_ms = f->total_ms,
		.sink = s->head,
	};
	int r = need_http(f, e);

	if (r == 0)
		r = http_start(f->http, &req, on_http_done, s, &s->call, e);
	return r < 0 ? r : 1;
}

static int start_data(struct fetcher *f, struct slot *s, struct err *e)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = MAX_DATA_BYTES);
	const char *source = s->job->res->source, *why = NULL;
	int r = dataurl_decode(source, &b, &why);

	(void)f;
	if (r == -EBADMSG)
		r = err_text(e, EBADMSG, "%s", why);
	else if (r < 0)
		r = err_errno(e, -r, "decoding");
	if (r == 0 && b.n > 0)
		r = sink_write(s->head, b.p, b.n, e);
	if (r == 0)
		r = sink_finish(s->head, e);
	return r < 0 ? fail_source(source, r, e) : 0;
}

static const struct scheme schemes[] = {
	{ "data", false, start_data },
	{ "http", true, start_http },
	{ "https", true, start_http },
};

static const struct scheme *find_scheme(const char *source)
{
	const size_t n = strcspn(source, ":");

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strlen(schemes[i].name) == n && strncasecmp(schemes[i].name, source, n) == 0)
			return &schemes[i];
	return NULL;
}

static int build_pipeline(struct slot *s, struct err *e)
{
	const struct ign_resource *res = s->job->res;
	const char *hash = res->verification.hash, *compression = res->compression;
	int r = 0;

	s->head = s->job->out;
	if (hash && *hash) {
		r = digest_sink_init(&s->digest, hash, s->head, e);
		s->head = &s->digest.base;
	}
	if (r == 0 && compression && *compression) {
		if (strcmp(compression, "gzip") != 0)
			return err_text(e, EINVAL, "unsupported compression \"%.40s\"", compression);
		r = inflate_sink_init(&s->inflate, s->head, e);
		s->head = &s->inflate.base;
	}
	return r;
}

static int build_headers(struct slot *s, const struct fetch_header *extra, struct err *e)
{
	const struct ign_resource *res = s->job->res;
	size_t n = 0;
	int r;

	s->arena = arena_new();
	if (!s->arena)
		return err_errno(e, ENOMEM, "preparing the request headers");
	while (extra && extra[n].name)
		n++;
	r = headers_defaults(&s->headers, n + res->http_headers.n, s->arena, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = headers_set(&s->headers, extra[i].name, extra[i].value, s->arena, e);
	for (size_t i = 0; r == 0 && i < res->http_headers.n; i++)
		r = headers_set(&s->headers, res->http_headers.v[i].name, res->http_headers.v[i].value,
				s->arena, e);
	return r;
}

/* Returns 1 when under way, 0 when done, or -errno with a story that names the source. */
static int start_job(struct fetcher *f, struct slot *s, const struct fetch_header *extra)
{
	const char *source = s->job->res->source;
	const struct scheme *scheme;
	int r;

	if (!source || !*source) /* upstream checks no hash of nothing either */
		return sink_finish(s->job->out, &s->e);
	if (f->offline && fetch_needs_net(source)) {
		err_text(&s->e, EFETCH_NEEDNET, "resource requires networking");
		return fail_source(source, -EFETCH_NEEDNET, &s->e);
	}
	scheme = find_scheme(source);
	if (!scheme) {
		r = err_text(&s->e, EPROTONOSUPPORT,
			     "unsupported source scheme (data, http and https are known)");
		return fail_source(source, r, &s->e);
	}
	r = build_pipeline(s, &s->e);
	if (r == 0 && scheme->needs_net)
		r = build_headers(s, extra, &s->e);
	if (r < 0)
		return fail_source(source, r, &s->e);
	return scheme->start(f, s, &s->e);
}

static void slot_clear(struct slot *s)
{
	http_call_free(s->call);
	inflate_sink_done(&s->inflate);
	digest_sink_done(&s->digest);
	arena_free(s->arena);
	*s = (struct slot){ .busy = false };
}

/* The jobs of one fetch_resources() and where they stand. */
struct batch {
	struct fetcher *f;
	const struct fetch_header *extra;
	struct slot slots[PARALLEL];
	struct fetch_job *jobs;
	size_t n, next, failed; /* failed: lowest index, n = none */
	struct err e;           /* of that one */
};

static void finish_slot(struct batch *b, struct slot *s, int r)
{
	size_t index = (size_t)(s->job - b->jobs);

	s->job->result = r;
	if (r < 0 && index < b->failed) {
		b->failed = index;
		b->e = s->e;
	}
	if (r == 0 && s->digest.ctx)
		log_debug("file matches expected sum of: %s", s->digest.got);
	slot_clear(s);
}

static size_t start_more(struct batch *b)
{
	size_t busy = 0;

	for (size_t i = 0; i < PARALLEL; i++) {
		struct slot *s = &b->slots[i];

		while (!s->busy && b->next < b->n && b->failed == b->n) {
			*s = (struct slot){ .job = &b->jobs[b->next++], .busy = true };
			int r = start_job(b->f, s, b->extra);
			if (r <= 0)
				finish_slot(b, s, r);
		}
		busy += s->busy;
	}
	return busy;
}

/* After a failure nothing new is begun and what is under way is given up: it could retry for ever. */
static int run_batch(struct batch *b, struct err *e)
{
	int r = 0;

	b->failed = b->n;
	for (size_t i = 0; i < b->n; i++)
		b->jobs[i].result = -ECANCELED;
	while (start_more(b) > 0 && b->failed == b->n && r >= 0) {
		r = loop_step(b->f->loop, -1);
		for (size_t i = 0; i < PARALLEL; i++)
			if (b->slots[i].busy && b->slots[i].done)
				finish_slot(b, &b->slots[i], b->slots[i].r);
	}
	for (size_t i = 0; i < PARALLEL; i++)
		if (b->slots[i].busy)
			slot_clear(&b->slots[i]);
	if (b->failed < b->n) {
		if (e)
			*e = b->e;
		return b->jobs[b->failed].result;
	}
	return r < 0 ? err_errno(e, -r, "waiting for downloads") : 0;
}

static int fetch_all(struct fetcher *f, struct fetch_job *jobs, size_t n, const struct fetch_header *extra,
		     struct err *e)
{
	CLEANUP(freep) struct batch *b = calloc(1, sizeof *b);

	if (!b)
		return err_errno(e, ENOMEM, "preparing downloads");
	b->f = f;
	b->jobs = jobs;
	b->n = n;
	b->extra = extra;
	return run_batch(b, e);
}

int fetch_resources(struct fetcher *f, struct fetch_job *jobs, size_t n, struct err *e)
{
	return fetch_all(f, jobs, n, NULL, e);
}

int fetch_resource(struct fetcher *f, const struct ign_resource *res, struct sink *out, struct err *e)
{
	struct fetch_job job = { .res = res, .out = out };

	return fetch_all(f, &job, 1, NULL, e);
}

int fetch_get(struct fetcher *f, const struct fetch_get *req, struct buf *out, struct err *e)
{
	const struct ign_resource res = { .source = req->url };
	struct fetch_job job = { .res = &res };
	struct buf_sink sink;

	buf_sink_init(&sink, out);
	job.out = &sink.base;
	return fetch_all(f, &job, 1, req->headers, e);
}

/* Takes raw and pem. */
static int remember_ca(struct fetcher *f, const char *source, struct buf *raw, struct buf *pem, struct err *e)
{
	struct known_ca *k = calloc(1, sizeof *k);

	if (k)
		k->source = strdup(source);
	if (!k || !k->source) {
		free(k);
		return err_errno(e, ENOMEM, "keeping a certificate");
	}
	k->raw = *raw;
	k->pem = *pem;
	*raw = *pem = BUF_INIT(.n = 0);
	k->next = f->known;
	f->known = k;
	return 0;
}

/* Fetches and checks a CA once per process and source. */
static int know_ca(struct fetcher *f, const struct ign_resource *res, const struct known_ca **ret,
		   struct err *e)
{
	const char *source = res->source ? res->source : "";
	CLEANUP(buf_done) struct buf raw = BUF_INIT(.max = MAX_CA_BYTES);
	CLEANUP(buf_done) struct buf pem = BUF_INIT(.max = 2 * MAX_CA_BYTES);
	struct buf_sink sink;
	int r;

	for (const struct known_ca *k = f->known; k; k = k->next) {
		if (strcmp(k->source, source) == 0) {
			*ret = k;
			return 0;
		}
	}
	buf_sink_init(&sink, &raw);
	r = fetch_resource(f, res, &sink.base, e);
	if (r < 0)
		return r;
	r = ca_append(buf_str(&raw), raw.n, &pem, e);
	if (r < 0) {
		(void)fail_source(source, r, e);
		return r;
	}
	r = remember_ca(f, source, &raw, &pem, e);
	if (r == 0)
		*ret = f->known;
	return r;
}

int fetcher_authority(struct fetcher *f, const struct ign_resource *res, struct buf *out, struct err *e)
{
	const struct known_ca *k = NULL;
	int r = know_ca(f, res, &k, e);

	if (r < 0)
		return r;
	r = buf_append(out, buf_str(&k->raw), k->raw.n);
	return r < 0 ? err_errno(e, -r, "keeping a certificate") : 0;
}

static int collect_cas(struct fetcher *f, const struct ign_tls *tls, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < tls->certificate_authorities.n; i++) {
		const struct known_ca *k = NULL;
		int r = know_ca(f, &tls->certificate_authorities.v[i], &k, e);

		if (r == 0 && buf_append(out, buf_str(&k->pem), k->pem.n) < 0)
			r = err_errno(e, ENOMEM, "keeping a certificate");
		if (r < 0)
			return err_wrap(e, r, "certificate authority %zu", i);
	}
	return 0;
}

static long long seconds_ms(int64_t s)
{
	return s > MAX_TIMEOUT_S ? MAX_TIMEOUT_S * 1000LL : s < 0 ? -1 : s * 1000;
}

static int apply_settings(struct fetcher *f, struct err *e)
{
	f->settings.extra_ca = f->ca.p;
	f->settings.extra_ca_len = f->ca.n;
	return f->http ? http_client_configure(f->http, &f->settings, e) : 0;
}

static const char *keep(struct arena *a, const char *s, bool *ok)
{
	char *copy = s && *s ? arena_strdup(a, s) : NULL;

	*ok = *ok && (copy || !s || !*s);
	return copy;
}

static int copy_settings(struct fetcher *f, const struct ign_ignition *ign, struct err *e)
{
	struct http_settings next = { .header_timeout_ms = DEFAULT_HEADER_TIMEOUT_S * 1000 };
	struct arena *a = arena_new();
	const char **none = a ? arena_alloc(a, (ign->proxy.no_proxy.n + 1) * sizeof *none) : NULL;
	bool ok = none;

	if (ign->timeouts.http_response_headers.set)
		next.header_timeout_ms = seconds_ms(ign->timeouts.http_response_headers.v);
	if (ok) {
		next.proxies.http = keep(a, ign->proxy.http_proxy, &ok);
		next.proxies.https = keep(a, ign->proxy.https_proxy, &ok);
	}
	for (size_t i = 0; ok && i < ign->proxy.no_proxy.n; i++) {
		none[i] = keep(a, ign->proxy.no_proxy.v[i], &ok);
		none[i] = none[i] ? none[i] : "";
	}
	if (!ok) {
		arena_free(a);
		return err_errno(e, ENOMEM, "applying the HTTP settings");
	}
	next.proxies.none = none;
	next.proxies.n_none = ign->proxy.no_proxy.n;
	arena_free(f->settings_arena);
	f->settings_arena = a;
	f->settings = next;
	f->total_ms = ign->timeouts.http_total.set ? seconds_ms(ign->timeouts.http_total.v) : 0;
	return 0;
}

int fetcher_configure(struct fetcher *f, const struct ign_ignition *ign, struct err *e)
{
	CLEANUP(buf_done) struct buf ca = BUF_INIT(.max = 4 * MAX_CA_BYTES);
	int r = copy_settings(f, ign, e);

	if (r == 0) /* CAs are fetched with the new timeouts and proxies, and the CAs so far */
		r = apply_settings(f, e);
	if (r < 0 || ign->security.tls.certificate_authorities.n == 0)
		return r;
	r = collect_cas(f, &ign->security.tls, &ca, e);
	if (r < 0)
		return r;
	buf_done(&f->ca);
	f->ca = ca;
	ca = BUF_INIT(.n = 0);
	return apply_settings(f, e);
}
