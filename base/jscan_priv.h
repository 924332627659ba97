/* What the two passes of the scanner share: the text of keys, with their escapes resolved. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int jscan_hex(char c); /* 0..15 or -1 */

/* All take a key's opening quote in text that the scanner accepted. */
uint64_t jscan_key_hash(const char *quote, const char *end, bool escaped, bool fold_case);
int jscan_key_compare(const char *a, const char *b); /* as memcmp orders the decoded bytes */
bool jscan_key_equals(const char *quote, const char *want, bool *ret_exact); /* in any case */
