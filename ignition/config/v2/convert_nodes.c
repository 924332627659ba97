/* Files, directories and links: one tree of paths, in which each path has one entry. */
#include "ignition/config/v2/convert_priv.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "ignition/config/validate_priv.h"

enum { DIRECTORY_MODE = 0755 };

static void add_nodes(struct conv *c, struct conv_nodes *nodes, enum conv_list list, const void *v, size_t n,
		      size_t stride)
{
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		/* every node begins with its struct ign2_node */
		const struct ign2_node *old = (const void *)((const char *)v + i * stride);
		struct conv_node *node = &nodes->v[nodes->n];
		struct place place;

		*node = (struct conv_node){ .old = old, .from = { .list = list, .idx = i } };
		node->prefix = conv_fs_prefix(c, CFG_CHILD(origin_place(&node->from, &place), "filesystem"),
					      old->filesystem);
		if (!node->prefix)
			continue;
		node->path = conv_clean(c, node->prefix, old->path);
		nodes->n++;
	}
}

/* In the order of 2.x: directories, files, links, and what it wrote after them. */
static void collect(struct conv *c, struct conv_nodes *nodes)
{
	const struct ign2_storage *s = &c->in->storage;
	size_t n = s->directories.n + s->files.n + s->links.n + conv_networkd_count(c);

	nodes->v = conv_alloc(c, n, sizeof(*nodes->v));
	if (!nodes->v)
		return;
	add_nodes(c, nodes, L_DIRECTORIES, s->directories.v, s->directories.n, sizeof(*s->directories.v));
	add_nodes(c, nodes, L_FILES, s->files.v, s->files.n, sizeof(*s->files.v));
	add_nodes(c, nodes, L_LINKS, s->links.v, s->links.n, sizeof(*s->links.v));
	conv_networkd(c, nodes);
}

static enum conv_list kind_of(const struct conv_node *n) /* in the result */
{
	return n->from.list == L_NETWORKD ? L_FILES : n->from.list;
}

static const char *kind_name(const struct conv_node *n)
{
	return kind_of(n) == L_FILES ? "file" : kind_of(n) == L_LINKS ? "link" : "directory";
}

/* As the config has it: within its file system. */
static const char *own_path(const struct conv_node *n)
{
	const char *own = n->path + strlen(n->prefix);

	return *own ? own : "/";
}

/* Finds the entries of one path; such of different kinds cannot all be meant. */
static void group(struct conv *c, struct conv_nodes *nodes)
{
	struct conv_same same;
	char text[PLACE_TEXT];

	if (!conv_same(c, nodes->v, nodes->n, sizeof(*nodes->v), offsetof(struct conv_node, path), &same))
		return;
	for (size_t i = 0; i < nodes->n; i++) {
		struct conv_node *n = &nodes->v[i], *first = &nodes->v[same.first[i]];
		struct place place;

		n->first = first == n;
		n->next = same.next[i] == SIZE_MAX ? NULL : &nodes->v[same.next[i]];
		if (kind_of(n) != kind_of(first))
			conv_error(c, origin_place(&n->from, &place),
				   "%s is a %s, and %s makes a %s of it: remove one of the two", own_path(n),
				   kind_name(n), origin_text(c, &first->from, text), kind_name(first));
	}
}

/* The parent directories that 0.x made for a directory got its mode and owner. */
static void tell_parents(struct conv *c, const struct conv_node *node, const struct ign_directory *d,
			 const struct text_set *paths)
{
	size_t usual = *node->prefix ? 2 : 4, depth = 0; /* so deep, the parent may well be missing */
	const char *slash = strrchr(d->path, '/');
	struct place place;

	for (const char *p = d->path + strlen(node->prefix); *p; p++)
		depth += *p == '/';
	if (depth < usual || text_set_find(paths, d->path, (size_t)(slash - d->path)))
		return;
	if (d->user.id.v || d->user.name || d->group.id.v || d->group.name ||
	    (d->mode.set && d->mode.v != DIRECTORY_MODE))
		conv_info(
			c, origin_place(&node->from, &place),
			"directories above that do not exist yet got this mode and owner in Ignition 0.x; now they are "
			"root's with mode 0755, unless they have entries of their own");
}

/* A later entry's mode and owner were set over the earlier one's. */
static void convert_directory(struct conv *c, const struct conv_node *first, const struct text_set *paths,
			      struct ign_directory *ret)
{
	char text[PLACE_TEXT];
	struct place place;

