#include "ignition/config/config.h"
#include <string.h>
#include "base/buf.h"
#include "ignition/config/parse_priv.h"

enum { SPECIAL_BITS = 07000 }; /* setuid, setgid, sticky */

void ign_translate(struct ign_config *c, unsigned from_minor)
{
	struct ign_config newest;

	ign_config_init(&newest);
	c->ignition.version = newest.ignition.version;
	if (from_minor >= 6)
		return;
	/* before 3.3 a link's target was a plain string: one that was left out is "", and merged as such */
	for (size_t i = 0; from_minor < 3 && i < c->storage.links.n; i++)
		if (!c->storage.links.v[i].target)
			c->storage.links.v[i].target = "";
	/* in 3.2 so were the two of a custom clevis pin, whose object alone could be left out */
	for (size_t i = 0; from_minor == 2 && i < c->storage.luks.n; i++) {
		struct ign_clevis_custom *custom = &c->storage.luks.v[i].clevis.custom;

		custom->pin = custom->given && !custom->pin ? "" : custom->pin;
		custom->config = custom->given && !custom->config ? "" : custom->config;
	}
	/* before 3.6 these bits were accepted and had no effect */
	for (size_t i = 0; i < c->storage.files.n; i++)
		c->storage.files.v[i].mode.v &= ~(int64_t)SPECIAL_BITS;
	for (size_t i = 0; i < c->storage.directories.n; i++)
		c->storage.directories.v[i].mode.v &= ~(int64_t)SPECIAL_BITS;
}

int ign_config_merge(struct arena *a, const struct ign_config *parent, const struct ign_config *child,
		     struct ign_config *ret)
{
	struct ign_config out = { 0 };
	int r = cfg_merge(&ign_config_desc, parent, child, a, &out);

	if (r == 0)
		*ret = out;
	return r;
}

int ign_config_emit(const struct ign_config *c, struct buf *out)
{
	struct ign_config newest, copy = *c;

	ign_config_init(&newest);
	copy.ignition.version = newest.ignition.version;
	return cfg_emit(&ign_config_desc, &copy, 0, out);
}
