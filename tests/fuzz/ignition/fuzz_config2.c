/* Configs of 2.0 to 2.4 of any structure, written as documents: parsed, checked, converted, read again. */
#include "ignition/config/v2/v2.h"
#include "tests/fuzz/ignition/old_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const versions[] = { "2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0" };
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf json = { 0 };
	struct bytes b = { data, size, a };
	struct ign2_config old = { 0 };
	bool mended = take(&b) % 4;
	unsigned minor = take(&b) % ARRAY_SIZE(versions);

	take_object(&b, &ign2_config_desc, (char *)&old);
	if (mended)
		mend(&b, &ign2_config_desc, (char *)&old);
	old.ignition.version = versions[minor];
	must(cfg_emit(&ign2_config_desc, &old, 0, &json) == 0);
	check_old_document(&json, a);
	return 0;
}
