/* The rules about encrypted volumes: their rows of C.3 of the reference, in every version. */
#include "tests/unit/ignition/config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define AT_LUKS       "storage.luks.0"
#define CLEVIS(rest)  STORAGE("~u'luks':[{'name':'x','device':'/dev/x','clevis':{" rest "}}]")
#define CLEVIS_AT(rest) STORAGE("~u'luks':[{'name':'x','device':'/dev/x','clevis':~c{" rest "}}]")
#define AT_CLEVIS     AT_LUKS ".clevis"
#define CUSTOM(rest)  CLEVIS("'custom':~z{" rest "}")
#define AT_CUSTOM     AT_CLEVIS ".custom"
#define TANG(rest)    CLEVIS("'tang':[" rest "]")
#define AT_TANG       AT_CLEVIS ".tang"
#define UNKNOWN       UNUSED("storage.luks~u", "luks")
#define SINCE2(want)  { { 0, 1, UNKNOWN }, { 2, NEWEST, want } }
#define TEN           "0123456789"
#define EXCLUDES      "cannot use custom clevis config with tpm2, tang, or threshold"
#define NO_PIN        "missing required custom clevis pin"
#define NO_CONFIG     "missing required custom clevis config"
#define UNSUPPORTED   "unsupported clevis pin"
#define THUMBPRINT    "thumbprint is required"
#define NOT_JSON      "advertisement is not valid JSON"
#define CEX_CLEVIS    "cannot use cex with clevis"
#define CEX_KEY       "cannot use key file with cex"

static void volumes(void **state)
{
	static const struct rule_case cases[] = {
		{ "disk device is required",
		  STORAGE("~u'luks':[~a{'name':'x'},\n{'name':'y','device':~b''}]"),
		  SINCE2(E("storage.luks.0.device~a", "disk device is required")
		  E("storage.luks.1.device~b", "disk device is required")) },
		{ "path not absolute", STORAGE("~u'luks':[{'name':'x','device':~a'sda'}]"),
		  SINCE2(E(AT_LUKS ".device~a", "path not absolute")) },
		{ "device names cannot contain slashes", STORAGE("~u'luks':[{'name':~a'a/b','device':'/d'}]"),
		  SINCE2(E(AT_LUKS ".name~a", "device names cannot contain slashes")) },
		{ "luks device labels cannot be longer than 47 characters",
		  STORAGE("~u'luks':[{'name':'x','device':'/d','label':~a'" TEN TEN TEN TEN "01234567'},"
		  "{'name':'y','device':'/e','label':'" TEN TEN TEN TEN "0123456'}]"),
		  SINCE2(E(AT_LUKS ".label~a", "luks device labels cannot be longer than 47 characters")) },
		{ "duplicate entry defined",
		  STORAGE("~u'luks':[{'name':'x','device':'/a'},~a{'name':'x','device':'/b'}]"),
		  SINCE2(DUPLICATE("storage.luks.1~a")) },
		{ "duplicate entry defined",
		  STORAGE("~u'luks':[{'name':'x','device':'/a',~k'openOptions':['a',\n~a'a'],'options':['b',"
		  "'b']}]"),
		  { { 0, 1, UNKNOWN }, { 2, 3, UNUSED(AT_LUKS ".openOptions~k", "openOptions") }, { 4, NEWEST,
		  DUPLICATE(AT_LUKS ".openOptions.1~a") } } },
		{ "unused key %s", STORAGE("~u'luks':[{'name':'x','device':'/a',~k'discard':true}]"),
		  { { 0, 1, UNKNOWN }, { 2, 3, UNUSED(AT_LUKS ".discard~k", "discard") }, { 4, NEWEST,
		  "" } } },
		{ "invalid url scheme",
		  STORAGE("~u'luks':[{'name':'x','device':'/a','keyFile':{'source':~a'x'}}]"),
		  SINCE2(E(AT_LUKS ".keyFile.source~a", "invalid url scheme")) },
		{ "disk device is required",
		  STORAGE("~u'luks':[{'name':'','device':'/a','uuid':'no','label':'','wipeVolume':true}]"),
		  SINCE2("") },
	};

	(void)state;
	RUN(cases);
}

