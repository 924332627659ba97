/*
 * File systems as data: the formats, whether what is on a device may stay, and the tool's command
 * line (reference F.6). Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct err;
struct ign_filesystem;
struct signature;

enum fs_action { FS_KEEP, FS_MAKE };

/* Whether the disks stage has anything to do for it: not without a format, nor for virtiofs. */
bool fs_is_made(const struct ign_filesystem *fs);

/* Whether the mount stage mounts it: it has a path and a format that can be mounted. */
bool fs_is_mounted(const struct ign_filesystem *fs);

/*
 * 0 with FS_KEEP when type, label and UUID are as wanted already, or with FS_MAKE when the device
 * is blank or may be wiped; -EEXIST with a story that says what is there and what was wanted;
 * -EINVAL for a format that cannot be made.
 */
int fs_decide(const struct ign_filesystem *fs, const struct signature *found, enum fs_action *ret,
	      struct err *e);

/*
 * NULL-terminated, in the arena: the user's options come first, then force flag, UUID, label and
 * device. *ret is NULL when the format needs no tool ("none": wiping is all).
 */
int fs_make_argv(const struct ign_filesystem *fs, const char *node, struct arena *a, const char *const **ret,
		 struct err *e);
