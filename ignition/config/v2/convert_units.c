/* Units of systemd, and those of networkd, which become files. */
#include "ignition/config/v2/convert_priv.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include "base/arena.h"

static const char networkd_dir[] = "/etc/systemd/network";

static const struct cfg_path *unit_at(size_t i, struct place *ret)
{
	return origin_place(&(struct origin){ .list = L_UNITS, .idx = i }, ret);
}

/* "enable" could only enable; "enabled" came with 2.1 and says both. */
static struct opt_bool enabled_of(struct conv *c, const struct cfg_path *at, const struct ign2_unit *u)
{
	if (u->enable.v && u->enabled.set && !u->enabled.v)
		conv_warn(c, CFG_CHILD(at, "enabled"),
			  "enable is true, so Ignition 0.x enabled the unit all the same; now this decides");
	if (u->enabled.set)
		return u->enabled;
	return conv_true(u->enable);
}

static void over_contents(struct conv *c, const struct cfg_path *at, const char **what, const char *by,
			  const struct origin *first)
{
	char text[PLACE_TEXT];

	if (!conv_given(by))
		return;
	if (*what && strcmp(*what, by) != 0)
		conv_warn(c, at, "replaces what %s says, as the later of two did in Ignition 0.x",
			  origin_text(c, first, text));
	*what = by;
}

/* The drop-ins of every entry with the name of the first: one of each name, the last text counts. */
static void convert_dropins(struct conv *c, size_t first, const struct conv_same *same, struct ign_unit *ret)
{
	const struct ign2_unit *units = c->in->systemd.units.v;
	struct ign2_dropin *all;
	struct conv_same names;
	struct origin *from;
	size_t n = 0, *slot;

	for (size_t i = first; i != SIZE_MAX; i = same->next[i])
		n += units[i].dropins.n;
	all = conv_alloc(c, n, sizeof(*all));
	from = conv_alloc(c, n, sizeof(*from));
	slot = conv_alloc(c, n, sizeof(*slot));
	ret->dropins.v = conv_alloc(c, n, sizeof(*ret->dropins.v));
	if (c->r < 0)
		return;
	n = 0;
	for (size_t i = first; i != SIZE_MAX; i = same->next[i])
		for (size_t k = 0; k < units[i].dropins.n; k++) {
			from[n] = (struct origin){ L_UNITS, i, true, k };
			all[n++] = units[i].dropins.v[k];
		}
	if (!conv_same(c, all, n, sizeof(*all), offsetof(struct ign2_dropin, name), &names))
		return;
	for (size_t i = 0; i < n; i++) {
		size_t head = names.first[i];
		struct place place;

		if (head == i) {
			slot[i] = ret->dropins.n++;
			ret->dropins.v[slot[i]].name = all[i].name;
		}
		over_contents(c, CFG_CHILD(origin_place(&from[i], &place), "contents"),
			      &ret->dropins.v[slot[head]].contents, all[i].contents, &from[head]);
	}
}

/* Entries of one name were processed one after the other; a text written later also undid a mask. */
static void apply_over(struct conv *c, size_t i, const struct origin *first, struct ign_unit *ret)
{
	const struct ign2_unit *u = &c->in->systemd.units.v[i];
	struct opt_bool enabled;
	struct place place;
	const struct cfg_path *at = unit_at(i, &place);
	char text[PLACE_TEXT];

	enabled = enabled_of(c, at, u);
	if (enabled.set && ret->enabled.set && enabled.v != ret->enabled.v)
		conv_warn(c, CFG_CHILD(at, u->enabled.set ? "enabled" : "enable"),
			  "%s says otherwise, and the earlier of two decided in Ignition 0.x; now this does",
			  origin_text(c, first, text));
	if (enabled.set)
		ret->enabled = enabled;
	over_contents(c, CFG_CHILD(at, "contents"), &ret->contents, u->contents, first);
	if (u->mask.v)
		ret->mask = u->mask;
	else if (conv_given(u->contents))
		ret->mask = (struct opt_bool){ 0 };
}

void conv_units(struct conv *c)
{
	const struct ign2_unit *old = c->in->systemd.units.v;
	size_t n = c->in->systemd.units.n;
	struct conv_same same;

	c->out->systemd.units.v = conv_alloc(c, n, sizeof(*c->out->systemd.units.v));
	c->from[L_UNITS] = conv_alloc(c, n, sizeof(*c->from[L_UNITS]));
	if (c->r < 0 || !conv_same(c, old, n, sizeof(*old), offsetof(struct ign2_unit, name), &same))
		return;
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		struct ign_unit *u = &c->out->systemd.units.v[c->out->systemd.units.n];
		struct origin o = { .list = L_UNITS, .idx = i };

		if (same.first[i] != i)
			continue;
		*u = (struct ign_unit){ .name = old[i].name };
		for (size_t k = i; c->r == 0 && k != SIZE_MAX; k = same.next[k])
			apply_over(c, k, &o, u);
		convert_dropins(c, i, &same, u);
		c->from[L_UNITS][c->out->systemd.units.n++] = o;
	}
}

size_t conv_networkd_count(const struct conv *c)
{
	size_t n = c->in->networkd.units.n;

	for (size_t i = 0; i < c->in->networkd.units.n; i++)
		n += c->in->networkd.units.v[i].dropins.n;
	return n;
}

static void add_file(struct conv *c, struct conv_nodes *nodes, const char *below, const char *name,
		     const char *contents, struct origin from)
{
	struct conv_node *node = &nodes->v[nodes->n];
	const char *path;

	if (c->r < 0 || !conv_given(contents)) /* nothing was written then */
		return;
	*node = (struct conv_node){ .prefix = "", .from = from };
	path = arena_printf(c->arena, "%s/%s", below, name);
	node->path = path ? conv_clean(c, "", path) : NULL;
	node->contents = conv_data_url(c->arena, contents);
	if (!node->path || !node->contents)
		c->r = -ENOMEM;
	nodes->n++;
}

void conv_networkd(struct conv *c, struct conv_nodes *nodes)
{
	for (size_t i = 0; c->r == 0 && i < c->in->networkd.units.n; i++) {
		const struct ign2_networkd_unit *u = &c->in->networkd.units.v[i];
		struct place place;
		const struct cfg_path *at = origin_place(&(struct origin){ .list = L_NETWORKD, .idx = i },
							 &place);
		const char *dir;

		/* it would be copied for each of its drop-ins */
		if (strlen(u->name) > NAME_MAX) {
			conv_error(c, CFG_CHILD(at, "name"), "no file can have a name of more than %d bytes",
				   NAME_MAX);
			continue;
		}
		dir = arena_printf(c->arena, "%s/%s.d", networkd_dir, u->name);
		if (!dir) {
			c->r = -ENOMEM;
			return;
		}
		for (size_t k = 0; k < u->dropins.n; k++)
			add_file(c, nodes, dir, u->dropins.v[k].name, u->dropins.v[k].contents,
				 (struct origin){ L_NETWORKD, i, true, k });
		add_file(c, nodes, networkd_dir, u->name, u->contents,
			 (struct origin){ .list = L_NETWORKD, .idx = i });
	}
}
