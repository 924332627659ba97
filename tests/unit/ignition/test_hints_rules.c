/* Hints about findings of the rules, and advice. */
#include "ignition/config/hints.h"
#include "tests/unit/ignition/hint_cases.h"

#define SOURCE(url) FILE_("'contents':{'source':'" url "'}")
#define HASH(hash)  FILE_("'contents':{'source':'data:,','verification':{'hash':'" hash "'}}")
#define HEX64       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DEVICE      "give a device: \"/dev/disk/by-id/...\" or \"/dev/vda\""
#define NODES       "path, among files, directories and links together. Put the two together"
#define SAME        "an earlier entry is the same: they are told apart by "
#define SHORTEN     "shorten it: bytes count, and a letter with an accent has two"
#define NEWEST(rest)                                                                                         \
	"{'ignition':{'version':'3.7.0-experimental'},'storage':{'filesystems':[{'format':'virtiofs'," rest  \
	"}]}}"
#define CLEVIS(rest) LUKS("'clevis':{" rest "}")
#define CEX(rest)    "@,'storage':{'luks':[{'name':'a','device':'/d','cex':{'enabled':true}," rest "}]}}"

#define TPM2(v, rest)                                                                                        \
	"{'ignition':{'version':'" v                                                                         \
	"'},'storage':{'luks':[{'name':'a','device':'/d','clevis':{'tpm2':true," rest "}}]}}"

