/* The rules about storage of 2.0 to 2.4: as test_config_v2_rules.c. */
#include "tests/unit/ignition/old_config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define TEN      "0123456789"
#define HUNDRED  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define RELATIVE "path not absolute"

#define FILE_(rest) STORAGE("'files':[~z{" rest "}]")
#define AT_FILE     "storage.files.0"
#define NOWHERE     "no filesystem specified"
#define BOTH        "cannot set both id and name"
#define MODE        "illegal file mode"
#define NO_MODE     "permissions unset, defaulting to 0000"
#define NO_NODES(k) UNKNOWN("storage." k "~k", k)
#define DIR_(rest)  STORAGE("~k'directories':[{" rest "}]")
#define LINK_(rest) STORAGE("~k'links':[{" rest "}]")

static void nodes(void **state)
{
	static const struct rule_case cases[] = {
		/* in 2.0 nothing else is looked at then */
		{ NOWHERE, STORAGE("'files':[{'filesystem':~f'','path':~p'a','mode':0}]"),
		  FROM2(1, E(AT_FILE ".filesystem~f", NOWHERE),
			E(AT_FILE ".filesystem~f", NOWHERE) E(AT_FILE ".path~p", RELATIVE)) },
		{ NOWHERE, FILE_("'path':'/a','mode':0"), ALL2(E(AT_FILE ".filesystem~z", NOWHERE)) },
		{ RELATIVE, FILE_("'filesystem':'root','mode':0"), ALL2(E(AT_FILE ".path~z", RELATIVE)) },
		{ RELATIVE, STORAGE("'files':[{'filesystem':'root','path':'/a/../b//c/','mode':0}]"),
		  ALL2("") },
		{ BOTH,
		  STORAGE("'files':[{'filesystem':'root','path':'/a','mode':0,'group':~g{'id':0,~h'name':'x'},"
			  "'user':~u{'id':0,~v'name':'x'}}]"),
		  FROM2(1, UNKNOWN(AT_FILE ".group.name~h", "name") UNKNOWN(AT_FILE ".user.name~v", "name"),
			E(AT_FILE ".group~g", BOTH) E(AT_FILE ".user~u", BOTH)) },
		{ BOTH,
		  STORAGE("'files':[{'filesystem':'root','path':'/a','mode':0,'group':{'id':0},'user':{'id':-1}}]"),
		  ALL2("") },
		{ MODE,
		  STORAGE("'files':[{'filesystem':'root','path':'/a','mode':~m4096},"
			  "{'filesystem':'root','path':'/a','mode':~n-1},{'filesystem':'root','path':'/a','mode':4095}]"),
		  ALL2(E(AT_FILE ".mode~m", MODE) E("storage.files.1.mode~n", MODE)) },
		{ NO_MODE, FILE_("'filesystem':'root','path':'/a'"),
		  FROM2(2, "", W(AT_FILE ".mode~z", NO_MODE)) },
		/* then nothing else is looked at */
		{ "cannot set both append and overwrite to true",
		  FILE_("'filesystem':'root','path':~p'a',~a'append':true,~o'overwrite':true"),
		  FROM2(2,
			E(AT_FILE ".path~p", RELATIVE) UNKNOWN(AT_FILE ".append~a", "append")
				UNKNOWN(AT_FILE ".overwrite~o", "overwrite"),
			E(AT_FILE "~z", "cannot set both append and overwrite to true")) },
		{ "cannot set both append and overwrite to true",
		  STORAGE("'files':[{'filesystem':'root','path':'/a','mode':0,~a'append':true,~o'overwrite':false}]"),
		  FROM2(2,
			UNKNOWN(AT_FILE ".append~a", "append") UNKNOWN(AT_FILE ".overwrite~o", "overwrite"),
			"") },
		{ NO_MODE,
		  STORAGE("~k'directories':[~z{'filesystem':~f'','path':~p'a','user':~u{'id':1,'name':'x'}},"
			  "{'filesystem':'root','path':'/a','mode':~m4096}]"),
		  { { 0, 0, NO_NODES("directories") },
		    { 1, 1,
		      E("storage.directories.0.filesystem~f", NOWHERE)
			      E("storage.directories.0.path~p", RELATIVE)
				      E("storage.directories.0.user~u", BOTH)
					      E("storage.directories.1.mode~m", MODE) },
		    { 2, 4,
		      E("storage.directories.0.filesystem~f", NOWHERE)
			      E("storage.directories.0.path~p", RELATIVE)
				      E("storage.directories.0.user~u", BOTH)
					      W("storage.directories.0.mode~z", NO_MODE)
						      E("storage.directories.1.mode~m", MODE) } } },
		{ NOWHERE,
		  STORAGE("~k'links':[{'filesystem':~f'','path':~p'a','group':~g{'id':1,'name':'x'}},"
			  "{'filesystem':'root','path':'/a'}]"),
		  FROM2(1, NO_NODES("links"),
			E("storage.links.0.filesystem~f", NOWHERE) E("storage.links.0.group~g", BOTH)
				E("storage.links.0.path~p", RELATIVE)) },
	};

	(void)state;
	RUN2(cases);
}

