/* Fetching against a server on 127.0.0.1 that plays faults. */
#include "ignition/fetch/fetch.h"
#include "tests/unit/ignition/fault_server.h"
#include <errno.h>
#include "base/base64.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/sink.h"
#include "ignition/config/types_gen.h"

/* One fetch in a fetcher of its own unless the test brings one. */
struct fetched {
	struct fetcher *f;
	struct buf b;
	struct err e;
	char url[256];
	double seconds;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int setup(void **state)
{
	struct fetched *t = calloc(1, sizeof *t);

	t->b = BUF_INIT(.max = 1 << 20);
	assert_int_equal(fetcher_new(false, &t->f, &t->e), 0);
	plain.requests = other.requests = secure.requests = 0;
	plain.request[0] = other.request[0] = '\0';
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fetched *t = *state;

	fetcher_free(t->f);
	buf_done(&t->b);
	free(t);
	return 0;
}

static const char *url_of(struct fetched *t, const struct server *s, const char *path)
{
	snprintf(t->url, sizeof t->url, "http%s://127.0.0.1:%u%s", s->tls ? "s" : "", s->port, path);
	return t->url;
}

static int fetch(struct fetched *t, struct ign_resource *res)
{
	struct buf_sink sink;
	double start = now();
	int r;

	buf_clear(&t->b);
	t->e.code = 0;
	buf_sink_init(&sink, &t->b);
	r = fetch_resource(t->f, res, &sink.base, &t->e);
	t->seconds = now() - start;
	return r;
}

static int fetch_path(struct fetched *t, const struct server *s, const char *path)
{
	struct ign_resource res = { .source = url_of(t, s, path) };

	return fetch(t, &res);
}

/* For what is retried until time is over: enough time for one attempt, however busy the machine. */
static void expect_no_luck(struct fetched *t, struct ign_resource *res, const char *last_error)
{
	for (int ms = 200; ms <= 12800; ms *= 4) {
		fetcher_set_total_timeout(t->f, ms);
		assert_int_equal(fetch(t, res), -ETIMEDOUT);
		assert_true(t->seconds >= ms / 1000.0);
		assert_non_null(strstr(t->e.text, "unable to fetch resource in time"));
		if (strstr(t->e.text, "last error: "))
			break;
	}
	if (!strstr(t->e.text, last_error))
		fail_msg("%s", t->e.text);
}

static void good_answers(void **state)
{
	struct fetched *t = *state;
	char want[512];

	assert_int_equal(fetch_path(t, &plain, "/ok"), 0);
	assert_string_equal(buf_str(&t->b), "hello");
	assert_int_equal(fetch_path(t, &plain, "/nocontent"), 0);
	assert_int_equal(t->b.n, 0);
	assert_int_equal(fetch_path(t, &plain, "/a b"), 0); /* a space in the path is accepted in configs */
	assert_non_null(strstr(plain.request, "GET /a%20b HTTP/1.1\r\n"));
	assert_int_equal(fetch_path(t, &plain, "/x/../echo"), 0); /* not rewritten */
	assert_non_null(strstr(plain.request, "GET /x/../echo HTTP/1.1\r\n"));
	snprintf(
		want, sizeof want,
		"User-Agent: Ignition/%s\r\n"
		"Accept: application/vnd.coreos.ignition+json;version=3.6.0, */*;q=0.1\r\nAccept-Encoding: identity\r\n",
		HEARTH_VERSION);
	assert_non_null(strstr(plain.request, want));
}

static void retries(void **state)
{
	static const struct {
		const char *path;
		int requests;
		double least, most;
	} cases[] = {
		{ "/flaky", 3, 0.6, 1.2 },                              /* 0.2 + 0.4 */
		{ "/busy", 2, 0.2, 0.8 },    { "/later", 2, 1.0, 1.6 }, /* Retry-After */
		{ "/hang-up", 2, 0.2, 0.8 }, { "/cut", 3, 0.6, 1.2 },
	};
	struct fetched *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		plain.requests = 0;
		if (fetch_path(t, &plain, cases[i].path) != 0)
			fail_msg("%s: %s", cases[i].path, t->e.text);
		assert_string_equal(buf_str(&t->b), "hello");
		assert_int_equal(plain.requests, cases[i].requests);
		if (t->seconds < cases[i].least || t->seconds > cases[i].most + 30)
			fail_msg("%s took %.2f s", cases[i].path, t->seconds);
	}
}

