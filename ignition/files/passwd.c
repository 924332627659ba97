#include "ignition/files/passwd.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/root.h"
#include "ignition/config/types_gen.h"
#include "ignition/files/account.h"
#include "ignition/files/home.h"
#include "ignition/files/journal.h"
#include "ignition/files/shadow.h"
#include "ignition/files/write.h"
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static bool wanted(struct opt_bool should_exist)
{
	return !should_exist.set || should_exist.v;
}

static int check_text(const char *what, const char *s, struct err *e)
{
	if (s && (strpbrk(s, ":\n\r") != NULL))
		return err_text(e, EINVAL, "%s must not contain a colon or a line break", what);
	return 0;
}

/* The tools take names as the last argument: one that starts with '-' would be an option to them. */
static int check_name(const char *name, struct err *e)
{
	if (!*name)
		return err_text(e, EINVAL, "the name is empty");
	if (*name == '-' || strpbrk(name, ":/\n\r,") || strlen(name) > 256)
		return err_text(e, EINVAL, "\"%s\" cannot be a name", name);
	return 0;
}

static int check_id(const char *what, struct opt_i64 id, struct err *e)
{
	if (id.set && (id.v < 0 || id.v >= UINT32_MAX))
		return err_text(e, EINVAL, "%s %" PRId64 " is out of range", what, id.v);
	return 0;
}

static int check_user(const struct ign_user *u, struct err *e)
{
	int r = check_name(u->name, e);

	r = r ? r : check_id("uid", u->uid, e);
	r = r ? r : check_text("gecos", u->gecos, e);
	r = r ? r : check_text("homeDir", u->home_dir, e);
	r = r ? r : check_text("shell", u->shell, e);
	r = r ? r : check_text("passwordHash", u->password_hash, e);
	for (size_t i = 0; r == 0 && i < u->groups.n; i++)
		r = check_name(u->groups.v[i], e);
	if (r == 0 && u->home_dir && *u->home_dir && *u->home_dir != '/')
		r = err_text(e, EINVAL, "homeDir \"%s\" is not absolute", u->home_dir);
	return r;
}

/* Config order decides: a group is known when the target has it or an entry before makes it. */
static bool group_known(const struct passwd_job *j, const struct account_db *db, const char *name,
			size_t user)
{
	const struct ign_passwd *c = j->config;
	bool known = account_group(db, name) != NULL;

	if (*name && name[strspn(name, "0123456789")] == '\0')
		return true; /* a number: the tool decides */
	for (size_t i = 0; i < c->groups.n; i++)
		if (!strcmp(c->groups.v[i].name, name))
			known = wanted(c->groups.v[i].should_exist);
	for (size_t i = 0; i < user; i++)
		if (!strcmp(c->users.v[i].name, name) && wanted(c->users.v[i].should_exist))
			known = true;
	return known;
}

static int check_groups_of(const struct passwd_job *j, const struct account_db *db, size_t at, struct err *e)
{
	const struct ign_user *u = &j->config->users.v[at];
	const char *missing = NULL;

	if (u->primary_group && *u->primary_group && !group_known(j, db, u->primary_group, at))
		missing = u->primary_group;
	for (size_t i = 0; !missing && i < u->groups.n; i++)
		if (!group_known(j, db, u->groups.v[i], at))
			missing = u->groups.v[i];
	if (missing)
		return err_text(e, ENOENT, "group \"%s\" is neither in the target nor in the config",
				missing);
	return 0;
}

int passwd_check(const struct passwd_job *j, const struct account_db *db, struct err *e)
{
	const struct ign_passwd *c = j->config;

	for (size_t i = 0; i < c->groups.n; i++) {
		int r = check_name(c->groups.v[i].name, e);

		r = r ? r : check_id("gid", c->groups.v[i].gid, e);
		r = r ? r : check_text("passwordHash", c->groups.v[i].password_hash, e);
		if (r < 0)
			return err_wrap(e, r, "passwd.groups[%zu]", i);
	}
	for (size_t i = 0; i < c->users.n; i++) {
		int r = check_user(&c->users.v[i], e);

		if (r == 0 && wanted(c->users.v[i].should_exist))
			r = check_groups_of(j, db, i, e);
		if (r < 0)
			return err_wrap(e, r, "passwd.users[%zu]", i);
	}
	return 0;
}

static int add_note(struct arena *a, struct journal *notes, const char *kind, const char *name, struct err *e)
{
	const char *key = arena_printf(a, "%s %s", kind, name);

	if (!key)
		return err_errno(e, ENOMEM, "planning users");
	notes->made.v[notes->made.n++] = key;
	return 0;
}

static const char *given(const char *s)
{
	return s && *s ? s : NULL;
}

