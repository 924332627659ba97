/*
 * Each mistake that people make, and the hint it gets. In a config ' stands for " and $ for
 * '{"ignition": {"version": "3.4.0"}', which @ opens at the newest stable version.
 */
#include "ignition/config/hints.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"

struct hint_case {
	const char *text;
	size_t len;       /* 0: up to the NUL, and ' and $ and @ stand for something */
	const char *want; /* the first hint or advice */
};

#define RAW(s) s, sizeof(s) - 1

static void put_text(struct buf *out, const struct hint_case *c)
{
	if (c->len)
		assert_int_equal(buf_append(out, c->text, c->len), 0);
	for (const char *p = c->len ? "" : c->text; *p; p++)
		assert_int_equal(*p == '\''  ? buf_putc(out, '"')
				 : *p == '$' ? buf_puts(out, "{\"ignition\": {\"version\": \"3.4.0\"}")
				 : *p == '@' ? buf_puts(out, "{\"ignition\": {\"version\": \"3.6.0\"}")
					     : buf_putc(out, *p),
				 0);
}

static const char *first_hint(const struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].hint)
			return r->v[i].hint;
		if (r->v[i].advice)
			return r->v[i].text;
	}
	return "";
}

/* Also: the same verdict and the same plain lines with hints and without. */
static void run(const struct hint_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf text = { 0 };
		CLEANUP(buf_done) struct buf plain = { 0 };
		CLEANUP(buf_done) struct buf same = { 0 };
		CLEANUP(report_done) struct report with = { .explain = true };
		CLEANUP(report_done) struct report without = { 0 };
		struct err e = { 0 }, e2 = { 0 };
		struct ign_config c;
		int r, r2;

		put_text(&text, &cases[i]);
		r = ign_config_parse(buf_str(&text), text.n, a, &with, &c, &e);
		r2 = ign_config_parse(buf_str(&text), text.n, a, &without, &c, &e2);
		assert_int_equal(r, r2);
		assert_string_equal(e.text, e2.text);
		assert_int_equal(report_print(&without, &plain), 0);
		for (size_t k = 0; k < without.n; k++)
			assert_null(without.v[k].hint);
		for (size_t k = 0; k < with.n; k++) {
			if (with.v[k].advice)
				continue;
			assert_int_equal(report_format(&with.v[k], &same), 0);
			assert_int_equal(buf_putc(&same, '\n'), 0);
		}
		assert_string_equal(buf_str(&same), buf_str(&plain));
		if (strcmp(first_hint(&with), cases[i].want) != 0)
			fail_msg("%s\n%sgot:  %s\nwant: %s", cases[i].text, buf_str(&plain),
				 first_hint(&with), cases[i].want);
	}
}

#define BUTANE_YAML                                                                                          \
	"this is YAML, probably a Butane config: translate it first (butane --strict FILE > config.ign)"
#define UTF16 "this is UTF-16: save the file as UTF-8"
#define MIME  "this is a MIME message as cloud-init takes it; Ignition takes one config"

static void documents(void **state)
{
	static const struct hint_case cases[] = {
		{ "variant: fcos\nversion: 1.5.0\n", 0, BUTANE_YAML },
		{ "# my config\n\nvariant: flatcar\n", 0, BUTANE_YAML },
		{ "---\nfoo: bar\n", 0, BUTANE_YAML },
		{ "a: b\nstorage:\n  files: []\n", 0, BUTANE_YAML },
		{ "#cloud-config\nusers: []\n", 0,
		  "this is a cloud-init config, which Ignition does not read: write an Ignition config, for example "
		  "with Butane" },
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
		{ "$}\n$}", 0, "the file holds several documents; Ignition reads exactly one" },
		{ "$}}", 0, "there is a closing bracket too many" },
		{ "$},", 0, "the brackets close too early: the document ended before this comma" },
		{ "$} x", 0, "the document ends before this: remove what follows" },
		{ "$", 0, "a closing bracket or quote is missing, or the file was cut off" },
	};

	(void)state;
	run(cases, ARRAY_SIZE(cases));
}

