/* The rules about disks, RAID arrays and filesystems: their rows of C.3 of the reference, in every version.
 */
#include "tests/unit/ignition/config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define DISK(rest) STORAGE("'disks':[{'device':'/dev/x','partitions':[" rest "]}]")
#define PART(n)    "storage.disks.0.partitions." #n
#define FS(rest)   STORAGE("'filesystems':[~z{'device':'/dev/x'," rest "}]")
#define AT_FS      "storage.filesystems.0"
#define RAID(rest) STORAGE("'raid':[~z{'name':'md'," rest "}]")
#define AT_RAID    "storage.raid.0"
#define TEN        "0123456789"
#define HUNDRED    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define GUID       "01234567-89AB-CDEF-EDCB-A98765432101"
#define GUID_RULE  "doesn't match the form \"" GUID "\""
#define COLLIDE    "partition numbers collide"
#define OVERLAP    "partitions overlap"
#define TWICE      "cannot use the same partition label twice"
#define NAMELESS   "a partition number >= 1 or a label must be specified"
#define ABSENT     "shouldExist specified false with other options also specified"

static void disks(void **state)
{
	static const struct rule_case cases[] = {
		{ "disk device is required", STORAGE("'disks':[~a{},\n~c{'device':~b''}]"),
		  ALL(E("storage.disks.0.device~a", "disk device is required")
		  E("storage.disks.1.device~b", "disk device is required") DUPLICATE("storage.disks.1~c")) },
		/* then only each partition by itself is looked at */
		{ "disk device is required",
		  STORAGE("'disks':[~a{'partitions':[{'number':1,'startMiB':1,'sizeMiB':9,'label':'l'},\n"
		  "~b{'number':1,'startMiB':1,'sizeMiB':9,'label':'l'},~c{}]}]"),
		  ALL(E("storage.disks.0.device~a", "disk device is required") E(PART(2) "~c", NAMELESS)
		  DUPLICATE(PART(1) "~b")) },
		{ "path is not fully simplified", STORAGE("'disks':[{'device':~a'/dev//x'}]"),
		  ALL(E("storage.disks.0.device~a", "path is not fully simplified")) },
		{ "duplicate entry defined", STORAGE("'disks':[{'device':'/dev/x'},\n~a{'device':'/dev/x'}]"),
		  ALL(DUPLICATE("storage.disks.1~a")) },
	};

	(void)state;
	RUN(cases);
}

