#include "ignition/files/write.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/root.h"
#include "ignition/files/account.h"
#include "ignition/files/journal.h"
#include "ignition/files/nodes.h"
#include "ignition/files/staging.h"
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { NO_ID = -1 };

/* An open place: the directory, the name in it, and what is there now. */
struct place {
	int dir;
	char leaf[NAME_MAX + 1];
	struct stat st; /* st_mode 0: nothing */
};

static void place_close(struct place *p)
{
	closep(&p->dir);
}

struct owner {
	uid_t uid;
	gid_t gid;
};

/* (uid_t)-1 = as it is. Ids are in the kernel's range, see owners_check(). */
static int find_owner(const struct writer *w, const struct node *n, struct owner *ret, struct err *e)
{
	struct owner o = { (uid_t)NO_ID, (gid_t)NO_ID };

	if (n->user->id.set) {
		o.uid = (uid_t)n->user->id.v;
	} else if (n->user->name && *n->user->name) {
		const struct account_user *u = account_user(w->accounts, n->user->name);

		if (!u)
			return err_text(e, ENOENT, "no such user \"%s\"", n->user->name);
		o.uid = u->uid;
	}
	if (n->group->id.set) {
		o.gid = (gid_t)n->group->id.v;
	} else if (n->group->name && *n->group->name) {
		const struct account_group *g = account_group(w->accounts, n->group->name);

		if (!g)
			return err_text(e, ENOENT, "no such group \"%s\"", n->group->name);
		o.gid = g->gid;
	}
	*ret = o;
	return 0;
}

/* Owner first: changing it clears the special bits. keep is the mode to go on with when none is asked for. */
static int set_owner_and_mode(const struct writer *w, const struct node *n, int fd, mode_t keep,
			      bool set_keep, struct err *e)
{
	struct owner o = { (uid_t)NO_ID, (gid_t)NO_ID };
	bool own;
	int r = find_owner(w, n, &o, e);

	if (r < 0)
		return r;
	own = o.uid != (uid_t)NO_ID || o.gid != (gid_t)NO_ID;
	if (own && fchown(fd, o.uid, o.gid) < 0)
		return err_errno(e, errno, "changing the owner");
	if (n->mode.set)
		keep = (mode_t)n->mode.v & 07777;
	if ((n->mode.set || set_keep || (own && keep & 07000)) && fchmod(fd, keep) < 0)
		return err_errno(e, errno, "changing the mode");
	return 0;
}

/* Clears the way. A file is renamed over what is there unless that is a directory. */
static int clear_place(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	int r;

	if (!p->st.st_mode)
		return 0;
	r = root_remove_tree(w->root, n->path, e);
	if (r == 0)
		p->st.st_mode = 0;
	return r;
}

static int write_contents(const struct writer *w, const struct node *n, int fd, struct err *e)
{
	const struct ign_file *f = n->file;
	int r = staging_copy(w->fetcher, &f->contents, n->contents, fd, n->path, e);

	for (size_t i = 0; r == 0 && i < f->append.n; i++)
		r = staging_copy(w->fetcher, &f->append.v[i], &n->append[i], fd, n->path, e);
	return r;
}

