#include "ignition/config/v1/v1.h"
#include <errno.h>
#include <string.h>
#include "base/arena.h"
#include "base/report.h"
#include "ignition/config/v2/convert_priv.h"

/* Which file of which file system became which file of the 2.x config. */
struct file_from {
	size_t fs, file;
};

struct upgrade {
	struct arena *arena;
	struct ign2_config *out;
	struct file_from *files;
};

static void *list(struct upgrade *u, size_t n, size_t size)
{
	return arena_alloc(u->arena, (n + 1) * size);
}

static int upgrade_disks(struct upgrade *u, const struct ign1_storage *old)
{
	struct ign2_storage *new = &u->out->storage;

	new->disks.v = list(u, old->disks.n, sizeof(*new->disks.v));
	new->raid.v = list(u, old->raid.n, sizeof(*new->raid.v));
	if (!new->disks.v || !new->raid.v)
		return -ENOMEM;
	for (size_t i = 0; i < old->disks.n; i++) {
		const struct ign1_disk *from = &old->disks.v[i];
		struct ign2_disk *d = &new->disks.v[new->disks.n++];

		*d = (struct ign2_disk){ .device = from->device, .wipe_table = from->wipe_table };
		d->partitions.v = list(u, from->partitions.n, sizeof(*d->partitions.v));
		if (!d->partitions.v)
			return -ENOMEM;
		for (size_t k = 0; k < from->partitions.n; k++) {
			const struct ign1_partition *p = &from->partitions.v[k];

			d->partitions.v[d->partitions.n++] =
				(struct ign2_partition){ .label = p->label,
							 .number = p->number,
							 .size = p->size,
							 .start = p->start,
							 .type_guid = p->type_guid };
		}
	}
	for (size_t i = 0; i < old->raid.n; i++) {
		const struct ign1_raid *from = &old->raid.v[i];

		new->raid.v[new->raid.n++] = (struct ign2_raid){ .devices = from->devices,
								 .level = from->level,
								 .name = from->name,
								 .spares = from->spares };
	}
	return 0;
}

static int upgrade_file(struct upgrade *u, const char *filesystem, const struct ign1_file *from)
{
	char *source = conv_data_url(u->arena, from->contents ? from->contents : "");

	if (!source)
		return -ENOMEM;
	u->out->storage.files.v[u->out->storage.files.n++] = (struct ign2_file){ .filesystem = filesystem,
										 .path = from->path,
										 .mode = from->mode,
										 .user.id = from->uid,
										 .group.id = from->gid,
										 .contents.source = source };
	return 0;
}

static int upgrade_filesystems(struct upgrade *u, const struct ign1_storage *old)
{
	struct ign2_storage *new = &u->out->storage;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < old->filesystems.n; i++)
		n += old->filesystems.v[i].files.n;
	new->filesystems.v = list(u, old->filesystems.n, sizeof(*new->filesystems.v));
	new->files.v = list(u, n, sizeof(*new->files.v));
	u->files = list(u, n, sizeof(*u->files));
	if (!new->filesystems.v || !new->files.v || !u->files)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < old->filesystems.n; i++) {
		const struct ign1_filesystem *from = &old->filesystems.v[i];
		struct ign2_filesystem *fs = &new->filesystems.v[new->filesystems.n++];

		*fs = (struct ign2_filesystem){ .mount = { .given = true,
							   .device = from->device,
							   .format = from->format,
							   .create = { .given = from->create.given,
								       .force = from->create.force,
								       .options = from->create.options } } };
		fs->name = arena_printf(u->arena, "_translate-filesystem-%zu", i);
		if (!fs->name)
			return -ENOMEM;
		for (size_t k = 0; r == 0 && k < from->files.n; k++) {
			u->files[new->files.n] = (struct file_from){ i, k };
			r = upgrade_file(u, fs->name, &from->files.v[k]);
		}
	}
	return r;
}

static int upgrade_units(struct upgrade *u, const struct ign1_config *old)
{
	struct ign2_config *new = u->out;

	new->systemd.units.v = list(u, old->systemd.units.n, sizeof(*new->systemd.units.v));
	new->networkd.units.v = list(u, old->networkd.units.n, sizeof(*new->networkd.units.v));
	if (!new->systemd.units.v || !new->networkd.units.v)
		return -ENOMEM;
	for (size_t i = 0; i < old->systemd.units.n; i++) {
		const struct ign1_unit *from = &old->systemd.units.v[i];
		struct ign2_unit *unit = &new->systemd.units.v[new->systemd.units.n++];

		*unit = (struct ign2_unit){ .name = from->name,
					    .contents = from->contents,
					    .enable = from->enable,
					    .mask = from->mask };
		unit->dropins.v = list(u, from->dropins.n, sizeof(*unit->dropins.v));
		if (!unit->dropins.v)
			return -ENOMEM;
		for (size_t k = 0; k < from->dropins.n; k++)
			unit->dropins.v[unit->dropins.n++] = (struct ign2_dropin){
				.name = from->dropins.v[k].name, .contents = from->dropins.v[k].contents
			};
	}
	for (size_t i = 0; i < old->networkd.units.n; i++)
		new->networkd.units.v[new->networkd.units.n++] = (struct ign2_networkd_unit){
			.name = old->networkd.units.v[i].name, .contents = old->networkd.units.v[i].contents
		};
	return 0;
}

