#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int file_make_parents(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof part)
		return err_errno(e, ENAMETOOLONG, "%s", path);
	memcpy(part, path, n + 1);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_errno(e, errno, "making directory %s", part);
		*p = '/';
	}
	return 0;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int open_dir_of(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (n >= sizeof dir)
		return -ENAMETOOLONG;
	memcpy(dir, path, n);
	dir[n] = '\0';
	fd = open(slash == path ? "/" : n ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int atomic_write(const char *path, const void *data, size_t n, mode_t mode, mode_t dir_mode, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	CLEANUP(closep) int dir = -1;
	char tmp[PATH_MAX];
	int r;

	if (dir_mode) {
		r = file_make_parents(path, dir_mode, e);
		if (r < 0)
			return r;
	}
	if ((size_t)snprintf(tmp, sizeof tmp, "%s.XXXXXX", path) >= sizeof tmp)
		return err_errno(e, ENAMETOOLONG, "%s", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "making a temporary file for %s", path);
	r = write_all(fd, data, n);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(tmp);
		return err_errno(e, -r, "writing %s", path);
	}
	/* The file is whole by now; a directory that cannot be synced (some pseudo file systems) is no
	 * failure. */
	dir = open_dir_of(path);
	if (dir >= 0)
		(void)fsync(dir);
	return 0;
}

int file_read_fd(int fd, const char *name, struct buf *out, struct err *e)
{
	char chunk[64 * 1024];

	for (;;) {
		ssize_t got = read(fd, chunk, sizeof chunk);
		int r;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, errno, "reading %s", name);
		if (got == 0)
			return 0;
		r = buf_append(out, chunk, (size_t)got);
		if (r == -EFBIG)
			return err_text(e, EFBIG, "%s is larger than %zu bytes", name, out->max);
		if (r < 0)
			return err_errno(e, -r, "reading %s", name);
	}
}

int file_read(const char *path, struct buf *out, struct err *e)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return err_errno(e, errno, "opening %s", path);
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return err_errno(e, errno, "reading %s", path);
	/* A pipe under a name of its own may never get a writer; one that a shell passed as /dev/fd/N has. */
	if (S_ISFIFO(st.st_mode) && fs.f_type != PIPEFS_MAGIC)
		return err_text(e, EINVAL, "%s is a FIFO, not a file", path);
	if (fcntl(fd, F_SETFL, 0) < 0)
		return err_errno(e, errno, "reading %s", path);
	return file_read_fd(fd, path, out, e);
}
