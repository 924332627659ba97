#include "ignition/files/home.h"
#include "base/buf.h"
#include "base/cfg.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/root.h"
#include "base/sink.h"
#include "ignition/files/account.h"
#include "ignition/files/nodes.h"
#include "ignition/files/write.h"
#include "ignition/state.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Fedora CoreOS looks for this entry to tell the console whose keys were installed (reference A.6). */
#define MESSAGE_KEYS_WRITTEN "225067b87bbd4a0cb6ab151f82fa364b"

enum { SKEL_FILE_MAX = 1 << 20, LOGIN_DEFS_MAX = 1 << 20 };

/* The directory gets its name when it is the user's: a kill in between leaves none that is root's. */
static int make_dir(int parent, const char *name, mode_t mode, const struct account_user *u, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char temp[NAME_MAX + 1];

	(void)snprintf(temp, sizeof temp, ".hearth-%.200s.tmp", name);
	if (mkdirat(parent, temp, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "making directory %s", name);
	fd = openat(parent, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, u->uid, u->gid) < 0 || fchmod(fd, mode) < 0 ||
	    renameat(parent, temp, parent, name) < 0) {
		int why = errno;

		(void)unlinkat(parent, temp, AT_REMOVEDIR);
		return err_errno(e, why, "preparing directory %s", name);
	}
	return take_fd(&fd);
}

/* One step down, made when missing; the last step's directory, open for reading. */
static int enter(int parent, const char *name, mode_t mode, const struct account_user *u, struct err *e)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return make_dir(parent, name, mode, u, e);
	if (errno == ELOOP || errno == ENOTDIR)
		return err_text(e, errno, "%s is not a directory (links are not followed there)", name);
	return err_errno(e, errno, "opening directory %s", name);
}

/* A whole file in an open directory, owned by the user. */
static int put_file(int dir, const char *name, const char *data, size_t n, mode_t mode,
		    const struct account_user *u, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char temp[NAME_MAX + 1];
	struct fd_sink out;
	int r;

	fd = root_temp_create(dir, name, temp);
	if (fd < 0)
		return err_errno(e, -fd, "creating a temporary file for %s", name);
	fd_sink_init(&out, fd, name);
	r = sink_write(&out.base, data, n, e);
	if (r == 0 &&
	    (fchown(fd, u->uid, u->gid) < 0 || fchmod(fd, mode) < 0 || renameat(dir, temp, dir, name) < 0))
		r = err_errno(e, errno, "writing %s", name);
	if (r < 0)
		(void)unlinkat(dir, temp, 0);
	return r;
}

static int open_home(const struct root *root, const struct account_user *u, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char path[PATH_MAX], leaf[NAME_MAX + 1];
	struct err why = { 0 };
	int fd, r;

	if (!u->home || u->home[0] != '/')
		return err_text(e, EINVAL, "user \"%s\" has no home directory", u->name);
	fd = root_open_file(root, u->home, O_RDONLY | O_DIRECTORY, &why);
	if (fd != -ENOENT) {
		if (fd < 0 && e)
			*e = why;
		return fd;
	}
	r = root_resolve(root, u->home, path, e);
	if (r == 0)
		r = root_open_parent(root, path, true, &dir, leaf, NULL, e);
	return r < 0 ? r : enter(dir, leaf, 0700, u, e);
}

int home_write_keys(const struct root *root, const struct account_user *u, const struct strlist *keys,
		    bool fragment, struct touched *t, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(closep) int home = -1;
	CLEANUP(closep) int ssh = -1;
	CLEANUP(closep) int sub = -1;
	const char *file = fragment ? ".ssh/authorized_keys.d/ignition" : ".ssh/authorized_keys";
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < keys->n; i++) {
		r = i ? buf_putc(&text, '\n') : 0;
		if (r == 0)
			r = buf_puts(&text, keys->v[i]);
	}
	if (r == 0 && (!text.n || text.p[text.n - 1] != '\n'))
		r = buf_putc(&text, '\n');
	if (r < 0)
		return err_errno(e, -r, "collecting keys");
	home = open_home(root, u, e);
	if (home < 0)
		return home;
	ssh = enter(home, ".ssh", 0700, u, e);
	if (ssh < 0)
		return ssh;
	if (fragment) {
		sub = enter(ssh, "authorized_keys.d", 0700, u, e);
		if (sub < 0)
			return sub;
	}
	r = put_file(fragment ? sub : ssh, strrchr(file, '/') + 1, text.p, text.n, 0600, u, e);
	if (r == 0)
		r = touched_add(t, ssh, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof path, "%s/%s", strcmp(u->home, "/") ? u->home : "", file);
	log_msg(LOG_INFO,
		FIELDS({ "MESSAGE_ID", MESSAGE_KEYS_WRITTEN }, { "IGNITION_USER_NAME", u->name },
		       { "IGNITION_PATH", path }),
		"wrote ssh authorized keys file for user: %s", u->name);
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '\0' || path[n] == '/');
}

