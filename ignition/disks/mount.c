/* The mount and umount stages: the config's file systems under the target root (reference F.7). */
#include "ignition/stages.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/device.h"
#include "ignition/disks/fs.h"
#include "ignition/disks/settle.h"
#include "ignition/state.h"

struct mountpoint {
	const struct ign_filesystem *fs;
	size_t index; /* in the config */
	size_t depth;
};

static size_t path_depth(const char *path)
{
	size_t n = 0;

	while (*(path += strspn(path, "/"))) {
		n++;
		path += strcspn(path, "/");
	}
	return n;
}

/* Shallow ones first; config order among equals. */
static int compare_depth(const void *a, const void *b)
{
	const struct mountpoint *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int collect(const struct ign_storage *s, struct arena *a, struct mountpoint **ret, size_t *ret_n)
{
	struct mountpoint *m = arena_alloc(a, (s->filesystems.n + 1) * sizeof(*m));
	size_t n = 0;

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < s->filesystems.n; i++)
		if (fs_is_mounted(&s->filesystems.v[i]))
			m[n++] = (struct mountpoint){ &s->filesystems.v[i], i,
						      path_depth(s->filesystems.v[i].path) };
	qsort(m, n, sizeof(*m), compare_depth);
	*ret = m;
	*ret_n = n;
	return 0;
}

