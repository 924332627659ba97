/* "Did you mean": names near to one that is not known. */
#pragma once
#include <stdbool.h>

struct cfg_desc;
struct cfg_field;

/*
 * How many insertions, deletions, replacements and swaps of neighbours lead from a to b, case not
 * counting; more than max (at most 8) says only that it is more.
 */
unsigned suggest_distance(const char *a, const char *b, unsigned max);

/* The same word but for case, '-' and '_': home_dir and homeDir. */
bool suggest_same_word(const char *a, const char *b);

/* The field of desc, known to 3.minor, whose name is nearest to key and near enough; NULL: none. */
const struct cfg_field *suggest_field(const struct cfg_desc *desc, const char *key, unsigned minor);
