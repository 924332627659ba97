/* Disks, RAID arrays and filesystems. */
#include "ignition/config/v2/rules_priv.h"
#include <errno.h>
#include <string.h>
#include "base/arena.h"

static void check_label(struct rules *r, const struct cfg_path *at, const char *label)
{
	bool too_long = label && strlen(label) > PARTITION_LABEL_MAX;

	if (too_long)
		v_error(&r->v, at, "partition labels may not exceed 36 characters");
	if (label && strchr(label, ':') && !(too_long && r->minor == 0))
		v_warn(&r->v, at, "partition label will be truncated to text before the colon");
}

static bool in_sectors(const struct ign2_partition *p)
{
	return p->start.set || p->size.set;
}

static bool in_mib(const struct ign2_partition *p)
{
	return p->start_mib.set || p->size_mib.set;
}

static bool is_unwanted(const struct ign2_partition *p)
{
	return p->should_exist.set && !p->should_exist.v;
}

static void check_partition(struct rules *r, const struct cfg_path *at, const struct ign2_partition *p)
{
	size_t errors = r_errors(r);

	if (in_sectors(p) && in_mib(p))
		v_error(&r->v, at, "cannot mix MBs and sectors within a disk");
	if (is_unwanted(p) && (p->label || *p->type_guid || *p->guid || in_sectors(p)))
		v_error(&r->v, at, "shouldExist specified false with other options also specified");
	if (r_errors(r) > errors)
		return;
	v_guid(&r->v, CFG_CHILD(at, "guid"), p->guid);
	check_label(r, CFG_CHILD(at, "label"), p->label);
	if (r->minor == 0) {
		old_not_negative(&r->v, CFG_CHILD(at, "size"), p->size);
		old_not_negative(&r->v, CFG_CHILD(at, "start"), p->start);
	}
	if (r->minor >= 3 && p->size.set)
		v_warn(&r->v, CFG_CHILD(at, "size"), "size is deprecated; use sizeMB instead");
	if (r->minor >= 3 && p->start.set)
		v_warn(&r->v, CFG_CHILD(at, "start"), "start is deprecated; use startMB instead");
	v_guid(&r->v, CFG_CHILD(at, "typeGuid"), p->type_guid);
}

/* Rules about all partitions of a disk. */
static void check_partitions(struct rules *r, const struct cfg_path *at, const struct ign2_disk *d)
{
	size_t n = d->partitions.n;
	struct old_partition *p = arena_alloc(r->v.arena, (n + 1) * sizeof *p);
	bool unwanted = false, zero = false, sectors = false, mib = false;

	if (!p) {
		r->v.r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct ign2_partition *from = &d->partitions.v[i];

		p[i] = (struct old_partition){
			.number = from->number.v,
			.start = from->start.v,
			.size = from->size.v,
			.fixed = r->minor < 3 || (from->start.set && from->size.set),
		};
		unwanted = unwanted || is_unwanted(from);
		zero = zero || from->number.v == 0;
		sectors = sectors || in_sectors(from);
		mib = mib || in_mib(from);
	}
	old_partitions(&r->v, at, p, n, false);
	if (unwanted && zero)
		v_error(&r->v, at,
			"shouldExist is false for a partition and other partition(s) has start or size 0");
	if (sectors && mib)
		v_error(&r->v, at, "cannot mix MBs and sectors within a disk");
}

static void check_disk(struct rules *r, const struct cfg_path *at, const struct ign2_disk *d)
{
	const struct cfg_path *device = CFG_CHILD(at, "device"), *parts = CFG_CHILD(at, "partitions");
	size_t errors = r_errors(r);

	if (!*d->device)
		v_error(&r->v, device, "disk device is required");
	else if (r->minor >= 1)
		old_path(&r->v, device, d->device);
	check_partitions(r, parts, d);
	if (r->minor == 0) {
		if (r_errors(r) > errors)
			return;
		old_path(&r->v, device, d->device);
	}
	for (size_t i = 0; i < d->partitions.n; i++)
		check_partition(r, CFG_ENTRY(parts, i), &d->partitions.v[i]);
}

void rules_disks(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->storage.disks.n; i++)
		check_disk(r, CFG_ENTRY(at, i), &r->config->storage.disks.v[i]);
}

static void check_raid(struct rules *r, const struct cfg_path *at, const struct ign2_raid *raid)
{
	const struct cfg_path *level = CFG_CHILD(at, "level"), *devices = CFG_CHILD(at, "devices");
	size_t errors = r_errors(r);

	if (r->minor == 0)
		old_raid_level(&r->v, level, raid->level, raid->spares);
	if (r_errors(r) > errors)
		return;
	for (size_t i = 0; i < raid->devices.n; i++)
		old_path(&r->v, CFG_ENTRY(devices, i), raid->devices.v[i]);
	if (r->minor >= 1)
		old_raid_level(&r->v, level, raid->level, raid->spares);
}

void rules_raid(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->storage.raid.n; i++)
		check_raid(r, CFG_ENTRY(at, i), &r->config->storage.raid.v[i]);
}

static void check_create(struct rules *r, const struct cfg_path *at, const struct ign2_mount *m)
{
	if (m->wipe_filesystem.v)
		v_error(&r->v, CFG_CHILD(at, "wipeFilesystem"),
			"cannot use both create object and wipeFilesystem field");
	if (m->options.n)
		v_error(&r->v, CFG_CHILD(at, "options"),
			"cannot use both create object and mount-level options field");
	v_warn(&r->v, CFG_CHILD(at, "create"),
	       "the create object has been deprecated in favor of mount-level options");
}

static void check_mount(struct rules *r, const struct cfg_path *at, const struct ign2_mount *m)
{
	const struct cfg_path *device = CFG_CHILD(at, "device"), *format = CFG_CHILD(at, "format");
	size_t errors = r_errors(r);

	if (r->minor == 0) {
		old_path(&r->v, device, m->device);
		old_format(&r->v, format, m->format, false);
		return;
	}
	old_format(&r->v, format, m->format, true);
	if (r_errors(r) > errors)
		return;
	old_path(&r->v, device, m->device);
	v_filesystem_label(&r->v, CFG_CHILD(at, "label"), m->format, m->label);
}

static void check_filesystem(struct rules *r, const struct cfg_path *at, const struct ign2_filesystem *fs)
{
	const struct cfg_path *mount = CFG_CHILD(at, "mount"), *path = CFG_CHILD(at, "path");
	size_t errors = r_errors(r);

	if (!fs->mount.given && !fs->path)
		v_error(&r->v, at, "filesystem is missing mount or path");
	if (fs->mount.given && fs->path)
		v_error(&r->v, at, "filesystem has both mount and path defined");
	if (r->minor >= 1 && fs->mount.given && fs->mount.create.given)
		check_create(r, mount, &fs->mount);
	if (r_errors(r) > errors)
		return;
	if (fs->mount.given)
		check_mount(r, mount, &fs->mount);
	if (fs->path && *fs->path != '/' && r->minor >= 3)
		v_error(&r->v, path, "filesystem \"%s\": path not absolute", fs->name);
	else if (fs->path)
		old_path(&r->v, path, fs->path);
}

void rules_filesystems(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->storage.filesystems.n; i++)
		check_filesystem(r, CFG_ENTRY(at, i), &r->config->storage.filesystems.v[i]);
}
