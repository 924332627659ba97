#include "ignition/config/v2/v2.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include "base/arena.h"
#include "ignition/config/config.h"
#include "ignition/config/v2/convert_priv.h"
#include "ignition/config/validate_priv.h"

void *conv_alloc(struct conv *c, size_t n, size_t size)
{
	void *p = arena_alloc(c->arena, (n + 1) * size);

	if (!p)
		c->r = -ENOMEM;
	return p;
}

char *conv_clean(struct conv *c, const char *prefix, const char *path)
{
	char *rooted = arena_printf(c->arena, "/%s", path);
	char *clean = rooted ? path_clean(c->arena, rooted) : NULL;

	if (clean && *prefix)
		clean = arena_printf(c->arena, "%s%s", prefix, clean[1] ? clean : "");
	if (!clean)
		c->r = -ENOMEM;
	return clean;
}

const char *conv_device(struct conv *c, const struct cfg_path *at, const char *path)
{
	char *clean = path_clean(c->arena, path ? path : "");

	if (!clean) {
		c->r = -ENOMEM;
		return path;
	}
	if (conv_given(path) && strstr(path, "..") && strcmp(clean, path) != 0)
		conv_info(c, at, "3.x allows no \"..\" here, so this becomes %s", clean);
	return conv_given(path) ? clean : path;
}

bool conv_same(struct conv *c, const void *list, size_t n, size_t stride, size_t name_off,
	       struct conv_same *ret)
{
	struct text_set names;

	*ret = (struct conv_same){ conv_alloc(c, n, sizeof(size_t)), conv_alloc(c, n, sizeof(size_t)) };
	if (c->r < 0 || text_set_init(&names, c->arena, n) < 0) {
		c->r = -ENOMEM;
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const char *entry = (const char *)list + i * stride + name_off;
		const char *name = *(const char *const *)(const void *)entry;

		text_set_add(&names, name ? name : "", i);
	}
	text_set_sort(&names);
	for (size_t k = 0; k < n; k++) {
		size_t i = names.v[k].idx;

		ret->next[i] = SIZE_MAX;
		ret->first[i] = i;
		if (k && strcmp(names.v[k].s, names.v[k - 1].s) == 0) {
			ret->first[i] = ret->first[names.v[k - 1].idx];
			ret->next[names.v[k - 1].idx] = i;
		}
	}
	return true;
}

struct strlist conv_unique(struct conv *c, const struct cfg_path *at, const struct strlist *in)
{
	struct strlist out = { conv_alloc(c, in->n, sizeof(*out.v)), 0 };
	struct conv_same same;

	if (in->n < 2 || !out.v || !conv_same(c, in->v, in->n, sizeof(*in->v), 0, &same))
		return *in;
	for (size_t i = 0; i < in->n; i++) {
		if (same.first[i] == i)
			out.v[out.n++] = in->v[i];
		else
			conv_info(c, CFG_ENTRY(at, i), "the same as entry %zu of this list: left out",
				  same.first[i]);
	}
	return out;
}

char *conv_data_url(struct arena *a, const char *text)
{
	static const char hex[] = "0123456789ABCDEF", head[] = "data:,";
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:=";
	bool as_is[256] = { false };
	size_t n = sizeof(head), w = sizeof(head) - 1;
	char *out;

	for (const char *p = plain; *p; p++)
		as_is[(unsigned char)*p] = true;
	for (const char *p = text; *p; p++)
		n += as_is[(unsigned char)*p] ? 1 : 3;
	out = arena_alloc_text(a, n);
	if (!out)
		return NULL;
	memcpy(out, head, sizeof(head));
	for (const char *p = text; *p; p++) {
		unsigned char b = (unsigned char)*p;

		if (as_is[b]) {
			out[w++] = (char)b;
			continue;
		}
		out[w++] = '%';
		out[w++] = hex[b >> 4];
		out[w++] = hex[b & 15];
	}
	out[w] = '\0';
	return out;
}

int ign2_convert_from(const struct ign2_config *in, unsigned minor, const struct conv_rewrite *rewrite,
		      struct arena *a, struct report *rep, struct ign_config *ret)
{
	static void (*const parts[])(struct conv * c) = { conv_ignition, conv_passwd, conv_units,
							  conv_fs_names, conv_nodes,  conv_filesystems,
							  conv_disks,    conv_raid };
	struct ign_config out;
	struct conv c = {
		.in = in, .out = &out, .arena = a, .report = rep, .rewrite = rewrite, .minor = minor
	};
	size_t errors = rep->count[SEV_ERROR];

	ign_config_init(&out);
	for (size_t i = 0; c.r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i](&c);
	/* Each part keeps the rules it knows to be stricter; this tells what is left, at its old place. */
	if (c.r == 0 && rep->count[SEV_ERROR] == errors)
		conv_check(&c);
	if (c.r == 0 && !report_fatal(rep))
		*ret = out;
	return c.r;
}

int ign2_convert(const struct ign2_config *c, unsigned minor, struct arena *a, struct report *rep,
		 struct ign_config *ret)
{
	return ign2_convert_from(c, minor, NULL, a, rep, ret);
}
