#include "ignition/files/units.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/root.h"
#include "ignition/config/types_gen.h"
#include "ignition/files/nodes.h"
#include "ignition/files/presets.h"
#include "ignition/files/write.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define UNIT_DIR "/etc/systemd/system"

enum { PRESET_MAX = 16 << 20 };

static int check_name(const char *kind, const char *name, struct err *e)
{
	if (!*name || strchr(name, '/') || strlen(name) > NAME_MAX - 16)
		return err_text(e, EINVAL, "%s name \"%s\" cannot be the name of a file", kind, name);
	return 0;
}

/* What is missing will be made; what is there must be a file in a directory. */
static int check_place(const struct root *root, const char *path, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1];
	struct err why = { 0 };
	struct stat st;
	int r = root_open_parent(root, path, false, &dir, leaf, NULL, &why);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		*e = why;
		return r;
	}
	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return err_text(e, EISDIR, "%s is a directory in the target", path);
	return 0;
}

static int check_unit(const struct root *root, const struct ign_unit *unit, struct err *e)
{
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < unit->dropins.n; i++) {
		if (!unit->dropins.v[i].contents)
			continue;
		(void)snprintf(path, sizeof path, UNIT_DIR "/%s.d/%s", unit->name, unit->dropins.v[i].name);
		r = check_place(root, path, e);
	}
	if (r == 0 && unit->contents && *unit->contents) {
		(void)snprintf(path, sizeof path, UNIT_DIR "/%s", unit->name);
		r = check_place(root, path, e);
	}
	return r;
}

static int read_presets(const struct root *root, struct buf *out, struct err *e)
{
	struct err why = { 0 };
	int r = root_read_file(root, PRESET_PATH, out, &why);

	if (r < 0 && r != -ENOENT) {
		*e = why;
		return r;
	}
	return 0;
}

int units_check_target(const struct root *root, const struct ign_systemd *s, struct err *e)
{
	CLEANUP(buf_done) struct buf presets = BUF_INIT(.max = PRESET_MAX);

	for (size_t i = 0; i < s->units.n; i++) {
		int r = check_unit(root, &s->units.v[i], e);

		if (r < 0)
			return err_wrap(e, r, "systemd.units[%zu]", i);
	}
	return s->units.n ? read_presets(root, &presets, e) : 0;
}

int units_check(const struct ign_systemd *s, struct err *e)
{
	for (size_t i = 0; i < s->units.n; i++) {
		const struct ign_unit *u = &s->units.v[i];
		int r = check_name("unit", u->name, e);

		if (r == 0 && strpbrk(u->name, " \t\n")) /* in a preset it would be several */
			r = err_text(e, EINVAL, "unit name \"%s\" contains white space", u->name);
		for (size_t k = 0; r == 0 && k < u->dropins.n; k++)
			r = check_name("drop-in", u->dropins.v[k].name, e);
		if (r < 0)
			return err_wrap(e, r, "systemd.units[%zu]", i);
	}
	return 0;
}

struct units {
	const struct root *root;
	const char *base; /* the root's path for the log, "" for "/" */
	struct touched *touched;
	uid_t owner; /* and group: root's, or whoever may not give files away keeps them */
};

static int touch(const struct units *u, const char *path, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1];
	int r = root_open_parent(u->root, path, true, &dir, leaf, NULL, e);

	return r < 0 ? r : touched_add(u->touched, dir, e);
}

static int put(const struct units *u, const char *path, const char *contents, struct err *e)
{
	int r = touch(u, path, e);

	return r < 0 ? r
		     : root_write_file(u->root, path, contents, strlen(contents), 0644, u->owner, u->owner,
				       e);
}

static int write_dropin(const struct units *u, const struct ign_unit *unit, const struct ign_dropin *d,
			struct err *e)
{
	char path[PATH_MAX];
	struct log_op op;

	if (!d->contents)
		return 0;
	(void)snprintf(path, sizeof path, UNIT_DIR "/%s.d/%s", unit->name, d->name);
	log_op_begin(&op, "writing systemd drop-in \"%s\" at \"%s%s\"", d->name, u->base, path);
	return log_op_end(&op, put(u, path, d->contents, e), e);
}

