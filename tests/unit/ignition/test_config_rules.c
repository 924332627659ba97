/* Every rule about what is fetched, about units, users and unused keys; storage has its own file. */
#include "tests/unit/ignition/config_cases.h"

#define HEX64         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define REPLACE(rest) IGN("'config':{'replace':{" rest "}}")
#define UNITS(rest)   TOP("'systemd':{'units':[" rest "]}")
#define AT_REPLACE    "error at $.ignition.config.replace"
#define AT_UNIT       " at $.systemd.units.0"

static void resources(void **state)
{
	static const struct config_case cases[] = {
		{ 6, REPLACE("'source':'data:,x','compression':'gzip'"), "" },
		{ 6, REPLACE("'source':'data:,x','compression':''"), "" },
		{ 6, REPLACE("'source':'data:,x','compression':'xz'"),
		  AT_REPLACE ".compression: invalid compression method\n" },
		{ 6, REPLACE("'verification':{'hash':'sha256-" HEX64 "'}"),
		  AT_REPLACE ".verification.hash: source must be specified if verification is specified\n" },
		{ 6, REPLACE("'source':'','verification':{'hash':'sha256-" HEX64 "'}"), "" },
		{ 6, REPLACE("'source':'data:,','verification':{'hash':''}"),
		  AT_REPLACE ".verification.hash: malformed hash specifier\n" },
		{ 6, REPLACE("'source':'data:,','verification':{'hash':'sha256'}"),
		  AT_REPLACE ".verification.hash: malformed hash specifier\n" },
		{ 6, REPLACE("'source':'data:,','verification':{'hash':'md5-00'}"),
		  AT_REPLACE ".verification.hash: unrecognized hash function\n" },
		{ 6, REPLACE("'source':'data:,','verification':{'hash':'sha512-" HEX64 "'}"),
		  AT_REPLACE ".verification.hash: incorrect size for hash sum\n" },
		{ 0, REPLACE("'source':'data:,','verification':{'hash':'sha256-" HEX64 "'}"),
		  AT_REPLACE ".verification.hash: unrecognized hash function\n" },
		{ 6, REPLACE("'source':'data:,','httpHeaders':[{'name':'a','value':'b'}]"),
		  AT_REPLACE ".httpHeaders: cannot use HTTP headers with this source scheme\n" },
		{ 6, REPLACE("'httpHeaders':[{'name':'a','value':'b'}]"),
		  AT_REPLACE ".httpHeaders: unable to parse url\n" },
		{ 6,
		  REPLACE("'source':'http://x','httpHeaders':[{'value':'b'},{'name':'c','value':''},{'name':'d'}]"),
		  AT_REPLACE ".httpHeaders.0.name: HTTP header name can't be empty\n" AT_REPLACE
			     ".httpHeaders.1.value: unable to parse HTTP header\n" },
		{ 6, IGN("'config':{'merge':[{'source':'ftp://x'},{'compression':'gzip'}]}"),
		  "error at $.ignition.config.merge.0: invalid url scheme\n"
		  "error at $.ignition.config.merge.1: source is required\n"
		  "error at $.ignition.config.merge.0.source: invalid url scheme\n" },
		{ 6, IGN("'config':{'merge':[{},{'source':''}]}"),
		  "error at $.ignition.config.merge.0: source is required\n"
		  "error at $.ignition.config.merge.1: source is required\n"
		  "error at $.ignition.config.merge.1: duplicate entry defined\n" },
		{ 6, IGN("'security':{'tls':{'certificateAuthorities':[{'source':'data:'}]}}"),
		  "error at $.ignition.security.tls.certificateAuthorities.0: missing comma before data\n"
		  "error at $.ignition.security.tls.certificateAuthorities.0.source: missing comma before data\n" },
		{ 0, IGN("'security':{'tls':{'certificateAuthorities':[{}]}}"),
		  "error at $.ignition.security.tls.certificateAuthorities.0.source: invalid url scheme\n" },
		{ 1, IGN("'security':{'tls':{'certificateAuthorities':[{}]}}"),
		  "error at $.ignition.security.tls.certificateAuthorities.0: source is required\n" },
		{ 6, IGN("'proxy':{'httpProxy':'','httpsProxy':'http://p','noProxy':['a','a']}"),
		  "error at $.ignition.proxy.httpProxy: proxies must be http(s)\n"
		  "warning at $.ignition.proxy.httpsProxy: insecure plaintext HTTP proxy specified for HTTPS "
		  "resources\n"
		  "error at $.ignition.proxy.noProxy.1: duplicate entry defined\n" },
		{ 6, IGN("'proxy':{'httpProxy':'https://u:p@p:1','httpsProxy':'http://[::'}"),
		  "error at $.ignition.proxy.httpsProxy: unable to parse url\n" },
		{ 6, IGN("'timeouts':{'httpTotal':-1,'httpResponseHeaders':0}"), "" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void urls(void **state)
{
	static const struct {
		const char *url, *why; /* NULL: accepted by 3.4 */
	} cases[] = {
		{ "http://host/a b?%zz", NULL },
		{ "HTTP://host:70000/%41", NULL },
		{ "https://user:pa%20ss@host:/x", NULL },
		{ "http://[fe80::1%25eth0]:80/", NULL },
		{ "http://a<b>/", NULL },
		{ "http://%c3%a9/", NULL },
		{ "http:", NULL },
		{ "tftp:", NULL },
		{ "gs:", NULL },
		{ "s3:", NULL },
		{ "s3://b/k?a=1;versionId=&versionId=2", NULL },
		{ "arn:aws:s3:::bucket/key", NULL },
		{ "arn:aws:s3:us-east-1:123:accesspoint/ap/object/key?versionId=7", NULL },
		{ "x", "invalid url scheme" },
		{ "/x", "invalid url scheme" },
		{ "//x/y", "invalid url scheme" },
		{ "ftp://x", "invalid url scheme" },
		{ "a-scheme-that-is-longer-than-any:x", "invalid url scheme" },
		{ ":http", "unable to parse url" },
		{ "1http://x", "unable to parse url" },
		{ "a b:c", "unable to parse url" },
		{ "http://h\\u007f", "unable to parse url" },
		{ "http://h/\\n", "unable to parse url" },
		{ "http://h/%4", "unable to parse url" },
		{ "http://h/%zz", "unable to parse url" },
		{ "http://h/#%zz", "unable to parse url" },
		{ "http://u%zz@h/", "unable to parse url" },
		{ "http://u ser@h/", "unable to parse url" },
		{ "http://ho st/", "unable to parse url" },
		{ "http://h%41/", "unable to parse url" },
		{ "http://h{}/", "unable to parse url" },
		{ "http://h:8o/", "unable to parse url" },
		{ "http://[::1/", "unable to parse url" },
		{ "http://::1]/", "unable to parse url" },
		{ "http://[host]/", "unable to parse url" },
		{ "http://[::1]x/", "unable to parse url" },
		{ "s3://b/k?versionId=", "invalid S3 object VersionId" },
		{ "s3://b/k?version%49d", "invalid S3 object VersionId" },
		{ "arn:aws:s3:::b/k?versionId=&x", "invalid S3 object VersionId" },
		{ "arn:aws:s3:::bucket", "invalid S3 ARN format" },
		{ "arn:aws:s3::bucket/key", "invalid S3 ARN format" },
		{ "arn:aws:ec2:::bucket/key", "invalid S3 ARN format" },
		{ "arn:aws:s3:r:1:accesspoint/ap", "invalid S3 ARN format" },
		{ "arn:/aws", "invalid S3 ARN format" },
		{ "data:,ok#%zz", "unable to parse url" },
		{ "data:", "missing comma before data" },
		{ "data:,a b", "invalid data character" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		char *text = arena_printf(
			a, "{'ignition':{'version':'3.4.0','config':{'replace':{'source':\"%s\"}}}}",
			cases[i].url);
		char *want = arena_printf(a, "%s.source: %s\n", AT_REPLACE, cases[i].why ? cases[i].why : "");
		struct config_case one = { 4, text, cases[i].why ? want : "" };

		run_cases(&one, 1);
	}
}

static void units(void **state)
{
	static const struct config_case cases[] = {
		{ 6,
		  UNITS("{'name':'a.service','contents':'[Unit]\\n[Install]\\nWantedBy=x','enabled':true}"),
		  "" },
		{ 6, UNITS("{'name':'a.service','contents':'[Unit]\\nA=b\\n[Install]\\n','enabled':true}"),
		  "warning" AT_UNIT
		  ".contents: unit \"a.service\" is enabled, but has no install section so enable "
		  "does nothing\n" },
		{ 6,
		  UNITS("{'name':'a.service','contents':'[Unit]','enabled':false},{'name':'b.timer','enabled':true}"),
		  "" },
		{ 6, UNITS("{'name':'a.service','contents':'','enabled':true}"), "" },
		{ 6, UNITS("{'name':'a.conf'},{'name':'service'},{'name':''},{'name':'x.y/z'}"),
		  "error" AT_UNIT ".name: invalid systemd unit extension\n"
		  "error at $.systemd.units.1.name: invalid systemd unit extension\n"
		  "error at $.systemd.units.2.name: invalid systemd unit extension\n"
		  "error at $.systemd.units.3.name: invalid systemd unit extension\n" },
		{ 6,
		  UNITS("{'name':'a.socket'},{'name':'a.device'},{'name':'a.mount'},{'name':'a.automount'},"
			"{'name':'a.swap'},{'name':'a.target'},{'name':'a.path'},{'name':'a.snapshot'},"
			"{'name':'a.slice'},{'name':'a.scope'}"),
		  "" },
		{ 6, UNITS("{'name':'a.service','contents':'[Unit','enabled':true}"),
		  "error" AT_UNIT ".contents: invalid unit content: unable to find end of section\n" },
		{ 6,
		  UNITS("{'name':'a.service','dropins':[{'name':'x.txt','contents':'[A]\\nb'},{'name':'y.conf'},"
			"{'name':'y.conf'}]}"),
		  "error" AT_UNIT ".dropins.0.contents: invalid unit content: EOF\n"
		  "error" AT_UNIT ".dropins.0.name: invalid systemd drop-in extension\n"
		  "error" AT_UNIT ".dropins.2: duplicate entry defined\n" },
		{ 6, UNITS("{'name':'a@1.service','enabled':true},{'name':'a@.service','contents':'[Unit]'}"),
		  "warning" AT_UNIT
		  ".contents: template unit \"a@.service\" for \"a@1.service\" doesn't have "
		  "Install section\n" },
		{ 6,
		  UNITS("{'name':'a@1.service','enabled':true},{'name':'a@.service','contents':'[Install]\\na=b'}"),
		  "" },
		{ 6, UNITS("{'name':'a@1.timer','enabled':true},{'name':'a@.service','contents':'[Unit]'}"),
		  "" },
		{ 6, UNITS("{'name':'a.service'},{'name':'a.service'}"),
		  "error at $.systemd.units.1: duplicate entry defined\n" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void passwd_and_arguments(void **state)
{
	static const struct config_case cases[] = {
		{ 6,
		  TOP("'passwd':{'users':[{'name':'a','groups':['x','x'],'sshAuthorizedKeys':['k','k']},{'name':'a'}],"
		      "'groups':[{},{'name':''}]}"),
		  "error at $.passwd.groups.1: duplicate entry defined\n"
		  "error at $.passwd.users.1: duplicate entry defined\n"
		  "error at $.passwd.users.0.groups.1: duplicate entry defined\n"
		  "error at $.passwd.users.0.sshAuthorizedKeys.1: duplicate entry defined\n" },
		{ 6, TOP("'kernelArguments':{'shouldExist':['a','b'],'shouldNotExist':['c','b']}"),
		  "error at $.kernelArguments.shouldNotExist.1: duplicate entry defined\n" },
		{ 6, TOP("'passwd':{'users':[{'name':'a','uid':-1,'passwordHash':'x'}]}"), "" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void keys_and_types(void **state)
{
	static const struct config_case cases[] = {
		{ 6,
		  TOP("'Storage':{'files':[{'Path':'/a','moed':1,'contents':{'source':'data:,','x':[{}]}}]},'zz':null"),
		  "warning at $.Storage: unused key Storage\n"
		  "warning at $.storage.files.0.Path: unused key Path\n"
		  "warning at $.storage.files.0.moed: unused key moed\n"
		  "warning at $.storage.files.0.contents.x: unused key x\n"
		  "warning at $.zz: unused key zz\n" },
		{ 6, TOP("'passwd':null"),
		  "warning at $.passwd: context tree does not match content tree at $.passwd. Line and column "
		  "reporting may be inconsistent. Unused keys may not be reported\n" },
		{ 3, TOP("'passwd':{'users':[null,{'name':'a','groups':[null]}]}"),
		  "warning at $.passwd.users.0: context tree does not match content tree at $.passwd.users.0. "
		  "Line and column reporting may be inconsistent. Unused keys may not be reported\n" },
		/* a wrong type is all that is said: rules over a half-read config would mislead */
		{ 6, TOP("'storage':{'files':[{'path':'relative','mode':'0644'}]}"),
		  "error at $.storage.files.0.mode: expected integer, got string\n" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void a_merged_config_is_checked_without_positions(void **state)
{
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	struct ign_http_header header = { .name = "x" };
	struct ign_link link = { .path = "/l" };
	struct ign_config c;

	(void)state;
	ign_config_init(&c);
	assert_int_equal(ign_config_validate(&c, IGN_MINOR_EXPERIMENTAL, &rep), 0);
	assert_int_equal(rep.n, 0);
	c.storage.links.v = &link;
	c.storage.links.n = 1;
	c.ignition.config.replace = (struct ign_resource){ .source = "http://x",
							   .http_headers = { &header, 1 } };
	c.ignition.version = "3";
	assert_int_equal(ign_config_validate(&c, IGN_MINOR_EXPERIMENTAL, &rep), 0);
	assert_int_equal(report_print(&rep, &got), 0);
	assert_string_equal(
		buf_str(&got),
		"error at $.ignition.version: invalid config version (couldn't parse)\n"
		"warning at $.ignition.config.replace.httpHeaders.0: HTTP header has no value, and no "
		"other config gives it one: fetching this will fail\n"
		"error at $.storage.links.0.target: link target is required\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources),
		cmocka_unit_test(urls),
		cmocka_unit_test(units),
		cmocka_unit_test(passwd_and_arguments),
		cmocka_unit_test(keys_and_types),
		cmocka_unit_test(a_merged_config_is_checked_without_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
