/* Paths: cleaning is final, never grows a path, and the rule refuses exactly what cleaning would change. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/report.h"
#include "ignition/config/validate_priv.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(report_done) struct report rep = { 0 };
	struct vctx v = { .report = &rep };
	char *path = malloc(size + 1), *clean, *twice;

	if (!path || !a)
		abort();
	memcpy(path, data, size);
	path[size] = '\0';
	clean = path_clean(a, path);
	twice = clean ? path_clean(a, clean) : NULL;
	if (!twice || strcmp(clean, twice) != 0 || !*clean || strlen(clean) > strlen(path) + !*path ||
	    (*path == '/') != (*clean == '/') || strstr(clean, "//") ||
	    (*path == '/' && strstr(clean, "/../")))
		abort();
	v_path(&v, CFG_CHILD(NULL, "path"), path);
	if (report_fatal(&rep) != (*path != '/' || strcmp(path, clean) != 0))
		abort();
	free(path);
	return 0;
}
