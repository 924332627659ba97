#include "ignition/fetch/dataurl.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/base64.h"
#include "base/buf.h"

/* Verdicts and texts are those of the decoder upstream uses; its quirks are kept on purpose. */

static bool is_token(char c)
{
	return c > 0x20 && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static bool is_url_char(char c)
{
	return c > 0x20 && c < 0x7f && !strchr("<>#\"{}|\\^[]`", c);
}

static bool is_base64_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
	       c == '/' || c == '=';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int bad(const char **reterr_why, const char *why)
{
	*reterr_why = why;
	return -EBADMSG;
}

static bool known_type(const char *s)
{
	static const char *const types[] = { "text",        "image",   "audio",    "video",
					     "application", "message", "multipart" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strncmp(s, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

/* "type/subtype"; *p is left at the ';' or ',' behind it. */
static int skip_media_type(const char **p, const char **reterr_why)
{
	const char *type = *p, *s = type + 1;
	bool extension = (*type == 'x' || *type == 'X') && *s == '-';

	if (!is_token(*type))
		return bad(reterr_why, "invalid character after data prefix");
	if ((*type == 'x' || *type == 'X') && *s) /* upstream does not look at this one */
		s++;
	while (is_token(*s))
		s++;
	if (!*s)
		return bad(reterr_why, "missing media type slash");
	if (*s != '/')
		return bad(reterr_why, "invalid character for media type");
	if (!extension && !known_type(type))
		return bad(reterr_why, "invalid media type");
	s++;
	while (is_token(*s))
		s++;
	if (!*s)
		return bad(reterr_why, "incomplete media type");
	if (*s != ';' && *s != ',')
		return bad(reterr_why, "invalid character for media subtype");
	*p = s;
	return 0;
}

/* One backslash escape of a quoted parameter value; *p is left behind it. */
static int skip_escape(const char **p, const char **reterr_why)
{
	const char *s = *p + 1;
	int digits = *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : 0;

	if (digits) {
		s++;
		for (; digits > 0 && hex_value(*s) >= 0; digits--)
			s++;
	} else if (*s >= '0' && *s <= '3') {
		for (digits = 3; digits > 0 && *s >= '0' && *s <= '7'; digits--)
			s++;
	} else if (*s && strchr("abfnrtv\\\"", *s)) {
		s++;
	} else {
		digits = 1;
	}
	if (digits)
		return bad(reterr_why, *s ? "invalid syntax" : "unclosed quoted string");
	*p = s;
	return 0;
}

static int skip_quoted(const char **p, const char **reterr_why)
{
	const char *s = *p + 1;
	int r = 0;

	while (*s != '"') {
		if (!*s)
			return bad(reterr_why, "unclosed quoted string");
		if (*s & 0x80)
			return bad(reterr_why, "invalid character for parameter value");
		if (*s == '\n')
			return bad(reterr_why, "invalid syntax");
		if (*s == '\\')
			r = skip_escape(&s, reterr_why);
		else
			s++;
		if (r < 0)
			return r;
	}
	s++;
	if (!*s)
		return bad(reterr_why, "missing comma before data");
	if (*s != ';' && *s != ',')
		return bad(reterr_why, "expected semicolon or comma");
	*p = s;
	return 0;
}

/* Whether every '%' in [s, end) begins an escape. */
static int check_escapes(const char *s, const char *end, const char **reterr_why)
{
	for (; s < end && (s = memchr(s, '%', (size_t)(end - s))); s += 3)
		for (int i = 1; i <= 2; i++) {
			if (s + i >= end)
				return bad(reterr_why, "rfc2396: unexpected end of unescape sequence");
			if (hex_value(s[i]) < 0)
				return bad(reterr_why, "rfc2396: invalid char 0x25 in unescape sequence");
		}
	return 0;
}

/* Percent-decodes what check_escapes() accepted. */
static int unescape(const char *s, const char *end, struct buf *out)
{
	int r = 0;

	while (r == 0 && s < end) {
		const char *percent = memchr(s, '%', (size_t)(end - s)), *stop = percent ? percent : end;

		r = buf_append(out, s, (size_t)(stop - s));
		s = stop;
		if (r < 0 || !percent)
			break;
		r = buf_putc(out, (char)(hex_value(s[1]) * 16 + hex_value(s[2])));
		s += 3;
	}
	return r;
}

/* ";name=value" or the last item ";base64"; *p is left at the ';' or ',' behind it. */
static int skip_parameter(const char **p, bool *ret_base64, const char **reterr_why)
{
	const char *name = *p + 1, *s = name;
	int r;

	if (!*s || *s == '=' || *s == ',')
		return bad(reterr_why, "unterminated parameter sequence");
	while (is_token(*s))
		s++;
	if (!*s)
		return bad(reterr_why, "unterminated parameter sequence");
	if (*s == ',' && s > name) {
		if (s - name != 6 || memcmp(name, "base64", 6) != 0)
			return bad(reterr_why, "expected base64 as the last item before the comma");
		*ret_base64 = true;
		*p = s;
		return 0;
	}
	if (*s != '=' || s == name)
		return bad(reterr_why, "invalid character for parameter attribute");
	s++;
	if (*s == '"') {
		r = skip_quoted(&s, reterr_why);
	} else {
		const char *value = s;

		while (is_token(*s))
			s++;
		if (!*s)
			return bad(reterr_why, "missing comma before data");
		if (s == value || (*s != ';' && *s != ','))
			return bad(reterr_why, "invalid character for parameter value");
		r = check_escapes(value, s, reterr_why);
	}
	if (r == 0)
		*p = s;
	return r;
}

enum { BLOCK = 64 };

static inline unsigned char byte_in(unsigned char c, unsigned char first, unsigned char last)
{
	return (unsigned char)(c - first) <= (unsigned char)(last - first);
}

static inline unsigned char byte_hex(unsigned char c)
{
	return (unsigned char)(byte_in(c, '0', '9') + byte_in(c | 0x20, 'a', 'f'));
}

/*
 * Only URL characters, every '%' with its two digits, of which the last may lie behind the block.
 * Without a branch: compilers take many bytes at once, and data may be megabytes.
 */
static bool block_ok(const unsigned char *s)
{
	unsigned char ok = 1;

	for (int i = 0; i < BLOCK; i++) {
		unsigned char c = s[i];

		/* A sum, at most one being true: joined by "or", compilers make a switch of it. */
		ok &= (unsigned char)(byte_in(c, '$', ';') + byte_in(c, '?', 'Z') + byte_in(c, 'a', 'z') +
				      (c == '!') + (c == '=') + (c == '_') + (c == '~'));
		ok &= (c != '%') | (byte_hex(s[i + 1]) & byte_hex(s[i + 2]));
	}
	return ok;
}

static int unescape_data(const char *s, const char *end, struct buf *out, const char **reterr_why)
{
	const char *p = s;
	int r;

	while (end - p >= BLOCK + 2 && block_ok((const unsigned char *)p))
		p += BLOCK;
	for (const char *c = p; c < end; c++)
		if (!is_url_char(*c))
			return bad(reterr_why, "invalid data character");
	r = check_escapes(p, end, reterr_why);
	return r < 0 || !out ? r : unescape(s, end, out);
}

static int unbase64(const char *s, const char *end, struct buf *out, const char **reterr_why)
{
	size_t n = (size_t)(end - s);
	int r = out ? base64_decode(s, n, false, out) : base64_check(s, n, false);

	if (r != -EBADMSG)
		return r;
	while (s < end && is_base64_char(*s))
		s++;
	return bad(reterr_why, s < end ? "invalid data character" : "illegal base64 data");
}

static int decode(const char *url, struct buf *out, const char **reterr_why)
{
	bool base64 = false;
	const char *s = url + 5, *end;
	int r = 0;

	if (strncmp(url, "data:", 5) != 0)
		return bad(reterr_why, "missing data prefix");
	if (!*s)
		return bad(reterr_why, "missing comma before data");
	if (*s != ';' && *s != ',')
		r = skip_media_type(&s, reterr_why);
	while (r == 0 && *s == ';')
		r = skip_parameter(&s, &base64, reterr_why);
	if (r < 0)
		return r;
	s++;
	end = s + strlen(s);
	return base64 ? unbase64(s, end, out, reterr_why) : unescape_data(s, end, out, reterr_why);
}

int dataurl_decode(const char *url, struct buf *out, const char **reterr_why)
{
	return decode(url, out, reterr_why);
}

int dataurl_check(const char *url, const char **reterr_why)
{
	return decode(url, NULL, reterr_why);
}