static void refusals(void **state)
{
	static const struct {
		const char *path;
		int r;
		const char *why;
	} cases[] = {
		{ "/missing", -EFETCH_NOTFOUND, "resource not found" },
		{ "/forbidden", -EIO, "failed to fetch resource: HTTP 403 Forbidden" },
		{ "/unheard-of", -EIO, "failed to fetch resource: HTTP 499" },
		{ "/long-header", -ENOMEM, "Out of memory, or a response header is too long" },
		{ "/created", -EIO, "failed to fetch resource: HTTP 201 Created" },
		{ "/nowhere", -EIO, "failed to fetch resource: HTTP 302 Found" },
		{ "/ftp", -EINVAL, "redirected to ftp://127.0.0.1/x: unsupported scheme \"ftp\"" },
		{ "/loop", -ELOOP, "failed to fetch resource: more than 10 redirects, the last to " },
	};
	struct fetched *t = *state;
	char want[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		plain.requests = 0;
		assert_int_equal(fetch_path(t, &plain, cases[i].path), cases[i].r);
		snprintf(want, sizeof want, "GET %s: %s", t->url, cases[i].why);
		if (strncmp(t->e.text, want, strlen(want)) != 0)
			fail_msg("%s, not %s", t->e.text, want);
		assert_int_not_equal(t->e.text[strlen(t->e.text) - 1], ' ');
		assert_int_equal(plain.requests, cases[i].r == -ELOOP ? 11 : 1);
		assert_int_equal(t->b.n, 0); /* nothing of the error page */
	}
}

static void time_limits(void **state)
{
	struct ign_ignition ign = { .timeouts.http_response_headers = { true, 1 } };
	struct fetched *t = *state;
	struct ign_resource down = { .source = url_of(t, &plain, "/down") };

	expect_no_luck(t, &down, "last error: HTTP 503 Service Unavailable");
	fetcher_set_total_timeout(t->f, 300);
	assert_int_equal(fetch_path(t, &plain, "/never"), -ETIMEDOUT);
	assert_true(t->seconds >= 0.3 && t->seconds < 30);
	fetcher_set_total_timeout(t->f, -1);
	assert_int_equal(fetch_path(t, &plain, "/ok"), -ETIMEDOUT);

	/* The first answer takes longer than a second to begin, the second is prompt. */
	assert_int_equal(fetcher_configure(t->f, &ign, &t->e), 0);
	plain.requests = 0;
	assert_int_equal(fetch_path(t, &plain, "/slow"), 0);
	assert_string_equal(buf_str(&t->b), "hello");
	assert_true(t->seconds >= 1.2 && t->seconds < 60);
	assert_in_range(plain.requests, 2, 5); /* busy, even the prompt one may take more than a second */
}

static void nobody_listens(void **state)
{
	struct ign_resource res = { .source = "http://user:secret@127.0.0.1:1/x?token=abc" };
	struct fetched *t = *state;

	expect_no_luck(t, &res, "GET http://127.0.0.1:1/x?token=<redacted>");
	assert_null(strstr(t->e.text, "secret"));
	assert_null(strstr(t->e.text, "abc"));
}