#define UNKNOWN_FS                                                                                           \
	"%s \"%s\" references nonexistent filesystem \"%s\". (This is ok if it is defined in a referenced config)"
#define MISSING(kind, path, fs)                                                                              \
	kind " \"" path "\" references nonexistent filesystem \"" fs                                         \
	     "\". (This is ok if it is defined in a referenced config)"
#define SHADOWS   "Filesystem \"%s\" shadows exising filesystem definition"
#define SHADOW(n) "Filesystem \"" n "\" shadows exising filesystem definition"

static void filesystem_names(void **state)
{
	static const struct rule_case cases[] = {
		{ UNKNOWN_FS,
		  STORAGE("'files':[{'filesystem':'root','path':'/a','mode':0},"
			  "{'filesystem':~f'data','path':'/b','mode':0},{'filesystem':'here','path':'/c','mode':0}],"
			  "'filesystems':[{'name':'here','path':'/x'}]"),
		  ALL2(W("storage.files.1.filesystem~f", MISSING("File", "/b", "data"))) },
		/* files, links, directories */
		{ UNKNOWN_FS,
		  STORAGE("'files':[{'filesystem':~f'x','path':'/a','mode':0}],"
			  "~k'directories':[{'filesystem':~d'x','path':'/b','mode':0}],"
			  "~l'links':[{'filesystem':~e'x','path':'/c'}]"),
		  FROM2(1,
			W("storage.files.0.filesystem~f", MISSING("File", "/a", "x")) NO_NODES("directories")
				UNKNOWN("storage.links~l", "links"),
			W("storage.files.0.filesystem~f", MISSING("File", "/a", "x")) W(
				"storage.links.0.filesystem~e", MISSING("Link", "/c", "x"))
				W("storage.directories.0.filesystem~d", MISSING("Directory", "/b", "x"))) },
		{ SHADOWS,
		  STORAGE("'filesystems':[{'name':~r'root','path':'/x'},{'name':'a','path':'/x'},{'path':'/y'},"
			  "{'name':~a'a','path':'/x'},{'name':~b'','path':'/x'}]"),
		  ALL2(W("storage.filesystems.0.name~r", SHADOW("root"))
			       W("storage.filesystems.3.name~a", SHADOW("a"))
				       W("storage.filesystems.4.name~b", SHADOW(""))) },
	};

	(void)state;
	RUN2(cases);
}

#define FS(rest)    STORAGE("'filesystems':[~z{'name':'x'," rest "}]")
#define MOUNT(rest) STORAGE("'filesystems':[{'name':'x','mount':{'device':'/dev/x'," rest "}}]")
#define AT_FS       "storage.filesystems.0"
#define AT_MOUNT    AT_FS ".mount"
#define FORMAT      "invalid filesystem format"
#define LABEL       "filesystem labels cannot be longer than %zu characters when using %s"
#define LONG(n, fs) "filesystem labels cannot be longer than " n " characters when using " fs
#define OLD_CREATE  "the create object has been deprecated in favor of mount-level options"
#define NO_LABEL    UNKNOWN(AT_MOUNT ".label~k", "label")

