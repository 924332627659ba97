/* dataurl_check() and dataurl_decode() give one verdict; data is never longer than the URL. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "ignition/fetch/dataurl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(.max = 1 << 20);
	const char *why = "", *why2 = "";
	char *url = malloc(size + 6);
	int r, r2;

	if (!url)
		return 0;
	/* most inputs get past the prefix, some are on their own */
	memcpy(url, "data:", 5);
	memcpy(url + (size % 8 ? 5 : 0), data, size);
	url[size + (size % 8 ? 5 : 0)] = '\0';
	r = dataurl_decode(url, &b, &why);
	r2 = dataurl_check(url, &why2);
	if ((r != r2 && r != -EFBIG) || (r != -EFBIG && strcmp(why, why2) != 0) ||
	    (r != 0) != (*why != '\0') || b.n > strlen(url))
		abort();
	buf_done(&b);
	free(url);
	return 0;
}