static void syntax(void **state)
{
	static const struct hint_case cases[] = {
		{ "$,}", 0, "JSON has no comma after the last one: remove it" },
		{ "$,'a':[1,]}", 0, "JSON has no comma after the last one: remove it" },
		{ "$,,'a':1}", 0, "there is a comma too many" },
		{ "$ 'a':1}", 0, "a comma is missing before this" },
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
	run(cases, ARRAY_SIZE(cases));
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
	run(cases, ARRAY_SIZE(cases));
}

#define FILE_(rest)   "$,'storage':{'files':[{'path':'/a'," rest "}]}}"
#define UNIT(rest)    "$,'systemd':{'units':[{'name':'a.service'," rest "}]}}"
#define USER(rest)    "$,'passwd':{'users':[{'name':'core'," rest "}]}}"
#define DISK(rest)    "$,'storage':{'disks':[{'device':'/dev/a'," rest "}]}}"
#define PART(rest)    DISK("'partitions':[{'number':1," rest "}]")
#define FS(rest)      "$,'storage':{'filesystems':[{'device':'/dev/a'," rest "}]}}"
#define LUKS(rest)    "$,'storage':{'luks':[{'name':'a','device':'/dev/a'," rest "}]}}"
#define STORAGE(rest) "$,'storage':{" rest "}}"
#define IGN(rest)     "{'ignition':{'version':'3.4.0'," rest "}}"

static void types(void **state)
{
	static const struct hint_case cases[] = {
		{ FILE_("'mode':'0644'"), 0, "write 420: numbers in JSON are decimal, and 420 is 0644" },
		{ FILE_("'mode':'755'"), 0, "write 493: numbers in JSON are decimal, and 493 is 0755" },
		{ FILE_("'mode':'0o600'"), 0, "write 384: numbers in JSON are decimal, and 384 is 0600" },
		{ FILE_("'mode':'rw'"), 0, "write a whole number, without quotes and without a unit" },
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
		{ "$,'systemd':[]}", 0, "write one object here, without the brackets: {...}" },
		{ "$,'systemd':3}", 0, "write an object: {...}" },
		{ FILE_("'mode':99999999999999999999"), 0,
		  "whole numbers are from -9223372036854775808 to 9223372036854775807" },
		{ "$,'systemd':null}", 0, "leave it out, or write {}" },
	};

	(void)state;
	run(cases, ARRAY_SIZE(cases));
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
		{ USER("'\u017fhell':1"), 0,
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
		{ FILE_("'owner':'core'"), 0,
		  "write \"user\": {\"name\": ...} and \"group\": {\"name\": ...}" },
		{ RAW("{\"ignition\": {\"version\": \"3.4.0\"}, \"$schema\": \"x\"}"),
		  "for editors; Ignition does not use it" },
	};

	(void)state;
	run(cases, ARRAY_SIZE(cases));
}

#define SOURCE(url) FILE_("'contents':{'source':'" url "'}")
#define HASH(hash)  FILE_("'contents':{'source':'data:,','verification':{'hash':'" hash "'}}")
#define HEX64       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
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
		{ SOURCE("http://[::1"), 0,
		  "write SCHEME://HOST/PATH; headers need a source beside them; other bytes than letters, digits and "
		  "-._~ are written %XX" },
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
		{ SOURCE("data:;base64,!"), 0,
		  "spaces and special characters are written %XX (a space is %20), or use \"data:;base64,...\"" },
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
	run(cases, ARRAY_SIZE(cases));
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
	run(cases, ARRAY_SIZE(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents), cmocka_unit_test(syntax), cmocka_unit_test(versions),
		cmocka_unit_test(types),     cmocka_unit_test(keys),   cmocka_unit_test(rules),
		cmocka_unit_test(modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
