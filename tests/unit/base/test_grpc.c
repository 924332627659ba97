/* Framing and endpoints, and the channel against peers that misbehave. What works is tested with etcd. */
#include "base/grpc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/grpc_priv.h"
#include "base/loop.h"

struct got {
	char text[64];
	unsigned n;
};

static int collect(void *ctx, const void *p, size_t n)
{
	struct got *g = ctx;

	snprintf(g->text + strlen(g->text), sizeof(g->text) - strlen(g->text), "[%.*s]", (int)n,
		 (const char *)p);
	g->n++;
	return n == 4 && memcmp(p, "stop", 4) == 0 ? -ECANCELED : 0;
}

static void test_frames(void **state)
{
	static const char in[] = "\0\0\0\0\3one\0\0\0\0\0\0\0\0\0\5three";
	const size_t total = sizeof(in) - 1;

	(void)state;
	/* cut at every place, and byte by byte: always the same messages */
	for (size_t cut = 0; cut <= total; cut++) {
		struct grpc_deframer d = { 0 };
		struct got g = { 0 };

		assert_int_equal(grpc_deframe(&d, in, cut, collect, &g), 0);
		assert_int_equal(grpc_deframe(&d, in + cut, total - cut, collect, &g), 0);
		assert_string_equal(g.text, "[one][][three]");
		assert_false(grpc_deframe_partial(&d));
		grpc_deframer_done(&d);
	}
	struct grpc_deframer d = { 0 };
	struct got g = { 0 };

	for (size_t i = 0; i < total; i++)
		assert_int_equal(grpc_deframe(&d, in + i, 1, collect, &g), 0);
	assert_string_equal(g.text, "[one][][three]");
	assert_int_equal(grpc_deframe(&d, "\0\0\0\0\3on", 7, collect, &g), 0);
	assert_true(grpc_deframe_partial(&d));
	grpc_deframer_done(&d);
}

static void test_bad_frames(void **state)
{
	struct grpc_deframer d = { 0 };
	struct got g = { 0 };

	(void)state;
	assert_int_equal(grpc_deframe(&d, "\1\0\0\0\1x", 6, collect, &g), -EBADMSG);
	grpc_deframer_done(&d);
	assert_int_equal(grpc_deframe(&d, "\0\0\x40\0\1x", 6, collect, &g), -EMSGSIZE);
	grpc_deframer_done(&d);
	assert_int_equal(g.n, 0);
	assert_int_equal(grpc_deframe(&d, "\0\0\0\0\4stop\0\0\0\0\1x", 15, collect, &g), -ECANCELED);
	assert_int_equal(g.n, 1);
	grpc_deframer_done(&d);
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *text, *host, *port;
		bool tls;
		const char *error;
	} cases[] = {
		{ "http://127.0.0.1:2379", "127.0.0.1", "2379", false, NULL },
		{ "https://etcd.example:2379/", "etcd.example", "2379", true, NULL },
		{ "127.0.0.1:4001", "127.0.0.1", "4001", false, NULL },
		{ " HTTPS://[::1]:2379 ,", "::1", "2379", true, NULL },
		{ "", NULL, NULL, false, "no endpoint given" },
		{ " , ", NULL, NULL, false, "no endpoint given" },
		{ "http://127.0.0.1", NULL, NULL, false, "expected http(s)://host:port" },
		{ "http://:2379", NULL, NULL, false, "not a valid host" },
		{ "http://h:0", NULL, NULL, false, "expected http(s)://host:port" },
		{ "http://h:65536", NULL, NULL, false, "expected http(s)://host:port" },
		{ "http://h:23x", NULL, NULL, false, "expected http(s)://host:port" },
		{ "http://::1:2379", NULL, NULL, false, "expected http(s)://host:port" },
		{ "http://[::1:2379", NULL, NULL, false, "expected http(s)://host:port" },
		{ "http://h:2379/path", NULL, NULL, false, "expected http(s)://host:port" },
		{ "unix:///run/etcd", NULL, NULL, false, "only http:// and https:// are supported" },
		{ "http://user:word@h:2379", NULL, NULL, false, "a user name in the URL is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct grpc_endpoint ep[2] = { 0 };
		struct err e = { 0 };
		size_t n = 0;
		int r = grpc_endpoints_parse(cases[i].text, ep, 2, &n, &e);

		if (cases[i].error) {
			if (r == 0 || !strstr(e.text, cases[i].error))
				fail_msg("%s: %d \"%s\"", cases[i].text, r, e.text);
			assert_null(strstr(e.text, "word"));
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(n, 1);
		assert_string_equal(ep[0].host, cases[i].host);
		assert_string_equal(ep[0].port, cases[i].port);
		assert_int_equal(ep[0].tls, cases[i].tls);
		grpc_endpoint_done(&ep[0]);
	}
	struct grpc_endpoint ep[2] = { 0 };
	struct err e = { 0 };
	size_t n = 0;

	assert_int_equal(grpc_endpoints_parse("a:1,b:2,c:3", ep, 2, &n, &e), -E2BIG);
	grpc_endpoint_done(&ep[0]);
	grpc_endpoint_done(&ep[1]);
}

/* A peer that accepts, says `hello` and nothing else. */
struct peer {
	int fd, client, port;
	const char *hello;
	size_t hello_n;
	struct loop_source *source;
};

static int on_accept(void *ctx, int fd, unsigned revents)
{
	struct peer *p = ctx;

	(void)revents;
	if (p->client >= 0)
		close(p->client);
	p->client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (p->hello_n)
		(void)!send(p->client, p->hello, p->hello_n, MSG_NOSIGNAL);
	return 0;
}

static void peer_open(struct peer *p, struct loop *l, const char *hello, size_t n)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);

	*p = (struct peer){ .client = -1, .hello = hello, .hello_n = n };
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(p->fd, 5), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&sa, &len), 0);
	p->port = ntohs(sa.sin_port);
	assert_int_equal(loop_add_fd(l, p->fd, POLLIN, on_accept, p, &p->source), 0);
}