/* Gives a nameless file a name; without the right to do it by descriptor, through /proc. */
static int link_fd(int fd, int dir, const char *name)
{
	char proc[64];

	if (linkat(fd, "", dir, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -errno;
	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/*
 * Opens the file under the name it is made with: its own where nothing is in the way, else a
 * temporary one. What was fetched just gets that name when nothing has to be added to it.
 */
static int open_new(const struct node *n, struct place *p, char name[NAME_MAX + 1], bool *ret_filled,
		    struct err *e)
{
	bool link = n->contents->fd >= 0 && n->contents->linkable && !n->file->append.n;
	int fd, r;

	*ret_filled = false;
	if (!link && !p->st.st_mode) {
		memcpy(name, p->leaf, strlen(p->leaf) + 1);
		fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		return fd < 0 ? err_errno(e, errno, "creating %s", n->path) : fd;
	}
	fd = root_temp_create(p->dir, p->leaf, name);
	if (fd < 0)
		return err_errno(e, -fd, "creating a temporary file for %s", n->path);
	if (!link)
		return fd;
	if (unlinkat(p->dir, name, 0) < 0) {
		close(fd);
		return err_errno(e, errno, "creating %s", n->path);
	}
	r = link_fd(n->contents->fd, p->dir, name);
	if (r == 0) {
		close(fd);
		fd = fcntl(n->contents->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0) {
			(void)unlinkat(p->dir, name, 0);
			return err_errno(e, errno, "creating %s", n->path);
		}
		*ret_filled = true;
		return fd;
	}
	/* Another file system or subvolume after all: copied. */
	close(fd);
	fd = root_temp_create(p->dir, p->leaf, name);
	return fd < 0 ? err_errno(e, -fd, "creating a temporary file for %s", n->path) : fd;
}

static int make_file(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char name[NAME_MAX + 1];
	bool filled;
	int r;

	if (S_ISDIR(p->st.st_mode)) {
		r = clear_place(w, n, p, e);
		if (r < 0)
			return r;
	}
	fd = open_new(n, p, name, &filled, e);
	if (fd < 0)
		return fd;
	r = filled ? 0 : write_contents(w, n, fd, e);
	if (r == 0)
		r = set_owner_and_mode(w, n, fd, 0644, true, e);
	if (r == 0 && strcmp(name, p->leaf) && renameat(p->dir, name, p->dir, p->leaf) < 0)
		r = err_errno(e, errno, "renaming");
	if (r < 0)
		(void)unlinkat(p->dir, name, 0);
	return r;
}

/* Whether the first noted bytes are still what they were: then everything behind them is ours. */
static int find_base(const struct journal_append *before, int fd, uint64_t size, bool *ret_intact,
		     struct err *e)
{
	uint64_t sum = journal_sum(0, NULL, 0), at = 0;
	char chunk[65536];

	*ret_intact = false;
	if (size < before->size)
		return 0;
	while (at < before->size) {
		size_t want = before->size - at < sizeof chunk ? (size_t)(before->size - at) : sizeof chunk;
		ssize_t n = pread(fd, chunk, want, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "reading");
		if (n == 0)
			return 0;
		sum = journal_sum(sum, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	*ret_intact = sum == before->sum;
	return 0;
}

/* Compares the two halves of the last 2 * len bytes. */
static int is_repeated(int fd, off_t base, off_t len, bool *ret, struct err *e)
{
	char a[4096], b[4096];

	*ret = len > 0 && base >= len;
	for (off_t at = 0; *ret && at < len;) {
		size_t want = len - at < (off_t)sizeof a ? (size_t)(len - at) : sizeof a;
		ssize_t x = pread(fd, a, want, base - len + at), y = pread(fd, b, want, base + at);

		if (x < 0 || y < 0)
			return err_errno(e, errno, "reading");
		if (x != y || x == 0 || memcmp(a, b, (size_t)x))
			*ret = false;
		at += x;
	}
	return 0;
}

/*
 * Appends in place, so that owner, mode, attributes and other names of the file stay. An earlier run
 * may have been here: its part is cut off first. When someone else rewrote the file since (useradd
 * does), the text counts as appended if it already stands at the end.
 */
static int append_all(const struct writer *w, const struct node *n, int fd, off_t size, struct err *e)
{
	const struct journal_append *before = journal_append(w->notes, n->path);
	bool intact = false, repeated = false;
	off_t base = size, end;
	int r = before ? find_base(before, fd, (uint64_t)size, &intact, e) : 0;

	if (r < 0)
		return r;
	if (intact)
		base = (off_t)before->size;
	if (ftruncate(fd, base) < 0 || lseek(fd, base, SEEK_SET) < 0)
		return err_errno(e, errno, "appending");
	for (size_t i = 0; r == 0 && i < n->file->append.n; i++)
		r = staging_copy(w->fetcher, &n->file->append.v[i], &n->append[i], fd, n->path, e);
	end = lseek(fd, 0, SEEK_CUR);
	if (r == 0 && !intact && w->notes->resumed)
		r = is_repeated(fd, base, end - base, &repeated, e);
	if ((r < 0 || repeated) && ftruncate(fd, base) < 0 && r == 0)
		r = err_errno(e, errno, "appending");
	return r;
}

static int update_file(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	bool append = n->file->append.n > 0;
	struct stat st;
	int r = 0;

	fd = openat(p->dir, p->leaf, (append ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "opening");
	if (!S_ISREG(st.st_mode))
		return err_text(e, EEXIST, "A non regular file exists there already and overwrite is false");
	if (append)
		r = append_all(w, n, fd, st.st_size, e);
	return r < 0 ? r : set_owner_and_mode(w, n, fd, st.st_mode & 07777, append && st.st_mode & 07000, e);
}

static int write_file(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	/* The plan has refused what must not be replaced; what useradd brought from skel meanwhile may be. */
	if (!p->st.st_mode || n->replace || n->file->contents.source || !S_ISREG(p->st.st_mode))
		return make_file(w, n, p, e);
	return update_file(w, n, p, e);
}

static int write_directory(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	bool fresh;
	struct stat st;
	int r;

	if (n->replace || (p->st.st_mode && !S_ISDIR(p->st.st_mode))) {
		r = clear_place(w, n, p, e);
		if (r < 0)
			return r;
	}
	fresh = !p->st.st_mode;
	if (fresh) {
		mode_t old = umask(
			0); /* the right mode from the start: a re-run leaves that of an existing one alone */

		r = mkdirat(p->dir, p->leaf, 0755) < 0 && errno != EEXIST ? -errno : 0;
		umask(old);
		if (r < 0)
			return err_errno(e, -r, "making the directory");
	}
	fd = openat(p->dir, p->leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "opening the directory");
	return set_owner_and_mode(w, n, fd, fresh ? (st.st_mode & 07000) | 0755 : st.st_mode & 07777, fresh,
				  e);
}

static int write_symlink(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	struct owner o = { (uid_t)NO_ID, (gid_t)NO_ID };
	int r = find_owner(w, n, &o, e);

	if (r == 0 && (n->replace || !S_ISLNK(p->st.st_mode)))
		r = clear_place(w, n, p, e);
	if (r < 0)
		return r;
	if (!p->st.st_mode && symlinkat(n->target, p->dir, p->leaf) < 0)
		return err_errno(e, errno, "making the symlink");
	if ((o.uid != (uid_t)NO_ID || o.gid != (gid_t)NO_ID) &&
	    fchownat(p->dir, p->leaf, o.uid, o.gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, errno, "changing the owner");
	return 0;
}

static int write_hard_link(const struct writer *w, const struct node *n, struct place *p, struct err *e)
{
	CLEANUP(place_close) struct place to = { .dir = -1 };
	int r = node_look(w->root, n->target, false, &to.dir, to.leaf, &to.st, e);

	if (r == 0 && !to.st.st_mode)
		r = err_text(e, ENOENT, "hard link target %s does not exist", n->target);
	if (r < 0)
		return r;
	if (p->st.st_mode && p->st.st_ino == to.st.st_ino && p->st.st_dev == to.st.st_dev)
		return 0;
	r = clear_place(w, n, p, e);
	if (r == 0 && linkat(to.dir, to.leaf, p->dir, p->leaf, 0) < 0)
		r = err_errno(e, errno, "linking to %s", n->target);
	return r;
}

static const struct {
	int (*write)(const struct writer *w, const struct node *n, struct place *p, struct err *e);
	const char *op; /* as upstream logs it */
} kinds[] = {
	[NODE_DIRECTORY] = { write_directory, "creating directory" },
	[NODE_FILE] = { write_file, "writing file" },
	[NODE_SYMLINK] = { write_symlink, "writing link" },
	[NODE_HARD_LINK] = { write_hard_link, "writing link" },
};

int write_node(const struct writer *w, const struct node *n, struct err *e)
{
	CLEANUP(place_close) struct place p = { .dir = -1 };
	const char *base = strcmp(w->root->path, "/") ? w->root->path : "";
	struct log_op op;
	int r;

	if (n->target)
		log_op_begin(&op, "%s \"%s%s\" -> \"%s\"", kinds[n->kind].op, base, n->path,
			     n->config_target);
	else
		log_op_begin(&op, "%s \"%s%s\"", kinds[n->kind].op, base, n->path);
	r = node_look(w->root, n->path, true, &p.dir, p.leaf, &p.st, e);
	if (r == 0)
		r = touched_add(w->touched, p.dir, e);
	if (r == 0)
		r = kinds[n->kind].write(w, n, &p, e);
	if (r < 0)
		r = err_wrap(e, r, "error creating %s%s", base, n->path);
	return log_op_end(&op, r, e);
}
