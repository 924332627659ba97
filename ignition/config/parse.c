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
#include "ignition/config/v1/v1.h"
#include "ignition/config/v2/v2.h"
#include "ignition/config/version.h"

union document {
	struct ign1_config v1;
	struct ign2_config v2;
	struct ign_config v3;
};

static int check_v1(const union document *d, unsigned minor, struct report *rep)
{
	(void)minor;
	return ign1_validate(&d->v1, rep);
}

static int check_v2(const union document *d, unsigned minor, struct report *rep)
{
	return ign2_validate(&d->v2, minor, rep);
}

static int check_v3(const union document *d, unsigned minor, struct report *rep)
{
	return ign_validate_document(&d->v3, minor, false, rep);
}

static int renew_v1(const union document *d, unsigned minor, struct arena *a, struct report *rep,
		    struct ign_config *ret)
{
	(void)minor;
	return ign1_convert(&d->v1, a, rep, ret);
}

static int renew_v2(const union document *d, unsigned minor, struct arena *a, struct report *rep,
		    struct ign_config *ret)
{
	return ign2_convert(&d->v2, minor, a, rep, ret);
}

static int renew_v3(const union document *d, unsigned minor, struct arena *a, struct report *rep,
		    struct ign_config *ret)
{
	(void)a;
	(void)rep;
	*ret = d->v3;
	ign_translate(ret, minor);
	return 0;
}

/* By major version: how a document is read, checked by the rules of its version, and made a newest one. */
static const struct format {
	const struct cfg_desc *desc;
	int (*decode)(const struct cfg_desc *desc, struct json_object *obj, unsigned minor, struct arena *a,
		      struct report *rep, void *out);
	int (*check)(const union document *d, unsigned minor, struct report *rep);
	int (*renew)(const union document *d, unsigned minor, struct arena *a, struct report *rep,
		     struct ign_config *ret);
} formats[] = {
	[1] = { &ign1_config_desc, cfg_decode_v0, check_v1, renew_v1 },
	[2] = { &ign2_config_desc, cfg_decode_v0, check_v2, renew_v2 },
	[3] = { &ign_config_desc, cfg_decode, check_v3, renew_v3 },
};

/* How far it came is kept in s, for the hints. */
static int parse_located(struct hint_source *s, struct arena *a, struct report *rep, struct ign_config *ret,
			 struct err *e)
{
	CLEANUP(tree_freep) struct json_object *root = NULL;
	CLEANUP(report_done) struct report keys = { 0 };
	union document d = { 0 };
	struct ign_config c;
	const struct format *f;
	struct ign_version version;
	int r = tree_read(s->text, s->len, rep, &root, e);

	if (r < 0)
		return r;
	s->json = true;
	r = ign_version_find(root, rep, &version, e);
	if (r < 0)
		return ign_advise_version(rep, root) < 0 ? -ENOMEM : r;
	f = &formats[version.major];
	s->desc = f->desc;
	s->major = version.major;
	s->minor = version.minor;
	r = f->decode(f->desc, root, version.minor, a, &keys, &d);
	if (r < 0)
		return r;
	/* wrong types first, rules next, unused keys last; rules over a half-read config would mislead */
	if (!report_fatal(&keys))
		r = f->check(&d, version.minor, rep);
	if (r == 0)
		r = report_take(rep, &keys);
	if (r == 0)
		r = ign_advise_modes(rep, s, &d);
	if (r == 0 && !report_fatal(rep))
		r = f->renew(&d, version.minor, a, rep, &c);
	if (r < 0)
		return r;
	if (report_fatal(rep))
		return config_not_valid(e);
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