static int write_unit(const struct units *u, const struct ign_unit *unit, const char *path, struct err *e)
{
	struct log_op op;

	if (!unit->contents || !*unit->contents)
		return 0;
	log_op_begin(&op, "writing unit \"%s\" at \"%s%s\"", unit->name, u->base, path);
	return log_op_end(&op, put(u, path, unit->contents, e), e);
}

/* What is at the path and, for a link, where it points. */
static int look(const struct units *u, const char *path, int *ret_dir, char *ret_leaf, struct stat *ret_st,
		char ret_link[PATH_MAX], struct err *e)
{
	ssize_t n = 0;
	int r = node_look(u->root, path, true, ret_dir, ret_leaf, ret_st, e);

	if (r < 0)
		return r;
	if (S_ISLNK(ret_st->st_mode)) {
		n = readlinkat(*ret_dir, ret_leaf, ret_link, PATH_MAX - 1);
		if (n < 0)
			return err_errno(e, errno, "reading the link %s", path);
	}
	ret_link[n] = '\0';
	return 0;
}

static int mask(const struct units *u, const struct ign_unit *unit, const char *path, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1], link[PATH_MAX];
	struct log_op op;
	struct stat st;
	int r;

	log_op_begin(&op, "masking unit \"%s\"", unit->name);
	r = look(u, path, &dir, leaf, &st, link, e);
	if (r == 0 && strcmp(link, "/dev/null")) {
		r = touched_add(u->touched, dir, e);
		if (r == 0)
			r = root_remove_tree(u->root, path, e);
		if (r == 0 && symlinkat("/dev/null", dir, leaf) < 0)
			r = err_errno(e, errno, "linking %s to /dev/null", path);
	}
	return log_op_end(&op, r, e);
}

static int unmask(const struct units *u, const struct ign_unit *unit, const char *path, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1], link[PATH_MAX];
	struct log_op op;
	struct stat st;
	int r;

	log_op_begin(&op, "unmasking unit \"%s\"", unit->name);
	r = look(u, path, &dir, leaf, &st, link, e);
	if (r == 0 && !strcmp(link, "/dev/null")) {
		r = touched_add(u->touched, dir, e);
		if (r == 0 && unlinkat(dir, leaf, 0) < 0 && errno != ENOENT)
			r = err_errno(e, errno, "removing the mask %s", path);
	}
	return log_op_end(&op, r, e);
}

/* Whether a link of this name in a .wants directory enables the unit: itself, or any instance of a template.
 */
static bool enables(const char *link, const char *unit)
{
	const char *at = strstr(unit, "@.");
	size_t n, tail, len = strlen(link);

	if (!strcmp(link, unit))
		return true;
	if (!at)
		return false;
	n = (size_t)(at - unit) + 1;
	tail = strlen(at + 1);
	return len > n + tail && !strncmp(link, unit, n) && !strcmp(link + len - tail, at + 1);
}

static bool is_dependency_dir(const char *name)
{
	static const char *const suffixes[] = { ".wants", ".requires", ".upholds" };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (n > strlen(suffixes[i]) && !strcmp(name + n - strlen(suffixes[i]), suffixes[i]))
			return true;
	return false;
}

/* An alias points at the unit's file (for an instance: at its template's). */
static bool is_alias(int dir, const char *name, const char *unit)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(dir, name, to, sizeof to - 1);
	const char *base;

	if (n < 0)
		return false;
	to[n] = '\0';
	base = strrchr(to, '/');
	return enables(base ? base + 1 : to, unit) && strcmp(to, "/dev/null") != 0;
}

