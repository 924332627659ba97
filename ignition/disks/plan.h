/*
 * What must change on one disk: the config's partitions compared with what is there. Pure: nothing
 * is read or written, so every refusal is known before the first write. Positions are in logical
 * sectors (_lba) unless the name says otherwise.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct ign_disk;
struct ign_partition;

enum { GPT_ENTRIES_DEFAULT = 128 };

struct disk_part {
	unsigned no; /* from 1 */
	uint64_t start_lba, size_lba;
	const char *label, *guid, *type_guid; /* never NULL; "" = none */
	const char *use;                      /* "mounted on /var"; NULL = nobody uses it */
};

struct disk_state {
	const char *device; /* for messages */
	unsigned sector_bytes;
	uint64_t disk_lba;
	const char *foreign_table; /* "dos": has partitions that are not GPT's; NULL otherwise */
	bool has_gpt;
	bool damaged; /* of a GPT: one of its copies or the protective MBR is not whole */
	/* As the table's header says; without one, those of a new table (disk_state_fresh_table). */
	uint64_t first_usable_lba, last_usable_lba;
	unsigned max_parts;
	struct disk_part *parts; /* by number */
	size_t n_parts;
	const char *use;      /* the whole disk is in use: why */
	const char *part_use; /* a partition the kernel knows is in use, listed in parts or not: why */
};

enum disk_op_kind {
	DISK_OP_WIPE,   /* forget the table and everything that looks like one; always first */
	DISK_OP_REPAIR, /* write the table as it is: a killed run, or a fault, left one copy of it broken */
	DISK_OP_DELETE, /* all deletions precede all creations */
	DISK_OP_CREATE,
	DISK_OP_KEEP, /* nothing to write; the kernel's view of it is still verified */
};

struct disk_op {
	enum disk_op_kind kind;
	unsigned no;
	uint64_t start_lba, size_lba;
	const char *label, *guid, *type_guid; /* of CREATE: NULL = none, random, Linux file system */
	bool same_start; /* of CREATE: replaces a partition with this start, so its content stays */
};

/* The usable range and entry count of a new GPT, with sgdisk's geometry; forgets the partitions. */
int disk_state_fresh_table(struct disk_state *d, struct err *e);

/*
 * Reference F.3, steps 2-8. *ret_ops lives in the arena and its strings point into want and have.
 * Returns 0 (with *ret_n 0 when there is nothing to do) or -errno: EBUSY for a disk or partition in
 * use, ENOSPC for what does not fit, EEXIST or EINVAL for what does not match. The story names the
 * partition, not the disk.
 */
int disks_plan(const struct ign_disk *want, const struct disk_state *have, struct arena *a,
	       struct disk_op **ret_ops, size_t *ret_n, struct err *e);

/* Whether the plan writes to the disk. */
bool disks_plan_writes(const struct disk_op *ops, size_t n);