static void headers(void **state)
{
	struct ign_http_header h[] = {
		{ "x-token", "one" }, { "accept", "text/plain" }, { "X-TOKEN", "two" },
		{ "host", "evil" },   { "cookie", "c=1" },
	};
	struct ign_http_header forged = { "X-A", "v\r\nX-B: w" }, no_value = { "X-A", NULL },
			       bad_name = { "X A", "v" };
	struct ign_resource res = { .http_headers = { h, ARRAY_SIZE(h) } };
	struct fetched *t = *state;

	res.source = url_of(t, &plain, "/echo");
	assert_int_equal(fetch(t, &res), 0);
	assert_non_null(strstr(t->b.p, "\r\nX-Token: two\r\n"));
	assert_null(strstr(t->b.p, "one"));
	assert_non_null(strstr(t->b.p, "\r\nAccept: text/plain\r\n"));
	assert_null(strstr(t->b.p, "vnd.coreos"));
	assert_null(strstr(t->b.p, "evil"));

	/* Within an origin everything travels; elsewhere only what tells nothing. */
	snprintf(t->url, sizeof t->url, "http://me:pw@127.0.0.1:%u/same", plain.port);
	assert_int_equal(fetch(t, &res), 0);
	assert_non_null(strstr(t->b.p, "GET /echo?x=1 "));
	assert_non_null(strstr(t->b.p, "X-Token: two"));
	snprintf(t->url, sizeof t->url, "http://me:pw@127.0.0.1:%u/away", plain.port);
	assert_int_equal(fetch(t, &res), 0);
	assert_non_null(strstr(plain.request, "Authorization: Basic bWU6cHc=\r\n"));
	assert_int_equal(other.requests, 1);
	assert_null(strstr(t->b.p, "X-Token"));
	assert_null(strstr(t->b.p, "Cookie"));
	assert_null(strstr(t->b.p, "Authorization"));
	assert_non_null(strstr(t->b.p, "Accept-Encoding: identity\r\n"));

	res.http_headers.v = &forged;
	res.http_headers.n = 1;
	plain.requests = 0;
	assert_int_equal(fetch(t, &res), -EINVAL);
	res.http_headers.v = &no_value;
	assert_int_equal(fetch(t, &res), -EINVAL);
	assert_non_null(strstr(t->e.text, "unable to parse HTTP header"));
	res.http_headers.v = &bad_name;
	assert_int_equal(fetch(t, &res), -EINVAL);
	assert_int_equal(plain.requests, 0);
}

static void get_for_providers(void **state)
{
	struct fetched *t = *state;
	const struct fetch_header h[] = { { "metadata-flavor", "Google" }, { NULL, NULL } };
	struct fetch_get get = { .url = url_of(t, &plain, "/echo"), .headers = h };

	assert_int_equal(fetch_get(t->f, &get, &t->b, &t->e), 0);
	assert_non_null(strstr(t->b.p, "Metadata-Flavor: Google\r\n"));
	assert_non_null(strstr(t->b.p, "User-Agent: Ignition/"));
	buf_done(&t->b);
	t->b.max = 50;
	assert_int_equal(fetch_get(t->f, &get, &t->b, &t->e), -EFBIG);
	assert_non_null(strstr(t->e.text, "larger than 50 bytes"));
}

#define HELLO512                                                                                                \
	"sha512-9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5" \
	"da0c4663475c2e5c3adef46f73bcdec043"

static void verification_and_compression(void **state)
{
	struct ign_resource res = { .compression = "gzip", .verification.hash = HELLO512 };
	struct fetched *t = *state;

	res.source = url_of(t, &plain, "/gz");
	assert_int_equal(fetch(t, &res), 0);
	assert_string_equal(buf_str(&t->b), "hello");
	res.source = url_of(t, &plain, "/ok");
	assert_int_equal(fetch(t, &res), -EBADMSG);
	assert_non_null(strstr(t->e.text, "gunzip: "));
	res.compression = NULL;
	assert_int_equal(fetch(t, &res), 0);
	res.source = url_of(t, &plain, "/echo");
	plain.requests = 0;
	assert_int_equal(fetch(t, &res), -EBADMSG);
	assert_non_null(strstr(t->e.text, "hash verification failed (calculated "));
	assert_non_null(strstr(t->e.text, " but expected 9b71d224"));
	assert_int_equal(plain.requests, 1);
	res.compression = "xz";
	assert_int_equal(fetch(t, &res), -EINVAL);
	res = (struct ign_resource){ .source = url_of(t, &plain, "/bomb"), .compression = "gzip" };
	assert_int_equal(fetch(t, &res), -EFBIG);
	assert_true(t->b.n <= 1 << 20);
}

static void data_sources(void **state)
{
	struct ign_resource res = { .source = "data:;base64,aGVsbG8=", .verification.hash = HELLO512 };
	struct fetched *t = *state;

	assert_int_equal(fetch(t, &res), 0);
	assert_string_equal(buf_str(&t->b), "hello");
	res.source = "data:,hellO";
	assert_int_equal(fetch(t, &res), -EBADMSG);
	assert_memory_equal(t->e.text, "data:...: hash verification failed", 34);
	res.source = "data:hello";
	assert_int_equal(fetch(t, &res), -EBADMSG);
	assert_string_equal(t->e.text, "data:...: missing media type slash");
	res.source = "";
	assert_int_equal(fetch(t, &res), 0);
	assert_int_equal(t->b.n, 0);
	res.source = NULL;
	assert_int_equal(fetch(t, &res), 0);
	res.source = "tftp://h/x";
	assert_int_equal(fetch(t, &res), -EPROTONOSUPPORT);
	assert_non_null(strstr(t->e.text, "tftp://h/x: unsupported source scheme"));
}

