#include "ignition/disks/device.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"

#define SYS_BLOCK "/sys/class/block"

enum { BUSY_TRIES = 20, BUSY_PAUSE_MS = 100, MAX_PARTS = 1024 };

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* The last component of what a link points to. */
static int link_leaf(const char *path, char ret[NAME_MAX + 1])
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *leaf;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	leaf = strrchr(target, '/');
	leaf = leaf ? leaf + 1 : target;
	if (!*leaf || strlen(leaf) > NAME_MAX)
		return -EINVAL;
	snprintf(ret, NAME_MAX + 1, "%s", leaf);
	return 0;
}

int blkdev_attr(const char *name, const char *attribute, uint64_t *ret)
{
	char path[PATH_MAX], text[64];
	char *end;
	ssize_t n;

	if (snprintf(path, sizeof(path), SYS_BLOCK "/%s/%s", name, attribute) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENODEV || errno == ENXIO ? -ENOENT : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return errno == ENODEV || errno == ENXIO ? -ENOENT : -errno;
	text[n] = '\0';
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || end == text ? -EINVAL : 0;
}

int blkdev_find(const char *path, struct blkdev *ret, struct err *e)
{
	char link[PATH_MAX], real[PATH_MAX];
	struct blkdev d = { 0 };
	struct stat st;
	uint64_t no;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISBLK(st.st_mode))
		return err_text(e, ENOTBLK, "%s is not a block device", path);
	d.dev = st.st_rdev;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(d.dev), minor(d.dev));
	r = link_leaf(link, d.name);
	if (r < 0)
		return err_errno(e, -r, "%s: reading %s", path, link);
	snprintf(d.disk, sizeof(d.disk), "%s", d.name);
	if (blkdev_attr(d.name, "partition", &no) == 0) {
		char *slash;

		d.part_no = no;
		if (!realpath(link, real))
			return err_errno(e, errno, "%s: resolving %s", path, link);
		slash = strrchr(real, '/');
		*slash = '\0';
		slash = strrchr(real, '/');
		if (!slash || strlen(slash + 1) > NAME_MAX)
			return err_text(e, EINVAL, "%s: cannot tell its disk", path);
		snprintf(d.disk, sizeof(d.disk), "%s", slash + 1);
	}
	d.is_dm = strncmp(d.name, "dm-", 3) == 0;
	*ret = d;
	return 0;
}

int blkdev_node(const char *name, char ret[PATH_MAX])
{
	if (snprintf(ret, PATH_MAX, "/dev/%s", name) >= PATH_MAX)
		return -ENAMETOOLONG;
	for (char *c = ret; *c; c++)
		if (*c == '!')
			*c = '/';
	return 0;
}

