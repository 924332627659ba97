/* Paths of URLs as Go's net/url splits and decodes them. */
#include "ignition/config/url.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void paths_are_decoded(void **state)
{
	static const struct {
		const char *url, *path;
	} cases[] = {
		{ "http://h/a", "/a" },
		{ "http://h", "" },
		{ "http://h?q=/x", "" },
		{ "https://u:p@h:1/a/b%20c?q#f", "/a/b c" },
		{ "http://h/%C3%A9%2f", "/\xc3\xa9/" },
		{ "s3://bucket/key%3F", "/key?" },
		{ "/only/path", "/only/path" },
		{ "http:///x", "/x" },
		{ "data:,%7B%22source%22:%22http://h/path%22%7D", "" },
		{ "data:text/plain;base64,aHR0cDovL2gv", "" },
		{ "arn:aws:s3:::bucket/key", "" },
		{ "http://h/%ff", "/%ff" },
		{ "http://h/%61%00", "/%61%00" },
		{ "http://h/%ed%a0%80", "/%ed%a0%80" },
		{ "http://h/cut%e2%82", "/cut%e2%82" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(buf_done) struct buf path = { 0 };
		struct url u;

		assert_int_equal(url_parse(cases[i].url, &u), 0);
		assert_int_equal(url_path(&u, &path), 0);
		assert_string_equal(buf_str(&path), cases[i].path);
	}
}

static void verdicts_are_those_of_go(void **state)
{
	static const struct {
		const char *url;
		bool ok;
	} cases[] = {
		{ "http://h]/", true },
		{ "http://]", true },
		{ "http://h[/", false },
		{ "http://[h]/", false },
		{ "http://a[::1]/", false },
		{ "http://[::1]/", true },
		{ "http://[[::1]]/", false },
		{ "http://[1.2.3.4]/", false },
		{ "http://[::ffff:1.2.3.4]:80/", true },
		{ "http://[::1%25]/", false }, /* a zone has a name */
		{ "http://[::1%25eth0]/", true },
		{ "http://[::1%25%25%20%5b]/", true },
		{ "http://[::1%25%7c]/", false },
		{ "http://[::1%25%00]/", false },
		{ "http://[::1%25%e9]/", false },
		{ "http://[::1%25|]/", false },
		{ "http://[::1%25\xc3\xa9]/", true },
		{ "http://h/#\x01\t", true }, /* a fragment is not sent */
		{ "http://h/\x01#", false },
		{ "http://h/#%zz", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct url u;

		if ((url_parse(cases[i].url, &u) == 0) != cases[i].ok)
			fail_msg("%s", cases[i].url);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_decoded),
		cmocka_unit_test(verdicts_are_those_of_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
