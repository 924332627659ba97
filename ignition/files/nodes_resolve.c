#include "ignition/files/nodes.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/root.h"
#include "ignition/files/nodes_index.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINKS = 40 }; /* as the kernel */

struct resolver {
	const struct root *root;
	struct nodes *nodes;
	struct node_index index; /* follows the nodes' paths as they change */
	struct arena *arena;
	bool any_symlink;
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

struct node_index node_index_make(const struct nodes *nodes)
{
	struct node_index x = { calloc(nodes->n + 1, sizeof(struct node *)), nodes->n };

	for (size_t i = 0; x.v && i < x.n; i++)
		x.v[i] = &nodes->v[i];
	if (x.v)
		qsort(x.v, x.n, sizeof(struct node *), by_path);
	return x;
}

void node_index_done(struct node_index *x)
{
	free(x->v);
	x->v = NULL;
}

const struct node *node_index_find(const struct node_index *x, const char *path, size_t len)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const char *p = x->v[mid]->path;
		int k = strncmp(p, path, len);

		if (k == 0 && p[len] == '\0')
			return x->v[mid];
		if (k < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void resolver_done(struct resolver *c)
{
	node_index_done(&c->index);
}

static int resolve(const struct resolver *c, const char *path, const char **ret, struct err *e)
{
	char at[PATH_MAX];
	int r = root_resolve(c->root, path, at, e);

	if (r < 0)
		return r;
	*ret = arena_strdup(c->arena, at);
	return *ret ? 0 : err_errno(e, ENOMEM, "%s", path);
}

/* The first directory of the path in whose place this config makes a symlink, and what follows it. */
static const struct node *link_above(const struct resolver *c, const char *path, const char **ret_rest)
{
	for (const char *p = path; c->any_symlink && (p = strchr(p + 1, '/')) != NULL;) {
		const struct node *n = node_index_find(&c->index, path, (size_t)(p - path));

		if (n && n->kind == NODE_SYMLINK) {
			*ret_rest = p;
			return n;
		}
	}
	return NULL;
}

/* Resolves a path as it will lead once the symlinks of this config are there, too. */
static int follow(const struct resolver *c, const char *path, const char **ret, struct err *e)
{
	const char *rest, *at = path;
	int r = 0;

	for (int left = MAX_LINKS; r == 0 && at; left--) {
		const struct node *up = link_above(c, at, &rest);

		if (!up) {
			r = resolve(c, at, &at, e);
			up = r == 0 ? link_above(c, at, &rest) : NULL;
		}
		if (r == 0 && !up) {
			*ret = at;
			return 0;
		}
		if (r == 0 && !left)
			r = err_errno(e, ELOOP, "%s", path);
		else if (r == 0 && *up->target == '/')
			at = arena_printf(c->arena, "%s%s", up->target, rest);
		else if (r == 0)
			at = arena_printf(c->arena, "%.*s/%s%s", (int)(strrchr(up->path, '/') - up->path),
					  up->path, up->target, rest);
	}
	return r == 0 ? err_errno(e, ENOMEM, "%s", path) : r;
}

/* A path below the root, also without a slash before it; the symlinks of this config are there by then. */
static int resolve_target(const struct resolver *c, struct node *n, struct err *e)
{
	const char *at = n->config_target;
	int r;

	if (*at != '/')
		at = arena_printf(c->arena, "/%s", at);
	r = at ? follow(c, at, &n->target, e) : err_errno(e, ENOMEM, "%s", n->config_path);
	return r < 0 ? err_wrap(e, r, "resolving the target of link \"%s\"", n->config_path) : 0;
}

/*
 * Entries below a symlink that this config makes belong where it leads: that is what must be compared
 * with the target and noted for a re-run. A link may itself move that way, so this is done again until
 * nothing moves; links that lead through each other in a circle are told by the number of rounds.
 */
static int move_below_links(struct resolver *c, struct err *e)
{
	CLEANUP(freep) const char **to = calloc(c->nodes->n + 1, sizeof *to);
	bool moved = true;

	if (!to)
		return err_errno(e, ENOMEM, "planning files");
	for (int round = 0; moved; round++) {
		moved = false;
		for (size_t i = 0; i < c->nodes->n; i++) {
			const struct node *n = &c->nodes->v[i];
			const char *rest;
			int r = 0;

			to[i] = n->path;
			if (!link_above(c, n->path, &rest))
				continue;
			moved = true;
			r = round < MAX_LINKS ? follow(c, n->path, &to[i], e)
					      : err_errno(e, ELOOP, "%s", n->path);
			if (r < 0)
				return err_wrap(e, r, "resolving %s \"%s\"", node_kind_name(n->kind),
						n->config_path);
		}
		for (size_t i = 0; moved && i < c->nodes->n; i++)
			c->nodes->v[i].path = to[i];
		if (moved)
			qsort(c->index.v, c->index.n, sizeof(struct node *), by_path);
	}
	return 0;
}

static int check_same_place(const struct node_index *x, struct err *e)
{
	struct node *const *v = x->v;

	for (size_t i = 1; i < x->n; i++)
		if (!strcmp(v[i]->path, v[i - 1]->path))
			return err_text(e, EEXIST,
					"%s at %s resolved to %s after symlink chasing, but another entry "
					"with path %s also resolves there",
					node_kind_name(v[i]->kind), v[i]->config_path, v[i]->path,
					v[i - 1]->config_path);
	return 0;
}

static int collect(const struct ign_storage *s, struct arena *a, struct nodes *ret, struct err *e)
{
	struct node *n;

	*ret = (struct nodes){ .n = s->directories.n + s->files.n + s->links.n };
	ret->v = n = arena_alloc(a, (ret->n + 1) * sizeof *n);
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
	for (size_t i = 0; i < ret->n; i++)
		ret->v[i].order = i;
	return 0;
}

int nodes_resolve(const struct root *root, const struct ign_storage *s, struct arena *a, struct nodes *ret,
		  struct err *e)
{
	struct nodes nodes;
	CLEANUP(resolver_done) struct resolver c = { .root = root, .nodes = &nodes, .arena = a };
	int r = collect(s, a, &nodes, e);

	for (size_t i = 0; r == 0 && i < nodes.n; i++) {
		struct node *n = &nodes.v[i];

		c.any_symlink |= n->kind == NODE_SYMLINK;
		r = resolve(&c, n->config_path, &n->path, e);
		if (r < 0)
			err_wrap(e, r, "resolving %s \"%s\"", node_kind_name(n->kind), n->config_path);
	}
	if (r < 0)
		return r;
	c.index = node_index_make(&nodes);
	if (!c.index.v)
		return err_errno(e, ENOMEM, "planning files");
	r = move_below_links(&c, e);
	if (r == 0)
		r = check_same_place(&c.index, e);
	for (size_t i = 0; r == 0 && i < nodes.n; i++)
		if (nodes.v[i].kind == NODE_HARD_LINK)
			r = resolve_target(&c, &nodes.v[i], e);
	if (r < 0)
		return r;
	if (nodes.n)
		qsort(nodes.v, nodes.n, sizeof *nodes.v, by_creation);
	*ret = nodes;
	return 0;
}
