/*
 * Keys in any case, as Go's encoding/json takes them: Unicode's simple folding, of which two characters
 * besides ASCII concern names in ASCII: U+017F (long s) folds to s, U+212A (Kelvin sign) to k.
 */
#pragma once
#include <stdbool.h>

enum { FOLD_END = -1 };

/* The next byte of a text, folded; *p is moved behind what it was. FOLD_END at the NUL. */
int fold_next(const char **p);
bool fold_equal(const char *a, const char *b);
