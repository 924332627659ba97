/* The rules of spec 1 (reference B.8.1), and how a document of it is known. */
#include "tests/unit/ignition/old_config_cases.h"

/* adjacent strings become staircases */
/* clang-format off */

#define TEN      "0123456789"
#define V1(rest) "{'ignitionVersion':1,\n" rest "}"
#define ONLY(want)                                                                                           \
	{                                                                                                    \
		{                                                                                            \
			0, 0, want                                                                           \
		}                                                                                            \
	}
#define SCHEMALESS       "Config has unrecognized key: %s"
#define INFO(path, text) "info at $." path ": " text "\n"

#define RELATIVE   "path not absolute"
#define DISK(rest) V1("'storage':{'disks':[{'device':'/dev/x','partitions':[" rest "]}]}")
#define PART(n)    "storage.disks.0.partitions." #n
#define COLLIDE    "partition numbers collide"
#define OVERLAP    "partitions overlap"
#define MISALIGNED "partitions misaligned"
#define TOO_LONG   "partition labels may not exceed 36 characters"
#define GUID_RULE  "doesn't match the form \"01234567-89AB-CDEF-EDCB-A98765432101\""
#define NEGATIVE   "must not be negative"
#define LEVEL      "unrecognized raid level"
#define SPARES     "spares unsupported for arrays with a level greater than 0"

static void storage(void **state)
{
	static const struct rule_case cases[] = {
		{ "disk device is required",
		  V1("'storage':{'disks':[~a{},{'device':~b'','partitions':[{'typeGuid':'x'}]}]}"),
		  ONLY(E("storage.disks.0.device~a", "disk device is required")
			       E("storage.disks.1.device~b", "disk device is required")) },
		{ RELATIVE, V1("'storage':{'disks':[{'device':~a'sda','partitions':[{'typeGuid':~b'x'}]}]}"),
		  ONLY(E("storage.disks.0.device~a", RELATIVE) E(PART(0) ".typeGuid~b", GUID_RULE)) },
		/* 0 is a number like others; what breaks a rule about all is not looked at one by one */
		{ COLLIDE, DISK("{'label':'a'},\n~a{'number':0,'typeGuid':'x'}"),
		  ONLY(E(PART(1) "~a", COLLIDE)) },
		{ COLLIDE, DISK("{'number':1},{'number':2},~a{'number':1}"), ONLY(E(PART(2) "~a", COLLIDE)) },
		{ OVERLAP, DISK("{'number':1,'start':2048,'size':2049},~a{'number':2,'start':4096}"),
		  ONLY(E(PART(1) "~a", OVERLAP)) },
		{ OVERLAP,
		  DISK("{'number':1,'start':2048,'size':2048},{'number':2,'start':4096},{'number':3},{'number':4}"),
		  ONLY("") },
		{ MISALIGNED, DISK("{'number':1,'start':2048},{'number':2,'start':~a2050}"),
		  ONLY(E(PART(1) ".start~a", MISALIGNED)) },
		{ TOO_LONG,
		  DISK("{'number':1,'label':~a'" TEN TEN TEN "0123456'},{'number':2,'label':'" TEN TEN TEN
		       ":12345'}"),
		  ONLY(E(PART(0) ".label~a", TOO_LONG)) },
		{ GUID_RULE,
		  DISK("{'number':1,'typeGuid':~a'01234567'},{'number':2,'typeGuid':'01234567-89AB-CDEF-EDCB-A98765432101'}"),
		  ONLY(E(PART(0) ".typeGuid~a", GUID_RULE)) },
		{ NEGATIVE, DISK("{'number':1,'start':~a-2048,'size':~b-1}"),
		  ONLY(E(PART(0) ".size~b", NEGATIVE) E(PART(0) ".start~a", NEGATIVE)) },
		/* the level comes first */
		{ LEVEL,
		  V1("'storage':{'raid':[{'name':'a','level':~a'raid7','devices':['x']},{'level':'1','devices':[~b'x',~c'']}]}"),
		  ONLY(E("storage.raid.0.level~a", LEVEL) E("storage.raid.1.devices.0~b", RELATIVE)
			       E("storage.raid.1.devices.1~c", RELATIVE)) },
		{ SPARES,
		  V1("'storage':{'raid':[{'name':'a','level':~a'stripe','spares':2,'devices':['/x']}]}"),
		  ONLY(E("storage.raid.0.level~a", SPARES)) },
		{ "invalid filesystem format",
		  V1("'storage':{'filesystems':[{'device':~d'x','format':~f'vfat'},~z{},"
		     "{'device':'/x','format':'ext4'},{'device':'/x','format':'btrfs'},"
		     "{'device':'/x','format':'xfs'}]}"),
		  ONLY(E("storage.filesystems.0.device~d", RELATIVE) E("storage.filesystems.0.format~f",
								       "invalid filesystem format")
			       E("storage.filesystems.1.device~z", RELATIVE)
				       E("storage.filesystems.1.format~z", "invalid filesystem format")) },
		{ "illegal file mode",
		  V1("'storage':{'filesystems':[{'device':'/x','format':'ext4','files':[{'path':~a'a','mode':~b4096},"
		     "{'path':'/a','mode':~c-1},{'path':'/a','mode':4095,'uid':-1,'gid':-1}]}]}"),
		  ONLY(E("storage.filesystems.0.files.0.path~a", RELATIVE)
			       E("storage.filesystems.0.files.0.mode~b", "illegal file mode")
				       E("storage.filesystems.0.files.1.mode~c", "illegal file mode")) },
	};

	(void)state;
	RUN1(cases);
}

