/* Makes the config's file systems: what is there is looked at, kept or wiped, and made anew. */
#pragma once
#include <stddef.h>
#include "ignition/disks/fs.h"

struct arena;
struct blkdev;
struct err;
struct ign_filesystem;
struct ign_storage;

/*
 * What would be done on a device that is there now: nothing is written. Besides fs_decide()'s
 * refusals: -EBUSY when it would be made on a device in use, -ENOENT when its tool is missing.
 */
int filesystem_check(const struct ign_filesystem *fs, const char *node, const struct blkdev *d,
		     struct arena *a, enum fs_action *ret, struct err *e);

/*
 * Waits for all devices, then makes what is missing: devices in parallel, as many as there are
 * CPUs, several entries for one device in config order. All failures are told, one per line.
 */
int filesystems_make(const struct ign_storage *s, struct arena *a, struct err *e);
