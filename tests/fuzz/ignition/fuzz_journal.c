/* The notes of an earlier run, which lie in the hostile target; the parser is private, hence the include. */
#include "ignition/files/journal.c"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct journal j = { 0 };
	char *text = a ? arena_strndup(a, (const char *)data, size) : NULL;

	if (!text || parse(text, size, a, &j) < 0)
		return 0;
	for (size_t i = 0; i < j.made.n; i++)
		if (!*j.made.v[i])
			abort();
	for (size_t i = 0; i < j.appends.n; i++)
		if (*j.appends.v[i].path != '/')
			abort();
	return 0;
}
