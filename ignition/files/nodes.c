#include "ignition/files/nodes.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/root.h"
#include "ignition/files/account.h"
#include "ignition/files/journal.h"
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

enum { MAX_LINKS = 40 }; /* as the kernel */

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
	struct node **by_path;
	const struct journal *old;
	struct journal *notes;
	struct arena *arena;
};

static size_t path_depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int by_creation(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	bool xh = x->kind == NODE_HARD_LINK, yh = y->kind == NODE_HARD_LINK;
	size_t dx = xh ? 0 : path_depth(x->path), dy = yh ? 0 : path_depth(y->path);

	if (xh != yh)
		return xh - yh;
	if (dx != dy)
		return dx < dy ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int by_path(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	int c = strcmp(x->path, y->path);

	return c ? c : x->order < y->order ? -1 : x->order > y->order;
}

static struct node **sorted_by_path(const struct nodes *nodes)
{
	struct node **v = calloc(nodes->n + 1, sizeof(struct node *));

	for (size_t i = 0; v && i < nodes->n; i++)
		v[i] = &nodes->v[i];
	if (v)
		qsort(v, nodes->n, sizeof(struct node *), by_path);
	return v;
}

static const struct node *find(const struct check *c, const char *path, size_t len)
{
	size_t lo = 0, hi = c->nodes->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const char *p = c->by_path[mid]->path;
		int k = strncmp(p, path, len);

		if (k == 0 && p[len] == '\0')
			return c->by_path[mid];
		if (k < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static int resolve(const struct root *root, const char *path, struct arena *a, const char **ret,
		   struct err *e)
{
	char at[PATH_MAX];
	int r = root_resolve(root, path, at, e);

	if (r < 0)
		return r;
	*ret = arena_strdup(a, at);
	return *ret ? 0 : err_errno(e, ENOMEM, "%s", path);
}

static int resolve_node(const struct root *root, struct node *n, struct arena *a, struct err *e)
{
	int r = resolve(root, n->config_path, a, &n->path, e);

	return r < 0 ? err_wrap(e, r, "resolving %s \"%s\"", kind_names[n->kind], n->config_path) : 0;
}

/* The first directory of the path in whose place this config makes a symlink, and what follows it. */
static const struct node *link_above(const struct check *c, const char *path, const char **ret_rest)
{
	for (const char *p = path; (p = strchr(p + 1, '/')) != NULL;) {
		const struct node *n = find(c, path, (size_t)(p - path));

		if (n && n->kind == NODE_SYMLINK) {
			*ret_rest = p;
			return n;
		}
	}
	return NULL;
}

/* Hard links come last, so their targets also lead through the symlinks of this config. */
static int resolve_target(const struct check *c, struct node *n, struct err *e)
{
	const char *rest, *at = n->config_target;
	int r = 0;

	if (*at != '/')
		at = arena_printf(c->arena, "%s/%s", n->config_path, at);
	for (int follow = MAX_LINKS; r == 0 && at; follow--) {
		const struct node *up = link_above(c, at, &rest);

		if (!up) {
			r = resolve(c->root, at, c->arena, &at, e);
			up = r == 0 ? link_above(c, at, &rest) : NULL;
		}
		if (r == 0 && !up) {
			n->target = at;
			return 0;
		}
		if (r == 0 && !follow)
			r = err_errno(e, ELOOP, "%s", n->config_target);
		else if (r == 0 && *up->target == '/')
			at = arena_printf(c->arena, "%s%s", up->target, rest);
		else if (r == 0)
			at = arena_printf(c->arena, "%.*s/%s%s", (int)(strrchr(up->path, '/') - up->path),
					  up->path, up->target, rest);
	}
	if (r == 0)
		r = err_errno(e, ENOMEM, "%s", n->config_path);
	return err_wrap(e, r, "resolving the target of link \"%s\"", n->config_path);
}

static int check_same_place(const struct nodes *nodes, struct node **v, struct err *e)
{
	for (size_t i = 1; i < nodes->n; i++)
		if (!strcmp(v[i]->path, v[i - 1]->path))
			return err_text(e, EEXIST,
					"%s at %s resolved to %s after symlink chasing, but another entry "
					"with path %s also resolves there",
					kind_names[v[i]->kind], v[i]->config_path, v[i]->path,
					v[i - 1]->config_path);
	return 0;
}

int nodes_resolve(const struct root *root, const struct ign_storage *s, struct arena *a, struct nodes *ret,
		  struct err *e)
{
	struct nodes nodes = { .n = s->directories.n + s->files.n + s->links.n };
	CLEANUP(freep) struct node **sorted = NULL;
	struct node *n;
	int r;

	nodes.v = n = arena_alloc(a, (nodes.n + 1) * sizeof *n);
	if (!n)
		return err_errno(e, ENOMEM, "planning files");
	for (size_t i = 0; i < s->directories.n; i++) {
		const struct ign_directory *d = &s->directories.v[i];

		*n++ = (struct node){ NODE_DIRECTORY,     .config_path = d->path, .user = &d->user,
				      .group = &d->group, .mode = d->mode,        .replace = d->overwrite.v };
	}
	for (size_t i = 0; i < s->files.n; i++) {
		const struct ign_file *f = &s->files.v[i];

		*n++ = (struct node){ NODE_FILE,          .config_path = f->path, .user = &f->user,
				      .group = &f->group, .mode = f->mode,        .replace = f->overwrite.v,
				      .file = f };
	}
	for (size_t i = 0; i < s->links.n; i++) {
		const struct ign_link *l = &s->links.v[i];

		*n++ = (struct node){ l->hard.v ? NODE_HARD_LINK : NODE_SYMLINK,
				      .config_path = l->path,
				      .config_target = l->target ? l->target : "",
				      .target = l->target ? l->target : "",
				      .user = &l->user,
				      .group = &l->group,
				      .replace = l->overwrite.v };
	}
	for (size_t i = 0; i < nodes.n; i++) {
		nodes.v[i].order = i;
		r = resolve_node(root, &nodes.v[i], a, e);
		if (r < 0)
			return r;
	}
	if (nodes.n)
		qsort(nodes.v, nodes.n, sizeof *nodes.v, by_creation);
	sorted = sorted_by_path(&nodes);
	if (!sorted)
		return err_errno(e, ENOMEM, "planning files");
	r = check_same_place(&nodes, sorted, e);
	for (size_t i = 0; r == 0 && i < nodes.n; i++)
		if (nodes.v[i].kind == NODE_HARD_LINK)
			r = resolve_target(&(struct check){ root, &nodes, sorted, .arena = a }, &nodes.v[i],
					   e);
	if (r < 0)
		return r;
	*ret = nodes;
	return 0;
}

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
		const struct node *up = find(c, n->path, (size_t)(p - n->path));

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
	const struct node *entry = find(c, n->target, strlen(n->target));
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

/* To empty a directory and then fail on what is mounted there would be worse than to refuse. */
static int check_not_mounted(const struct check *c, const struct node *n, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	char leaf[NAME_MAX + 1];
	struct statx sx;
	struct stat st;
	int r = node_look(c->root, n->path, false, &dir, leaf, &st, e);

	if (r < 0)
		return r;
	if (statx(dir, leaf, AT_SYMLINK_NOFOLLOW, 0, &sx) == 0 && sx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return err_text(e, EBUSY, "it is a mount point, which cannot be replaced");
	return 0;
}

static int check_node(const struct check *c, struct node *n, struct err *e)
{
	char points_to[PATH_MAX];
	struct stat st;
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
	CLEANUP(freep) struct node **sorted = sorted_by_path(nodes);
	struct check c = { root, nodes, sorted, old, new_notes, a };
	size_t room = nodes->n + old->made.n;

	*new_notes = (struct journal){ .config = old->config,
				       .resumed = old->resumed,
				       .interrupted = old->interrupted };
	new_notes->made.v = arena_alloc(a, (room + 1) * sizeof *new_notes->made.v);
	new_notes->appends.v = arena_alloc(a, (nodes->n + 1) * sizeof *new_notes->appends.v);
	if (!sorted || !new_notes->made.v || !new_notes->appends.v)
		return err_errno(e, ENOMEM, "planning files");
	for (size_t i = 0; i < nodes->n; i++) {
		struct node *n = &nodes->v[i];
		int r = check_node(&c, n, e);

		if (r < 0)
			return err_wrap(e, r, "%s \"%s\"", kind_names[n->kind], n->config_path);
	}
	/* Made by an earlier run of another, failed config: still ours, and a directory of ours too. */
	for (size_t i = 0; i < old->made.n; i++) {
		const struct node *n = find(&c, old->made.v[i], strlen(old->made.v[i]));

		if (!n || !n->replace)
			new_notes->made.v[new_notes->made.n++] = old->made.v[i];
	}
	return 0;
}
