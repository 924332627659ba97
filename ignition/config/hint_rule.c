/* Findings of the rules: by the rule's own text, so that rules need not know of hints. */
#include "ignition/config/hint_priv.h"
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/config/config.h"
#include "ignition/config/validate_priv.h"

enum { SHOWN = 200 }; /* bytes of a value that is repeated in a hint */

static int path_simplified(const struct hint *h)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	char text[SHOWN], *clean;

	if (!a)
		return -ENOMEM;
	if (!hint_string(h, text, sizeof text))
		return 0;
	clean = path_clean(a, text);
	return clean ? hint_say(h, "write \"%s\"", clean) : -ENOMEM;
}

static int path_missing(const struct hint *h)
{
	if (strncmp(hint_key_name(h), "device", strlen("device")) == 0 || h->entry) /* or one of "devices" */
		return hint_say(h, "give a device: \"/dev/disk/by-id/...\" or \"/dev/vda\"");
	return hint_say(h, "give a path: \"/etc/example\"");
}

static int path_absolute(const struct hint *h)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	char text[SHOWN], *whole, *clean;

	if (!a)
		return -ENOMEM;
	if (!hint_string(h, text, sizeof text))
		return 0;
	if (*text == '~' || *text == '$')
		return hint_say(h,
				"nothing is expanded here: write the whole path, such as \"/home/core/...\"");
	if (strchr(text, '\\') || (isalpha((unsigned char)text[0]) && text[1] == ':'))
		return hint_say(h, "a path begins with / and has / between its parts");
	whole = arena_printf(a, "/%s", text);
	clean = whole ? path_clean(a, whole) : NULL;
	return clean ? hint_say(h, "a path begins with /: \"%s\"", clean) : -ENOMEM;
}

static int mode_range(const struct hint *h)
{
	unsigned meant;
	int64_t mode;

	if (hint_int(h, &mode) && hint_octal_digits(mode, &meant))
		return hint_say(h, "numbers in JSON are decimal: write %u for 0%o", meant, meant);
	meant = 0;
	if (hint_int(h, &mode) && mode >> 15 == 1) /* as stat() has it: S_IFREG and the permissions */
		meant = (unsigned)mode & 07777;
	if (meant || (hint_int(h, &mode) && mode > 0 && hint_octal_digits(mode % 10000, &meant)))
		return hint_say(h, "a mode has the permissions only, as a decimal number: write %u for 0%o",
				meant, meant);
	return hint_say(h, "a mode is a decimal number from 0 to 4095 (07777): 420 is 0644, 493 is 0755");
}

static int mode_special(const struct hint *h)
{
	unsigned meant;
	int64_t mode;

	if (!hint_int(h, &mode) || mode < 0 || mode > 07777) /* an error says what to write */
		return 0;
	if (hint_octal_digits(mode, &meant))
		return hint_say(h, "numbers in JSON are decimal: %d is mode 0%o; write %u for 0%o", (int)mode,
				(unsigned)mode, meant, meant);
	return hint_say(h, "raise ignition.version to 3.6.0, or write %u, which is 0%o",
			(unsigned)mode & 0777, (unsigned)mode & 0777);
}

static int url_scheme(const struct hint *h)
{
	const char *known = h->source->major < 3   ? "http, https, tftp, s3, data, oem"
			    : h->source->minor < 2 ? "http, https, tftp, s3, data"
			    : h->source->minor < 4 ? "http, https, tftp, s3, gs, data"
						   : "http, https, tftp, s3, arn, gs, data";
	char text[SHOWN];

	if (strcmp(hint_key_name(h), "url") == 0)
		return hint_say(h, "a tang server has an http or https address");
	if (hint_string(h, text, sizeof text)) {
		if (strncasecmp(text, "gs:", 3) == 0)
			return hint_say(h, "gs: came with version 3.2.0: raise ignition.version");
		if (strncasecmp(text, "arn:", 4) == 0)
			return hint_say(h, "arn: came with version 3.4.0: raise ignition.version");
		if (strncasecmp(text, "oem:", 4) == 0)
			return hint_say(h, "spec 2 had oem:; since spec 3 there is none");
		if (*text == '/' || strncasecmp(text, "file:", 5) == 0)
			return hint_say(h,
					"a file of the machine cannot be a source: give the text itself as "
					"\"data:,...\", or an https address");
		if (strncasecmp(text, "http", 4) == 0)
			return hint_say(h, "write https://HOST/PATH");
		if (!strchr(text, ':'))
			return hint_say(h, "a source is an address; a text itself is written \"data:,...\"");
	}
	return hint_say(h, "known schemes: %s", known);
}

