/* A config that is accepted must allow picking a subnet inside it, or say that there is none. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/arena.h"
#include "flannel/config.h"
#include "flannel/lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct vxlan_config v;
	struct lease_subnet s;
	struct net_config c;

	if (a && net_config_load((const char *)data, size, a, &c, NULL) == 0) {
		int r = lease_subnet_pick(&c, NULL, 0, &s, NULL);

		vxlan_config_parse(&c, &v, NULL);
		if (r < 0 ? r != -ENOSPC : !lease_subnet_fits(&s, &c))
			abort();
	}
	arena_free(a);
	return 0;
}