	for (const struct conv_node *node = first; node; node = node->next) {
		const struct ign2_directory *old = &c->in->storage.directories.v[node->from.idx];
		struct opt_bool overwrite = ret->overwrite.v ? ret->overwrite : old->overwrite;

		*ret = (struct ign_directory){ .path = node->path, .overwrite = overwrite };
		conv_mode(c, node, old->mode, DIRECTORY_MODE, &ret->mode);
		conv_owner(node->old, &ret->user, &ret->group);
		if (node != first)
			conv_warn(
				c, origin_place(&node->from, &place),
				"replaces mode and owner that %s gives, as the later of two did in Ignition 0.x",
				origin_text(c, &first->from, text));
	}
	tell_parents(c, first, ret, paths);
}

/* A hard link's target is a path of the same file system; a symlink's is only text. */
static const char *link_target(struct conv *c, const struct conv_node *node, const struct ign2_link *old)
{
	return old->hard.v && conv_given(old->target) ? conv_clean(c, node->prefix, old->target)
						      : conv_text(old->target);
}

static void convert_link(struct conv *c, const struct conv_node *first, struct ign_link *ret)
{
	char text[PLACE_TEXT];
	struct place place;

	for (const struct conv_node *node = first; node; node = node->next) {
		const struct ign2_link *old = &c->in->storage.links.v[node->from.idx];
		const struct cfg_path *at = origin_place(&node->from, &place);
		struct opt_bool overwrite = ret->overwrite.v ? ret->overwrite : old->overwrite;

		*ret = (struct ign_link){ .path = node->path,
					  .overwrite = overwrite,
					  .hard = conv_true(old->hard),
					  .target = link_target(c, node, old) };
		conv_owner(node->old, &ret->user, &ret->group);
		if (node == first)
			continue;
		if (old->overwrite.v)
			conv_warn(c, at, "replaces the link that %s makes",
				  origin_text(c, &first->from, text));
		else
			conv_error(c, at, "%s makes this link already: remove one of the two",
				   origin_text(c, &first->from, text));
	}
}

/* Where a path leads through a symlink with this path and target, rest being what follows the link. */
static const char *through(struct conv *c, const char *link, const char *target, const char *rest)
{
	const char *slash = strrchr(link, '/');
	const char *joined = *target == '/' ? arena_printf(c->arena, "%s%s", target, rest)
					    : arena_printf(c->arena, "%.*s/%s%s", (int)(slash - link), link,
							   target, rest);
	const char *clean = joined ? path_clean(c->arena, joined) : NULL;

	if (!clean)
		c->r = -ENOMEM;
	return clean ? clean : link;
}

struct link_ref {
	uint64_t hash;
	const struct ign_link *link;
};

static int by_hash(const void *a, const void *b)
{
	const struct link_ref *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* FNV-1a, which goes on from one prefix of a path to the next: a long path is read once. */
static uint64_t hash_on(uint64_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * 0x100000001b3ULL;
}

/* The topmost of the links that the path leads through, or NULL; *len is how much of it that is. */
static const struct ign_link *link_above(const struct link_ref *refs, size_t n, const char *path, size_t *len)
{
	struct link_ref key = { 0 };

	for (size_t i = 0; path[i]; i++) {
		const struct link_ref *hit = path[i] == '/' && i
						     ? bsearch(&key, refs, n, sizeof(*refs), by_hash)
						     : NULL;

		if (hit && strlen(hit->link->path) == i && memcmp(hit->link->path, path, i) == 0) {
			*len = i;
			return hit->link;
		}
		key.hash = hash_on(key.hash, path[i]);
	}
	return NULL;
}

/* Nodes are made before the links of the config, so a path cannot lead through one. */
static void check_below_links(struct conv *c, const struct conv_nodes *nodes)
{
	const struct ign_storage *s = &c->out->storage;
	struct link_ref *refs = conv_alloc(c, s->links.n, sizeof(*refs));

	for (size_t i = 0; refs && i < s->links.n; i++) {
		refs[i].link = &s->links.v[i];
		for (const char *p = refs[i].link->path; *p; p++)
			refs[i].hash = hash_on(refs[i].hash, *p);
	}
	if (!refs || s->links.n == 0)
		return;
	qsort(refs, s->links.n, sizeof(*refs), by_hash);
	for (size_t i = 0; i < nodes->n; i++) {
		const struct conv_node *n = &nodes->v[i];
		const struct ign_link *l;
		struct place place;
		const struct cfg_path *at = CFG_CHILD(origin_place(&n->from, &place), "path");
		size_t len = 0, skip;
		const char *path;

		l = n->first ? link_above(refs, s->links.n, n->path, &len) : NULL;
		if (!l)
			continue;
		/* both are shown as the config has them, unless the link lies outside of the file system */
		skip = strlen(n->prefix) < len ? strlen(n->prefix) : 0;
		path = n->path + skip;
		/* what nobody is shown need not be made up: each may be as long as the longest path */
		if (!l->hard.v && l->target && strnlen(l->target, PATH_MAX) < PATH_MAX &&
		    c->report->count[SEV_ERROR] < REPORT_MAX_KEPT)
			conv_error(c, at, "%s leads through the link %s of this config: write %s", path,
				   l->path + skip, through(c, l->path + skip, l->target, n->path + len));
		else
			conv_error(c, at, "%s lies below the link %s of this config", path, l->path + skip);
	}
}

/* What the result's units write themselves. */
static bool unit_paths(struct conv *c, struct text_set *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < c->out->systemd.units.n; i++)
		n += 1 + c->out->systemd.units.v[i].dropins.n;
	if (text_set_init(ret, c->arena, n) < 0) {
		c->r = -ENOMEM;
		return false;
	}
	for (size_t i = 0; i < c->out->systemd.units.n; i++) {
		const struct ign_unit *u = &c->out->systemd.units.v[i];
		const char *path = arena_printf(c->arena, "/etc/systemd/system/%s", u->name);

		/* No file has a longer name, and a longer one would be copied for each of its drop-ins. */
		for (size_t k = 0; path && strlen(u->name) <= NAME_MAX && k < u->dropins.n; k++) {
			const char *below = arena_printf(c->arena, "%s.d/%s", path, u->dropins.v[k].name);

			if (below && u->dropins.v[k].contents)
				text_set_add(ret, below, i);
			path = below ? path : NULL;
		}
		if (path && u->contents)
			text_set_add(ret, path, i);
		c->r = path ? c->r : -ENOMEM;
	}
	text_set_sort(ret);
	return c->r == 0;
}

