/* The rules of a version over configs that no parser has read: findings, never a crash; then merged. */
#include "base/buf.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/parse_priv.h"
#include "tests/fuzz/ignition/config_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf findings = { 0 };
	CLEANUP(report_done) struct report rep = { .explain = size % 3 == 0 };
	struct bytes b = { data, size, a };
	struct ign_config c = { 0 }, d = { 0 }, merged, again;
	struct err e = { 0 };
	unsigned minor = take(&b) % (IGN_MINOR_EXPERIMENTAL + 1);

	take_object(&b, &ign_config_desc, (char *)&c);
	take_object(&b, &ign_config_desc, (char *)&d);
	if (ign_validate_document(&c, minor, size % 2, &rep) < 0 || report_print(&rep, &findings) < 0)
		abort();
	if (ign_config_merge(a, &c, &d, &merged) < 0 || ign_config_emit(&merged, &text) < 0 ||
	    ign_config_parse_cache(text.p, text.n, a, &again, &e) < 0)
		abort();
	return 0;
}