static bool has_home(const struct passwd_job *j, const struct ign_user *u)
{
	const char *home = given(u->home_dir);
	int fd;

	if (!home)
		home = arena_printf(j->arena, "/home/%s", u->name);
	fd = home ? root_open_file(j->root, home, O_PATH, NULL) : -ENOMEM;
	if (fd >= 0)
		close(fd);
	return fd != -ENOENT; /* in doubt it is not ours */
}

int passwd_note(const struct passwd_job *j, const struct account_db *db, struct journal *notes, struct err *e)
{
	const struct ign_passwd *c = j->config;
	size_t room = notes->made.n + c->groups.n + 3 * c->users.n;
	const char **v = arena_alloc(j->arena, (room + 1) * sizeof *v);
	int r = 0;

	if (!v)
		return err_errno(e, ENOMEM, "planning users");
	if (notes->made.n)
		memcpy(v, notes->made.v, notes->made.n * sizeof *v);
	notes->made.v = v;
	for (size_t i = 0; r == 0 && i < c->groups.n; i++)
		if (wanted(c->groups.v[i].should_exist) && !account_group(db, c->groups.v[i].name))
			r = add_note(j->arena, notes, "group", c->groups.v[i].name, e);
	for (size_t i = 0; r == 0 && i < c->users.n; i++) {
		const char *name = c->users.v[i].name;

		if (!wanted(c->users.v[i].should_exist) || account_user(db, name))
			continue;
		r = add_note(j->arena, notes, "user", name, e);
		if (r == 0 && !account_group(db, name))
			r = add_note(j->arena, notes, "group", name, e);
		if (r == 0 && !has_home(j, &c->users.v[i]))
			r = add_note(j->arena, notes, "home", name, e);
	}
	return r;
}

/* Whether an earlier run that did not finish was the one to make it. */
static bool left_by_us(const struct passwd_job *j, const char *kind, const char *name)
{
	const char *key = j->notes->interrupted ? arena_printf(j->arena, "%s %s", kind, name) : NULL;

	return key && journal_made(j->notes, key);
}

/* An entry that only /usr/lib knows (nss-altfiles) is copied to /etc, where the tools can change it. */
static int adopt(const struct passwd_job *j, const char *path, const char *line, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = ACCOUNT_FILE_MAX);
	struct err why = { 0 };
	int r = root_read_file(j->root, path, &text, &why);

	if (r < 0 && r != -ENOENT) {
		*e = why;
		return r;
	}
	r = 0;
	if (text.n && text.p[text.n - 1] != '\n')
		r = buf_putc(&text, '\n');
	if (r == 0)
		r = buf_printf(&text, "%s\n", line);
	if (r < 0)
		return err_errno(e, -r, "copying an entry to %s", path);
	return root_write_file(j->root, path, text.p, text.n, 0644, 0, 0, e);
}

static const char *id_text(struct arena *a, struct opt_i64 id)
{
	return id.set ? arena_printf(a, "%" PRId64, id.v) : NULL;
}

/* Killed between its two files, groupadd leaves a group without its line in gshadow: chgpasswd adds that. */
static int complete_group(const struct passwd_job *j, const struct ign_group *g, struct err *e)
{
	bool complete;
	int r = shadow_has_line(j->root, "/etc/gshadow", g->name, &complete, e);

	if (r < 0 || complete)
		return r;
	return shadow_set_password(j->root, true, g->name, "!", e);
}

static int ensure_group(const struct passwd_job *j, const struct account_db *db, const struct ign_group *g,
			struct err *e)
{
	const struct account_group *have = account_group(db, g->name);
	struct shadow_args args = { 0 };
	int r = 0;

	if (!wanted(g->should_exist))
		return have ? shadow_run(j->root, "groupdel", &args, g->name, e) : 0;
	shadow_option(&args, "--gid", id_text(j->arena, g->gid));
	if (have && !have->in_etc)
		r = adopt(j, "/etc/group", have->line, e);
	if (r == 0 && !have) {
		if (g->system.v)
			shadow_arg(&args, "--system");
		r = shadow_run(j->root, "groupadd", &args, g->name, e);
	} else if (r == 0 && args.n && (uint64_t)have->gid != (uint64_t)g->gid.v) {
		r = shadow_run(j->root, "groupmod", &args, g->name, e);
	}
	if (r == 0 && have && have->in_etc && left_by_us(j, "group", g->name))
		r = complete_group(j, g, e);
	if (r == 0 && g->password_hash && *g->password_hash)
		r = shadow_set_password(j->root, true, g->name, g->password_hash, e);
	return r;
}

static const char *join_groups(struct arena *a, const struct strlist *groups)
{
	const char *all = NULL;

	for (size_t i = 0; i < groups->n; i++)
		all = all ? arena_printf(a, "%s,%s", all, groups->v[i]) : groups->v[i];
	return all;
}

