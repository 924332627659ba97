#include "ignition/config/v2/v2.h"
#include <errno.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/config/v2/rules_priv.h"

/* What stands in `create` must not stand beside it too. */
static void check_create(struct rules *r, const struct cfg_path *at, const struct ign2_user *u)
{
	const struct {
		const char *field;
		bool given;
	} fields[] = {
		{ "gecos", *u->gecos },
		{ "groups", u->groups.n },
		{ "homeDir", *u->home_dir },
		{ "noCreateHome", u->no_create_home.v },
		{ "noLogInit", u->no_log_init.v },
		{ "noUserGroup", u->no_user_group.v },
		{ "primaryGroup", *u->primary_group },
		{ "shell", *u->shell },
		{ "system", u->system.v },
		{ "uid", u->uid.set },
	};

	v_warn(&r->v, CFG_CHILD(at, "create"),
	       "the create object has been deprecated in favor of user-level options");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].given)
			v_error(&r->v, CFG_CHILD(at, fields[i].field),
				"cannot use both the create object and the user-level %s field",
				fields[i].field);
}

static void check_passwd(struct rules *r, const struct cfg_path *at)
{
	const struct ign2_passwd *p = &r->config->passwd;
	const struct cfg_path *users = CFG_CHILD(at, "users"), *groups = CFG_CHILD(at, "groups");

	for (size_t i = 0; i < p->users.n; i++) {
		const struct cfg_path *item = CFG_ENTRY(users, i);

		if (r->minor == 0)
			old_not_negative(&r->v, CFG_CHILD(CFG_CHILD(item, "create"), "uid"),
					 p->users.v[i].create.uid);
		else if (p->users.v[i].create.given)
			check_create(r, item, &p->users.v[i]);
	}
	for (size_t i = 0; r->minor == 0 && i < p->groups.n; i++)
		old_not_negative(&r->v, CFG_CHILD(CFG_ENTRY(groups, i), "gid"), p->groups.v[i].gid);
}

static void check_storage(struct rules *r, const struct cfg_path *at)
{
	if (r->minor == 0) {
		rules_disks(r, CFG_CHILD(at, "disks"));
		rules_raid(r, CFG_CHILD(at, "raid"));
		rules_filesystems(r, CFG_CHILD(at, "filesystems"));
		rules_files(r, CFG_CHILD(at, "files"));
		return;
	}
	rules_directories(r, CFG_CHILD(at, "directories"));
	rules_disks(r, CFG_CHILD(at, "disks"));
	rules_files(r, CFG_CHILD(at, "files"));
	rules_filesystems(r, CFG_CHILD(at, "filesystems"));
	rules_links(r, CFG_CHILD(at, "links"));
	rules_raid(r, CFG_CHILD(at, "raid"));
}

/* In the order of 0.35's structs, which from 2.1 on were sorted. */
int ign2_validate(const struct ign2_config *c, unsigned minor, struct report *rep)
{
	static const struct section {
		const char *key;
		void (*check)(struct rules *r, const struct cfg_path *at);
	} of_2_0[] = { { "ignition", rules_ignition },
		       { "storage", check_storage },
		       { "systemd", rules_systemd },
		       { "networkd", rules_networkd },
		       { "passwd", check_passwd } },
	  since_2_1[] = { { "ignition", rules_ignition },
			  { "networkd", rules_networkd },
			  { "passwd", check_passwd },
			  { "storage", check_storage },
			  { "systemd", rules_systemd } };
	const struct section *sections = minor == 0 ? of_2_0 : since_2_1;
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	struct rules r = { .config = c, .minor = minor, .v = { .report = rep, .arena = arena } };

	if (!arena)
		return -ENOMEM;
	rules_node_filesystems(&r, CFG_CHILD(NULL, "storage"));
	for (size_t i = 0; i < ARRAY_SIZE(of_2_0); i++)
		sections[i].check(&r, CFG_CHILD(NULL, sections[i].key));
	return r.v.r;
}