static void offline(void **state)
{
	struct ign_resource ca = { .source = "http://h/ca" };
	struct ign_ignition ign = { .security.tls.certificate_authorities = { &ca, 1 } };
	struct ign_resource res = { .source = "https://u:p@h/x" };
	struct fetched *t = *state;

	fetcher_free(t->f);
	assert_int_equal(fetcher_new(true, &t->f, &t->e), 0);
	assert_true(fetcher_offline(t->f));
	assert_int_equal(fetch(t, &res), -EFETCH_NEEDNET);
	assert_string_equal(t->e.text, "https://h/x: resource requires networking");
	res.source = "gs://b/o";
	assert_int_equal(fetch(t, &res), -EFETCH_NEEDNET);
	res.source = "data:,x";
	assert_int_equal(fetch(t, &res), 0);
	assert_int_equal(fetcher_configure(t->f, &ign, &t->e), -EFETCH_NEEDNET);
	assert_false(fetch_needs_net(NULL));
	assert_false(fetch_needs_net(""));
	assert_false(fetch_needs_net("Data:,"));
	assert_true(fetch_needs_net("tftp://x"));
}

static void several_at_once(void **state)
{
	enum { N = 40 };
	struct ign_resource res[N];
	struct fetch_job jobs[N];
	struct buf_sink sinks[N];
	struct buf out[N];
	char urls[N][64], want[16];
	struct fetched *t = *state;
	struct err e = { .code = 0 };
	size_t done = 0;

	plain.most_busy = 0;
	for (int i = 0; i < N; i++) {
		out[i] = BUF_INIT(.max = 100);
		buf_sink_init(&sinks[i], &out[i]);
		snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%u/n/%d", plain.port, i);
		res[i] = (struct ign_resource){ .source = i % 10 == 5 ? "data:,in-between" : urls[i] };
		jobs[i] = (struct fetch_job){ .res = &res[i], .out = &sinks[i].base };
	}
	assert_int_equal(fetch_resources(t->f, jobs, N, &e), 0);
	for (int i = 0; i < N; i++) {
		snprintf(want, sizeof want, "%d", i);
		assert_string_equal(buf_str(&out[i]), i % 10 == 5 ? "in-between" : want);
		assert_int_equal(jobs[i].result, 0);
		buf_done(&out[i]);
	}
	assert_in_range(plain.most_busy, 2, 8);

	/* A failure ends the whole; what would retry for ever is given up. */
	snprintf(urls[0], sizeof urls[0], "http://127.0.0.1:%u/down", plain.port);
	snprintf(urls[2], sizeof urls[2], "http://127.0.0.1:%u/missing", plain.port);
	assert_int_equal(fetch_resources(t->f, jobs, N, &e), -EFETCH_NOTFOUND);
	assert_non_null(strstr(e.text, "/missing: resource not found"));
	assert_int_equal(jobs[0].result, -ECANCELED);
	assert_int_equal(jobs[2].result, -EFETCH_NOTFOUND);
	assert_int_equal(jobs[N - 1].result, -ECANCELED);
	for (int i = 0; i < N; i++) {
		done += jobs[i].result == 0;
		buf_done(&out[i]);
	}
	assert_true(done < N - 2);
}

static void nothing_is_begun_after_a_failure(void **state)
{
	static const char *const sources[] = { "data:,first", "data:;base64,!", "data:,third",
					       "data:,fourth" };
	static const int want[] = { 0, -EBADMSG, -ECANCELED, -ECANCELED };
	struct ign_resource res[ARRAY_SIZE(sources)];
	struct fetch_job jobs[ARRAY_SIZE(sources)];
	struct fetched *t = *state;
	struct buf_sink sink;

	buf_sink_init(&sink, &t->b);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		res[i] = (struct ign_resource){ .source = sources[i] };
		jobs[i] = (struct fetch_job){ .res = &res[i], .out = &sink.base };
	}
	assert_int_equal(fetch_resources(t->f, jobs, ARRAY_SIZE(sources), &t->e), -EBADMSG);
	assert_string_equal(t->e.text, "data:...: invalid data character");
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		assert_int_equal(jobs[i].result, want[i]);
	assert_string_equal(buf_str(&t->b), "first");
	assert_int_equal(fetch_resources(t->f, jobs, 0, &t->e), 0);
}

