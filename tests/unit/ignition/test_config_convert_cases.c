/*
 * Small cases of the conversion of old configs: what stands where in the result, and every finding of
 * the conversion. In a text ' stands for " and $ for the version. Whole configs: test_config_convert.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"

#define STORAGE(rest) "{'ignition':{'version':'$'},'storage':{" rest "}}"
#define DISK(rest)    STORAGE("'disks':[{'device':'/dev/a','partitions':[" rest "]}]")
#define WIPED(rest)   STORAGE("'disks':[{'device':'/dev/a','wipeTable':true,'partitions':[" rest "]}]")
#define FS(rest)      STORAGE("'filesystems':[" rest "]")
#define FILES(rest)   STORAGE("'files':[" rest "]")
#define PROXY(rest)   "{'ignition':{'version':'$','proxy':{" rest "}}}"
#define UNITS(rest)   "{'ignition':{'version':'$'},'systemd':{'units':[" rest "]}}"
#define USERS(rest)   "{'ignition':{'version':'$'},'passwd':{'users':[" rest "]}}"

/* A file system that is used: its prefix is in the path of the file. */
#define ON(fs, name)                                                                                         \
	STORAGE("'filesystems':[" fs "],'files':[{'filesystem':'" name                                       \
		"','path':'/f','mode':420,'contents':{'source':'data:,'}}]")
#define MOUNT(name, device) "{'name':'" name "','mount':{'device':'" device "','format':'ext4'}}"

/* Labelled by an option of mkfs. */
#define ROOT_BY(options)                                                                                          \
	"{'name':'root','mount':{'device':'/dev/sda9','format':'ext4','create':{'force':true,'options':[" options \
	"]}}}"
#define ANOTHER_ROOT                                                                                         \
	"warning at $.storage.filesystems.0.mount.device: files of the file system \"root\" are written to " \
	"the root that is booted, which may be another device than this\n"

static const char sectors_told[] =
	"warning at $.storage.disks.0.partitions: size and start are read as sectors of 512 bytes and become MiB, but "
	"disks with sectors of 4096 bytes got 8 times as much; a config of 2.3.0 or later can say sizeMiB and startMiB "
	"instead\n";

