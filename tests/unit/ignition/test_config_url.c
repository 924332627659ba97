/* Which URLs are one: C.6 of the reference, each version's schemes, and what is wrong with the others. */
#include "tests/unit/ignition/config_cases.h"

#define CLASS(n)  "arn:aws:s3:" n
#define PARSE     "unable to parse url"
#define SCHEME    "invalid url scheme"
#define VERSIONID "invalid S3 object VersionId"
#define FORMAT    "invalid S3 ARN format"

static void urls(void **state)
{
	static const struct {
		const char *url;
		const char *why; /* NULL: accepted */
		unsigned since;  /* before, the scheme is unknown */
	} cases[] = {
		{ "http://host/a b?%zz", NULL, 0 },
		{ "HTTP://host:70000/%41", NULL, 0 },
		{ "hTTpS://user:pa%20ss@host:/x#f%20", NULL, 0 },
		{ "http://[fe80::1%25eth0]:80/", NULL, 0 },
		{ "http://[::ffff:1.2.3.4]", NULL, 0 },
		{ "http://a<b>/", NULL, 0 },
		{ "http://%c3%a9/", NULL, 0 },
		{ "http://\xc3\xa9/\xc3\xa9", NULL, 0 },
		{ "http:", NULL, 0 },
		{ "http:opaque", NULL, 0 },
		{ "http:///x", NULL, 0 },
		{ "tftp:", NULL, 0 },
		{ "tftp://h/a\\\\b", NULL, 0 },
		{ "s3:", NULL, 0 },
		{ "s3://b/k?a=1;versionId=&versionId=2", NULL, 0 },
		{ "s3://b/k?versionid=", NULL, 0 },
		{ "data:,", NULL, 0 },
		{ "gs:", NULL, 2 },
		{ "gs://b/k?versionId=", NULL, 2 },
		{ CLASS("::bucket/key"), NULL, 4 },
		{ CLASS("::bucket/key:with:colons"), NULL, 4 },
		{ CLASS("us-east-1:123:accesspoint/ap/object/key?versionId=7"), NULL, 4 },
		{ CLASS("us-east-1:123:accesspoint/ap/key"), NULL, 4 },
		{ "x", SCHEME, 0 },
		{ "/x", SCHEME, 0 },
		{ "//x/y", SCHEME, 0 },
		{ "?x", SCHEME, 0 },
		{ "*", SCHEME, 0 },
		{ "ftp://x", SCHEME, 0 },
		{ "file:///x", SCHEME, 0 },
		{ "s3s://x", SCHEME, 0 },
		{ "a-scheme-that-is-longer-than-any:x", SCHEME, 0 },
		{ ":http", PARSE, 0 },
		{ "1http://x", PARSE, 0 },
		{ "a b:c", PARSE, 0 },
		{ "http://h\\u007f", PARSE, 0 },
		{ "http://h/\\n", PARSE, 0 },
		{ "http://h/?\\u0001", PARSE, 0 },
		{ "http://h/%4", PARSE, 0 },
		{ "http://h/%zz", PARSE, 0 },
		{ "http://h/#%zz", PARSE, 0 },
		{ "http://u%zz@h/", PARSE, 0 },
		{ "http://u ser@h/", PARSE, 0 },
		{ "http://ho st/", PARSE, 0 },
		{ "http://h%41/", PARSE, 0 },
		{ "http://h{}/", PARSE, 0 },
		{ "http://h:8o/", PARSE, 0 },
		{ "http://h:-1/", PARSE, 0 },
		{ "http://[::1/", PARSE, 0 },
		{ "http://::1]/", PARSE, 0 },
		{ "http://[host]/", PARSE, 0 },
		{ "http://[::1]x/", PARSE, 0 },
		{ "http://[::1]:x/", PARSE, 0 },
		{ "data:,ok#%zz", PARSE, 0 },
		{ "data:,a\\nb", PARSE, 0 },
		{ "s3://b/k?versionId=", VERSIONID, 0 },
		{ "s3://b/k?versionId", VERSIONID, 0 },
		{ "s3://b/k?versionId&versionId=1", VERSIONID, 0 },
		{ "s3://b/k?version%49d", VERSIONID, 0 },
		{ CLASS("::b/k?versionId=&x"), VERSIONID, 4 },
		{ CLASS("::bucket"), FORMAT, 4 },
		{ CLASS(":bucket/key"), FORMAT, 4 },
		{ "arn:", FORMAT, 4 },
		{ "arn:aws:ec2:::bucket/key", FORMAT, 4 },
		{ "arn:aws:S3:::bucket/key", FORMAT, 4 },
		{ CLASS("r:1:accesspoint/ap"), FORMAT, 4 },
		{ "arn:/aws", FORMAT, 4 },
		{ "data:", "missing comma before data", 0 },
		{ "data:,a b", "invalid data character", 0 },
		{ "data:,%zz", "rfc2396: invalid char 0x25 in unescape sequence", 0 },
		{ "data:,%4", "rfc2396: unexpected end of unescape sequence", 0 },
		{ "data:text,x", "invalid character for media type", 0 },
		{ "data:text", "missing media type slash", 0 },
		{ "data:text/plain", "incomplete media type", 0 },
		{ "data:foo/bar,x", "invalid media type", 0 },
		{ "data:;BASE64,eA==", "expected base64 as the last item before the comma", 0 },
		{ "data:;base64,eA", "illegal base64 data", 0 },
		{ "DATA:,x", "missing data prefix", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		const char *at = "error at $.storage.files.0.contents.source~a: ";
		char *text = arena_printf(
			a, STORAGE("'files':[{'path':'/a','contents':{'source':~a\"%s\"}}]"), cases[i].url);
		const char *want = cases[i].why ? arena_printf(a, "%s%s\n", at, cases[i].why) : "";
		struct rule_case one = { cases[i].why, text, ALL(want) };

		if (cases[i].since)
			one = (struct rule_case){ SCHEME, text,
						  FROM(cases[i].since, arena_printf(a, "%s" SCHEME "\n", at),
						       want) };
		/* the mark is in a finding or not there */
		if (!cases[i].why && !cases[i].since)
			memmove(strchr(text, '~'), strchr(text, '~') + 2, strlen(strchr(text, '~') + 2) + 1);
		run_case(&one);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(urls) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
