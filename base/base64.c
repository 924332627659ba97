#include "base/base64.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value plus one; 0 = not in the alphabet. */
static const unsigned char values[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static int value_of(char c)
{
	return values[(unsigned char)c] - 1;
}

static size_t put_group(unsigned char *block, size_t used, uint32_t group)
{
	block[used] = (unsigned char)(group >> 16);
	block[used + 1] = (unsigned char)(group >> 8);
	block[used + 2] = (unsigned char)group;
	return used + 3;
}

static int flush(struct buf *out, const unsigned char *block, size_t *used)
{
	int r = out ? buf_append(out, block, *used) : 0;

	*used = 0;
	return r;
}

/* out may be NULL: only check. */
static int decode(const char *s, size_t n, bool skip_newlines, struct buf *out)
{
	unsigned char block[3 * 1024]; /* appended when full */
	unsigned have = 0, pad = 0;
	uint32_t group = 0;
	size_t used = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		int v = value_of(s[i]);

		if (have == 0 && pad == 0 && n - i >= 4) { /* the usual case: four at once */
			int a = value_of(s[i + 1]), b = value_of(s[i + 2]), c = value_of(s[i + 3]);

			if ((v | a | b | c) >= 0) {
				group = (uint32_t)v << 18 | (uint32_t)a << 12 | (uint32_t)b << 6 |
					(uint32_t)c;
				used = put_group(block, used, group);
				i += 3;
				group = 0;
				if (used == sizeof block)
					r = flush(out, block, &used);
				continue;
			}
		}
		if (skip_newlines && (s[i] == '\n' || s[i] == '\r'))
			continue;
		if (s[i] == '=') { /* allowed as third and fourth of the last group */
			if (have + pad < 2 || have + pad > 3)
				return -EBADMSG;
			pad++;
			continue;
		}
		if (v < 0 || pad)
			return -EBADMSG;
		group = group << 6 | (uint32_t)v;
		if (++have < 4)
			continue;
		used = put_group(block, used, group);
		have = 0;
		group = 0;
		if (used == sizeof block)
			r = flush(out, block, &used);
	}
	if (r < 0)
		return r;
	if (have + pad != 0 && (have == 0 || have + pad != 4))
		return -EBADMSG;
	group <<= 6 * pad;
	for (unsigned i = 1; i < have; i++) /* two characters make a byte, three make two */
		block[used++] = (unsigned char)(group >> (24 - 8 * i));
	return flush(out, block, &used);
}

int base64_decode(const char *s, size_t n, bool skip_newlines, struct buf *out)
{
	return decode(s, n, skip_newlines, out);
}

enum { BLOCK = 64 }; /* whole groups of four */

/* Without a branch, so that the compiler takes many bytes at once. */
static bool block_ok(const unsigned char *s)
{
	unsigned char ok = 1;

	for (int i = 0; i < BLOCK; i++) {
		unsigned char letter = (unsigned char)((s[i] | 0x20) - 'a'),
			      digit = (unsigned char)(s[i] - '0');

		ok &= (letter < 26) | (digit < 10) | (s[i] == '+') | (s[i] == '/');
	}
	return ok;
}

int base64_check(const char *s, size_t n, bool skip_newlines)
{
	size_t at = 0;

	while (n - at >= BLOCK && block_ok((const unsigned char *)s + at))
		at += BLOCK;
	return decode(s + at, n - at, skip_newlines, NULL);
}

int base64_encode(const void *data, size_t n, struct buf *out)
{
	const unsigned char *p = data;
	int r = n > SIZE_MAX / 2 ? -EFBIG : buf_reserve(out, (n + 2) / 3 * 4);

	for (size_t i = 0; r == 0 && i < n; i += 3) {
		size_t left = n - i;
		uint32_t g = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);
		char text[4] = { alphabet[g >> 18 & 63], alphabet[g >> 12 & 63],
				 left > 1 ? alphabet[g >> 6 & 63] : '=', left > 2 ? alphabet[g & 63] : '=' };

		r = buf_append(out, text, 4);
	}
	return r;
}
