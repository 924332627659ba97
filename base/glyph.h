/* One character of a text from outside, as it may appear on a terminal or in a log. */
#pragma once
#include <stddef.h>

struct glyph {
	size_t bytes;  /* of the text; at least 1 */
	unsigned cols; /* that it takes on a terminal */
	char text[12]; /* what to write */
};

/*
 * The character at s; left (not 0) bounds the text. Controls, bytes that are no UTF-8 and characters
 * that turn the direction of writing come as \x1b or \u202e, a tab as one space.
 */
struct glyph glyph_at(const char *s, size_t left);
