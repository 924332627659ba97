/* The rules of 2.0 to 2.4 in every one of these versions: reference B.8.3, and what 0.35 does with each. */
#include "tests/unit/ignition/old_config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define TEN              "0123456789"
#define HUNDRED          TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define HEX128           HUNDRED TEN TEN "01234567"
#define INFO(path, text) "info at $." path ": " text "\n"

#define SCHEME   "invalid url scheme"
#define UNPARSED "unable to parse url"
#define RELATIVE "path not absolute"

#define APPEND(rest) IGN("'config':{'append':[{" rest "}]}")
#define AT_APPEND    "ignition.config.append.0"
#define CA(rest)     IGN("~x'security':{'tls':{'certificateAuthorities':[{" rest "}]}}")
#define AT_CA        "ignition.security.tls.certificateAuthorities.0"
#define NO_CA        UNKNOWN("ignition.security~x", "security")

static void references(void **state)
{
	static const struct rule_case cases[] = {
		{ SCHEME, APPEND("'source':~s'foo://x'"), ALL2(E(AT_APPEND ".source~s", SCHEME)) },
		{ SCHEME, APPEND("'source':~s'tftp://h/x'"), FROM2(1, E(AT_APPEND ".source~s", SCHEME), "") },
		{ SCHEME, APPEND("'source':~s's3://b/k'"), FROM2(1, E(AT_APPEND ".source~s", SCHEME), "") },
		{ SCHEME, APPEND("'source':~s'gs://b/k'"), ALL2(E(AT_APPEND ".source~s", SCHEME)) },
		{ SCHEME, APPEND("'source':~s'arn:aws:s3:::b/k'"), ALL2(E(AT_APPEND ".source~s", SCHEME)) },
		{ SCHEME, APPEND("'source':~s'/x'"), ALL2(E(AT_APPEND ".source~s", SCHEME)) },
		{ SCHEME,
		  APPEND("'source':'http://h/x'},{'source':'HTTPS://h/x'},{'source':'oem:///x'},"
			 "{'source':'data:,x'},{'source':''},{},{'source':null"),
		  ALL2("") },
		{ UNPARSED, APPEND("'source':~s'http://[x'"), ALL2(E(AT_APPEND ".source~s", UNPARSED)) },
		{ UNPARSED, APPEND("'source':~s':oem'"), ALL2(E(AT_APPEND ".source~s", UNPARSED)) },
		{ "invalid data character", APPEND("'source':~s'data:,<'"),
		  ALL2(E(AT_APPEND ".source~s", "invalid data character")) },
		{ "invalid S3 object VersionId", APPEND("'source':~s's3://b/k?versionId='"),
		  FROM2(1, E(AT_APPEND ".source~s", SCHEME),
			E(AT_APPEND ".source~s", "invalid S3 object VersionId")) },
		{ SCHEME, IGN("'config':{'replace':{'source':~s'x:y'}}"),
		  ALL2(E("ignition.config.replace.source~s", SCHEME)) },
		{ SCHEME, IGN("'config':{'replace':{}}"), ALL2("") },
		{ SCHEME, CA("'source':~s'x:y'"), FROM2(2, NO_CA, E(AT_CA ".source~s", SCHEME)) },
		{ SCHEME, CA(""), FROM2(2, NO_CA, "") },
		{ SCHEME, IGN("~p'proxy':{'httpProxy':'x:y','httpsProxy':':','noProxy':['','']}"),
		  FROM2(4, UNKNOWN("ignition.proxy~p", "proxy"), "") },
		{ SCHEME, IGN("~t'timeouts':{'httpResponseHeaders':-1,'httpTotal':0}"),
		  FROM2(1, UNKNOWN("ignition.timeouts~t", "timeouts"), "") },
	};

	(void)state;
	RUN2(cases);
}

#define HEADERS(source, rest) APPEND("'source':" source ",~x'httpHeaders':" rest)
#define NO_HEADERS            UNKNOWN(AT_APPEND ".httpHeaders~x", "httpHeaders")
#define NOT_HERE              "cannot use HTTP headers with this source scheme"
#define NO_NAME               "HTTP header name can't be empty"
#define TWICE                 "Found duplicate HTTP header: \"%s\""