static void partitions(void **state)
{
	static const struct rule_case cases[] = {
		{ COLLIDE, DISK("{'number':1},{'number':2},\n~a{'number':1,'label':'x'}"),
		  ALL(E(PART(2) "~a", COLLIDE) DUPLICATE(PART(2) "~a")) },
		/* the first place at which it shows; upstream names any of them */
		{ COLLIDE, DISK("{'number':2},{'number':3},\n~a{'number':3},\n~b{'number':2},"
		  "{'number':-1,'label':'a'},~c{'number':-1,'label':'b'}"),
		  ALL(E(PART(2) "~a", COLLIDE) DUPLICATE(PART(2) "~a") DUPLICATE(PART(3) "~b")
		  DUPLICATE(PART(5) "~c")) },
		{ COLLIDE, DISK("{'label':'a'},{'number':0,'label':'b'},{'number':null,'label':'c'}"),
		  ALL("") },
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':1,'sizeMiB':10},\n~a{'number':2,'startMiB':10,'sizeMiB':10}"),
		  ALL(E(PART(1) "~a", OVERLAP)) },
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':1,'sizeMiB':10},{'number':2,'startMiB':11,'sizeMiB':10}"),
		  ALL("") },
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':5,'sizeMiB':10},\n~a{'number':2,'startMiB':1,'sizeMiB':20}"),
		  ALL(E(PART(1) "~a", OVERLAP)) },
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':50,'sizeMiB':10},\n~a{'number':2,'startMiB':1,'sizeMiB':60},"
		  "{'number':3,'startMiB':55,'sizeMiB':1}"), ALL(E(PART(1) "~a", OVERLAP)) },
		/* "the rest" counts as its first MiB only */
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':6,'sizeMiB':0},\n~a{'number':2,'startMiB':5,'sizeMiB':2}"),
		  ALL(E(PART(1) "~a", OVERLAP)) },
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':5,'sizeMiB':0},{'number':2,'startMiB':6,'sizeMiB':10}"),
		  ALL("") },
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':5,'sizeMiB':0},\n~a{'number':2,'startMiB':5,'sizeMiB':0}"),
		  ALL(E(PART(1) "~a", OVERLAP)) },
		/* a start of 0 or a missing value takes part in nothing */
		{ OVERLAP,
		  DISK("{'number':1,'startMiB':0,'sizeMiB':10},{'number':2,'startMiB':5,'sizeMiB':10},"
		  "{'number':3,'startMiB':5},{'number':4,'sizeMiB':10},{'number':5}"), ALL("") },
		{ OVERLAP, DISK("{'number':1,'startMiB':10,'sizeMiB':-5},\n~a{'number':2,'startMiB':10,'sizeMiB':-5}"),
		  ALL(E(PART(1) "~a", OVERLAP)) },
		{ OVERLAP, DISK("{'number':1,'startMiB':9223372036854775807,'sizeMiB':9223372036854775807},"
		  "{'number':2,'startMiB':6,'sizeMiB':10}"), ALL("") },
		{ TWICE, DISK("{'number':1,'label':'a'},\n~a{'number':2,'label':'a'}"),
		  ALL(E(PART(1) "~a", TWICE)) },
		{ TWICE, DISK("{'label':'a'},\n~a{'label':'a'}"),
		  ALL(E(PART(1) "~a", TWICE) DUPLICATE(PART(1) "~a")) },
		{ TWICE, DISK("{'number':1,'label':''},\n~a{'number':2,'label':''}"),
		  ALL(E(PART(1) "~a", TWICE)) },
		{ TWICE, DISK("{'number':1,'label':'a'},{'number':2,'label':'A'},{'number':3},{'number':4,"
		  "'label':null}"), ALL("") },
		{ NAMELESS, DISK("~a{}"), ALL(E(PART(0) "~a", NAMELESS)) },
		{ NAMELESS, DISK("~a{'number':0},~b{'sizeMiB':1},{'label':''}"),
		  ALL(E(PART(0) "~a", NAMELESS) E(PART(1) "~b", NAMELESS) DUPLICATE(PART(1) "~b")) },
		{ NAMELESS, DISK("{'number':-1}"), ALL("") },
		{ ABSENT, DISK("~a{'number':1,'shouldExist':false,'label':''}"),
		  ALL(E(PART(0) "~a", ABSENT)) },
		{ ABSENT,
		  DISK("~a{'number':1,'shouldExist':false,'sizeMiB':0},~b{'number':2,'shouldExist':false,"
		  "'startMiB':0}," "~c{'number':3,'shouldExist':false,'guid':'" GUID "'},\n"
		  "~d{'number':4,'shouldExist':false,'typeGuid':'" GUID "'}"),
		  ALL(E(PART(0) "~a", ABSENT) E(PART(1) "~b", ABSENT) E(PART(2) "~c", ABSENT)
		  E(PART(3) "~d", ABSENT)) },
		{ ABSENT, DISK("{'number':1,'shouldExist':false,'guid':'','typeGuid':''},"
		  "{'number':2,'shouldExist':true,'label':'x'},"
		  "{'number':3,'shouldExist':false,'wipePartitionEntry':true}"), ALL("") },
		{ "partition labels may not exceed 36 characters", DISK("{'label':~a'" TEN TEN TEN
		  "0123456'}"), ALL(E(PART(0) ".label~a", "partition labels may not exceed 36 characters")) },
		/* bytes are counted, not characters */
		{ "partition labels may not exceed 36 characters", DISK("{'label':~a'" TEN TEN TEN
		  "01234\xc3\xa9'}"),
		  ALL(E(PART(0) ".label~a", "partition labels may not exceed 36 characters")) },
		{ "partition labels may not exceed 36 characters", DISK("{'label':'" TEN TEN TEN "012345'}"),
		  ALL("") },
		{ "partition label will be truncated to text before the colon", DISK("{'label':~a'a:b'}"),
		  ALL(E(PART(0) ".label~a", "partition label will be truncated to text before the colon")) },
		{ GUID_RULE, DISK("{'number':1,'guid':~a'01234567-89AB-CDEF-EDCB-A9876543210'},\n"
		  "{'number':2,'typeGuid':~b'01234567-89AB-CDEF-EDCBxA98765432101'},\n"
		  "{'number':3,'guid':~c'" GUID "0','typeGuid':~d'g1234567-89AB-CDEF-EDCB-A98765432101'}"),
		  ALL(E(PART(0) ".guid~a", GUID_RULE) E(PART(1) ".typeGuid~b", GUID_RULE)
		  E(PART(2) ".guid~c", GUID_RULE) E(PART(2) ".typeGuid~d", GUID_RULE)) },
		{ GUID_RULE, DISK("{'number':1,'guid':'" GUID "','typeGuid':''},"
		  "{'number':2,'typeGuid':'0123abcd-89ab-cdef-edcb-a98765432101'}"), ALL("") },
		{ "unused key %s", DISK("{'number':1,~k'resize':true}"),
		  FROM(2, UNUSED(PART(0) ".resize~k", "resize"), "") },
	};

	(void)state;
	RUN(cases);
}

