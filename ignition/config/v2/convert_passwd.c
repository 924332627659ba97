/* Users and groups. */
#include "ignition/config/v2/convert_priv.h"
#include <stdint.h>

/* What a create object may hold stands beside the name from 2.1 on. */
static struct ign2_user_create fields_of(const struct ign2_user *u)
{
	if (u->create.given)
		return u->create;
	return (struct ign2_user_create){ .gecos = u->gecos,
					  .groups = u->groups,
					  .home_dir = u->home_dir,
					  .no_create_home = u->no_create_home,
					  .no_log_init = u->no_log_init,
					  .no_user_group = u->no_user_group,
					  .primary_group = u->primary_group,
					  .shell = u->shell,
					  .system = u->system,
					  .uid = u->uid };
}

static void convert_user(struct conv *c, const struct cfg_path *at, const struct ign2_user *old,
			 struct ign_user *ret)
{
	const struct cfg_path *groups = CFG_CHILD(old->create.given ? CFG_CHILD(at, "create") : at, "groups");
	const struct cfg_path *keys = CFG_CHILD(at, "sshAuthorizedKeys");
	const struct ign2_user_create f = fields_of(old);
	const char *hash = old->password_hash;

	/* in 2.0 an empty hash was none; from 2.1 on it locks the account */
	if (c->minor == 0)
		hash = conv_text(hash);
	*ret = (struct ign_user){ .name = old->name,
				  .password_hash = hash,
				  .ssh_authorized_keys = conv_unique(c, keys, &old->ssh_authorized_keys),
				  .gecos = conv_text(f.gecos),
				  .groups = conv_unique(c, groups, &f.groups),
				  .home_dir = conv_text(f.home_dir),
				  .no_create_home = conv_true(f.no_create_home),
				  .no_log_init = conv_true(f.no_log_init),
				  .no_user_group = conv_true(f.no_user_group),
				  .primary_group = conv_text(f.primary_group),
				  .shell = conv_text(f.shell),
				  .system = conv_true(f.system),
				  .uid = f.uid };
}

static void over_text(const char **what, const char *by)
{
	*what = by ? by : *what;
}

static void over_bool(struct opt_bool *what, struct opt_bool by)
{
	*what = by.set ? by : *what;
}

/* A second entry was applied over the first: lists of groups and keys were replaced as a whole. */
static void apply_over(struct ign_user *u, const struct ign_user *by)
{
	over_text(&u->gecos, by->gecos);
	over_text(&u->home_dir, by->home_dir);
	over_text(&u->password_hash, by->password_hash);
	over_text(&u->primary_group, by->primary_group);
	over_text(&u->shell, by->shell);
	over_bool(&u->no_create_home, by->no_create_home);
	over_bool(&u->no_log_init, by->no_log_init);
	over_bool(&u->no_user_group, by->no_user_group);
	over_bool(&u->system, by->system);
	u->uid = by->uid.set ? by->uid : u->uid;
	u->groups = by->groups.n ? by->groups : u->groups;
	u->ssh_authorized_keys = by->ssh_authorized_keys.n ? by->ssh_authorized_keys : u->ssh_authorized_keys;
}

static void convert_users(struct conv *c)
{
	const struct ign2_user *old = c->in->passwd.users.v;
	size_t n = c->in->passwd.users.n;
	struct conv_same same;
	char first[PLACE_TEXT];

	c->out->passwd.users.v = conv_alloc(c, n, sizeof(*c->out->passwd.users.v));
	c->from[L_USERS] = conv_alloc(c, n, sizeof(*c->from[L_USERS]));
	if (c->r < 0 || !conv_same(c, old, n, sizeof(*old), offsetof(struct ign2_user, name), &same))
		return;
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		struct origin o = { .list = L_USERS, .idx = i };
		struct ign_user *u = &c->out->passwd.users.v[c->out->passwd.users.n];
		struct place place;

		if (same.first[i] != i)
			continue;
		convert_user(c, origin_place(&o, &place), &old[i], u);
		for (size_t k = same.next[i]; c->r == 0 && k != SIZE_MAX; k = same.next[k]) {
			struct origin over = { .list = L_USERS, .idx = k };
			struct ign_user by;

			convert_user(c, origin_place(&over, &place), &old[k], &by);
			apply_over(u, &by);
			conv_warn(c, origin_place(&over, &place),
				  "%s is this user too: joined into one, where what both give is taken from "
				  "here, lists of groups and keys as a whole",
				  origin_text(c, &o, first));
		}
		c->from[L_USERS][c->out->passwd.users.n++] = o;
	}
}

void conv_passwd(struct conv *c)
{
	size_t n = c->in->passwd.groups.n;

	convert_users(c);
	c->out->passwd.groups.v = conv_alloc(c, n, sizeof(*c->out->passwd.groups.v));
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		const struct ign2_group *old = &c->in->passwd.groups.v[i];

		c->out->passwd.groups.v[c->out->passwd.groups.n++] =
			(struct ign_group){ .name = old->name,
					    .gid = old->gid,
					    .password_hash = conv_text(old->password_hash),
					    .system = conv_true(old->system) };
	}
}
