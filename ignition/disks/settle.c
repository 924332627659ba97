#include "ignition/disks/settle.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "ignition/disks/device.h"

#define DEV_ALIASES_DIR "/run/ignition/dev_aliases"

enum { TIMEOUT_MS = 90000, TIMEOUT_MAX_S = 86400, NOTICE_MS = 10000, RECHECK_MS = 500, LOCK_RECHECK_MS = 50 };
enum { UEVENTS_OF_KERNEL = 1, UEVENTS_OF_UDEV = 2 };

/* One wait: events say when to look again, a slow tick covers those that were missed. */
struct waiter {
	int uevents; /* -1: only the tick */
	int tick_ms;
	int64_t begin_ms, end_ms, notice_ms;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t timeout_ms(void)
{
	const char *s = getenv("IGNITION_DEVICE_TIMEOUT");
	char *end;
	long v;

	if (!s || !*s)
		return TIMEOUT_MS;
	errno = 0;
	v = strtol(s, &end, 10);
	return errno || *end || v < 0 || v > TIMEOUT_MAX_S ? TIMEOUT_MS : v * 1000;
}

static struct waiter waiter_new(bool events, int tick_ms)
{
	struct waiter w = { .uevents = -1, .tick_ms = tick_ms, .begin_ms = now_ms() };

	w.end_ms = w.begin_ms + timeout_ms();
	w.notice_ms = w.begin_ms + NOTICE_MS;
	if (events) {
		struct sockaddr_nl nl = { .nl_family = AF_NETLINK,
					  .nl_groups = UEVENTS_OF_KERNEL | UEVENTS_OF_UDEV };
		int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				NETLINK_KOBJECT_UEVENT);

		if (fd >= 0 && bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
			closep(&fd);
		w.uevents = fd;
	}
	return w;
}

static void waiter_done(struct waiter *w)
{
	closep(&w->uevents);
}

/* False when the time is over. Says what is waited for when it takes long. */
static bool waiter_turn(struct waiter *w, const char *what)
{
	struct pollfd pfd = { .fd = w->uevents, .events = POLLIN };
	int64_t now = now_ms();
	int64_t left = w->end_ms - now;
	char junk[256];

	if (left <= 0)
		return false;
	if (now >= w->notice_ms) {
		log_notice("still waiting for %s (%" PRId64 " s of %" PRId64 " s)", what,
			   (now - w->begin_ms) / 1000, (w->end_ms - w->begin_ms) / 1000);
		w->notice_ms += NOTICE_MS;
	}
	poll(&pfd, 1, left < w->tick_ms ? (int)left : w->tick_ms);
	/* Only that something happened matters; what is true is read from /dev and /sys. */
	while (w->uevents >= 0 && recv(w->uevents, junk, sizeof(junk), MSG_TRUNC) > 0)
		;
	return true;
}

static bool udev_runs(void)
{
	return access("/run/udev/control", F_OK) == 0;
}

/* udevadm waits until udevd's queue is empty, or (found not NULL) until that file is there. */
static int udev_settle(const char *found, struct err *e)
{
	char limit[48], exit_if[PATH_MAX];
	const char *argv[] = { "udevadm", "settle", limit, found ? exit_if : NULL, NULL };
	struct err why = { 0 };
	int r;

	snprintf(limit, sizeof(limit), "--timeout=%" PRId64, timeout_ms() / 1000);
	snprintf(exit_if, sizeof(exit_if), "--exit-if-exists=%s", found ? found : "");
	r = proc_run(&(struct proc){ .argv = argv, .timeout_ms = (int)timeout_ms() + NOTICE_MS }, NULL, &why);
	if (r == -ENOENT) {
		log_debug("udevd runs, but there is no udevadm to wait for it");
		return 0;
	}
	return r < 0 ? err_text(e, -r, "waiting for udev: %s", why.text) : 0;
}

int settle_device(const char *path, const char *where, struct blkdev *ret, struct err *e)
{
	CLEANUP(waiter_done) struct waiter w = waiter_new(true, RECHECK_MS);
	char what[PATH_MAX + 160], db[64];
	struct err why = { 0 };
	struct blkdev d;
	int r;

	snprintf(what, sizeof(what), "device %s (%s)", path, where);
	while ((r = blkdev_find(path, &d, &why)) < 0) {
		if (r == -ENOTBLK) /* waiting does not help */
			return err_text(e, ENOTBLK, "%s: %s", where, why.text);
		if (!waiter_turn(&w, what))
			return err_text(e, ETIMEDOUT, "%s: device %s did not appear within %" PRId64 " s: %s",
					where, path, (w.end_ms - w.begin_ms) / 1000, why.text);
	}
	if (udev_runs()) {
		snprintf(db, sizeof(db), "/run/udev/data/b%u:%u", major(d.dev), minor(d.dev));
		if (access(db, F_OK) < 0) {
			r = udev_settle(db, e);
			if (r < 0)
				return r;
		}
	}
	*ret = d;
	return 0;
}

int settle_lock(int fd, const char *node, struct err *e)
{
	CLEANUP(waiter_done) struct waiter w = waiter_new(false, LOCK_RECHECK_MS);
	char what[PATH_MAX + 32];

	snprintf(what, sizeof(what), "the lock of %s", node);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(e, errno, "locking %s", node);
		if (!waiter_turn(&w, what))
			return err_text(e, ETIMEDOUT, "another program kept %s locked for %" PRId64 " s",
					node, (w.end_ms - w.begin_ms) / 1000);
	}
	return 0;
}

