#include "base/http_url.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"

static void redacts(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{ "http://h/p", "http://h/p" },
		{ "https://user:pass@h:8/p", "https://h:8/p" },
		{ "https://a@b@h/p@q", "https://h/p@q" },
		{ "http://h/p?token=abc&x=1#frag", "http://h/p?token=<redacted>&x=<redacted>" },
		{ "http://h/?secret", "http://h/?<redacted>" },
		{ "http://h/?a=b=c&&d=", "http://h/?a=<redacted>&&d=<redacted>" },
		{ "http://h?u@v", "http://h?<redacted>" },
		{ "http://h#u@v", "http://h" },
		{ "http://h/a\nb\x1b", "http://h/a?b?" },
		{ "data:,secret", "data:..." },
		{ "DATA:,secret", "data:..." },
		{ "arn:aws:s3:::b/k", "arn:aws:s3:::b/k" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 1000);

		assert_int_equal(http_url_redact(cases[i].url, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].shown);
	}
	CLEANUP(buf_done) struct buf tiny = BUF_INIT(.max = 4);
	assert_int_equal(http_url_redact("http://host", &tiny), -EFBIG);
}

static void encodes(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 1000);

	(void)state;
	assert_int_equal(http_url_encode("http://h/a b/\xc3\xa9?q=\"x\"%20#f", &b), 0);
	assert_string_equal(buf_str(&b), "http://h/a%20b/%C3%A9?q=%22x%22%20");
}

static void proxies(void **state)
{
	static const char *const none[] = { " 10.0.0.0/8 ",   "192.168.1.1",   "[fd00::1]:8443",
					    "example.com",    ".sub.org",      "*.wild.net",
					    "port.test:8080", "2001:db8::/32", "",
					    "[fe80::2]" };
	static const char *const all[] = { "*" };
	const struct http_proxies p = { "http://p:1", "http://s:2", none, ARRAY_SIZE(none) };
	const struct http_proxies star = { "http://p:1", "http://s:2", all, 1 };
	const struct http_proxies only_http = { .http = "http://p:1" };
	static const struct {
		const char *host;
		unsigned port;
		bool direct;
	} cases[] = {
		{ "other.test", 80, false },     { "localhost", 80, true },
		{ "LOCALHOST", 80, true },       { "127.0.0.1", 80, true },
		{ "127.8.9.1", 80, true },       { "::1", 80, true },
		{ "10.1.2.3", 80, true },        { "11.1.2.3", 80, false },
		{ "192.168.1.1", 443, true },    { "192.168.1.10", 443, false },
		{ "fd00::1", 8443, true },       { "fd00::1", 443, false },
		{ "example.com", 80, true },     { "a.EXAMPLE.com", 80, true },
		{ "badexample.com", 80, false }, { "sub.org", 80, false },
		{ "x.sub.org", 80, true },       { "wild.net", 80, false },
		{ "a.b.wild.net", 80, true },    { "port.test", 8080, true },
		{ "x.port.test", 8080, true },   { "port.test", 80, false },
		{ "2001:db8:1::5", 80, true },   { "2001:db9::5", 80, false },
		{ "fe80::2", 80, true },         { "com", 80, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = http_proxy_for(&p, false, cases[i].host, cases[i].port);

		if (!got != cases[i].direct)
			fail_msg("%s:%u goes %s", cases[i].host, cases[i].port, got ? got : "direct");
	}
	assert_string_equal(http_proxy_for(&p, true, "h", 443), "http://s:2");
	assert_null(http_proxy_for(&star, true, "h", 443));
	assert_null(http_proxy_for(&only_http, true, "h", 443)); /* no falling back from https to http */
	assert_string_equal(http_proxy_for(&only_http, false, "h", 80), "http://p:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redacts),
		cmocka_unit_test(encodes),
		cmocka_unit_test(proxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