static const struct {
	unsigned minor;
	const char *text;
	const char *out;  /* in the compact form of the result; NULL: refused */
	const char *want; /* all findings of the conversion, not those of the rules of 2.x */
} cases[] = {
	/* sectors */
	{ 0, DISK("{'number':1,'start':2048,'size':4096}"), "{'number':1,'sizeMiB':2,'startMiB':1}",
	  sectors_told },
	{ 0, DISK("{'number':1}"), "{'number':1,'sizeMiB':0,'startMiB':0}", "" },
	{ 2, DISK("{'number':1,'start':0,'size':0}"), "{'number':1,'sizeMiB':0,'startMiB':0}", "" },
	{ 3, DISK("{'number':1}"), "{'number':1}]", "" },
	{ 3, DISK("{'number':1,'size':0}"), "{'number':1,'sizeMiB':0}", "" },
	{ 4, DISK("{'number':1,'sizeMiB':3,'startMiB':0}"), "{'number':1,'sizeMiB':3,'startMiB':0}", "" },
	{ 1, DISK("{'number':1,'size':1}"), NULL,
	  "error at $.storage.disks.0.partitions.0.size: 1 sectors of 512 bytes are no whole number of MiB: "
	  "write 2048 sectors, or sizeMiB 1 in a config of 2.3.0 or later\n" },
	{ 1, DISK("{'number':1,'size':4097}"), NULL,
	  "error at $.storage.disks.0.partitions.0.size: 4097 sectors of 512 bytes are no whole number of "
	  "MiB: write 4096 or 6144 sectors, or sizeMiB 2 or 3 in a config of 2.3.0 or later\n" },
	/* numbers and labels */
	{ 4, DISK("{'label':'x'}"), "{'label':'x'}]", "" },
	{ 4, DISK("{'label':''}"), NULL,
	  "error at $.storage.disks.0.partitions.0: 3.x wants a number or a label for each partition: give "
	  "this one either\n" },
	{ 4, WIPED("{},{'number':1},{},{'number':3}"),
	  "[{'number':2},{'number':1},{'number':4},{'number':3}]", "" },
	{ 4, WIPED("{'label':'a'},{}"), "[{'label':'a'},{'number':2}]", "" },
	{ 4, DISK("{'number':1,'label':'a:b:c'}"), "{'label':'a','number':1}",
	  "warning at $.storage.disks.0.partitions.0.label: a label ends at its first colon, so this becomes "
	  "\"a\"\n" },
	{ 4, DISK("{'number':1,'shouldExist':false}"), "{'number':1,'shouldExist':false}", "" },
	{ 4, DISK("{'number':1,'guid':'','typeGuid':'','wipePartitionEntry':false,'shouldExist':true}"),
	  "{'number':1,'shouldExist':true}", "" },
	/* the names of file systems */
	{ 4, ON("", "root"), "'path':'/f'", "" },
	{ 4, ON("{'name':'root','path':'/sysroot'}", "root"), "'path':'/f'", "" },
	{ 4, ON("{'name':'x','path':'/sysroot'}", "x"), "'path':'/f'", "" },
	{ 4, ON("{'name':'x','path':'/sysroot/a/../b/'}", "x"), "'path':'/b/f'", "" },
	{ 4, ON("{'name':'x','path':'/sysroots'}", "x"), NULL,
	  "error at $.storage.filesystems.0.path: a directory of the initramfs, which is gone after boot: 3.x "
	  "writes to the root only, for which write a path below /sysroot\n" },
	{ 4, ON(MOUNT("x", "/dev/disk/by-label/ROOT"), "x"), "'path':'/f'", "" },
	{ 4, ON(MOUNT("root", "/dev/disk/by-partlabel/ROOT"), "root"), "'path':'/f'", "" },
	{ 4, ON("{'name':'root','mount':{'device':'/dev/a','format':'xfs','label':'ROOT'}}", "root"),
	  "{'device':'/dev/a','format':'xfs','label':'ROOT'}", "" },
	{ 0, ON(ROOT_BY("'-L','ROOT'"), "root"), "'path':'/f'", "" },
	{ 0, ON(ROOT_BY("'-LROOT'"), "root"), "'path':'/f'", "" },
	{ 0, ON(ROOT_BY("'--label=ROOT'"), "root"), "'path':'/f'", "" },
	{ 0, ON(ROOT_BY("'-q','--label','ROOT'"), "root"), "'path':'/f'", "" },
	{ 0, ON(ROOT_BY("'ROOT','-L','DATA','--label'"), "root"), "'path':'/f'", ANOTHER_ROOT },
	{ 4, ON("{'name':'md','mount':{'device':'/dev/md/a','format':'xfs','label':'ROOT'}}", "md"),
	  "'path':'/f'", "" },
	{ 4, ON(MOUNT("root", "/dev/a"), "root"), "{'device':'/dev/a','format':'ext4'}",
	  "warning at $.storage.filesystems.0.mount.device: files of the file system \"root\" are written to "
	  "the root that is booted, which may be another device than this\n" },
	{ 4, ON(MOUNT("x", "/dev/disk/by-label/OEM"), "x"), "'path':'/oem/f'",
	  "warning at $.storage.filesystems.0.mount.format: becomes btrfs, which is what the OEM partition is "
	  "on current images; an ext4 one is refused then, so write a 3.x config for machines that have it\n" },
	{ 4, ON("{'name':'oem','mount':{'device':'/dev/x','format':'btrfs'}}", "oem"), "'path':'/oem/f'",
	  "" },
	{ 4, ON(MOUNT("x", "/dev/a:b%/"), "x"), "'path':'/tmp/ign:dev:a%3Ab%25/f'", "" },
	{ 4, ON(MOUNT("x", "/dev/a"), "x"), "{'device':'/dev/a','format':'ext4','path':'/tmp/ign:dev:a'}",
	  "" },
	{ 2,
	  STORAGE("'filesystems':[" MOUNT(
		  "x", "/dev/a") "],'files':[{'filesystem':'x','path':'/../../etc/f','mode':0}]"),
	  "'path':'/tmp/ign:dev:a/etc/f'", "" },
	{ 2,
	  STORAGE("'filesystems':[{'name':'x','path':'/sysroot/srv'}],'links':[{'filesystem':'x','path':'/../l',"
		  "'hard':true,'target':'../../f'}]"),
	  "'path':'/srv/l','user':{},'hard':true,'target':'/srv/f'", "" },
	{ 2,
	  STORAGE("'filesystems':[" MOUNT(
		  "x", "/dev/a") "],'directories':[{'filesystem':'x','path':'/..','mode':493}]"),
	  "'path':'/tmp/ign:dev:a'", "" },
	{ 2,
	  STORAGE("'filesystems':[" MOUNT(
		  "x", "/dev/a") "],'links':[{'filesystem':'x','path':'/a/l','target':'../b'}],"
				 "'files':[{'filesystem':'x','path':'/a/l/f','mode':0}]"),
	  NULL,
	  "error at $.storage.files.0.path: /a/l/f leads through the link /a/l of this config: write /b/f\n" },
	{ 2,
	  STORAGE("'filesystems':[" MOUNT(
		  "x", "/dev/a") "],'directories':[{'filesystem':'x','path':'/a','mode':0}],"
				 "'files':[{'filesystem':'x','path':'/a','mode':0}]"),
	  NULL,
	  "error at $.storage.files.0: /a is a file, and $.storage.directories.0 makes a directory of it: remove one "
	  "of the two\n" },
	{ 2,
	  STORAGE("'filesystems':[" MOUNT(
		  "x", "/dev/a") "],'links':[{'filesystem':'root','path':'/tmp','target':'var'}],"
				 "'files':[{'filesystem':'x','path':'/f','mode':0}]"),
	  NULL,
	  "error at $.storage.files.0.path: /tmp/ign:dev:a/f leads through the link /tmp of this config: write "
	  "/var/ign:dev:a/f\n" },
	{ 4, ON(MOUNT("x", "/dev/a"), "root"), "{'device':'/dev/a','format':'ext4'}", "" },
	{ 4, ON(MOUNT("x", "/dev/a"), "y"), NULL,
	  "error at $.storage.files.0.filesystem: the file system \"y\" is not defined in this config, and "
	  "3.x has no names that other configs could use: define it here too\n" },
	/* making them */
	{ 0, FS("{'mount':{'device':'/dev/a','format':'xfs','create':{'force':true,'options':['-K']}}}"),
	  "{'device':'/dev/a','format':'xfs','options':['-K'],'wipeFilesystem':true}", "" },
	{ 0, FS("{'mount':{'device':'/dev/a','format':'xfs','create':{'force':false}}}"),
	  "{'device':'/dev/a','format':'xfs'}",
	  "warning at $.storage.filesystems.0.mount.create: without force, Ignition 0.x refused any device "
	  "that holds a file system; 3.x uses one that is already xfs and refuses all others\n" },
	{ 1, FS("{'mount':{'device':'/dev/a','format':'swap','wipeFilesystem':false,'uuid':'','label':'x'}}"),
	  "{'device':'/dev/a','format':'swap','label':'x'}", "" },
	{ 1, FS("{'mount':{'device':'/dev/a/./','format':'vfat'}}"), "{'device':'/dev/a','format':'vfat'}",
	  "" },
	{ 1, FS("{'mount':{'device':'/dev/a/../b','format':'vfat'}}"), "{'device':'/dev/b','format':'vfat'}",
	  "info at $.storage.filesystems.0.mount.device: 3.x allows no \"..\" here, so this becomes /dev/b\n" },
	/* files */
	{ 4, FILES("{'filesystem':'root','path':'/a','mode':0}"),
	  "{'group':{},'overwrite':true,'path':'/a','user':{},'contents':{'source':'','verification':{}},"
	  "'mode':0}",
	  "" },
	{ 4,
	  FILES("{'filesystem':'root','path':'/a','mode':384,'overwrite':false,'user':{'name':'u'},"
		"'group':{'name':''}}"),
	  "{'group':{},'overwrite':false,'path':'/a','user':{'name':'u'},'contents':{'source':'',"
	  "'verification':{}},'mode':384}",
	  "" },
	{ 4, FILES("{'filesystem':'root','path':'/a','mode':420,'append':true}"),
	  "'append':[{'source':'','verification':{}}],'contents':{'verification':{}},'mode':420", "" },
	{ 0, FILES("{'filesystem':'root','path':'/a'}"), "'contents':{'source':'','verification':{}}}",
	  "warning at $.storage.files.0.mode: without a mode, Ignition 0.x made this 0000; now it is 0644: "
	  "write the mode that is meant\n" },
	{ 1, STORAGE("'directories':[{'filesystem':'root','path':'/a'}]"),
	  "'directories':[{'group':{},'path':'/a','user':{}}]",
	  "warning at $.storage.directories.0.mode: without a mode, Ignition 0.x made this 0000; now it is 0755 "
	  "if it is new: write the mode that is meant\n" },
	/* units */
	{ 0, UNITS("{'name':'a.service','enable':true,'mask':false,'contents':''}"),
	  "{'enabled':true,'name':'a.service'}", "" },
	{ 1, UNITS("{'name':'a.service','enable':false,'enabled':false}"),
	  "{'enabled':false,'name':'a.service'}", "" },
	{ 1, UNITS("{'name':'a.service','enable':true,'enabled':true},{'name':'a.service','enable':true}"),
	  "[{'enabled':true,'name':'a.service'}]", "" },
	/* users */
	{ 0, USERS("{'name':'a','passwordHash':''},{'name':'b','passwordHash':'x'}"),
	  "{'name':'a'},{'name':'b','passwordHash':'x'}", "" },
	{ 1, USERS("{'name':'a','system':false,'shell':'','passwordHash':''}"),
	  "{'name':'a','passwordHash':''}", "" },
	{ 1, USERS("{'name':'a','uid':0,'noCreateHome':true}"), "{'name':'a','noCreateHome':true,'uid':0}",
	  "" },
	{ 0, USERS("{'name':'a','create':{'uid':7,'gecos':'','groups':[]}}"), "{'name':'a','uid':7}", "" },
	/* proxies */
	{ 4, PROXY("'httpProxy':'','httpsProxy':'https://a'"), "'proxy':{'httpsProxy':'https://a'}", "" },
	{ 4, PROXY("'httpProxy':'10.0.0.1:3128'"), "'proxy':{'httpProxy':'http://10.0.0.1:3128'}",
	  "info at $.ignition.proxy.httpProxy: 3.x wants a URL, so this becomes one that begins with "
	  "http://\n" },
	{ 4, PROXY("'httpsProxy':'socks5://a'"), NULL,
	  "error at $.ignition.proxy.httpsProxy: 3.x has http and https proxies only\n" },
	{ 4, PROXY("'httpProxy':'a b'"), NULL,
	  "error at $.ignition.proxy.httpProxy: no URL of an http or https proxy\n" },
};

