/* What fetching configs does not use of the HTTP layer: methods with a body, cancelling, settings. */
#include "base/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sink.h"

/* A child that answers each connection with the next line of the script and what it was sent. */
struct echo {
	pid_t pid;
	unsigned port;
};

static void echo_serve(int fd, const char *const *script)
{
	for (; *script; script++) {
		int c = accept(fd, NULL, NULL);
		char b[8192], head[256], *end = NULL;
		size_t n = 0, want = 0;
		ssize_t r;

		while (n < sizeof b - 1 && (r = recv(c, b + n, sizeof b - 1 - n, 0)) > 0) {
			n += (size_t)r;
			b[n] = '\0';
			end = strstr(b, "\r\n\r\n");
			if (end && strstr(b, "Content-Length: "))
				want = strtoul(strstr(b, "Content-Length: ") + 16, NULL, 10);
			if (end && n >= (size_t)(end + 4 - b) + want)
				break;
		}
		int len = snprintf(head, sizeof head,
				   "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", *script,
				   n);
		(void)!write(c, head, (size_t)len);
		(void)!write(c, b, n);
		shutdown(c, SHUT_WR);
		while (recv(c, b, sizeof b, 0) > 0)
			;
		close(c);
	}
	pause();
}

static struct echo echo_start(const char *const *script)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;
	struct echo s;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (void *)&sa, sizeof sa), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (void *)&sa, &len), 0);
	s.port = ntohs(sa.sin_port);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo_serve(fd, script);
		_exit(0);
	}
	close(fd);
	return s;
}

static void echo_stop(struct echo *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

struct world {
	struct loop *l;
	struct http_client *c;
	struct http_call *call;
	struct buf b;
	struct buf_sink sink;
	struct err e;
	int r;
	bool done;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	w->b.max = 100000;
	buf_sink_init(&w->sink, &w->b);
	assert_int_equal(loop_new(&w->l), 0);
	assert_int_equal(http_client_new(w->l, &w->c, &w->e), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_call_free(w->call);
	http_client_free(w->c);
	loop_free(w->l);
	buf_done(&w->b);
	free(w);
	return 0;
}

static int on_done(void *ctx, int r, const struct err *e)
{
	struct world *w = ctx;

	w->r = r;
	w->e = *e;
	w->done = true;
	w->call = http_call_free(w->call); /* allowed here, story and all */
	return 0;
}

static int run(struct world *w, struct http_request *req)
{
	req->sink = &w->sink.base;
	w->done = false;
	assert_int_equal(http_start(w->c, req, on_done, w, &w->call, &w->e), 0);
	while (!w->done)
		assert_true(loop_step(w->l, 30000) == 0);
	return w->r;
}

static void puts_a_body(void **state)
{
	static const int again[] = { 410, 0 };
	static const struct http_header h[] = { { "Metadata-Token-Expiry", "300" }, { "X-Empty", "" } };
	struct world *w = *state;
	struct echo s = echo_start((const char *const[]){ "410 Gone", "200 OK", NULL });
	struct http_request req = {
		.method = "PUT",
		.headers = h,
		.n_headers = 2,
		.body = "the body",
		.body_len = 8,
		.retry_statuses = again,
		.total_ms = 30000,
	};
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%u/token", s.port);
	req.url = url;
	assert_int_equal(run(w, &req), 0);
	echo_stop(&s);
	assert_memory_equal(buf_str(&w->b), "PUT /token HTTP/1.1\r\n", 21);
	assert_non_null(strstr(w->b.p, "\r\nMetadata-Token-Expiry: 300\r\n"));
	assert_non_null(strstr(w->b.p, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(w->b.p, "\r\n\r\nthe body"));
	assert_null(strstr(w->b.p, "Expect"));
}

static void other_methods(void **state)
{
	struct world *w = *state;
	struct echo s = echo_start((const char *const[]){ "200 OK", "200 OK", NULL });
	struct http_request req = { .method = "HEAD", .total_ms = 30000 };
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%u/x", s.port);
	req.url = url;
	assert_int_equal(run(w, &req), 0);
	assert_int_equal(w->b.n, 0);
	req.method = "DELETE";
	assert_int_equal(run(w, &req), 0);
	assert_memory_equal(buf_str(&w->b), "DELETE /x HTTP/1.1\r\n", 20);
	echo_stop(&s);
}

static int cancel(void *ctx)
{
	struct world *w = ctx;

	w->call = http_call_free(w->call);
	return 0;
}

/* A call may be dropped at any time; its callback does not come any more. */
static void cancelling(void **state)
{
	static const int64_t after_ms[] = { 0, 1, 20, 120 };
	struct world *w = *state;
	struct echo s = echo_start((const char *const[]){ NULL }); /* accepts nobody, but the kernel does */
	struct http_request req = { .sink = &w->sink.base };
	struct loop_source *timer;
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%u/x", s.port);
	req.url = url;
	assert_int_equal(loop_add_timer(w->l, cancel, w, &timer), 0);
	for (size_t i = 0; i < ARRAY_SIZE(after_ms); i++) {
		assert_int_equal(http_start(w->c, &req, on_done, w, &w->call, &w->e), 0);
		loop_timer_set(timer, after_ms[i]);
		while (w->call)
			assert_true(loop_step(w->l, 30000) >= 0);
		assert_int_equal(loop_step(w->l, 10), 1); /* nothing is left behind */
		assert_false(w->done);
	}
	echo_stop(&s);
}

static void settings_wait_for_calls(void **state)
{
	const struct http_settings settings = { .header_timeout_ms = 100 };
	struct http_request req = { .url = "http://127.0.0.1:1/" };
	struct world *w = *state;

	req.sink = &w->sink.base;
	assert_int_equal(http_client_configure(w->c, &settings, &w->e), 0);
	assert_int_equal(http_start(w->c, &req, on_done, w, &w->call, &w->e), 0);
	assert_int_equal(http_client_configure(w->c, &settings, &w->e), -EBUSY);
	w->call = http_call_free(w->call);
	assert_int_equal(http_client_configure(w->c, &settings, &w->e), 0);
}

static void urls_have_a_limit(void **state)
{
	struct world *w = *state;
	CLEANUP(freep) char *url = calloc(1, 100001);
	struct http_request req = { .url = url, .sink = &w->sink.base };

	memset(url, 'x', 100000);
	memcpy(url, "http://h/", 9);
	assert_int_equal(http_start(w->c, &req, on_done, w, &w->call, &w->e), -EFBIG);
	assert_string_equal(w->e.text, "a URL is longer than 65536 bytes");
}

static void urls_that_are_none(void **state)
{
	static const struct {
		const char *url, *text;
	} cases[] = {
		{ "http://", "GET http://: not a URL that can be fetched" },
		{ "http://h:99999/", "GET http://h:99999/: not a URL that can be fetched" },
		{ "http://[::1/", "GET http://[::1/: not a URL that can be fetched" },
		{ "file:///etc/passwd", "GET file:///etc/passwd: unsupported scheme \"file\"" },
		{ "gopher://h/", "GET gopher://h/: unsupported scheme \"gopher\"" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_request req = { .url = cases[i].url };

		assert_int_equal(run(w, &req), -EINVAL);
		assert_string_equal(w->e.text, cases[i].text);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(puts_a_body),       T(other_methods),      T(cancelling), T(settings_wait_for_calls),
		T(urls_have_a_limit), T(urls_that_are_none),
	};

	log_open("test", LOG_TO_STDERR, LOG_CRIT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