static void common_options(const struct passwd_job *j, const struct ign_user *u, struct shadow_args *args)
{
	shadow_option(args, "--uid", id_text(j->arena, u->uid));
	shadow_option(args, "--comment", given(u->gecos));
	shadow_option(args, "--gid", given(u->primary_group));
	shadow_option(args, "--groups", join_groups(j->arena, &u->groups));
	shadow_option(args, "--shell", given(u->shell));
}

/* useradd cannot make a directory behind a link whose target is not there yet (home -> var/home). */
static int make_home_parent(const struct passwd_job *j, const struct ign_user *u, struct err *e)
{
	const char *home = given(u->home_dir) ? u->home_dir : "/home/x";
	const char *parent = arena_strndup(j->arena, home, (size_t)(strrchr(home, '/') - home));

	if (!parent)
		return err_errno(e, ENOMEM, "making users");
	return *parent ? root_mkdirs(j->root, parent, 0755, e) : 0;
}

static int add_user(const struct passwd_job *j, const struct ign_user *u, struct opt_i64 uid, struct err *e)
{
	struct shadow_args args = { 0 };
	int r = u->no_create_home.v ? 0 : make_home_parent(j, u, e);

	if (r < 0)
		return r;
	shadow_option(&args, "--home-dir", given(u->home_dir));
	shadow_arg(&args, u->no_create_home.v ? "--no-create-home" : "--create-home");
	if (u->no_user_group.v)
		shadow_arg(&args, "--no-user-group");
	if (u->system.v)
		shadow_arg(&args, "--system");
	if (u->no_log_init.v)
		shadow_arg(&args, "--no-log-init");
	if (!u->uid.set)
		shadow_option(&args, "--uid", id_text(j->arena, uid));
	shadow_option(&args, "--password", "*"); /* no password can match; a hash given comes by chpasswd */
	common_options(j, u, &args);
	return shadow_run(j->root, "useradd", &args, u->name, e);
}

static int change_user(const struct passwd_job *j, const struct ign_user *u, const struct account_user *have,
		       struct err *e)
{
	struct shadow_args args = { 0 };
	int r = 0;

	if (!have->in_etc)
		r = adopt(j, "/etc/passwd", have->line, e);
	if (given(u->home_dir) && strcmp(u->home_dir, have->home) != 0) {
		shadow_option(&args, "--home", u->home_dir);
		shadow_arg(&args, "--move-home");
	}
	common_options(j, u, &args);
	if (r == 0 && args.n)
		r = shadow_run(j->root, "usermod", &args, u->name, e);
	return r;
}

static bool in_config_groups(const struct ign_passwd *c, const char *name)
{
	for (size_t i = 0; i < c->groups.n; i++)
		if (!strcmp(c->groups.v[i].name, name))
			return true;
	return false;
}

/*
 * A user that an interrupted run was making may be in some of the files only: taken out (the home
 * stays) and made again with the same id.
 */
static int remake_user(const struct passwd_job *j, const struct ign_user *u, const struct account_user *have,
		       struct err *e)
{
	const struct shadow_args none = { 0 };
	struct opt_i64 uid = { 0 };
	struct account_db db;
	int r = 0;

	if (have) {
		uid = (struct opt_i64){ .set = true, .v = have->uid };
		r = shadow_run(j->root, "userdel", &none, u->name, e);
	}
	/* A killed userdel has begun with passwd, and useradd would add a second range to an old one. */
	if (r == 0)
		r = shadow_drop_lines(j->root, "/etc/subuid", u->name, e);
	if (r == 0)
		r = shadow_drop_lines(j->root, "/etc/subgid", u->name, e);
	if (r == 0)
		r = account_load(j->root, j->arena, &db, e);
	if (r == 0 && account_group(&db, u->name) && left_by_us(j, "group", u->name) &&
	    !in_config_groups(j->config, u->name))
		r = shadow_run(j->root, "groupdel", &none, u->name, e);
	if (r == 0)
		r = add_user(j, u, uid, e);
	if (r < 0 || u->no_create_home.v)
		return r;
	r = account_load(j->root, j->arena, &db, e);
	have = r < 0 ? NULL : account_user(&db, u->name);
	return have ? home_finish(j->root, have, left_by_us(j, "home", u->name), j->touched, e) : r;
}

/* The entry after a change. */
static int reload(const struct passwd_job *j, const char *name, const struct account_user **ret,
		  struct err *e)
{
	struct account_db db;
	int r = account_load(j->root, j->arena, &db, e);

	if (r < 0)
		return r;
	*ret = account_user(&db, name);
	return *ret ? 0
		    : err_text(e, ENOENT, "user \"%s\" is not in the target's passwd after it was made",
			       name);
}

static int ensure_user(const struct passwd_job *j, const struct ign_user *u, const struct account_user *have,
		       struct err *e)
{
	struct shadow_args args = { 0 };
	struct log_op op;
	int r;