static void headers_and_hashes(void **state)
{
	static const struct rule_case cases[] = {
		{ NO_NAME, HEADERS("'http://h'", "[{'name':~n'','value':'v'},~m{'value':'v'},{'name':'a'}]"),
		  FROM2(4, NO_HEADERS,
			E(AT_APPEND ".httpHeaders.0.name~n", NO_NAME)
				E(AT_APPEND ".httpHeaders.1.name~m", NO_NAME)) },
		{ TWICE,
		  HEADERS("'http://h'",
			  "[{'name':'a'},{'name':'A'},{'name':~n'a','value':'v'},{'name':~m'a'}]"),
		  FROM2(4, NO_HEADERS,
			E(AT_APPEND ".httpHeaders.2.name~n", "Found duplicate HTTP header: \"a\"")
				E(AT_APPEND ".httpHeaders.3.name~m", "Found duplicate HTTP header: \"a\"")) },
		{ NOT_HERE, HEADERS("'oem:///x'", "~h[{'name':'a'}]"),
		  FROM2(4, NO_HEADERS, E(AT_APPEND ".httpHeaders~h", NOT_HERE)) },
		{ NOT_HERE, HEADERS("''", "~h[{'name':'a'}]"),
		  FROM2(4, NO_HEADERS, E(AT_APPEND ".httpHeaders~h", NOT_HERE)) },
		{ NOT_HERE, HEADERS("'oem:///x'", "[]"), FROM2(4, NO_HEADERS, "") },
		{ UNPARSED, HEADERS("~s'http://h:x'", "~h[{'name':'a'}]"),
		  FROM2(4, E(AT_APPEND ".source~s", UNPARSED) NO_HEADERS,
			E(AT_APPEND ".httpHeaders~h", UNPARSED) E(AT_APPEND ".source~s", UNPARSED)) },
		{ NOT_HERE,
		  CA("'source':'data:,',~k'httpHeaders':~h[{'name':'a'}]"),
		  { { 0, 1, NO_CA },
		    { 2, 3, UNKNOWN(AT_CA ".httpHeaders~k", "httpHeaders") },
		    { 4, 4, E(AT_CA ".httpHeaders~h", NOT_HERE) } } },
		{ "malformed hash specifier", APPEND("'verification':{'hash':~h'sha512'}"),
		  ALL2(E(AT_APPEND ".verification.hash~h", "malformed hash specifier")) },
		{ "malformed hash specifier", APPEND("'verification':{'hash':~h''}"),
		  ALL2(E(AT_APPEND ".verification.hash~h", "malformed hash specifier")) },
		{ "unrecognized hash function", APPEND("'verification':{'hash':~h'sha256-" HUNDRED "'}"),
		  ALL2(E(AT_APPEND ".verification.hash~h", "unrecognized hash function")) },
		{ "incorrect size for hash sum", APPEND("'verification':{'hash':~h'sha512-" HUNDRED "'}"),
		  ALL2(E(AT_APPEND ".verification.hash~h", "incorrect size for hash sum")) },
		{ "incorrect size for hash sum", APPEND("'verification':{'hash':'sha512-" HEX128 "'}"),
		  ALL2("") },
		{ "malformed hash specifier", CA("'verification':{'hash':~h'x'}"),
		  FROM2(2, NO_CA, E(AT_CA ".verification.hash~h", "malformed hash specifier")) },
	};

	(void)state;
	RUN2(cases);
}

#define CONTENTS(rest) STORAGE("'files':[{'filesystem':'root','path':'/a','mode':0,'contents':{" rest "}}]")
#define AT_CONTENTS    "storage.files.0.contents"
#define QUOTED         "invalid url \"%s\": %s"