static int add_ca(struct fetched *t, const char *tail, const char *compression, const char *hash)
{
	CLEANUP(buf_done) struct buf pem = BUF_INIT(.max = 100000);
	CLEANUP(buf_done) struct buf url = BUF_INIT(.max = 100000);
	unsigned char zipped[8192];
	struct ign_resource ca = { .compression = compression, .verification.hash = hash };
	struct ign_ignition ign = { .security.tls.certificate_authorities = { &ca, 1 },
				    .timeouts.http_total = { true, 60 } };

	assert_int_equal(buf_puts(&pem, buf_str(&ca_pem)), 0);
	assert_int_equal(buf_puts(&pem, tail), 0);
	assert_int_equal(buf_puts(&url, "data:;base64,"), 0);
	if (compression)
		assert_int_equal(base64_encode(zipped, gzip(pem.p, pem.n, zipped, sizeof zipped), &url), 0);
	else
		assert_int_equal(base64_encode(pem.p, pem.n, &url), 0);
	ca.source = url.p;
	return fetcher_configure(t->f, &ign, &t->e);
}

static void tls(void **state)
{
	struct ign_ignition without = { .timeouts.http_total = { true, 60 } };
	struct fetched *t = *state;
	struct ign_resource res = { .source = url_of(t, &secure, "/ok") };

	expect_no_luck(t, &res, "certificate");
	assert_int_equal(secure.requests, 0);

	assert_int_equal(add_ca(t, "", NULL, NULL), 0);
	assert_int_equal(fetch_path(t, &secure, "/ok"), 0);
	assert_string_equal(buf_str(&t->b), "hello");
	url_of(t, &broken_tls, "/ok"); /* another authority's */
	expect_no_luck(t, &res, "certificate");
	assert_int_equal(broken_tls.requests, 0);
	snprintf(t->url, sizeof t->url, "https://localhost:%u/ok", secure.port); /* not in the certificate */
	expect_no_luck(t, &res, "no alternative certificate subject name matches");

	/* A later config without authorities keeps them. */
	assert_int_equal(fetcher_configure(t->f, &without, &t->e), 0);
	assert_int_equal(fetch_path(t, &secure, "/ok"), 0);
}

static void authorities(void **state)
{
	struct fetched *t = *state;

	assert_int_equal(add_ca(t, buf_str(&ca_pem), "gzip", NULL), 0); /* a bundle of two, compressed */
	assert_int_equal(fetch_path(t, &secure, "/ok"), 0);
	assert_int_equal(add_ca(t, "\ntrailing words\n", NULL, NULL), -EBADMSG);
	assert_string_equal(t->e.text, "certificate authority 0: data:...: unable to decode PEM block");
	assert_int_equal(
		add_ca(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NULL, NULL),
		-EBADMSG);
	assert_string_equal(
		t->e.text,
		"certificate authority 0: data:...: a PEM block (CERTIFICATE) is not a certificate");
	assert_int_equal(add_ca(t, "-----BEGIN CERTIFICATE-----\n", NULL, HELLO512), -EBADMSG);
	assert_non_null(strstr(t->e.text, "hash verification failed"));
	assert_int_equal(fetch_path(t, &secure, "/ok"), 0); /* the set before is still in force */
}

static void authorities_come_once(void **state)
{
	CLEANUP(buf_done) struct buf raw = { 0 };
	struct fetched *t = *state;
	struct ign_resource ca = { .source = url_of(t, &plain, "/ca") };
	struct ign_ignition ign = { .security.tls.certificate_authorities = { &ca, 1 } };
	char source[sizeof t->url];

	(void)snprintf(source, sizeof source, "%s", ca.source); /* url_of() has one place only */
	ca.source = source;
	for (int i = 0; i < 2; i++)
		assert_int_equal(fetcher_configure(t->f, &ign, &t->e), 0);
	assert_int_equal(fetch_path(t, &secure, "/ok"), 0);
	assert_int_equal(fetcher_authority(t->f, &ca, &raw, &t->e), 0);
	assert_string_equal(buf_str(&raw), buf_str(&ca_pem));
	assert_int_equal(plain.requests, 1);
}