#define BASE64 "write plain base64 with its = at the end, without line breaks (base64 -w0)"

static int data_character(const struct hint *h)
{
	const char *at = h->source->text + h->off;
	const char *comma = memchr(at, ',', h->source->len - h->off);
	size_t n = strlen(";base64");

	if (comma && comma - at >= (ptrdiff_t)n && strncmp(comma - n, ";base64", n) == 0)
		return hint_say(h, BASE64);
	return hint_say(h, "spaces and special characters are written %%XX (a space is %%20), or use "
			   "\"data:;base64,...\"");
}

static int url_form(const struct hint *h)
{
	const char *at = h->source->text + h->off;

	if (strcmp(hint_key_name(h), "httpHeaders") == 0)
		return hint_say(h, "add \"source\" beside the headers, or remove them");
	if (strncmp(at, "\"data:", strlen("\"data:")) == 0)
		return hint_say(h,
				"a data: URL is one line without spaces: line breaks are written %%0A, and "
				"base64 has none (base64 -w0)");
	return hint_say(
		h, "write SCHEME://HOST/PATH; other bytes than letters, digits and -._~ are written %%XX");
}

static bool all_hex(const char *s)
{
	return s[strspn(s, "0123456789abcdefABCDEF")] == '\0';
}

static int hash_form(const struct hint *h)
{
	char text[SHOWN];
	size_t n = hint_string(h, text, sizeof text) ? strlen(text) : 0;

	if ((n == 128 || n == 64) && all_hex(text))
		return hint_say(h, "put the name of the function before it: \"%s-%.8s...\"",
				n == 128 ? "sha512" : "sha256", text);
	if (n > 7 && text[6] == ':')
		return hint_say(h, "write a dash behind the name of the function: \"%.6s-...\"", text);
	return hint_say(h, "write \"sha512-\" and 128 hexadecimal digits (sha512sum FILE)");
}

static int hash_name(const struct hint *h)
{
	if (h->source->major == 3 && h->source->minor > 0)
		return hint_say(h, "known: sha512, and sha256");
	return hint_say(h, "this version knows sha512 only; sha256 came with version 3.1.0");
}

static int hash_size(const struct hint *h)
{
	char text[2 * SHOWN];
	const char *dash = hint_string(h, text, sizeof text) ? strchr(text, '-') : NULL;

	if (!dash)
		return 0;
	return hint_say(h, "%.6s has %d hexadecimal digits, here are %zu", text,
			strncmp(text, "sha256", 6) == 0 ? 64 : 128, strlen(dash + 1));
}

static int filesystem_format(const struct hint *h)
{
	char text[SHOWN];

	if (hint_string(h, text, sizeof text)) {
		if (strcmp(text, "none") == 0)
			return hint_say(h, "\"none\" came with version 3.3.0: raise ignition.version");
		if (strcmp(text, "virtiofs") == 0)
			return hint_say(h, "\"virtiofs\" came with version 3.7.0-experimental");
		if (strcasecmp(text, "fat") == 0 || strcasecmp(text, "fat32") == 0)
			return hint_say(h, "write \"vfat\"");
	}
	return hint_say(h, h->source->major == 3 && h->source->minor >= IGN_MINOR_EXPERIMENTAL
				   ? "known: ext4, btrfs, xfs, vfat, swap, virtiofs, none"
			   : h->source->major == 3 && h->source->minor >= 3
				   ? "known: ext4, btrfs, xfs, vfat, swap, none"
				   : "known: ext4, btrfs, xfs, vfat, swap");
}

static int colon_label(const struct hint *h)
{
	char text[SHOWN];

	if (!hint_string(h, text, sizeof text))
		return 0;
	for (char *p = text; (p = strchr(p, ':'));)
		*p = '-';
	return hint_say(h, "write another character: \"%s\"", text);
}

static int unit_extension(const struct hint *h)
{
	char text[SHOWN];

	if (hint_string(h, text, sizeof text) && *text && !strchr(text, '.'))
		return hint_say(
			h, "write \"%s.service\", or another type: socket, mount, timer, path, target, ...",
			text);
	return hint_say(
		h, "a unit's name ends in .service, .socket, .device, .mount, .automount, .swap, .target, "
		   ".path, .timer, .slice or .scope");
}

