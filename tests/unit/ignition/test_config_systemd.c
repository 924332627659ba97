/* The rules about units, users, groups and kernel arguments: C.4 of the reference, in every version. */
#include "tests/unit/ignition/config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define UNITS(rest) TOP("'systemd':{'units':[" rest "]}")
#define AT_UNIT     "systemd.units.0"
#define EXTENSION   "invalid systemd unit extension"
#define DROPIN      "invalid systemd drop-in extension"
#define CONTENT     "invalid unit content: %s"
#define NO_INSTALL  "unit \"%s\" is enabled, but has no install section so enable does nothing"
#define NO_INSTALL_FOR(unit) "unit \"" unit "\" is enabled, but has no install section so enable does nothing"
#define TEMPLATE    "template unit \"%s\" for \"%s\" doesn't have Install section"
#define TEMPLATE_FOR(at, template, unit) \
	"warning at $." at ": template unit \"" template "\" for \"" unit "\" doesn't have Install section\n"

static void names(void **state)
{
	static const struct rule_case cases[] = {
		{ EXTENSION, UNITS("{'name':~a'a.conf'},{'name':~b'service'},\n{'name':~c''},~d{'mask':true},"
		  "{'name':~e'.d/a'},{'name':~f'a.Service'}"),
		  ALL(E("systemd.units.0.name~a", EXTENSION) E("systemd.units.1.name~b", EXTENSION)
		  E("systemd.units.2.name~c", EXTENSION) E("systemd.units.3.name~d", EXTENSION)
		  E("systemd.units.4.name~e", EXTENSION) E("systemd.units.5.name~f", EXTENSION)
		  DUPLICATE("systemd.units.3~d")) },
		{ EXTENSION,
		  UNITS("{'name':'a.service'},{'name':'a.socket'},{'name':'a.device'},{'name':'a.mount'},"
		  "{'name':'a.automount'},"
		  "{'name':'a.swap'},{'name':'a.target'},{'name':'a.path'},{'name':'a.timer'},"
		  "{'name':'a.snapshot'},{'name':'a.slice'},"
		  "{'name':'a.scope'},{'name':'a.b.service'},{'name':'a@.service'},"
		  "{'name':'d/a.service'},{'name':'.service'}"), ALL("") },
		{ DROPIN, UNITS("{'name':'a.service','dropins':[{'name':~a'x.txt'},\n{'name':~b'conf'},~c{},"
		  "{'name':'.conf'},{'name':'d/y.conf'}]}"),
		  ALL(E(AT_UNIT ".dropins.0.name~a", DROPIN) E(AT_UNIT ".dropins.1.name~b", DROPIN)
		  E(AT_UNIT ".dropins.2.name~c", DROPIN)) },
		{ "duplicate entry defined",
		  UNITS("{'name':'a.service','dropins':[{'name':'x.conf'},~a{'name':'x.conf'}]},"
		  "\n~b{'name':'a.service'}"),
		  ALL(DUPLICATE("systemd.units.1~b") DUPLICATE(AT_UNIT ".dropins.1~a")) },
	};

	(void)state;
	RUN(cases);
}

