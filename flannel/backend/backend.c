#include "flannel/backend/backend.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/err.h"

static const struct backend_ops *const backends[] = { &backend_vxlan };

int backend_find(const char *type, const struct backend_ops **ret, struct err *e)
{
	char names[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		if (strcasecmp(type, backends[i]->type) == 0) {
			*ret = backends[i];
			return 0;
		}
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
						 backends[i]->type);
	}
	return err_text(e, EINVAL, "unknown backend type: %s (available: %s)", type, names);
}