static void raid(void **state)
{
	static const struct rule_case cases[] = {
		{ "raid level is required", RAID("'devices':['/dev/a']"),
		  FROM(3, E(AT_RAID ".level~z", "unrecognized raid level"),
		  E(AT_RAID ".level~z", "raid level is required")) },
		{ "raid level is required",
		  STORAGE("'raid':[{'name':'m','level':~a'','devices':['/dev/a']}]"),
		  FROM(3, E(AT_RAID ".level~a", "unrecognized raid level"),
		  E(AT_RAID ".level~a", "raid level is required")) },
		{ "unrecognized raid level",
		  STORAGE("'raid':[{'name':'m','level':~a'raid7','spares':1,'devices':['/dev/a']}]"),
		  ALL(E(AT_RAID ".level~a", "unrecognized raid level")) },
		{ "unrecognized raid level",
		  STORAGE("'raid':[{'name':'m','level':~a'RAID1','devices':['/dev/a']}]"),
		  ALL(E(AT_RAID ".level~a", "unrecognized raid level")) },
		{ "spares unsupported for linear and raid0 arrays",
		  STORAGE("'raid':[{'name':'a','level':~a'linear','spares':1,'devices':['/a']},\n"
		  "{'name':'b','level':~b'raid0','spares':-1,'devices':['/a']},\n"
		  "{'name':'c','level':~c'0','spares':2,'devices':['/a']},\n"
		  "{'name':'d','level':~d'stripe','spares':2,'devices':['/a']}]"),
		  ALL(E("storage.raid.0.level~a", "spares unsupported for linear and raid0 arrays")
		  E("storage.raid.1.level~b", "spares unsupported for linear and raid0 arrays")
		  E("storage.raid.2.level~c", "spares unsupported for linear and raid0 arrays")
		  E("storage.raid.3.level~d", "spares unsupported for linear and raid0 arrays")) },
		{ "spares unsupported for linear and raid0 arrays",
		  STORAGE("'raid':[{'name':'a','level':'linear','devices':['/a']},{'name':'b','level':'raid0',"
		  "'spares':0,'devices':['/a']},"
		  "{'name':'c','level':'0','devices':['/a']},{'name':'d','level':'stripe',"
		  "'devices':['/a']},"
		  "{'name':'e','level':'raid1','spares':1,'devices':['/a']},{'name':'f','level':'1',"
		  "'spares':1,'devices':['/a']},"
		  "{'name':'g','level':'mirror','spares':1,'devices':['/a']},{'name':'h',"
		  "'level':'raid4','spares':1,'devices':['/a']},"
		  "{'name':'i','level':'4','spares':1,'devices':['/a']},{'name':'j','level':'raid5',"
		  "'spares':1,'devices':['/a']},"
		  "{'name':'k','level':'5','spares':1,'devices':['/a']},{'name':'l','level':'raid6',"
		  "'spares':1,'devices':['/a']},"
		  "{'name':'m','level':'6','spares':1,'devices':['/a']},{'name':'n','level':'raid10',"
		  "'spares':1,'devices':['/a']},"
		  "{'name':'o','level':'10','spares':-1,'devices':['/a'],'options':['x','x']}]"), ALL("") },
		{ "raid devices required", RAID("'level':'raid1'"),
		  ALL(E(AT_RAID ".devices~z", "raid devices required")) },
		{ "raid devices required", STORAGE("'raid':[{'name':'m','level':'raid1','devices':~a[]}]"),
		  ALL(E(AT_RAID ".devices~a", "raid devices required")) },
		{ "path not specified",
		  STORAGE("'raid':[{'name':'m','level':'raid1','devices':[~a'',\n~b'a',~c'/a/','/b']}]"),
		  ALL(E(AT_RAID ".devices.0~a", "path not specified")
		  E(AT_RAID ".devices.1~b", "path not absolute")
		  E(AT_RAID ".devices.2~c", "path is not fully simplified")) },
		{ "duplicate entry defined",
		  STORAGE("'raid':[{'name':'m','level':'raid1','devices':['/a','/b',\n~a'/a']},"
		  "~b{'name':'m','level':'raid1','devices':['/a']}]"),
		  ALL(DUPLICATE("storage.raid.1~b") DUPLICATE("storage.raid.0.devices.2~a")) },
	};

	(void)state;
	RUN(cases);
}