static void custom_clevis(void **state)
{
	static const struct rule_case cases[] = {
		{ EXCLUDES, CLEVIS_AT("'tpm2':true,'custom':{'pin':'tang','config':'{}'}"),
		  SINCE2(E(AT_CLEVIS "~c", EXCLUDES)) },
		{ EXCLUDES, CLEVIS_AT("'threshold':1,'custom':{'pin':'sss','config':'{}'}"),
		  SINCE2(E(AT_CLEVIS "~c", EXCLUDES)) },
		{ EXCLUDES,
		  CLEVIS_AT("'tang':[{'url':'http://t','thumbprint':'x'}],'custom':{'pin':'tpm2','config':'{}'}"),
		  SINCE2(E(AT_CLEVIS "~c", EXCLUDES)) },
		{ EXCLUDES,
		  CLEVIS("'threshold':0,'tpm2':false,'tang':[],'custom':{'pin':'tpm2','config':'{}'}"),
		  SINCE2("") },
		/* in 3.2 its being there was enough */
		{ EXCLUDES, CLEVIS_AT("'tpm2':true,'custom':{'needsNetwork':false}"),
		  { { 0, 1, UNKNOWN }, { 2, 2, E(AT_CLEVIS "~c", EXCLUDES) }, { 3, NEWEST, "" } } },
		{ NO_PIN, CUSTOM("'config':'{}'"),
		  { { 0, 1, UNKNOWN }, { 2, 2, E(AT_CUSTOM ".pin~z", UNSUPPORTED) }, { 3, NEWEST,
		  E(AT_CUSTOM ".pin~z", NO_PIN) } } },
		{ NO_PIN, CLEVIS("'custom':{'pin':~a'','config':'{}'}"),
		  { { 0, 1, UNKNOWN }, { 2, 2, E(AT_CUSTOM ".pin~a", UNSUPPORTED) }, { 3, NEWEST,
		  E(AT_CUSTOM ".pin~a", NO_PIN) } } },
		{ NO_PIN, CUSTOM("'needsNetwork':true"),
		  { { 0, 1, UNKNOWN }, { 2, 2, "" }, { 3, NEWEST, E(AT_CUSTOM ".pin~z", NO_PIN)
		  E(AT_CUSTOM ".config~z", NO_CONFIG) } } },
		{ NO_CONFIG, CUSTOM("'pin':'tang'"), SINCE2(E(AT_CUSTOM ".config~z", NO_CONFIG)) },
		{ NO_CONFIG, CLEVIS("'custom':{'pin':'tang','config':~a''}"),
		  SINCE2(E(AT_CUSTOM ".config~a", NO_CONFIG)) },
		{ UNSUPPORTED, CLEVIS("'custom':{'pin':~a'foo','config':'{}'}"),
		  { { 0, 1, UNKNOWN }, { 2, 5, E(AT_CUSTOM ".pin~a", UNSUPPORTED) }, { 6, NEWEST, "" } } },
		{ UNSUPPORTED, CLEVIS("'custom':~z{'pin':~a'TPM2'}"),
		  { { 0, 1, UNKNOWN }, { 2, 5, E(AT_CUSTOM ".pin~a", UNSUPPORTED)
		  E(AT_CUSTOM ".config~z", NO_CONFIG) }, { 6, NEWEST,
		  E(AT_CUSTOM ".config~z", NO_CONFIG) } } },
		{ UNSUPPORTED, CLEVIS("'custom':{'pin':'sss','config':'not checked','needsNetwork':true}"),
		  SINCE2("") },
		{ NO_PIN, CLEVIS("'custom':{}"), SINCE2("") },
		{ NO_PIN, CLEVIS("'custom':{'pin':'','config':'','needsNetwork':false}"), SINCE2("") },
	};

	(void)state;
	RUN(cases);
}