int home_adopt_mounts(const struct root *root, const struct account_user *u, const struct ign_state *state,
		      struct err *e)
{
	char home[PATH_MAX];
	int r;

	if (!state->notated_directories.n || !u->home || u->home[0] != '/' || !strcmp(u->home, "/"))
		return 0;
	r = root_resolve(root, u->home, home, e);
	for (size_t i = 0; r == 0 && i < state->notated_directories.n; i++) {
		const char *path = state->notated_directories.v[i];
		CLEANUP(closep) int fd = -1;
		char at[PATH_MAX];

		r = root_resolve(root, path, at, e);
		if (r < 0 || !(is_below(path, u->home) || is_below(at, home)))
			continue;
		fd = root_open_file(root, path, O_RDONLY | O_DIRECTORY, e);
		if (fd < 0)
			r = fd;
		else if (fchown(fd, u->uid, u->gid) < 0 || fchmod(fd, 0700) < 0)
			r = err_errno(e, errno, "giving %s to user \"%s\"", path, u->name);
	}
	return r;
}

/* Whether name is missing, or holds only the beginning of text. */
static bool is_cut_short(int home, const char *name, const struct buf *text)
{
	CLEANUP(closep) int fd = openat(home, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP(freep) char *have = malloc(text->n + 1);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT;
	if (!have || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size >= (off_t)text->n)
		return false;
	return pread(fd, have, (size_t)st.st_size, 0) == (ssize_t)st.st_size &&
	       (st.st_size == 0 || !memcmp(have, text->p, (size_t)st.st_size));
}

static int copy_skel(const struct root *root, int home, const struct account_user *u, struct err *e)
{
	int fd = root_open_file(root, "/etc/skel", O_RDONLY | O_DIRECTORY, NULL);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;
	int r = 0;

	if (!d) {
		closep(&fd);
		return 0;
	}
	while (r == 0 && (de = readdir(d)) != NULL) {
		CLEANUP(buf_done) struct buf text = BUF_INIT(.max = SKEL_FILE_MAX);
		char path[sizeof "/etc/skel/" + NAME_MAX];
		struct stat st;

		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		(void)snprintf(path, sizeof path, "/etc/skel/%s", de->d_name);
		r = root_read_file(root, path, &text, e);
		if (r == 0 && is_cut_short(home, de->d_name, &text))
			r = put_file(home, de->d_name, buf_str(&text), text.n, st.st_mode & 0777, u, e);
	}
	closedir(d);
	return r;
}

/* As useradd takes it from the target's login.defs: HOME_MODE, else what UMASK leaves. */
static int read_home_mode(const struct root *root, mode_t *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = LOGIN_DEFS_MAX);
	struct err why = { 0 };
	unsigned int v, mask = 022, mode = 0;
	bool has_mode = false;
	int r = root_read_file(root, "/etc/login.defs", &text, &why);

	if (r < 0 && r != -ENOENT) {
		*e = why;
		return r;
	}
	for (const char *p = buf_str(&text); p; p = strchr(p, '\n')) {
		p += *p == '\n';
		p += strspn(p, " \t");
		if (sscanf(p, "HOME_MODE%*[ \t\"]%o", &v) == 1) {
			mode = v;
			has_mode = true;
		} else if (sscanf(p, "UMASK%*[ \t\"]%o", &v) == 1) {
			mask = v;
		}
	}
	*ret = (has_mode ? mode : ~mask) & 0777;
	return 0;
}

int home_finish(const struct root *root, const struct account_user *u, bool made, struct touched *t,
		struct err *e)
{
	CLEANUP(closep) int home = -1;
	mode_t mode = 0;
	struct stat st;
	int r;

	if (!u->home || u->home[0] != '/')
		return 0;
	home = open_home(root, u, e);
	if (home < 0)
		return home;
	r = touched_add(t, home, e);
	if (r < 0)
		return r;
	r = read_home_mode(root, &mode, e);
	if (r < 0)
		return r;
	/* useradd gives it its mode last; an older home with another owner is not ours to give away. */
	if (fstat(home, &st) < 0 || ((made || (st.st_mode & 0777) == 0) && fchmod(home, mode) < 0) ||
	    (st.st_uid == 0 && st.st_uid != u->uid && fchown(home, u->uid, u->gid) < 0))
		return err_errno(e, errno, "preparing the home of \"%s\"", u->name);
	return copy_skel(root, home, u, e);
}
