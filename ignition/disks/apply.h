/*
 * Puts a plan on a disk with libfdisk and tells the kernel about the partitions that changed, and
 * only those: others stay mounted. The disk is locked (flock) meanwhile, so that udev keeps away.
 */
#pragma once
#include <stddef.h>

struct blkdev;
struct disk_op;
struct disk_state;
struct err;

/*
 * have is what the plan was made from; a disk that is different by now is refused (EBUSY). A crash at any
 * point leaves a table that a plan made anew leads to the same end. Returns 0 or -errno; the story names
 * partition and step, not the disk.
 */
int disk_apply(const char *node, const struct blkdev *d, const struct disk_state *have,
	       const struct disk_op *ops, size_t n, struct err *e);
