/*
 * What the rules of spec 1 and 2.x share. Rules that 3.x still has are those of validate_priv.h, in
 * whose terms the hash functions and URL schemes of 2.1 are those of 3.0. Texts and severities:
 * reference B.8.3; what Ignition 0.35 told only the line of has the path of the value concerned.
 */
#pragma once
#include "ignition/config/v2/types_gen.h"
#include "ignition/config/validate_priv.h"

struct rules {
	const struct ign2_config *config;
	unsigned minor; /* of 2.x */
	struct vctx v;
};

/*
 * Where an object broke a rule of its own, 0.35 did not look at its members: a rule that stops there
 * compares the number of errors before and after.
 */
static inline size_t r_errors(const struct rules *r)
{
	return r->v.report->count[SEV_ERROR];
}

/* rules_shared.c */
void old_path(struct vctx *v, const struct cfg_path *at, const char *path);
void old_format(struct vctx *v, const struct cfg_path *at, const char *format, bool swap_and_vfat);
void old_mode(struct vctx *v, const struct cfg_path *at, struct opt_i64 mode);
void old_not_negative(struct vctx *v, const struct cfg_path *at, struct opt_i64 number);
void old_raid_level(struct vctx *v, const struct cfg_path *at, const char *level, struct opt_i64 spares);
void old_networkd_name(struct vctx *v, const struct cfg_path *at, const char *name);
void old_systemd_name(struct vctx *v, const struct cfg_path *at, const char *name);
void old_dropin_name(struct vctx *v, const struct cfg_path *at, const char *name);

/* One partition in sectors. Fields that are not fixed have no place on the disk. */
struct old_partition {
	int64_t number, start, size;
	bool fixed;
};

/* Numbers, overlaps, alignment; zero_collides: number 0 is one like others (spec 1). */
void old_partitions(struct vctx *v, const struct cfg_path *at, const struct old_partition *p, size_t n,
		    bool zero_collides);

/* rules_fetch.c */
void rules_ignition(struct rules *r, const struct cfg_path *at);
void rules_contents(struct rules *r, const struct cfg_path *at, const struct ign2_file_contents *c);

/* rules_disk.c */
void rules_disks(struct rules *r, const struct cfg_path *at);
void rules_raid(struct rules *r, const struct cfg_path *at);
void rules_filesystems(struct rules *r, const struct cfg_path *at);

/* rules_node.c */
void rules_node_filesystems(struct rules *r, const struct cfg_path *at); /* the names used and given */
void rules_directories(struct rules *r, const struct cfg_path *at);
void rules_files(struct rules *r, const struct cfg_path *at);
void rules_links(struct rules *r, const struct cfg_path *at);

/* rules_unit.c */
void rules_networkd(struct rules *r, const struct cfg_path *at);
void rules_systemd(struct rules *r, const struct cfg_path *at);
