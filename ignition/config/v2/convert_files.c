/* Files: several entries of 2.x for one path become one with contents and what is appended. */
#include "ignition/config/v2/convert_priv.h"
#include "base/arena.h"

enum { SPECIAL_BITS = 07000, NETWORKD_MODE = 0644, FILE_MODE = 0644 };

static const struct ign2_file *old_file(const struct conv *c, const struct conv_node *node)
{
	return node->old ? &c->in->storage.files.v[node->from.idx] : NULL;
}

void conv_mode(struct conv *c, const struct conv_node *node, struct opt_i64 mode, unsigned usual,
	       struct opt_i64 *ret)
{
	struct place place;
	const struct cfg_path *at = CFG_CHILD(origin_place(&node->from, &place), "mode");

	*ret = (struct opt_i64){ mode.set, mode.v & ~(int64_t)SPECIAL_BITS };
	if (mode.v & SPECIAL_BITS) /* in octal, since most such are decimal by mistake: 644 is 01204 */
		conv_warn(
			c, at,
			"mode %05o becomes %04o: setuid, setgid and sticky bits had no effect in Ignition 0.x",
			(unsigned)mode.v, (unsigned)ret->v);
	if (!mode.set)
		conv_warn(
			c, at,
			"without a mode, Ignition 0.x made this 0000; now it is %04o%s: write the mode that is meant",
			usual, node->from.list == L_DIRECTORIES ? " if it is new" : "");
}

void conv_owner(const struct ign2_node *old, struct ign_node_user *user, struct ign_node_group *group)
{
	if (old->user.id.set || conv_given(old->user.name))
		*user = (struct ign_node_user){ old->user.id, conv_text(old->user.name) };
	if (old->group.id.set || conv_given(old->group.name))
		*group = (struct ign_node_group){ old->group.id, conv_text(old->group.name) };
}

static void convert_contents(struct conv *c, const struct conv_node *node, struct ign_resource *ret)
{
	struct place place;
	const struct cfg_path *at = CFG_CHILD(origin_place(&node->from, &place), "contents");
	const struct ign2_file *f = old_file(c, node);

	if (!f) {
		*ret = (struct ign_resource){ .source = node->contents };
		return;
	}
	conv_resource(c, at,
		      &(const struct old_resource){ .source = f->contents.source,
						    .compression = f->contents.compression,
						    .hash = f->contents.verification.hash,
						    .headers = f->contents.http_headers.v,
						    .n_headers = f->contents.http_headers.n },
		      ret);
}

/* Appending kept mode and owner of what was there, unless they were given. */
static void add_append(struct conv *c, const struct conv_node *node, struct ign_file *ret)
{
	const struct ign2_file *f = old_file(c, node);
	struct opt_i64 mode;
	struct place place;

	if (f->overwrite.set)
		conv_warn(
			c, CFG_CHILD(origin_place(&node->from, &place), "overwrite"),
			"false made Ignition 0.x refuse a file that was there already; now it is appended to");
	convert_contents(c, node, &ret->append.v[ret->append.n++]);
	if (f->mode.set) {
		conv_mode(c, node, f->mode, FILE_MODE, &mode);
		ret->mode = mode;
	}
	conv_owner(node->old, &ret->user, &ret->group);
}

static void set_contents(struct conv *c, const struct conv_node *node, struct ign_file *ret)
{
	const struct ign2_file *f = old_file(c, node);

	convert_contents(c, node, &ret->contents);
	ret->append.n = 0;
	ret->user = (struct ign_node_user){ 0 };
	ret->group = (struct ign_node_group){ 0 };
	if (!f) {
		ret->mode = (struct opt_i64){ true, NETWORKD_MODE };
		return;
	}
	conv_mode(c, node, f->mode, FILE_MODE, &ret->mode);
	conv_owner(node->old, &ret->user, &ret->group);
}

static void tell_replaced(struct conv *c, const struct conv_node *first, const struct conv_node *node)
{
	const struct ign2_file *f = old_file(c, node);
	struct place place;
	const struct cfg_path *at = origin_place(&node->from, &place);
	char text[PLACE_TEXT];

	if (f && f->overwrite.set && !f->overwrite.v)
		conv_error(c, CFG_CHILD(at, "overwrite"),
			   "%s makes this file first, so not to overwrite it fails: remove one of the two",
			   origin_text(c, &first->from, text));
	else
		conv_warn(c, at, "replaces the file that %s makes, as the later of two did in Ignition 0.x",
			  origin_text(c, &first->from, text));
}

void conv_file(struct conv *c, const struct conv_node *first, struct ign_file *ret)
{
	size_t n = 0;

	*ret = (struct ign_file){ .path = first->path };
	for (const struct conv_node *node = first; node; node = node->next)
		n++;
	ret->append.v = conv_alloc(c, n, sizeof(*ret->append.v));
	for (const struct conv_node *node = first; c->r == 0 && node; node = node->next) {
		const struct ign2_file *f = old_file(c, node);

		if (f && f->append.v) {
			add_append(c, node, ret);
			continue;
		}
		if (node != first)
			tell_replaced(c, first, node);
		if (!ret->contents.source) /* files were replaced unless told otherwise */
			ret->overwrite = f && f->overwrite.set ? f->overwrite
							       : (struct opt_bool){ true, true };
		set_contents(c, node, ret);
	}
}