static void units_and_users(void **state)
{
	static const struct rule_case cases[] = {
		{ "invalid systemd unit extension",
		  V1("'systemd':{'units':[{'name':~a'a.conf','dropins':[{'name':~b'x','contents':'[x'}]},"
		     "{'name':'a.service','contents':'[x','dropins':[{'name':'a.conf'}]}]}"),
		  ONLY(E("systemd.units.0.name~a", "invalid systemd unit extension")
			       E("systemd.units.0.dropins.0.name~b", "invalid systemd drop-in extension")) },
		/* that enabling does nothing was no news then */
		{ "invalid systemd unit extension",
		  V1("'systemd':{'units':[{'name':'a.service','enable':true,'contents':'[Unit]\\nA=b'}]}"),
		  ONLY("") },
		{ "invalid networkd unit extension",
		  V1("'networkd':{'units':[{'name':~a'a.service','contents':'[x'},{'name':'a.link'},"
		     "{'name':'a.netdev'},{'name':'a.network'}]}"),
		  ONLY(E("networkd.units.0.name~a", "invalid networkd unit extension")) },
		{ NEGATIVE,
		  V1("'passwd':{'users':[{'name':'a','create':{'uid':~a-1}},{'create':{'uid':0}}],'groups':[{'gid':~b-5},{}]}"),
		  ONLY(E("passwd.users.0.create.uid~a", NEGATIVE) E("passwd.groups.0.gid~b", NEGATIVE)) },
	};

	(void)state;
	RUN1(cases);
}

static void keys_and_order(void **state)
{
	static const struct rule_case cases[] = {
		{ SCHEMALESS, V1("~i'ignition':{},'storage':{~f'files':[],~d'Disks':[]}"),
		  ONLY(UNKNOWN("ignition~i", "ignition") UNKNOWN("storage.files~f", "files")
			       UNKNOWN("storage.Disks~d", "Disks")
				       INFO("storage.Disks~d", "Did you mean disks instead of Disks")) },
		{ SCHEMALESS, V1("~i'ignition':{'version':''}"), ONLY(UNKNOWN("ignition~i", "ignition")) },
		{ SCHEMALESS, V1("~i'ignition':{'version':null}"), ONLY(UNKNOWN("ignition~i", "ignition")) },
		{ SCHEMALESS, "{~v'IgnitionVersion':1}",
		  ONLY(UNKNOWN("IgnitionVersion~v", "IgnitionVersion") INFO(
			  "IgnitionVersion~v", "Did you mean ignitionVersion instead of IgnitionVersion")) },
		{ SCHEMALESS, V1("'storage':null,'systemd':{'units':null},'passwd':{'groups':[null]}"),
		  ONLY("") },
		{ "expected %s, got %s", V1("'storage':~a[],'systemd':{'units':[{'enable':~b'yes'}]}"),
		  ONLY(E("storage~a", "expected object, got list")
			       E("systemd.units.0.enable~b", "expected boolean, got string")) },
		{ RELATIVE,
		  V1("'passwd':{'groups':[{'gid':~g-1}]},'networkd':{'units':[{'name':~n'a'}]},'systemd':{'units':[{'name':~u'a'}]},"
		     "'storage':{'filesystems':[{'device':~f'x','format':'xfs'}],'raid':[{'level':~r'x'}],'disks':[{'device':~d'x'}]}"),
		  ONLY(E("storage.disks.0.device~d", RELATIVE) E("storage.raid.0.level~r", LEVEL)
			       E("storage.filesystems.0.device~f", RELATIVE)
				       E("systemd.units.0.name~u", "invalid systemd unit extension")
					       E("networkd.units.0.name~n", "invalid networkd unit extension")
						       E("passwd.groups.0.gid~g", NEGATIVE)) },
	};

	(void)state;
	RUN1(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storage),
		cmocka_unit_test(units_and_users),
		cmocka_unit_test(keys_and_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
