/* Unit files of a config: a verdict with its reason, and the same one with text that does not count around
 * it. */
#include "ignition/config/unit_file.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char before[] = "x\n#[\n";
	char why[32], why2[160], *text = calloc(1, size + sizeof before);
	bool install = false, install2 = false;
	int r, r2;

	if (!text)
		abort();
	memcpy(text, data, size);
	r = unit_file_check(text, &install, why, sizeof why);
	memcpy(text, before, strlen(before));
	memcpy(text + strlen(before), data, size);
	r2 = unit_file_check(text, &install2, why2, sizeof why2);
	if (r != r2 || (r < 0 && (r != -EBADMSG || strncmp(why, why2, sizeof why - 1) != 0)) ||
	    install != install2)
		abort();
	free(text);
	return 0;
}
