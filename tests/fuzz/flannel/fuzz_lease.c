/* Key, NUL, value. What is accepted must survive being written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "flannel/lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *nul = memchr(text, '\0', size);
	size_t n = nul ? (size_t)(nul - text) : size;
	struct lease_attrs a = { 0 }, again = { 0 };
	struct lease_subnet s, s2;
	struct lease_vxlan v;
	char key[LEASE_KEY_MAX];
	struct buf b = { 0 };

	if (lease_subnet_parse(text, n, &s, NULL) == 0) {
		lease_subnet_format(&s, key);
		if (lease_subnet_parse(key, strlen(key), &s2, NULL) < 0 || !lease_subnet_equal(&s, &s2))
			abort();
	}
	if (nul && lease_attrs_decode(nul + 1, size - n - 1, &a, NULL) == 0) {
		lease_vxlan_decode(a.backend_data, &v, NULL);
		if (lease_attrs_encode(&a, &b) < 0 || lease_attrs_decode(b.p, b.n, &again, NULL) < 0 ||
		    !lease_attrs_equal(&a, &again))
			abort();
	}
	buf_done(&b);
	lease_attrs_done(&a);
	lease_attrs_done(&again);
	return 0;
}