#define NO_FORMAT                                                                                               \
	"format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified"
#define TOO_LONG "filesystem labels cannot be longer than %zu characters when using %s"
#define TOO_LONG_FOR(n, format) \
	E(AT_FS ".label~a", "filesystem labels cannot be longer than " #n " characters when using " format)

static void filesystems(void **state)
{
	static const struct rule_case cases[] = {
		{ "path not specified", STORAGE("'filesystems':[~a{}]"),
		  ALL(E(AT_FS ".device~a", "path not specified")) },
		{ "path not specified", STORAGE("'filesystems':[{'device':~a'','format':'ext4','path':''}]"),
		  ALL(E(AT_FS ".device~a", "path not specified")) },
		{ "path is not fully simplified",
		  STORAGE("'filesystems':[{'device':~b'/dev/../x','format':'ext4','path':~a'/var/'}]"),
		  ALL(E(AT_FS ".path~a", "path is not fully simplified")
		  E(AT_FS ".device~b", "path is not fully simplified")) },
		{ "invalid filesystem format", STORAGE("'filesystems':[{'device':'/d','format':~a'ext3'}]"),
		  ALL(E(AT_FS ".format~a", "invalid filesystem format")) },
		{ "invalid filesystem format", STORAGE("'filesystems':[{'device':'/d','format':~a'none'}]"),
		  FROM(3, E(AT_FS ".format~a", "invalid filesystem format"), "") },
		{ "invalid filesystem format",
		  STORAGE("'filesystems':[{'device':'/d','format':~a'virtiofs'}]"),
		  FROM(7, E(AT_FS ".format~a", "invalid filesystem format"), "") },
		{ "invalid filesystem format",
		  STORAGE("'filesystems':[{'device':'/a','format':'ext4'},{'device':'/b','format':'btrfs'},"
		  "{'device':'/c','format':'xfs'},{'device':'/d','format':'vfat'},{'device':'/e',"
		  "'format':'swap'},{'device':'/f'}]"), ALL("") },
		{ NO_FORMAT, FS("'path':'/a'"), ALL(E(AT_FS ".format~z", NO_FORMAT)) },
		{ NO_FORMAT, STORAGE("'filesystems':[{'device':'/d','format':~a'','uuid':'u'}]"),
		  ALL(E(AT_FS ".format~a", NO_FORMAT)) },
		{ NO_FORMAT, FS("'wipeFilesystem':true"), ALL(E(AT_FS ".format~z", NO_FORMAT)) },
		{ NO_FORMAT, FS("'options':['-q']"), ALL(E(AT_FS ".format~z", NO_FORMAT)) },
		{ NO_FORMAT, FS("~k'mountOptions':['ro']"),
		  FROM(1, UNUSED(AT_FS ".mountOptions~k", "mountOptions"), E(AT_FS ".format~z", NO_FORMAT)) },
		{ NO_FORMAT,
		  STORAGE("'filesystems':[{'device':'/d','format':'','wipeFilesystem':false,'label':'',"
		  "'uuid':'','path':'','options':[]}]"), ALL("") },
		{ "filesystem must specify format if label is specified", FS("'label':~a'x'"),
		  ALL(E(AT_FS ".format~z", NO_FORMAT)
		  E(AT_FS ".label~a", "filesystem must specify format if label is specified")) },
		{ TOO_LONG, STORAGE("'filesystems':[{'device':'/d','format':'ext4','label':~a'" TEN
		  "0123456'}]"), ALL(TOO_LONG_FOR(16, "ext4")) },
		{ TOO_LONG, STORAGE("'filesystems':[{'device':'/d','format':'btrfs','label':~a'" HUNDRED
		  HUNDRED TEN TEN TEN TEN TEN "0123456'}]"), ALL(TOO_LONG_FOR(256, "btrfs")) },
		{ TOO_LONG, STORAGE("'filesystems':[{'device':'/d','format':'xfs','label':~a'" TEN "012'}]"),
		  ALL(TOO_LONG_FOR(12, "xfs")) },
		{ TOO_LONG, STORAGE("'filesystems':[{'device':'/d','format':'swap','label':~a'" TEN
		  "012345'}]"), ALL(TOO_LONG_FOR(15, "swap")) },
		{ TOO_LONG, STORAGE("'filesystems':[{'device':'/d','format':'vfat','label':~a'" TEN
		  "\xc3\xa9'}]"), ALL(TOO_LONG_FOR(11, "vfat")) },
		{ TOO_LONG, STORAGE("'filesystems':[{'device':'/a','format':'ext4','label':'" TEN "012345'},"
		  "{'device':'/b','format':'btrfs','label':'" HUNDRED HUNDRED TEN TEN TEN TEN TEN "012345'},"
		  "{'device':'/c','format':'xfs','label':'" TEN
		  "01'},{'device':'/d','format':'swap','label':'" TEN "01234'},"
		  "{'device':'/e','format':'vfat','label':'" TEN "0'}]"), ALL("") },
		{ "invalid filesystem format",
		  STORAGE("'filesystems':[{'device':'/d','format':~a'none','label':'" HUNDRED HUNDRED HUNDRED
		  "'}]"), FROM(3, E(AT_FS ".format~a", "invalid filesystem format"), "") },
		{ "duplicate entry defined", STORAGE("'filesystems':[{'device':'/a'},\n~a{'device':'/a'}]"),
		  ALL(DUPLICATE("storage.filesystems.1~a")) },
		{ "duplicate entry defined",
		  STORAGE("'filesystems':[{'device':'/d','format':'ext4','options':['-q','-q']}]"), ALL("") },
	};

	(void)state;
	RUN(cases);
}

static void virtiofs(void **state)
{
#define VIRTIOFS(rest)   STORAGE("'filesystems':[~z{'format':~f'virtiofs'" rest "}]")
#define BEFORE           E(AT_FS ".format~f", "invalid filesystem format")
#define BY_DEVICE(after) FROM(7, BEFORE, after)
#define NO_DEVICE(after) FROM(7, E(AT_FS ".device~z", "path not specified") BEFORE, after)
	static const struct rule_case cases[] = {
		{ "device not specified", VIRTIOFS(""),
		  NO_DEVICE(E(AT_FS ".device~z", "device not specified")) },
		{ "virtiofs device tag cannot be longer than 36 bytes",
		  STORAGE("'filesystems':[{'format':~f'virtiofs','device':~a'/" TEN TEN TEN "012345'}]"),
		  BY_DEVICE(E(AT_FS ".device~a", "virtiofs device tag cannot be longer than 36 bytes")) },
		{ "invalid filesystem format", STORAGE("'filesystems':[{'format':~f'virtiofs','device':~a'"
		  TEN TEN TEN "012345','path':'/m'}]"),
		  FROM(7, E(AT_FS ".device~a", "path not absolute") BEFORE, "") },
		{ "filesystem labels cannot be set when using virtiofs",
		  STORAGE("'filesystems':[{'format':~f'virtiofs','device':'/t','label':~a'l'}]"),
		  BY_DEVICE(E(AT_FS ".label~a", "filesystem labels cannot be set when using virtiofs")) },
		{ "filesystem uuid cannot be set for non-block-device filesystems",
		  STORAGE("'filesystems':[{'format':~f'virtiofs','device':'/t','uuid':~a'u'}]"),
		  BY_DEVICE(E(AT_FS ".uuid~a", "filesystem uuid cannot be set for non-block-device filesystems")) },
		{ "wipeFilesystem cannot be set for non-block-device filesystems",
		  STORAGE("'filesystems':[{'format':~f'virtiofs','device':'/t','wipeFilesystem':~atrue}]"),
		  BY_DEVICE("error at $." AT_FS
		  ".wipeFilesystem~a: wipeFilesystem cannot be set for non-block-device filesystems\n") },
		{ "filesystem options (mkfs) cannot be set for non-block-device filesystems",
		  STORAGE("'filesystems':[{'format':~f'virtiofs','device':'/t','options':~a['o']}]"),
		  BY_DEVICE(E(AT_FS ".options~a",
		  "filesystem options (mkfs) cannot be set for non-block-device filesystems")) },
		{ "invalid filesystem format",
		  STORAGE("'filesystems':[{'format':~f'virtiofs','device':'/t','label':'','uuid':'',"
		  "'wipeFilesystem':false,'options':[],\n" "~k'mountOptions':['ro'],'path':'/m'}]"),
		  { { 0, 0, BEFORE UNUSED(AT_FS ".mountOptions~k", "mountOptions") }, { 1, 6, BEFORE }, { 7,
		  NEWEST, "" } } },
	};

	(void)state;
	RUN(cases);
}

static void filesystems_and_disks(void **state)
{
	static const struct rule_case cases[] = {
		{ "filesystem overwrites partitioned device",
		  STORAGE("'disks':[{'device':'/dev/x','wipeTable':true,'partitions':[{'number':1}]}],\n"
		  "'filesystems':[{'device':~a'/dev/x','format':'xfs'}]"),
		  ALL(W("storage.filesystems.0.device~a", "filesystem overwrites partitioned device")) },
		{ "filesystem overwrites partitioned device",
		  STORAGE("'disks':[{'device':'/dev/x'}],'filesystems':[{'device':'/dev/x','format':'xfs'}]"),
		  ALL("") },
		{ "device matches disk with wipeTable enabled; filesystem will be wiped",
		  STORAGE("'disks':[{'device':'/dev/x','wipeTable':true}],\n"
		  "'filesystems':[{'device':'/dev/y'},{'device':~a'/dev/x','format':'xfs',"
		  "'wipeFilesystem':false}]"),
		  ALL(W("storage.filesystems.1.device~a",
		  "device matches disk with wipeTable enabled; filesystem will be wiped")) },
		/* of two disks with one name the last counts, as with upstream */
		{ "duplicate entry defined",
		  STORAGE("'disks':[{'device':'/d','wipeTable':true},~a{'device':'/d'}],"
		  "\n'filesystems':[{'device':'/d'}]"), ALL(DUPLICATE("storage.disks.1~a")) },
		{ "device matches disk with wipeTable enabled; filesystem will be wiped",
		  STORAGE("'disks':[{'device':'/dev/x','wipeTable':true}],"
		  "'filesystems':[{'device':'/dev/x','format':'xfs','wipeFilesystem':true}]"), ALL("") },
	};

	(void)state;
	RUN(cases);
}

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks),    cmocka_unit_test(partitions),
		cmocka_unit_test(raid),     cmocka_unit_test(filesystems),
		cmocka_unit_test(virtiofs), cmocka_unit_test(filesystems_and_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
