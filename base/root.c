#include "base/root.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

enum {
	WALK_CREATE = 1 << 0,  /* make missing directories */
	WALK_FOLLOW = 1 << 1,  /* also follow the last component */
	WALK_MISSING = 1 << 2, /* keep missing components, and what is below a file, as text */
};

struct walk {
	int dir;                 /* holds the last component; -1 below a missing one */
	char leaf[NAME_MAX + 1]; /* "" when the path ends at dir itself ("/", or a link to "..") */
	char done[PATH_MAX];     /* the verified path of dir: no links, no dots; "" is the root */
	char first_made[PATH_MAX];
	int links;
};

int root_open(struct root *r, const char *path, struct err *e)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "opening the root directory %s", path);
	*r = (struct root){ .fd = fd, .path = path };
	return 0;
}

void root_close(struct root *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* Each component by itself: since none may be a link, none can lead out either. */
static int open_dir_stepwise(const struct root *r, const char *path)
{
	CLEANUP(closep) int dir = openat(r->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char part[NAME_MAX + 1];
	size_t n;

	for (path += strspn(path, "/"); dir >= 0 && *path; path += n + strspn(path + n, "/")) {
		int next;

		n = strcspn(path, "/");
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(part, path, n);
		part[n] = '\0';
		next = openat(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close(dir);
		dir = next;
	}
	return dir < 0 ? -errno : take_fd(&dir);
}

/* path holds no dots. */
static int open_dir(const struct root *r, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, r->fd, *path ? path : "/", &how, sizeof(how));

	/* Linux before 5.6, gVisor; EPERM comes from the system call filter of an older container engine. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_dir_stepwise(r, path);
	return fd < 0 ? -errno : fd;
}

static int path_push(char path[PATH_MAX], const char *part, size_t n)
{
	size_t k = strlen(path);

	if (k + n + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	path[k] = '/';
	memcpy(path + k + 1, part, n);
	path[k + 1 + n] = '\0';
	return 0;
}

static void path_pop(char path[PATH_MAX])
{
	char *cut = strrchr(path, '/');

	if (cut)
		*cut = '\0';
}

static bool has_dots(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/.")) != NULL; p++) {
		const char *q = p + 2 + (p[2] == '.');

		if (*q == '/' || *q == '\0')
			return true;
	}
	return false;
}

/* Most paths hold no link and their directory exists: one call instead of one for each component. */
static bool walk_fast(const struct root *r, const char *path, struct walk *w)
{
	const char *leaf = strrchr(path, '/') + 1;
	size_t dir_len = (size_t)(leaf - path) - 1;
	int fd;

	if (!*leaf || strlen(leaf) > NAME_MAX || has_dots(path) || strstr(path, "//"))
		return false;
	memcpy(w->done, path, dir_len);
	w->done[dir_len] = '\0';
	fd = open_dir(r, w->done);
	if (fd < 0) {
		w->done[0] = '\0';
		return false;
	}
	w->dir = fd;
	memcpy(w->leaf, leaf, strlen(leaf) + 1);
	return true;
}

static int make_dir(int dir, const char *name, mode_t mode)
{
	/* The umask of whoever started us must not decide, nor may a kill leave a directory half made. */
	mode_t old = umask(0);
	int r = mkdirat(dir, name, mode) < 0 && errno != EEXIST ? -errno : 0;

	umask(old);
	return r;
}

/* Puts the target of the link dir/part before rest. */
static int splice_link(int dir, const char *part, const char *rest, char todo[PATH_MAX])
{
	char next[PATH_MAX];
	ssize_t k = readlinkat(dir, part, next, sizeof(next) - 1);
	size_t n = strlen(rest) + 1;

	if (k < 0)
		return -errno;
	if (k == 0)
		return -ENOENT;
	if ((size_t)k + 1 + n > sizeof(next))
		return -ENAMETOOLONG;
	next[k] = '/';
	memcpy(next + k + 1, rest, n);
	memcpy(todo, next, (size_t)k + 1 + n);
	return next[0] == '/';
}

static int walk_end(const struct root *r, struct walk *w, const char *leaf, bool missing)
{
	int fd = missing ? -1 : open_dir(r, w->done);

	if (!missing && fd < 0)
		return fd;
	w->dir = fd;
	memcpy(w->leaf, leaf, strlen(leaf) + 1);
	return 0;
}

enum step { STEP_DOWN, STEP_END, STEP_LINK, STEP_MISSING };

/* Looks at done/leaf; todo is rewritten when it is a link. */
static int walk_look(const struct root *r, unsigned flags, mode_t mode, struct walk *w, const char *rest,
		     char todo[PATH_MAX])
{
	CLEANUP(closep) int dir = open_dir(r, w->done);
	struct stat st;
	int k;

	if (dir < 0)
		return dir;
	if (fstatat(dir, w->leaf, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode)) {
			if (++w->links > ROOT_MAX_LINKS)
				return -ELOOP;
			k = splice_link(dir, w->leaf, rest, todo);
			if (k > 0)
				w->done[0] = '\0';
			return k < 0 ? k : STEP_LINK;
		}
		if (*rest && !S_ISDIR(st.st_mode))
			return flags & WALK_MISSING ? STEP_MISSING : -ENOTDIR;
		return *rest ? STEP_DOWN : STEP_END;
	}
	if (errno != ENOENT)
		return -errno;
	if (!*rest)
		return STEP_END;
	if (flags & WALK_MISSING)
		return STEP_MISSING;
	if (!(flags & WALK_CREATE))
		return -ENOENT;
	k = make_dir(dir, w->leaf, mode);
	if (k == 0 && !w->first_made[0]) {
		memcpy(w->first_made, w->done, strlen(w->done) + 1);
		k = path_push(w->first_made, w->leaf, strlen(w->leaf));
	}
	return k < 0 ? k : STEP_DOWN;
}

/* On failure w->done and w->leaf say where it stopped. */
static int walk_slow(const struct root *r, const char *path, unsigned flags, mode_t mode, struct walk *w)
{
	char todo[PATH_MAX];
	unsigned missing = 0; /* how many components at the end of w->done are only text */
	int k;

	memcpy(todo, path, strlen(path) + 1);
	for (;;) {
		const char *p = todo + strspn(todo, "/");
		size_t n = strcspn(p, "/");
		const char *rest = p + n + strspn(p + n, "/");

		w->leaf[0] = '\0';
		if (n == 0)
			return walk_end(r, w, "", missing);
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(w->leaf, p, n);
		w->leaf[n] = '\0';
		if (!strcmp(w->leaf, ".") || !strcmp(w->leaf, "..")) {
			if (n == 2) {
				path_pop(w->done);
				missing -= missing > 0;
			}
			memmove(todo, rest, strlen(rest) + 1);
			continue;
		}
		if (!*rest && (missing || !(flags & WALK_FOLLOW)))
			return walk_end(r, w, w->leaf, missing);
		if (missing) {
			missing++;
		} else {
			k = walk_look(r, flags, mode, w, rest, todo);
			if (k < 0)
				return k;
			if (k == STEP_END)
				return walk_end(r, w, w->leaf, false);
			if (k == STEP_LINK)
				continue;
			missing = k == STEP_MISSING;
		}
		k = path_push(w->done, w->leaf, n);
		if (k < 0)
			return k;
		memmove(todo, rest, strlen(rest) + 1);
	}
}

static int walk(const struct root *r, const char *path, unsigned flags, mode_t mode, struct walk *w,
		struct err *e)
{
	int k;

	w->dir = -1;
	w->links = 0;
	w->leaf[0] = w->done[0] = w->first_made[0] = '\0';
	if (*path != '/')
		return err_text(e, EINVAL, "%s: not an absolute path", path);
	if (strlen(path) >= PATH_MAX)
		return err_errno(e, ENAMETOOLONG, "%.64s...", path);
	if (!(flags & WALK_FOLLOW) && walk_fast(r, path, w))
		return 0;
	k = walk_slow(r, path, flags, mode, w);
	if (k == -ELOOP)
		return err_text(e, ELOOP, "%s: more than %d symbolic links", path, ROOT_MAX_LINKS);
	if (k == -ENOTDIR)
		return err_text(e, ENOTDIR, "%s: %s/%s is not a directory", path, w->done, w->leaf);
	if (k < 0)
		return err_errno(e, -k, "%s", path);
	return 0;
}

int root_open_parent(const struct root *r, const char *path, bool create, int *ret_fd,
		     char ret_leaf[NAME_MAX + 1], char ret_first_made[PATH_MAX], struct err *e)
{
	struct walk w;
	int k = walk(r, path, create ? WALK_CREATE : 0, 0755, &w, e);

	if (k < 0)
		return k;
	if (!w.leaf[0]) {
		close(w.dir);
		return err_text(e, EINVAL, "%s: names no entry of a directory", path);
	}
	*ret_fd = w.dir;
	memcpy(ret_leaf, w.leaf, sizeof(w.leaf));
	if (ret_first_made)
		memcpy(ret_first_made, w.first_made, sizeof(w.first_made));
	return 0;
}

int root_resolve(const struct root *r, const char *path, char ret[PATH_MAX], struct err *e)
{
	struct walk w;
	int k = walk(r, path, WALK_MISSING, 0, &w, e);

	if (k < 0)
		return k;
	closep(&w.dir);
	if (w.leaf[0])
		k = path_push(w.done, w.leaf, strlen(w.leaf));
	if (k < 0)
		return err_errno(e, -k, "%s", path);
	memcpy(ret, w.done[0] ? w.done : "/", w.done[0] ? strlen(w.done) + 1 : 2);
	return 0;
}

int root_open_file(const struct root *r, const char *path, int flags, struct err *e)
{
	struct walk w;
	int fd, k = walk(r, path, WALK_FOLLOW, 0, &w, e);

	if (k < 0)
		return k;
	/* The walk saw no link here; one planted since then is ELOOP. */
	fd = openat(w.dir, w.leaf[0] ? w.leaf : ".", flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		k = err_errno(e, errno, "%s", path);
	close(w.dir);
	return fd < 0 ? k : fd;
}

int root_read_file(const struct root *r, const char *path, struct buf *out, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char chunk[16384];
	struct stat st;
	ssize_t n;
	int k;

	fd = root_open_file(r, path, O_RDONLY | O_NONBLOCK, e);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_text(e, EINVAL, "%s: not a regular file", path);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "reading %s", path);
		k = buf_append(out, chunk, (size_t)n);
		if (k == -EFBIG)
			return err_text(e, EFBIG, "%s: larger than %zu bytes", path, out->max);
		if (k < 0)
			return err_errno(e, -k, "reading %s", path);
	}
	return 0;
}

int root_mkdirs(const struct root *r, const char *path, mode_t mode, struct err *e)
{
	struct walk w;
	struct stat st = { 0 };
	int k = walk(r, path, WALK_CREATE | WALK_FOLLOW, mode, &w, e);

	if (k < 0)
		return k;
	if (w.leaf[0]) {
		k = make_dir(w.dir, w.leaf, mode);
		if (k == 0 && fstatat(w.dir, w.leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
			k = -errno;
		if (k < 0)
			k = err_errno(e, -k, "creating directory %s", path);
		else if (!S_ISDIR(st.st_mode))
			k = err_errno(e, ENOTDIR, "%s", path);
	}
	close(w.dir);
	return k;
}

int root_temp_create(int dir_fd, const char *leaf, char ret_temp[NAME_MAX + 1])
{
	char name[32];
	uint64_t h = 14695981039346656037u; /* FNV-1a: names need not be secret, only short and repeatable */
	int fd;

	for (const char *p = leaf; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	(void)snprintf(name, sizeof(name), ".hearth-%016" PRIx64 ".tmp", h);
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST) {
		if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
			return -errno;
		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return -errno;
	memcpy(ret_temp, name, strlen(name) + 1);
	return fd;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int root_write_file(const struct root *r, const char *path, const void *data, size_t n, mode_t mode,
		    uid_t uid, gid_t gid, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	CLEANUP(closep) int fd = -1;
	char leaf[NAME_MAX + 1] = "", temp[NAME_MAX + 1];
	int k;

	k = root_open_parent(r, path, true, &dir, leaf, NULL, e);
	if (k < 0)
		return k;
	fd = root_temp_create(dir, leaf, temp);
	if (fd < 0)
		return err_errno(e, -fd, "creating a temporary file for %s", path);
	k = write_all(fd, data, n);
	if (k == 0 && (uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		k = -errno;
	if (k == 0 && fchmod(fd, mode) < 0) /* after chown, which clears the special bits */
		k = -errno;
	if (k == 0 && renameat(dir, temp, dir, leaf) < 0)
		k = -errno;
	if (k < 0) {
		(void)unlinkat(dir, temp, 0);
		return err_errno(e, -k, "writing %s", path);
	}
	return 0;
}

/*
 * Trees may be deeper than we have descriptors: below this depth a directory is first moved up to
 * the top of the tree, under a name that is free there.
 */
enum { REMOVE_DEPTH = 64 };

struct removal {
	int top; /* the directory that is being removed */
	unsigned moved;
	bool again;
};

static int remove_entries(struct removal *rm, int dir_fd, int depth);

/* What is mounted belongs to someone else, and its place cannot be removed anyway. */
static bool is_mounted(int fd)
{
	struct statx sx;

	return statx(fd, "", AT_EMPTY_PATH, 0, &sx) == 0 && sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static int remove_dir(struct removal *rm, int parent, const char *name, int depth)
{
	char up[32];
	int fd, k;

	if (depth >= REMOVE_DEPTH) {
		(void)snprintf(up, sizeof(up), ".hearth-remove-%u", rm->moved++);
		rm->again = true;
		return renameat2(parent, name, rm->top, up, RENAME_NOREPLACE) < 0 && errno != EEXIST ? -errno
												     : 0;
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (is_mounted(fd)) {
		close(fd);
		return -EBUSY;
	}
	k = remove_entries(rm, fd, depth);
	if (k < 0)
		return k;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY ? -errno : 0;
}

/* Takes dir_fd. A directory that still has entries (more were moved into it) is left to the next round. */
static int remove_entries(struct removal *rm, int dir_fd, int depth)
{
	DIR *d = fdopendir(dir_fd);
	int k = 0;

	if (!d) {
		k = -errno;
		close(dir_fd);
		return k;
	}
	for (;;) {
		struct dirent *de;

		errno = 0;
		de = readdir(d);
		if (!de) {
			k = -errno;
			break;
		}
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), de->d_name, 0) == 0 || errno == ENOENT)
			continue;
		k = errno == EISDIR ? remove_dir(rm, dirfd(d), de->d_name, depth + 1) : -errno;
		if (k < 0)
			break;
	}
	closedir(d);
	return k;
}

int root_remove_tree(const struct root *r, const char *path, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	CLEANUP(closep) int top = -1;
	char leaf[NAME_MAX + 1];
	struct removal rm = { .again = true };
	struct err why = { 0 };
	int k, fd;

	k = root_open_parent(r, path, false, &dir, leaf, NULL, &why);
	if (k == -ENOENT)
		return 0;
	if (k < 0) {
		if (e)
			*e = why;
		return k;
	}
	if (unlinkat(dir, leaf, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_errno(e, errno, "removing %s", path);
	top = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return err_errno(e, errno, "removing %s", path);
	if (is_mounted(top))
		return err_errno(e, EBUSY, "removing %s", path);
	rm.top = top;
	while (k == 0 && rm.again) {
		rm.again = false;
		fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		k = fd < 0 ? -errno : remove_entries(&rm, fd, 0);
	}
	if (k == 0 && unlinkat(dir, leaf, AT_REMOVEDIR) < 0)
		k = -errno;
	return k < 0 ? err_errno(e, -k, "removing %s", path) : 0;
}
