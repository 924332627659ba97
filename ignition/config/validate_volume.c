/* Filesystems and encrypted volumes. */
#include "ignition/config/validate_priv.h"
#include <errno.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/jscan.h"

enum { LUKS_LABEL_MAX = 47, VIRTIOFS_TAG_MAX = 36 };

static const struct format {
	const char *name;
	unsigned since;
	size_t label_max; /* bytes; 0 = no rule */
} formats[] = {
	{ "ext4", 0, 16 }, { "btrfs", 0, 256 }, { "xfs", 0, 12 },     { "swap", 0, 15 },
	{ "vfat", 0, 11 }, { "none", 3, 0 },    { "virtiofs", 7, 0 },
};

static const struct format *find_format(const char *name, unsigned minor)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(formats); i++)
		if (formats[i].since <= minor && strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static void check_virtiofs_tag(struct vctx *v, const struct cfg_path *at, const char *tag)
{
	if (!v_given(tag))
		v_error(v, at, "device not specified");
	else if (strlen(tag) > VIRTIOFS_TAG_MAX)
		v_error(v, at, "virtiofs device tag cannot be longer than 36 bytes");
}

static void check_virtiofs(struct vctx *v, const struct cfg_path *at, const struct ign_filesystem *fs)
{
	if (v_given(fs->label))
		v_error(v, CFG_CHILD(at, "label"), "filesystem labels cannot be set when using virtiofs");
	if (v_given(fs->uuid))
		v_error(v, CFG_CHILD(at, "uuid"),
			"filesystem uuid cannot be set for non-block-device filesystems");
	if (fs->wipe_filesystem.v)
		v_error(v, CFG_CHILD(at, "wipeFilesystem"),
			"wipeFilesystem cannot be set for non-block-device filesystems");
	if (fs->options.n)
		v_error(v, CFG_CHILD(at, "options"),
			"filesystem options (mkfs) cannot be set for non-block-device filesystems");
}

void v_filesystem_label(struct vctx *v, const struct cfg_path *at, const char *format, const char *label)
{
	const struct format *f = find_format(format, v->minor);

	if (f && f->label_max && label && strlen(label) > f->label_max)
		v_error(v, at, "filesystem labels cannot be longer than %zu characters when using %s",
			f->label_max, f->name);
}

static void check_format(struct vctx *v, const struct cfg_path *at, const struct ign_filesystem *fs)
{
	const struct format *f = find_format(fs->format, v->minor);

	if (!v_given(fs->format)) {
		if (v_given(fs->path) || v_given(fs->label) || v_given(fs->uuid) || fs->wipe_filesystem.v ||
		    fs->options.n || fs->mount_options.n)
			v_error(v, CFG_CHILD(at, "format"),
				"format cannot be empty when path, label, uuid, wipeFilesystem, options, or "
				"mountOptions is specified");
		if (v_given(fs->label))
			v_error(v, CFG_CHILD(at, "label"),
				"filesystem must specify format if label is specified");
	} else if (!f) {
		v_error(v, CFG_CHILD(at, "format"), "invalid filesystem format");
	} else {
		v_filesystem_label(v, CFG_CHILD(at, "label"), fs->format, fs->label);
	}
}

/* The disk of the same name, when the config describes it. */
static void check_disk_below(struct vctx *v, const struct cfg_path *at, const struct text_set *disks,
			     const struct ign_filesystem *fs)
{
	const struct text_ref *ref = text_set_find(disks, fs->device, strlen(fs->device));
	const struct ign_disk *d = ref ? &v->config->storage.disks.v[disks->n - 1 - ref->idx] : NULL;

	if (d && d->partitions.n)
		v_warn(v, at, "filesystem overwrites partitioned device");
	else if (d && d->wipe_table.v && !fs->wipe_filesystem.v)
		v_warn(v, at, "device matches disk with wipeTable enabled; filesystem will be wiped");
}

void v_filesystem_disks(struct vctx *v, const struct cfg_path *at)
{
	const struct ign_storage *s = &v->config->storage;
	struct text_set disks;

	if (text_set_init(&disks, v->arena, s->disks.n) < 0) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < s->disks.n; i++) /* of two with one name the last is found, as upstream does */
		text_set_add(&disks, s->disks.v[i].device, s->disks.n - 1 - i);
	text_set_sort(&disks);
	for (size_t i = 0; i < s->filesystems.n; i++)
		check_disk_below(v, CFG_CHILD(CFG_ENTRY(at, i), "device"), &disks, &s->filesystems.v[i]);
}