/* Units were written last, over what was there. */
static bool replaced_by_unit(struct conv *c, const struct conv_node *first, const struct text_set *units)
{
	const struct text_ref *ref = text_set_find(units, first->path, strlen(first->path));
	struct place place;
	char text[PLACE_TEXT];

	if (!ref || kind_of(first) == L_DIRECTORIES)
		return false;
	for (const struct conv_node *node = first; node; node = node->next)
		conv_warn(c, origin_place(&node->from, &place),
			  "left out, since %s writes %s after it and over it",
			  origin_text(c, &c->from[L_UNITS][ref->idx], text), first->path);
	return true;
}

static bool prepare(struct conv *c, const struct conv_nodes *nodes, struct text_set *directories)
{
	struct ign_storage *s = &c->out->storage;

	s->directories.v = conv_alloc(c, nodes->n, sizeof(*s->directories.v));
	s->files.v = conv_alloc(c, nodes->n, sizeof(*s->files.v));
	s->links.v = conv_alloc(c, nodes->n, sizeof(*s->links.v));
	for (enum conv_list l = L_DIRECTORIES; l <= L_LINKS; l++)
		c->from[l] = conv_alloc(c, nodes->n, sizeof(*c->from[l]));
	if (c->r < 0 || text_set_init(directories, c->arena, nodes->n) < 0) {
		c->r = -ENOMEM;
		return false;
	}
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->v[i].first && kind_of(&nodes->v[i]) == L_DIRECTORIES)
			text_set_add(directories, nodes->v[i].path, i);
	text_set_sort(directories);
	return true;
}

void conv_nodes(struct conv *c)
{
	struct ign_storage *s = &c->out->storage;
	struct conv_nodes nodes = { 0 };
	struct text_set directories, units;
	size_t errors;

	collect(c, &nodes);
	errors = c->report->count[SEV_ERROR];
	if (c->r == 0)
		group(c, &nodes);
	if (c->r < 0 || c->report->count[SEV_ERROR] != errors)
		return; /* a chain of different kinds has no meaning */
	if (!prepare(c, &nodes, &directories) || !unit_paths(c, &units))
		return;
	for (size_t i = 0; c->r == 0 && i < nodes.n; i++) {
		const struct conv_node *n = &nodes.v[i];

		if (!n->first || replaced_by_unit(c, n, &units))
			continue;
		if (kind_of(n) == L_DIRECTORIES) {
			c->from[L_DIRECTORIES][s->directories.n] = n->from;
			convert_directory(c, n, &directories, &s->directories.v[s->directories.n++]);
		} else if (kind_of(n) == L_LINKS) {
			c->from[L_LINKS][s->links.n] = n->from;
			convert_link(c, n, &s->links.v[s->links.n++]);
		} else {
			c->from[L_FILES][s->files.n] = n->from;
			conv_file(c, n, &s->files.v[s->files.n++]);
		}
	}
	check_below_links(c, &nodes);
}
