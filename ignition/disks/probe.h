/* Reads the state of a disk for disks_plan(): geometry, partitions, and who uses what. */
#pragma once

struct arena;
struct blkdev;
struct disk_state;
struct err;

/*
 * device is the config's name for messages, node what is opened (an alias or a device node), d what
 * it is. Everything returned lives in the arena. 0 or -errno with a story.
 */
int disk_probe(const char *device, const char *node, const struct blkdev *d, struct arena *a,
	       struct disk_state *ret, struct err *e);
