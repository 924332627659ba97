#include "base/jscan.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/jscan_priv.h"
#include "base/utf8.h"

enum { FEW_KEYS = 8 }; /* compared pair by pair */

static const uint64_t FNV_START = 0xcbf29ce484222325;

struct seen { /* a key of an object that is still open */
	uint64_t hash;
	size_t off; /* of its opening quote */
};

struct scan {
	const char *text, *p, *end;
	unsigned depth;
	size_t containers, values;
	struct seen *keys; /* one stack for all open objects */
	size_t n_keys, cap_keys;
	struct jscan_fault *fault;
	bool lowest, lower; /* the integer INT64_MIN was seen, one below it */
};

static int value(struct scan *s);

static int bad_at(struct scan *s, const char *at, const char *why)
{
	s->fault->off = (size_t)(at - s->text);
	snprintf(s->fault->why, sizeof s->fault->why, "%s", why);
	return -EBADMSG;
}

static int bad(struct scan *s, const char *why)
{
	return bad_at(s, s->p, s->p == s->end ? "unexpected end of the document" : why);
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool next_is(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static int escape(struct scan *s)
{
	const char *from = s->p++;

	if (s->p == s->end)
		return bad(s, "");
	if (*s->p == 'u') {
		unsigned code = 0;

		s->p++;
		for (int i = 0; i < 4; i++, s->p++) {
			int digit = s->p < s->end ? jscan_hex(*s->p) : -1;

			if (digit < 0)
				return bad(s, "four hexadecimal digits must follow \\u");
			code = code << 4 | (unsigned)digit;
		}
		return code ? 0 : bad_at(s, from, "\\u0000 is not allowed in a string");
	}
	if (!*s->p || !strchr("\"\\/bfnrt", *s->p))
		return bad_at(s, from, "unknown escape in a string");
	s->p++;
	return 0;
}

static int string(struct scan *s, bool *ret_escaped)
{
	const char *from = s->p++;
	bool escaped = false;

	for (;;) {
		unsigned char c;

		if (s->p == s->end)
			return bad(s, "");
		c = (unsigned char)*s->p;
		if (c == '"')
			break;
		if (c == '\\') {
			escaped = true;
			if (escape(s) < 0)
				return -EBADMSG;
		} else if (c < 0x20) {
			return c == '\n' ? bad_at(s, from, "the string does not end on its line")
					 : bad(s, "control character in a string");
		} else if (c < 0x80) {
			s->p = jscan_plain(s->p, s->end);
		} else {
			size_t n = utf8_len((const unsigned char *)s->p, (size_t)(s->end - s->p));

			if (n == 0)
				return bad(s, "invalid UTF-8 in a string");
			s->p += n;
		}
	}
	s->p++;
	if (ret_escaped)
		*ret_escaped = escaped;
	return 0;
}

static int digits(struct scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p == from ? bad(s, "digit expected") : 0;
}

/* No leading zeros, so more digits are a lower number, and of as many the greater ones. */
static void note_lowest(struct scan *s, const char *from, const char *end)
{
	static const char lowest[] = "-9223372036854775808";
	size_t n = (size_t)(end - from), max = sizeof lowest - 1;
	int order = n < max ? -1 : n > max ? 1 : memcmp(from, lowest, max);

	if (*from != '-' || order < 0)
		return;
	s->lowest = s->lowest || order == 0;
	s->lower = s->lower || order > 0;
}

static int number(struct scan *s)
{
	const char *from = s->p;

	if (*s->p == '-')
		s->p++;
	if (next_is(s, '0')) {
		s->p++;
		if (s->p < s->end && *s->p >= '0' && *s->p <= '9')
			return bad(s, "a number must not begin with 0");
	} else if (digits(s) < 0) {
		return -EBADMSG;
	}
	note_lowest(s, from, s->p);
	if (next_is(s, '.')) {
		s->p++;
		if (digits(s) < 0)
			return -EBADMSG;
	}
	if (next_is(s, 'e') || next_is(s, 'E')) {
		s->p++;
		if (next_is(s, '+') || next_is(s, '-'))
			s->p++;
		return digits(s);
	}
	return 0;
}

static int word(struct scan *s, const char *w)
{
	const char *from = s->p;

	for (; *w; w++, s->p++)
		if (!next_is(s, *w))
			return s->p == s->end ? bad(s, "") : bad_at(s, from, "not a JSON value");
	return 0;
}

static int remember_key(struct scan *s, const char *from, bool escaped)
{
	if (s->n_keys == s->cap_keys) {
		size_t cap = s->cap_keys ? 2 * s->cap_keys : 256;
		struct seen *v = reallocarray(s->keys, cap, sizeof *v);

		if (!v)
			return -ENOMEM;
		s->keys = v;
		s->cap_keys = cap;
	}
	s->keys[s->n_keys++] = (struct seen){ jscan_key_hash(FNV_START, from, s->p, escaped, false),
					      (size_t)(from - s->text) };
	return 0;
}

static int by_hash(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

/* Keys that share a 64-bit hash by design of their author: order them by text so that this stays fast. */
static int by_text(const void *a, const void *b, void *text)
{
	const struct seen *x = a, *y = b;
	int r = jscan_key_compare((const char *)text + x->off, (const char *)text + y->off);

	return r ? r : x->off < y->off ? -1 : x->off > y->off;
}

/* The offset of the first key that repeats an earlier one of the same object, or SIZE_MAX. */
static size_t find_duplicate(struct scan *s, struct seen *v, size_t n)
{
	size_t first = SIZE_MAX;
	bool twice = n > FEW_KEYS;

	for (size_t i = 1; i < n && !twice; i++)
		for (size_t k = 0; k < i; k++)
			twice = twice || v[k].hash == v[i].hash;
	if (!twice)
		return first;
	qsort(v, n, sizeof *v, by_hash);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && v[end].hash == v[i].hash; end++)
			;
		if (end - i < 2)
			continue;
		qsort_r(v + i, end - i, sizeof *v, by_text, (void *)(uintptr_t)s->text);
		for (size_t k = i + 1; k < end; k++)
			if (v[k].off < first &&
			    jscan_key_compare(s->text + v[k - 1].off, s->text + v[k].off) == 0)
				first = v[k].off;
	}
	return first;
}

static int duplicate(struct scan *s, size_t off)
{
	const char *from = s->text + off + 1, *end = from;

	while (*end != '"')
		end += *end == '\\' ? 2 : 1;
	s->fault->off = off;
	snprintf(s->fault->why, sizeof s->fault->why, "duplicate key \"%.*s%s\"",
		 end - from > 100 ? 100 : (int)(end - from), from, end - from > 100 ? "..." : "");
	return -EBADMSG;
}

static int object(struct scan *s)
{
	size_t base = s->n_keys, twice;

	s->p++;
	skip_space(s);
	if (next_is(s, '}')) {
		s->p++;
		return 0;
	}
	for (;;) {
		const char *from = s->p;
		bool escaped;
		int r;

		if (!next_is(s, '"'))
			return bad(s, next_is(s, '}') ? "a comma must not come before '}'"
						      : "a key in double quotes expected");
		r = string(s, &escaped);
		if (r == 0)
			r = remember_key(s, from, escaped);
		if (r < 0)
			return r;
		skip_space(s);
		if (!next_is(s, ':'))
			return bad(s, "':' expected after a key");
		s->p++;
		skip_space(s);
		r = value(s);
		if (r < 0)
			return r;
		skip_space(s);
		if (!next_is(s, ','))
			break;
		s->p++;
		skip_space(s);
	}
	if (!next_is(s, '}'))
		return bad(s, "',' or '}' expected");
	s->p++;
	twice = find_duplicate(s, s->keys + base, s->n_keys - base);
	s->n_keys = base;
	return twice == SIZE_MAX ? 0 : duplicate(s, twice);
}

static int array(struct scan *s)
{
	s->p++;
	skip_space(s);
	if (next_is(s, ']')) {
		s->p++;
		return 0;
	}
	for (;;) {
		int r;

		if (next_is(s, ']'))
			return bad(s, "a comma must not come before ']'");
		r = value(s);
		if (r < 0)
			return r;
		skip_space(s);
		if (!next_is(s, ','))
			break;
		s->p++;
		skip_space(s);
	}
	if (!next_is(s, ']'))
		return bad(s, "',' or ']' expected");
	s->p++;
	return 0;
}

static int value(struct scan *s)
{
	int r;

	if (s->p == s->end)
		return bad(s, "");
	if (++s->values > JSCAN_MAX_VALUES)
		return bad(s, "the document has too many values");
	switch (*s->p) {
	case '{':
	case '[':
		if (++s->containers > JSCAN_MAX_CONTAINERS)
			return bad(s, "the document has too many lists and objects");
		if (s->depth == JSCAN_MAX_DEPTH)
			return bad(s, "nested too deeply");
		s->depth++;
		r = *s->p == '{' ? object(s) : array(s);
		s->depth--;
		return r;
	case '"':
		return string(s, NULL);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	case '-':
	case '0' ... '9':
		return number(s);
	case '/':
	case '#':
		return bad(s, "comments are not part of JSON");
	case '\'':
		return bad(s, "a string needs double quotes");
	case '\xef':
		return bad(s, "the document must not begin with a byte order mark");
	default:
		return bad(s, "not a JSON value");
	}
}

int jscan_check(const char *text, size_t len, struct jscan_fault *reterr)
{
	struct scan s = { .text = text, .p = text, .end = text + len, .fault = reterr };
	int r;

	skip_space(&s);
	r = value(&s);
	if (r == 0) {
		skip_space(&s);
		if (s.p != s.end)
			r = bad(&s, "data after the end of the document");
	}
	free(s.keys);
	reterr->lowest = s.lowest && !s.lower;
	return r;
}
