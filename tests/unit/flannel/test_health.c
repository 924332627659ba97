#include "flannel/health.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "flannel/notify.h"

static const struct {
	const char *in;
	int want;
	const char *path;
	bool head;
} requests[] = {
	{ "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/healthz", false },
	{ "GET /healthz HTTP/1.0\n\n", 0, "/healthz", false },
	{ "HEAD /readyz?verbose=1 HTTP/1.1\r\n\r\n", 0, "/readyz", true },
	{ "POST /readyz#x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 0, "/readyz", false },
	{ "GET / HTTP/1.1\r\n\r\n", 0, "/", false },
	{ "OPTIONS * HTTP/1.1\r\n\r\n", 0, "*", false },
	{ "", -EAGAIN, NULL, false },
	{ "GET /healthz", -EAGAIN, NULL, false },
	{ "GET /healthz HTTP/1.1\r\n", -EAGAIN, NULL, false },
	{ "GET /healthz HTTP/1.1\r\nHost: x\r\n", -EAGAIN, NULL, false },
	{ "GET /healthz HTTP/1.1\r\nHost: x\r\n\r", -EAGAIN, NULL, false },
	{ "GET /healthz\r\n\r\n", -EINVAL, NULL, false },
	{ "GET /healthz HTTP/2.0\r\n\r\n", -EINVAL, NULL, false },
	{ " /healthz HTTP/1.1\r\n\r\n", -EINVAL, NULL, false },
	{ "GET  HTTP/1.1\r\n\r\n", -EINVAL, NULL, false },
	{ "GET healthz HTTP/1.1\r\n\r\n", -EINVAL, NULL, false },
	{ "\r\n\r\n", -EINVAL, NULL, false },
	{ "\x16\x03\x01\x02\n\n", -EINVAL, NULL, false },
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct health_request rq = { 0 };
		int r = health_request_parse(requests[i].in, strlen(requests[i].in), &rq);

		if (r != requests[i].want)
			fail_msg("request %zu: got %d", i, r);
		if (r < 0)
			continue;
		assert_string_equal(rq.path, requests[i].path);
		assert_int_equal(rq.head, requests[i].head);
	}
}

static void test_request_limits(void **state)
{
	static char big[HEALTH_REQUEST_MAX];
	struct health_request rq;

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_int_equal(health_request_parse(big, sizeof(big) - 1, &rq), -EAGAIN);
	assert_int_equal(health_request_parse(big, sizeof(big), &rq), -EMSGSIZE);
	memcpy(big, "GET /", 5);
	memcpy(big + 4000, " HTTP/1.1\r\n", 11);
	big[4] = '/';
	assert_int_equal(health_request_parse(big, sizeof(big) - 1, &rq), -EAGAIN);
	assert_int_equal(health_request_parse(big, sizeof(big), &rq), -EMSGSIZE);
	memcpy(big + 5000, "\r\n\r\n", 4);
	assert_int_equal(health_request_parse(big, sizeof(big), &rq), 0);
	assert_int_equal(strlen(rq.path), sizeof(rq.path) - 1);
}

/* Sends text to the server and turns the loop until the peer closed; the answer is left in out. */
static void talk(struct loop *l, struct health *h, const char *text, char *out, size_t room)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)health_port(h)) };
	CLEANUP(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = 0;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int turn = 0; turn < 200; turn++) {
		ssize_t got;

		assert_true(loop_step(l, 20) >= 0);
		got = recv(fd, out + n, room - n - 1, MSG_DONTWAIT);
		if (got == 0)
			break;
		if (got > 0)
			n += (size_t)got;
	}
	out[n] = '\0';
}

static void test_server(void **state)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	CLEANUP(health_freep) struct health *h = NULL;
	struct err e = { 0 };
	char out[1024];

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(health_new(l, "127.0.0.1", 0, &h, &e), 0);

	talk(l, h, "GET /healthz HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(out, "Content-Type: text/plain; charset=utf-8\r\n"));
	assert_non_null(strstr(out, "\r\n\r\nflanneld is running"));

	talk(l, h, "GET /readyz HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 503 "));
	assert_non_null(strstr(out, "\r\n\r\nflanneld is not ready yet"));

	health_set_ready(h);
	talk(l, h, "GET /readyz HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(out, "\r\n\r\nflanneld is ready"));

	talk(l, h, "HEAD /readyz HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, "Content-Length: 17\r\n"));
	assert_null(strstr(out, "flanneld is"));

	talk(l, h, "GET /metrics HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 404 "));

	talk(l, h, "nonsense\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 400 "));
}

static void test_server_refusals(void **state)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	CLEANUP(health_freep) struct health *h = NULL;
	struct health *other = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(health_new(l, "localhost", 0, &h, &e), -EINVAL);
	assert_non_null(strstr(e.text, "\"localhost\" is not an IP address"));
	assert_int_equal(health_new(l, "127.0.0.1", 70000, &h, &e), -EINVAL);
	assert_int_equal(health_new(l, "127.0.0.1", 0, &h, &e), 0);
	assert_int_equal(health_new(l, "127.0.0.1", health_port(h), &other, &e), -EADDRINUSE);
}

static void test_notify(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sa);
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[128], got[256];
	ssize_t n;

	(void)state;
	/* Binding to the family alone makes the kernel choose an abstract name. */
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa.sun_family)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	(void)snprintf(name, sizeof(name), "@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
		       sa.sun_path + 1);

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative/path", 1);
	assert_int_equal(notify_send("READY=1"), -EAFNOSUPPORT);
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_send("READY=1"), 1);
	n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(n, 7);
	assert_memory_equal(got, "READY=1", 7);
	notify_status("two\nlines %d", 1);
	n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(n, 18);
	assert_memory_equal(got, "STATUS=two lines 1", 18);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_request_limits),
		cmocka_unit_test(test_server),   cmocka_unit_test(test_server_refusals),
		cmocka_unit_test(test_notify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
