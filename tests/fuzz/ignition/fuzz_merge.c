/* Two documents with a NUL between them: merged, checked, written and read back; nothing changes twice. */
#include "ignition/config/config.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf text = { 0 };
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	struct ign_config p, c, empty, out, again;
	struct err e = { 0 };

	if (!nul || ign_config_parse_cache((const char *)data, (size_t)(nul - data), a, &p, &e) < 0 ||
	    ign_config_parse_cache((const char *)nul + 1, size - (size_t)(nul + 1 - data), a, &c, &e) < 0)
		return 0;
	ign_config_init(&empty);
	p.ignition.version = c.ignition.version = empty.ignition.version;
	if (ign_config_merge(a, &p, &c, &out) < 0 || ign_config_emit(&out, &text) < 0 ||
	    ign_config_parse_cache(text.p, text.n, a, &again, &e) < 0 ||
	    !cfg_equal(&ign_config_desc, &out, &again) || ign_config_validate(&out, 7, &rep) < 0)
		abort();
	if (ign_config_merge(a, &empty, &out, &again) < 0 || !cfg_equal(&ign_config_desc, &out, &again) ||
	    ign_config_merge(a, &out, &empty, &again) < 0 || !cfg_equal(&ign_config_desc, &out, &again))
		abort();
	return 0;
}