static void put(struct buf *out, const char *text, unsigned minor)
{
	for (; *text; text++) {
		if (*text == '\'')
			(void)buf_putc(out, '"');
		else if (*text == '$')
			(void)buf_printf(out, "2.%u.0", minor);
		else
			(void)buf_putc(out, *text);
	}
}

/* What the rules of 2.x say, which other tests look at. */
static bool of_the_rules(const char *text)
{
	static const char *const known[] = { "permissions unset", "partition label will be truncated",
					     "the create object", "is deprecated; use",
					     "shadows exising",   "references nonexistent" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strstr(text, known[i]))
			return true;
	return false;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(report_done) struct report rep = { 0 };
		CLEANUP(buf_done) struct buf text = { 0 };
		CLEANUP(buf_done) struct buf found = { 0 };
		CLEANUP(buf_done) struct buf json = { 0 };
		CLEANUP(buf_done) struct buf want = { 0 };
		struct ign_config c;
		struct err e = { 0 };
		int r;

		put(&text, cases[i].text, cases[i].minor);
		r = ign_config_parse(buf_str(&text), text.n, a, &rep, &c, &e);
		for (size_t k = 0; k < rep.n; k++) {
			assert_true(rep.v[k].line == 1 && rep.v[k].col > 0);
			if (of_the_rules(rep.v[k].text))
				continue;
			rep.v[k].line = rep.v[k].col = 0;
			assert_int_equal(report_format(&rep.v[k], &found), 0);
			assert_int_equal(buf_putc(&found, '\n'), 0);
		}
		if (strcmp(buf_str(&found), cases[i].want) != 0)
			fail_msg("%s\ngives\n%swanted\n%s", buf_str(&text), buf_str(&found), cases[i].want);
		if (r != (cases[i].out ? 0 : -EBADMSG))
			fail_msg("%s\ngives %d", buf_str(&text), r);
		if (!cases[i].out)
			continue;
		assert_int_equal(ign_config_emit(&c, &json), 0);
		put(&want, cases[i].out, 0);
		if (!strstr(buf_str(&json), buf_str(&want)))
			fail_msg("%s\nbecomes\n%s\nwithout\n%s", buf_str(&text), buf_str(&json),
				 buf_str(&want));
	}
}