static void filesystems(void **state)
{
	static const struct rule_case cases[] = {
		{ "filesystem is missing mount or path", FS("'mount':null,'path':null"),
		  ALL2(E(AT_FS "~z", "filesystem is missing mount or path")) },
		/* then neither is looked at */
		{ "filesystem has both mount and path defined", FS("'mount':{},'path':'x'"),
		  ALL2(E(AT_FS "~z", "filesystem has both mount and path defined")) },
		{ RELATIVE, STORAGE("'filesystems':[{'name':'x','path':~p'a'}]"),
		  FROM2(3, E(AT_FS ".path~p", RELATIVE),
			E(AT_FS ".path~p", "filesystem \"x\": path not absolute")) },
		{ "filesystem \"%s\": path not absolute", STORAGE("'filesystems':[{'path':~p''}]"),
		  FROM2(3, E(AT_FS ".path~p", RELATIVE),
			E(AT_FS ".path~p", "filesystem \"\": path not absolute")) },
		/* from 2.1 on a mount of unknown format is not looked at any further */
		{ FORMAT, STORAGE("'filesystems':[{'mount':{'device':~d'x','format':~f'ext3'}}]"),
		  FROM2(1, E(AT_MOUNT ".device~d", RELATIVE) E(AT_MOUNT ".format~f", FORMAT),
			E(AT_MOUNT ".format~f", FORMAT)) },
		{ FORMAT, STORAGE("'filesystems':[{'mount':~m{}}]"),
		  FROM2(1, E(AT_MOUNT ".device~m", RELATIVE) E(AT_MOUNT ".format~m", FORMAT),
			E(AT_MOUNT ".format~m", FORMAT)) },
		{ RELATIVE, STORAGE("'filesystems':[{'mount':~m{'format':'xfs'}}]"),
		  ALL2(E(AT_MOUNT ".device~m", RELATIVE)) },
		{ FORMAT,
		  STORAGE("'filesystems':[{'name':'a','mount':{'device':'/d','format':'ext4'}},"
			  "{'name':'b','mount':{'device':'/d','format':'btrfs'}}]"),
		  ALL2("") },
		{ FORMAT, MOUNT("'format':~f'swap'"), FROM2(1, E(AT_MOUNT ".format~f", FORMAT), "") },
		{ FORMAT, MOUNT("'format':~f'vfat'"), FROM2(1, E(AT_MOUNT ".format~f", FORMAT), "") },
		{ FORMAT, MOUNT("'format':~f'none'"), ALL2(E(AT_MOUNT ".format~f", FORMAT)) },
		{ LABEL, MOUNT("'format':'ext4',~k'label':~l'" TEN "0123456'"),
		  FROM2(1, NO_LABEL, E(AT_MOUNT ".label~l", LONG("16", "ext4"))) },
		{ LABEL, MOUNT("'format':'ext4',~k'label':'" TEN "012345'"), FROM2(1, NO_LABEL, "") },
		{ LABEL,
		  MOUNT("'format':'btrfs',~k'label':~l'" HUNDRED HUNDRED TEN TEN TEN TEN TEN "0123456'"),
		  FROM2(1, NO_LABEL, E(AT_MOUNT ".label~l", LONG("256", "btrfs"))) },
		{ LABEL, MOUNT("'format':'btrfs',~k'label':'" HUNDRED HUNDRED TEN TEN TEN TEN TEN "012345'"),
		  FROM2(1, NO_LABEL, "") },
		{ LABEL, MOUNT("'format':'xfs',~k'label':~l'" TEN "012'"),
		  FROM2(1, NO_LABEL, E(AT_MOUNT ".label~l", LONG("12", "xfs"))) },
		{ LABEL, MOUNT("'format':'xfs',~k'label':'" TEN "01'"), FROM2(1, NO_LABEL, "") },
		{ LABEL, MOUNT("'format':~f'swap',~k'label':~l'" TEN "012345'"),
		  FROM2(1, E(AT_MOUNT ".format~f", FORMAT) NO_LABEL,
			E(AT_MOUNT ".label~l", LONG("15", "swap"))) },
		{ LABEL, MOUNT("'format':~f'vfat',~k'label':~l'" TEN "01'"),
		  FROM2(1, E(AT_MOUNT ".format~f", FORMAT) NO_LABEL,
			E(AT_MOUNT ".label~l", LONG("11", "vfat"))) },
		{ OLD_CREATE, MOUNT("'format':'ext4','create':~c{}"),
		  FROM2(1, "", W(AT_MOUNT ".create~c", OLD_CREATE)) },
		{ OLD_CREATE, MOUNT("'format':'ext4','create':null"), ALL2("") },
		/* then the mount is not looked at */
		{ "cannot use both create object and wipeFilesystem field",
		  STORAGE("'filesystems':[{'mount':{'device':'/d','format':~f'ext3','create':~c{'force':true},~k'wipeFilesystem':~w"
			  "true,~l'options':~o['-x']}}]"),
		  FROM2(1,
			E(AT_MOUNT ".format~f", FORMAT)
				UNKNOWN(AT_MOUNT ".wipeFilesystem~k", "wipeFilesystem")
					UNKNOWN(AT_MOUNT ".options~l", "options"),
			E(AT_MOUNT ".wipeFilesystem~w",
			  "cannot use both create object and wipeFilesystem field")
				E(AT_MOUNT ".options~o",
				  "cannot use both create object and mount-level options field")
					W(AT_MOUNT ".create~c", OLD_CREATE)) },
		{ "cannot use both create object and mount-level options field",
		  MOUNT("'format':'ext4','create':~c{},~k'wipeFilesystem':false,~l'options':~o['-x']"),
		  FROM2(1,
			UNKNOWN(AT_MOUNT ".wipeFilesystem~k", "wipeFilesystem")
				UNKNOWN(AT_MOUNT ".options~l", "options"),
			E(AT_MOUNT ".options~o",
			  "cannot use both create object and mount-level options field")
				W(AT_MOUNT ".create~c", OLD_CREATE)) },
	};

	(void)state;
	RUN2(cases);
}

