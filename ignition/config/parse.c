#include "ignition/config/config.h"
#include <errno.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/hints.h"
#include "ignition/config/parse_priv.h"
#include "ignition/config/tree.h"
#include "ignition/config/version.h"

/* How far it came is kept in s, for the hints. */
static int parse_located(struct hint_source *s, struct arena *a, struct report *rep, struct ign_config *ret,
			 struct err *e)
{
	CLEANUP(tree_freep) struct json_object *root = NULL;
	CLEANUP(report_done) struct report keys = { 0 };
	struct ign_config c = { 0 };
	struct ign_version version;
	int r = tree_read(s->text, s->len, rep, &root, e);

	if (r < 0)
		return r;
	s->json = true;
	r = ign_version_find(root, rep, &version, e);
	if (r < 0)
		return ign_advise_version(rep, root) < 0 ? -ENOMEM : r;
	s->desc = &ign_config_desc;
	s->major = version.major;
	s->minor = version.minor;
	r = cfg_decode(&ign_config_desc, root, version.minor, a, &keys, &c);
	if (r < 0)
		return r;
	/* wrong types first, rules next, unused keys last; rules over a half-read config would mislead */
	if (!report_fatal(&keys))
		r = ign_validate_document(&c, version.minor, false, rep);
	if (r == 0)
		r = report_take(rep, &keys);
	if (r == 0)
		r = ign_advise_modes(rep, s, &c);
	if (r < 0)
		return r;
	if (report_fatal(rep))
		return config_not_valid(e);
	ign_translate(&c, version.minor);
	*ret = c;
	return 0;
}

int ign_config_parse(const char *text, size_t len, struct arena *a, struct report *rep,
		     struct ign_config *ret, struct err *e)
{
	struct hint_source s = { .text = text, .len = len };
	int r;

	if (len == 0)
		return err_text(e, ENODATA, "not a config (empty)");
	r = parse_located(&s, a, rep, ret, e);
	if (r != -ENOMEM && rep->n && len <= IGN_CONFIG_MAX_BYTES &&
	    (report_locate(rep, text, len) < 0 || ign_hints_add(rep, &s) < 0))
		r = -ENOMEM;
	return r == -ENOMEM ? err_errno(e, ENOMEM, "parsing config") : r;
}

int ign_config_parse_cache(const char *text, size_t len, struct arena *a, struct ign_config *ret,
			   struct err *e)
{
	CLEANUP(tree_freep) struct json_object *root = NULL;
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf why = { 0 };
	struct ign_config c = { 0 };
	int r = tree_read(text, len, &rep, &root, e);

	if (r == 0)
		r = cfg_decode(&ign_config_desc, root, IGN_MINOR_EXPERIMENTAL, a, &rep, &c);
	if (r == -ENOMEM)
		return err_errno(e, ENOMEM, "parsing config");
	if (r == 0 && !report_fatal(&rep)) {
		struct ign_version version;

		/* Another format may mean something else by a name, and {} is no config that a fetch left. */
		if (ign_version_parse(c.ignition.version, &version) < 0 || version.major != 3)
			return err_text(e, EBADMSG,
					"has version \"%.40s\", so it was not written by this program; "
					"run the fetch stage again",
					c.ignition.version);
		*ret = c;
		return 0;
	}
	if (!report_fatal(&rep))
		return r;
	(void)report_locate(&rep, text, len);
	for (size_t i = 0; i < rep.n; i++) {
		if (rep.v[i].sev != SEV_ERROR)
			continue;
		(void)report_format(&rep.v[i], &why);
		break;
	}
	return err_text(e, EBADMSG, "%s", buf_str(&why));
}

void ign_config_init(struct ign_config *c)
{
	*c = (struct ign_config){ .ignition.version = ign_version_newest };
}
