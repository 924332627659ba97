/* How documents are read: C.1, B.2 and B.3 of the reference, and what this project reads more strictly. */
#include "tests/unit/ignition/config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define TOTAL(v)   IGN("'timeouts':{'httpTotal':" v "}")
#define AT_TOTAL   "ignition.timeouts.httpTotal~a"
#define EXPECTED   "expected %s, got %s"
#define UNUSED_KEY "unused key %s"
#define DUP        "duplicate entry defined"
#define RANGE      "integer out of range"

static void keys(void **state)
{
	static const struct rule_case cases[] = {
		{ UNUSED_KEY,
		  TOP("~a'zz':null,'storage':{~b'file':[{'path':1}],'files':[{'path':'/a',\n~c'moed':1,"
		      "'contents':{'source':'data:,',~d'x':[{}]}}]}"),
		  ALL(UNUSED("zz~a", "zz") UNUSED("storage.file~b", "file") UNUSED(
			  "storage.files.0.moed~c", "moed") UNUSED("storage.files.0.contents.x~d", "x")) },
		{ UNUSED_KEY, TOP("~a'':0,\n~b'\\u0061\\n':0"),
		  ALL(UNUSED("~a", "") "warning at $.a\\x0a~b: unused key a\\x0a\n") },
		/* it counts, and is named: upstream's check is exact where its decoder is not */
		{ UNUSED_KEY, TOP("~a'Storage':{~b'FILES':[{~c'pAth':'/a',~d'MODE':~m4096}]}"),
		  ALL(E("storage.files.0.mode~m", "illegal file mode") UNUSED("Storage~a", "Storage")
			      UNUSED("storage.FILES~b", "FILES") UNUSED("storage.files.0.pAth~c", "pAth")
				      UNUSED("storage.files.0.MODE~d", "MODE")) },
		{ UNUSED_KEY, "{~a'IGNITION':{~b'Version':'$'}}",
		  ALL(UNUSED("IGNITION~a", "IGNITION") UNUSED("ignition.Version~b", "Version")) },
		/* U+017F folds to s, U+212A to k */
		{ UNUSED_KEY, TOP("~a'\xc5\xbftorage':{~b'di\xc5\xbf\xe2\x84\xaas':[{'device':~c'x'}]}"),
		  ALL(E("storage.disks.0.device~c", "path not absolute") UNUSED("\xc5\xbftorage~a", "\xc5\xbftorage")
		  UNUSED("storage.di\xc5\xbf\xe2\x84\xaas~b", "di\xc5\xbf\xe2\x84\xaas")) },
		/* beside one in the schema's spelling: the later counts, but a place is that of the schema's */
		{ UNUSED_KEY, STORAGE("'files':[{'path':~c'/a',~a'PATH':'b'},{~b'PATH':'c','path':'/d'}]"),
		  ALL(E("storage.files.0.path~c", "path not absolute") UNUSED("storage.files.0.PATH~a", "PATH")
		  UNUSED("storage.files.1.PATH~b", "PATH")) },
	};

	(void)state;
	RUN(cases);
}

