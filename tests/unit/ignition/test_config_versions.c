/* Which versions are read, and what each of them accepts: upstream's verdicts (reference B.1, C.8). */
#include "tests/unit/ignition/config_cases.h"
#include "ignition/config/version.h"

#define READ                                                                                                 \
	"1 (as ignitionVersion), 2.0.0, 2.1.0, 2.2.0, 2.3.0, 2.4.0, 3.0.0, 3.1.0, 3.2.0, 3.3.0, 3.4.0, "     \
	"3.5.0, 3.6.0, 3.7.0-experimental"
#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX128 HEX64 HEX64
#define Z64    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

static void versions_parse_as_semver(void **state)
{
	static const struct {
		const char *text;
		int r;
		struct ign_version version;
	} cases[] = {
		{ "2.0.0", 0, { 2, 0 } },
		{ "2.1.0", 0, { 2, 1 } },
		{ "2.2.0", 0, { 2, 2 } },
		{ "2.3.0", 0, { 2, 3 } },
		{ "02.4.0", 0, { 2, 4 } },
		{ "2.5.0", -ENOTSUP, { 0 } },
		{ "2.5.0-experimental", -ENOTSUP, { 0 } },
		{ "2.0.0-dev", -ENOTSUP, { 0 } },
		{ "1.0.0", -ENOTSUP, { 0 } },
		{ "3.0.0", 0, { 3, 0 } },
		{ "3.6.0", 0, { 3, 6 } },
		{ "3.00.0", 0, { 3, 0 } },
		{ "03.4.000", 0, { 3, 4 } },
		{ "3.7.0-experimental", 0, { 3, 7 } },
		{ "3.7.0", -ENOTSUP, { 0 } },
		{ "3.6.0-experimental", -ENOTSUP, { 0 } },
		{ "3.6.0+meta", -ENOTSUP, { 0 } },
		{ "3.7.0-experimental+x", -ENOTSUP, { 0 } },
		{ "3.0.1", -ENOTSUP, { 0 } },
		{ "4.0.0", -ENOTSUP, { 0 } },
		{ "9223372036854775807.0.0", -ENOTSUP, { 0 } },
		{ "3.0.0-a.b-c.1+d.e", -ENOTSUP, { 0 } },
		{ "", -EINVAL, { 0 } },
		{ "3", -EINVAL, { 0 } },
		{ "3.0", -EINVAL, { 0 } },
		{ "3.0.", -EINVAL, { 0 } },
		{ "3..0", -EINVAL, { 0 } },
		{ "3.0.0.0", -EINVAL, { 0 } },
		{ "3.0.0 ", -EINVAL, { 0 } },
		{ " 3.0.0", -EINVAL, { 0 } },
		{ "+3.0.0", -EINVAL, { 0 } },
		{ "-3.0.0", -EINVAL, { 0 } },
		{ "3.-1.0", -EINVAL, { 0 } },
		{ "9223372036854775808.0.0", -EINVAL, { 0 } },
		{ "3.0.0-", 0, { 3, 0 } }, /* nothing behind the sign is nothing, for upstream too */
		{ "3.0.0+", 0, { 3, 0 } },
		{ "3.1.0-+", 0, { 3, 1 } },
		{ "3.7.0-experimental+", 0, { 3, 7 } },
		{ "3.7.0-", -ENOTSUP, { 0 } },
		{ "3.0.0--", -ENOTSUP, { 0 } },
		{ "3.0.0+-", -ENOTSUP, { 0 } },
		{ "3.0.0-a..b", -EINVAL, { 0 } },
		{ "3.0.0-a_b", -EINVAL, { 0 } },
		{ "3.0.0+a+b", -EINVAL, { 0 } },
		{ "abc", -EINVAL, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ign_version v = { 99, 99 };
		int r = ign_version_parse(cases[i].text, &v);

		if (r != cases[i].r ||
		    (r == 0 && (v.major != cases[i].version.major || v.minor != cases[i].version.minor)))
			fail_msg("%s: %d, %u.%u", cases[i].text, r, v.major, v.minor);
	}
}

static void documents_without_a_usable_version(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *why, *report;
	} cases[] = {
		{ "", -ENODATA, "not a config (empty)", "" },
		{ " \n", -EBADMSG, "config is not valid",
		  "error at line 2 col 1: unexpected end of the document\n" },
		{ "hello", -EBADMSG, "config is not valid", "error at line 1 col 1: not a JSON value\n" },
		{ "[]", -EBADMSG, "config is not valid",
		  "error at line 1 col 1: expected object, got list\n" },
		{ "'x'", -EBADMSG, "config is not valid",
		  "error at line 1 col 1: expected object, got string\n" },
		{ " 3", -EBADMSG, "config is not valid",
		  "error at line 1 col 2: expected object, got number\n" },
		{ "true", -EBADMSG, "config is not valid",
		  "error at line 1 col 1: expected object, got boolean\n" },
		{ "null", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{}", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{'ignition':null}", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{'ignition':{}}", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{'ignition':{'version':null}}", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{'ignition':{'version':'3.0'}}", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{'ignition':{'version':3}}", -EBADMSG, "config is not valid",
		  "error at $.ignition.version, line 1 col 24: expected string, got number\n" },
		{ "{'ignition':[]}", -EBADMSG, "config is not valid",
		  "error at $.ignition, line 1 col 13: expected object, got list\n" },
		{ "{'ignition':{'version':'2.5.0'}}", -EBADMSG, "unsupported config version",
		  "info at $.ignition.version, line 1 col 24: version \"2.5.0\" is not one of " READ "\n" },
		{ "{'ignitionVersion':2}", -EBADMSG, "unsupported config version",
		  "info at $.ignitionVersion, line 1 col 20: version \"2\" is not one of " READ "\n" },
		{ "{'ignitionVersion':1,'ignition':{'version':'4.0.0'}}", -EBADMSG,
		  "unsupported config version",
		  "info at $.ignition.version, line 1 col 44: version \"4.0.0\" is not one of " READ "\n" },
		{ "{'ignitionVersion':1,'ignition':{'version':'x'}}", -EBADMSG,
		  "invalid config version (couldn't parse)", "" },
		{ "{'ignitionVersion':null}", -EBADMSG, "invalid config version (couldn't parse)", "" },
		{ "{'ignitionVersion':'1'}", -EBADMSG, "config is not valid",
		  "error at $.ignitionVersion, line 1 col 20: expected integer, got string\n" },
		{ "{'IGNITION':{'Version':'3.0.0'}}", 0, "",
		  "warning at $.IGNITION, line 1 col 2: unused key IGNITION\n"
		  "warning at $.ignition.Version, line 1 col 14: unused key Version\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf got = { 0 };
		struct err e = { .text = "" };
		struct ign_config c;

		assert_int_equal(parse_case(cases[i].text, 0, a, &c, &got, &e), cases[i].r);
		assert_string_equal(e.text, cases[i].why);
		assert_string_equal(buf_str(&got), cases[i].report);
	}
}

/* o accepted silently, U accepted with "unused key" only, W accepted with another warning, E refused */
static char verdict(const char *text, unsigned minor)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf got = { 0 };
	struct ign_config c;
	struct err e = { 0 };
	int r = parse_case(text, minor, a, &c, &got, &e);

	if (r < 0)
		return 'E';
	return strstr(buf_str(&got), "unused key") ? 'U' : got.n ? 'W' : 'o';
}