int blkdev_part_name(const char *disk, unsigned no, char ret[NAME_MAX + 1])
{
	size_t n = strlen(disk);
	const char *sep = n && isdigit((unsigned char)disk[n - 1]) ? "p" : "";

	if (snprintf(ret, NAME_MAX + 1, "%s%s%u", disk, sep, no) > NAME_MAX)
		return -ENAMETOOLONG;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

int blkdev_parts(const char *disk, struct arena *a, unsigned **ret_nos, size_t *ret_n)
{
	char path[PATH_MAX];
	unsigned *nos = arena_alloc(a, MAX_PARTS * sizeof(*nos));
	struct dirent *de;
	size_t n = 0;

	if (!nos)
		return -ENOMEM;
	snprintf(path, sizeof(path), SYS_BLOCK "/%s", disk);
	CLEANUP(closedirp) DIR *d = opendir(path);
	if (!d)
		return -errno;
	while ((de = readdir(d)) && n < MAX_PARTS) {
		uint64_t no = 0;

		if (strncmp(de->d_name, disk, strlen(disk)) != 0)
			continue;
		if (blkdev_attr(de->d_name, "partition", &no) == 0 && no > 0 && no <= UINT_MAX)
			nos[n++] = no;
	}
	qsort(nos, n, sizeof(*nos), compare_numbers);
	*ret_nos = nos;
	*ret_n = n;
	return 0;
}

/* Undo the \ooo of /proc/self/mountinfo and /proc/swaps in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static bool names_device(const char *path, dev_t dev)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

struct mount_line {
	char *target, *source;
	unsigned maj, min;
};

/* One line of mountinfo: "36 35 98:0 /root /mount/point opts [tags] - type source superopts". */
static bool mount_parse(char *line, struct mount_line *ret)
{
	char *field[5], *tail = strstr(line, " - ");

	if (!tail)
		return false;
	*tail = '\0';
	tail += 3;
	for (int i = 0; i < 5; i++) {
		field[i] = strsep(&line, " ");
		if (!field[i])
			return false;
	}
	strsep(&tail, " ");
	ret->target = field[4];
	ret->source = strsep(&tail, " \n");
	if (!ret->source || sscanf(field[2], "%u:%u", &ret->maj, &ret->min) != 2)
		return false;
	unescape(ret->target);
	unescape(ret->source);
	return true;
}

/* Btrfs shows an anonymous device number, and its block device only as the source. */
static bool mount_is_of(const struct mount_line *m, dev_t dev)
{
	return makedev(m->maj, m->min) == dev || names_device(m->source, dev);
}

struct search {
	dev_t dev;
	const char *target;            /* NULL: anywhere */
	bool any_device, below, found; /* below: the target itself does not count */
	struct arena *arena;
	const char *why;
};

static bool is_at(const struct search *s, const char *target)
{
	size_t n = strlen(s->target);

	return s->below ? !strncmp(target, s->target, n) && target[n] == '/' : !strcmp(target, s->target);
}

static void match_mount(struct search *s, char *line)
{
	struct mount_line m;

	if (!mount_parse(line, &m) || (!s->any_device && !mount_is_of(&m, s->dev)) ||
	    (s->target && !is_at(s, m.target)))
		return;
	s->found = true;
	if (!s->arena)
		return;
	s->why = arena_printf(s->arena, "mounted on %s", m.target);
	if (!s->why)
		s->why = "mounted";
}

static void match_swap(struct search *s, char *line)
{
	char *path = strsep(&line, " \t\n");

	unescape(path);
	s->found = names_device(path, s->dev);
	s->why = "active swap space";
}

static int search_file(const char *file, void (*match)(struct search *, char *), struct search *s)
{
	CLEANUP(fclosep) FILE *f = fopen(file, "re");
	CLEANUP(freep) char *line = NULL;
	size_t cap = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (!s->found && getline(&line, &cap, f) > 0)
		match(s, line);
	return 0;
}

int blkdev_mounted_at(dev_t dev, const char *target, bool *ret)
{
	struct search s = { .dev = dev, .target = target };
	int r = search_file("/proc/self/mountinfo", match_mount, &s);

	if (r == 0)
		*ret = s.found;
	return r;
}

int blkdev_is_mountpoint(const char *target, bool *ret)
{
	struct search s = { .any_device = true, .target = target };
	int r = search_file("/proc/self/mountinfo", match_mount, &s);

	if (r == 0)
		*ret = s.found;
	return r;
}

int blkdev_mounted_below(const char *dir, struct arena *a, const char **ret_why)
{
	struct search s = { .any_device = true, .target = dir, .below = true, .arena = a };
	int r = search_file("/proc/self/mountinfo", match_mount, &s);

	if (r == 0)
		*ret_why = s.why;
	return r;
}

static const char *holder_of(const char *name, struct arena *a)
{
	char path[PATH_MAX];
	struct dirent *de;
	const char *why = NULL;

	snprintf(path, sizeof(path), SYS_BLOCK "/%s/holders", name);
	CLEANUP(closedirp) DIR *d = opendir(path);
	while (d && !why && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		why = arena_printf(a, "held by %s", de->d_name);
		if (!why)
			why = "held by another device";
	}
	return why;
}

/*
 * What the lists do not show (another mount namespace, a user-space file system) still claims the
 * device. Scanners claim it for moments, so a claim counts only if it stays. A whole disk also
 * refuses while one of its partitions is claimed: then this says nothing about the disk itself.
 */
static bool stays_claimed(const char *name, struct arena *a)
{
	char node[PATH_MAX];
	unsigned *nos;
	size_t n = 0;

	if (blkdev_node(name, node) < 0 || blkdev_parts(name, a, &nos, &n) < 0 || n > 0)
		return false;
	for (int i = 0; i < BUSY_TRIES; i++) {
		CLEANUP(closep) int fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0 || errno != EBUSY)
			return false;
		pause_ms(BUSY_PAUSE_MS);
	}
	return true;
}

