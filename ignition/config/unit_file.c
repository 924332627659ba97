#include "ignition/config/unit_file.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
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
	while (from < to && is_space(*from))
		from++;
	while (to > from && is_space(to[-1]))
		to--;
	if (from < to) {
		snprintf(why, why_size, "found garbage after section name : \"%.*s\"",
			 to - from > 80 ? 80 : (int)(to - from), from);
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
		} else if (!in_section || is_space(*p)) {
			p++;
		} else {
			p += strcspn(p, "=\n\r");
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