static void check_verdicts(const char *text, const char *want)
{
	char got[N_VERSIONS + 1] = "";

	for (unsigned minor = 0; minor < N_VERSIONS; minor++)
		got[minor] = verdict(text, minor);
	if (strcmp(got, want) != 0)
		fail_msg("%s: got %s, want %s", text, got, want);
}

#define FS(rest)   STORAGE("'filesystems':[{'device':'/dev/x'," rest "}]")
#define FILE_(r)   STORAGE("'files':[{'path':'/f'," r "}]")
#define LUKS(rest) STORAGE("'luks':[{'name':'x','device':'/dev/x'," rest "}]")
#define RAID(rest) STORAGE("'raid':[{'name':'md0'," rest "}]")

static void each_version_has_its_verdicts(void **state)
{
	static const struct {
		const char *text, *want; /* one letter per version */
	} cases[] = {
		{ IGN("'config':{'merge':[{}]}"), "oEEEEEEE" },
		{ IGN("'config':{'merge':[{'source':''}]}"), "oEEEEEEE" },
		{ IGN("'config':{'replace':{'source':''}}"), "oooooooo" },
		{ IGN("'config':{'replace':{'verification':{'hash':'sha512-" HEX128 "'}}}"), "oEEEEEEE" },
		{ IGN("'config':{'replace':{'source':'http://x','compression':'gzip'}}"), "Uooooooo" },
		{ IGN("'config':{'replace':{'source':'http://x','httpHeaders':[{'name':'a','value':'b'}]}}"),
		  "Uooooooo" },
		{ IGN("'proxy':{'httpProxy':'http://p'}"), "Uooooooo" },
		{ FILE_("'contents':{'source':'gs://b/o'}"), "EEoooooo" },
		{ FILE_("'contents':{'source':'arn:aws:s3:::b/o'}"), "EEEEoooo" },
		{ FILE_("'contents':{'source':'s3://b/o?versionId='}"), "EEEEEEEE" },
		{ FILE_("'contents':{'source':'s3://b/o?versionId=1'}"), "oooooooo" },
		{ FILE_("'contents':{'source':'data:,','verification':{'hash':'sha256-" HEX64 "'}}"),
		  "Eooooooo" },
		{ FILE_("'contents':{'source':'data:,','verification':{'hash':'sha512-" HEX128 "'}}"),
		  "oooooooo" },
		{ FILE_("'contents':{'source':'http://x','httpHeaders':[{'name':'a','value':'b'}]}"),
		  "Uooooooo" },
		{ FILE_("'mode':2541"), "WWWWWWoo" },                                 /* 04755 */
		{ STORAGE("'directories':[{'path':'/d','mode':1023}]"), "WWWWWWoo" }, /* 01777 */
		{ FILE_("'mode':4096"), "EEEEEEEE" },
		{ STORAGE("'links':[{'path':'/l'}]"), "oooEEEEE" },
		{ FS("'format':'none'"), "EEEooooo" },
		{ FS("'format':'virtiofs'"), "EEEEEEEo" },
		{ FS("'format':'ext4','mountOptions':['ro']"), "Uooooooo" },
		{ RAID("'devices':['/dev/a']"), "EEEEEEEE" },
		{ STORAGE("'disks':[{'device':'/dev/x','partitions':[{'number':1,'resize':true}]}]"),
		  "UUoooooo" },
		{ TOP("'passwd':{'users':[{'name':'u','shouldExist':false}]}"), "UUoooooo" },
		{ TOP("'passwd':{'groups':[{'name':'g','shouldExist':false}]}"), "UUoooooo" },
		{ LUKS("'label':'l'"), "UUoooooo" },
		{ LUKS("'discard':true"), "UUUUoooo" },
		{ LUKS("'openOptions':['a']"), "UUUUoooo" },
		{ LUKS("'clevis':{'tang':[{'url':'http://t','thumbprint':'x','advertisement':'{}'}]}"),
		  "UUUUoooo" },
		{ LUKS("'clevis':{'custom':{'pin':'foo','config':'{}'}}"), "UUEEEEoo" },
		{ LUKS("'clevis':{'custom':{}}"), "UUoooooo" },
		{ LUKS("'cex':{'enabled':true}"), "UUUUUooo" },
		{ TOP("'kernelArguments':{'shouldExist':['a']}"), "UUUooooo" },
		{ RAID("'level':'raid1','devices':['/dev/a','/dev/a']"), "EEEEEEEE" },
		{ TOP("'passwd':{'users':[{'name':'u'},{'name':'u'}]}"), "EEEEEEEE" },
		{ FILE_("'contents':{'source':'http://x','httpHeaders':[{'name':'a','value':'b'},"
			"{'name':'a','value':'c'}]}"),
		  "UEEEEEEE" },
		{ LUKS("'openOptions':['a','a']"), "UUUUEEEE" },
		{ FS("'format':'ext4','options':['-q','-q']"), "oooooooo" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_verdicts(cases[i].text, cases[i].want);
}

/* What upstream leaves to the tools that will be run, or to nobody (reference C.9). */
static void nothing_else_is_checked(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ TOP("'passwd':{'users':[{}],'groups':[{}]}"), "oooooooo" },
		{ TOP("'passwd':{'users':[{'name':'a b:c','uid':-1}],'groups':[{'name':'-','gid':-5}]}"),
		  "oooooooo" },
		{ TOP("'passwd':{'users':[{'name':'a','uid':9223372036854775807,'homeDir':'relative'}]}"),
		  "oooooooo" },
		{ TOP("'passwd':{'users':[{'name':'a','sshAuthorizedKeys':['no key\\n','']}]}"), "oooooooo" },
		{ TOP("'passwd':{'users':[{'name':'a','passwordHash':'plain','shell':'','gecos':':'}]}"),
		  "oooooooo" },
		{ STORAGE("'raid':[{'level':'raid1','devices':['/dev/a']}]"), "oooooooo" },
		{ RAID("'level':'raid1','devices':['/dev/a'],'spares':-7"), "oooooooo" },
		{ STORAGE("'luks':[{'device':'/dev/a'}]"), "UUoooooo" },
		{ LUKS("'uuid':'not one'"), "UUoooooo" },
		{ LUKS("'clevis':{'threshold':-1}"), "UUoooooo" },
		{ FS("'format':'ext4','uuid':'not one'"), "oooooooo" },
		{ FS("'format':'swap','path':'/var'"), "oooooooo" },
		{ STORAGE("'filesystems':[{'device':'/dev/a','format':'xfs','path':'/a'},"
			  "{'device':'/dev/b','format':'xfs','path':'/a'}]"),
		  "oooooooo" },
		{ STORAGE("'disks':[{'device':'/dev/a','partitions':[{'number':-1,'sizeMiB':-1,'startMiB':-1}]}]"),
		  "oooooooo" },
		{ STORAGE("'disks':[{'device':'/dev/a','partitions':[{'number':1000000}]}]"), "oooooooo" },
		{ IGN("'timeouts':{'httpResponseHeaders':-1,'httpTotal':-1}"), "oooooooo" },
		{ FILE_("'user':{'id':-1},'group':{'id':-1}"), "oooooooo" },
		{ FILE_("'contents':{'source':'s3://b/o','compression':'gzip'}"), "oooooooo" },
		{ FILE_("'contents':{'source':'arn:aws:s3:::b/o','compression':'gzip'}"), "EEEEoooo" },
		{ FILE_("'contents':{'source':'arn:aws:s3:r:1:accesspoint/ap/key'}"), "EEEEoooo" },
		{ FILE_("'contents':{'source':'data:;base64,AAAA','compression':'gzip'}"), "oooooooo" },
		{ FILE_("'contents':{'source':'http:','verification':{'hash':'sha512-" Z64 Z64 "'}}"),
		  "oooooooo" },
		{ TOP("'systemd':{'units':[{'name':'../a.service'},{'name':'b.service','dropins':[{'name':'../c.conf'}]}]}"),
		  "oooooooo" },
		{ TOP("'systemd':{'units':[{'name':'a.service','mask':true,'contents':'[A]'}]}"),
		  "oooooooo" },
		{ TOP("'kernelArguments':{'shouldExist':['a b',''],'shouldNotExist':[' ']}"), "UUUooooo" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_verdicts(cases[i].text, cases[i].want);
}

static void everything_becomes_the_newest_version(void **state)
{
	(void)state;
	for (unsigned minor = 0; minor < ARRAY_SIZE(version_text); minor++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf got = { 0 };
		struct ign_config c;
		struct err e = { 0 };

		assert_int_equal(parse_case(STORAGE("'files':[{'path':'/f','mode':2541},{'path':'/g'}],"
						    "'directories':[{'path':'/d','mode':1023}]"),
					    minor, a, &c, &got, &e),
				 0);
		assert_string_equal(c.ignition.version, "3.7.0-experimental");
		/* special bits had no effect before 3.6 */
		assert_int_equal(c.storage.files.v[0].mode.v, minor < 6 ? 0755 : 04755);
		assert_int_equal(c.storage.directories.v[0].mode.v, minor < 6 ? 0777 : 01777);
		assert_false(c.storage.files.v[1].mode.set);
	}
}

static void a_tang_advertisement_survives(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf got = { 0 };
	struct ign_config c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
		parse_case(
			LUKS("'clevis':{'tang':[{'url':'http://t','thumbprint':'x','advertisement':'{}'}]}"),
			4, a, &c, &got, &e),
		0);
	assert_string_equal(c.storage.luks.v[0].clevis.tang.v[0].advertisement, "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_parse_as_semver),
		cmocka_unit_test(documents_without_a_usable_version),
		cmocka_unit_test(each_version_has_its_verdicts),
		cmocka_unit_test(nothing_else_is_checked),
		cmocka_unit_test(everything_becomes_the_newest_version),
		cmocka_unit_test(a_tang_advertisement_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
