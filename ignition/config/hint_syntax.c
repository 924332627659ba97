/* A text that is no JSON: what it is instead, or what is wrong at the place. */
#include "ignition/config/hint_priv.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/cleanup.h"

enum {
	HEAD = 4096, /* bytes of the document that tell what it is */
	WORD_MAX = 40,
};

#define CLOUD_INIT                                                                                           \
	"this is a cloud-init config, which Ignition does not read: write an Ignition config, "              \
	"for example with Butane"
#define BUTANE                                                                                               \
	"this is YAML, probably a Butane config: translate it first (butane --strict FILE > config.ign)"

#define OBJECT "a config is one JSON object: it begins with {"

struct text {
	const char *p;
	size_t n;
};

static bool starts(struct text t, const char *with, size_t n)
{
	return t.n >= n && memcmp(t.p, with, n) == 0;
}

#define STARTS(t, s) starts(t, s, sizeof(s) - 1)

static bool starts_word(struct text t, const char *word)
{
	return t.n >= strlen(word) && strncasecmp(t.p, word, strlen(word)) == 0;
}

static struct text skip_space(struct text t)
{
	while (t.n && (*t.p == ' ' || (*t.p >= '\t' && *t.p <= '\r'))) {
		t.p++;
		t.n--;
	}
	return t;
}

static const char *begin_of(const struct hint *h)
{
	return skip_space((struct text){ h->source->text, h->source->len }).p;
}