static void rules(void **state)
{
	static const struct hint_case cases[] = {
		{ STORAGE("'files':[{}]"), 0, "give a path: \"/etc/example\"" },
		{ STORAGE("'files':[{'path':'etc/a'}]"), 0, "a path begins with /: \"/etc/a\"" },
		{ STORAGE("'files':[{'path':'./a'}]"), 0, "a path begins with /: \"/a\"" },
		{ STORAGE("'files':[{'path':'C:/a'}]"), 0,
		  "a path begins with / and has / between its parts" },
		{ STORAGE("'files':[{'path':'/a/../b/'}]"), 0, "write \"/b\"" },
		{ STORAGE("'files':[{'path':'etc/a/'}]"), 0, "a path begins with /: \"/etc/a\"" },
		{ STORAGE("'files':[{'path':'~/a'}]"), 0,
		  "nothing is expanded here: write the whole path, such as \"/home/core/...\"" },
		{ STORAGE("'filesystems':[{}]"), 0, DEVICE },
		{ STORAGE("'raid':[{'name':'a','level':'raid1','devices':['']}]"), 0, DEVICE },
		{ SOURCE("http://[::1"), 0,
		  "write SCHEME://HOST/PATH; other bytes than letters, digits and -._~ are written %XX" },
		{ FILE_("'contents':{'httpHeaders':[{'name':'a','value':'b'}]}"), 0,
		  "add \"source\" beside the headers, or remove them" },
		{ SOURCE("data:;base64,YWJj\\nZGVm"), 0,
		  "a data: URL is one line without spaces: line breaks are written %0A, and base64 has none (base64 "
		  "-w0)" },
		{ SOURCE("https//a/b"), 0, "write https://HOST/PATH" },
		{ SOURCE("ftp://a/b"), 0, "known schemes: http, https, tftp, s3, arn, gs, data" },
		{ "{'ignition':{'version':'3.0.0'},'storage':{'files':[{'path':'/a','contents':{'source':'gs://a/b'}}]}}",
		  0, "gs: came with version 3.2.0: raise ignition.version" },
		{ "{'ignition':{'version':'3.3.0'},'storage':{'files':[{'path':'/a','contents':{'source':'arn:a'}}]}}",
		  0, "arn: came with version 3.4.0: raise ignition.version" },
		{ SOURCE("oem:///a"), 0, "spec 2 had oem:; since spec 3 there is none" },
		{ SOURCE("/etc/passwd"), 0,
		  "a file of the machine cannot be a source: give the text itself as \"data:,...\", or an https address" },
		{ SOURCE("hello"), 0, "a source is an address; a text itself is written \"data:,...\"" },
		{ SOURCE("data:hello"), 0,
		  "a text is written \"data:,TEXT\" or \"data:;base64,...\", a type between the colon and the comma" },
		{ SOURCE("data:,a b"), 0,
		  "spaces and special characters are written %XX (a space is %20), or use \"data:;base64,...\"" },
		{ SOURCE("data:,100%"), 0, "a percent sign itself is written %25" },
		{ SOURCE("data:;base64,a b="), 0,
		  "write plain base64 with its = at the end, without line breaks (base64 -w0)" },
		{ SOURCE("data:;base64,abc"), 0,
		  "write plain base64 with its = at the end, without line breaks (base64 -w0)" },
		{ SOURCE("DATA:,hello"), 0, "write data: in small letters" },
		{ SOURCE("arn:aws:ec2:::x"), 0, "write arn:aws:s3:::BUCKET/KEY" },
		{ SOURCE("s3://a/b?versionId="), 0, "give versionId a value, or leave it out" },
		{ FILE_("'contents':{'source':'data:,','compression':'xz'}"), 0,
		  "write \"gzip\", or leave it out" },
		{ FILE_("'contents':{'verification':{'hash':'sha512-" HEX64 HEX64 "'}}"), 0,
		  "add \"source\", or remove \"verification\"" },
		{ HASH("abc"), 0, "write \"sha512-\" and 128 hexadecimal digits (sha512sum FILE)" },
		{ HASH(HEX64), 0, "put the name of the function before it: \"sha256-01234567...\"" },
		{ HASH(HEX64 HEX64), 0, "put the name of the function before it: \"sha512-01234567...\"" },
		{ HASH("sha256:" HEX64), 0, "write a dash behind the name of the function: \"sha256-...\"" },
		{ HASH("md5-abc"), 0, "known: sha512, and sha256" },
		{ HASH("sha256-abc"), 0, "sha256 has 64 hexadecimal digits, here are 3" },
		{ FILE_("'contents':{'source':'data:,','httpHeaders':[{'name':'a','value':'b'}]}"), 0,
		  "headers are sent to http and https addresses only" },
		{ FILE_("'contents':{'source':'http://a','httpHeaders':[{'name':'','value':'b'}]}"), 0,
		  "give it a name, or remove the entry" },
		{ FILE_("'contents':{'source':'http://a','httpHeaders':[{'name':'a','value':''}]}"), 0,
		  "give \"value\" a text, or leave it out to remove the header of a parent config" },
		{ IGN("'config':{'merge':[{}]}"), 0, "add \"source\" with the address of the document" },
		{ IGN("'proxy':{'httpProxy':'socks://a'}"), 0,
		  "write http://HOST:PORT; leave it out for none" },
		{ IGN("'proxy':{'httpsProxy':'http://a'}"), 0,
		  "write an https:// proxy, when it has one: what is fetched stays encrypted, which host is asked for does "
		  "not" },
		{ STORAGE("'files':[{'path':'/a'},{'path':'/a'}]"), 0, SAME NODES },
		{ "$,'passwd':{'users':[{'name':'a'},{'name':'a'}]}}", 0, SAME "name. Put the two together" },
		{ USER("'groups':['a','a']"), 0, SAME "text. Put the two together" },
		{ STORAGE("'disks':[{}]"), 0,
		  "add \"device\", such as \"/dev/disk/by-id/...\" or \"/dev/vda\"" },
		{ DISK("'partitions':[{'number':1},{'number':1}]"), 0,
		  "give each partition its own number, or 0 for the next free one and a label" },
		{ DISK("'partitions':[{'number':1,'startMiB':1,'sizeMiB':9},{'number':2,'startMiB':2,'sizeMiB':9}]"),
		  0, "change \"startMiB\" or \"sizeMiB\"; a start of 0 takes the next free space" },
		{ DISK("'partitions':[{'number':1,'label':'a'},{'number':2,'label':'a'}]"), 0,
		  "give each partition its own label" },
		{ DISK("'partitions':[{}]"), 0, "add \"number\" or \"label\"" },
		{ PART("'shouldExist':false,'label':'a'"), 0,
		  "to delete a partition, give its \"number\" and \"shouldExist\": false only" },
		{ PART("'label':'0123456789012345678901234567890123456'"), 0, SHORTEN },
		{ PART("'label':'a:b:c'"), 0, "write another character: \"a-b-c\"" },
		{ PART("'guid':'x'"), 0, "write 8-4-4-4-12 hexadecimal digits (uuidgen), or leave it out" },
		{ STORAGE("'raid':[{'name':'a','devices':['/a']}]"), 0, "add \"level\", such as \"raid1\"" },
		{ STORAGE("'raid':[{'name':'a','level':'7','devices':['/a']}]"), 0,
		  "known: linear, raid0, raid1, raid4, raid5, raid6, raid10" },
		{ STORAGE("'raid':[{'name':'a','level':'raid0','spares':1,'devices':['/a']}]"), 0,
		  "remove \"spares\", or take a level with redundancy" },
		{ STORAGE("'raid':[{'name':'a','level':'raid1'}]"), 0,
		  "add \"devices\", a list of at least one path" },
		{ NEWEST("'device':''"), 0, "add \"device\": the tag of the shared folder" },
		{ NEWEST("'device':'a','label':'b'"), 0, "remove \"label\"" },
		{ NEWEST("'device':'a','uuid':'b'"), 0, "remove \"uuid\"" },
		{ NEWEST("'device':'a','wipeFilesystem':true"), 0, "remove \"wipeFilesystem\"" },
		{ NEWEST("'device':'a','options':['b']"), 0,
		  "remove \"options\"; \"mountOptions\" are allowed" },
		{ FS("'format':'ext3'"), 0, "known: ext4, btrfs, xfs, vfat, swap, none" },
		{ "{'ignition':{'version':'3.7.0-experimental'},"
		  "'storage':{'filesystems':[{'device':'/dev/a','format':'ext3'}]}}",
		  0, "known: ext4, btrfs, xfs, vfat, swap, virtiofs, none" },
		{ FS("'format':'fat32'"), 0, "write \"vfat\"" },
		{ FS("'format':'virtiofs'"), 0, "\"virtiofs\" came with version 3.7.0-experimental" },
		{ "{'ignition':{'version':'3.2.0'},'storage':{'filesystems':[{'device':'/a','format':'none'}]}}",
		  0, "\"none\" came with version 3.3.0: raise ignition.version" },
		{ "{'ignition':{'version':'3.2.0'},'storage':{'filesystems':[{'device':'/a','format':'zfs'}]}}",
		  0, "known: ext4, btrfs, xfs, vfat, swap" },
		{ FS("'path':'/a'"), 0, "add \"format\", such as \"ext4\"" },
		{ FS("'format':'xfs','label':'0123456789abc'"), 0, SHORTEN },
		{ STORAGE("'disks':[{'device':'/a','partitions':[{'number':1}]}],'filesystems':[{'device':'/a'}]"),
		  0, "name one of its partitions: /dev/disk/by-partlabel/LABEL" },
		{ STORAGE("'disks':[{'device':'/a','wipeTable':true}],'filesystems':[{'device':'/a','format':'ext4'}]"),
		  0, "add \"wipeFilesystem\": true, if that is meant" },
		{ FILE_("'overwrite':true"), 0,
		  "add \"contents\" with a source (\"data:,\" is an empty file), or remove \"overwrite\"" },
		{ FILE_("'mode':4755"), 0, "numbers in JSON are decimal: write 2541 for 04755" },
		{ FILE_("'mode':100644"), 0,
		  "a mode has the permissions only, as a decimal number: write 420 for 0644" },
		{ FILE_("'mode':33188"), 0,
		  "a mode has the permissions only, as a decimal number: write 420 for 0644" },
		{ FILE_("'mode':9999"), 0,
		  "a mode is a decimal number from 0 to 4095 (07777): 420 is 0644, 493 is 0755" },
		{ FILE_("'mode':644"), 0,
		  "numbers in JSON are decimal: 644 is mode 01204; write 420 for 0644" },
		{ FILE_("'mode':2541"), 0, "raise ignition.version to 3.6.0, or write 493, which is 0755" },
		{ FILE_("'user':{'id':0,'name':'root'}"), 0, "remove one of the two" },
		{ STORAGE("'files':[{'path':'/a/b'}],'links':[{'path':'/a','target':'/c'}]"), 0,
		  "write the path that the link leads to" },
		{ STORAGE("'links':[{'path':'/a'}]"), 0, "add \"target\"" },
		{ STORAGE("'directories':[{'path':'/d'}],'links':[{'path':'/a','target':'/d','hard':true}]"),
		  0, "leave out \"hard\": only files have hard links" },
		{ STORAGE("'links':[{'path':'/a','target':'/b','hard':true,'user':{'id':1}}]"), 0,
		  "remove it: the link has the owner of the file that it is" },
		{ "$,'systemd':{'units':[{'name':'a.service','contents':'[Unit]'}]},"
		  "'storage':{'files':[{'path':'/etc/systemd/system/a.service'}]}}",
		  0, "remove one of the two: the unit writes the same file" },
		{ STORAGE("'luks':[{'name':'a/b','device':'/d'}]"), 0,
		  "write the name only: it appears as /dev/mapper/NAME" },
		{ LUKS("'label':'012345678901234567890123456789012345678901234567'"), 0, "shorten it" },
		{ CLEVIS("'tpm2':true,'custom':{'pin':'sss','config':'{}'}"), 0,
		  "a custom pin can hold them: write it with pin \"sss\", or remove \"custom\"" },
		/* 3.2 looked whether custom is there, later versions at its pin */
		{ TPM2("3.2.0", "'custom':{}"), 0,
		  "a custom pin can hold them: write it with pin \"sss\", or remove \"custom\"" },
		{ TPM2("3.2.0", "'custom':null"), 0, "leave it out, or write {}" },
		{ TPM2("3.2.0", "'threshold':1"), 0, "" },
		{ TPM2("3.3.0", "'custom':{}"), 0, "" },
		{ CLEVIS("'custom':{'config':'{}'}"), 0, "add \"pin\", or remove \"custom\"" },
		{ CLEVIS("'custom':{'pin':'sss'}"), 0, "add \"config\": the pin's settings, JSON in a text" },
		{ CLEVIS("'custom':{'pin':'x','config':'{}'}"), 0,
		  "write tpm2, tang or sss; other pins came with version 3.6.0" },
		{ CLEVIS("'tang':[{'url':'http://a'}]"), 0,
		  "add \"thumbprint\" (tang-show-keys on the server)" },
		{ CLEVIS("'tang':[{'url':'ftp://a','thumbprint':'x'}]"), 0,
		  "a tang server has an http or https address" },
		{ CLEVIS("'tang':[{'url':'http://a','thumbprint':'x','advertisement':'{'}]"), 0,
		  "write what http://SERVER/adv returns, as one text with its quotes as \\\"" },
		{ CEX("'clevis':{'tpm2':true}"), 0, "keep one of the two" },
		{ CEX("'keyFile':{'source':'data:,'}"), 0, "keep one of the two" },
		{ "$,'systemd':{'units':[{'name':'a'}]}}", 0,
		  "write \"a.service\", or another type: socket, mount, timer, path, target, ..." },
		{ "$,'systemd':{'units':[{'name':'a.conf'}]}}", 0,
		  "a unit's name ends in .service, .socket, .device, .mount, .automount, .swap, .target, .path, .timer, "
		  ".slice or .scope" },
		{ UNIT("'dropins':[{'name':'a'}]"), 0, "write \"a.conf\"" },
		{ UNIT("'dropins':[{'name':'a.txt'}]"), 0, "a drop-in's name ends in .conf" },
		{ UNIT("'contents':'[Unit'"), 0,
		  "a unit has lines [Section] and Name=value; line breaks are written \\n" },
		{ UNIT("'enabled':true,'contents':'[Unit]'"), 0,
		  "add \"[Install]\\nWantedBy=multi-user.target\\n\" to its contents" },
		{ "$,'systemd':{'units':[{'name':'a\\u0040.service','contents':'[Unit]'},{'name':'a\\u0040b.service','enabled':true}]}}",
		  0, "add \"[Install]\\nWantedBy=multi-user.target\\n\" to the template's contents" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

#define V2(rest)     "{'ignition':{'version':'2.4.0'}," rest "}"
#define V2FILE(rest) V2("'storage':{'files':[{'filesystem':'root','path':'/a','mode':420," rest "}]}")
#define V2DISK(rest) V2("'storage':{'disks':[{'device':'/dev/a','partitions':[" rest "]}]}")
#define V2FS(rest)   V2("'storage':{'filesystems':[{'name':'a'," rest "}]}")
#define V2MOUNT(m)   V2FS("'mount':{'device':'/dev/a','format':'ext4'," m "}")
#define V2USER(rest) V2("'passwd':{'users':[{'name':'a'," rest "}]}")
#define SECTORS      "a sector has 512 bytes, so 2048 of them are 1 MiB"

static void old_versions(void **state)
{
	static const struct hint_case cases[] = {
		{ V2("'storage':{'files':[{'path':'/a','mode':420}]}"), 0,
		  "add \"filesystem\": \"root\", or another name of storage.filesystems" },
		{ V2("'storage':{'files':[{'filesystem':'x','path':'/a','mode':420}]}"), 0,
		  "\"root\" is there without being defined" },
		{ V2("'storage':{'files':[{'filesystem':'root','path':'/a'}]}"), 0,
		  "add \"mode\", a decimal number: 420 is 0644" },
		{ V2("'storage':{'files':[{'filesystem':'root','path':'/a','mode':644}]}"), 0,
		  "numbers in JSON are decimal: 644 is mode 01204; write 420 for 0644" },
		{ V2FILE("'append':true,'overwrite':true"), 0, "remove one of the two" },
		{ V2FS("'files':[]"), 0, "add \"mount\" or \"path\"" },
		{ V2FS("'mount':{'device':'/dev/a','format':'ext4'},'path':'/b'"), 0,
		  "remove one of the two" },
		{ V2FS("'path':'b'"), 0, "a path begins with /" },
		{ V2MOUNT("'create':{'force':true}"), 0,
		  "move its members up: \"force\" is \"wipeFilesystem\" there" },
		{ V2MOUNT("'create':{},'wipeFilesystem':true"), 0, "remove \"create\"" },
		{ V2USER("'create':{}"), 0, "move its members into the user" },
		{ V2USER("'create':{'uid':1},'uid':2"), 0, "keep what the user has, and remove \"create\"" },
		{ V2DISK("{'number':1,'size':2048}"), 0, "write \"sizeMiB\", in MiB; " SECTORS },
		{ V2DISK("{'number':1,'start':2048}"), 0, "write \"startMiB\", in MiB; " SECTORS },
		{ V2DISK("{'number':1,'start':2047}"), 0, "start at a multiple of 2048 sectors (1 MiB)" },
		{ V2("'networkd':{'units':[{'name':'a.service'}]}"), 0,
		  "a networkd unit's name ends in .link, .netdev or .network" },
		/* keys: of this family, and of the next */
		{ V2FILE("'ovrwrite':true"), 0, "did you mean \"overwrite\"?" },
		{ V2("'kernelArguments':{}"), 0,
		  "\"kernelArguments\" came with version 3.3.0; this config is of version 2.4.0" },
		{ "{'ignition':{'version':'2.0.0'},'storage':{'links':[]}}", 0,
		  "\"links\" came with version 2.1.0: raise ignition.version from 2.0.0" },
		{ "{'ignitionVersion':1,'systemd':{'unit':[]}}", 0, "did you mean \"units\"?" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

#define NEW(rest) "@,'storage':{" rest "}}"

static void modes(void **state)
{
	static const struct hint_case cases[] = {
		{ NEW("'files':[{'path':'/a','mode':644}]"), 0,
		  "numbers in JSON are decimal: 644 is mode 01204; write 420 for 0644" },
		{ NEW("'directories':[{'path':'/a','mode':755}]"), 0,
		  "numbers in JSON are decimal: 755 is mode 01363; write 493 for 0755" },
		{ FILE_("'mode':444"), 0,
		  "numbers in JSON are decimal: 444 is mode 0674; write 292 for 0444" },
		{ NEW("'files':[{'path':'/a','mode':420}]"), 0, "" },
		{ NEW("'files':[{'path':'/a','mode':0}]"), 0, "" },
		{ NEW("'files':[{'path':'/a','mode':511}]"), 0, "" },
		{ NEW("'files':[{'path':'/a','mode':384}]"), 0, "" },
		{ NEW("'files':[{'path':'/a'}]"), 0, "" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(modes),
		cmocka_unit_test(old_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
