/* The rules about files, directories and links: their rows of C.3 of the reference, in every version. */
#include "tests/unit/ignition/config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define SPECIAL                                                                                                 \
	"setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0"
#define ILLEGAL   "illegal file mode"
#define BOTH      "cannot set both id and name"
#define OVERWRITE "overwrite must be false if source is unspecified"
#define INCLUDES  "%s path includes link in config"
#define CONFLICT  "path conflicts with systemd unit or dropin"
#define IGNORED   "user/group ignored for hard link"
#define DIRECTORY "hard link target is a directory"
#define SYSTEM    "/etc/systemd/system/"

static void modes(void **state)
{
	static const struct rule_case cases[] = {
		{ ILLEGAL, STORAGE("'files':[{'path':'/a','mode':~a-1}]"),
		  FROM(6, E("storage.files.0.mode~a", ILLEGAL) W("storage.files.0.mode~a", SPECIAL),
		  E("storage.files.0.mode~a", ILLEGAL)) },
		{ ILLEGAL,
		  STORAGE("'files':[{'path':'/a','mode':~a4096}],\n'directories':[{'path':'/d','mode':~b4096}]"),
		  ALL(E("storage.directories.0.mode~b", ILLEGAL) E("storage.files.0.mode~a", ILLEGAL)) },
		{ SPECIAL,
		  STORAGE("'files':[{'path':'/a','mode':~a2541}],\n'directories':[{'path':'/d','mode':~b1023}]"),
		  FROM(6, W("storage.directories.0.mode~b", SPECIAL) W("storage.files.0.mode~a", SPECIAL),
		  "") },
		{ SPECIAL, STORAGE("'files':[{'path':'/a','mode':~a4095}]"),
		  FROM(6, W("storage.files.0.mode~a", SPECIAL), "") },
		{ SPECIAL,
		  STORAGE("'files':[{'path':'/a','mode':511},{'path':'/b','mode':0},{'path':'/c','mode':null}]"),
		  ALL("") },
		{ "unused key %s", STORAGE("'links':[{'path':'/l','target':'t',~k'mode':511}]"),
		  ALL(UNUSED("storage.links.0.mode~k", "mode")) },
	};

	(void)state;
	RUN(cases);
}