static void tang(void **state)
{
	static const struct rule_case cases[] = {
		{ THUMBPRINT, TANG("~a{'url':'https://t'},\n{'url':'http://t','thumbprint':~b''}"),
		  SINCE2(E(AT_TANG ".0.thumbprint~a", THUMBPRINT) E(AT_TANG ".1.thumbprint~b", THUMBPRINT)) },
		{ "invalid url scheme",
		  TANG("~a{'thumbprint':'x'},\n{'url':~b'ftp://t','thumbprint':'x'},{'url':~d't',"
		  "'thumbprint':'x'}"),
		  SINCE2(E(AT_TANG ".0.url~a", "invalid url scheme")
		  E(AT_TANG ".1.url~b", "invalid url scheme") E(AT_TANG ".2.url~d", "invalid url scheme")) },
		{ "unable to parse url", TANG("{'url':~a'http://[','thumbprint':'x'}"),
		  SINCE2(E(AT_TANG ".0.url~a", "unable to parse url")) },
		{ "duplicate entry defined",
		  TANG("{'url':'http://t','thumbprint':'x'},~a{'url':'http://t','thumbprint':'y'}"),
		  SINCE2(DUPLICATE(AT_TANG ".1~a")) },
		{ NOT_JSON, TANG("{'url':'http://t','thumbprint':'x',~k'advertisement':~a'{x'}"),
		  { { 0, 1, UNKNOWN }, { 2, 3, UNUSED(AT_TANG ".0.advertisement~k", "advertisement") }, { 4,
		  NEWEST, E(AT_TANG ".0.advertisement~a", NOT_JSON) } } },
		{ NOT_JSON, TANG("{'url':'http://t','thumbprint':'x',~k'advertisement':~a'{} {}'}"),
		  { { 0, 1, UNKNOWN }, { 2, 3, UNUSED(AT_TANG ".0.advertisement~k", "advertisement") }, { 4,
		  NEWEST, E(AT_TANG ".0.advertisement~a", NOT_JSON) } } },
		{ NOT_JSON,
		  TANG("{'url':'http://t','thumbprint':'x',~k'advertisement':'{\\\"payload\\\": [1]}'}"),
		  { { 0, 1, UNKNOWN }, { 2, 3, UNUSED(AT_TANG ".0.advertisement~k", "advertisement") }, { 4,
		  NEWEST, "" } } },
		{ NOT_JSON, TANG("{'url':'http://t','thumbprint':'x',~k'advertisement':''}"),
		  { { 0, 1, UNKNOWN }, { 2, 3, UNUSED(AT_TANG ".0.advertisement~k", "advertisement") }, { 4,
		  NEWEST, "" } } },
	};

	(void)state;
	RUN(cases);
}

#define NO_CEX { 0, 1, UNKNOWN }, { 2, 4, UNUSED(AT_LUKS ".cex~k", "cex") }

static void cex(void **state)
{
	static const struct rule_case cases[] = {
		{ CEX_CLEVIS, STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':~a{'enabled':true},"
		  "'clevis':{'tpm2':true}}]"), { NO_CEX, { 5, NEWEST, E(AT_LUKS ".cex~a", CEX_CLEVIS) } } },
		{ CEX_CLEVIS, STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':~a{'enabled':true},"
		  "'clevis':{'threshold':1}}]"), { NO_CEX, { 5, NEWEST, E(AT_LUKS ".cex~a", CEX_CLEVIS) } } },
		{ CEX_CLEVIS, STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':~a{'enabled':true},"
		  "'clevis':{'tang':[{'url':'http://t','thumbprint':'x'}]}}]"),
		  { NO_CEX, { 5, NEWEST, E(AT_LUKS ".cex~a", CEX_CLEVIS) } } },
		{ CEX_CLEVIS, STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':~a{'enabled':true},"
		  "'clevis':{'custom':{'pin':'sss','config':'x'}}}]"),
		  { NO_CEX, { 5, NEWEST, E(AT_LUKS ".cex~a", CEX_CLEVIS) } } },
		{ CEX_KEY, STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':~a{'enabled':true},"
		  "'keyFile':{'source':'data:,x'}}]"),
		  { NO_CEX, { 5, NEWEST, E(AT_LUKS ".cex~a", CEX_KEY) } } },
		{ CEX_KEY,
		  STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':{'enabled':true},'keyFile':{'source':''},"
		  "'clevis':{'tpm2':false}}]"), { NO_CEX, { 5, NEWEST, "" } } },
		{ CEX_CLEVIS,
		  STORAGE("~u'luks':[{'name':'x','device':'/x',~k'cex':{'enabled':false},'clevis':{'tpm2':true},"
		  "'keyFile':{'source':'data:,x'}}]"), { NO_CEX, { 5, NEWEST, "" } } },
	};

	(void)state;
	RUN(cases);
}

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volumes),
		cmocka_unit_test(custom_clevis),
		cmocka_unit_test(tang),
		cmocka_unit_test(cex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
