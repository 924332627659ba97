/*
 * Values of options as Go's flag and strconv packages read them. Each returns NULL, or why the text
 * is refused ("parse error", "value out of range") and leaves *ret alone.
 */
#pragma once
#include <stdbool.h>

struct buf;

const char *option_parse_bool(const char *text, bool *ret);
const char *option_parse_int(const char *text, long long *ret);
const char *option_parse_duration(const char *text, long long *ret_ms); /* truncated to milliseconds */

/* The text as a Go string literal, as upstream's messages show it. Returns 0, -EFBIG or -ENOMEM. */
int option_quote(const char *text, struct buf *out);
