#include "base/jread.h"
#include <string.h>
#include "base/jscan_priv.h"

enum jread_type jread_type(const char *value)
{
	switch (*value) {
	case 'n':
		return JREAD_NULL;
	case 't':
	case 'f':
		return JREAD_BOOL;
	case '"':
		return JREAD_STR;
	case '[':
		return JREAD_LIST;
	case '{':
		return JREAD_OBJ;
	}
	value += strspn(value, "-0123456789");
	return *value == '.' || *value == 'e' || *value == 'E' ? JREAD_REAL : JREAD_INT;
}

const char *jread_skip_space(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

/* A quote ends the string unless an odd number of backslashes is before it. */
static const char *skip_string(const char *quote)
{
	const char *p = quote, *s;

	do {
		p = rawmemchr(p + 1, '"');
		for (s = p; s[-1] == '\\'; s--)
			;
	} while ((p - s) % 2);
	return p + 1;
}

const char *jread_skip(const char *p)
{
	size_t open = 0;

	do {
		switch (*p) {
		case '"':
			p = skip_string(p);
			break;
		case '{':
		case '[':
			open++;
			p++;
			break;
		case '}':
		case ']':
			open--;
			p++;
			break;
		case ' ':
		case '\t':
		case '\n':
		case '\r':
		case ',':
		case ':':
			p++;
			break;
		default:
			p += strspn(p, "-+.0123456789abcdefghijklmnopqrstuvwxyzE");
		}
	} while (open);
	return p;
}

const char *jread_enter(const char *container)
{
	return jread_skip_space(container + 1);
}

const char *jread_next_from(const char *p)
{
	p = jread_skip_space(p);
	return *p == ',' ? jread_skip_space(p + 1) : p;
}

const char *jread_value(const char *key)
{
	return jread_skip_space(jread_skip_space(skip_string(key)) + 1);
}

size_t jread_count(const char *list)
{
	size_t n = 0;

	for (const char *p = jread_enter(list); !jread_at_end(p); p = jread_next(p))
		n++;
	return n;
}

/* out may be NULL: only count. */
static size_t unescape(const char *p, const char *end, char *out)
{
	size_t n = 0;

	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((escape ? escape : end) - p);
		char bytes[4];
		size_t more;

		if (out)
			memcpy(out + n, p, plain);
		n += plain;
		p += plain;
		if (!escape)
			break;
		more = jscan_unescape(&p, bytes);
		if (out)
			memcpy(out + n, bytes, more);
		n += more;
	}
	return n;
}

size_t jread_str_len(const char *quote)
{
	return unescape(quote + 1, skip_string(quote) - 1, NULL);
}

const char *jread_str(const char *quote, char *out)
{
	const char *behind = skip_string(quote);

	out[unescape(quote + 1, behind - 1, out)] = '\0';
	return behind;
}

bool jread_int(const char *number, int64_t *ret)
{
	bool negative = *number == '-';
	int64_t v = 0;

	for (const char *p = number + negative; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, negative ? '0' - *p : *p - '0', &v))
			return false;
	*ret = v;
	return true;
}

const char *jread_member(const char *obj, const char *key)
{
	const char *found = NULL;
	bool exact = false;

	for (const char *p = jread_enter(obj), *v; !jread_at_end(p) && !exact; p = jread_next(v)) {
		v = jread_value(p);
		if (jscan_key_equals(p, key, &exact))
			found = v;
		else
			exact = false;
	}
	return found;
}