/* Formats that begin with bytes of their own. */
static const char *binary_kind(struct text t)
{
	static const struct {
		const char *magic;
		size_t n;
		const char *hint;
	} kinds[] = {
		{ "\x1f\x8b", 2, "this is compressed with gzip: unpack it first (gunzip)" },
		{ "\x28\xb5\x2f\xfd", 4, "this is compressed with zstd: unpack it first (unzstd)" },
		{ "\xfd"
		  "7zXZ\0",
		  6, "this is compressed with xz: unpack it first (unxz)" },
		{ "BZh", 3, "this is compressed with bzip2: unpack it first (bunzip2)" },
		{ "PK\x03\x04", 4, "this is a zip archive: unpack it first" },
		{ "\xef\xbb\xbf", 3,
		  "the file begins with a byte order mark (EF BB BF), which JSON does not allow: save it as UTF-8 "
		  "without one" },
		{ "\xff\xfe", 2, "this is UTF-16: save the file as UTF-8" },
		{ "\xfe\xff", 2, "this is UTF-16: save the file as UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (starts(t, kinds[i].magic, kinds[i].n))
			return kinds[i].hint;
	if (t.n >= 4 && ((!t.p[0] && t.p[1] && !t.p[2]) || (t.p[0] && !t.p[1] && !t.p[3])))
		return "this is UTF-16: save the file as UTF-8";
	return NULL;
}

static const char *text_kind(struct text t)
{
	static const struct {
		const char *begin, *hint;
	} kinds[] = {
		{ "#cloud-config", CLOUD_INIT },
		{ "#cloud-init", CLOUD_INIT },
		{ "#!",
		  "this is a script: an Ignition config describes the system instead; a script can be a file and a "
		  "unit in it" },
		{ "Content-Type: multipart",
		  "this is a MIME message as cloud-init takes it; Ignition takes one config" },
		{ "MIME-Version:",
		  "this is a MIME message as cloud-init takes it; Ignition takes one config" },
		{ "<!doctype html",
		  "this is an HTML page, such as a server's error page: check the address that it was "
		  "fetched from" },
		{ "<html",
		  "this is an HTML page, such as a server's error page: check the address that it was fetched "
		  "from" },
		{ "<",
		  "this is XML, such as a storage service's error message: check the address that it was fetched "
		  "from" },
		{ "-----BEGIN ", "this is a key or a certificate in PEM form, no config" },
		{ "data:", "this is a data: URL: a config is what it holds, decoded" },
		{ "%7B", "this is percent-encoded: decode it first" },
		{ "variant:", BUTANE },
		{ "---", BUTANE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (starts_word(t, kinds[i].begin))
			return kinds[i].hint;
	return NULL;
}

/* Some line begins with a key that a Butane config or one of cloud-init has. */
static const char *yaml_kind(struct text t)
{
	static const struct {
		const char *key, *hint;
	} kinds[] = {
		{ "variant:", BUTANE },      { "version:", BUTANE },
		{ "ignition:", BUTANE },     { "storage:", BUTANE },
		{ "systemd:", BUTANE },      { "passwd:", BUTANE },
		{ "networkd:", BUTANE },     { "kernel_arguments:", BUTANE },
		{ "users:", CLOUD_INIT },    { "write_files:", CLOUD_INIT },
		{ "runcmd:", CLOUD_INIT },   { "hostname:", CLOUD_INIT },
		{ "packages:", CLOUD_INIT }, { "ssh_authorized_keys:", CLOUD_INIT },
		{ "coreos:", CLOUD_INIT },
	};
	bool line_start = true;

	if (*t.p == '{' || *t.p == '[')
		return NULL;
	for (; t.n; line_start = *t.p == '\n', t.p++, t.n--)
		for (size_t i = 0; line_start && i < ARRAY_SIZE(kinds); i++)
			if (starts_word(t, kinds[i].key))
				return kinds[i].hint;
	return NULL;
}

/* Base64 of '{', or of a gzip file. */
static const char *base64_kind(struct text t)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n";

	if (t.n < 8)
		return NULL;
	for (size_t i = 0; i < t.n && i < HEAD; i++)
		if (!t.p[i] || !strchr(alphabet, t.p[i]))
			return NULL;
	if (t.p[0] == 'e' && t.p[1] >= 'w' && t.p[1] <= 'z') /* 0x7b: 'e', then 48 to 51 */
		return "this is base64: decode it first (base64 -d)";
	if (STARTS(t, "H4sI"))
		return "this is base64 of a gzip file: decode and unpack it first (base64 -d | gunzip)";
	return NULL;
}

/* What the whole document is, when it is something known. */
static const char *document_kind(struct text all)
{
	struct text t = skip_space(all);
	const char *hint = binary_kind(all);

	if (t.n == 0)
		return "the document is empty but for white space";
	if (!hint)
		hint = text_kind(t);
	if (!hint)
		hint = base64_kind(t);
	if (!hint)
		hint = yaml_kind((struct text){ t.p, t.n < HEAD ? t.n : HEAD });
	return hint;
}

/* Digits that an octal number may have, from p on: its value, and behind it. */
static bool read_octal(struct text t, unsigned *ret)
{
	size_t n = 0;

	*ret = 0;
	for (; n < t.n && n < 6 && t.p[n] >= '0' && t.p[n] <= '7'; n++)
		*ret = *ret << 3 | (unsigned)(t.p[n] - '0');
	return n > 0 && (n == t.n || !isalnum((unsigned char)t.p[n]));
}

/* 0644 stops at the 6, 0o644 at the o. */
static int hint_number(const struct hint *h, struct text at)
{
	unsigned mode;

	if (starts_word(at, "o")) {
		at.p++;
		at.n--;
	}
	if (read_octal(at, &mode))
		return hint_say(h, "JSON has no octal numbers: write %u for 0%o", mode, mode);
	if (starts_word(at, "x"))
		return hint_say(h, "JSON has no hexadecimal numbers: write it as decimal");
	return hint_say(h, "leave out the zeros at the beginning");
}

static int hint_word(const struct hint *h, struct text at)
{
	static const struct {
		const char *word, *instead;
	} words[] = {
		{ "true", "true" }, { "false", "false" }, { "yes", "true" },       { "no", "false" },
		{ "on", "true" },   { "off", "false" },   { "null", "null" },      { "none", "null" },
		{ "nil", "null" },  { "nan", "null" },    { "undefined", "null" },
	};
	size_t n = 0;

	while (n < at.n && n < WORD_MAX && (isalnum((unsigned char)at.p[n]) || at.p[n] == '_'))
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == n && strncasecmp(at.p, words[i].word, n) == 0)
			return hint_say(h, "write %s, in small letters", words[i].instead);
	if (begin_of(h) == at.p)
		return hint_say(h, OBJECT);
	if (n && n < WORD_MAX)
		return hint_say(h, "a text needs double quotes");
	return 0;
}

/* “ ” „ ‘ ’ « » as editors put them. */
static bool is_smart_quote(struct text t)
{
	return STARTS(t, "\xe2\x80\x98") || STARTS(t, "\xe2\x80\x99") || STARTS(t, "\xe2\x80\x9c") ||
	       STARTS(t, "\xe2\x80\x9d") || STARTS(t, "\xe2\x80\x9e") || STARTS(t, "\xc2\xab") ||
	       STARTS(t, "\xc2\xbb");
}

static int hint_expected(const struct hint *h, struct text at)
{
	size_t n = 0;

	if (STARTS(at, "${") || STARTS(at, "{{") || (*at.p == '{' && h->off && at.p[-1] == '{'))
		return hint_say(h, "this belongs to a template, which must be filled in first");
	if (is_smart_quote(at))
		return hint_say(h, "these are typographic quotes, as word processors put them: write \"");
	if (*at.p == '\'')
		return hint_say(h, "JSON has double quotes only: write \" instead of '");
	if (*at.p == '/' || *at.p == '#')
		return hint_say(
			h,
			"JSON has no comments: remove it, or write the config in Butane, where # begins one");
	if (*at.p == '=')
		return hint_say(h, "write : between a key and its value");
	if (strchr("\"{[", *at.p) && strstr(h->finding->text, "',' or"))
		return hint_say(h, "a comma is missing before this");
	if (*at.p == ',')
		return hint_say(h, "there is a comma too many");
	while (n < at.n && n < WORD_MAX &&
	       (isalnum((unsigned char)at.p[n]) || at.p[n] == '_' || at.p[n] == '-'))
		n++;
	if (strstr(h->finding->text, "a key in") && n && n < WORD_MAX)
		return hint_say(h, "a key needs double quotes: \"%.*s\"", (int)n, at.p);
	if (strstr(h->finding->text, "',' or") && h->off && at.p[-1] == '0' && n)
		return hint_number(h, at);
	if (strstr(h->finding->text, "',' or") && n)
		return hint_say(h, "a comma or a quote is missing before this");
	if ((*at.p == ']' || *at.p == '}') && strstr(h->finding->text, "',' or"))
		return hint_say(h, "the brackets do not match: '%c' closes what the other kind opened",
				*at.p);
	return isalpha((unsigned char)*at.p) ? hint_word(h, at) : 0;
}

static int hint_rest(const struct hint *h, struct text at)
{
	if (*begin_of(h) != '{')
		return hint_say(h, OBJECT);
	if (*at.p == '}' || *at.p == ']')
		return hint_say(h, "there is a closing bracket too many");
	if (*at.p == '{' || *at.p == '[')
		return hint_say(h, "the file holds several documents; Ignition reads exactly one");
	if (*at.p == ',')
		return hint_say(h, "the brackets close too early: the document ended before this comma");
	return hint_say(h, "the document ends before this: remove what follows");
}

static int hint_escape(const struct hint *h, struct text at)
{
	if (at.n > 1 && at.p[1] == 'x')
		return hint_say(h, "JSON has no \\x: write \\u00 and the two digits");
	return hint_say(h, "a backslash in a string is written \\\\; a path has / between its parts");
}

/* By what the scanner says (base/jscan.c). */
static int hint_place(const struct hint *h, struct text at)
{
	static const struct {
		const char *why, *hint;
	} fixed[] = {
		{ "a comma must not come before", "JSON has no comma after the last one: remove it" },
		{ "the string does not end on its line",
		  "the closing quote is missing; a line break in a text is written "
		  "\\n" },
		{ "control character in a string",
		  "write a tab as \\t, a line break as \\n, another control as \\u00 and two "
		  "digits" },
		{ "invalid UTF-8", "save the file as UTF-8; bytes that are no text can be a source: "
				   "\"data:;base64,...\"" },
		{ "\\u0000",
		  "a text cannot hold a NUL; bytes that are no text can be a source: \"data:;base64,...\"" },
		{ "duplicate key",
		  "only one of the two could count: put their values together, or remove one" },
		{ "four hexadecimal digits",
		  "write \\u and four digits; a backslash itself is written \\\\" },
		{ "digit expected", "write a whole number" },
		{ "unexpected end", "a closing bracket or quote is missing, or the file was cut off" },
		{ "nested too deeply", "no config is that deep: is this the right file?" },
	};
	static const struct {
		const char *why;
		int (*make)(const struct hint *h, struct text at);
	} made[] = {
		{ "a number must not begin with 0", hint_number },
		{ "unknown escape", hint_escape },
		{ "data after the end", hint_rest },
		{ "a key in double quotes", hint_expected },
		{ "',' or ", hint_expected },
		{ "':' expected", hint_expected },
		{ "not a JSON value", hint_expected },
		{ "a string needs double", hint_expected },
		{ "comments are not part", hint_expected },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (strncmp(h->finding->text, fixed[i].why, strlen(fixed[i].why)) == 0)
			return hint_say(h, "%s", fixed[i].hint);
	for (size_t i = 0; at.n && i < ARRAY_SIZE(made); i++)
		if (strncmp(h->finding->text, made[i].why, strlen(made[i].why)) == 0)
			return made[i].make(h, at);
	return 0;
}

int hint_syntax(const struct hint *h)
{
	struct text all = { h->source->text, h->source->len };
	const char *kind = document_kind(all);

	if (kind)
		return hint_say(h, "%s", kind);
	if (strncmp(h->finding->text, "expected object", strlen("expected object")) == 0)
		return hint_type(h);
	return hint_place(h, (struct text){ all.p + h->off, all.n - h->off });
}
