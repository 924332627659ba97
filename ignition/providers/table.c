#include "ignition/providers/provider.h"
#include "base/cleanup.h"
#include <string.h>

static const struct provider providers[] = {
	{ "file", provider_file },
	{ "metal", provider_metal },
	{ "qemu", provider_qemu },
};

const struct provider *provider_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(providers); i++)
		if (!strcmp(providers[i].id, id))
			return &providers[i];
	return NULL;
}

const struct provider *provider_at(unsigned i)
{
	return i < ARRAY_SIZE(providers) ? &providers[i] : NULL;
}
