#include "base/option_value.h"
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/buf.h"
#include "base/utf8.h"

static const char parse_error[] = "parse error";
static const char out_of_range[] = "value out of range";

const char *option_parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret = text[0] == yes[i][0];
			return NULL;
		}
	}
	return parse_error;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Base from a prefix: 0x 0o 0b, or 0 alone for octal. *p is moved behind the prefix. */
static int base_of(const char **p, bool *ret_prefix)
{
	static const struct {
		char letter;
		int base;
	} prefixes[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };
	const char *s = *p;

	*ret_prefix = false;
	if (s[0] != '0' || s[1] == '\0')
		return 10;
	*ret_prefix = true;
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		if ((s[1] | 0x20) == prefixes[i].letter) {
			*p = s + 2;
			return prefixes[i].base;
		}
	}
	*p = s + 1;
	return 8;
}

const char *option_parse_int(const char *text, long long *ret)
{
	const bool negative = *text == '-';
	const char *s = text + (*text == '-' || *text == '+');
	const uint64_t limit = negative ? (uint64_t)LLONG_MAX + 1 : LLONG_MAX;
	bool after_digit, any = false, big = false;
	uint64_t v = 0;
	int base = base_of(&s, &after_digit); /* an underscore may follow a prefix or a digit */

	any = after_digit && s[-1] == '0';
	for (; *s; s++) {
		int d = digit_value(*s);

		if (*s == '_' && after_digit) {
			after_digit = false;
			continue;
		}
		if (d >= base)
			return parse_error;
		after_digit = any = true;
		if (v > (limit - (uint64_t)d) / (uint64_t)base)
			big = true;
		else
			v = v * (uint64_t)base + (uint64_t)d;
	}
	if (!any || !after_digit)
		return parse_error;
	if (big)
		return out_of_range;
	*ret = negative ? (long long)(0 - v) : (long long)v;
	return NULL;
}

static bool unit_of(const char **p, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },       { "us", 1000 },      { "\u00b5s", 1000 },  { "\u03bcs", 1000 },
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
	};
	size_t n = strcspn(*p, ".0123456789");

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strlen(units[i].name) == n && memcmp(*p, units[i].name, n) == 0) {
			*ret_ns = units[i].ns;
			*p += n;
			return true;
		}
	}
	return false;
}

/* "1.5h": one number with its unit, in nanoseconds; *p is moved behind it. */
static bool one_duration(const char **p, uint64_t *ret_ns)
{
	const uint64_t limit = (uint64_t)1 << 63;
	const char *s = *p;
	uint64_t v = 0, unit;
	double fraction = 0, scale = 1;
	bool any = false;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (v > (limit - (uint64_t)(*s - '0')) / 10)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		any = true;
	}
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++) {
			if (scale < 1e17) { /* digits beyond that are below a nanosecond */
				fraction = fraction * 10 + (*s - '0');
				scale *= 10;
			}
			any = true;
		}
	if (!any || !unit_of(&s, &unit) || v > limit / unit)
		return false;
	v = v * unit + (uint64_t)(fraction * ((double)unit / scale));
	if (v > limit)
		return false;
	*p = s;
	*ret_ns = v;
	return true;
}

const char *option_parse_duration(const char *text, long long *ret_ms)
{
	const bool negative = *text == '-';
	const char *s = text + (*text == '-' || *text == '+');
	const uint64_t limit = (uint64_t)1 << 63;
	uint64_t total = 0, ns;

	if (strcmp(s, "0") == 0) {
		*ret_ms = 0;
		return NULL;
	}
	if (!*s)
		return parse_error;
	while (*s) {
		if (!one_duration(&s, &ns) || total > limit - ns)
			return parse_error;
		total += ns;
	}
	if (total == limit && !negative)
		return parse_error;
	*ret_ms = (long long)(total / 1000000) * (negative ? -1 : 1);
	return NULL;
}

int option_quote(const char *text, struct buf *out)
{
	static const char names[] = "\"\"\\\\\aa\bb\ff\nn\rr\tt\vv";
	int r = buf_putc(out, '"');

	for (const unsigned char *s = (const unsigned char *)text; r == 0 && *s; s++) {
		const char *name = NULL;
		size_t n;

		for (size_t i = 0; i + 1 < sizeof names; i += 2)
			if ((unsigned char)names[i] == *s)
				name = &names[i + 1];
		n = utf8_len(s, SIZE_MAX);
		if (name) {
			r = buf_printf(out, "\\%c", *name);
		} else if (*s >= 0x20 && *s < 0x7f) {
			r = buf_putc(out, (char)*s);
		} else if (n) {
			r = buf_append(out, s, n);
			s += n - 1;
		} else {
			r = buf_printf(out, "\\x%02x", *s);
		}
	}
	return r < 0 ? r : buf_putc(out, '"');
}
