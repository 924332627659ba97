#include "ignition/files/nodes.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/root.h"
#include "ignition/disks/device.h"
#include "ignition/files/journal.h"
#include "ignition/files/nodes_index.h"
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const kind_names[] = {
	[NODE_DIRECTORY] = "directory",
	[NODE_FILE] = "file",
	[NODE_SYMLINK] = "link",
	[NODE_HARD_LINK] = "link",
};

const char *node_kind_name(enum node_kind kind)
{
	return kind_names[kind];
}

struct check {
	const struct root *root;
	const struct nodes *nodes;
	const struct node_index *index;
	const struct journal *old;
	struct journal *notes;
	struct arena *arena;
};

int node_look(const struct root *root, const char *path, bool create, int *ret_dir, char *ret_leaf,
	      struct stat *ret_st, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1] = ".";
	struct stat st = { 0 };
	int r;

	if (!strcmp(path, "/")) {
		dir = openat(root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? err_errno(e, errno, "%s", root->path) : 0;
	} else {
		r = root_open_parent(root, path, create, &dir, leaf, NULL, e);
	}
	if (r < 0)
		return r;
	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_errno(e, errno, "%s", path);
		st = (struct stat){ 0 };
	}
	*ret_dir = take_fd(&dir);
	memcpy(ret_leaf, leaf, sizeof leaf);
	*ret_st = st;
	return 0;
}

/* What the entries above will have done to the path by the time it is its turn. */
static int look_above(const struct check *c, const struct node *n, bool *ret_removed, struct err *e)
{
	bool removed = false;

	for (const char *p = n->path; (p = strchr(p + 1, '/')) != NULL;) {
		const struct node *up = node_index_find(c->index, n->path, (size_t)(p - n->path));

		if (!up)
			continue;
		if (up->kind == NODE_FILE || up->kind == NODE_HARD_LINK)
			return err_text(e, ENOTDIR, "its parent %s is a %s of this config", up->path,
					up->kind == NODE_FILE ? "file" : "hard link");
		removed |= up->replace;
	}
	*ret_removed = removed;
	return 0;
}

static int state_of(const struct check *c, const struct node *n, bool removed, struct stat *ret_st,
		    char *ret_link, size_t link_size, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1];
	struct err why = { 0 };
	ssize_t k;
	int r;

	*ret_st = (struct stat){ 0 };
	*ret_link = '\0';
	if (removed)
		return 0;
	r = node_look(c->root, n->path, false, &dir, leaf, ret_st, &why);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		*e = why;
		return r;
	}
	if (S_ISLNK(ret_st->st_mode)) {
		k = readlinkat(dir, leaf, ret_link, link_size - 1);
		if (k < 0)
			return err_errno(e, errno, "%s", n->path);
		ret_link[k] = '\0';
	}
	return 0;
}

/* Go's path.Clean, as far as two targets that mean the same text are concerned. */
static void clean(const char *s, char ret[PATH_MAX])
{
	bool absolute = *s == '/';
	size_t n = 0, floor = 0;

	if (absolute)
		ret[n++] = '/';
	floor = n;
	while (*s) {
		size_t len = strcspn(s, "/");
		const char *part = s;

		s += len + strspn(s + len, "/");
		if (len == 0 || (len == 1 && *part == '.'))
			continue;
		if (len == 2 && part[0] == '.' && part[1] == '.') {
			if (n > floor) {
				while (n > floor && ret[n - 1] != '/')
					n--;
				if (n > floor)
					n--;
				continue;
			}
			if (absolute)
				continue;
		}
		if (n + len + 2 > PATH_MAX)
			break;
		if (n > 0 && ret[n - 1] != '/')
			ret[n++] = '/';
		memcpy(ret + n, part, len);
		n += len;
		if (len == 2 && part[0] == '.' && part[1] == '.')
			floor = n;
	}
	if (n == 0)
		ret[n++] = '.';
	ret[n] = '\0';
}

static bool same_target(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	clean(a, x);
	clean(b, y);
	return !strcmp(x, y);
}

static int check_file(const struct node *n, const struct stat *st, struct err *e)
{
	if (!st->st_mode)
		return 0;
	if (!S_ISREG(st->st_mode))
		return err_text(e, EEXIST, "A non regular file exists there already and overwrite is false");
	if (n->file->contents.source)
		return err_text(e, EEXIST, "A file exists there already and overwrite is false");
	return 0;
}

