/*
 * ignition-apply: what a config says about files and units, applied while a container image is built
 * (reference A.1.3). Whatever only a first boot can do is refused, or left out when asked to.
 */
#pragma once
#include <stdbool.h>

struct err;

struct apply {
	const char *config; /* a file, or "-" for standard input */
	const char *root;
	bool ignore_unsupported; /* leave out what cannot be applied */
	bool offline;            /* refuse every source that needs the network */
};

/*
 * Logs the config's findings and each operation. 0, or -errno with a story that begins as upstream's:
 * "couldn't read config", "couldn't parse config" or "failed to apply". Nothing was written when the
 * config or the target is refused; when writing fails, the same run may be repeated.
 */
int apply_run(const struct apply *how, struct err *e);
