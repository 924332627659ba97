/* A value of another type than the field has: how it is written. */
#include "ignition/config/hint_priv.h"
#include <json-c/json_types.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/cleanup.h"

/* "0644", "0o644" or "644": a mode as people write it. */
static bool octal_text(const char *s, unsigned *ret)
{
	char *end;

	s += strncasecmp(s, "0o", 2) == 0 ? 2 : 0;
	*ret = (unsigned)strtoul(s, &end, 8);
	return *s >= '0' && *s <= '7' && !*end && *ret <= 07777 && strlen(s) <= 6;
}

static int want_integer(const struct hint *h, enum json_type got)
{
	char text[32];
	unsigned mode;

	if (got == json_type_double)
		return hint_say(h, "write it without a fraction and without an exponent");
	if (got != json_type_string || !hint_string(h, text, sizeof text))
		return hint_say(h, "write a whole number, without quotes");
	if (strcmp(hint_key_name(h), "mode") == 0) {
		if (octal_text(text, &mode))
			return hint_say(h, "write %u: numbers in JSON are decimal, and %u is 0%o", mode, mode,
					mode);
		return hint_say(h, "write a decimal number: 420 is 0644, 493 is 0755");
	}
	if (*text && strspn(text, "0123456789") == strlen(text)) {
		const char *digits = text + strspn(text, "0");

		return hint_say(h, "write the number without quotes: %s", *digits ? digits : "0");
	}
	return hint_say(h, "write a whole number, without quotes and without a unit");
}

static int want_boolean(const struct hint *h, enum json_type got)
{
	static const char *const yes[] = { "true", "yes", "on", "1", "y", "enabled", "enable" };
	static const char *const no[] = { "false", "no", "off", "0", "n", "disabled", "disable" };
	char text[32];
	int64_t n;

	if (got == json_type_int && hint_int(h, &n) && (n == 0 || n == 1))
		return hint_say(h, "write %s", n ? "true" : "false");
	if (got == json_type_string && hint_string(h, text, sizeof text)) {
		for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
			if (strcasecmp(text, yes[i]) == 0)
				return hint_say(h, "write true, without quotes");
			if (strcasecmp(text, no[i]) == 0)
				return hint_say(h, "write false, without quotes");
		}
	}
	return hint_say(h, "write true or false, without quotes");
}

static int want_string(const struct hint *h, enum json_type got)
{
	const char *v = h->source->text + h->off, *key = hint_key_name(h);
	int n = (int)strspn(v, "-+.0123456789eE");

	if (strcmp(key, "contents") == 0 && got == json_type_object)
		return hint_say(
			h, "here the text itself is written, not a source: \"contents\": \"[Unit]\\n...\"");
	if (strcmp(key, "version") == 0 && (got == json_type_int || got == json_type_double))
		return hint_say(h, "write the version as text with three parts: \"%.*s%s\"", n < 20 ? n : 20,
				v, got == json_type_int ? ".0.0" : ".0");
	if (h->field && h->field->flags & CFG_SENSITIVE && (got == json_type_int || got == json_type_double))
		return hint_say(h, "put it in quotes");
	if ((got == json_type_int || got == json_type_double) && n <= 40)
		return hint_say(h, "put it in quotes: \"%.*s\"", n, v);
	if (got == json_type_boolean)
		return hint_say(h, "put it in quotes: \"%s\"", *v == 't' ? "true" : "false");
	if (got == json_type_array && strcmp(key, "contents") == 0)
		return hint_say(h, "write one text, its lines separated by \\n");
	if (h->entry)
		return hint_say(h, "every entry of this list is a text in quotes");
	return hint_say(h, "write one text in quotes");
}

static int want_list(const struct hint *h, enum json_type got)
{
	const char *key = hint_key_name(h);

	if (strcmp(key, "append") == 0 && got == json_type_boolean)
		return hint_say(h, "spec 2 had a boolean here; since spec 3 what is appended is a list: "
				   "\"append\": [{\"source\": \"data:,...\"}], without \"contents\"");
	if (strcmp(key, "sshAuthorizedKeys") == 0)
		return hint_say(h, "write a list with one text per key: [\"ssh-ed25519 AAAA...\"]");
	if (h->field && h->field->kind == CFG_STRLIST)
		return hint_say(h, got == json_type_string ? "put it in brackets: [\"...\"]"
							   : "write a list of texts: [\"...\", \"...\"]");
	if (got == json_type_object)
		return hint_say(h, "write a list, also for one entry: [{...}]");
	return hint_say(h, "write a list of objects: [{...}, {...}]");
}

static int want_object(const struct hint *h, enum json_type got)
{
	static const struct {
		const char *key, *form;
	} forms[] = {
		{ "contents", "{\"source\": \"data:,...\"}" },
		{ "append", "{\"source\": \"data:,...\"}" },
		{ "ignition", "{\"version\": \"3.6.0\"}" },
		{ "kernelArguments", "{\"shouldExist\": [\"quiet\"]}" },
		{ "keyFile", "{\"source\": \"data:,...\"}" },
		{ "replace", "{\"source\": \"https://...\"}" },
		{ "merge", "{\"source\": \"https://...\"}" },
		{ "certificateAuthorities", "{\"source\": \"https://...\"}" },
		{ "user", "{\"name\": \"core\"}" },
		{ "group", "{\"name\": \"core\"}" },
		{ "verification", "{\"hash\": \"sha512-...\"}" },
		{ "users", "{\"name\": \"core\"}" },
		{ "groups", "{\"name\": \"core\"}" },
		{ "units", "{\"name\": \"example.service\"}" },
		{ "dropins", "{\"name\": \"10-example.conf\", \"contents\": \"...\"}" },
		{ "files", "{\"path\": \"/etc/example\"}" },
		{ "directories", "{\"path\": \"/etc/example\"}" },
		{ "links", "{\"path\": \"/etc/example\", \"target\": \"/etc/other\"}" },
		{ "disks", "{\"device\": \"/dev/vda\"}" },
		{ "tang", "{\"url\": \"https://...\", \"thumbprint\": \"...\"}" },
		{ "httpHeaders", "{\"name\": \"...\", \"value\": \"...\"}" },
	};
	const char *key = h->field ? h->field->key : hint_key_name(h), *at = h->source->text + h->off + 1;

	if (!h->finding->path && got == json_type_string && *at == '{')
		return hint_say(h, "this is a config inside a JSON string: it was encoded twice");
	if (!h->finding->path)
		return hint_say(h, "a config is one object: {\"ignition\": {\"version\": \"3.6.0\"}}");
	if (got == json_type_array && at[strspn(at, " \t\r\n")] == '{')
		return hint_say(h, "write one object here, without the brackets: {...}");
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (strcmp(key, forms[i].key) == 0)
			return hint_say(h, "write an object: %s", forms[i].form);
	return hint_say(h, "write an object: {...}");
}

int hint_type(const struct hint *h)
{
	static const struct {
		const char *want;
		int (*make)(const struct hint *h, enum json_type got);
	} kinds[] = {
		{ "expected integer,", want_integer }, { "expected boolean,", want_boolean },
		{ "expected string,", want_string },   { "expected list,", want_list },
		{ "expected object,", want_object },
	};

	if (h->off >= h->source->len)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(h->finding->text, kinds[i].want, strlen(kinds[i].want)) == 0)
			return kinds[i].make(h, hint_json_type(h));
	return 0;
}