static int dropin_extension(const struct hint *h)
{
	char text[SHOWN];

	if (hint_string(h, text, sizeof text) && *text && !strchr(text, '.'))
		return hint_say(h, "write \"%s.conf\"", text);
	return hint_say(h, "a drop-in's name ends in .conf");
}

/* By which the entries of a list are told apart. */
static int duplicate_entry(const struct hint *h)
{
	static const struct {
		const char *list, *by;
	} keys[] = {
		{ "files", "path, among files, directories and links together" },
		{ "directories", "path, among files, directories and links together" },
		{ "links", "path, among files, directories and links together" },
		{ "partitions", "number, or by label where that is 0" },
		{ "disks", "device" },
		{ "filesystems", "device" },
		{ "merge", "source" },
		{ "certificateAuthorities", "source" },
		{ "shouldExist", "text, among shouldExist and shouldNotExist together" },
		{ "shouldNotExist", "text, among shouldExist and shouldNotExist together" },
		{ "tang", "url" },
	};
	const char *by = "name";

	if (!h->field || !h->entry)
		return 0;
	if (h->field->kind == CFG_STRLIST)
		by = "text";
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].list, h->field->key) == 0)
			by = keys[i].by;
	return hint_say(h, "an earlier entry is the same: they are told apart by %s. Put the two together",
			by);
}

#define DATA_FORM                                                                                            \
	"a text is written \"data:,TEXT\" or \"data:;base64,...\", a type between the colon and the comma"