static int check_symlink(const struct node *n, const struct stat *st, const char *points_to, struct err *e)
{
	if (!st->st_mode)
		return 0;
	if (!S_ISLNK(st->st_mode))
		return err_text(e, EEXIST,
				"something that is no symlink exists there already and overwrite is false");
	if (!same_target(points_to, n->target))
		return err_text(
			e, EEXIST,
			"a symlink exists at that path but points to %s, not %s and overwrite is false",
			points_to, n->target);
	return 0;
}

/* Whether the path will lead to another inode once the entry at it is done. */
static bool will_be_new(const struct node *target)
{
	return target && (target->replace || (target->kind == NODE_FILE && target->file->contents.source));
}

static int check_hard_link(const struct check *c, const struct node *n, const struct stat *st, struct err *e)
{
	const struct node *entry = node_index_find(c->index, n->target, strlen(n->target));
	struct node probe = { .path = n->target };
	char link[PATH_MAX];
	struct stat to = { 0 };
	bool removed = false;
	int r;

	if (entry == n) /* a link to itself makes nothing */
		entry = NULL;
	r = look_above(c, &probe, &removed, e);
	if (r == 0)
		r = state_of(c, &probe, removed, &to, link, sizeof link, e);
	if (r < 0)
		return err_wrap(e, r, "hard link target %s", n->target);
	if (!to.st_mode && !entry)
		return err_text(e, ENOENT, "hard link target %s does not exist", n->target);
	if (entry ? entry->kind == NODE_DIRECTORY : S_ISDIR(to.st_mode))
		return err_text(e, EPERM, "hard link target %s is a directory", n->target);
	if (entry && entry->kind == NODE_HARD_LINK && entry->order > n->order)
		return err_text(e, ENOENT, "hard link target %s is a hard link that is made later",
				n->target);
	if (!st->st_mode || n->replace)
		return 0;
	if (will_be_new(entry) || st->st_ino != to.st_ino || st->st_dev != to.st_dev)
		return err_text(e, EEXIST,
				"what exists at that path is not the target and overwrite is false");
	return 0;
}

static int check_state(const struct check *c, const struct node *n, const struct stat *st,
		       const char *points_to, struct err *e)
{
	if (n->kind == NODE_HARD_LINK)
		return check_hard_link(c, n, st, e);
	if (n->replace)
		return 0;
	switch (n->kind) {
	case NODE_FILE:
		return check_file(n, st, e);
	case NODE_SYMLINK:
		return check_symlink(n, st, points_to, e);
	default:
		if (st->st_mode && !S_ISDIR(st->st_mode))
			return err_text(e, EEXIST, "A non-directory already exists and overwrite is false");
		return 0;
	}
}

static int sum_file(const struct root *root, const char *path, uint64_t *ret_size, uint64_t *ret_sum,
		    struct err *e)
{
	CLEANUP(closep) int fd = root_open_file(root, path, O_RDONLY | O_NONBLOCK, e);
	uint64_t sum = journal_sum(0, NULL, 0), size = 0;
	char chunk[65536];

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "reading %s", path);
		if (n == 0)
			break;
		sum = journal_sum(sum, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	*ret_size = size;
	*ret_sum = sum;
	return 0;
}

/* What a re-run must know about this entry. */
static int note(const struct check *c, const struct node *n, const struct stat *st, struct err *e)
{
	const struct journal_append *before;
	struct journal_append ap = { .path = n->path };
	int r;

	if (!st->st_mode || n->replace) {
		c->notes->made.v[c->notes->made.n++] = n->path;
		return 0;
	}
	if (n->kind != NODE_FILE || !n->file->append.n)
		return 0;
	before = journal_append(c->old, n->path);
	r = before ? (ap = *before, 0) : sum_file(c->root, n->path, &ap.size, &ap.sum, e);
	if (r == 0)
		c->notes->appends.v[c->notes->appends.n++] = ap;
	return r;
}

/* Never emptied because of an earlier run's notes: others may have put something there since. */
static bool is_kept(const struct node *n, const struct stat *st)
{
	if (n->kind == NODE_DIRECTORY)
		return S_ISDIR(st->st_mode);
	return n->kind == NODE_FILE && S_ISREG(st->st_mode) && !n->file->contents.source &&
	       !n->file->append.n;
}