static void peer_close(struct peer *p)
{
	loop_source_free(p->source);
	close(p->fd);
	if (p->client >= 0)
		close(p->client);
}

struct outcome {
	unsigned done;
	int code;
	char text[512];
	struct grpc_channel **free_in_done;
};

static int on_message(void *ctx, const void *p, size_t n)
{
	(void)ctx, (void)p, (void)n;
	return 0;
}

static int on_done(void *ctx, const struct grpc_status *st)
{
	struct outcome *o = ctx;

	o->done++;
	o->code = st->code;
	snprintf(o->text, sizeof(o->text), "%s", st->message);
	if (o->free_in_done)
		*o->free_in_done = grpc_channel_free(*o->free_in_done);
	return 0;
}

static const struct grpc_events events = { on_message, on_done };

static void run_until(struct loop *l, const unsigned *flag, unsigned want, int ms)
{
	int64_t until = loop_now_ms() + ms;

	while (*flag < want && loop_now_ms() < until)
		assert_true(loop_step(l, 10) >= 0);
	assert_int_equal(*flag, want);
}

static void one_call(struct loop *l, const char *endpoints, struct outcome *o, int timeout_ms, int ping_ms)
{
	struct grpc_options opt = { .endpoints = endpoints,
				    .connect_timeout_ms = 20000,
				    .ping_interval_ms = ping_ms,
				    .ping_timeout_ms = 100 };
	struct grpc_channel *ch = NULL;
	struct err e = { 0 };

	assert_int_equal(grpc_channel_new(l, &opt, &ch, &e), 0);
	assert_int_equal(grpc_call(ch, &(struct grpc_request){ .path = "/a.B/C", .timeout_ms = timeout_ms },
				   &events, o, NULL, &e),
			 0);
	assert_int_equal(o->done, 0);
	run_until(l, &o->done, 1, 30000);
	grpc_channel_free(ch);
}

