#include "ignition/config/config.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/report.h"
#include "ignition/config/parse_priv.h"
#include "ignition/config/validate_priv.h"
#include "ignition/config/version.h"

void v_add(struct vctx *v, enum severity sev, const struct cfg_path *at, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = report_vadd(v->report, sev, AT_VALUE, at, fmt, ap);
	va_end(ap);
	if (r < 0)
		v->r = r;
}

static void check_ignition(struct vctx *v, const struct cfg_path *at)
{
	const struct ign_ignition *ign = &v->config->ignition;
	const struct cfg_path *config = CFG_CHILD(at, "config"), *proxy = CFG_CHILD(at, "proxy");
	const struct cfg_path *cas = CFG_CHILD(CFG_CHILD(CFG_CHILD(at, "security"), "tls"),
					       "certificateAuthorities");
	const struct ign_resource *ca = ign->security.tls.certificate_authorities.v;
	size_t n_cas = ign->security.tls.certificate_authorities.n;

	for (size_t i = 0; v->minor >= 1 && i < ign->config.merge.n; i++)
		v_source_required(v, CFG_ENTRY(CFG_CHILD(config, "merge"), i), &ign->config.merge.v[i]);
	for (size_t i = 0; i < ign->config.merge.n; i++)
		v_resource(v, CFG_ENTRY(CFG_CHILD(config, "merge"), i), &ign->config.merge.v[i]);
	v_resource(v, CFG_CHILD(config, "replace"), &ign->config.replace);
	v_proxy(v, CFG_CHILD(proxy, "httpProxy"), ign->proxy.http_proxy, false);
	v_proxy(v, CFG_CHILD(proxy, "httpsProxy"), ign->proxy.https_proxy, true);
	for (size_t i = 0; v->minor >= 1 && i < n_cas; i++)
		v_source_required(v, CFG_ENTRY(cas, i), &ca[i]);
	for (size_t i = 0; i < n_cas; i++) {
		if (v->minor == 0 && !v_given(ca[i].source)) /* there a plain string, and "" no URL */
			v_url(v, CFG_CHILD(CFG_ENTRY(cas, i), "source"), ca[i].source);
		v_resource(v, CFG_ENTRY(cas, i), &ca[i]);
	}
}

static void check_storage(struct vctx *v, const struct cfg_path *at)
{
	v_nodes_all(v, at);
	v_filesystem_disks(v, CFG_CHILD(at, "filesystems"));
	v_directories(v, CFG_CHILD(at, "directories"));
	v_disks(v, CFG_CHILD(at, "disks"));
	v_files(v, CFG_CHILD(at, "files"));
	v_filesystems(v, CFG_CHILD(at, "filesystems"));
	v_links(v, CFG_CHILD(at, "links"));
	v_luks(v, CFG_CHILD(at, "luks"));
	v_raid(v, CFG_CHILD(at, "raid"));
}

/* The rules in the order in which upstream reports: a struct's own, then its members'; duplicates last. */
int ign_validate_document(const struct ign_config *c, unsigned minor, bool merged, struct report *rep)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	struct vctx v = { .config = c, .report = rep, .arena = arena, .minor = minor, .merged = merged };

	if (!arena)
		return -ENOMEM;
	v_unit_paths(&v);
	check_ignition(&v, CFG_CHILD(NULL, "ignition"));
	check_storage(&v, CFG_CHILD(NULL, "storage"));
	v_systemd(&v, CFG_CHILD(NULL, "systemd"));
	return v.r < 0 ? v.r : cfg_check_duplicates(&ign_config_desc, c, rep);
}

int ign_config_validate(const struct ign_config *c, unsigned minor, struct report *rep)
{
	struct ign_version found;

	if (ign_version_parse(c->ignition.version ? c->ignition.version : "", &found) == -EINVAL &&
	    report_add(rep, SEV_ERROR, AT_VALUE, CFG_CHILD(CFG_CHILD(NULL, "ignition"), "version"),
		       "invalid config version (couldn't parse)") < 0)
		return -ENOMEM;
	return ign_validate_document(c, minor, true, rep);
}
