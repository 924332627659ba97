#include "base/glyph.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/utf8.h"

struct range {
	uint32_t from, to;
};

static bool in(const struct range *v, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= v[i].from && c <= v[i].to)
			return true;
	return false;
}

/* What a reader would not see, or what would move what is seen: C1, marks of direction, separators, the BOM.
 */
static bool is_hidden(uint32_t c)
{
	static const struct range v[] = { { 0x80, 0x9f },      { 0x61c, 0x61c },   { 0x200b, 0x200f },
					  { 0x2028, 0x202e },  { 0x2060, 0x2069 }, { 0xfeff, 0xfeff },
					  { 0xe0000, 0xe007f } };

	return in(v, ARRAY_SIZE(v), c);
}

/* The large blocks of Unicode's East Asian Width; a rare character in between is one column off. */
static unsigned width(uint32_t c)
{
	static const struct range none[] = {
		{ 0x300, 0x36f }, { 0x1ab0, 0x1aff }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
		{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1faff }, { 0x20000, 0x3fffd }
	};

	return in(none, ARRAY_SIZE(none), c) ? 0 : in(wide, ARRAY_SIZE(wide), c) ? 2 : 1;
}

static uint32_t decode(const unsigned char *s, size_t n)
{
	uint32_t c = s[0] & (0xffU >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

struct glyph glyph_at(const char *s, size_t left)
{
	struct glyph g = { .bytes = 1, .cols = 1 };
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c;

	if (*p == '\t') {
		g.text[0] = ' ';
		return g;
	}
	if (*p >= 0x20 && *p < 0x7f) {
		g.text[0] = *s;
		return g;
	}
	if (*p >= 0x80)
		g.bytes = utf8_len(p, left);
	if (*p < 0x80 || g.bytes == 0) {
		g.bytes = 1;
		g.cols = (unsigned)snprintf(g.text, sizeof g.text, "\\x%02x", *p);
		return g;
	}
	c = decode(p, g.bytes);
	if (is_hidden(c)) {
		g.cols = (unsigned)snprintf(g.text, sizeof g.text, "\\u%04x", c);
	} else {
		memcpy(g.text, s, g.bytes);
		g.cols = width(c);
	}
	return g;
}