void v_filesystems(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.filesystems.n; i++) {
		const struct ign_filesystem *fs = &v->config->storage.filesystems.v[i];
		const struct cfg_path *item = CFG_ENTRY(at, i);
		const struct format *f = find_format(fs->format, v->minor);

		bool virtiofs = f && strcmp(f->name, "virtiofs") == 0;

		if (v_given(fs->path))
			v_path(v, CFG_CHILD(item, "path"), fs->path);
		if (virtiofs)
			check_virtiofs_tag(v, CFG_CHILD(item, "device"), fs->device);
		else
			v_path(v, CFG_CHILD(item, "device"), fs->device);
		check_format(v, item, fs);
		if (virtiofs)
			check_virtiofs(v, item, fs);
	}
}

/* Whether custom says anything that must be complete. 3.2 looked at its two strings only. */
static bool custom_given(const struct vctx *v, const struct ign_clevis_custom *c)
{
	return v_given(c->pin) || v_given(c->config) || (v->minor >= 3 && c->needs_network.v);
}

/* Whether it excludes the other ways. In 3.2 it did by being there at all. */
static bool custom_claims(const struct vctx *v, const struct ign_clevis_custom *c)
{
	return v->minor >= 3 ? v_given(c->pin) : c->given;
}

static bool clevis_other_than_custom(const struct ign_clevis *c)
{
	return c->tang.n || c->tpm2.v || c->threshold.v;
}

static void check_pin(struct vctx *v, const struct cfg_path *at, const struct ign_clevis_custom *c)
{
	const struct cfg_path *pin = CFG_CHILD(at, "pin");
	bool known = v_given(c->pin) && (strcmp(c->pin, "tpm2") == 0 || strcmp(c->pin, "tang") == 0 ||
					 strcmp(c->pin, "sss") == 0);

	if (!custom_given(v, c))
		return;
	if (!v_given(c->pin) && v->minor >= 3)
		v_error(v, pin, "missing required custom clevis pin");
	else if (!known && v->minor < 6)
		v_error(v, pin, "unsupported clevis pin");
	if (!v_given(c->config))
		v_error(v, CFG_CHILD(at, "config"), "missing required custom clevis config");
}

static void check_tang(struct vctx *v, const struct cfg_path *at, const struct ign_tang *t)
{
	struct jscan_fault fault;
	int r;

	v_tang_url(v, CFG_CHILD(at, "url"), t->url);
	if (!v_given(t->thumbprint))
		v_error(v, CFG_CHILD(at, "thumbprint"), "thumbprint is required");
	r = v_given(t->advertisement) ? jscan_check(t->advertisement, strlen(t->advertisement), &fault) : 0;
	if (r == -ENOMEM)
		v->r = r;
	else if (r < 0)
		v_error(v, CFG_CHILD(at, "advertisement"), "advertisement is not valid JSON");
}

static void check_luks(struct vctx *v, const struct cfg_path *at, const struct ign_luks *l)
{
	const struct cfg_path *clevis = CFG_CHILD(at, "clevis"), *cex = CFG_CHILD(at, "cex");

	if (l->name && strchr(l->name, '/'))
		v_error(v, CFG_CHILD(at, "name"), "device names cannot contain slashes");
	if (l->label && strlen(l->label) > LUKS_LABEL_MAX)
		v_error(v, CFG_CHILD(at, "label"), "luks device labels cannot be longer than 47 characters");
	if (!v_given(l->device))
		v_error(v, CFG_CHILD(at, "device"), "disk device is required");
	else
		v_path(v, CFG_CHILD(at, "device"), l->device);
	if (custom_claims(v, &l->clevis.custom) && clevis_other_than_custom(&l->clevis))
		v_error(v, clevis, "cannot use custom clevis config with tpm2, tang, or threshold");
	if (l->cex.enabled.v && (v_given(l->clevis.custom.pin) || clevis_other_than_custom(&l->clevis)))
		v_error(v, cex, "cannot use cex with clevis");
	if (l->cex.enabled.v && v_given(l->key_file.source))
		v_error(v, cex, "cannot use key file with cex");
	check_pin(v, CFG_CHILD(clevis, "custom"), &l->clevis.custom);
	for (size_t i = 0; i < l->clevis.tang.n; i++)
		check_tang(v, CFG_ENTRY(CFG_CHILD(clevis, "tang"), i), &l->clevis.tang.v[i]);
	v_resource(v, CFG_CHILD(at, "keyFile"), &l->key_file);
}

void v_luks(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.luks.n; i++)
		check_luks(v, CFG_ENTRY(at, i), &v->config->storage.luks.v[i]);
}