#define DISK(rest)  STORAGE("'disks':[{'device':'/dev/x','partitions':~p[" rest "]}]")
#define DISK_(rest) STORAGE("'disks':[{'device':'/dev/x','partitions':[" rest "]}]")
#define PART(n)     "storage.disks.0.partitions." #n
#define GUID        "01234567-89AB-CDEF-EDCB-A98765432101"
#define GUID_RULE   "doesn't match the form \"" GUID "\""
#define COLLIDE     "partition numbers collide"
#define OVERLAP     "partitions overlap"
#define MISALIGNED  "partitions misaligned"
#define OLD_SIZE    "size is deprecated; use sizeMB instead"
#define OLD_START   "start is deprecated; use startMB instead"
#define MIXED       "cannot mix MBs and sectors within a disk"
#define ZEROES      "shouldExist is false for a partition and other partition(s) has start or size 0"
#define ABSENT      "shouldExist specified false with other options also specified"
#define COLON       "partition label will be truncated to text before the colon"
#define TOO_LONG    "partition labels may not exceed 36 characters"
#define NEGATIVE    "must not be negative"

static void disks(void **state)
{
	static const struct rule_case cases[] = {
		/* in 2.0 nothing else is looked at then */
		{ "disk device is required",
		  STORAGE("'disks':[{'device':~a'','partitions':[{'typeGuid':~g'x'}]},~b{}]"),
		  FROM2(1,
			E("storage.disks.0.device~a", "disk device is required")
				E("storage.disks.1.device~b", "disk device is required"),
			E("storage.disks.0.device~a", "disk device is required")
				E(PART(0) ".typeGuid~g", GUID_RULE)
					E("storage.disks.1.device~b", "disk device is required")) },
		{ RELATIVE,
		  STORAGE("'disks':[{'device':~a'sda','partitions':[{'number':1},~c{'number':1}]}]"),
		  FROM2(1, E(PART(1) "~c", COLLIDE),
			E("storage.disks.0.device~a", RELATIVE) E(PART(1) "~c", COLLIDE)) },
		{ RELATIVE, STORAGE("'disks':[{'device':~a'sda'},{'device':'/dev/x'},{'device':'/dev/x'}]"),
		  ALL2(E("storage.disks.0.device~a", RELATIVE)) },
		{ COLLIDE, DISK_("{'number':3},{'number':2},\n~a{'number':2},{'number':3}"),
		  ALL2(E(PART(2) "~a", COLLIDE)) },
		{ COLLIDE, DISK_("{'number':0},{'number':1},{}"), ALL2("") },
		{ OVERLAP,
		  DISK_("{'number':1,'start':~a2048,'size':~b4096},~c{'number':2,'start':~d4096,'size':~e2048}"),
		  FROM2(3, E(PART(1) "~c", OVERLAP),
			E(PART(1) "~c", OVERLAP) W(PART(0) ".size~b", OLD_SIZE)
				W(PART(0) ".start~a", OLD_START) W(PART(1) ".size~e", OLD_SIZE)
					W(PART(1) ".start~d", OLD_START)) },
		/* from 2.3 on only where both are given */
		{ OVERLAP, DISK_("{'number':1,'start':~a2048},~c{'number':2,'start':~d2048}"),
		  FROM2(3, E(PART(1) "~c", OVERLAP),
			W(PART(0) ".start~a", OLD_START) W(PART(1) ".start~d", OLD_START)) },
		{ OLD_SIZE,
		  DISK_("{'number':1,'start':~a2048,'size':~b2048},{'number':2,'start':~c4096,'size':~d0},"
			"{'number':3,'start':~e0,'size':~f0}"),
		  FROM2(3, "",
			W(PART(0) ".size~b", OLD_SIZE) W(PART(0) ".start~a", OLD_START)
				W(PART(1) ".size~d", OLD_SIZE) W(PART(1) ".start~c", OLD_START)
					W(PART(2) ".size~f", OLD_SIZE) W(PART(2) ".start~e", OLD_START)) },
		{ MISALIGNED,
		  DISK_("{'number':1,'start':~a2048},{'number':2,'start':~b2049},{'number':3,'start':~c4097}"),
		  FROM2(3, E(PART(1) ".start~b", MISALIGNED),
			E(PART(1) ".start~b", MISALIGNED) W(PART(0) ".start~a", OLD_START)
				W(PART(1) ".start~b", OLD_START) W(PART(2) ".start~c", OLD_START)) },
		{ NEGATIVE,
		  DISK_("{'number':1,'start':~a-2048,'size':~b-1}"),
		  { { 0, 0, E(PART(0) ".size~b", NEGATIVE) E(PART(0) ".start~a", NEGATIVE) },
		    { 1, 2, "" },
		    { 3, 4, W(PART(0) ".size~b", OLD_SIZE) W(PART(0) ".start~a", OLD_START) } } },
		{ MIXED, DISK("{'number':1,'start':~a2048},{'number':2,~b'sizeMiB':1}"),
		  FROM2(3, UNKNOWN(PART(1) ".sizeMiB~b", "sizeMiB"),
			E("storage.disks.0.partitions~p", MIXED) W(PART(0) ".start~a", OLD_START)) },
		{ MIXED,
		  DISK("~c{'number':1,'size':2048,~b'startMiB':1}"), /* then the partition is not looked at */
		  FROM2(3, UNKNOWN(PART(0) ".startMiB~b", "startMiB"),
			E("storage.disks.0.partitions~p", MIXED) E(PART(0) "~c", MIXED)) },
		{ ZEROES, DISK("{'number':1,~a'shouldExist':false},{}"),
		  FROM2(3, UNKNOWN(PART(0) ".shouldExist~a", "shouldExist"),
			E("storage.disks.0.partitions~p", ZEROES)) },
		{ ZEROES,
		  DISK_("{'number':1,~a'shouldExist':false},{'number':2},{'number':3,~b'shouldExist':true}"),
		  FROM2(3,
			UNKNOWN(PART(0) ".shouldExist~a", "shouldExist")
				UNKNOWN(PART(2) ".shouldExist~b", "shouldExist"),
			"") },
		/* then the partition is not looked at */
		{ ABSENT,
		  DISK_("~a{'number':1,~k'shouldExist':false,'label':''},~b{'number':2,~l'shouldExist':false,'typeGuid':~g'x'},"
			"~c{'number':3,~m'shouldExist':false,'size':0}"),
		  FROM2(3,
			E(PART(1) ".typeGuid~g", GUID_RULE) UNKNOWN(PART(0) ".shouldExist~k", "shouldExist")
				UNKNOWN(PART(1) ".shouldExist~l", "shouldExist")
					UNKNOWN(PART(2) ".shouldExist~m", "shouldExist"),
			E(PART(0) "~a", ABSENT) E(PART(1) "~b", ABSENT) E(PART(2) "~c", ABSENT)) },
		{ TOO_LONG,
		  DISK_("{'number':1,'label':~a'" TEN TEN TEN "0123456'},{'number':2,'label':'" TEN TEN TEN
			"012345'}"),
		  ALL2(E(PART(0) ".label~a", TOO_LONG)) },
		{ COLON, DISK_("{'number':1,'label':~a'a:b'}"), ALL2(W(PART(0) ".label~a", COLON)) },
		{ COLON, DISK_("{'number':1,'label':~a':" TEN TEN TEN TEN "'}"),
		  FROM2(1, E(PART(0) ".label~a", TOO_LONG),
			E(PART(0) ".label~a", TOO_LONG) W(PART(0) ".label~a", COLON)) },
		{ COLON, DISK_("{'number':1,'label':'x'},{'number':2,'label':'x'}"), ALL2("") },
		{ GUID_RULE,
		  DISK_("{'number':1,'typeGuid':~a'x',~k'guid':~b'01234567-89AB-CDEF-EDCB-A98765432g01'}"),
		  FROM2(1, E(PART(0) ".typeGuid~a", GUID_RULE) UNKNOWN(PART(0) ".guid~k", "guid"),
			E(PART(0) ".guid~b", GUID_RULE) E(PART(0) ".typeGuid~a", GUID_RULE)) },
		{ GUID_RULE,
		  DISK_("{'number':1,'typeGuid':'01234567-89ab-cdef-edcb-a98765432101'},{'number':2,'typeGuid':''}"),
		  ALL2("") },
	};

	(void)state;
	RUN2(cases);
}

