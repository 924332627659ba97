/* Files, directories and links. */
#include "ignition/config/validate_priv.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/arena.h"

enum { MODE_MAX = 07777, MODE_SPECIAL = 07000 };

static void check_mode(struct vctx *v, const struct cfg_path *at, struct opt_i64 mode)
{
	if (!mode.set)
		return;
	if (mode.v < 0 || mode.v > MODE_MAX)
		v_error(v, at, "illegal file mode");
	if (v->minor < 6 && mode.v & MODE_SPECIAL)
		v_warn(v, at,
		       "setuid/setgid/sticky bits are not supported or functional in spec versions older than "
		       "3.6.0");
}

/* Every file, directory and link begins with a struct ign_node. */
static void check_owners(struct vctx *v, const struct cfg_path *at, const void *entry)
{
	const struct ign_node *n = entry;

	if (n->group.id.set && v_given(n->group.name))
		v_error(v, CFG_CHILD(at, "group"), "cannot set both id and name");
	if (n->user.id.set && v_given(n->user.name))
		v_error(v, CFG_CHILD(at, "user"), "cannot set both id and name");
}

void v_directories(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.directories.n; i++) {
		const struct ign_directory *d = &v->config->storage.directories.v[i];
		const struct cfg_path *item = CFG_ENTRY(at, i);

		v_path(v, CFG_CHILD(item, "path"), d->path);
		check_mode(v, CFG_CHILD(item, "mode"), d->mode);
		check_owners(v, item, d);
	}
}

void v_files(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.files.n; i++) {
		const struct ign_file *f = &v->config->storage.files.v[i];
		const struct cfg_path *item = CFG_ENTRY(at, i);

		v_path(v, CFG_CHILD(item, "path"), f->path);
		check_mode(v, CFG_CHILD(item, "mode"), f->mode);
		if (f->overwrite.set && f->overwrite.v && !f->contents.source)
			v_error(v, CFG_CHILD(item, "overwrite"),
				"overwrite must be false if source is unspecified");
		check_owners(v, item, f);
		for (size_t k = 0; k < f->append.n; k++)
			v_file_resource(v, CFG_ENTRY(CFG_CHILD(item, "append"), k), &f->append.v[k]);
		v_file_resource(v, CFG_CHILD(item, "contents"), &f->contents);
	}
}

void v_links(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.links.n; i++) {
		const struct ign_link *l = &v->config->storage.links.v[i];
		const struct cfg_path *item = CFG_ENTRY(at, i);

		v_path(v, CFG_CHILD(item, "path"), l->path);
		check_owners(v, item, l);
	}
}

/* One finding for each link that lies above the path. */
static void check_parents(struct vctx *v, const struct cfg_path *at, const struct text_set *links,
			  const char *path, const char *what)
{
	struct text_range range = { 0, links->n, 0 };

	for (const char *slash = strchr(path, '/'); slash && range.from < range.end;
	     slash = strchr(slash + 1, '/')) {
		text_set_narrow(links, &range, path, (size_t)(slash - path));
		/* Many links of one name over many paths: what nobody will be shown is not worth its time. */
		for (size_t i = range.from; i < range.end && links->v[i].len == range.known &&
					    v->report->count[SEV_ERROR] <= REPORT_MAX_KEPT;
		     i++)
			v_error(v, at, "%s path includes link in config", what);
	}
}

/* A relative target is joined to the link's path itself: upstream's verdict, kept. */
static char *hard_target(struct vctx *v, const struct ign_link *l)
{
	const char *target = l->target ? l->target : "";
	char *joined = *target == '/' || !*l->path ? arena_strdup(v->arena, target)
						   : arena_printf(v->arena, "%s/%s", l->path, target);

	return joined ? path_clean(v->arena, joined) : NULL;
}

static void warn_owner(struct vctx *v, const struct cfg_path *at, const struct ign_link *l)
{
	static const char text[] = "user/group ignored for hard link";
	const struct cfg_path *user = CFG_CHILD(at, "user"), *group = CFG_CHILD(at, "group");

	if (l->user.id.set)
		v_warn(v, CFG_CHILD(user, "id"), text);
	if (l->user.name)
		v_warn(v, CFG_CHILD(user, "name"), text);
	if (l->group.id.set)
		v_warn(v, CFG_CHILD(group, "id"), text);
	if (l->group.name)
		v_warn(v, CFG_CHILD(group, "name"), text);
}

