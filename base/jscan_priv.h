/* What the two passes of the scanner share: the text of keys, with their escapes resolved. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int jscan_hex(char c); /* 0..15 or -1 */

/* All take a key's opening quote in text that the scanner accepted. */
uint64_t jscan_key_hash(uint64_t start, const char *quote, const char *end, bool escaped, bool fold_case);
int jscan_key_compare(const char *a, const char *b); /* as memcmp orders the decoded bytes */
bool jscan_key_equals(const char *quote, const char *want, bool *ret_exact); /* in any case */

/* The first byte that is '"', a backslash, a control character or not ASCII; looks at eight at a time. */
static inline const char *jscan_plain(const char *p, const char *end)
{
	const uint64_t each = UINT64_MAX / 255, high = each * 0x80;

	for (uint64_t w; end - p >= 8; p += 8) {
		memcpy(&w, p, sizeof w);
		/* In ASCII a subtraction reaches a byte's highest bit only by a borrow. */
		if ((w | (w - each * 0x20) | ((w ^ each * '"') - each) | ((w ^ each * '\\') - each)) & high)
			break;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}