/* Spec 1 and every 2.x give the same for what all of them can say. */
static void test_every_version(void **state)
{
	static const char file[] = "{'path':'/f','mode':384,'contents':", want[] = "data:,a%20b";

	(void)state;
	for (unsigned minor = 0; minor <= 5; minor++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(report_done) struct report rep = { 0 };
		CLEANUP(buf_done) struct buf text = { 0 };
		struct ign_config c;
		struct err e = { 0 };

		if (minor == 5) {
			put(&text,
			    "{'ignitionVersion':1,'storage':{'filesystems':[{'device':'/dev/disk/by-label/ROOT',"
			    "'format':'ext4','files':[",
			    0);
			put(&text, file, 0);
			put(&text, "'a b'}]}]}}", 0);
		} else {
			put(&text, "{'ignition':{'version':'$'},'storage':{'files':[", minor);
			put(&text, file, minor);
			put(&text, "{'source':'data:,a%20b'},'filesystem':'root'}]}}", minor);
		}
		assert_int_equal(ign_config_parse(buf_str(&text), text.n, a, &rep, &c, &e), 0);
		assert_string_equal(c.ignition.version, "3.7.0-experimental");
		assert_int_equal(c.storage.files.n, 1);
		assert_string_equal(c.storage.files.v[0].path, "/f");
		assert_string_equal(c.storage.files.v[0].contents.source, want);
		assert_true(c.storage.files.v[0].mode.set && c.storage.files.v[0].mode.v == 0600);
		assert_true(c.storage.files.v[0].overwrite.v);
	}
}

