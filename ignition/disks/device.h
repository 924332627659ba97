/*
 * Block devices as the kernel shows them in /sys/class/block: what a path names, what lies on it,
 * who uses it. Reads only; except for the partition calls at the end, which change the kernel's
 * view of one partition and leave every other alone.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct err;

struct blkdev {
	dev_t dev;
	char name[NAME_MAX + 1]; /* in sysfs: "vda", "vda1", "cciss!c0d0" */
	char disk[NAME_MAX + 1]; /* the whole disk; name itself unless it is a partition */
	unsigned part_no;        /* 0 = whole disk */
	bool is_dm;
};

/* -ENOENT, -ENOTBLK or what stat(2) says; the story names path. */
int blkdev_find(const char *path, struct blkdev *ret, struct err *e);

/* "/dev/vda1": the node that devtmpfs makes. */
int blkdev_node(const char *name, char ret[PATH_MAX]);

/* "vda", 1 -> "vda1"; "nvme0n1", 1 -> "nvme0n1p1". */
int blkdev_part_name(const char *disk, unsigned no, char ret[NAME_MAX + 1]);

/*
 * A number from /sys/class/block/<name>/<attribute>, which "start" and "size" give in 512-byte
 * sectors on any disk. -ENOENT when there is no such device.
 */
int blkdev_attr(const char *name, const char *attribute, uint64_t *ret);

/* The numbers of the partitions the kernel knows, ascending. *ret_nos lives in the arena. */
int blkdev_parts(const char *disk, struct arena *a, unsigned **ret_nos, size_t *ret_n);

/*
 * Who uses exactly this device: "mounted on /var", "active swap space", "held by dm-0", "opened
 * exclusively"; *ret_why NULL when nobody does. Lives in the arena. 0 or -errno.
 */
int blkdev_use(const char *name, struct arena *a, const char **ret_why, struct err *e);

/* Whether this very device is mounted on exactly this directory (an absolute path without links). */
int blkdev_mounted_at(dev_t dev, const char *target, bool *ret);

/* Whether anything is mounted on exactly this directory. */
int blkdev_is_mountpoint(const char *target, bool *ret);

/*
 * "mounted on /dir/sub" when anything is mounted below this directory (an absolute path without links that
 * is not "/"), else NULL; also NULL without /proc. Lives in the arena. 0 or -errno.
 */
int blkdev_mounted_below(const char *dir, struct arena *a, const char **ret_why);

/*
 * Makes the kernel see partition no of the disk open at disk_fd at this place, or (size 0) not at
 * all. Does nothing when that is so already; a change of the end alone keeps the device. 0 or
 * -errno with a story.
 */
int blkdev_set_part(int disk_fd, const char *disk, unsigned no, uint64_t start_512, uint64_t size_512,
		    struct err *e);