static void proxy(void **state)
{
	const char *none[] = { "direct.test" };
	char url[64];
	struct ign_ignition ign = { .proxy = { .http_proxy = url, .no_proxy = { none, 1 } },
				    .timeouts.http_total = { true, 60 } };
	struct ign_resource res = { .source = "http://name.test/file" };
	struct fetched *t = *state;

	setenv("http_proxy", "http://127.0.0.1:1", 1); /* never read */
	snprintf(url, sizeof url, "http://u:p@127.0.0.1:%u", other.port);
	assert_int_equal(fetcher_configure(t->f, &ign, &t->e), 0);
	assert_int_equal(fetch(t, &res), 0);
	assert_memory_equal(t->b.p, "GET http://name.test/file HTTP/1.1\r\n", 36);
	assert_non_null(strstr(t->b.p, "Proxy-Authorization: Basic dTpw\r\n"));
	assert_int_equal(fetch_path(t, &plain, "/ok"), 0); /* loopback goes direct */
	assert_int_equal(other.requests, 1);
	ign.proxy = (struct ign_proxy){ .http_proxy = NULL }; /* an absent proxy is none */
	assert_int_equal(fetcher_configure(t->f, &ign, &t->e), 0);
	assert_int_equal(fetch_path(t, &plain, "/ok"), 0);
	assert_int_equal(other.requests, 1);
	unsetenv("http_proxy");
}

/* https through a proxy: CONNECT, and TLS with the far server; headers are for that one only. */
static void tunnelled(void **state)
{
	char url[64];
	struct ign_http_header h = { "X-Token", "secret" };
	struct ign_ignition ign = { .proxy.https_proxy = url, .timeouts.http_total = { true, 60 } };
	struct ign_resource res = { .source = "https://name.test/echo", .http_headers = { &h, 1 } };
	struct fetched *t = *state;

	assert_int_equal(add_ca(t, "", NULL, NULL), 0);
	snprintf(url, sizeof url, "http://u:p@127.0.0.1:%u", other.port);
	assert_int_equal(fetcher_configure(t->f, &ign, &t->e), 0);
	assert_int_equal(fetch(t, &res), 0);
	assert_memory_equal(other.request, "CONNECT name.test:443 HTTP/1.1\r\n", 32);
	assert_non_null(strstr(other.request, "Proxy-Authorization: Basic dTpw\r\n"));
	assert_null(strstr(other.request, "X-Token"));
	assert_memory_equal(t->b.p, "GET /echo HTTP/1.1\r\n", 20);
	assert_non_null(strstr(t->b.p, "X-Token: secret\r\n"));
	assert_null(strstr(t->b.p, "Proxy-Authorization"));
	res.source = "https://wrong.test/echo"; /* not the name in the certificate */
	expect_no_luck(t, &res, "no alternative certificate subject name matches");
}

/* What an operator sees on the console. */
static void attempts_are_logged(void **state)
{
	char path[] = "/tmp/hearth-fetch-XXXXXX", b[4096] = "", want[1024];
	int file = mkstemp(path), saved = dup(STDOUT_FILENO);
	struct fetched *t = *state;

	assert_true(file >= 0 && saved >= 0);
	unlink(path);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	log_open("ignition", LOG_TO_STDOUT, LOG_INFO);
	int r = fetch_path(t, &plain, "/busy");
	log_open("test", LOG_TO_STDERR, LOG_CRIT);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(r, 0);
	assert_true(pread(file, b, sizeof b - 1, 0) > 0);
	close(file);
	snprintf(want, sizeof want,
		 "INFO     : GET %s: attempt #1\nINFO     : GET result: Too Many Requests\n"
		 "INFO     : GET %s: attempt #2\nINFO     : GET result: OK\n",
		 t->url, t->url);
	assert_string_equal(b, want);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(good_answers),
		T(retries),
		T(refusals),
		T(time_limits),
		T(nobody_listens),
		T(headers),
		T(get_for_providers),
		T(verification_and_compression),
		T(data_sources),
		T(offline),
		T(several_at_once),
		T(nothing_is_begun_after_a_failure),
		T(tls),
		T(authorities),
		T(authorities_come_once),
		T(proxy),
		T(tunnelled),
		T(attempts_are_logged),
	};

	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
