#include "base/suggest.h"
#include <ctype.h>
#include <string.h>
#include "base/cfg.h"

enum { WORD_MAX = 48 }; /* longer ones are like nothing we know */

static int lower(char c)
{
	return tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment; three rows are all that it looks at. */
unsigned suggest_distance(const char *a, const char *b, unsigned max)
{
	size_t n = strnlen(a, WORD_MAX + 1), m = strnlen(b, WORD_MAX + 1);
	unsigned row[3][WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX || (n > m ? n - m : m - n) > max)
		return max + 1;
	for (unsigned k = 0; k <= m; k++)
		row[0][k] = k;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *two = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t k = 1; k <= m; k++) {
			bool same = lower(a[i - 1]) == lower(b[k - 1]);

			now[k] = least(least(now[k - 1], before[k]) + 1, before[k - 1] + !same);
			if (i > 1 && k > 1 && lower(a[i - 1]) == lower(b[k - 2]) &&
			    lower(a[i - 2]) == lower(b[k - 1]))
				now[k] = least(now[k], two[k - 2] + 1);
		}
	}
	return least(row[n % 3][m], max + 1);
}

bool suggest_same_word(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, "-_");
		b += strspn(b, "-_");
		if (lower(*a) != lower(*b))
			return false;
		if (!*a)
			return true;
	}
}

const struct cfg_field *suggest_field(const struct cfg_desc *desc, const char *key, unsigned minor)
{
	size_t len = strnlen(key, WORD_MAX + 1);
	unsigned best = len < 3 ? 0 : len < 5 ? 1 : len < 9 ? 2 : 3; /* that far and not farther */
	const struct cfg_field *found = NULL;

	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		unsigned d = suggest_distance(key, f->key, best);

		if (f->since > minor || d > best || (found && d == best))
			continue;
		found = f;
		best = d;
	}
	return found;
}