/* Not known without /proc: then the removal itself stops at a mount point. */
static int check_nothing_mounted_below(const struct check *c, const char *path, struct err *e)
{
	const char *why = NULL, *dir;
	char proc[64], root[PATH_MAX];
	ssize_t k;
	int r;

	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", c->root->fd);
	k = readlink(proc, root, sizeof root - 1);
	if (k < 0)
		return 0;
	root[k] = '\0';
	dir = arena_printf(c->arena, "%s%s", strcmp(root, "/") ? root : "", path);
	r = dir ? blkdev_mounted_below(dir, c->arena, &why) : -ENOMEM;
	if (r < 0)
		return err_errno(e, -r, "looking for mount points below %s", path);
	return why ? err_text(e, EBUSY, "it cannot be replaced: something is %s", why) : 0;
}

/* To empty a directory and then fail on what is mounted there would be worse than to refuse. */
static int check_not_mounted(const struct check *c, const struct node *n, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1];
	struct statx sx;
	struct stat st = { 0 };
	int r = node_look(c->root, n->path, false, &dir, leaf, &st, e);

	if (r < 0)
		return r;
	if (statx(dir, leaf, AT_SYMLINK_NOFOLLOW, 0, &sx) == 0 && sx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return err_text(e, EBUSY, "it is a mount point, which cannot be replaced");
	return S_ISDIR(st.st_mode) ? check_nothing_mounted_below(c, n->path, e) : 0;
}

static int check_node(const struct check *c, struct node *n, struct err *e)
{
	char points_to[PATH_MAX];
	struct stat st = { 0 };
	bool removed = false;
	int r;

	r = look_above(c, n, &removed, e);
	if (r == 0)
		r = state_of(c, n, removed, &st, points_to, sizeof points_to, e);
	if (r == 0 && journal_made(c->old, n->path) && !is_kept(n, &st))
		n->replace = true;
	if (r == 0 && n->replace && !strcmp(n->path, "/"))
		return err_text(e, EBUSY, "the root directory cannot be overwritten");
	if (r == 0 && n->replace && st.st_mode)
		r = check_not_mounted(c, n, e);
	if (r == 0)
		r = check_state(c, n, &st, points_to, e);
	return r < 0 ? r : note(c, n, &st, e);
}

int nodes_check(const struct root *root, struct nodes *nodes, const struct journal *old, struct arena *a,
		struct journal *new_notes, struct err *e)
{
	CLEANUP(node_index_done) struct node_index index = node_index_make(nodes);
	struct check c = { root, nodes, &index, old, new_notes, a };
	size_t room = nodes->n + old->made.n;

	*new_notes = (struct journal){ .config = old->config,
				       .resumed = old->resumed,
				       .interrupted = old->interrupted };
	new_notes->made.v = arena_alloc(a, (room + 1) * sizeof *new_notes->made.v);
	new_notes->appends.v = arena_alloc(a, (nodes->n + old->appends.n + 1) * sizeof *new_notes->appends.v);
	if (!index.v || !new_notes->made.v || !new_notes->appends.v)
		return err_errno(e, ENOMEM, "planning files");
	for (size_t i = 0; i < nodes->n; i++) {
		struct node *n = &nodes->v[i];
		int r = check_node(&c, n, e);

		if (r < 0)
			return err_wrap(e, r, "%s \"%s\"", kind_names[n->kind], n->config_path);
	}
	/* By an earlier run of another, failed config: still ours, and a directory of ours too. */
	for (size_t i = 0; i < old->made.n; i++) {
		const struct node *n = node_index_find(&index, old->made.v[i], strlen(old->made.v[i]));

		if (!n || !n->replace)
			new_notes->made.v[new_notes->made.n++] = old->made.v[i];
	}
	for (size_t i = 0; i < old->appends.n; i++) {
		const struct journal_append *ap = &old->appends.v[i];
		const struct node *n = node_index_find(&index, ap->path, strlen(ap->path));

		if (!n || (!n->replace && !(n->file && n->file->append.n)))
			new_notes->appends.v[new_notes->appends.n++] = *ap;
	}
	return 0;
}
