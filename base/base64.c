#include "base/base64.h"
#include <errno.h>
#include <stdint.h>
#include "base/buf.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* out may be NULL: only check. */
static int decode(const char *s, size_t n, bool skip_newlines, struct buf *out)
{
	unsigned have = 0, pad = 0;
	uint32_t group = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		int v = value_of(s[i]);

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
		if (++have == 4) {
			char bytes[3] = { (char)(group >> 16), (char)(group >> 8), (char)group };

			r = out ? buf_append(out, bytes, 3) : 0;
			if (r < 0)
				return r;
			have = 0;
			group = 0;
		}
	}
	if (have == 0)
		return pad ? -EBADMSG : 0;
	if (have + pad != 4)
		return -EBADMSG;
	group <<= 6 * pad;
	char bytes[2] = { (char)(group >> 16), (char)(group >> 8) };

	return out ? buf_append(out, bytes, have - 1) : 0;
}

int base64_decode(const char *s, size_t n, bool skip_newlines, struct buf *out)
{
	return decode(s, n, skip_newlines, out);
}

int base64_check(const char *s, size_t n, bool skip_newlines)
{
	return decode(s, n, skip_newlines, NULL);
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
