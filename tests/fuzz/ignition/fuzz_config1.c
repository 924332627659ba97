/* Configs of spec 1 of any structure, written as documents: parsed, checked, converted, read again. */
#include "ignition/config/v1/v1.h"
#include "tests/fuzz/ignition/old_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf json = { 0 };
	struct bytes b = { data, size, a };
	struct ign1_config old = { 0 };
	bool mended = take(&b) % 4;

	take_object(&b, &ign1_config_desc, (char *)&old);
	if (mended)
		mend(&b, &ign1_config_desc, (char *)&old);
	old.ignition_version = (struct opt_i64){ true, 1 };
	must(cfg_emit(&ign1_config_desc, &old, 0, &json) == 0);
	check_old_document(&json, a);
	return 0;
}