static void contents(void **state)
{
	static const struct rule_case cases[] = {
		{ "invalid compression method", CONTENTS("'compression':~c'xz'"),
		  ALL2(E(AT_CONTENTS ".compression~c", "invalid compression method")) },
		{ "invalid compression method", CONTENTS("'compression':'gzip'"), ALL2("") },
		{ QUOTED, CONTENTS("'source':~s'foo:x'"),
		  FROM2(3, E(AT_CONTENTS ".source~s", SCHEME),
			E(AT_CONTENTS ".source~s", "invalid url \"foo:x\": " SCHEME)) },
		{ QUOTED, CONTENTS("'source':~s'foo://user:word@h/x?k=v'"), /* secrets are not repeated */
		  FROM2(3, E(AT_CONTENTS ".source~s", SCHEME),
			E(AT_CONTENTS ".source~s", "invalid url \"foo://h/x?k=<redacted>\": " SCHEME)) },
		{ QUOTED, CONTENTS("'source':~s'data:,<'"),
		  FROM2(3, E(AT_CONTENTS ".source~s", "invalid data character"),
			E(AT_CONTENTS ".source~s", "invalid url \"data:...\": invalid data character")) },
		{ NOT_HERE, CONTENTS("'source':'data:,',~x'httpHeaders':~h[{'name':'a'}]"),
		  FROM2(4, UNKNOWN(AT_CONTENTS ".httpHeaders~x", "httpHeaders"),
			E(AT_CONTENTS ".httpHeaders~h", NOT_HERE)) },
		{ "malformed hash specifier", CONTENTS("'verification':{'hash':~h'x'}"),
		  ALL2(E(AT_CONTENTS ".verification.hash~h", "malformed hash specifier")) },
	};

	(void)state;
	RUN2(cases);
}

#define NEGATIVE   "must not be negative"
#define USER(rest) TOP("'passwd':{'users':[{'name':'u'," rest "}]}")
#define AT_USER    "passwd.users.0"
#define DEPRECATED "the create object has been deprecated in favor of user-level options"
#define BESIDE     "cannot use both the create object and the user-level %s field"
#define CLASH(f)   "cannot use both the create object and the user-level " f " field"

static void users(void **state)
{
	static const struct rule_case cases[] = {
		{ DEPRECATED, USER("'create':~c{}"), FROM2(1, "", W(AT_USER ".create~c", DEPRECATED)) },
		{ BESIDE,
		  USER("'create':~c{},~A'gecos':~a'x',~B'groups':~b['x'],~C'homeDir':~d'x',~D'noCreateHome':~e"
		       "true,~E'noLogInit':~f"
		       "true,~F'noUserGroup':~g"
		       "true,~G'primaryGroup':~h'x',~H'shell':~i'x',"
		       "~I'system':~j"
		       "true,~J'uid':~k0"),
		  FROM2(1,
			UNKNOWN(AT_USER ".gecos~A", "gecos") UNKNOWN(AT_USER ".groups~B", "groups")
				UNKNOWN(AT_USER ".homeDir~C", "homeDir") UNKNOWN(AT_USER ".noCreateHome~D",
										 "noCreateHome")
					UNKNOWN(AT_USER ".noLogInit~E",
						"noLogInit") UNKNOWN(AT_USER ".noUserGroup~F", "noUserGroup")
						UNKNOWN(AT_USER ".primaryGroup~G", "primaryGroup")
							UNKNOWN(AT_USER ".shell~H", "shell")
								UNKNOWN(AT_USER ".system~I", "system")
									UNKNOWN(AT_USER ".uid~J", "uid"),
			W(AT_USER ".create~c", DEPRECATED) E(AT_USER ".gecos~a", CLASH("gecos"))
				E(AT_USER ".groups~b", CLASH("groups")) E(AT_USER ".homeDir~d",
									  CLASH("homeDir"))
					E(AT_USER ".noCreateHome~e",
					  CLASH("noCreateHome")) E(AT_USER ".noLogInit~f", CLASH("noLogInit"))
						E(AT_USER ".noUserGroup~g", CLASH("noUserGroup"))
							E(AT_USER ".primaryGroup~h", CLASH("primaryGroup"))
								E(AT_USER ".shell~i", CLASH("shell")) E(
									AT_USER ".system~j", CLASH("system"))
									E(AT_USER ".uid~k", CLASH("uid"))) },
		{ NEGATIVE, TOP("'passwd':{'users':[{'create':~c{'uid':~a-1}}],'groups':[{'gid':~b-1}]}"),
		  FROM2(1, E("passwd.users.0.create.uid~a", NEGATIVE) E("passwd.groups.0.gid~b", NEGATIVE),
			W("passwd.users.0.create~c", DEPRECATED)) },
		{ NEGATIVE, TOP("'passwd':{'users':[{},{'name':''}],'groups':[{},{'name':'','gid':0}]}"),
		  ALL2("") },
	};

	(void)state;
	RUN2(cases);
}

