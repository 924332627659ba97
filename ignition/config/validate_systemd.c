#include "ignition/config/validate_priv.h"
#include <errno.h>
#include <string.h>
#include "base/cleanup.h"
#include "ignition/config/unit_file.h"

enum { WHY_MAX = 160 };

const char *v_extension(const char *name)
{
	const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');

	return dot ? dot : "";
}

bool v_unit_extension_ok(const char *name)
{
	static const char *const known[] = { ".service",   ".socket",   ".device", ".mount",
					     ".automount", ".swap",     ".target", ".path",
					     ".timer",     ".snapshot", ".slice",  ".scope" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(v_extension(name), known[i]) == 0)
			return true;
	return false;
}

bool v_unit_content(struct vctx *v, const struct cfg_path *at, const char *text, bool *ret_install)
{
	char why[WHY_MAX];

	*ret_install = false;
	if (!text || unit_file_check(text, ret_install, why, sizeof why) == 0)
		return true;
	v_error(v, at, "invalid unit content: %s", why);
	return false;
}

static void check_dropin(struct vctx *v, const struct cfg_path *at, const struct ign_dropin *d)
{
	bool install;

	(void)v_unit_content(v, CFG_CHILD(at, "contents"), d->contents, &install);
	if (strcmp(v_extension(d->name), ".conf") != 0)
		v_error(v, CFG_CHILD(at, "name"), "invalid systemd drop-in extension");
}

/* The template's part of "<prefix>@<instance>.service": its length with the '@', or 0. */
static size_t template_prefix(const char *name)
{
	static const char suffix[] = ".service";
	size_t n = strlen(name);
	const char *at = *name ? strchr(name + 1, '@') : NULL;

	if (!at || n < strlen(suffix) || strcmp(name + n - strlen(suffix), suffix) != 0 ||
	    strcspn(name, "\n") != n || at + 1 >= name + n - strlen(suffix))
		return 0;
	return (size_t)(at - name) + 1;
}

static void check_template(struct vctx *v, const struct cfg_path *at, const struct text_set *templates,
			   const struct ign_unit *u)
{
	size_t n = template_prefix(u->name);
	char name[300];

	if (n == 0 || n > 255)
		return;
	memcpy(name, u->name, n);
	memcpy(name + n, ".service", sizeof ".service");
	if (text_set_find(templates, name, strlen(name)))
		v_warn(v, at, "template unit \"%s\" for \"%s\" doesn't have Install section", name, u->name);
}

static void check_unit(struct vctx *v, const struct cfg_path *at, const struct ign_unit *u)
{
	const struct cfg_path *contents = CFG_CHILD(at, "contents");
	bool install, ok, enabled = u->enabled.set && u->enabled.v;

	if (!v_unit_extension_ok(u->name))
		v_error(v, CFG_CHILD(at, "name"), "invalid systemd unit extension");
	ok = v_unit_content(v, contents, u->contents, &install);
	if (ok && enabled && v_given(u->contents) && !install)
		v_warn(v, contents,
		       "unit \"%s\" is enabled, but has no install section so enable does nothing", u->name);
	for (size_t i = 0; i < u->dropins.n; i++)
		check_dropin(v, CFG_ENTRY(CFG_CHILD(at, "dropins"), i), &u->dropins.v[i]);
}

static bool is_template_without_install(const struct ign_unit *u)
{
	static const char suffix[] = "@.service";
	size_t n = strlen(u->name);
	char why[WHY_MAX];
	bool install;

	return n > strlen(suffix) && strcmp(u->name + n - strlen(suffix), suffix) == 0 &&
	       v_given(u->contents) && unit_file_check(u->contents, &install, why, sizeof why) == 0 &&
	       !install;
}

void v_systemd(struct vctx *v, const struct cfg_path *at)
{
	const struct ign_systemd *sd = &v->config->systemd;
	const struct cfg_path *units = CFG_CHILD(at, "units");
	struct text_set templates;

	if (text_set_init(&templates, v->arena, sd->units.n) < 0) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < sd->units.n; i++)
		if (is_template_without_install(&sd->units.v[i]))
			text_set_add(&templates, sd->units.v[i].name, i);
	text_set_sort(&templates);
	for (size_t i = 0; templates.n && i < sd->units.n; i++)
		if (sd->units.v[i].enabled.set && sd->units.v[i].enabled.v)
			check_template(v, CFG_CHILD(CFG_ENTRY(units, i), "contents"), &templates,
				       &sd->units.v[i]);
	for (size_t i = 0; i < sd->units.n; i++)
		check_unit(v, CFG_ENTRY(units, i), &sd->units.v[i]);
}
