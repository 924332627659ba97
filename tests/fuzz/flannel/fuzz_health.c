/* Requests to the health server: whatever comes in, what is taken out is terminated and in range. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flannel/health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct health_request rq;
	size_t n = size < HEALTH_REQUEST_MAX ? size : HEALTH_REQUEST_MAX;
	char *copy = malloc(n + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, n);
	copy[n] = 'x'; /* no terminator to lean on */
	if (health_request_parse(copy, n, &rq) == 0 && memchr(rq.path, '\0', sizeof(rq.path)) == NULL)
		abort();
	free(copy);
	return 0;
}