int blkdev_use(const char *name, struct arena *a, const char **ret_why, struct err *e)
{
	char link[PATH_MAX], devno[64];
	const char *why = NULL;
	unsigned maj, min;
	ssize_t n;
	int r;

	snprintf(link, sizeof(link), SYS_BLOCK "/%s/dev", name);
	CLEANUP(closep) int fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "reading %s", link);
	n = read(fd, devno, sizeof(devno) - 1);
	devno[n > 0 ? n : 0] = '\0';
	if (sscanf(devno, "%u:%u", &maj, &min) != 2)
		return err_text(e, EINVAL, "reading %s: unexpected content", link);
	struct search s = { .dev = makedev(maj, min), .arena = a };
	r = search_file("/proc/self/mountinfo", match_mount, &s);
	if (r == 0 && !s.found)
		r = search_file("/proc/swaps", match_swap, &s);
	if (r < 0)
		return err_errno(e, -r, "reading the lists of mounts and swap spaces");
	why = s.found ? s.why : holder_of(name, a);
	if (!why && stays_claimed(name, a))
		why = "opened exclusively by something";
	*ret_why = why;
	return 0;
}

static int blkpg(int fd, int op, unsigned no, uint64_t start_512, uint64_t size_512)
{
	struct blkpg_partition part = { .start = start_512 * 512, .length = size_512 * 512, .pno = no };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(part), .data = &part };

	for (int i = 0;; i++) {
		if (ioctl(fd, BLKPG, &arg) == 0)
			return 0;
		/* A scanner that has the node open is gone in a moment; a mount is not. */
		if (errno != EBUSY || op == BLKPG_ADD_PARTITION || i == BUSY_TRIES)
			return -errno;
		pause_ms(BUSY_PAUSE_MS);
	}
}

int blkdev_set_part(int disk_fd, const char *disk, unsigned no, uint64_t start_512, uint64_t size_512,
		    struct err *e)
{
	char name[NAME_MAX + 1];
	uint64_t start = 0, size = 0;
	int r = blkdev_part_name(disk, no, name);

	if (r < 0)
		return r;
	if (blkdev_attr(name, "start", &start) == 0 && blkdev_attr(name, "size", &size) == 0 && size) {
		if (size_512 && start == start_512 && size == size_512)
			return 0;
		if (size_512 && start == start_512) {
			r = blkpg(disk_fd, BLKPG_RESIZE_PARTITION, no, start_512, size_512);
			return r < 0 ? err_errno(e, -r, "telling the kernel the new size of %s", name) : 0;
		}
		r = blkpg(disk_fd, BLKPG_DEL_PARTITION, no, 0, 0);
		if (r < 0 && r != -ENXIO)
			return err_errno(e, -r, "telling the kernel that %s is gone", name);
	}
	if (!size_512)
		return 0;
	r = blkpg(disk_fd, BLKPG_ADD_PARTITION, no, start_512, size_512);
	return r < 0 ? err_errno(e, -r, "telling the kernel about %s", name) : 0;
}
