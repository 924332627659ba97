/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once
#include <stddef.h>

/*
 * Bytes of the multi-byte character at s, or 0 when there is none; ASCII counts as none. left bounds
 * the text; for a terminated string SIZE_MAX will do, since the NUL ends a sequence too.
 */
size_t utf8_len(const unsigned char *s, size_t left);