/* Takes dir. in_dependencies: names count; else links count by where they point. */
static int remove_links(int dir, bool in_dependencies, const char *unit, struct err *e)
{
	DIR *d = fdopendir(dir);
	struct dirent *de;
	int r = 0;

	if (!d) {
		close(dir);
		return err_errno(e, errno, "reading " UNIT_DIR);
	}
	while (r == 0 && (de = readdir(d)) != NULL) {
		struct stat st;
		int sub;

		if (*de->d_name == '.' || fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISLNK(st.st_mode)) {
			if (!(in_dependencies ? enables(de->d_name, unit)
					      : is_alias(dirfd(d), de->d_name, unit)))
				continue;
			if (unlinkat(dirfd(d), de->d_name, 0) < 0 && errno != ENOENT)
				r = err_errno(e, errno, "removing the link %s", de->d_name);
		} else if (S_ISDIR(st.st_mode) && !in_dependencies && is_dependency_dir(de->d_name)) {
			sub = openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (sub < 0)
				r = err_errno(e, errno, "opening %s", de->d_name);
			else
				r = remove_links(sub, true, unit, e);
		}
	}
	closedir(d);
	return r;
}

/*
 * A preset is only a wish for units not yet touched; one that the image shipped enabled stays so
 * unless its links go as well.
 */
static int disable(const struct units *u, const struct ign_unit *unit, struct err *e)
{
	struct err why = { 0 };
	struct log_op op;
	int dir = root_open_file(u->root, UNIT_DIR, O_RDONLY | O_DIRECTORY, &why);
	int r;

	if (dir == -ENOENT)
		return 0;
	log_op_begin(&op, "removing enablement symlink(s) for \"%s\"", unit->name);
	if (dir < 0) {
		*e = why;
		r = dir;
	} else {
		r = touched_add(u->touched, dir, e);
		if (r < 0)
			close(dir);
		else
			r = remove_links(dir, false, unit->name, e);
	}
	return log_op_end(&op, r, e);
}

static int write_presets(const struct units *u, const struct ign_systemd *s, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = PRESET_MAX);
	size_t before;
	int r = read_presets(u->root, &text, e);

	if (r < 0)
		return r;
	before = text.n;
	r = presets_add(s, &text);
	if (r < 0)
		return err_errno(e, -r, "preparing %s", PRESET_PATH);
	if (text.n == before)
		return 0;
	r = touch(u, PRESET_PATH, e);
	return r < 0 ? r : root_write_file(u->root, PRESET_PATH, text.p, text.n, 0644, u->owner, u->owner, e);
}

static int set_preset(const struct units *u, const struct ign_unit *unit, struct err *e)
{
	struct log_op op;
	int r = 0;

	if (!unit->enabled.set)
		return 0;
	log_op_begin(&op, "setting preset to %s for \"%s\"", unit->enabled.v ? "enabled" : "disabled",
		     unit->name);
	if (!unit->enabled.v)
		r = disable(u, unit, e);
	return log_op_end(&op, r, e);
}

static int process_unit(const struct units *u, const struct ign_unit *unit, struct err *e)
{
	char path[PATH_MAX];
	int r = 0;

	(void)snprintf(path, sizeof path, UNIT_DIR "/%s", unit->name);
	for (size_t i = 0; r == 0 && i < unit->dropins.n; i++)
		r = write_dropin(u, unit, &unit->dropins.v[i], e);
	if (r == 0)
		r = write_unit(u, unit, path, e);
	if (r == 0 && unit->mask.set)
		r = unit->mask.v ? mask(u, unit, path, e) : unmask(u, unit, path, e);
	return r;
}

int units_write(const struct root *root, const struct ign_systemd *s, struct touched *t, struct err *e)
{
	const struct units u = { root, strcmp(root->path, "/") ? root->path : "", t,
				 geteuid() == 0 ? 0 : (uid_t)-1 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->units.n; i++) {
		struct log_op op;

		log_op_begin(&op, "processing unit \"%s\"", s->units.v[i].name);
		r = process_unit(&u, &s->units.v[i], e);
		if (r < 0)
			r = err_wrap(e, r, "unit \"%s\"", s->units.v[i].name);
		r = log_op_end(&op, r, e);
	}
	for (size_t i = 0; r == 0 && i < s->units.n; i++)
		r = set_preset(&u, &s->units.v[i], e);
	return r < 0 ? r : write_presets(&u, s, e);
}
