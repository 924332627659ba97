#include "ignition/fetch/dataurl.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"

static void verdicts(void **state)
{
	static const struct {
		const char *url, *data, *why;
	} cases[] = {
		{ "data:,", "", NULL },
		{ "data:,a%20b%2Fc", "a b/c", NULL },
		{ "data:,a+b", "a+b", NULL },
		{ "data:;base64,aGVsbG8=", "hello", NULL },
		{ "data:;base64,", "", NULL },
		{ "data:text/plain,x", "x", NULL },
		{ "data:text/plain;charset=utf-8;base64,aGk=", "hi", NULL },
		{ "data:text/plain;a=\"q;,\\\"\\n\\x41\\u00e9\\101\",x", "x", NULL },
		{ "data:;a=%41,x", "x", NULL },
		{ "data:application/vnd.x+json;v=1;w=2,x", "x", NULL },
		{ "data:x-own/thing,x", "x", NULL },
		{ "data:textual/plain,x", "x", NULL }, /* upstream only looks at the beginning */
		{ "data:image/,x", "x", NULL },
		{ "data:,a,b;c=d:e/f?g@h", "a,b;c=d:e/f?g@h", NULL },
		{ "", NULL, "missing data prefix" },
		{ "DATA:,x", NULL, "missing data prefix" },
		{ "http://x", NULL, "missing data prefix" },
		{ "data:", NULL, "missing comma before data" },
		{ "data:text/plain", NULL, "incomplete media type" },
		{ "data:text/plain;a=b", NULL, "missing comma before data" },
		{ "data:text", NULL, "missing media type slash" },
		{ "data:text,x", NULL, "invalid character for media type" },
		{ "data:text;a=b,x", NULL, "invalid character for media type" },
		{ "data:foo/bar,x", NULL, "invalid media type" },
		{ "data:text/pl ain,x", NULL, "invalid character for media subtype" },
		{ "data:/plain,x", NULL, "invalid character after data prefix" },
		{ "data:;BASE64,aGk=", NULL, "expected base64 as the last item before the comma" },
		{ "data:;base64;a=b,aGk=", NULL, "invalid character for parameter attribute" },
		{ "data:;,x", NULL, "unterminated parameter sequence" },
		{ "data:;=x,x", NULL, "unterminated parameter sequence" },
		{ "data:;a", NULL, "unterminated parameter sequence" },
		{ "data:;a=,x", NULL, "invalid character for parameter value" },
		{ "data:;a=\"x", NULL, "unclosed quoted string" },
		{ "data:;a=\"x\"y,x", NULL, "expected semicolon or comma" },
		{ "data:;a=\"\\q\",x", NULL, "invalid syntax" },
		{ "data:;a=%4,x", NULL, "rfc2396: unexpected end of unescape sequence" },
		{ "data:,a b", NULL, "invalid data character" },
		{ "data:,<", NULL, "invalid data character" },
		{ "data:,a#b", NULL, "invalid data character" },
		{ "data:,\xc3\xa9", NULL, "invalid data character" },
		{ "data:,a\nb", NULL, "invalid data character" },
		{ "data:,%", NULL, "rfc2396: unexpected end of unescape sequence" },
		{ "data:,%4", NULL, "rfc2396: unexpected end of unescape sequence" },
		{ "data:,%zz", NULL, "rfc2396: invalid char 0x25 in unescape sequence" },
		{ "data:;base64,aGk", NULL, "illegal base64 data" },
		{ "data:;base64,aGk%3D", NULL, "invalid data character" },
		{ "data:;base64,a-_=", NULL, "invalid data character" },
		{ "data:;base64,aG\nk=", NULL, "invalid data character" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 100);
		const char *why = "", *why2 = "";
		int r = dataurl_decode(cases[i].url, &b, &why), r2 = dataurl_check(cases[i].url, &why2);

		if (r != r2 || strcmp(why, why2) != 0)
			fail_msg("%s: decode and check differ", cases[i].url);
		if (r != (cases[i].why ? -EBADMSG : 0) || strcmp(why, cases[i].why ? cases[i].why : "") != 0)
			fail_msg("%s: %d %s", cases[i].url, r, why);
		if (r == 0)
			assert_string_equal(buf_str(&b), cases[i].data);
	}
}

static void output_has_a_limit(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 3);
	const char *why = NULL;

	(void)state;
	assert_int_equal(dataurl_decode("data:,abcd", &b, &why), -EFBIG);
	assert_int_equal(dataurl_decode("data:;base64,YWJjZA==", &b, &why), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(output_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