#define RAID(rest)  STORAGE("'raid':[~z{'name':'md'," rest "}]")
#define RAID_(rest) STORAGE("'raid':[{'name':'md'," rest "}]")
#define AT_RAID     "storage.raid.0"
#define SPARES      "spares unsupported for arrays with a level greater than 0"
#define LEVEL       "unrecognized raid level"
#define WITH(level) "{'name':'" level "','level':'" level "','devices':['/a'],'spares':1}"

static void raid(void **state)
{
	static const struct rule_case cases[] = {
		{ LEVEL, RAID("'devices':['/a']"), ALL2(E(AT_RAID ".level~z", LEVEL)) },
		{ LEVEL, RAID_("'level':~l'raid7','devices':['/a']"), ALL2(E(AT_RAID ".level~l", LEVEL)) },
		{ SPARES, RAID_("'level':~l'raid0','spares':1"), ALL2(E(AT_RAID ".level~l", SPARES)) },
		{ SPARES,
		  STORAGE("'raid':[{'level':~a'linear','spares':1},{'level':~b'0','spares':-1},"
			  "{'level':~c'stripe','spares':1},{'level':'stripe','spares':0}]"),
		  ALL2(E("storage.raid.0.level~a", SPARES) E("storage.raid.1.level~b", SPARES)
			       E("storage.raid.2.level~c", SPARES)) },
		{ SPARES,
		  STORAGE("'raid':[" WITH("raid1") "," WITH("1") "," WITH("mirror") "," WITH("raid4") "," WITH("4") "," WITH(
			  "raid5") "," WITH("5") "," WITH("raid6") "," WITH("6") "," WITH("raid10") "," WITH("10") "]"),
		  ALL2("") },
		/* in 2.0 the level comes first, and when it is wrong nothing else is looked at */
		{ RELATIVE, RAID_("'level':~l'x','devices':[~a'sda','/b',~b'']"),
		  FROM2(1, E(AT_RAID ".level~l", LEVEL),
			E(AT_RAID ".devices.0~a", RELATIVE) E(AT_RAID ".devices.2~b", RELATIVE)
				E(AT_RAID ".level~l", LEVEL)) },
		{ RELATIVE, RAID_("'level':'1','devices':[~a'sda','/b',~b'']"),
		  ALL2(E(AT_RAID ".devices.0~a", RELATIVE) E(AT_RAID ".devices.2~b", RELATIVE)) },
		{ RELATIVE, RAID_("'level':'1','devices':[],~o'options':['--x']"),
		  FROM2(2, UNKNOWN(AT_RAID ".options~o", "options"), "") },
	};

	(void)state;
	RUN2(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes),       cmocka_unit_test(filesystem_names),
		cmocka_unit_test(filesystems), cmocka_unit_test(disks),
		cmocka_unit_test(raid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