static void check_hard_link(struct vctx *v, const struct cfg_path *at, const struct text_set *dirs,
			    const struct ign_link *l)
{
	char *target = hard_target(v, l);

	if (!target)
		v->r = -ENOMEM;
	else if (text_set_find(dirs, target, strlen(target)))
		v_error(v, at, "hard link target is a directory");
	warn_owner(v, at, l);
}

void v_nodes_all(struct vctx *v, const struct cfg_path *at)
{
	const struct ign_storage *s = &v->config->storage;
	struct text_set links, dirs;

	if (s->links.n == 0)
		return;
	if (text_set_init(&links, v->arena, s->links.n) < 0 ||
	    text_set_init(&dirs, v->arena, s->directories.n) < 0) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < s->links.n; i++)
		text_set_add(&links, s->links.v[i].path, i);
	for (size_t i = 0; i < s->directories.n; i++)
		text_set_add(&dirs, s->directories.v[i].path, i);
	text_set_sort(&links);
	text_set_sort(&dirs);
	for (size_t i = 0; i < s->directories.n; i++)
		check_parents(v, CFG_ENTRY(CFG_CHILD(at, "directories"), i), &links, s->directories.v[i].path,
			      "directory");
	for (size_t i = 0; i < s->files.n; i++)
		check_parents(v, CFG_ENTRY(CFG_CHILD(at, "files"), i), &links, s->files.v[i].path, "file");
	for (size_t i = 0; i < s->links.n; i++) {
		const struct ign_link *l = &s->links.v[i];
		const struct cfg_path *item = CFG_ENTRY(CFG_CHILD(at, "links"), i);

		check_parents(v, item, &links, l->path, "link");
		if (v->minor >= 3 && !v_given(l->target))
			v_error(v, CFG_CHILD(item, "target"), "link target is required");
		else if (l->hard.set && l->hard.v)
			check_hard_link(v, item, &dirs, l);
	}
}

/* The paths that the systemd section writes itself. */
static int unit_paths(struct vctx *v, struct text_set *set)
{
	const struct ign_systemd *sd = &v->config->systemd;
	size_t n = sd->units.n;

	for (size_t i = 0; i < sd->units.n; i++)
		n += sd->units.v[i].dropins.n;
	if (text_set_init(set, v->arena, n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < sd->units.n; i++) {
		const struct ign_unit *u = &sd->units.v[i];
		char *path = arena_printf(v->arena, "/etc/systemd/system/%s", u->name);

		if (!path)
			return -ENOMEM;
		if (v_given(u->contents))
			text_set_add(set, path, i);
		/* No file has a longer name; a thousand drop-ins of a megabyte's name would cost a gigabyte.
		 */
		for (size_t k = 0; k < u->dropins.n && strlen(u->name) <= NAME_MAX; k++) {
			const struct ign_dropin *d = &u->dropins.v[k];
			char *below;

			if (!v_given(d->contents))
				continue;
			below = arena_printf(v->arena, "%s.d/%s", path, d->name);
			if (!below)
				return -ENOMEM;
			text_set_add(set, below, i);
		}
	}
	text_set_sort(set);
	return 0;
}

static void check_unit_path(struct vctx *v, const struct cfg_path *list, size_t i, const struct text_set *set,
			    const char *path)
{
	if (text_set_find(set, path, strlen(path)))
		v_error(v, CFG_CHILD(CFG_ENTRY(list, i), "path"),
			"path conflicts with systemd unit or dropin");
}

void v_unit_paths(struct vctx *v)
{
	const struct ign_storage *s = &v->config->storage;
	const struct cfg_path *at = CFG_CHILD(NULL, "storage");
	struct text_set set;

	if (v->config->systemd.units.n == 0)
		return;
	if (unit_paths(v, &set) < 0) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < s->files.n; i++)
		check_unit_path(v, CFG_CHILD(at, "files"), i, &set, s->files.v[i].path);
	for (size_t i = 0; i < s->directories.n; i++)
		check_unit_path(v, CFG_CHILD(at, "directories"), i, &set, s->directories.v[i].path);
	for (size_t i = 0; i < s->links.n; i++)
		check_unit_path(v, CFG_CHILD(at, "links"), i, &set, s->links.v[i].path);
}
