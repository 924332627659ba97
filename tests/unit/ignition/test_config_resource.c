/* The rules about paths, resources and proxies: every row of C.2 of the reference, in every version. */
#include "tests/unit/ignition/config_cases.h"

#define HEX64         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX128        HEX64 HEX64
#define REPLACE(rest) IGN("'config':{'replace':{" rest "}}")
#define AT_REPLACE    "ignition.config.replace"
#define MERGE(rest)   IGN("'config':{'merge':[" rest "]}")
#define AT_MERGE      "ignition.config.merge"
#define CAS(rest)     IGN("'security':{'tls':{'certificateAuthorities':[" rest "]}}")
#define AT_CA         "ignition.security.tls.certificateAuthorities"
#define CONTENTS(r)   STORAGE("'files':[{'path':'/f','contents':{" r "}}]")
#define AT_CONTENTS   "storage.files.0.contents"
#define APPEND(r)     STORAGE("'files':[{'path':'/f','append':[" r "]}]")
#define AT_APPEND     "storage.files.0.append"
#define KEY_FILE(r)   STORAGE("~u'luks':[{'name':'x','device':'/dev/x','keyFile':{" r "}}]")
#define AT_KEY_FILE   "storage.luks.0.keyFile"
#define NO_LUKS       UNUSED("storage.luks~u", "luks")

/* adjacent strings become staircases */
/* clang-format off */