#define UNIT(rest)      TOP("'systemd':{'units':[~z{" rest "}]}")
#define UNIT_(rest)     TOP("'systemd':{'units':[{" rest "}]}")
#define AT_UNIT         "systemd.units.0"
#define BAD             "invalid unit content: unable to find end of section"
#define BAD_RULE        "invalid unit content: %s"
#define NO_INSTALL      "unit \"%s\" is enabled, but has no install section so enable does nothing"
#define NOTHING(u)      "unit \"" u "\" is enabled, but has no install section so enable does nothing"
#define EXTENSION       "invalid systemd unit extension"
#define CONF            "invalid systemd drop-in extension"
#define NETWORKD(rest)  TOP("'networkd':{'units':[~z{" rest "}]}")
#define NETWORKD_(rest) TOP("'networkd':{'units':[{" rest "}]}")
#define AT_NET          "networkd.units.0"
#define NET_EXTENSION   "invalid networkd unit extension"
#define NET_CONF        "invalid networkd drop-in extension"

static void units(void **state)
{
	static const struct rule_case cases[] = {
		{ EXTENSION, UNIT_("'name':~n'a.conf'"), ALL2(E(AT_UNIT ".name~n", EXTENSION)) },
		{ EXTENSION, UNIT("'contents':''"), ALL2(E(AT_UNIT ".name~z", EXTENSION)) },
		{ EXTENSION,
		  TOP("'systemd':{'units':[{'name':'a.service'},{'name':'a.socket'},{'name':'a.device'},{'name':'a.mount'},"
		      "{'name':'a.automount'},{'name':'a.swap'},{'name':'a.target'},{'name':'a.path'},{'name':'a.timer'},"
		      "{'name':'a.snapshot'},{'name':'a.slice'},{'name':'a.scope'}]}"),
		  ALL2("") },
		/* in 2.0 nothing else is looked at then */
		{ BAD_RULE,
		  UNIT_("'name':~n'a','contents':~c'[Unit','dropins':[{'name':~d'a','contents':~e'[Unit'}]"),
		  FROM2(1, E(AT_UNIT ".contents~c", BAD),
			E(AT_UNIT ".contents~c", BAD) E(AT_UNIT ".dropins.0.contents~e", BAD)
				E(AT_UNIT ".dropins.0.name~d", CONF) E(AT_UNIT ".name~n", EXTENSION)) },
		{ CONF,
		  UNIT_("'name':~n'a','dropins':[{'name':~d'a','contents':~e'[Unit'},{'name':~f'a.service'},{'name':'a.conf'}]"),
		  FROM2(1,
			E(AT_UNIT ".name~n", EXTENSION) E(AT_UNIT ".dropins.0.contents~e", BAD)
				E(AT_UNIT ".dropins.1.name~f", CONF),
			E(AT_UNIT ".dropins.0.contents~e", BAD) E(AT_UNIT ".dropins.0.name~d", CONF)
				E(AT_UNIT ".dropins.1.name~f", CONF) E(AT_UNIT ".name~n", EXTENSION)) },
		{ NO_INSTALL, UNIT_("'name':'a.service','enable':true,'contents':~c'[Unit]\\nA=b'"),
		  ALL2(W(AT_UNIT ".contents~c", NOTHING("a.service"))) },
		{ NO_INSTALL, UNIT_("'name':'a.service',~k'enabled':true,'contents':~c'[Unit]\\nA=b'"),
		  FROM2(1, UNKNOWN(AT_UNIT ".enabled~k", "enabled"),
			W(AT_UNIT ".contents~c", NOTHING("a.service"))) },
		{ NO_INSTALL,
		  TOP("'systemd':{'units':[{'name':'a.service','enable':true,'contents':'[Install]\\nA=b'},"
		      "{'name':'b.service','enable':true},{'name':'c.service','enable':false,'contents':'[Unit]\\nA=b'}]}"),
		  ALL2("") },
		{ NET_EXTENSION, NETWORKD_("'name':~n'a.service'"),
		  ALL2(E(AT_NET ".name~n", NET_EXTENSION)) },
		{ NET_EXTENSION, NETWORKD("'contents':'[Match]'"), ALL2(E(AT_NET ".name~z", NET_EXTENSION)) },
		{ NET_EXTENSION,
		  TOP("'networkd':{'units':[{'name':'a.link'},{'name':'a.netdev'},{'name':'a.network'}]}"),
		  ALL2("") },
		/* then its drop-ins are not looked at; in 2.0 neither is the name */
		{ BAD_RULE,
		  NETWORKD_("'name':~n'a','contents':~c'[Match',~k'dropins':[{'name':'a'}]"),
		  { { 0, 0, E(AT_NET ".contents~c", BAD) UNKNOWN(AT_NET ".dropins~k", "dropins") },
		    { 1, 1,
		      E(AT_NET ".contents~c", BAD) E(AT_NET ".name~n", NET_EXTENSION)
			      UNKNOWN(AT_NET ".dropins~k", "dropins") },
		    { 2, 4, E(AT_NET ".contents~c", BAD) E(AT_NET ".name~n", NET_EXTENSION) } } },
		{ NET_CONF,
		  NETWORKD_(
			  "'name':'a.link',~k'dropins':[{'name':~d'a','contents':~e'[Match'},{'name':'b.conf'}]"),
		  FROM2(2, UNKNOWN(AT_NET ".dropins~k", "dropins"),
			E(AT_NET ".dropins.0.contents~e", BAD) E(AT_NET ".dropins.0.name~d", NET_CONF)) },
	};

	(void)state;
	RUN2(cases);
}

