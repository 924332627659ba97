/*
 * Waiting for devices, with or without udevd: a device that is not there yet, a lock somebody
 * holds, udev's rules still at work. Every wait ends: after 90 s by default, and every 10 s it says
 * what it waits for.
 *
 * Knobs for tests and odd systems, from the environment: IGNITION_DEVICE_TIMEOUT (seconds),
 * IGNITION_DEV_ALIASES_DIR (default /run/ignition/dev_aliases).
 */
#pragma once
#include <limits.h>
#include <stdint.h>

struct blkdev;
struct err;

/*
 * Waits until path is a block device and, when udevd runs, udev has looked at it. where is the
 * config's path for messages ("$.storage.disks.0.device"). Returns 0 or -ETIMEDOUT with a story.
 */
int settle_device(const char *path, const char *where, struct blkdev *ret, struct err *e);

/* Takes an exclusive flock on an open disk, which udevd respects; released by closing. */
int settle_lock(int fd, const char *node, struct err *e);

/*
 * After a change of content: asks udev to look at the device again (its by-label and by-uuid links)
 * and waits until it has. Nothing to do without udevd.
 */
int settle_reread(const char *name, struct err *e);

/*
 * Waits until the kernel shows partition no of disk at this place (size_512 0: does not show it)
 * and its node is there. Returns 0 or -EIO with a story that names both numbers.
 */
int settle_partition(const char *disk, unsigned no, uint64_t start_512, uint64_t size_512, struct err *e);

/*
 * A stable name for a config's device path while its content changes: a symlink to the real node
 * under /run/ignition/dev_aliases, path and all. ret is the alias.
 */
int settle_alias(const char *path, const struct blkdev *d, char ret[PATH_MAX], struct err *e);
