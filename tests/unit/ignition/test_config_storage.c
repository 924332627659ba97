/* Every rule about storage. */
#include "tests/unit/ignition/config_cases.h"

#define DISK(rest) STORAGE("'disks':[{'device':'/dev/x','partitions':[" rest "]}]")
#define AT_PART(n) "error at $.storage.disks.0.partitions." #n
#define FS(rest)   STORAGE("'filesystems':[{'device':'/dev/x'," rest "}]")
#define AT_FS      "error at $.storage.filesystems.0"
#define RAID(rest) STORAGE("'raid':[{'name':'md'," rest "}]")
#define AT_RAID    "error at $.storage.raid.0"
#define LUKS(rest) STORAGE("'luks':[{'name':'x','device':'/dev/x'," rest "}]")
#define AT_LUKS    "error at $.storage.luks.0"
#define TEN        "0123456789"
#define GUID       "01234567-89AB-CDEF-EDCB-A98765432101"

static void disks(void **state)
{
	static const struct config_case cases[] = {
		{ 6, STORAGE("'disks':[{'device':'/dev/x'},{'device':'dev'},{'device':'/dev//x'}]"),
		  "error at $.storage.disks.1.device: path not absolute\n"
		  "error at $.storage.disks.2.device: path is not fully simplified\n" },
		/* without a device only the partitions themselves are looked at */
		{ 6, STORAGE("'disks':[{'partitions':[{'number':1},{'number':1,'label':'a:b'}]}]"),
		  "error at $.storage.disks.0.device: disk device is required\n" AT_PART(
			  1) ".label: partition label will be truncated to text before the colon\n" AT_PART(1) ": duplicate entry defined\n" },
		{ 6, DISK("{'number':2},{'number':3},{'number':3,'label':'x'},{'number':2}"),
		  AT_PART(2) ": partition numbers collide\n" AT_PART(2) ": duplicate entry defined\n" AT_PART(
			  3) ": duplicate entry defined\n" },
		{ 6,
		  DISK("{'number':1,'label':'a'},{'number':2,'label':'a'},{'number':3,'label':''},{'number':4,'label':''}"),
		  AT_PART(1) ": cannot use the same partition label twice\n" },
		{ 6, DISK("{},{'number':0},{'label':''}"),
		  AT_PART(0) ": a partition number >= 1 or a label must be specified\n" AT_PART(
			  1) ": a partition number >= 1 or a label must be specified\n" AT_PART(1) ": duplicate entry defined\n" },
		{ 6,
		  DISK("{'number':1,'shouldExist':false},{'number':2,'shouldExist':false,'label':''},"
		       "{'number':3,'shouldExist':false,'sizeMiB':0},{'number':4,'shouldExist':false,'guid':''},"
		       "{'number':5,'shouldExist':false,'typeGuid':'" GUID
		       "'},{'number':6,'shouldExist':true,'label':'x'}"),
		  AT_PART(1) ": shouldExist specified false with other options also specified\n" AT_PART(
			  2) ": shouldExist specified false with other options also specified\n" AT_PART(4) ": shouldExist specified false with other options also specified\n" },
		{ 6, DISK("{'label':'" TEN TEN TEN "012345'},{'label':'" TEN TEN TEN "0123456'}"),
		  AT_PART(1) ".label: partition labels may not exceed 36 characters\n" },
		{ 6,
		  DISK("{'number':1,'guid':'" GUID
		       "','typeGuid':''},{'number':2,'guid':'01234567-89AB-CDEF-EDCB-A9876543210'},"
		       "{'number':3,'typeGuid':'01234567-89AB-CDEF-EDCBxA98765432101'}"),
		  AT_PART(1) ".guid: doesn't match the form \"01234567-89AB-CDEF-EDCB-A98765432101\"\n" AT_PART(
			  2) ".typeGuid: doesn't match the form \"01234567-89AB-CDEF-EDCB-A98765432101\"\n" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void partitions_overlap(void **state)
{
	static const struct config_case cases[] = {
		{ 6, DISK("{'number':1,'startMiB':1,'sizeMiB':10},{'number':2,'startMiB':11,'sizeMiB':10}"),
		  "" },
		{ 6, DISK("{'number':1,'startMiB':1,'sizeMiB':10},{'number':2,'startMiB':10,'sizeMiB':10}"),
		  AT_PART(1) ": partitions overlap\n" },
		{ 6,
		  DISK("{'number':1,'startMiB':50,'sizeMiB':10},{'number':2,'startMiB':1,'sizeMiB':60},"
		       "{'number':3,'startMiB':55,'sizeMiB':1}"),
		  AT_PART(1) ": partitions overlap\n" },
		/* "the rest" counts as its first MiB; a start of 0 or an absent value takes part in nothing
		 */
		{ 6, DISK("{'number':1,'startMiB':5,'sizeMiB':0},{'number':2,'startMiB':6,'sizeMiB':10}"),
		  "" },
		{ 6, DISK("{'number':1,'startMiB':6,'sizeMiB':0},{'number':2,'startMiB':5,'sizeMiB':10}"),
		  AT_PART(1) ": partitions overlap\n" },
		{ 6,
		  DISK("{'number':1,'startMiB':0,'sizeMiB':10},{'number':2,'startMiB':5,'sizeMiB':10},"
		       "{'number':3,'startMiB':5},{'number':4,'sizeMiB':10}"),
		  "" },
		{ 6, DISK("{'number':1,'startMiB':5,'sizeMiB':-3},{'number':2,'startMiB':6,'sizeMiB':10}"),
		  "" },
		{ 6,
		  DISK("{'number':1,'startMiB':9223372036854775807,'sizeMiB':9223372036854775807},"
		       "{'number':2,'startMiB':6,'sizeMiB':10}"),
		  "" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void raid(void **state)
{
	static const struct config_case cases[] = {
		{ 6, RAID("'level':'raid10','devices':['/dev/a'],'spares':1"), "" },
		{ 2, RAID("'devices':['/dev/a']"), AT_RAID ".level: unrecognized raid level\n" },
		{ 6, RAID("'level':'','devices':['/dev/a']"), AT_RAID ".level: raid level is required\n" },
		{ 6, RAID("'level':'raid7','spares':1"),
		  AT_RAID ".level: unrecognized raid level\n" AT_RAID ".devices: raid devices required\n" },
		{ 6, RAID("'level':'stripe','spares':2,'devices':['','a','/a/','/a','/a']"),
		  AT_RAID ".level: spares unsupported for linear and raid0 arrays\n" AT_RAID
			  ".devices.0: path not specified\n" AT_RAID ".devices.1: path not absolute\n" AT_RAID
			  ".devices.2: path is not fully simplified\n" AT_RAID
			  ".devices.4: duplicate entry defined\n" },
		{ 6, RAID("'level':'0','spares':0,'devices':['/a'],'options':['x','x']"), "" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void filesystems(void **state)
{
	static const struct config_case cases[] = {
		{ 6, STORAGE("'filesystems':[{}]"), AT_FS ".device: path not specified\n" },
		{ 6, FS("'format':'ext3'"), AT_FS ".format: invalid filesystem format\n" },
		{ 2, FS("'format':'none'"), AT_FS ".format: invalid filesystem format\n" },
		{ 6, FS("'path':'/a'"),
		  AT_FS ".format: format cannot be empty when path, label, uuid, wipeFilesystem, options, or "
			"mountOptions is specified\n" },
		{ 6, FS("'format':'','label':'x','path':'','options':[]"),
		  AT_FS ".format: format cannot be empty when path, label, uuid, wipeFilesystem, options, or "
			"mountOptions is specified\n" AT_FS
			".label: filesystem must specify format if label is specified\n" },
		{ 6, FS("'wipeFilesystem':false,'label':'','uuid':''"), "" },
		{ 6, FS("'format':'ext4','path':'a'"), AT_FS ".path: path not absolute\n" },
		{ 6, FS("'format':'ext4','label':'0123456789abcdef'"), "" },
		{ 6, FS("'format':'ext4','label':'0123456789abcdefg'"),
		  AT_FS ".label: filesystem labels cannot be longer than 16 characters when using ext4\n" },
		{ 6, FS("'format':'xfs','label':'0123456789abc'"),
		  AT_FS ".label: filesystem labels cannot be longer than 12 characters when using xfs\n" },
		{ 6, FS("'format':'swap','label':'0123456789abcdef'"),
		  AT_FS ".label: filesystem labels cannot be longer than 15 characters when using swap\n" },
		{ 6, FS("'format':'vfat','label':'0123456789ab'"),
		  AT_FS ".label: filesystem labels cannot be longer than 11 characters when using vfat\n" },
		{ 6, FS("'format':'btrfs','label':'" TEN TEN TEN "'"), "" },
		{ 7, STORAGE("'filesystems':[{'format':'virtiofs'}]"),
		  AT_FS ".device: device not specified\n" },
		{ 7,
		  STORAGE("'filesystems':[{'format':'virtiofs','device':'" TEN TEN TEN TEN
			  "','label':'a','uuid':'b',"
			  "'wipeFilesystem':true,'options':['c'],'mountOptions':['ro'],'path':'/m'}]"),
		  AT_FS
		  ".device: virtiofs device tag cannot be longer than 36 bytes\n" AT_FS
		  ".label: filesystem labels cannot be set when using virtiofs\n" AT_FS
		  ".uuid: filesystem uuid cannot be set for non-block-device filesystems\n" AT_FS
		  ".wipeFilesystem: wipeFilesystem cannot be set for non-block-device filesystems\n" AT_FS
		  ".options: filesystem options (mkfs) cannot be set for non-block-device filesystems\n" },
		{ 6,
		  STORAGE("'disks':[{'device':'/dev/x','wipeTable':true,'partitions':[{'number':1}]},"
			  "{'device':'/dev/y','wipeTable':true},{'device':'/dev/z'}],"
			  "'filesystems':[{'device':'/dev/x','format':'xfs'},{'device':'/dev/y','format':'xfs'},"
			  "{'device':'/dev/z','format':'xfs'}]"),
		  "warning at $.storage.filesystems.0.device: filesystem overwrites partitioned device\n"
		  "warning at $.storage.filesystems.1.device: device matches disk with wipeTable enabled; filesystem "
		  "will be wiped\n" },
		{ 6,
		  STORAGE("'disks':[{'device':'/dev/y','wipeTable':true}],"
			  "'filesystems':[{'device':'/dev/y','format':'xfs','wipeFilesystem':true}]"),
		  "" },
		{ 6, STORAGE("'filesystems':[{'device':'/a','format':'xfs'},{'device':'/a','format':'xfs'}]"),
		  "error at $.storage.filesystems.1: duplicate entry defined\n" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void nodes(void **state)
{
	static const struct config_case cases[] = {
		{ 6, STORAGE("'files':[{'path':'/'},{'path':'/a/..b/.c'}]"), "" },
		{ 6,
		  STORAGE("'files':[{},{'path':'a'},{'path':'/a/'},{'path':'//a'},{'path':'/a/./b'},{'path':'/a/../b'},"
			  "{'path':'/..'}]"),
		  "error at $.storage.files.0.path: path not specified\n"
		  "error at $.storage.files.1.path: path not absolute\n"
		  "error at $.storage.files.2.path: path is not fully simplified\n"
		  "error at $.storage.files.3.path: path is not fully simplified\n"
		  "error at $.storage.files.4.path: path is not fully simplified\n"
		  "error at $.storage.files.5.path: path is not fully simplified\n"
		  "error at $.storage.files.6.path: path is not fully simplified\n" },
		{ 6,
		  STORAGE("'files':[{'path':'/a','overwrite':true},{'path':'/b','overwrite':true,'contents':{'source':''}},"
			  "{'path':'/c','overwrite':false}]"),
		  "error at $.storage.files.0.overwrite: overwrite must be false if source is unspecified\n" },
		{ 6,
		  STORAGE("'files':[{'path':'/a','mode':-1},{'path':'/b','mode':4095}],"
			  "'directories':[{'path':'/d','mode':4096}]"),
		  "error at $.storage.directories.0.mode: illegal file mode\n"
		  "error at $.storage.files.0.mode: illegal file mode\n" },
		{ 5, STORAGE("'files':[{'path':'/b','mode':4095}]"),
		  "warning at $.storage.files.0.mode: setuid/setgid/sticky bits are not supported or functional in "
		  "spec versions older than 3.6.0\n" },
		{ 6,
		  STORAGE("'files':[{'path':'/a','user':{'id':0,'name':'x'},'group':{'id':0,'name':''}}],"
			  "'links':[{'path':'/l','target':'t','group':{'id':0,'name':'x'}}]"),
		  "error at $.storage.files.0.user: cannot set both id and name\n"
		  "error at $.storage.links.0.group: cannot set both id and name\n" },
		{ 6,
		  STORAGE("'files':[{'path':'/a','append':[{'source':'x'},{'verification':{'hash':'y'}}],"
			  "'contents':{'source':'z','compression':'w'}}]"),
		  "error at $.storage.files.0.append.0.source: invalid url scheme\n"
		  "error at $.storage.files.0.append.1.verification.hash: source must be specified if verification is "
		  "specified\n"
		  "error at $.storage.files.0.append.1.verification.hash: malformed hash specifier\n"
		  "error at $.storage.files.0.contents.compression: invalid compression method\n"
		  "error at $.storage.files.0.contents.source: invalid url scheme\n" },
		{ 0, STORAGE("'files':[{'path':'/a','contents':{'verification':{'hash':'y'}}}]"),
		  "error at $.storage.files.0.contents.verification.hash: source must be specified if verification "
		  "is specified\n"
		  "error at $.storage.files.0.contents.verification.hash: malformed hash specifier\n" },
		/* below a link, at any depth; a name that only begins alike is another */
		{ 6,
		  STORAGE("'links':[{'path':'/l','target':'t'},{'path':'/l/m','target':'t'}],"
			  "'files':[{'path':'/l/a/b'},{'path':'/lx/a'},{'path':'/l/m/c'}],'directories':[{'path':'/l/d'}]"),
		  "error at $.storage.directories.0: directory path includes link in config\n"
		  "error at $.storage.files.0: file path includes link in config\n"
		  "error at $.storage.files.2: file path includes link in config\n"
		  "error at $.storage.files.2: file path includes link in config\n"
		  "error at $.storage.links.1: link path includes link in config\n" },
		{ 3, STORAGE("'links':[{'path':'/l','target':''},{'path':'/m'}]"),
		  "error at $.storage.links.0.target: link target is required\n"
		  "error at $.storage.links.1.target: link target is required\n" },
		/* a link without a target is told before what its members are told, and nothing about its
		   owner */
		{ 3,
		  STORAGE("'directories':[{'path':'d'},{'path':'/l'}],'links':[{'path':'l'},{'path':'/m/'},"
			  "{'path':'/l','hard':true,'user':{'id':1,'name':'a'}}]"),
		  "error at $.storage.links.0.target: link target is required\n"
		  "error at $.storage.links.1.target: link target is required\n"
		  "error at $.storage.links.2.target: link target is required\n"
		  "error at $.storage.directories.0.path: path not absolute\n"
		  "error at $.storage.links.0.path: path not absolute\n"
		  "error at $.storage.links.1.path: path is not fully simplified\n"
		  "error at $.storage.links.2.user: cannot set both id and name\n"
		  "error at $.storage.links.2: duplicate entry defined\n" },
		/* each where its list is in the order of the fields, though the three kinds share their paths
		 */
		{ 6,
		  STORAGE("'links':[{'path':'/a','target':'t'}],'filesystems':[{'device':'/d'},{'device':'/d'}],"
			  "'files':[{'path':'/b','contents':{'source':'http://h','httpHeaders':[{'name':'n'},{'name':'n'}]}}],"
			  "'directories':[{'path':'/a'},{'path':'/a'}],'disks':[{'device':'/d'},{'device':'/d'}]"),
		  "error at $.storage.directories.1: duplicate entry defined\n"
		  "error at $.storage.disks.1: duplicate entry defined\n"
		  "error at $.storage.filesystems.1: duplicate entry defined\n"
		  "error at $.storage.links.0: duplicate entry defined\n"
		  "error at $.storage.files.0.contents.httpHeaders.1: duplicate entry defined\n" },
		/* before 3.3 it is the link's own path */
		{ 2,
		  STORAGE("'directories':[{'path':'/l'}],'links':[{'path':'/l','hard':true,'user':{'id':1}}]"),
		  "error at $.storage.links.0: hard link target is a directory\n"
		  "warning at $.storage.links.0.user.id: user/group ignored for hard link\n"
		  "error at $.storage.links.0: duplicate entry defined\n" },
		{ 6,
		  STORAGE("'disks':[{'device':'/d','wipeTable':true},{'device':'/d'}],'filesystems':[{'device':'/d'}]"),
		  "error at $.storage.disks.1: duplicate entry defined\n" },
		{ 6,
		  STORAGE("'directories':[{'path':'/d'},{'path':'/l/t'}],'links':[{'path':'/k','target':'/x/../d/','hard':true},"
			  "{'path':'/l','target':'t','hard':true},{'path':'/m','target':'/d'},"
			  "{'path':'/n','target':'/e','hard':true,'user':{'id':1,'name':''},'group':{'name':'g'}}]"),
		  "error at $.storage.directories.1: directory path includes link in config\n"
		  "error at $.storage.links.0: hard link target is a directory\n"
		  "error at $.storage.links.1: hard link target is a directory\n"
		  "warning at $.storage.links.3.user.id: user/group ignored for hard link\n"
		  "warning at $.storage.links.3.user.name: user/group ignored for hard link\n"
		  "warning at $.storage.links.3.group.name: user/group ignored for hard link\n" },
		{ 6,
		  "{'ignition':{'version':'$'},'systemd':{'units':[{'name':'a.service','contents':'[A]','dropins':["
		  "{'name':'d.conf','contents':'[A]'},{'name':'e.conf'}]},{'name':'b.service'}]},"
		  "'storage':{'files':[{'path':'/etc/systemd/system/a.service'},{'path':'/etc/systemd/system/b.service'},"
		  "{'path':'/etc/systemd/system/a.service.d/e.conf'}],"
		  "'links':[{'path':'/etc/systemd/system/a.service.d/d.conf','target':'x'}]}}",
		  "error at $.storage.files.0.path: path conflicts with systemd unit or dropin\n"
		  "error at $.storage.links.0.path: path conflicts with systemd unit or dropin\n" },
		{ 6,
		  STORAGE("'files':[{'path':'/a'},{'path':'/b'}],'directories':[{'path':'/b'}],"
			  "'links':[{'path':'/a','target':'x'}]"),
		  "error at $.storage.files.1: duplicate entry defined\n"
		  "error at $.storage.links.0: duplicate entry defined\n" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

static void luks(void **state)
{
	static const struct config_case cases[] = {
		{ 6, STORAGE("'luks':[{}]"), AT_LUKS ".device: disk device is required\n" },
		{ 6, STORAGE("'luks':[{'name':'a/b','device':'x','label':'" TEN TEN TEN TEN "01234567'}]"),
		  AT_LUKS ".name: device names cannot contain slashes\n" AT_LUKS
			  ".label: luks device labels cannot be longer than 47 characters\n" AT_LUKS
			  ".device: path not absolute\n" },
		{ 6, LUKS("'keyFile':{'source':'x'}"), AT_LUKS ".keyFile.source: invalid url scheme\n" },
		/* 3.2: the two strings decide whether custom is complete, its being there what it excludes */
		{ 2, LUKS("'clevis':{'custom':{'needsNetwork':true}}"), "" },
		{ 2, LUKS("'clevis':{'custom':{'config':'x'}}"),
		  AT_LUKS ".clevis.custom.pin: unsupported clevis pin\n" },
		{ 2, LUKS("'clevis':{'custom':{'pin':'tang'}}"),
		  AT_LUKS ".clevis.custom.config: missing required custom clevis config\n" },
		{ 2, LUKS("'clevis':{'custom':{'needsNetwork':false},'tpm2':true}"),
		  AT_LUKS ".clevis: cannot use custom clevis config with tpm2, tang, or threshold\n" },
		{ 3, LUKS("'clevis':{'custom':{'needsNetwork':false},'tpm2':true}"), "" },
		{ 3, LUKS("'clevis':{'custom':{'config':'x'},'tpm2':true}"),
		  AT_LUKS ".clevis.custom.pin: missing required custom clevis pin\n" },
		{ 3, LUKS("'clevis':{'custom':{'needsNetwork':true}}"),
		  AT_LUKS ".clevis.custom.pin: missing required custom clevis pin\n" AT_LUKS
			  ".clevis.custom.config: missing required custom clevis config\n" },
		{ 5, LUKS("'clevis':{'custom':{'pin':'foo','config':'x'}}"),
		  AT_LUKS ".clevis.custom.pin: unsupported clevis pin\n" },
		{ 6, LUKS("'clevis':{'custom':{'pin':'foo','config':'x','needsNetwork':false}}"), "" },
		{ 6, LUKS("'clevis':{'custom':{'pin':'sss','config':'x'},'threshold':1}"),
		  AT_LUKS ".clevis: cannot use custom clevis config with tpm2, tang, or threshold\n" },
		{ 6,
		  LUKS("'clevis':{'tang':[{'url':'ftp://t'},{'url':'http://[','thumbprint':'x','advertisement':'{x'},"
		       "{'url':'https://t','thumbprint':'x','advertisement':''},{'url':'https://t','thumbprint':'x'}]}"),
		  AT_LUKS ".clevis.tang.0.url: invalid url scheme\n" AT_LUKS
			  ".clevis.tang.0.thumbprint: thumbprint is required\n" AT_LUKS
			  ".clevis.tang.1.url: unable to parse url\n" AT_LUKS
			  ".clevis.tang.1.advertisement: advertisement is not valid JSON\n" AT_LUKS
			  ".clevis.tang.3: duplicate entry defined\n" },
		{ 6, LUKS("'cex':{'enabled':true},'clevis':{'tpm2':true},'keyFile':{'source':'data:,x'}"),
		  AT_LUKS ".cex: cannot use cex with clevis\n" AT_LUKS
			  ".cex: cannot use key file with cex\n" },
		{ 6, LUKS("'cex':{'enabled':false},'clevis':{'tpm2':true}"), "" },
		{ 6, STORAGE("'luks':[{'name':'x','device':'/a'},{'name':'x','device':'/b'}]"),
		  "error at $.storage.luks.1: duplicate entry defined\n" },
	};

	(void)state;
	run_cases(cases, ARRAY_SIZE(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks), cmocka_unit_test(partitions_overlap),
		cmocka_unit_test(raid),  cmocka_unit_test(filesystems),
		cmocka_unit_test(nodes), cmocka_unit_test(luks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
