#include "ignition/files/owners.h"
#include "base/err.h"
#include "ignition/files/account.h"
#include "ignition/files/idmap.h"
#include "ignition/files/nodes.h"
#include <errno.h>
#include <string.h>

struct maps {
	struct idmap users, groups;
};

static bool will_have_user(const struct account_db *db, const struct ign_passwd *made, const char *name)
{
	bool have = account_user(db, name) != NULL;

	for (size_t i = 0; i < made->users.n; i++)
		if (!strcmp(made->users.v[i].name, name))
			have = !made->users.v[i].should_exist.set || made->users.v[i].should_exist.v;
	return have;
}

static bool will_have_group(const struct account_db *db, const struct ign_passwd *made, const char *name)
{
	bool have = account_group(db, name) != NULL;

	for (size_t i = 0; i < made->groups.n; i++)
		if (!strcmp(made->groups.v[i].name, name))
			have = !made->groups.v[i].should_exist.set || made->groups.v[i].should_exist.v;
	/* A new user brings the group of its name. */
	return have || will_have_user(db, made, name);
}

static int check_id(const struct idmap *map, const char *what, long long id, struct err *e)
{
	/* the kernel's ids have 32 bits, and the last one means "none" there */
	if (id < 0 || id >= UINT32_MAX)
		return err_text(e, EINVAL, "%lld is not a %s id", id, what);
	if (!idmap_has(map, (uint32_t)id))
		return err_text(e, EINVAL,
				"%s id %lld is not mapped in this user namespace: give the build more ids "
				"(/etc/sub%cid), or run it as root",
				what, id, *what);
	return 0;
}

static int check_user(const struct node *n, const struct account_db *db, const struct ign_passwd *made,
		      const struct idmap *map, struct err *e)
{
	const struct account_user *have;

	if (n->user->id.set)
		return check_id(map, "user", n->user->id.v, e);
	if (!n->user->name || !*n->user->name)
		return 0;
	if (!will_have_user(db, made, n->user->name))
		return err_text(e, ENOENT, "no such user \"%s\" in the target or in the config",
				n->user->name);
	have = account_user(db, n->user->name);
	return have ? check_id(map, "user", have->uid, e) : 0;
}

static int check_group(const struct node *n, const struct account_db *db, const struct ign_passwd *made,
		       const struct idmap *map, struct err *e)
{
	const struct account_group *have;

	if (n->group->id.set)
		return check_id(map, "group", n->group->id.v, e);
	if (!n->group->name || !*n->group->name)
		return 0;
	if (!will_have_group(db, made, n->group->name))
		return err_text(e, ENOENT, "no such group \"%s\" in the target or in the config",
				n->group->name);
	have = account_group(db, n->group->name);
	return have ? check_id(map, "group", have->gid, e) : 0;
}

int owners_check(const struct nodes *nodes, const struct account_db *db, const struct ign_passwd *made,
		 struct err *e)
{
	struct maps maps;

	idmap_load("uid_map", &maps.users);
	idmap_load("gid_map", &maps.groups);
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node *n = &nodes->v[i];
		int r;

		if (n->kind == NODE_HARD_LINK) /* has its target's owner */
			continue;
		r = check_user(n, db, made, &maps.users, e);
		if (r == 0)
			r = check_group(n, db, made, &maps.groups, e);
		if (r < 0)
			return err_wrap(e, r, "%s \"%s\"", node_kind_name(n->kind), n->config_path);
	}
	return 0;
}