static struct ign2_user_create upgrade_create(const struct ign1_user_create *from)
{
	return (struct ign2_user_create){ .given = from->given,
					  .gecos = from->gecos,
					  .groups = from->groups,
					  .home_dir = from->home_dir,
					  .no_create_home = from->no_create_home,
					  .no_log_init = from->no_log_init,
					  .no_user_group = from->no_user_group,
					  .primary_group = from->primary_group,
					  .shell = from->shell,
					  .system = from->system,
					  .uid = from->uid };
}

static int upgrade_passwd(struct upgrade *u, const struct ign1_passwd *old)
{
	struct ign2_passwd *new = &u->out->passwd;

	new->users.v = list(u, old->users.n, sizeof(*new->users.v));
	new->groups.v = list(u, old->groups.n, sizeof(*new->groups.v));
	if (!new->users.v || !new->groups.v)
		return -ENOMEM;
	for (size_t i = 0; i < old->users.n; i++) {
		const struct ign1_user *from = &old->users.v[i];

		/* an empty hash was none; from 2.1 on it would lock the account */
		new->users.v[new->users.n++] =
			(struct ign2_user){ .name = from->name,
					    .password_hash = conv_text(from->password_hash),
					    .ssh_authorized_keys = from->ssh_authorized_keys,
					    .create = upgrade_create(&from->create) };
	}
	for (size_t i = 0; i < old->groups.n; i++) {
		const struct ign1_group *from = &old->groups.v[i];

		new->groups.v[new->groups.n++] = (struct ign2_group){ .name = from->name,
								      .gid = from->gid,
								      .password_hash = from->password_hash,
								      .system = from->system };
	}
	return 0;
}

static int upgrade(struct upgrade *u, const struct ign1_config *c, struct report *rep)
{
	int r = report_add(rep, SEV_WARN, AT_VALUE, CFG_CHILD(NULL, "ignitionVersion"),
			   "config format deprecated");

	*u->out = (struct ign2_config){ .ignition.version = "2.0.0" };
	if (r == 0)
		r = upgrade_disks(u, &c->storage);
	if (r == 0)
		r = upgrade_filesystems(u, &c->storage);
	if (r == 0)
		r = upgrade_units(u, c);
	return r < 0 ? r : upgrade_passwd(u, &c->passwd);
}

static bool key_is(const struct cfg_path *p, const char *key)
{
	return p->key && strcmp(p->key, key) == 0;
}

static const struct cfg_path *copy_place(const struct cfg_path *const *v, size_t from, size_t n,
					 struct place *ret)
{
	for (size_t i = from; i < n; i++)
		v[i]->key ? place_key(ret, v[i]->key) : place_idx(ret, v[i]->idx);
	return place_top(ret);
}

/* A file of 2.x: below its file system, with the fields that spec 1 has. */
static const struct cfg_path *file_place(const struct upgrade *u, const struct cfg_path *const *v, size_t n,
					 struct place *ret)
{
	static const struct {
		const char *key, *old;
	} fields[] = {
		{ "contents", "contents" }, { "mode", "mode" }, { "path", "path" },
		{ "user", "uid" },          { "group", "gid" },
	};

	place_key(ret, "storage");
	place_key(ret, "filesystems");
	place_idx(ret, u->files[v[2]->idx].fs);
	place_key(ret, "files");
	place_idx(ret, u->files[v[2]->idx].file);
	for (size_t i = 0; n > 3 && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (key_is(v[3], fields[i].key))
			place_key(ret, fields[i].old);
	return place_top(ret);
}

/* From a place in the 2.x config to the one in the config as it was written. */
static const struct cfg_path *place_of_spec1(const void *data, const struct cfg_path *at, struct place *ret)
{
	const struct upgrade *u = data;
	const struct cfg_path *v[PLACE_DEPTH];
	size_t n = place_flatten(at, v);

	ret->n = 0;
	if (n >= 3 && key_is(v[0], "storage") && key_is(v[1], "files"))
		return file_place(u, v, n, ret);
	if (n < 4 || !key_is(v[0], "storage") || !key_is(v[1], "filesystems"))
		return at;
	(void)copy_place(v, 0, 3, ret);
	return copy_place(v, key_is(v[3], "mount") ? 4 : 3, n, ret); /* there was no "mount" between */
}

int ign1_convert(const struct ign1_config *c, struct arena *a, struct report *rep, struct ign_config *ret)
{
	struct ign2_config between;
	struct upgrade u = { .arena = a, .out = &between };
	const struct conv_rewrite rewrite = { .place = place_of_spec1, .data = &u };
	int r = upgrade(&u, c, rep);

	return r < 0 ? r : ign2_convert_from(&between, 0, &rewrite, a, rep, ret);
}
