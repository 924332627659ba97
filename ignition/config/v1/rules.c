#include "ignition/config/v1/v1.h"
#include <errno.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/config/v2/rules_priv.h"

static void check_partition(struct vctx *v, const struct cfg_path *at, const struct ign1_partition *p)
{
	if (strlen(p->label) > PARTITION_LABEL_MAX)
		v_error(v, CFG_CHILD(at, "label"), "partition labels may not exceed 36 characters");
	old_not_negative(v, CFG_CHILD(at, "size"), p->size);
	old_not_negative(v, CFG_CHILD(at, "start"), p->start);
	v_guid(v, CFG_CHILD(at, "typeGuid"), p->type_guid);
}

static void check_disk(struct vctx *v, const struct cfg_path *at, const struct ign1_disk *d)
{
	const struct cfg_path *device = CFG_CHILD(at, "device"), *parts = CFG_CHILD(at, "partitions");
	size_t n = d->partitions.n, errors = v->report->count[SEV_ERROR];
	struct old_partition *p = arena_alloc(v->arena, (n + 1) * sizeof *p);

	if (!p) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (struct old_partition){ d->partitions.v[i].number.v, d->partitions.v[i].start.v,
					       d->partitions.v[i].size.v, true };
	if (!*d->device)
		v_error(v, device, "disk device is required");
	old_partitions(v, parts, p, n, true);
	if (v->report->count[SEV_ERROR] > errors)
		return;
	old_path(v, device, d->device);
	for (size_t i = 0; i < n; i++)
		check_partition(v, CFG_ENTRY(parts, i), &d->partitions.v[i]);
}

static void check_raid(struct vctx *v, const struct cfg_path *at, const struct ign1_raid *r)
{
	size_t errors = v->report->count[SEV_ERROR];

	old_raid_level(v, CFG_CHILD(at, "level"), r->level, r->spares);
	if (v->report->count[SEV_ERROR] > errors)
		return;
	for (size_t i = 0; i < r->devices.n; i++)
		old_path(v, CFG_ENTRY(CFG_CHILD(at, "devices"), i), r->devices.v[i]);
}

static void check_filesystem(struct vctx *v, const struct cfg_path *at, const struct ign1_filesystem *fs)
{
	const struct cfg_path *files = CFG_CHILD(at, "files");

	old_path(v, CFG_CHILD(at, "device"), fs->device);
	old_format(v, CFG_CHILD(at, "format"), fs->format, false);
	for (size_t i = 0; i < fs->files.n; i++) {
		old_path(v, CFG_CHILD(CFG_ENTRY(files, i), "path"), fs->files.v[i].path);
		old_mode(v, CFG_CHILD(CFG_ENTRY(files, i), "mode"), fs->files.v[i].mode);
	}
}

static void check_storage(struct vctx *v, const struct cfg_path *at, const struct ign1_storage *s)
{
	for (size_t i = 0; i < s->disks.n; i++)
		check_disk(v, CFG_ENTRY(CFG_CHILD(at, "disks"), i), &s->disks.v[i]);
	for (size_t i = 0; i < s->raid.n; i++)
		check_raid(v, CFG_ENTRY(CFG_CHILD(at, "raid"), i), &s->raid.v[i]);
	for (size_t i = 0; i < s->filesystems.n; i++)
		check_filesystem(v, CFG_ENTRY(CFG_CHILD(at, "filesystems"), i), &s->filesystems.v[i]);
}

/* What stands in units was nobody's business yet. */
static void check_units(struct vctx *v, const struct cfg_path *at, const struct ign1_systemd *s)
{
	for (size_t i = 0; i < s->units.n; i++) {
		const struct ign1_unit *u = &s->units.v[i];
		const struct cfg_path *item = CFG_ENTRY(CFG_CHILD(at, "units"), i);
		const struct cfg_path *dropins = CFG_CHILD(item, "dropins");

		old_systemd_name(v, CFG_CHILD(item, "name"), u->name);
		for (size_t k = 0; k < u->dropins.n; k++)
			old_dropin_name(v, CFG_CHILD(CFG_ENTRY(dropins, k), "name"), u->dropins.v[k].name);
	}
}

static void check_passwd(struct vctx *v, const struct cfg_path *at, const struct ign1_passwd *p)
{
	const struct cfg_path *users = CFG_CHILD(at, "users"), *groups = CFG_CHILD(at, "groups");

	for (size_t i = 0; i < p->users.n; i++)
		old_not_negative(v, CFG_CHILD(CFG_CHILD(CFG_ENTRY(users, i), "create"), "uid"),
				 p->users.v[i].create.uid);
	for (size_t i = 0; i < p->groups.n; i++)
		old_not_negative(v, CFG_CHILD(CFG_ENTRY(groups, i), "gid"), p->groups.v[i].gid);
}

int ign1_validate(const struct ign1_config *c, struct report *rep)
{
	const struct cfg_path *networkd = CFG_CHILD(CFG_CHILD(NULL, "networkd"), "units");
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	struct vctx v = { .report = rep, .arena = arena };

	if (!arena)
		return -ENOMEM;
	check_storage(&v, CFG_CHILD(NULL, "storage"), &c->storage);
	check_units(&v, CFG_CHILD(NULL, "systemd"), &c->systemd);
	for (size_t i = 0; i < c->networkd.units.n; i++)
		old_networkd_name(&v, CFG_CHILD(CFG_ENTRY(networkd, i), "name"), c->networkd.units.v[i].name);
	check_passwd(&v, CFG_CHILD(NULL, "passwd"), &c->passwd);
	return v.r;
}
