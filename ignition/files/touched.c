#include "ignition/files/write.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <fcntl.h>
#include <sys/stat.h>

int touched_add(struct touched *t, int dir_fd, struct err *e)
{
	struct stat st;
	int fd;

	if (fstat(dir_fd, &st) < 0)
		return err_errno(e, errno, "looking at a directory");
	for (size_t i = t->n; i-- > 0;)
		if (t->v[i].dev == st.st_dev)
			return 0;
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "opening a directory");
	if (t->n == ARRAY_SIZE(t->v)) { /* more file systems than anyone mounts: the oldest is synced early */
		int r = syncfs(t->v[0].fd) < 0 ? err_errno(e, errno, "syncing a file system") : 0;

		close(t->v[0].fd);
		t->v[0] = t->v[--t->n];
		if (r < 0) {
			close(fd);
			return r;
		}
	}
	t->v[t->n].dev = st.st_dev;
	t->v[t->n++].fd = fd;
	return 0;
}

int touched_sync(struct touched *t, struct err *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (syncfs(t->v[i].fd) < 0)
			return err_errno(e, errno, "syncing a file system");
	return 0;
}

void touched_close(struct touched *t)
{
	for (size_t i = 0; i < t->n; i++)
		closep(&t->v[i].fd);
	t->n = 0;
}
