/* Places in the 2.x config, and the 3.x rules whose findings are told there. */
#include "ignition/config/v2/convert_priv.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/cleanup.h"
#include "ignition/config/config.h"
#include "ignition/config/parse_priv.h"

enum { MAX_KEYS = 4 };

static const struct {
	const char *in[MAX_KEYS + 1], *out[MAX_KEYS + 1]; /* out empty: entries become those of another */
} lists[L_COUNT_] = {
	[L_DIRECTORIES] = { { "storage", "directories" }, { "storage", "directories" } },
	[L_FILES] = { { "storage", "files" }, { "storage", "files" } },
	[L_LINKS] = { { "storage", "links" }, { "storage", "links" } },
	[L_FILESYSTEMS] = { { "storage", "filesystems" }, { "storage", "filesystems" } },
	[L_DISKS] = { { "storage", "disks" }, { "storage", "disks" } },
	[L_RAID] = { { "storage", "raid" }, { "storage", "raid" } },
	[L_UNITS] = { { "systemd", "units" }, { "systemd", "units" } },
	[L_NETWORKD] = { { "networkd", "units" }, { NULL } },
	[L_USERS] = { { "passwd", "users" }, { "passwd", "users" } },
	[L_GROUPS] = { { "passwd", "groups" }, { "passwd", "groups" } },
	[L_APPEND] = { { "ignition", "config", "append" }, { "ignition", "config", "merge" } },
	[L_CAS] = { { "ignition", "security", "tls", "certificateAuthorities" },
		    { "ignition", "security", "tls", "certificateAuthorities" } },
};

const struct cfg_path *place_top(const struct place *p)
{
	return p->n ? &p->v[p->n - 1] : NULL;
}

void place_key(struct place *p, const char *key)
{
	if (p->n == PLACE_DEPTH)
		return;
	p->v[p->n] = (struct cfg_path){ .up = place_top(p), .key = key };
	p->n++;
}

void place_idx(struct place *p, size_t idx)
{
	if (p->n == PLACE_DEPTH)
		return;
	p->v[p->n] = (struct cfg_path){ .up = place_top(p), .idx = idx };
	p->n++;
}

size_t place_flatten(const struct cfg_path *at, const struct cfg_path *ret[PLACE_DEPTH])
{
	size_t depth = 0, n;

	for (const struct cfg_path *p = at; p; p = p->up)
		depth++;
	n = depth < PLACE_DEPTH ? depth : PLACE_DEPTH;
	for (const struct cfg_path *p = at; p; p = p->up)
		if (--depth < n)
			ret[depth] = p;
	return n;
}

const struct cfg_path *origin_place(const struct origin *o, struct place *ret)
{
	ret->n = 0;
	for (size_t i = 0; lists[o->list].in[i]; i++)
		place_key(ret, lists[o->list].in[i]);
	place_idx(ret, o->idx);
	if (o->dropin) {
		place_key(ret, "dropins");
		place_idx(ret, o->dropin_idx);
	}
	return place_top(ret);
}

static const struct cfg_path *rewritten(const struct conv *c, const struct cfg_path *at, struct place *ret)
{
	return c->rewrite ? c->rewrite->place(c->rewrite->data, at, ret) : at;
}

const char *origin_text(const struct conv *c, const struct origin *o, char ret[PLACE_TEXT])
{
	const struct cfg_path *v[PLACE_DEPTH];
	struct place place, other;
	size_t n = place_flatten(rewritten(c, origin_place(o, &place), &other), v), w = 1;

	memcpy(ret, "$", 2);
	for (size_t i = 0; i < n && w < PLACE_TEXT; i++) {
		int len = v[i]->key ? snprintf(ret + w, PLACE_TEXT - w, ".%s", v[i]->key)
				    : snprintf(ret + w, PLACE_TEXT - w, ".%zu", v[i]->idx);

		w += (size_t)len;
	}
	return ret;
}

void conv_add(struct conv *c, enum severity sev, const struct cfg_path *at, const char *fmt, ...)
{
	struct place place;
	va_list ap;

	va_start(ap, fmt);
	if (report_vadd(c->report, sev, AT_VALUE, rewritten(c, at, &place), fmt, ap) < 0)
		c->r = -ENOMEM;
	va_end(ap);
}

static bool below(const struct cfg_path *const *v, size_t n, const char *const *keys, size_t *ret)
{
	size_t i = 0;

	for (; keys[i]; i++)
		if (i >= n || !v[i]->key || strcmp(v[i]->key, keys[i]) != 0)
			return false;
	*ret = i;
	return i > 0 && i < n && !v[i]->key;
}

/* From a place in the result to the one in the 2.x config. Drop-ins change their numbers: their unit. */
static const struct cfg_path *old_place(const struct conv *c, const struct cfg_path *at, struct place *ret)
{
	const struct cfg_path *v[PLACE_DEPTH];
	size_t n = place_flatten(at, v), k;

	for (size_t l = 0; l < L_COUNT_; l++) {
		struct origin o = { .list = (enum conv_list)l };

		if (!below(v, n, lists[l].out, &k))
			continue;
		o.idx = v[k]->idx;
		if (c->from[l])
			o = c->from[l][o.idx];
		(void)origin_place(&o, ret);
		for (k++; o.list == l && k < n && !(v[k]->key && strcmp(v[k]->key, "dropins") == 0); k++)
			v[k]->key ? place_key(ret, v[k]->key) : place_idx(ret, v[k]->idx);
		return place_top(ret);
	}
	return at;
}

void conv_check(struct conv *c)
{
	CLEANUP(report_done) struct report found = { 0 };
	struct place place;

	if (ign_validate_document(c->out, IGN_MINOR_EXPERIMENTAL, false, &found) < 0) {
		c->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < found.n; i++) {
		const struct report_entry *e = &found.v[i];

		if (e->sev != SEV_ERROR)
			continue;
		if (strcmp(e->text, "duplicate entry defined") == 0)
			conv_error(c, old_place(c, e->path, &place),
				   "an earlier entry has the same name, device or path: 3.x allows one of "
				   "each, so join them");
		else
			conv_error(c, old_place(c, e->path, &place), "3.x refuses this: %s", e->text);
	}
}