static const struct rule_hint {
	const char *rule;
	const char *text; /* or made by: */
	int (*make)(const struct hint *h);
} rule_hints[] = {
	/* references and URLs */
	{ "path not specified", NULL, path_missing },
	{ "path not absolute", NULL, path_absolute },
	{ "path is not fully simplified", NULL, path_simplified },
	{ "unable to parse url", NULL, url_form },
	{ "invalid url scheme", NULL, url_scheme },
	{ "missing data prefix", "write data: in small letters", NULL },
	{ "missing comma before data", DATA_FORM, NULL },
	{ "missing media type slash", DATA_FORM, NULL },
	{ "invalid media type", DATA_FORM, NULL },
	{ "invalid character after data prefix", DATA_FORM, NULL },
	{ "invalid character for ", DATA_FORM, NULL },
	{ "invalid syntax", DATA_FORM, NULL },
	{ "unclosed quoted string", DATA_FORM, NULL },
	{ "unterminated parameter sequence", DATA_FORM, NULL },
	{ "expected semicolon or comma", DATA_FORM, NULL },
	{ "expected base64", "write ;base64 in small letters, right before the comma", NULL },
	{ "invalid data character", NULL, data_character },
	{ "illegal base64 data", BASE64, NULL },
	{ "rfc2396: ", "a percent sign itself is written %25", NULL },
	{ "invalid S3 ARN format", "write arn:aws:s3:::BUCKET/KEY", NULL },
	{ "invalid S3 object VersionId", "give versionId a value, or leave it out", NULL },
	{ "invalid compression method", "write \"gzip\", or leave it out", NULL },
	{ "source must be specified if verification is specified",
	  "add \"source\", or remove \"verification\"", NULL },
	{ "malformed hash specifier", NULL, hash_form },
	{ "unrecognized hash function", NULL, hash_name },
	{ "incorrect size for hash sum", NULL, hash_size },
	{ "cannot use HTTP headers with this source scheme",
	  "headers are sent to http and https addresses only", NULL },
	{ "HTTP header name can't be empty", "give it a name, or remove the entry", NULL },
	{ "unable to parse HTTP header",
	  "give \"value\" a text, or leave it out to remove the header of a parent config", NULL },
	{ "source is required", "add \"source\" with the address of the document", NULL },
	{ "proxies must be http(s)", "write http://HOST:PORT; leave it out for none", NULL },
	{ "insecure plaintext HTTP proxy specified for HTTPS resources",
	  "write an https:// proxy, when it has one: what is fetched stays encrypted, which host is asked for does not",
	  NULL },
	{ "duplicate entry defined", NULL, duplicate_entry },
	/* disks */
	{ "disk device is required", "add \"device\", such as \"/dev/disk/by-id/...\" or \"/dev/vda\"",
	  NULL },
	{ "partition numbers collide",
	  "give each partition its own number, or 0 for the next free one and a label", NULL },
	{ "partitions overlap", "change \"startMiB\" or \"sizeMiB\"; a start of 0 takes the next free space",
	  NULL },
	{ "cannot use the same partition label twice", "give each partition its own label", NULL },
	{ "a partition number >= 1 or a label must be specified", "add \"number\" or \"label\"", NULL },
	{ "shouldExist specified false with other options also specified",
	  "to delete a partition, give its \"number\" and \"shouldExist\": false only", NULL },
	{ "partition labels may not exceed 36 characters",
	  "shorten it: bytes count, and a letter with an accent has two", NULL },
	{ "partition label will be truncated to text before the colon", NULL, colon_label },
	{ "doesn't match the form ", "write 8-4-4-4-12 hexadecimal digits (uuidgen), or leave it out", NULL },
	{ "raid level is required", "add \"level\", such as \"raid1\"", NULL },
	{ "unrecognized raid level", "known: linear, raid0, raid1, raid4, raid5, raid6, raid10", NULL },
	{ "spares unsupported for linear and raid0 arrays",
	  "remove \"spares\", or take a level with redundancy", NULL },
	{ "spares unsupported for arrays with a level greater than 0", "remove \"spares\"", NULL },
	{ "raid devices required", "add \"devices\", a list of at least one path", NULL },
	/* file systems */
	{ "device not specified", "add \"device\": the tag of the shared folder", NULL },
	{ "invalid filesystem format", NULL, filesystem_format },
	{ "format cannot be empty when ", "add \"format\", such as \"ext4\"", NULL },
	{ "filesystem must specify format if label is specified", "add \"format\", such as \"ext4\"", NULL },
	{ "filesystem labels cannot be longer than ",
	  "shorten it: bytes count, and a letter with an accent has two", NULL },
	{ "filesystem labels cannot be set when using virtiofs", "remove \"label\"", NULL },
	{ "filesystem uuid cannot be set for non-block-device ", "remove \"uuid\"", NULL },
	{ "wipeFilesystem cannot be set for non-block-device ", "remove \"wipeFilesystem\"", NULL },
	{ "filesystem options (mkfs) cannot be set for non-block-device ",
	  "remove \"options\"; \"mountOptions\" are allowed", NULL },
	{ "filesystem overwrites partitioned device",
	  "name one of its partitions: /dev/disk/by-partlabel/LABEL", NULL },
	{ "device matches disk with wipeTable enabled; ", "add \"wipeFilesystem\": true, if that is meant",
	  NULL },
	/* files */
	{ "overwrite must be false if source is unspecified",
	  "add \"contents\" with a source (\"data:,\" is an empty file), or "
	  "remove \"overwrite\"",
	  NULL },
	{ "illegal file mode", NULL, mode_range },
	{ "setuid/setgid/sticky bits are not supported ", NULL, mode_special },
	{ "cannot set both id and name", "remove one of the two", NULL },
	{ "%s path includes link in config", "write the path that the link leads to", NULL },
	{ "link target is required", "add \"target\"", NULL },
	{ "hard link target is a directory", "leave out \"hard\": only files have hard links", NULL },
	{ "user/group ignored for hard link", "remove it: the link has the owner of the file that it is",
	  NULL },
	{ "path conflicts with systemd unit or dropin",
	  "remove one of the two: the unit writes the same file", NULL },
	/* encryption */
	{ "device names cannot contain slashes", "write the name only: it appears as /dev/mapper/NAME",
	  NULL },
	{ "luks device labels cannot be longer than 47 characters", "shorten it", NULL },
	{ "cannot use custom clevis config with tpm2, tang, or threshold",
	  "a custom pin can hold them: write it with pin \"sss\", or remove \"custom\"", NULL },
	{ "missing required custom clevis pin", "add \"pin\", or remove \"custom\"", NULL },
	{ "missing required custom clevis config", "add \"config\": the pin's settings, JSON in a text",
	  NULL },
	{ "unsupported clevis pin", "write tpm2, tang or sss; other pins came with version 3.6.0", NULL },
	{ "thumbprint is required", "add \"thumbprint\" (tang-show-keys on the server)", NULL },
	{ "advertisement is not valid JSON",
	  "write what http://SERVER/adv returns, as one text with its quotes as \\\"", NULL },
	{ "cannot use cex with clevis", "keep one of the two", NULL },
	{ "cannot use key file with cex", "keep one of the two", NULL },
	/* systemd */
	{ "invalid systemd unit extension", NULL, unit_extension },
	{ "invalid systemd drop-in extension", NULL, dropin_extension },
	{ "invalid unit content: ", "a unit has lines [Section] and Name=value; line breaks are written \\n",
	  NULL },
	{ "unit \"%s\" is enabled, but has no install section ",
	  "add \"[Install]\\nWantedBy=multi-user.target\\n\" to its contents", NULL },
	{ "template unit \"%s\" for \"%s\" doesn't have Install section",
	  "add \"[Install]\\nWantedBy=multi-user.target\\n\" to the template's contents", NULL },
	/* documents */
	{ "integer out of range", "whole numbers are from -9223372036854775808 to 9223372036854775807",
	  NULL },
	{ "more than %d entries", "split it: other configs can be named in ignition.config.merge", NULL },
	{ "context tree does not match ", "leave it out, or write {}", NULL },
	{ "HTTP header has no value, ", "add \"value\", or name the header in a config above this one",
	  NULL },
	{ "virtiofs device tag cannot be longer than ",
	  "shorten it: it is the tag that the host gave the folder", NULL },
	/* spec 1 and 2 */
	{ "no filesystem specified", "add \"filesystem\": \"root\", or another name of storage.filesystems",
	  NULL },
	{ "filesystem is missing mount or path", "add \"mount\" or \"path\"", NULL },
	{ "filesystem has both mount and path defined", "remove one of the two", NULL },
	{ "filesystem \"%s\": path not absolute", "a path begins with /", NULL },
	{ "%s \"%s\" references nonexistent filesystem ", "\"root\" is there without being defined", NULL },
	{ "Filesystem \"%s\" shadows ",
	  "files can name the last of these only; \"root\" is there without being defined", NULL },
	{ "cannot use both create object and ", "remove \"create\"", NULL },
	{ "the create object has been deprecated in favor of mount-level ",
	  "move its members up: \"force\" is \"wipeFilesystem\" there", NULL },
	{ "the create object has been deprecated in favor of user-level ", "move its members into the user",
	  NULL },
	{ "cannot use both the create object and the user-level ",
	  "keep what the user has, and remove \"create\"", NULL },
	{ "cannot set both append and overwrite to true", "remove one of the two", NULL },
	{ "permissions unset, ", "add \"mode\", a decimal number: 420 is 0644", NULL },
	{ "partitions misaligned", "start at a multiple of 2048 sectors (1 MiB)", NULL },
	{ "size is deprecated; ",
	  "write \"sizeMiB\", in MiB; a sector has 512 bytes, so 2048 of them are 1 MiB", NULL },
	{ "start is deprecated; ",
	  "write \"startMiB\", in MiB; a sector has 512 bytes, so 2048 of them are 1 MiB", NULL },
	{ "cannot mix MBs and sectors within a disk", "write \"sizeMiB\" and \"startMiB\" for all partitions",
	  NULL },
	{ "shouldExist is false for a partition and other ",
	  "give the disk's other partitions a start and a size", NULL },
	{ "must not be negative", "write 0 or more", NULL },
	{ "Found duplicate HTTP header: ", "keep one of the two", NULL },
	{ "invalid url \"%s\": ", "write SCHEME://HOST/PATH", NULL },
	{ "invalid networkd unit extension", "a networkd unit's name ends in .link, .netdev or .network",
	  NULL },
	{ "invalid networkd drop-in extension", "a drop-in's name ends in .conf", NULL },
};

int hint_rule(const struct hint *h)
{
	/* "%s": the text was made where the rule did not go, by the parser of URLs */
	const char *rule = strcmp(h->finding->rule, "%s") == 0 ? h->finding->text : h->finding->rule;

	for (size_t i = 0; i < ARRAY_SIZE(rule_hints); i++) {
		const struct rule_hint *k = &rule_hints[i];

		if (strncmp(rule, k->rule, strlen(k->rule)) == 0)
			return k->make ? k->make(h) : hint_say(h, "%s", k->text);
	}
	return 0;
}
