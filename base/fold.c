#include "base/fold.h"
#include <string.h>

int fold_next(const char **p)
{
	static const char long_s[] = "\xc5\xbf", kelvin[] = "\xe2\x84\xaa";
	unsigned char c = (unsigned char)**p;

	if (!c)
		return FOLD_END;
	if (c >= 0x80 && strncmp(*p, long_s, strlen(long_s)) == 0) {
		*p += strlen(long_s);
		return 's';
	}
	if (c >= 0x80 && strncmp(*p, kelvin, strlen(kelvin)) == 0) {
		*p += strlen(kelvin);
		return 'k';
	}
	++*p;
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool fold_equal(const char *a, const char *b)
{
	int c, d;

	do {
		c = fold_next(&a);
		d = fold_next(&b);
	} while (c == d && c != FOLD_END);
	return c == d;
}