int settle_reread(const char *name, struct err *e)
{
	char path[PATH_MAX];

	if (!udev_runs())
		return 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", name);
	CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "change", 6) < 0)
		return err_errno(e, errno, "asking udev to look at %s again", name);
	return udev_settle(NULL, e);
}

static bool partition_is(const char *name, const char *node, uint64_t start_512, uint64_t size_512,
			 uint64_t *ret_start, uint64_t *ret_size)
{
	struct stat st;
	bool is = blkdev_attr(name, "start", ret_start) == 0 && blkdev_attr(name, "size", ret_size) == 0;

	if (!size_512)
		return !is || *ret_size == 0;
	return is && *ret_start == start_512 && *ret_size == size_512 && stat(node, &st) == 0 &&
	       S_ISBLK(st.st_mode);
}

int settle_partition(const char *disk, unsigned no, uint64_t start_512, uint64_t size_512, struct err *e)
{
	char name[NAME_MAX + 1], node[PATH_MAX], what[PATH_MAX + 32];
	uint64_t start = 0, size = 0;
	int r = blkdev_part_name(disk, no, name);

	if (r == 0)
		r = blkdev_node(name, node);
	if (r < 0)
		return err_errno(e, -r, "naming partition %u of %s", no, disk);
	if (partition_is(name, node, start_512, size_512, &start, &size))
		return 0;
	CLEANUP(waiter_done) struct waiter w = waiter_new(true, RECHECK_MS);
	snprintf(what, sizeof(what), "the kernel's view of %s", node);
	while (!partition_is(name, node, start_512, size_512, &start, &size)) {
		if (waiter_turn(&w, what))
			continue;
		if (!size_512)
			return err_text(e, EIO, "\"%s\" unexpectedly exists after partitioning", node);
		if (start != start_512)
			return err_text(e, EIO,
					"kernel partition start for \"%s\" does not match expected (%" PRIu64
					" != %" PRIu64 " 512-byte sectors)",
					node, start, start_512);
		if (size != size_512)
			return err_text(e, EIO,
					"kernel partition size for \"%s\" does not match expected (%" PRIu64
					" != %" PRIu64 " 512-byte sectors)",
					node, size, size_512);
		return err_text(e, EIO, "the kernel has partition %s, but the device node %s did not appear",
				name, node);
	}
	return 0;
}

/* mkdir -p for the directories that lead to path. */
static int make_parents(char *path, size_t from)
{
	for (char *c = path + from; (c = strchr(c, '/')); c++) {
		*c = '\0';
		if (*path && mkdir(path, 0750) < 0 && errno != EEXIST) {
			int saved = errno;

			*c = '/';
			return -saved;
		}
		*c = '/';
	}
	return 0;
}

int settle_alias(const char *path, const struct blkdev *d, char ret[PATH_MAX], struct err *e)
{
	const char *dir = getenv("IGNITION_DEV_ALIASES_DIR");
	char real[PATH_MAX], temp[PATH_MAX];
	struct blkdev again;
	int r;

	if (!dir || !*dir)
		dir = DEV_ALIASES_DIR;
	if (!realpath(path, real))
		return err_errno(e, errno, "resolving %s", path);
	r = blkdev_find(real, &again, e);
	if (r < 0)
		return r;
	if (again.dev != d->dev)
		return err_text(e, EAGAIN, "%s now names another device than a moment ago", path);
	if (strstr(path, "/../")) {
		/* No name below the directory can be made from it; the node serves as well. */
		snprintf(ret, PATH_MAX, "%s", real);
		return 0;
	}
	if (snprintf(ret, PATH_MAX, "%s%s", dir, path) >= PATH_MAX ||
	    snprintf(temp, sizeof(temp), "%s%s.new", dir, path) >= (int)sizeof(temp))
		return err_text(e, ENAMETOOLONG, "the alias for %s is too long", path);
	r = make_parents(ret, 1);
	if (r < 0)
		return err_errno(e, -r, "making the directories of %s", ret);
	if ((unlink(temp) < 0 && errno != ENOENT) || symlink(real, temp) < 0 || rename(temp, ret) < 0)
		return err_errno(e, errno, "making the alias %s", ret);
	return 0;
}
