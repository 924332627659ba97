/* Units of systemd and networkd. */
#include "ignition/config/v2/rules_priv.h"
#include <string.h>

struct dropin_list {
	const struct ign2_dropin *v;
	size_t n;
};

static void check_dropins(struct rules *r, const struct cfg_path *at, struct dropin_list dropins,
			  bool networkd)
{
	for (size_t i = 0; i < dropins.n; i++) {
		const struct cfg_path *item = CFG_ENTRY(at, i), *name = CFG_CHILD(item, "name");
		bool install;

		if (!v_unit_content(&r->v, CFG_CHILD(item, "contents"), dropins.v[i].contents, &install) &&
		    r->minor == 0)
			continue;
		if (!networkd)
			old_dropin_name(&r->v, name, dropins.v[i].name);
		else if (strcmp(v_extension(dropins.v[i].name), ".conf") != 0)
			v_error(&r->v, name, "invalid networkd drop-in extension");
	}
}

/* Whether the unit's members are worth a look. */
static bool check_contents(struct rules *r, const struct cfg_path *at, const struct ign2_unit *u)
{
	bool install, enabled = u->enable.v || u->enabled.v;

	if (!v_unit_content(&r->v, at, u->contents, &install))
		return r->minor >= 1;
	if (enabled && *u->contents && !install)
		v_warn(&r->v, at, "unit \"%s\" is enabled, but has no install section so enable does nothing",
		       u->name);
	return true;
}

void rules_systemd(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->systemd.units.n; i++) {
		const struct ign2_unit *u = &r->config->systemd.units.v[i];
		const struct cfg_path *item = CFG_ENTRY(CFG_CHILD(at, "units"), i);

		if (!check_contents(r, CFG_CHILD(item, "contents"), u))
			continue;
		if (r->minor == 0)
			old_systemd_name(&r->v, CFG_CHILD(item, "name"), u->name);
		check_dropins(r, CFG_CHILD(item, "dropins"),
			      (struct dropin_list){ u->dropins.v, u->dropins.n }, false);
		if (r->minor >= 1)
			old_systemd_name(&r->v, CFG_CHILD(item, "name"), u->name);
	}
}

void rules_networkd(struct rules *r, const struct cfg_path *at)
{
	for (size_t i = 0; i < r->config->networkd.units.n; i++) {
		const struct ign2_networkd_unit *u = &r->config->networkd.units.v[i];
		const struct cfg_path *item = CFG_ENTRY(CFG_CHILD(at, "units"), i);
		size_t errors = r_errors(r);
		bool install;

		if (v_unit_content(&r->v, CFG_CHILD(item, "contents"), u->contents, &install) ||
		    r->minor >= 1)
			old_networkd_name(&r->v, CFG_CHILD(item, "name"), u->name);
		if (r_errors(r) == errors)
			check_dropins(r, CFG_CHILD(item, "dropins"),
				      (struct dropin_list){ u->dropins.v, u->dropins.n }, true);
	}
}