#define MISSING(kind, path, fs)                                                                              \
	kind " \"" path "\" references nonexistent filesystem \"" fs                                         \
	     "\". (This is ok if it is defined in a referenced config)"
#define SHADOW(n) "Filesystem \"" n "\" shadows exising filesystem definition"
#define FORMAT    "invalid filesystem format"
#define LEVEL     "unrecognized raid level"

static void keys_and_nulls(void **state)
{
	static const struct rule_case cases[] = {
		{ "Config has unrecognized key: %s",
		  TOP("~a'luks':[],'storage':{~b'x':1,~c'Files':[{'filesystem':'root','path':~p'a',"
		      "'mode':0}]}"),
		  ALL2(E("storage.files.0.path~p", RELATIVE) UNKNOWN("luks~a", "luks")
			       UNKNOWN("storage.x~b", "x") UNKNOWN("storage.Files~c", "Files")
				       INFO("storage.Files~c", "Did you mean files instead of Files")) },
		{ "Config has unrecognized key: %s",
		  TOP("'storage':null,'passwd':{'users':[null]},'systemd':{'units':null}"), ALL2("") },
		{ "expected %s, got %s", TOP("'storage':{'disks':~a{},'files':[{'mode':~b'0644'}]}"),
		  ALL2(E("storage.disks~a", "expected list, got object")
			       E("storage.files.0.mode~b", "expected integer, got string")) },
	};

	(void)state;
	RUN2(cases);
}

/* The order of the sections: that of the structs, which were sorted from 2.1 on. */
static void order(void **state)
{
	static const struct rule_case cases[] = {
		{ RELATIVE,
		  TOP("'systemd':{'units':[{'name':~a'a'}]},'storage':{'raid':[{'level':~b'x'}],'files':[{'filesystem':~f'q',"
		      "'path':~c'a','mode':0}],'filesystems':[{'path':'/','name':~r'root'},{'mount':{'format':~d'x','device':'/x'}}],"
		      "'disks':[{'device':~e'x'}]},'networkd':{'units':[{'name':~n'a'}]}"),
		  FROM2(1,
			W("storage.files.0.filesystem~f",
			  MISSING("File", "a", "q")) W("storage.filesystems.0.name~r", SHADOW("root"))
				E("storage.disks.0.device~e", RELATIVE) E("storage.raid.0.level~b", LEVEL)
					E("storage.filesystems.1.mount.format~d", FORMAT)
						E("storage.files.0.path~c", RELATIVE)
							E("systemd.units.0.name~a", EXTENSION)
								E("networkd.units.0.name~n", NET_EXTENSION),
			W("storage.files.0.filesystem~f", MISSING("File", "a", "q")) W(
				"storage.filesystems.0.name~r", SHADOW("root")) E("networkd.units.0.name~n",
										  NET_EXTENSION)
				E("storage.disks.0.device~e", RELATIVE) E("storage.files.0.path~c", RELATIVE)
					E("storage.filesystems.1.mount.format~d", FORMAT)
						E("storage.raid.0.level~b", LEVEL)
							E("systemd.units.0.name~a", EXTENSION)) },
	};

	(void)state;
	RUN2(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references), cmocka_unit_test(headers_and_hashes),
		cmocka_unit_test(contents),   cmocka_unit_test(users),
		cmocka_unit_test(units),      cmocka_unit_test(keys_and_nulls),
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
