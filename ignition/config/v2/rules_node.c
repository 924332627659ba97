/* Files, directories and links, and the filesystems they name. */
#include "ignition/config/v2/rules_priv.h"
#include <errno.h>
#include <string.h>

/* Every file, directory and link begins with a struct ign2_node. */
static void check_name(struct rules *r, const struct cfg_path *at, const struct text_set *names,
		       const char *kind, const void *entry)
{
	const struct ign2_node *n = entry;

	if (*n->filesystem && strcmp(n->filesystem, "root") != 0 &&
	    !text_set_find(names, n->filesystem, strlen(n->filesystem)))
		v_warn(&r->v, CFG_CHILD(at, "filesystem"),
		       "%s \"%s\" references nonexistent filesystem \"%s\". (This is ok if it is defined in "
		       "a referenced config)",
		       kind, n->path, n->filesystem);
}

void rules_node_filesystems(struct rules *r, const struct cfg_path *at)
{
	const struct ign2_storage *s = &r->config->storage;
	const struct cfg_path *files = CFG_CHILD(at, "files"), *links = CFG_CHILD(at, "links");
	const struct cfg_path *dirs = CFG_CHILD(at, "directories"), *fs = CFG_CHILD(at, "filesystems");
	struct text_set names;

	if (text_set_init(&names, r->v.arena, s->filesystems.n) < 0) {
		r->v.r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < s->filesystems.n; i++)
		text_set_add(&names, s->filesystems.v[i].name, i);
	text_set_sort(&names);
	for (size_t i = 0; i < s->files.n; i++)
		check_name(r, CFG_ENTRY(files, i), &names, "File", &s->files.v[i]);
	for (size_t i = 0; i < s->links.n; i++)
		check_name(r, CFG_ENTRY(links, i), &names, "Link", &s->links.v[i]);
	for (size_t i = 0; i < s->directories.n; i++)
		check_name(r, CFG_ENTRY(dirs, i), &names, "Directory", &s->directories.v[i]);
	for (size_t i = 0; i < s->filesystems.n; i++) {
		const char *name = s->filesystems.v[i].name;

		if (strcmp(name, "root") == 0 || text_set_find(&names, name, strlen(name))->idx < i)
			v_warn(&r->v, CFG_CHILD(CFG_ENTRY(fs, i), "name"),
			       "Filesystem \"%s\" shadows exising filesystem definition", name);
	}
}

static void check_node(struct rules *r, const struct cfg_path *at, const void *entry)
{
	const struct ign2_node *n = entry;

	if (!*n->filesystem)
		v_error(&r->v, CFG_CHILD(at, "filesystem"), "no filesystem specified");
	if (n->group.id.set && v_given(n->group.name))
		v_error(&r->v, CFG_CHILD(at, "group"), "cannot set both id and name");
	old_path(&r->v, CFG_CHILD(at, "path"), n->path);
	if (n->user.id.set && v_given(n->user.name))
		v_error(&r->v, CFG_CHILD(at, "user"), "cannot set both id and name");
}

static void check_mode(struct rules *r, const struct cfg_path *at, struct opt_i64 mode)
{
	old_mode(&r->v, at, mode);
	if (!mode.set && r->minor >= 2)
		v_warn(&r->v, at, "permissions unset, defaulting to 0000");
}

static void check_file(struct rules *r, const struct cfg_path *at, const struct ign2_file *f)
{
	size_t errors = r_errors(r);

	if (f->append.v && f->overwrite.v)
		v_error(&r->v, at, "cannot set both append and overwrite to true");
	if (r->minor == 0 && !*f->filesystem)
		v_error(&r->v, CFG_CHILD(at, "filesystem"), "no filesystem specified");
	if (r_errors(r) > errors)
		return;
	check_node(r, at, f);
	rules_contents(r, CFG_CHILD(at, "contents"), &f->contents);
	check_mode(r, CFG_CHILD(at, "mode"), f->mode);
}

void rules_files(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->storage.files.n; i++)
		check_file(r, CFG_ENTRY(at, i), &r->config->storage.files.v[i]);
}

void rules_directories(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->storage.directories.n; i++) {
		const struct ign2_directory *d = &r->config->storage.directories.v[i];

		check_node(r, CFG_ENTRY(at, i), d);
		check_mode(r, CFG_CHILD(CFG_ENTRY(at, i), "mode"), d->mode);
	}
}

void rules_links(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->storage.links.n; i++)
		check_node(r, CFG_ENTRY(at, i), &r->config->storage.links.v[i]);
}