static void paths(void **state)
{
	static const struct rule_case cases[] = {
		{ "path not specified",
		  STORAGE("'files':[~a{},\n~b{'path':~c''}],\n'directories':[~d{'mode':1}],"
		  "'links':[~e{'target':'x'}]"),
		  ALL(E("storage.directories.0.path~d", "path not specified")
		  E("storage.files.0.path~a", "path not specified")
		  E("storage.files.1.path~c", "path not specified")
		  E("storage.links.0.path~e", "path not specified") DUPLICATE("storage.files.0~a")
		  DUPLICATE("storage.files.1~b") DUPLICATE("storage.links.0~e")) },
		{ "path not absolute", STORAGE("'files':[{'path':~a'a'}],'directories':[{'path':~b'./d'}],\n"
		  "'links':[{'path':~c'../l','target':'x'}],'disks':[{'device':~d'sda'}],\n"
		  "'filesystems':[{'device':~e'sda','format':'xfs','path':~f'var'}],\n"
		  "'raid':[{'name':'m','level':'raid1','devices':['/a',\n~g'b']}]"),
		  ALL(E("storage.directories.0.path~b", "path not absolute")
		  E("storage.disks.0.device~d", "path not absolute")
		  E("storage.files.0.path~a", "path not absolute")
		  E("storage.filesystems.0.path~f", "path not absolute")
		  E("storage.filesystems.0.device~e", "path not absolute")
		  E("storage.links.0.path~c", "path not absolute")
		  E("storage.raid.0.devices.1~g", "path not absolute")) },
		{ "path is not fully simplified",
		  STORAGE("'files':[{'path':~a'/a/'},{'path':~b'//a'},{'path':~c'/a/./b'},{'path':~d'/a/../b'},"
		  "{'path':~e'/..'},{'path':~f'/.'},{'path':~g'//'}]"),
		  ALL(E("storage.files.0.path~a", "path is not fully simplified")
		  E("storage.files.1.path~b", "path is not fully simplified")
		  E("storage.files.2.path~c", "path is not fully simplified")
		  E("storage.files.3.path~d", "path is not fully simplified")
		  E("storage.files.4.path~e", "path is not fully simplified")
		  E("storage.files.5.path~f", "path is not fully simplified")
		  E("storage.files.6.path~g", "path is not fully simplified")) },
		{ "path is not fully simplified",
		  STORAGE("'files':[{'path':'/'},{'path':'/a/..b/.c/...'},{'path':'/a b/\\u00e9'}]"),
		  ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void sources(void **state)
{
	static const struct rule_case cases[] = {
		{ "unable to parse url", REPLACE("'source':~a'http://h:x/'"),
		  ALL(E(AT_REPLACE ".source~a", "unable to parse url")) },
		{ "unable to parse url", CONTENTS("'source':~a':'"),
		  ALL(E(AT_CONTENTS ".source~a", "unable to parse url")) },
		{ "unable to parse url", APPEND("{'source':'data:,'},\n{'source':~a'http://%zz/'}"),
		  ALL(E(AT_APPEND ".1.source~a", "unable to parse url")) },
		/* not named twice, as upstream does with a path ".keys" that no config has */
		{ "unable to parse url", KEY_FILE("'source':~a'http://a b/'"),
		  FROM(2, NO_LUKS, E(AT_KEY_FILE ".source~a", "unable to parse url")) },
		/* said of the item and again of its source */
		{ "unable to parse url", MERGE("~a{'source':~b'http://[/'}"),
		  FROM(1, E(AT_MERGE ".0.source~b", "unable to parse url"),
		  E(AT_MERGE ".0~a", "unable to parse url")
		  E(AT_MERGE ".0.source~b", "unable to parse url")) },
		{ "unable to parse url", CAS("~a{'source':~b'http://[/'}"),
		  FROM(1, E(AT_CA ".0.source~b", "unable to parse url"),
		  E(AT_CA ".0~a", "unable to parse url") E(AT_CA ".0.source~b", "unable to parse url")) },
		{ "unable to parse url", REPLACE("~k'httpHeaders':~a[{'name':'a','value':'b'}]"),
		  FROM(1, UNUSED(AT_REPLACE ".httpHeaders~k", "httpHeaders"),
		  E(AT_REPLACE ".httpHeaders~a", "unable to parse url")) },
		{ "unable to parse url",
		  CONTENTS("'source':~b':x',\n~k'httpHeaders':~a[{'name':'a','value':'b'}]"),
		  FROM(1, E(AT_CONTENTS ".source~b", "unable to parse url")
		  UNUSED(AT_CONTENTS ".httpHeaders~k", "httpHeaders"),
		  E(AT_CONTENTS ".source~b", "unable to parse url")
		  E(AT_CONTENTS ".httpHeaders~a", "unable to parse url")) },
		{ "invalid url scheme", CONTENTS("'source':~a'ftp://h/x'"),
		  ALL(E(AT_CONTENTS ".source~a", "invalid url scheme")) },
		{ "invalid url scheme", CONTENTS("'source':~a'gs://b/o'"),
		  FROM(2, E(AT_CONTENTS ".source~a", "invalid url scheme"), "") },
		{ "invalid url scheme", CONTENTS("'source':~a'arn:aws:s3:::b/o'"),
		  FROM(4, E(AT_CONTENTS ".source~a", "invalid url scheme"), "") },
		{ "invalid url scheme", KEY_FILE("'source':~a'arn:aws:s3:::b/o'"),
		  { { 0, 1, NO_LUKS }, { 2, 3, E(AT_KEY_FILE ".source~a", "invalid url scheme") }, { 4,
		  NEWEST, "" } } },
		{ "invalid url scheme", MERGE("~a{'source':~b'file:///x'}"),
		  FROM(1, E(AT_MERGE ".0.source~b", "invalid url scheme"),
		  E(AT_MERGE ".0~a", "invalid url scheme") E(AT_MERGE ".0.source~b", "invalid url scheme")) },
		/* a plain string in 3.0, and "" no URL; later one that may be absent */
		{ "invalid url scheme", CAS("~a{},\n~b{'source':~c''}"),
		  FROM(1, E(AT_CA ".0.source~a", "invalid url scheme")
		  E(AT_CA ".1.source~c", "invalid url scheme") DUPLICATE(AT_CA ".1~b"),
		  E(AT_CA ".0~a", "source is required") E(AT_CA ".1~b", "source is required")
		  DUPLICATE(AT_CA ".1~b")) },
		{ "source is required", MERGE("~a{},\n~b{'source':''}"),
		  FROM(1, DUPLICATE(AT_MERGE ".1~b"), E(AT_MERGE ".0~a", "source is required")
		  E(AT_MERGE ".1~b", "source is required") DUPLICATE(AT_MERGE ".1~b")) },
		{ "source is required", MERGE("~a{}"),
		  FROM(1, "", E(AT_MERGE ".0~a", "source is required")) },
		{ "source is required", REPLACE(""), ALL("") },
		{ "source is required", REPLACE("'source':''"), ALL("") },
		{ "source is required", CONTENTS("'source':''"), ALL("") },
		{ "invalid S3 ARN format", CONTENTS("'source':~a'arn:aws:s3:::bucket'"),
		  FROM(4, E(AT_CONTENTS ".source~a", "invalid url scheme"),
		  E(AT_CONTENTS ".source~a", "invalid S3 ARN format")) },
		{ "invalid S3 object VersionId", CONTENTS("'source':~a's3://b/o?versionId='"),
		  ALL(E(AT_CONTENTS ".source~a", "invalid S3 object VersionId")) },
		{ "invalid S3 object VersionId", CONTENTS("'source':~a'arn:aws:s3:::b/o?versionId='"),
		  FROM(4, E(AT_CONTENTS ".source~a", "invalid url scheme"),
		  E(AT_CONTENTS ".source~a", "invalid S3 object VersionId")) },
		{ "missing comma before data", CAS("~a{'source':~b'data:'}"),
		  FROM(1, E(AT_CA ".0.source~b", "missing comma before data"),
		  E(AT_CA ".0~a", "missing comma before data")
		  E(AT_CA ".0.source~b", "missing comma before data")) },
	};

	(void)state;
	RUN(cases);
}

static void compression_and_hashes(void **state)
{
	static const struct rule_case cases[] = {
		{ "invalid compression method", CONTENTS("'source':'data:,','compression':~a'xz'"),
		  ALL(E(AT_CONTENTS ".compression~a", "invalid compression method")) },
		{ "invalid compression method", APPEND("{'source':'data:,','compression':~a'GZIP'}"),
		  ALL(E(AT_APPEND ".0.compression~a", "invalid compression method")) },
		{ "invalid compression method", REPLACE("'source':'data:,',~k'compression':~a'xz'"),
		  FROM(1, UNUSED(AT_REPLACE ".compression~k", "compression"),
		  E(AT_REPLACE ".compression~a", "invalid compression method")) },
		{ "invalid compression method", CAS("{'source':'data:,',~k'compression':~a'xz'}"),
		  FROM(1, UNUSED(AT_CA ".0.compression~k", "compression"),
		  E(AT_CA ".0.compression~a", "invalid compression method")) },
		{ "invalid compression method", KEY_FILE("'source':'data:,','compression':~a'xz'"),
		  FROM(2, NO_LUKS, E(AT_KEY_FILE ".compression~a", "invalid compression method")) },
		{ "invalid compression method", CONTENTS("'source':'data:,','compression':''"), ALL("") },
		{ "invalid compression method", CONTENTS("'source':'data:,','compression':'gzip'"), ALL("") },
		{ "source must be specified if verification is specified",
		  CONTENTS("'verification':{'hash':~a'sha512-" HEX128 "'}"),
		  ALL(E(AT_CONTENTS ".verification.hash~a",
		  "source must be specified if verification is specified")) },
		{ "source must be specified if verification is specified",
		  REPLACE("'verification':{'hash':~a'sha512-" HEX128 "'}"),
		  FROM(1, "", E(AT_REPLACE ".verification.hash~a",
		  "source must be specified if verification is specified")) },
		{ "source must be specified if verification is specified",
		  REPLACE("'source':'','verification':{'hash':'sha512-" HEX128 "'}"), ALL("") },
		{ "malformed hash specifier", CONTENTS("'source':'data:,','verification':{'hash':~a''}"),
		  ALL(E(AT_CONTENTS ".verification.hash~a", "malformed hash specifier")) },
		{ "malformed hash specifier", REPLACE("'source':'data:,','verification':{'hash':~a'sha512'}"),
		  ALL(E(AT_REPLACE ".verification.hash~a", "malformed hash specifier")) },
		{ "unrecognized hash function",
		  CONTENTS("'source':'data:,','verification':{'hash':~a'md5-00'}"),
		  ALL(E(AT_CONTENTS ".verification.hash~a", "unrecognized hash function")) },
		{ "unrecognized hash function",
		  CONTENTS("'source':'data:,','verification':{'hash':~a'SHA512-00'}"),
		  ALL(E(AT_CONTENTS ".verification.hash~a", "unrecognized hash function")) },
		{ "unrecognized hash function", CONTENTS("'source':'data:,','verification':{'hash':~a'sha256-"
		  HEX64 "'}"),
		  FROM(1, E(AT_CONTENTS ".verification.hash~a", "unrecognized hash function"), "") },
		{ "incorrect size for hash sum",
		  CONTENTS("'source':'data:,','verification':{'hash':~a'sha512-" HEX64 "'}"),
		  ALL(E(AT_CONTENTS ".verification.hash~a", "incorrect size for hash sum")) },
		{ "incorrect size for hash sum", REPLACE("'source':'data:,','verification':{'hash':~a'sha256-"
		  HEX64 "0'}"),
		  FROM(1, E(AT_REPLACE ".verification.hash~a", "unrecognized hash function"),
		  E(AT_REPLACE ".verification.hash~a", "incorrect size for hash sum")) },
		{ "incorrect size for hash sum", CONTENTS("'source':'data:,','verification':{'hash':'sha512-"
		  HEX128 "'}"), ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void headers(void **state)
{
	static const struct rule_case cases[] = {
		{ "cannot use HTTP headers with this source scheme",
		  CONTENTS("'source':'data:,',\n~k'httpHeaders':~a[{'name':'a','value':'b'}]"),
		  FROM(1, UNUSED(AT_CONTENTS ".httpHeaders~k", "httpHeaders"),
		  E(AT_CONTENTS ".httpHeaders~a", "cannot use HTTP headers with this source scheme")) },
		{ "cannot use HTTP headers with this source scheme",
		  MERGE("{'source':'s3://b/k',\n~k'httpHeaders':~a[{'name':'a','value':'b'}]}"),
		  FROM(1, UNUSED(AT_MERGE ".0.httpHeaders~k", "httpHeaders"),
		  E(AT_MERGE ".0.httpHeaders~a", "cannot use HTTP headers with this source scheme")) },
		{ "HTTP header name can't be empty",
		  CONTENTS("'source':'http://h',\n~k'httpHeaders':[~a{'value':'b'},{'name':'x','value':'y'}]"),
		  FROM(1, UNUSED(AT_CONTENTS ".httpHeaders~k", "httpHeaders"), "error at $." AT_CONTENTS
		  ".httpHeaders.0.name~a: HTTP header name can't be empty\n") },
		{ "unable to parse HTTP header",
		  REPLACE("'source':'https://h',\n~k'httpHeaders':[{'name':'a','value':~a''}]"),
		  FROM(1, UNUSED(AT_REPLACE ".httpHeaders~k", "httpHeaders"),
		  E(AT_REPLACE ".httpHeaders.0.value~a", "unable to parse HTTP header")) },
		/* one without a value erases its parent's when configs are merged */
		{ "unable to parse HTTP header",
		  KEY_FILE("'source':'HTTP://h','httpHeaders':[{'name':'a'},{'name':'b','value':null}]"),
		  FROM(2, NO_LUKS, "") },
		{ "duplicate entry defined",
		  CONTENTS("'source':'http://h',\n~k'httpHeaders':[{'name':'a','value':'1'},"
		  "{'name':'A','value':'2'},~a{'name':'a','value':'1'}]"),
		  FROM(1, UNUSED(AT_CONTENTS ".httpHeaders~k", "httpHeaders"),
		  DUPLICATE(AT_CONTENTS ".httpHeaders.2~a")) },
	};

	(void)state;
	RUN(cases);
}

static void proxies(void **state)
{
	static const struct rule_case cases[] = {
		{ "proxies must be http(s)", IGN("~k'proxy':{'httpProxy':~a'','httpsProxy':~b'socks5://p'}"),
		  FROM(1, UNUSED("ignition.proxy~k", "proxy"),
		  E("ignition.proxy.httpProxy~a", "proxies must be http(s)")
		  E("ignition.proxy.httpsProxy~b", "proxies must be http(s)")) },
		{ "unable to parse url", IGN("~k'proxy':{'httpProxy':~a'http://[::','httpsProxy':~b':p'}"),
		  FROM(1, UNUSED("ignition.proxy~k", "proxy"),
		  E("ignition.proxy.httpProxy~a", "unable to parse url")
		  E("ignition.proxy.httpsProxy~b", "unable to parse url")) },
		{ "insecure plaintext HTTP proxy specified for HTTPS resources",
		  IGN("~k'proxy':{'httpProxy':'http://p','httpsProxy':~b'http://p'}"),
		  FROM(1, UNUSED("ignition.proxy~k", "proxy"), W("ignition.proxy.httpsProxy~b",
		  "insecure plaintext HTTP proxy specified for HTTPS resources")) },
		{ "proxies must be http(s)",
		  IGN("~k'proxy':{'httpProxy':'https://u:p@p:1','httpsProxy':'HTTPS://p','noProxy':['*']}"),
		  FROM(1, UNUSED("ignition.proxy~k", "proxy"), "") },
		{ "duplicate entry defined", IGN("~k'proxy':{'noProxy':['a','b',~a'a']}"),
		  FROM(1, UNUSED("ignition.proxy~k", "proxy"), DUPLICATE("ignition.proxy.noProxy.2~a")) },
	};

	(void)state;
	RUN(cases);
}

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(sources),
		cmocka_unit_test(compression_and_hashes),
		cmocka_unit_test(headers),
		cmocka_unit_test(proxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
