/* Parse, check, write, read back: the same config; merged with nothing or itself: no crash. */
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
	CLEANUP(buf_done) struct buf twice = { 0 };
	CLEANUP(buf_done) struct buf findings = { 0 };
	struct ign_config c, again, empty, merged;
	struct err e = { 0 };
	int r = ign_config_parse((const char *)data, size, a, &rep, &c, &e);

	if (report_print(&rep, &findings) < 0 || (r < 0 && !e.code) || (r == 0 && report_fatal(&rep)))
		abort();
	if (r < 0)
		return 0;
	ign_config_init(&empty);
	if (ign_config_emit(&c, &text) < 0 || ign_config_parse_cache(text.p, text.n, a, &again, &e) < 0 ||
	    !cfg_equal(&ign_config_desc, &c, &again) || ign_config_emit(&again, &twice) < 0 ||
	    strcmp(text.p, twice.p) != 0)
		abort();
	if (ign_config_merge(a, &c, &empty, &merged) < 0 || !cfg_equal(&ign_config_desc, &c, &merged) ||
	    ign_config_merge(a, &c, &again, &merged) < 0 || ign_config_validate(&merged, 7, &rep) < 0)
		abort();
	return 0;
}
