#include "flannel/member.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/jscan.h"

static void skip_space(struct member_walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
		w->p++;
}

static void skip_string(struct member_walk *w)
{
	for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
		if (*w->p == '\\' && w->p + 1 < w->end)
			w->p++;
	if (w->p < w->end)
		w->p++;
}

static void skip_value(struct member_walk *w)
{
	unsigned depth = 0;

	do {
		char c = w->p < w->end ? *w->p : '\0';

		if (c == '"') {
			skip_string(w);
		} else if (c == '{' || c == '[') {
			depth++;
			w->p++;
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
			w->p++;
		} else if (depth > 0) {
			w->p += w->p < w->end;
		} else {
			while (w->p < w->end && !strchr(",}] \t\r\n", *w->p))
				w->p++;
		}
	} while (depth > 0 && w->p < w->end);
}

int member_begin(struct member_walk *w, const char *text, size_t len, struct err *e)
{
	struct jscan_fault fault;
	int r = jscan_check(text, len, &fault);

	if (r == -EBADMSG) {
		unsigned line, col;

		jscan_linecol(text, len, fault.off, &line, &col);
		return err_text(e, EINVAL, "invalid JSON at line %u column %u: %s", line, col, fault.why);
	}
	if (r < 0)
		return err_errno(e, -r, "checking JSON");
	*w = (struct member_walk){ text, text + len };
	skip_space(w);
	if (w->p == w->end || *w->p != '{')
		return err_text(e, EINVAL, "expected a JSON object");
	w->p++;
	return 0;
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v & 0xffff;
}

static size_t utf8(unsigned c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The string at p (its opening quote) up to end; cut to size. Returns whether all of it fitted. */
static bool unquote(const char *p, const char *end, char *ret, size_t size)
{
	static const char escapes[] = "b\bf\fn\nr\rt\t";
	size_t o = 0;

	for (p++; p < end && *p != '"'; p++) {
		char piece[4];
		size_t n = 1;

		piece[0] = *p;
		if (*p == '\\' && end - p > 1) {
			const char *known = NULL;

			p++;
			for (const char *x = escapes; *x && !known; x += 2)
				known = *x == *p ? x : NULL;
			piece[0] = known ? known[1] : *p;
			if (*p == 'u' && end - p > 4) {
				unsigned c = hex4(p + 1);

				p += 4;
				if (c >= 0xd800 && c < 0xdc00 && end - p > 6 && p[1] == '\\' && p[2] == 'u') {
					c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 3) & 0x3ff);
					p += 6;
				}
				n = utf8(c, piece);
			}
		}
		if (o + n >= size) {
			ret[o] = '\0';
			return false;
		}
		memcpy(ret + o, piece, n);
		o += n;
	}
	ret[o] = '\0';
	return true;
}

int member_next(struct member_walk *w, struct member *ret)
{
	const char *key;

	skip_space(w);
	if (w->p < w->end && *w->p == ',') {
		w->p++;
		skip_space(w);
	}
	if (w->p >= w->end || *w->p != '"')
		return 0;
	key = w->p;
	skip_string(w);
	unquote(key, w->p, ret->key, sizeof(ret->key));
	skip_space(w);
	w->p += w->p < w->end; /* the colon */
	skip_space(w);
	ret->text = w->p;
	skip_value(w);
	ret->len = (size_t)(w->p - ret->text);
	return 1;
}

bool member_is(const struct member *m, const char *key)
{
	return strcasecmp(m->key, key) == 0;
}

static bool literal(const struct member *m, const char *word)
{
	return m->len == strlen(word) && memcmp(m->text, word, m->len) == 0;
}

bool member_is_null(const struct member *m)
{
	return literal(m, "null");
}

static int wrong_type(const struct member *m, const char *expected, struct err *e)
{
	const char *have = "a number";

	switch (m->len ? m->text[0] : '\0') {
	case '"':
		have = "a string";
		break;
	case '{':
		have = "an object";
		break;
	case '[':
		have = "an array";
		break;
	case 'n':
		have = "null";
		break;
	case 't':
	case 'f':
		have = "a boolean";
		break;
	}
	return err_text(e, EINVAL, "%s: expected %s, got %s", m->key, expected, have);
}

int member_bool(const struct member *m, bool *ret, struct err *e)
{
	if (!literal(m, "true") && !literal(m, "false"))
		return wrong_type(m, "a boolean", e);
	*ret = m->text[0] == 't';
	return 0;
}

int member_uint(const struct member *m, uint64_t max, uint64_t *ret, struct err *e)
{
	uint64_t v = 0;

	if (m->len == 0 || !((m->text[0] >= '0' && m->text[0] <= '9') || m->text[0] == '-'))
		return wrong_type(m, "a number", e);
	for (size_t i = 0; i < m->len; i++) {
		unsigned digit = (unsigned)(m->text[i] - '0');

		if (digit > 9 || v > (max - digit) / 10 || digit > max)
			return err_text(e, EINVAL, "%s: %.*s is not a whole number from 0 to %llu", m->key,
					(int)(m->len < 40 ? m->len : 40), m->text, (unsigned long long)max);
		v = v * 10 + digit;
	}
	*ret = v;
	return 0;
}

int member_string(const struct member *m, char *ret, size_t size, struct err *e)
{
	if (m->len < 2 || m->text[0] != '"')
		return wrong_type(m, "a string", e);
	if (!unquote(m->text, m->text + m->len, ret, size))
		return err_text(e, E2BIG, "%s: longer than %zu bytes", m->key, size - 1);
	return 0;
}

int member_quote(struct buf *b, const char *s)
{
	int r = buf_putc(b, '"');

	for (; r == 0 && *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			r = buf_printf(b, "\\%c", c);
		else if (c < 0x20)
			r = buf_printf(b, "\\u%04x", c);
		else
			r = buf_putc(b, *s);
	}
	return r == 0 ? buf_putc(b, '"') : r;
}