enum { MANY = 5000 };

/* In an item, # stands for its number. */
static void many(struct buf *out, const char *head, const char *item, const char *tail)
{
	const char *number = strchr(item, '#');

	put(out, head, 4);
	for (int i = 0; i < MANY; i++) {
		CLEANUP(buf_done) struct buf text = { 0 };

		assert_int_equal(buf_append(&text, item, (size_t)(number - item)), 0);
		assert_int_equal(buf_printf(&text, "%d%s%s", i, number + 1, i < MANY - 1 ? "," : ""), 0);
		put(out, buf_str(&text), 4);
	}
	put(out, tail, 4);
}

/* As many entries of one name as a config can have: one pass, findings counted but not all kept. */
static void test_many_of_one_name(void **state)
{
	static const struct {
		const char *head, *item, *tail;
	} lists[] = {
		{ "{'ignition':{'version':'$'},'storage':{'files':[",
		  "{'filesystem':'root','path':'/f','mode':420,'contents':{'source':'data:,#'}}", "]}}" },
		{ "{'ignition':{'version':'$'},'systemd':{'units':[",
		  "{'name':'a.service','dropins':[{'name':'a.conf','contents':'[A]\\nB=#\\n'}]}", "]}}" },
		{ "{'ignition':{'version':'$'},'passwd':{'users':[", "{'name':'u','uid':#}", "]}}" },
		{ "{'ignition':{'version':'$'},'networkd':{'units':[",
		  "{'name':'a.network','contents':'[A]\\nB=#\\n'}", "]}}" },
		{ "{'ignition':{'version':'$'},'storage':{'filesystems':[",
		  "{'name':'n','path':'/sysroot/#'}",
		  "],'files':[{'filesystem':'n','path':'/f','mode':420}]}}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(report_done) struct report rep = { 0 };
		CLEANUP(buf_done) struct buf text = { 0 };
		CLEANUP(buf_done) struct buf json = { 0 };
		struct ign_config c;
		struct err e = { 0 };

		many(&text, lists[i].head, lists[i].item, lists[i].tail);
		assert_int_equal(ign_config_parse(buf_str(&text), text.n, a, &rep, &c, &e), 0);
		assert_true(rep.count[SEV_WARN] + rep.count[SEV_INFO] >= MANY - 2);
		assert_int_equal(ign_config_emit(&c, &json), 0);
		assert_true(strstr(buf_str(&json), "4999"));
		assert_true(json.n < 1000);
	}
}

#define TOO_LONG                                                                                                \
	"too long to write files there: that takes a directory whose name comes from this and has at most 255 " \
	"bytes\n"

/* Names that no file can have are refused before they are copied for all that lies below. */
static void test_long_names(void **state)
{
	static const struct {
		const char *head, *tail, *want;
	} names[] = {
		{ "{'ignition':{'version':'$'},'networkd':{'units':[{'name':'",
		  ".network','contents':'[A]','dropins':[{'name':'a.conf','contents':'[A]'}]}]}}",
		  "error at $.networkd.units.0.name: no file can have a name of more than 255 bytes\n" },
		{ "{'ignition':{'version':'$'},'storage':{'filesystems':[{'name':'n','mount':{'device':'/",
		  "','format':'ext4'}}],'files':[{'filesystem':'n','path':'/f','mode':420}]}}",
		  "error at $.storage.filesystems.0.mount.device: " TOO_LONG },
		{ "{'ignition':{'version':'$'},'storage':{'filesystems':[{'name':'n','path':'/sysroot/",
		  "'}],'files':[{'filesystem':'n','path':'/f','mode':420}]}}",
		  "error at $.storage.filesystems.0.path: " TOO_LONG },
		{ "{'ignition':{'version':'$'},'storage':{'links':[{'filesystem':'root','path':'/l','target':'/",
		  "'}],'files':[{'filesystem':'root','path':'/l/f','mode':420}]}}",
		  "error at $.storage.files.0.path: /l/f lies below the link /l of this config\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(report_done) struct report rep = { 0 };
		CLEANUP(buf_done) struct buf text = { 0 };
		CLEANUP(buf_done) struct buf found = { 0 };
		struct ign_config c;
		struct err e = { 0 };

		put(&text, names[i].head, 4);
		for (int k = 0; k < MANY; k++)
			assert_int_equal(buf_putc(&text, 'n'), 0);
		put(&text, names[i].tail, 4);
		assert_int_equal(ign_config_parse(buf_str(&text), text.n, a, &rep, &c, &e), -EBADMSG);
		assert_int_equal(rep.n, 1);
		rep.v[0].line = rep.v[0].col = 0;
		assert_int_equal(report_print(&rep, &found), 0);
		assert_string_equal(buf_str(&found), names[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_many_of_one_name),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
