/* A cache file, which any program may have left: what is accepted is written and read back the same. */
#include "ignition/config/config.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf twice = { 0 };
	struct ign_config c = { .ignition.version = "untouched" }, again;
	struct err e = { 0 };
	int r = ign_config_parse_cache((const char *)data, size, a, &c, &e);

	if (r < 0) {
		if (!e.code || !e.text[0] || strcmp(c.ignition.version, "untouched") != 0)
			abort();
		return 0;
	}
	if (ign_config_emit(&c, &text) < 0 || ign_config_parse_cache(text.p, text.n, a, &again, &e) < 0 ||
	    ign_config_emit(&again, &twice) < 0 || strcmp(text.p, twice.p) != 0)
		abort();
	/* only the version is another: the cache is always written at the newest */
	again.ignition.version = c.ignition.version;
	if (!cfg_equal(&ign_config_desc, &c, &again))
		abort();
	return 0;
}