static void owners(void **state)
{
	static const struct rule_case cases[] = {
		{ BOTH, STORAGE("'files':[{'path':'/f','user':~a{'id':0,'name':'x'}}],\n"
		  "'directories':[{'path':'/d','group':~b{'id':0,'name':'x'},'user':~c{'id':1,"
		  "'name':'y'}}],\n" "'links':[{'path':'/l','target':'t','user':~d{'name':'x','id':7}}]"),
		  ALL(E("storage.directories.0.group~b", BOTH) E("storage.directories.0.user~c", BOTH)
		  E("storage.files.0.user~a", BOTH) E("storage.links.0.user~d", BOTH)) },
		{ BOTH,
		  STORAGE("'files':[{'path':'/f','user':{'id':0,'name':''},'group':{'id':null,'name':'x'}}]"),
		  ALL("") },
		{ BOTH, STORAGE("'files':[{'path':'/f','user':{'id':-1},'group':{'name':'no such group'}}]"),
		  ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void files(void **state)
{
	static const struct rule_case cases[] = {
		{ OVERWRITE, STORAGE("'files':[{'path':'/a','overwrite':~atrue}]"),
		  ALL(E("storage.files.0.overwrite~a", OVERWRITE)) },
		{ OVERWRITE,
		  STORAGE("'files':[{'path':'/a','overwrite':~atrue,'append':[{'source':'data:,'}]}]"),
		  ALL(E("storage.files.0.overwrite~a", OVERWRITE)) },
		{ OVERWRITE,
		  STORAGE("'files':[{'path':'/a','overwrite':true,'contents':{'source':''}},{'path':'/b',"
		  "'overwrite':false}],"
		  "'directories':[{'path':'/d','overwrite':true}],'links':[{'path':'/l','target':'t',"
		  "'overwrite':true}]"), ALL("") },
		{ "duplicate entry defined", STORAGE("'files':[{'path':'/a'},\n~a{'path':'/a'}]"),
		  ALL(DUPLICATE("storage.files.1~a")) },
		/* one name space, read in the order of the schema */
		{ "duplicate entry defined",
		  STORAGE("'links':[~a{'path':'/a','target':'x'}],'files':[{'path':'/a'},\n~b{'path':'/b'}],"
		  "'directories':[{'path':'/b'}]"),
		  ALL(DUPLICATE("storage.files.1~b") DUPLICATE("storage.links.0~a")) },
		/* each where its list is in the order of the fields, though three of them share their paths */
		{ "duplicate entry defined",
		  STORAGE("'links':[~a{'path':'/a','target':'t'}],'filesystems':[{'device':'/d'},"
		  "~b{'device':'/d'}],\n"
		  "'files':[{'path':'/b','contents':{'source':'http://h',~k'httpHeaders':[{'name':'n'},"
		  "~c{'name':'n'}]}}],\n"
		  "'directories':[{'path':'/a'},~d{'path':'/a'}],'disks':[{'device':'/d'},"
		  "~e{'device':'/d'}]"),
		  FROM(1, DUPLICATE("storage.directories.1~d") DUPLICATE("storage.disks.1~e")
		  DUPLICATE("storage.filesystems.1~b") DUPLICATE("storage.links.0~a")
		  UNUSED("storage.files.0.contents.httpHeaders~k", "httpHeaders"),
		  DUPLICATE("storage.directories.1~d") DUPLICATE("storage.disks.1~e")
		  DUPLICATE("storage.filesystems.1~b") DUPLICATE("storage.links.0~a")
		  DUPLICATE("storage.files.0.contents.httpHeaders.1~c")) },
		{ "duplicate entry defined",
		  STORAGE("'files':[{'path':'/a','append':[{'source':'data:,'},{'source':'data:,'}]}]"),
		  ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void below_links(void **state)
{
	static const struct rule_case cases[] = {
		{ INCLUDES,
		  STORAGE("'links':[{'path':'/l','target':'t'}],\n'files':[~a{'path':'/l/a/b'},{'path':'/lx/a'}]"),
		  ALL(E("storage.files.0~a", "file path includes link in config")) },
		{ INCLUDES,
		  STORAGE("'links':[{'path':'/l','target':'t','hard':true}],\n'directories':[~a{'path':'/l/d'}]"),
		  ALL(E("storage.directories.0~a", "directory path includes link in config")) },
		/* once for each link above */
		{ INCLUDES, STORAGE("'links':[{'path':'/l','target':'t'},\n~b{'path':'/l/m','target':'t'}],"
		  "'files':[~a{'path':'/l/m/c'}]"),
		  ALL(E("storage.files.0~a", "file path includes link in config")
		  E("storage.files.0~a", "file path includes link in config")
		  E("storage.links.1~b", "link path includes link in config")) },
	};

	(void)state;
	RUN(cases);
}

static void links(void **state)
{
	static const struct rule_case cases[] = {
		{ "link target is required", STORAGE("'links':[~a{'path':'/l'}]"),
		  FROM(3, "", E("storage.links.0.target~a", "link target is required")) },
		{ "link target is required", STORAGE("'links':[{'path':'/l','target':~a''}]"),
		  FROM(3, "", E("storage.links.0.target~a", "link target is required")) },
		/* said before what its members are told, and then nothing about its owner */
		{ "link target is required",
		  STORAGE("'directories':[{'path':~d'd'},{'path':'/l'}],\n'links':[~e{'path':~f'l'},"
		  "\n~a{'path':~b'/m/'}," "~c{'path':'/l','hard':true,'user':~u{'id':~i1,'name':~n'a'}}]"),
		  FROM(3, E("storage.links.2~c", DIRECTORY) W("storage.links.2.user.id~i", IGNORED)
		  W("storage.links.2.user.name~n", IGNORED)
		  E("storage.directories.0.path~d", "path not absolute")
		  E("storage.links.0.path~f", "path not absolute")
		  E("storage.links.1.path~b", "path is not fully simplified")
		  E("storage.links.2.user~u", BOTH) DUPLICATE("storage.links.2~c"),
		  E("storage.links.0.target~e", "link target is required")
		  E("storage.links.1.target~a", "link target is required")
		  E("storage.links.2.target~c", "link target is required")
		  E("storage.directories.0.path~d", "path not absolute")
		  E("storage.links.0.path~f", "path not absolute")
		  E("storage.links.1.path~b", "path is not fully simplified")
		  E("storage.links.2.user~u", BOTH) DUPLICATE("storage.links.2~c")) },
		/* before 3.3 a target that is not there is the link's own path */
		{ DIRECTORY, STORAGE("'directories':[{'path':'/l'}],\n'links':[~a{'path':'/l','hard':true}]"),
		  FROM(3, E("storage.links.0~a", DIRECTORY) DUPLICATE("storage.links.0~a"),
		  E("storage.links.0.target~a", "link target is required") DUPLICATE("storage.links.0~a")) },
		{ DIRECTORY,
		  STORAGE("'directories':[{'path':'/d'}],\n'links':[~a{'path':'/k','target':'/x/../d/',"
		  "'hard':true}]"), ALL(E("storage.links.0~a", DIRECTORY)) },
		/* a relative target is taken from the link itself, as upstream does */
		{ DIRECTORY,
		  STORAGE("'directories':[{'path':'/d'}],\n'links':[~a{'path':'/k','target':'../d','hard':true}]"),
		  ALL(E("storage.links.0~a", DIRECTORY)) },
		{ DIRECTORY,
		  STORAGE("'directories':[{'path':'/d'}],'links':[{'path':'/k','target':'d','hard':true},"
		  "{'path':'/m','target':'/d'},{'path':'/n','target':'/d','hard':false}]"), ALL("") },
		{ IGNORED, STORAGE("'links':[{'path':'/l','target':'/t','hard':true,'user':{'id':~a1},"
		  "'group':{'name':~b'g'}}]"),
		  ALL(W("storage.links.0.user.id~a", IGNORED) W("storage.links.0.group.name~b", IGNORED)) },
		{ IGNORED, STORAGE("'links':[{'path':'/l','target':'/t','hard':true,'user':{'name':~a''},"
		  "'group':{'id':~b0}}]"),
		  ALL(W("storage.links.0.user.name~a", IGNORED) W("storage.links.0.group.id~b", IGNORED)) },
		{ IGNORED,
		  STORAGE("'links':[{'path':'/l','target':'/t','user':{'id':1},'group':{'name':'g'}}]"),
		  ALL("") },
	};

	(void)state;
	RUN(cases);
}

#define UNIT "{'ignition':{'version':'$'},\n'systemd':{'units':[{'name':'a.service','contents':'[A]'," \
	     "'dropins':[{'name':'d.conf','contents':'[A]'},{'name':'e.conf'},{'name':'f.conf','contents':''}]}," \
	     "{'name':'b.service'},{'name':'c.service','contents':''}]},\n'storage':"

#define N16  "nnnnnnnnnnnnnnnn"
#define N80  N16 N16 N16 N16 N16
#define LONG N80 N80 N80 "nnnnnnn.service" /* as long as a name can be */

static void nodes_where_units_are(void **state)
{
	static const struct rule_case cases[] = {
		{ CONFLICT, UNIT "{'files':[{'path':~a'" SYSTEM "a.service'}]}}",
		  ALL(E("storage.files.0.path~a", CONFLICT)) },
		{ CONFLICT, UNIT "{'directories':[{'path':~a'" SYSTEM "a.service.d/d.conf'}]}}",
		  ALL(E("storage.directories.0.path~a", CONFLICT)) },
		{ CONFLICT, UNIT "{'links':[{'target':'x','path':~a'" SYSTEM "a.service.d/d.conf'}]}}",
		  ALL(E("storage.links.0.path~a", CONFLICT)) },
		{ CONFLICT, "{'ignition':{'version':'$'},\n'systemd':{'units':[{'name':'" LONG "','dropins':[{"
		  "'name':'d.conf','contents':'[A]'}]}]},\n'storage':{'files':[{'path':~a'" SYSTEM LONG
		  ".d/d.conf'}]}}", ALL(E("storage.files.0.path~a", CONFLICT)) },
		/* nothing is written for a unit or drop-in without contents */
		{ CONFLICT, UNIT "{'files':[{'path':'" SYSTEM "b.service'},{'path':'" SYSTEM "c.service'},"
		  "{'path':'" SYSTEM "a.service.d/e.conf'},{'path':'" SYSTEM
		  "a.service.d/f.conf'},{'path':'/etc/a.service'}]}}", ALL("") },
	};

	(void)state;
	RUN(cases);
}

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes), cmocka_unit_test(owners),
		cmocka_unit_test(files), cmocka_unit_test(below_links),
		cmocka_unit_test(links), cmocka_unit_test(nodes_where_units_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
