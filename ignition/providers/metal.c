#include "ignition/providers/provider.h"
#include "base/log.h"

/* Bare metal has no metadata of its own: the config comes by kernel command line or user.ign. */
int provider_metal(struct fetcher *f, struct buf *out, struct err *e)
{
	(void)f, (void)out, (void)e;
	log_info("metal provider fetching empty config");
	return 0;
}
