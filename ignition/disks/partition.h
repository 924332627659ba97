/*
 * The disks of a config: waited for, read and planned all together before the first of them is
 * written, then written one after the other and checked in the kernel's view.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "ignition/disks/device.h"
#include "ignition/disks/plan.h"

struct arena;
struct err;
struct ign_disk;
struct ign_storage;

struct disk_work {
	const struct ign_disk *want;
	struct blkdev dev;
	const char *node; /* its alias */
	struct disk_state have;
	struct disk_op *ops;
	size_t n_ops;
};

/* *ret_work has one entry per disk of the config and lives in the arena. Writes nothing to a disk. */
int partitions_plan(const struct ign_storage *s, struct arena *a, struct disk_work **ret_work, struct err *e);

/* Writes one disk's plan, waits for kernel and udev, and reads the table again to see it is there. */
int partitions_apply(const struct disk_work *w, struct arena *a, struct err *e);

/*
 * Whether applying the plans may change what is on d, a device that is there now: it is a disk that
 * is written, or a partition that goes, moves, or may be another one afterwards.
 */
bool partitions_touch(const struct disk_work *work, size_t n, const struct blkdev *d, const char *path);