static void contents(void **state)
{
	static const struct rule_case cases[] = {
		{ CONTENT, UNITS("{'name':'a.service','enabled':true,'contents':~a'[Unit'}"),
		  ALL(E(AT_UNIT ".contents~a", "invalid unit content: unable to find end of section")) },
		{ CONTENT, UNITS("{'name':'a.service','contents':~a'[Unit]\\nA'}"),
		  ALL(E(AT_UNIT ".contents~a", "invalid unit content: EOF")) },
		{ CONTENT, UNITS("{'name':'a.service','contents':~a'[Unit]\\nA\\nB=c'}"),
		  ALL(E(AT_UNIT ".contents~a",
		  "invalid unit content: unexpected newline encountered while parsing option name")) },
		{ CONTENT, UNITS("{'name':'a.service','dropins':[{'name':'x.conf','contents':~a'[A]\\nb'}]}"),
		  ALL(E(AT_UNIT ".dropins.0.contents~a", "invalid unit content: EOF")) },
		{ CONTENT, UNITS("{'name':'a.service','contents':''},{'name':'b.service','contents':null},"
		  "{'name':'c.service','contents':'no section','mask':true}"), ALL("") },
		{ NO_INSTALL,
		  UNITS("{'name':'a.service','enabled':true,'contents':~a'[Unit]\\nA=b\\n[Install]\\n'}"),
		  ALL("warning at $." AT_UNIT ".contents~a: " NO_INSTALL_FOR("a.service") "\n") },
		{ NO_INSTALL, UNITS("{'name':'a@.service','enabled':true,'contents':~a'[Unit]'}"),
		  ALL("warning at $." AT_UNIT ".contents~a: " NO_INSTALL_FOR("a@.service") "\n") },
		/* what a drop-in says about installation does not count */
		{ NO_INSTALL,
		  UNITS("{'name':'a.service','enabled':true,'contents':~a'[Unit]','dropins':[{'name':'x.conf',"
		  "'contents':'[Install]\\nWantedBy=x'}]}"),
		  ALL("warning at $." AT_UNIT ".contents~a: " NO_INSTALL_FOR("a.service") "\n") },
		{ NO_INSTALL,
		  UNITS("{'name':'a.service','enabled':true,'contents':'[Unit]\\n[Install]\\nWantedBy=x'},"
		  "{'name':'b.service','enabled':true},"
		  "{'name':'c.service','enabled':true,'contents':''},{'name':'d.service',"
		  "'enabled':false,'contents':'[Unit]'}," "{'name':'e.service','contents':'[Unit]'}"),
		  ALL("") },
		{ TEMPLATE,
		  UNITS("~a{'name':'a@1.service','enabled':true},\n{'name':'a@.service','contents':'[Unit]'}"),
		  ALL(TEMPLATE_FOR(AT_UNIT ".contents~a", "a@.service", "a@1.service")) },
		{ TEMPLATE,
		  UNITS("{'name':'a@.service','contents':'[Unit]'},\n{'name':'a@x@y.service','enabled':true,"
		  "'contents':~a''}"),
		  ALL(TEMPLATE_FOR("systemd.units.1.contents~a", "a@.service", "a@x@y.service")) },
		{ TEMPLATE, UNITS("{'name':'a@1.service','enabled':true},{'name':'a@.service',"
		  "'contents':'[Install]\\nA=b'},"
		  "{'name':'b@1.service'},{'name':'b@.service','contents':'[Unit]'},"
		  "{'name':'c@1.timer','enabled':true},{'name':'c@.service','contents':'[Unit]'},"
		  "{'name':'d@1.service','enabled':true},{'name':'d@.service'},{'name':'f@1.service','enabled':false},"
		  "{'name':'f@.service','contents':'[Unit]'},{'name':'e@1.service',"
		  "'enabled':true}"), ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void passwd_and_arguments(void **state)
{
	static const struct rule_case cases[] = {
		{ "duplicate entry defined",
		  TOP("'passwd':{'users':[{'name':'a','groups':['x','y',~a'x'],'sshAuthorizedKeys':['k',"
		  "~b'k']},\n~c{'name':'a'}]," "'groups':[{},~d{'name':''}]}"),
		  ALL(DUPLICATE("passwd.groups.1~d") DUPLICATE("passwd.users.1~c")
		  DUPLICATE("passwd.users.0.groups.2~a") DUPLICATE("passwd.users.0.sshAuthorizedKeys.1~b")) },
		{ "unused key %s",
		  TOP("'passwd':{'users':[{'name':'a',~a'shouldExist':false}],'groups':[{'name':'a',"
		  "~b'shouldExist':false}]}"),
		  FROM(2, UNUSED("passwd.users.0.shouldExist~a", "shouldExist")
		  UNUSED("passwd.groups.0.shouldExist~b", "shouldExist"), "") },
		{ "duplicate entry defined",
		  TOP("~k'kernelArguments':{'shouldNotExist':['c',~b'b',~c'c'],'shouldExist':['a','b',~a'a']}"),
		  FROM(3, UNUSED("kernelArguments~k", "kernelArguments"),
		  DUPLICATE("kernelArguments.shouldExist.2~a") DUPLICATE("kernelArguments.shouldNotExist.1~b")
		  DUPLICATE("kernelArguments.shouldNotExist.2~c")) },
	};

	(void)state;
	RUN(cases);
}

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(contents),
		cmocka_unit_test(passwd_and_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