static void nulls(void **state)
{
	static const struct rule_case cases[] = {
		{ NULL_OBJECT_RULE, TOP("'passwd':~anull"), ALL(W("passwd~a", NULL_OBJECT("passwd"))) },
		{ NULL_OBJECT_RULE, IGN("'security':{'tls':~anull},'timeouts':~bnull"),
		  ALL(W("ignition.security.tls~a", NULL_OBJECT("ignition.security.tls"))
			      W("ignition.timeouts~b", NULL_OBJECT("ignition.timeouts"))) },
		/* an entry that is null is an empty one */
		{ NULL_OBJECT_RULE, TOP("'passwd':{'users':[~anull,{'name':'a'}]}"),
		  ALL(W("passwd.users.0~a", NULL_OBJECT("passwd.users.0"))) },
		{ NULL_OBJECT_RULE, STORAGE("'files':[~anull]"),
		  ALL(E("storage.files.0.path~a", "path not specified")
			      W("storage.files.0~a", NULL_OBJECT("storage.files.0"))) },
		{ "path not specified", STORAGE("'raid':[{'name':'m','level':'raid1','devices':[~anull]}]"),
		  ALL(E("storage.raid.0.devices.0~a", "path not specified")) },
		{ DUP, TOP("'passwd':{'users':[{'name':null,'groups':[null,~b'',~a'','x']}]}"),
		  ALL(DUPLICATE("passwd.users.0.groups.1~b") DUPLICATE("passwd.users.0.groups.2~a")) },
		{ NULL_OBJECT_RULE,
		  STORAGE("'files':null,'directories':[{'path':'/d','mode':null,'overwrite':null,"
			  "'user':{'id':null,'name':null}}]"),
		  ALL("") },
		{ NULL_OBJECT_RULE,
		  STORAGE("'filesystems':[{'device':'/x','format':null,'options':null,'wipeFilesystem':null,"
			  "'path':null}]"),
		  ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void integers(void **state)
{
	static const struct rule_case cases[] = {
		{ RANGE, TOTAL("9223372036854775807"), ALL("") },
		{ RANGE, TOTAL("-9223372036854775807"), ALL("") },
		{ RANGE, TOTAL("-9223372036854775808"), ALL("") },
		{ RANGE, TOTAL("~a9223372036854775808"), ALL(E(AT_TOTAL, RANGE)) },
		{ RANGE, TOTAL("~a-9223372036854775809"), ALL(E(AT_TOTAL, RANGE)) },
		{ RANGE, TOTAL("~a123456789012345678901234567890"), ALL(E(AT_TOTAL, RANGE)) },
		{ RANGE, TOTAL("~a-123456789012345678901234567890"), ALL(E(AT_TOTAL, RANGE)) },
		{ RANGE, TOTAL("0"), ALL("") },
		{ RANGE, TOTAL("-0"), ALL("") },
		{ EXPECTED, TOTAL("~a420.0"),
		  ALL(E(AT_TOTAL, "expected integer, got a number with a fraction or an exponent")) },
		{ EXPECTED, TOTAL("~a4.2e2"),
		  ALL(E(AT_TOTAL, "expected integer, got a number with a fraction or an exponent")) },
		{ EXPECTED, TOTAL("~a1E2"),
		  ALL(E(AT_TOTAL, "expected integer, got a number with a fraction or an exponent")) },
		{ EXPECTED, TOTAL("~a-0.0"),
		  ALL(E(AT_TOTAL, "expected integer, got a number with a fraction or an exponent")) },
		{ EXPECTED, TOTAL("~a'420'"), ALL(E(AT_TOTAL, "expected integer, got string")) },
		{ EXPECTED, TOTAL("~atrue"), ALL(E(AT_TOTAL, "expected integer, got boolean")) },
		{ EXPECTED, TOTAL("~a[1]"), ALL(E(AT_TOTAL, "expected integer, got list")) },
		{ EXPECTED, TOTAL("~a{}"), ALL(E(AT_TOTAL, "expected integer, got object")) },
		/* what nobody reads may be any number */
		{ UNUSED_KEY, TOP("~a'x':[1e400,-1.5E-7,123456789012345678901234567890]"),
		  ALL(UNUSED("x~a", "x")) },
	};

	(void)state;
	RUN(cases);
}

static void types(void **state)
{
	static const struct rule_case cases[] = {
		{ EXPECTED, STORAGE("'files':[{'path':~a1}]"),
		  ALL(E("storage.files.0.path~a", "expected string, got number")) },
		{ EXPECTED, STORAGE("'files':[{'path':'/a','overwrite':~a1}]"),
		  ALL(E("storage.files.0.overwrite~a", "expected boolean, got number")) },
		{ EXPECTED, STORAGE("'files':[{'path':'/a','overwrite':~a'true'}]"),
		  ALL(E("storage.files.0.overwrite~a", "expected boolean, got string")) },
		{ EXPECTED, STORAGE("'files':~a{'path':'/a'}"),
		  ALL(E("storage.files~a", "expected list, got object")) },
		{ EXPECTED, STORAGE("'files':[~a'/a']"),
		  ALL(E("storage.files.0~a", "expected object, got string")) },
		{ EXPECTED, TOP("'passwd':~a[]"), ALL(E("passwd~a", "expected object, got list")) },
		{ EXPECTED,
		  TOP("'passwd':{'users':[{'name':'a','groups':~a'x'},{'name':'b','groups':['x',\n~b7]}]}"),
		  ALL(E("passwd.users.0.groups~a", "expected list, got string")
			      E("passwd.users.1.groups.1~b", "expected string, got number")) },
		/* all of them, and no rules: those would be about a config that nobody wrote */
		{ EXPECTED,
		  TOP("'storage':{'files':[{'path':'relative','mode':~a'0644'}]},\n~c'x':1,'systemd':~bfalse"),
		  ALL(E("storage.files.0.mode~a", "expected integer, got string") UNUSED("x~c", "x")
			      E("systemd~b", "expected object, got boolean")) },
	};

	(void)state;
	RUN(cases);
}

/* A struct's own check, its members by name, entries by number; then duplicates; then unused keys. */
static void findings_have_an_order(void **state)
{
#define SPECIAL "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0"
#define ORDER(mode, level)                                                                                                         \
	"error at $.storage.files.0.path~a: path conflicts with systemd unit or dropin\n"                                          \
	"error at $.ignition.config.replace.source~b: invalid url scheme\n"                                                        \
	"error at $.storage.files.1~c: file path includes link in config\n"                                                        \
	"error at $.storage.links.0~d: hard link target is a directory\n"                                                          \
	"error at $.storage.links.1~e: link path includes link in config\n"                                                        \
	"warning at $.storage.filesystems.0.device~f: filesystem overwrites partitioned device\n"                                  \
	"error at $.storage.directories.0.mode~g: illegal file mode\n" mode                                                        \
	"error at $.storage.disks.0.partitions.0~h: a partition number >= 1 or a label must be specified\n"                        \
	"error at $.storage.files.1.overwrite~i: overwrite must be false if source is unspecified\n"                               \
	"error at $.storage.filesystems.0.path~j: path not absolute\n"                                                             \
	"error at $.storage.filesystems.0.format~k: invalid filesystem format\n"                                                   \
	"error at $.storage.links.1.path~l: path is not fully simplified\n"                                                        \
	"error at $.storage.raid.0.level~m: " level "\n"                                                                           \
	"error at $.storage.raid.0.devices~n: raid devices required\n"                                                             \
	"warning at $.systemd.units.0.contents~o: template unit \"t@.service\" for \"t@1.service\" doesn't have Install section\n" \
	"error at $.systemd.units.2.name~p: invalid systemd unit extension\n"                                                      \
	"error at $.systemd.units.2.contents~q: invalid unit content: unable to find end of section\n"                             \
	"error at $.systemd.units.2.dropins.0.contents~r: invalid unit content: unable to find end of section\n"                   \
	"error at $.systemd.units.2.dropins.0.name~s: invalid systemd drop-in extension\n" DUPLICATE(                              \
		"storage.directories.1~t") UNUSED("unused~u", "unused")
	static const struct rule_case cases[] = {
		{ UNUSED_KEY,
		  "{~u'unused':1,'systemd':{'units':[{'name':'t@1.service','enabled':true,"
		  "'contents':~o''},\n"
		  "{'name':'t@.service','contents':'[A]'},\n"
		  "{'name':~p'u','contents':~q'[','dropins':[{'name':~s'd','contents':~r'['}]}]},\n"
		  "'storage':{'raid':[{'name':'m','devices':~n[],'level':~m''}],\n"
		  "'links':[~d{'path':'/l','target':'/d','hard':true},~e{'path':~l'/l/','target':'t'}],\n"
		  "'filesystems':[{'device':~f'/dev/x','format':~k'?','path':~j'p'}],\n"
		  "'files':[{'path':~a'/etc/systemd/system/t@.service'},~c{'path':'/l/f',"
		  "'overwrite':~itrue}],\n"
		  "'disks':[{'device':'/dev/x','partitions':[~h{}],'wipeTable':true}],\n"
		  "'directories':[{'path':'/d','mode':~g-1},~t{'path':'/d'}]},\n"
		  "'ignition':{'version':'$','config':{'replace':{'source':~b'x'}}}}",
		  { { 0, 2, ORDER(W("storage.directories.0.mode~g", SPECIAL), "unrecognized raid level") },
		    { 3, 5, ORDER(W("storage.directories.0.mode~g", SPECIAL), "raid level is required") },
		    { 6, NEWEST, ORDER("", "raid level is required") } } },
	};

	(void)state;
	RUN(cases);
}

/* clang-format on */

struct text_case {
	const char *text, *why, *report;
};

static void expect(const struct text_case *c, size_t len)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf got = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	struct buf json = { .p = (char *)c->text, .n = len };
	struct err e = { .text = "" };
	struct ign_config config;
	int r = parse_json(&json, a, &config, &rep, &got, &e);

	if (r != (*c->why ? -EBADMSG : 0) || strcmp(e.text, c->why) != 0 ||
	    strcmp(buf_str(&got), c->report) != 0)
		fail_msg("%.200s: %d \"%s\"\n%s", c->text, r, e.text, buf_str(&got));
}

#define V     "{\"ignition\":{\"version\":\"3.6.0\"}"
#define BAD   "config is not valid"
#define AT(s) "error at line 1 col " s "\n"

static void only_strict_json_is_read(void **state)
{
	static const struct text_case cases[] = {
		{ V "}", "", "" },
		{ " \t\r\n" V "} \n", "", "" },
		{ V ",}", BAD, AT("33: a comma must not come before '}'") },
		{ V ",\"x\":[1,]}", BAD, AT("40: a comma must not come before ']'") },
		{ V ",\"x\":[1 2]}", BAD, AT("40: ',' or ']' expected") },
		{ V " \"x\":1}", BAD, AT("33: ',' or '}' expected") },
		{ V ",\"x\" 1}", BAD, AT("37: ':' expected after a key") },
		{ V ",x:1}", BAD, AT("33: a key in double quotes expected") },
		{ V ",'x':1}", BAD, AT("33: a key in double quotes expected") },
		{ V ",\"x\":'y'}", BAD, AT("37: a string needs double quotes") },
		{ V ",\"x\":// y\n1}", BAD, AT("37: comments are not part of JSON") },
		{ "/* c */" V "}", BAD, AT("1: comments are not part of JSON") },
		{ "# c\n" V "}", BAD, AT("1: comments are not part of JSON") },
		{ "\xef\xbb\xbf" V "}", BAD, AT("1: the document must not begin with a byte order mark") },
		{ V "} x", BAD, AT("34: data after the end of the document") },
		{ V "}" V "}", BAD, AT("33: data after the end of the document") },
		{ V ",\"x\":NaN}", BAD, AT("37: not a JSON value") },
		{ V ",\"x\":Infinity}", BAD, AT("37: not a JSON value") },
		{ V ",\"x\":+1}", BAD, AT("37: not a JSON value") },
		{ V ",\"x\":.5}", BAD, AT("37: not a JSON value") },
		{ V ",\"x\":5.}", BAD, AT("39: digit expected") },
		{ V ",\"x\":5e}", BAD, AT("39: digit expected") },
		{ V ",\"x\":-}", BAD, AT("38: digit expected") },
		{ V ",\"x\":012}", BAD, AT("38: a number must not begin with 0") },
		{ V ",\"x\":0x12}", BAD, AT("38: ',' or '}' expected") },
		{ V ",\"x\":True}", BAD, AT("37: not a JSON value") },
		{ V ",\"x\":nul}", BAD, AT("37: not a JSON value") },
		{ V ",\"x\":\"a\tb\"}", BAD, AT("39: control character in a string") },
		{ V ",\"x\":\"a\nb\"}", BAD, AT("37: the string does not end on its line") },
		{ V ",\"x\":\"\\q\"}", BAD, AT("38: unknown escape in a string") },
		{ V ",\"x\":\"\\u12x4\"}", BAD, AT("42: four hexadecimal digits must follow \\u") },
		{ V ",\"x\":\"", BAD, AT("38: unexpected end of the document") },
		{ V, BAD, AT("32: unexpected end of the document") },
		/* read by upstream; refused here, because each would lose data in silence */
		{ V ",\"x\":\"\\u0000\"}", BAD, AT("38: \\u0000 is not allowed in a string") },
		{ V ",\"x\":\"\xff\"}", BAD, AT("38: invalid UTF-8 in a string") },
		{ V ",\"x\":\"\xed\xa0\x80\"}", BAD, AT("38: invalid UTF-8 in a string") },
		{ V ",\"x\":\"\xc0\xaf\"}", BAD, AT("38: invalid UTF-8 in a string") },
		{ V ",\n\"ignition\":{}}", BAD, "error at line 2 col 1: duplicate key \"ignition\"\n" },
		{ V ",\"x\":{\"a\":1,\n \"b\":2,\"\\u0061\":3}}", BAD,
		  "error at line 2 col 8: duplicate key \"\\u0061\"\n" },
		/* a lone surrogate is U+FFFD, as for upstream */
		{ V ",\"\\ud800\":1}", "",
		  "warning at $.\xef\xbf\xbd, line 1 col 33: unused key \xef\xbf\xbd\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(&cases[i], strlen(cases[i].text));
}

static const char *repeat(struct buf *b, const char *before, const char *unit, size_t n, const char *after)
{
	buf_puts(b, before);
	for (size_t i = 0; i < n; i++)
		buf_puts(b, unit);
	buf_puts(b, after);
	return buf_str(b);
}

static void documents_have_limits(void **state)
{
	static const struct {
		const char *before, *unit, *after;
		size_t n;
		const char *why, *report;
	} cases[] = {
		{ V ",\n\"x\":", "[", "", 100, BAD, "error at line 2 col 104: nested too deeply\n" },
		{ V ",\n\"passwd\":{\"users\":[{\"groups\":[\"\"", ",\"\"", "]}]}}", CFG_MAX_LIST, BAD,
		  "error at $.passwd.users.0.groups, line 2 col 30: more than 65536 entries\n" },
		{ V, " ", "}", IGN_CONFIG_MAX_BYTES - sizeof V, "", "" },
		{ V, " ", "}", IGN_CONFIG_MAX_BYTES + 1 - sizeof V, BAD,
		  "error: the config is larger than 67108864 bytes\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf b = { 0 };
		struct text_case c = { repeat(&b, cases[i].before, cases[i].unit, cases[i].n, cases[i].after),
				       cases[i].why, cases[i].report };

		expect(&c, b.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(nulls),
		cmocka_unit_test(integers),
		cmocka_unit_test(types),
		cmocka_unit_test(findings_have_an_order),
		cmocka_unit_test(only_strict_json_is_read),
		cmocka_unit_test(documents_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