static void test_misbehaving_peers(void **state)
{
	/* SETTINGS, then GOAWAY; an HTTP/1 answer; nothing; SETTINGS only */
	static const char settings[] = "\0\0\0\4\0\0\0\0\0",
			  goaway[] = "\0\0\0\4\0\0\0\0\0\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\0";
	static const char http1[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
	struct outcome o = { 0 };
	struct loop *l = NULL;
	struct peer p;
	char ep[128];

	(void)state;
	assert_int_equal(loop_new(&l), 0);

	peer_open(&p, l, goaway, sizeof(goaway) - 1);
	snprintf(ep, sizeof(ep), "127.0.0.1:%d", p.port);
	one_call(l, ep, &o, 20000, 0);
	assert_int_equal(o.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(o.text, "REFUSED_STREAM"));
	peer_close(&p);

	/* the port is closed now: refused, with the name of the endpoint; both of them */
	o = (struct outcome){ 0 };
	snprintf(ep, sizeof(ep), "127.0.0.1:%d,http://127.0.0.1:%d", p.port, p.port);
	one_call(l, ep, &o, 20000, 0);
	assert_int_equal(o.code, GRPC_UNAVAILABLE);
	snprintf(
		ep, sizeof(ep),
		"127.0.0.1:%d: connecting: Connection refused; http://127.0.0.1:%d: connecting: Connection refused",
		p.port, p.port);
	assert_string_equal(o.text, ep);

	o = (struct outcome){ 0 };
	peer_open(&p, l, http1, sizeof(http1) - 1);
	snprintf(ep, sizeof(ep), "127.0.0.1:%d", p.port);
	one_call(l, ep, &o, 20000, 0);
	assert_int_equal(o.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(o.text, "HTTP/2"));
	peer_close(&p);

	o = (struct outcome){ 0 };
	peer_open(&p, l, NULL, 0);
	snprintf(ep, sizeof(ep), "127.0.0.1:%d", p.port);
	one_call(l, ep, &o, 150, 0);
	assert_int_equal(o.code, GRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(o.text, "within 150 ms"));
	peer_close(&p);

	/* a stream has no deadline: the PING finds out */
	o = (struct outcome){ 0 };
	peer_open(&p, l, settings, sizeof(settings) - 1);
	snprintf(ep, sizeof(ep), "127.0.0.1:%d", p.port);
	one_call(l, ep, &o, 0, 100);
	assert_int_equal(o.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(o.text, "no answer to a PING"));
	peer_close(&p);
	loop_free(l);
}

static void test_name_resolution(void **state)
{
	struct outcome o = { 0 };
	struct loop *l = NULL;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	/* a label of 64 characters cannot be looked up: fails at once without any network */
	one_call(l, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid:1", &o, 2000,
		 0);
	assert_true(o.code == GRPC_UNAVAILABLE || o.code == GRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(o.text, "aaaa"));
	loop_free(l);
}

static void test_free_and_cancel(void **state)
{
	struct grpc_options opt = { .endpoints = "127.0.0.1:1" };
	struct grpc_channel *ch = NULL;
	struct outcome a = { 0 }, b = { 0 };
	struct grpc_call *call = NULL;
	struct loop *l = NULL;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(grpc_channel_new(l, &opt, &ch, NULL), 0);
	a.free_in_done = &ch;
	/* the first event frees the channel: the other call never hears of it */
	assert_int_equal(grpc_call(ch, &(struct grpc_request){ .path = "/a.B/C" }, &events, &a, NULL, NULL),
			 0);
	assert_int_equal(grpc_call(ch, &(struct grpc_request){ .path = "/a.B/C" }, &events, &b, &call, NULL),
			 0);
	grpc_call_cancel(call);
	assert_int_equal(grpc_call(ch, &(struct grpc_request){ .path = "/a.B/C" }, &events, &a, &call, NULL),
			 0);
	run_until(l, &a.done, 1, 30000);
	assert_null(ch);
	assert_int_equal(b.done, 0);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),          cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_endpoints),       cmocka_unit_test(test_misbehaving_peers),
		cmocka_unit_test(test_name_resolution), cmocka_unit_test(test_free_and_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
