#include "ignition/config/unit_file.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/utf8.h"

/* Bytes of the white space at p, 0 when there is none. What Unicode calls white space counts as well. */
static size_t space_len(const char *p)
{
	static const char *const wide[] = { "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
					    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80" };

	if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		return 1;
	for (size_t i = 0; *p & 0x80 && i < sizeof wide / sizeof wide[0]; i++)
		if (strncmp(p, wide[i], strlen(wide[i])) == 0)
			return strlen(wide[i]);
	if (strncmp(p, "\xe2\x80", 2) == 0 && (unsigned char)p[2] >= 0x80 && (unsigned char)p[2] <= 0x8a)
		return 3; /* spaces of all widths */
	return 0;
}

/* The text in front of the white space that ends it. */
static const char *trim_end(const char *from, const char *to)
{
	const char *end = from;

	for (size_t n; from < to; from += n) {
		n = space_len(from);
		if (n == 0) {
			n = 1;
			end = from + 1;
		}
	}
	return end;
}

/* As a quoted Go string has it: that of upstream's message. */
static void quote(const char *from, const char *to, char *out, size_t size)
{
	size_t w = 0, n;

	for (; from < to; from += n) {
		size_t escape = *from == '"' || *from == '\\';

		n = (unsigned char)*from < 0x80 ? 1 : utf8_len((const unsigned char *)from, SIZE_MAX);
		n = n ? n : 1;
		if (w + escape + n >= size)
			break;
		if (escape)
			out[w++] = '\\';
		memcpy(out + w, from, n);
		w += n;
	}
	out[w] = '\0';
}

static const char *line_end(const char *p)
{
	return strchrnul(p, '\n');
}

static const char *behind(const char *eol)
{
	return *eol ? eol + 1 : eol;
}

/* A comment goes on in the next line when it ends in a backslash, one space behind it allowed. */
static const char *skip_comment(const char *p)
{
	for (;;) {
		const char *eol = line_end(p), *last = eol;

		if (last > p && last[-1] == ' ')
			last--;
		if (last == p || last[-1] != '\\' || !*eol)
			return behind(eol);
		p = eol + 1;
	}
}

/* Ends behind the value; a line that ends in a backslash takes the next one with it. */
static const char *skip_value(const char *p)
{
	for (;;) {
		const char *eol = line_end(p);

		if (eol == p || eol[-1] != '\\' || !*eol)
			return behind(eol);
		p = eol + 1;
	}
}

/* p is behind '['. */
static const char *read_section(const char *p, bool *ret_install, char *why, size_t why_size)
{
	const char *close = strchr(p, ']'), *from, *to;

	if (!close) {
		snprintf(why, why_size, "unable to find end of section");
		return NULL;
	}
	*ret_install = close - p == 7 && memcmp(p, "Install", 7) == 0;
	from = close + 1;
	to = line_end(from);
	p = behind(to);
	while (from < to && space_len(from))
		from += space_len(from);
	to = trim_end(from, to);
	if (from < to) {
		char garbage[80];

		quote(from, to, garbage, sizeof garbage);
		snprintf(why, why_size, "found garbage after section name : \"%s\"", garbage);
		return NULL;
	}
	return p;
}

int unit_file_check(const char *text, bool *ret_install, char *reterr_why, size_t why_size)
{
	bool in_section = false, here = false, install = false;
	const char *p = text;

	while (*p) {
		if (*p == '[') {
			p = read_section(p + 1, &here, reterr_why, why_size);
			if (!p)
				return -EBADMSG;
			in_section = true;
		} else if (*p == '#' || *p == ';') {
			p = skip_comment(p);
		} else if (!in_section) {
			p++;
		} else if (space_len(p)) {
			p += space_len(p);
		} else {
			while (*p && *p != '=' && *p != '\n' && *p != '\r')
				p++;
			if (*p != '=') {
				snprintf(reterr_why, why_size, "%s",
					 *p ? "unexpected newline encountered while parsing option name"
					    : "EOF");
				return -EBADMSG;
			}
			install = install || here;
			p = skip_value(p + 1);
		}
	}
	*ret_install = install;
	return 0;
}