/* One step down, never through a symlink: what is not a directory is refused, as upstream does. */
static int step(struct stage_ctx *c, int *dir, const char *path, size_t upto, const char *name, bool create,
		struct err *e)
{
	bool made = false;
	int fd = openat(*dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && create) {
		if (mkdirat(*dir, name, 0755) < 0 && errno != EEXIST)
			return err_errno(e, errno, "making the mount point %.*s", (int)upto, path);
		made = true;
		fd = openat(*dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_text(e, ENOTDIR, "mount path \"%s\" contains non-directory component \"%.*s\"",
				path, (int)upto, path);
	if (fd < 0)
		return err_errno(e, errno, "opening the mount point %.*s", (int)upto, path);
	close(*dir);
	*dir = fd;
	if (made) {
		char proc[64], dir_path[PATH_MAX];
		int r;

		/* Whatever the umask says, services of the real root must be able to enter. */
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
		if (chmod(proc, 0755) < 0)
			return err_errno(e, errno, "setting the mode of %.*s", (int)upto, path);
		snprintf(dir_path, sizeof(dir_path), "%.*s", (int)upto, path);
		r = state_add_directory(c->state, dir_path);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Walks from the root to path, making what is missing when asked. ret is the absolute path outside,
 * free of links. The root is opened anew each time: something may have been mounted over it.
 */
static int walk(struct stage_ctx *c, const char *path, bool create, char ret[PATH_MAX], struct err *e)
{
	CLEANUP(root_closep) struct root root = { .fd = -1 };
	CLEANUP(closep) int dir = -1;
	char real[PATH_MAX], name[NAME_MAX + 1];
	int n, r;

	r = root_open(&root, c->root.path, e);
	if (r < 0)
		return r;
	if (!realpath(c->root.path, real))
		return err_errno(e, errno, "resolving %s", c->root.path);
	n = snprintf(ret, PATH_MAX, "%s", strcmp(real, "/") == 0 ? "" : real);
	dir = openat(root.fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(e, errno, "opening %s", real);
	for (const char *p = path; *(p += strspn(p, "/"));) {
		size_t len = strcspn(p, "/");
		size_t upto = (size_t)(p - path) + len;

		if (len > NAME_MAX || upto >= PATH_MAX)
			return err_errno(e, ENAMETOOLONG, "mount path \"%s\"", path);
		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		p += len;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0)
			return err_text(e, EINVAL, "mount path \"%s\" contains \"..\"", path);
		r = step(c, &dir, path, upto, name, create, e);
		if (r < 0)
			return r;
		n += snprintf(ret + n, PATH_MAX - n, "/%s", name);
		if (n >= PATH_MAX)
			return err_errno(e, ENAMETOOLONG, "mount path \"%s\"", path);
	}
	if (n == 0)
		snprintf(ret, PATH_MAX, "/");
	return 0;
}

/*
 * The mount program, not the system call: options of fstab's world (nofail, x-systemd.*, loop,
 * user, ...) are its business, and helpers such as mount.<type> too.
 */
static int run_mount(const struct ign_filesystem *fs, const char *options, const char *target, struct err *e)
{
	const char *argv[8];
	size_t n = 0;

	argv[n++] = "mount";
	if (*options) {
		argv[n++] = "-o";
		argv[n++] = options;
	}
	argv[n++] = "-t";
	argv[n++] = fs->format;
	argv[n++] = fs->device;
	argv[n++] = target;
	argv[n] = NULL;
	return proc_run(&(struct proc){ .argv = argv }, NULL, e);
}

static int mount_one(struct stage_ctx *c, const struct mountpoint *m, struct err *e)
{
	const struct ign_filesystem *fs = m->fs;
	CLEANUP(buf_done) struct buf options = { 0 };
	char target[PATH_MAX], where[64];
	struct blkdev d = { 0 };
	struct log_op op;
	bool there = false;
	int r;

	if (strcmp(fs->format, "virtiofs") != 0) {
		snprintf(where, sizeof(where), "$.storage.filesystems.%zu.device", m->index);
		r = settle_device(fs->device, where, &d, e);
		if (r < 0)
			return r;
	}
	r = walk(c, fs->path, true, target, e);
	if (r == 0 && d.dev) {
		r = blkdev_mounted_at(d.dev, target, &there);
		if (r < 0)
			err_errno(e, -r, "reading the list of mounts");
	}
	if (r < 0)
		return err_wrap(e, r, "$.storage.filesystems.%zu", m->index);
	if (there) {
		log_info("\"%s\" is already mounted at \"%s\"", fs->device, target);
		return 0;
	}
	for (size_t i = 0; i < fs->mount_options.n; i++)
		if (buf_printf(&options, "%s%s", i ? "," : "", fs->mount_options.v[i]) < 0)
			return err_errno(e, ENOMEM, "$.storage.filesystems.%zu.mountOptions", m->index);
	log_op_begin(&op, "mounting \"%s\" at \"%s\" with type \"%s\" and options \"%s\"", fs->device, target,
		     fs->format, buf_str(&options));
	r = run_mount(fs, buf_str(&options), target, e);
	log_op_end(&op, r, e);
	return r < 0 ? err_wrap(e, r, "$.storage.filesystems.%zu: mounting %s on %s", m->index, fs->device,
				target)
		     : 0;
}

int stage_mount(struct stage_ctx *c, struct err *e)
{
	struct mountpoint *m;
	size_t n;
	int r = collect(&c->config->storage, c->arena, &m, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = mount_one(c, &m[i], e);
	return r;
}

static int umount_one(struct stage_ctx *c, const struct mountpoint *m, struct err *e)
{
	char target[PATH_MAX];
	struct log_op op;
	bool there = false;
	int r = walk(c, m->fs->path, false, target, e);

	if (r == -ENOENT) {
		log_info("there is no \"%s\" to unmount", m->fs->path);
		return 0;
	}
	if (r == 0) {
		r = blkdev_is_mountpoint(target, &there);
		if (r < 0)
			err_errno(e, -r, "reading the list of mounts");
	}
	if (r < 0)
		return err_wrap(e, r, "$.storage.filesystems.%zu", m->index);
	if (!there) {
		log_info("nothing is mounted at \"%s\"", target);
		return 0;
	}
	log_op_begin(&op, "umounting \"%s\"", target);
	if (umount2(target, UMOUNT_NOFOLLOW) < 0)
		r = err_errno(e, errno, "$.storage.filesystems.%zu: unmounting %s", m->index, target);
	return log_op_end(&op, r, e);
}

int stage_umount(struct stage_ctx *c, struct err *e)
{
	struct mountpoint *m;
	size_t n;
	int r = collect(&c->config->storage, c->arena, &m, &n);

	/* An open descriptor of the root would keep a file system on "/" busy; walk() opens its own. */
	root_close(&c->root);
	while (r == 0 && n > 0)
		r = umount_one(c, &m[--n], e);
	return r;
}
