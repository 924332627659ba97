#include "ignition/providers/provider.h"
#include "base/atomic.h"
#include "base/err.h"
#include "base/log.h"
#include <stdlib.h>

/* For tests and image builds: $IGNITION_CONFIG_FILE, else config.ign in the working directory. */
int provider_file(struct fetcher *f, struct buf *out, struct err *e)
{
	const char *path = getenv("IGNITION_CONFIG_FILE");
	int r;

	(void)f;
	if (!path || !*path) {
		path = "config.ign";
		log_info("using default filename");
	}
	log_info("using config file at \"%s\"", path);
	r = file_read(path, out, e);
	return r < 0 ? err_wrap(e, r, "couldn't read config") : 0;
}