	if (!wanted(u->should_exist)) {
		log_op_begin(&op, "deleting user \"%s\"", u->name);
		shadow_arg(&args, "--remove");
		r = have ? shadow_run(j->root, "userdel", &args, u->name, e) : 0;
		return log_op_end(&op, r, e);
	}
	log_op_begin(&op, "creating or modifying user \"%s\"", u->name);
	if (left_by_us(j, "user", u->name) && (!have || have->in_etc))
		r = remake_user(j, u, have, e);
	else
		r = have ? change_user(j, u, have, e) : add_user(j, u, u->uid, e);
	return log_op_end(&op, r, e);
}

static int touch_home(const struct passwd_job *j, const struct account_user *u, struct err *e)
{
	CLEANUP(closep) int fd = -1;

	if (!u->home || *u->home != '/')
		return 0;
	fd = root_open_file(j->root, u->home, O_PATH | O_DIRECTORY, NULL);
	return fd < 0 ? 0 : touched_add(j->touched, fd, e);
}

static int apply_user(const struct passwd_job *j, const struct ign_user *u, struct err *e)
{
	const struct account_user *have;
	struct account_db db;
	struct log_op op;
	int r = account_load(j->root, j->arena, &db, e);

	if (r < 0)
		return r;
	have = account_user(&db, u->name);
	r = ensure_user(j, u, have, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create user \"%s\"", u->name);
	if (!wanted(u->should_exist))
		return 0;
	r = reload(j, u->name, &have, e);
	if (r == 0 && !u->no_create_home.v)
		r = home_adopt_mounts(j->root, have, j->state, e);
	if (r == 0)
		r = touch_home(j, have, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create user \"%s\"", u->name);
	if (u->password_hash) {
		log_op_begin(&op, "setting password for \"%s\"", u->name);
		r = log_op_end(&op, shadow_set_password(j->root, false, u->name, u->password_hash, e), e);
		if (r < 0)
			return err_wrap(e, r, "failed to set password for \"%s\"", u->name);
	}
	if (u->ssh_authorized_keys.n) {
		log_op_begin(&op, "adding ssh keys to user \"%s\"", u->name);
		r = home_write_keys(j->root, have, &u->ssh_authorized_keys, j->key_fragments, j->touched, e);
		r = log_op_end(&op, r, e);
		if (r < 0)
			return err_wrap(e, r, "failed to add keys to user \"%s\"", u->name);
	}
	return 0;
}

static int apply_group(const struct passwd_job *j, const struct ign_group *g, struct err *e)
{
	struct account_db db;
	struct log_op op;
	int r = account_load(j->root, j->arena, &db, e);

	if (r < 0)
		return r;
	log_op_begin(&op, "%s group \"%s\"", wanted(g->should_exist) ? "adding" : "deleting", g->name);
	r = ensure_group(j, &db, g, e);
	if (r < 0)
		r = err_wrap(e, r, "failed to create group \"%s\"", g->name);
	return log_op_end(&op, r, e);
}

/* The same job with memory of its own: each entry reads the accounts anew. */
static int with_scratch(const struct passwd_job *j, struct passwd_job *ret, struct err *e)
{
	*ret = *j;
	ret->arena = arena_new();
	return ret->arena ? 0 : err_errno(e, ENOMEM, "making users");
}

static int apply_groups(const struct passwd_job *j, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->config->groups.n; i++) {
		struct passwd_job own;

		r = with_scratch(j, &own, e);
		if (r == 0)
			r = apply_group(&own, &j->config->groups.v[i], e);
		arena_free(own.arena);
	}
	return r < 0 ? err_wrap(e, r, "failed to configure groups") : 0;
}

static int apply_users(const struct passwd_job *j, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->config->users.n; i++) {
		struct passwd_job own;

		r = with_scratch(j, &own, e);
		if (r == 0)
			r = apply_user(&own, &j->config->users.v[i], e);
		arena_free(own.arena);
	}
	return r < 0 ? err_wrap(e, r, "failed to configure users") : 0;
}

int passwd_apply(const struct passwd_job *j, struct err *e)
{
	CLEANUP(closep) int etc = -1;
	int r = 0;

	if (!j->config->groups.n && !j->config->users.n)
		return 0;
	if (j->notes->interrupted)
		r = shadow_clean_up(j->root, e);
	if (r == 0) {
		log_push("ensureGroups");
		r = apply_groups(j, e);
		log_pop();
	}
	if (r == 0) {
		log_push("ensureUsers");
		r = apply_users(j, e);
		log_pop();
	}
	if (r < 0)
		return r;
	etc = root_open_file(j->root, "/etc", O_PATH | O_DIRECTORY, e);
	return etc < 0 ? etc : touched_add(j->touched, etc, e);
}
