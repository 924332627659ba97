#include "base/jscan_priv.h"
#include <string.h>
#include "base/fold.h"

enum { END = FOLD_END };

/* A key's bytes, one at a time. A lone surrogate reads as U+FFFD, as json-c and Go read it. */
struct reader {
	const char *p;
	unsigned char pending[4];
	unsigned n, at;
};

int jscan_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (unsigned)jscan_hex(p[i]);
	return v;
}

static void put_utf8(struct reader *r, unsigned c)
{
	unsigned tail = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };

	r->n = r->at = 0;
	r->pending[r->n++] = (unsigned char)(lead[tail] | c >> 6 * tail);
	while (tail--)
		r->pending[r->n++] = (unsigned char)(0x80 | (c >> 6 * tail & 0x3f));
}

static void read_escape(struct reader *r)
{
	static const char name[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	unsigned c = 0xfffd, low;

	if (r->p[1] != 'u') {
		put_utf8(r, (unsigned char)means[strchr(name, r->p[1]) - name]);
		r->p += 2;
		return;
	}
	c = hex4(r->p + 2);
	r->p += 6;
	if (c >= 0xd800 && c < 0xe000) {
		low = c < 0xdc00 && r->p[0] == '\\' && r->p[1] == 'u' ? hex4(r->p + 2) : 0;
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			r->p += 6;
		} else {
			c = 0xfffd;
		}
	}
	put_utf8(r, c);
}

static int next(struct reader *r)
{
	if (r->at < r->n)
		return r->pending[r->at++];
	if (*r->p == '"')
		return END;
	if (*r->p != '\\')
		return (unsigned char)*r->p++;
	read_escape(r);
	return r->pending[r->at++];
}

/* As fold_next(), whatever escapes the key is written with. */
static int next_folded(struct reader *r)
{
	char text[4] = { 0 };
	struct reader ahead = *r;
	const char *p = text;
	size_t n = 0;
	int c;

	while (n < sizeof text - 1 && (c = next(&ahead)) != END) {
		text[n++] = (char)c;
		if (n == 1 && c < 0x80) /* the rule; more of it would only be read twice */
			break;
	}
	c = fold_next(&p);
	for (; p > text; p--)
		(void)next(r);
	return c == FOLD_END ? END : c;
}

uint64_t jscan_key_hash(uint64_t start, const char *quote, const char *end, bool escaped, bool fold_case)
{
	uint64_t h = start; /* FNV-1a */

	if (!escaped && !fold_case) {
		for (const char *p = quote + 1; p < end - 1; p++)
			h = (h ^ (unsigned char)*p) * 0x100000001b3;
		return h;
	}
	struct reader r = { .p = quote + 1 };
	for (int c; (c = fold_case ? next_folded(&r) : next(&r)) != END;)
		h = (h ^ (unsigned char)c) * 0x100000001b3;
	return h;
}

int jscan_key_compare(const char *a, const char *b)
{
	struct reader x = { .p = a + 1 }, y = { .p = b + 1 };
	int c, d;

	do {
		c = next(&x);
		d = next(&y);
	} while (c == d && c != END);
	return c - d;
}

bool jscan_key_equals(const char *quote, const char *want, bool *ret_exact)
{
	struct reader r = { .p = quote + 1 };
	const char *w = want;
	int c, d;

	while ((c = next(&r)) != END && c == (unsigned char)*w)
		w++;
	*ret_exact = c == END && !*w;
	if (*ret_exact)
		return true;
	r = (struct reader){ .p = quote + 1 };
	do {
		c = next_folded(&r);
		d = fold_next(&want);
	} while (c == d && c != END);
	return c == d;
}
