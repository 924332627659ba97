/* Hints about documents, their syntax and version, types of values, and unknown keys. */
#include "ignition/config/hints.h"
#include "tests/unit/ignition/hint_cases.h"

#define BUTANE_YAML                                                                                          \
	"this is YAML, probably a Butane config: translate it first (butane --strict FILE > config.ign)"
#define CLOUD_INIT                                                                                           \
	"this is a cloud-init config, which Ignition does not read: write an Ignition config, for example "  \
	"with Butane"
#define OBJECT "a config is one JSON object: it begins with {"
#define UTF16  "this is UTF-16: save the file as UTF-8"
#define MIME   "this is a MIME message as cloud-init takes it; Ignition takes one config"

static void documents(void **state)
{
	static const struct hint_case cases[] = {
		{ "variant: fcos\nversion: 1.5.0\n", 0, BUTANE_YAML },
		{ "# my config\n\nvariant: flatcar\n", 0, BUTANE_YAML },
		{ "---\nfoo: bar\n", 0, BUTANE_YAML },
		{ "a: b\nstorage:\n  files: []\n", 0, BUTANE_YAML },
		{ "passwd:\n  users: []\n", 0, BUTANE_YAML },
		{ "#cloud-config\nusers: []\n", 0, CLOUD_INIT },
		{ "#cloud-init\nusers: []\n", 0, CLOUD_INIT },
		{ "users:\n  - name: core\nruncmd: []\n", 0, CLOUD_INIT },
		{ "# mine\n\ncoreos:\n  units: []\n", 0, CLOUD_INIT },
		{ "#!/bin/bash\necho\n", 0,
		  "this is a script: an Ignition config describes the system instead; a script can be a file and a "
		  "unit in it" },
		{ "Content-Type: multipart/mixed; boundary=x\n", 0, MIME },
		{ "MIME-Version: 1.0\n", 0, MIME },
		{ RAW("\x1f\x8b\x08\0\0\0"), "this is compressed with gzip: unpack it first (gunzip)" },
		{ RAW("\x28\xb5\x2f\xfd\x04"), "this is compressed with zstd: unpack it first (unzstd)" },
		{ RAW("\xfd"
		      "7zXZ\0\0"),
		  "this is compressed with xz: unpack it first (unxz)" },
		{ RAW("BZh91AY"), "this is compressed with bzip2: unpack it first (bunzip2)" },
		{ RAW("PK\x03\x04\x14"), "this is a zip archive: unpack it first" },
		{ RAW("\xef\xbb\xbf{}"),
		  "the file begins with a byte order mark (EF BB BF), which JSON does not "
		  "allow: save it as UTF-8 without one" },
		{ RAW("\xff\xfe{\0}\0"), UTF16 },
		{ RAW("\xfe\xff\0{\0}"), UTF16 },
		{ RAW("{\0}\0\n\0"), UTF16 },
		{ RAW("\0{\0}\0\n"), UTF16 },
		{ "eyJpZ25pdGlvbiI6IHsidmVyc2lvbiI6ICIzLjQuMCJ9fQ==\n", 0,
		  "this is base64: decode it first (base64 -d)" },
		{ "ewogICJpZ25pdGlvbiI6IHt9\nfQ==", 0, "this is base64: decode it first (base64 -d)" },
		{ "H4sIAAAAAAAAA6tWKi1OLVKyUkpJ", 0,
		  "this is base64 of a gzip file: decode and unpack it first (base64 -d | gunzip)" },
		{ "\n<!DOCTYPE html><html>", 0,
		  "this is an HTML page, such as a server's error page: check the address that it was fetched from" },
		{ "<?xml version='1.0'?><Error/>", 0,
		  "this is XML, such as a storage service's error message: check the address that it was fetched from" },
		{ "-----BEGIN CERTIFICATE-----", 0, "this is a key or a certificate in PEM form, no config" },
		{ "data:,%7B%7D", 0, "this is a data: URL: a config is what it holds, decoded" },
		{ "%7B%22ignition%22", 0, "this is percent-encoded: decode it first" },
		{ " \n", 0, "the document is empty but for white space" },
		{ "[]", 0, "a config is one object: {\"ignition\": {\"version\": \"3.6.0\"}}" },
		{ "'x'", 0, "a config is one object: {\"ignition\": {\"version\": \"3.6.0\"}}" },
		{ "'{\\'ignition\\': {}}'", 0,
		  "this is a config inside a JSON string: it was encoded twice" },
		{ "export A=1\n", 0, OBJECT },
		{ "404: Not Found\n", 0, OBJECT },
		{ "{{ .config }}", 0, "this belongs to a template, which must be filled in first" },
		{ "$}\n$}", 0, "the file holds several documents; Ignition reads exactly one" },
		{ "$}}", 0, "there is a closing bracket too many" },
		{ "$},", 0, "the brackets close too early: the document ended before this comma" },
		{ "$} x", 0, "the document ends before this: remove what follows" },
		{ "$", 0, "a closing bracket or quote is missing, or the file was cut off" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

static void syntax(void **state)
{
	static const struct hint_case cases[] = {
		{ "$,}", 0, "JSON has no comma after the last one: remove it" },
		{ "$,'a':[1,]}", 0, "JSON has no comma after the last one: remove it" },
		{ "$,,'a':1}", 0, "there is a comma too many" },
		{ "$ 'a':1}", 0, "a comma is missing before this" },
		{ "$,'a':[{} {}]}", 0, "a comma is missing before this" },
		{ "$,'a':[[] []]}", 0, "a comma is missing before this" },
		{ RAW("{\"a\": ${mode}}"), "this belongs to a template, which must be filled in first" },
		{ "$,'a':{{ mode }}}", 0, "this belongs to a template, which must be filled in first" },
		{ "$,'a':[1}", 0, "the brackets do not match: '}' closes what the other kind opened" },
		{ "$,'a'=1}", 0, "write : between a key and its value" },
		{ "$,// no\n'a':1}", 0,
		  "JSON has no comments: remove it, or write the config in Butane, where # begins one" },
		{ "$,'a':# no\n1}", 0,
		  "JSON has no comments: remove it, or write the config in Butane, where # begins one" },
		{ RAW("{'a': 1}"), "JSON has double quotes only: write \" instead of '" },
		{ RAW("{\"a\": 'b'}"), "JSON has double quotes only: write \" instead of '" },
		{ RAW("{\u201ca\u201d: 1}"),
		  "these are typographic quotes, as word processors put them: write \"" },
		{ RAW("{\"a\": \u2018b\u2019}"),
		  "these are typographic quotes, as word processors put them: write \"" },
		{ "{ignition: 1}", 0, "a key needs double quotes: \"ignition\"" },
		{ "$,'a':True}", 0, "write true, in small letters" },
		{ "$,'a':None}", 0, "write null, in small letters" },
		{ "$,'a':yes}", 0, "write true, in small letters" },
		{ "$,'a':core}", 0, "a text needs double quotes" },
		{ "$,'mode':0644}", 0, "JSON has no octal numbers: write 420 for 0644" },
		{ "$,'mode':0o755}", 0, "JSON has no octal numbers: write 493 for 0755" },
		{ "$,'mode':0x1a4}", 0, "JSON has no hexadecimal numbers: write it as decimal" },
		{ "$,'n':089}", 0, "leave out the zeros at the beginning" },
		{ "$,'a':'C:\\users'}", 0, "write \\u and four digits; a backslash itself is written \\\\" },
		{ "$,'a':'C:\\Temp'}", 0,
		  "a backslash in a string is written \\\\; a path has / between its parts" },
		{ "$,'a':'\\x41'}", 0, "JSON has no \\x: write \\u00 and the two digits" },
		{ "$,'a':'b\nc'}", 0, "the closing quote is missing; a line break in a text is written \\n" },
		{ "$,'a':'b\tc'}", 0,
		  "write a tab as \\t, a line break as \\n, another control as \\u00 and two digits" },
		{ "$,'a':'\\u0000'}", 0,
		  "a text cannot hold a NUL; bytes that are no text can be a source: \"data:;base64,...\"" },
		{ RAW("{\"a\": \"\xff\"}"),
		  "save the file as UTF-8; bytes that are no text can be a source: \"data:;base64,...\"" },
		{ "$,'a':1,'a':2}", 0,
		  "only one of the two could count: put their values together, or remove one" },
		{ "$,'a':1.}", 0, "write a whole number" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

#define VERSION(v) "{'ignition':{'version':" v "}}"

static void versions(void **state)
{
	static const struct hint_case cases[] = {
		{ VERSION("'3.8.0'"), 0,
		  "this build knows versions up to 3.6.0: write that when nothing newer is used, or take a newer "
		  "build" },
		{ VERSION("'3.7.0'"), 0,
		  "3.7.0 is not final yet: write \"3.7.0-experimental\", or \"3.6.0\"" },
		{ VERSION("'3.7.0-beta'"), 0, "write \"3.7.0-experimental\" exactly" },
		{ VERSION("'3.6.0-experimental'"), 0, "write \"3.6.0\"" },
		{ VERSION("'3.4.1'"), 0, "write \"3.4.0\"" },
		{ VERSION("'3.4.0+x'"), 0, "write \"3.4.0\"" },
		{ VERSION("'4.0.0'"), 0,
		  "this build knows versions up to 3.6.0: write that when nothing newer is used, or take a newer "
		  "build" },
		{ VERSION("'2.9.0'"), 0, "of spec 2, the versions 2.0.0 to 2.4.0 are read" },
		{ VERSION("'1.0.0'"), 0,
		  "write \"3.6.0\"; spec 1 has \"ignitionVersion\": 1 instead of a version" },
		{ VERSION("'3.0'"), 0, "a version has three parts: \"3.0.0\"" },
		{ VERSION("'3'"), 0, "a version has three parts: \"3.6.0\"" },
		{ VERSION("'v3.4.0'"), 0, "a version is written without the letter: \"3.4.0\"" },
		{ VERSION("'latest'"), 0, "a version has three parts and no space: \"3.6.0\"" },
		{ VERSION("3.4"), 0, "write the version as text with three parts: \"3.4.0\"" },
		{ VERSION("3"), 0, "write the version as text with three parts: \"3.0.0\"" },
		{ "{}", 0, "a config says its version: {\"ignition\": {\"version\": \"3.6.0\"}, ...}" },
		{ "{'ignition':{}}", 0,
		  "a config says its version: {\"ignition\": {\"version\": \"3.6.0\"}, ...}" },
		{ "{'version':'3.4.0'}", 0,
		  "the version belongs in the object ignition: {\"ignition\": {\"version\": \"3.6.0\"}}" },
		{ "{'variant':'fcos','version':'1.5.0'}", 0,
		  "this is a Butane config: translate it first (butane --strict FILE)" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

static void types(void **state)
{
	static const struct hint_case cases[] = {
		{ FILE_("'mode':'0644'"), 0, "write 420: numbers in JSON are decimal, and 420 is 0644" },
		{ FILE_("'mode':'755'"), 0, "write 493: numbers in JSON are decimal, and 493 is 0755" },
		{ FILE_("'mode':'0o600'"), 0, "write 384: numbers in JSON are decimal, and 384 is 0600" },
		{ FILE_("'mode':'rw'"), 0, "write a decimal number: 420 is 0644, 493 is 0755" },
		{ FILE_("'mode':420.0"), 0, "write it without a fraction and without an exponent" },
		{ FILE_("'mode':true"), 0, "write a whole number, without quotes" },
		{ PART("'sizeMiB':'010'"), 0, "write the number without quotes: 10" },
		{ PART("'sizeMiB':'0'"), 0, "write the number without quotes: 0" },
		{ PART("'sizeMiB':'10G'"), 0, "write a whole number, without quotes and without a unit" },
		{ UNIT("'enabled':'true'"), 0, "write true, without quotes" },
		{ UNIT("'enabled':'No'"), 0, "write false, without quotes" },
		{ UNIT("'enabled':1"), 0, "write true" },
		{ UNIT("'enabled':'perhaps'"), 0, "write true or false, without quotes" },
		{ UNIT("'contents':{'source':'data:,'}"), 0,
		  "here the text itself is written, not a source: \"contents\": \"[Unit]\\n...\"" },
		{ UNIT("'contents':['a','b']"), 0, "write one text, its lines separated by \\n" },
		{ USER("'primaryGroup':100"), 0, "put it in quotes: \"100\"" },
		{ USER("'passwordHash':12345"), 0, "put it in quotes" },
		{ USER("'shell':false"), 0, "put it in quotes: \"false\"" },
		{ USER("'groups':[1]"), 0, "put it in quotes: \"1\"" },
		{ USER("'groups':[[]]"), 0, "every entry of this list is a text in quotes" },
		{ USER("'shell':[]"), 0, "write one text in quotes" },
		{ USER("'sshAuthorizedKeys':'ssh-rsa AAAA'"), 0,
		  "write a list with one text per key: [\"ssh-ed25519 AAAA...\"]" },
		{ USER("'groups':'wheel'"), 0, "put it in brackets: [\"...\"]" },
		{ USER("'groups':{'a':1}"), 0, "write a list of texts: [\"...\", \"...\"]" },
		{ STORAGE("'disks':{'device':'/dev/a'}"), 0, "write a list, also for one entry: [{...}]" },
		{ STORAGE("'disks':'/dev/a'"), 0, "write a list of objects: [{...}, {...}]" },
		{ FILE_("'append':true"), 0,
		  "spec 2 had a boolean here; since spec 3 what is appended is a list: \"append\": [{\"source\": "
		  "\"data:,...\"}], without \"contents\"" },
		{ FILE_("'contents':'hello'"), 0, "write an object: {\"source\": \"data:,...\"}" },
		{ FILE_("'user':'core'"), 0, "write an object: {\"name\": \"core\"}" },
		{ FILE_("'user':[{'name':'core'}]"), 0,
		  "write one object here, without the brackets: {...}" },
		{ "$,'systemd':{'units':['a.service']}}", 0,
		  "write an object: {\"name\": \"example.service\"}" },
		{ "$,'systemd':[ {}]}", 0, "write one object here, without the brackets: {...}" },
		{ "$,'systemd':[]}", 0, "write an object: {...}" },
		{ "$,'kernelArguments':['quiet']}", 0, "write an object: {\"shouldExist\": [\"quiet\"]}" },
		{ "{'ignition':'3.4.0'}", 0, "write an object: {\"version\": \"3.6.0\"}" },
		{ "$,'systemd':3}", 0, "write an object: {...}" },
		{ FILE_("'mode':99999999999999999999"), 0,
		  "whole numbers are from -9223372036854775808 to 9223372036854775807" },
		{ "$,'systemd':null}", 0, "leave it out, or write {}" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

#define BUTANE "this is a key of Butane, which must be translated first (butane --strict FILE)"

static void keys(void **state)
{
	static const struct hint_case cases[] = {
		/* nearly right */
		{ FILE_("'mod':1"), 0, "did you mean \"mode\"?" },
		{ FILE_("'mdoe':1"), 0, "did you mean \"mode\"?" },
		{ FILE_("'content':{}"), 0, "did you mean \"contents\"?" },
		{ PART("'sizeMb':1"), 0, "did you mean \"sizeMiB\"?" },
		{ PART("'sizeMB':1"), 0, "did you mean \"sizeMiB\"?" },
		{ "$,'storge':{}}", 0, "did you mean \"storage\"?" },
		{ USER("'sshAuthorizedKey':[]"), 0, "did you mean \"sshAuthorizedKeys\"?" },
		{ FILE_("'colour':1"), 0, "" },
		{ FILE_("'Mode':1"), 0,
		  "write \"mode\": it is used here, but other programs may look at the case" },
		{ USER("'\u017fhell':'x'"), 0,
		  "write \"shell\": it is used here, but other programs may look at the case" },
		/* younger than the config */
		{ LUKS("'cex':{}"), 0, "\"cex\" came with version 3.5.0: raise ignition.version from 3.4.0" },
		{ LUKS("'Cex':{}"), 0, "\"cex\" came with version 3.5.0: raise ignition.version from 3.4.0" },
		{ "{'ignition':{'version':'3.2.0'},'kernelArguments':{}}", 0,
		  "\"kernelArguments\" came with version 3.3.0: raise ignition.version from 3.2.0" },
		{ "{'ignition':{'version':'3.2.0'},'kernelArgument':{}}", 0,
		  "did you mean \"kernelArguments\"? It came with version 3.3.0" },
		/* somewhere else */
		{ FILE_("'source':'data:,'"), 0, "\"source\" belongs in \"contents\"" },
		{ DISK("'label':'a'"), 0, "\"label\" belongs in an entry of \"partitions\"" },
		{ FILE_("'hash':'x'"), 0, "\"hash\" belongs in \"verification\" of \"contents\"" },
		{ FILE_("'contents':{'overwrite':true}"), 0,
		  "\"overwrite\" belongs to the object around this one" },
		{ FILE_("'contents':{'contents':{}}"), 0,
		  "\"contents\" belongs to the object around this one" },
		{ FILE_("'contents':{'verification':{'mode':1}}"), 0,
		  "\"mode\" belongs to the object further out" },
		{ "$,'files':[]}", 0, "\"files\" belongs in \"storage\"" },
		{ "$,'thumbprint':1}", 0, "\"thumbprint\" belongs in storage.luks.clevis.tang" },
		{ STORAGE("'passwd':{}"), 0, "\"passwd\" belongs to the object around this one" },
		/* spec 1 and 2 */
		{ "$,'networkd':{}}", 0,
		  "spec 2 had it; since spec 3 a networkd unit is a file: /etc/systemd/network/NAME in "
		  "storage.files" },
		{ FILE_("'filesystem':'root'"), 0,
		  "spec 2 had it; since spec 3 the path begins with where the file system is mounted" },
		{ UNIT("'enable':true"), 0, "spec 2 had it; since spec 3 it is \"enabled\"" },
		{ PART("'size':1"), 0, "spec 2 had it, in sectors; since spec 3 it is \"sizeMiB\", in MiB" },
		{ PART("'start':1"), 0,
		  "spec 2 had it, in sectors; since spec 3 it is \"startMiB\", in MiB" },
		{ FS("'mount':{}"), 0,
		  "spec 2 had it; since spec 3 its members are written directly in the file system: \"device\", "
		  "\"format\", \"wipeFilesystem\"" },
		{ FS("'create':{}"), 0,
		  "spec 2 had it; since spec 3 \"format\" creates it, and \"wipeFilesystem\": true replaces what is "
		  "there" },
		{ FS("'name':'data'"), 0,
		  "spec 2 named file systems; since spec 3 \"path\" says where it is mounted" },
		{ USER("'create':{}"), 0,
		  "spec 2 had it; since spec 3 its members are written directly in the user: \"uid\", \"homeDir\", "
		  "\"groups\" and so on" },
		{ IGN("'config':{'append':[]}"), 0, "spec 2 had it; since spec 3 it is \"merge\"" },
		{ "$,'ignitionVersion':1}", 0,
		  "spec 1 had it; since spec 2 it is \"version\" in the object ignition" },
		/* Butane */
		{ "$,'variant':'fcos'}", 0, BUTANE },
		{ STORAGE("'trees':[]"), 0, BUTANE },
		{ FILE_("'contents':{'inline':'x'}"), 0,
		  "this is Butane; here it is a source: \"source\": \"data:,...\"" },
		{ FILE_("'contents':{'local':'x'}"), 0,
		  BUTANE ", since it reads a file where it is translated" },
		{ FS("'with_mount_unit':true"), 0,
		  "this is Butane; here a mount unit is written in systemd.units" },
		{ USER("'ssh_authorized_keys':[]"), 0,
		  "this is Butane's spelling; here it is \"sshAuthorizedKeys\"" },
		{ USER("'home-dir':'/'"), 0, "write \"homeDir\"" },
		{ PART("'size_mib':1"), 0, "this is Butane's spelling; here it is \"sizeMiB\"" },
		{ "$,'kernel_arguments':{}}", 0,
		  "this is Butane's spelling; here it is \"kernelArguments\"" },
		/* cloud-config */
		{ FILE_("'permissions':'0644'"), 0, "write \"mode\", a decimal number: 420 is 0644" },
		{ "$,'hostname':'a'}", 0,
		  "cloud-config had it; here it is a file: /etc/hostname in storage.files" },
		{ USER("'lock_passwd':true"), 0,
		  "cloud-config had it; a user without \"passwordHash\" has no password" },
		{ "$,'locksmith':{}}", 0,
		  "this is a key of Container Linux Configs: write a Butane config and translate it" },
		/* other words for the same */
		{ STORAGE("'dirs':[]"), 0, "write \"directories\"" },
		{ STORAGE("'links':[{'path':'/a','target':'/b','source':'/b'}]"), 0,
		  "what a link leads to is its \"target\"" },
		{ FILE_("'contents':{'url':'https://a/b'}"), 0, "write \"source\"" },
		{ FILE_("'owner':'core'"), 0,
		  "write \"user\": {\"name\": ...} and \"group\": {\"name\": ...}" },
		{ RAW("{\"ignition\": {\"version\": \"3.4.0\"}, \"$schema\": \"x\"}"),
		  "for editors; Ignition does not use it" },
	};

	(void)state;
	run_hint_cases(cases, ARRAY_SIZE(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents), cmocka_unit_test(syntax), cmocka_unit_test(versions),
		cmocka_unit_test(types),     cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
