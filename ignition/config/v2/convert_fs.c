/*
 * File systems: 2.x nodes name theirs, 3.x nodes have one tree of paths. A name becomes the place
 * below which the file system can be reached while the files are written.
 */
#include "ignition/config/v2/convert_priv.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/config/validate_priv.h"

/* Where 0.x had the root mounted, for configs that name file systems by their path. */
static const char sysroot[] = "/sysroot";

/* A mount point is one name in /tmp. The prefix is copied for each node, so a path is held to this too. */
enum { PREFIX_MAX = NAME_MAX };

/* Where Flatcar mounts its OEM partition, and its own converter too; /usr is read-only there. */
static const char oem_path[] = "/oem";

enum fs_kind { FS_ROOT, FS_OEM, FS_OTHER, FS_PATH, FS_UNREACHABLE };

struct conv_fs {
	enum fs_kind kind;
	const char *prefix; /* "" = the top of the root */
	const char *device; /* simplified */
	bool used;
	size_t same; /* the first one on the same device, perhaps itself; SIZE_MAX: no device */
};

static const struct cfg_path *fs_at(size_t i, struct place *ret)
{
	return origin_place(&(struct origin){ .list = L_FILESYSTEMS, .idx = i }, ret);
}

static bool device_is(const char *device, const char *label)
{
	static const char *const dirs[] = { "/dev/disk/by-label/", "/dev/disk/by-partlabel/" };

	for (size_t i = 0; device && i < ARRAY_SIZE(dirs); i++)
		if (strncmp(device, dirs[i], strlen(dirs[i])) == 0 &&
		    strcmp(device + strlen(dirs[i]), label) == 0)
			return true;
	return false;
}

/* Before 2.1 a label could be given only as an option of mkfs, which is the same for all formats. */
static bool options_label(const struct strlist *options, const char *label)
{
	static const char *const flags[] = { "-L", "--label", "--label=" }; /* the longest that fits counts */

	for (size_t i = 0; i < options->n; i++) {
		const char *value = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
			if (strncmp(options->v[i], flags[k], strlen(flags[k])) == 0)
				value = options->v[i] + strlen(flags[k]);
		if (value && !*value && i + 1 < options->n)
			value = options->v[i + 1];
		if (value && strcmp(value, label) == 0)
			return true;
	}
	return false;
}

/* Container Linux and Flatcar boot what has this label. */
static bool is_labelled_root(const struct ign2_mount *m)
{
	return device_is(m->device, "ROOT") || (m->label && strcmp(m->label, "ROOT") == 0) ||
	       options_label(m->create.given ? &m->create.options : &m->options, "ROOT");
}

static enum fs_kind kind_of(const struct ign2_filesystem *fs)
{
	const char *name = fs->name ? fs->name : "";

	if (!fs->mount.given)
		return FS_PATH;
	if (strcmp(name, "root") == 0 || is_labelled_root(&fs->mount))
		return FS_ROOT;
	if (strcasecmp(name, "oem") == 0 || device_is(fs->mount.device, "OEM"))
		return FS_OEM;
	return FS_OTHER;
}

/*
 * A mount point that the device alone decides, since configs that are merged meet at the device. In
 * /tmp, where the running system mounts its own over what is left of it.
 */
static const char *mount_point(struct conv *c, const char *device)
{
	static const char head[] = "/tmp/ign";
	char *out = arena_alloc_text(c->arena, sizeof(head) + 3 * strlen(device));
	size_t w = sizeof(head) - 1;

	if (!out) {
		c->r = -ENOMEM;
		return "";
	}
	memcpy(out, head, w);
	for (const char *p = device; *p; p++) {
		bool escape = *p == ':' || *p == '%';

		if (escape) {
			memcpy(out + w, *p == ':' ? "%3A" : "%25", 3);
			w += 3;
		} else {
			out[w++] = *p == '/' ? ':' : *p;
		}
	}
	out[w] = '\0';
	return out;
}

static void name_path(struct conv *c, struct conv_fs *fs, const char *path)
{
	const char *clean = conv_clean(c, "", path);
	size_t n = strlen(sysroot);

	if (!clean)
		return;
	if (strncmp(clean, sysroot, n) == 0 && (clean[n] == '/' || clean[n] == '\0'))
		fs->prefix = clean + n;
	else
		fs->kind = FS_UNREACHABLE;
}

void conv_fs_names(struct conv *c)
{
	size_t n = c->in->storage.filesystems.n;
	const char **devices = conv_alloc(c, n, sizeof(*devices));
	struct conv_same same;

	c->fs = conv_alloc(c, n, sizeof(*c->fs));
	c->fs_names = conv_alloc(c, 1, sizeof(*c->fs_names));
	if (c->r < 0 || text_set_init(c->fs_names, c->arena, n) < 0) {
		c->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		const struct ign2_filesystem *old = &c->in->storage.filesystems.v[i];
		struct conv_fs *fs = &c->fs[i];
		struct place place;

		*fs = (struct conv_fs){ .kind = kind_of(old), .same = SIZE_MAX, .prefix = "" };
		if (old->name)
			text_set_add(c->fs_names, old->name, n - 1 - i);
		if (fs->kind == FS_PATH) {
			name_path(c, fs, old->path ? old->path : "/");
			continue;
		}
		devices[i] = conv_device(c, CFG_CHILD(CFG_CHILD(fs_at(i, &place), "mount"), "device"),
					 old->mount.device);
		fs->device = devices[i];
		if (fs->kind == FS_OEM)
			fs->prefix = oem_path;
		else if (fs->kind == FS_OTHER)
			fs->prefix = mount_point(c, devices[i] ? devices[i] : "");
	}
	text_set_sort(c->fs_names);
	if (c->r < 0 || !conv_same(c, devices, n, sizeof(*devices), 0, &same))
		return;
	for (size_t i = 0; i < n; i++) {
		if (devices[i]) {
			c->fs[i].same = same.first[i];
			c->fs[i].prefix = c->fs[same.first[i]].prefix;
		}
	}
}

/* The last definition of a name is the one that counts. */
static size_t find_name(const struct conv *c, const char *name)
{
	const struct text_ref *ref = text_set_find(c->fs_names, name, strlen(name));

	return ref ? c->in->storage.filesystems.n - 1 - ref->idx : SIZE_MAX;
}

static bool is_root(const struct conv_fs *fs)
{
	return fs->kind == FS_ROOT || (fs->kind == FS_PATH && !*fs->prefix);
}

/* Told once, where the file system is defined. */
static bool may_be_used(struct conv *c, const struct ign2_filesystem *old, struct conv_fs *fs,
			const struct cfg_path *at)
{
	const struct cfg_path *device = CFG_CHILD(CFG_CHILD(at, "mount"), "device");

	if (fs->used)
		return fs->kind != FS_UNREACHABLE;
	fs->used = true;
	if (strlen(fs->prefix) > PREFIX_MAX) {
		conv_error(
			c, fs->kind == FS_PATH ? CFG_CHILD(at, "path") : device,
			"too long to write files there: that takes a directory whose name comes from this and "
			"has at most %d bytes",
			PREFIX_MAX);
		fs->kind = FS_UNREACHABLE;
		return false;
	}
	if (fs->kind == FS_UNREACHABLE)
		conv_error(
			c, CFG_CHILD(at, "path"),
			"a directory of the initramfs, which is gone after boot: 3.x writes to the root only, for "
			"which write a path below %s",
			sysroot);
	else if (fs->kind == FS_ROOT && !is_labelled_root(&old->mount))
		conv_warn(c, device,
			  "files of the file system \"root\" are written to the root that is booted, which "
			  "may be another device than this");
	else if (fs->kind == FS_OTHER && old->mount.format && strcmp(old->mount.format, "swap") == 0)
		conv_error(c, CFG_CHILD(CFG_CHILD(at, "mount"), "format"),
			   "no file can be written to a swap area");
	return fs->kind != FS_UNREACHABLE;
}

const char *conv_fs_prefix(struct conv *c, const struct cfg_path *at, const char *name)
{
	size_t i = find_name(c, name ? name : "");
	struct place place;

	if (i != SIZE_MAX)
		return may_be_used(c, &c->in->storage.filesystems.v[i], &c->fs[i], fs_at(i, &place))
			       ? c->fs[i].prefix
			       : NULL;
	if (name && strcmp(name, "root") == 0)
		return "";
	conv_error(c, at,
		   "the file system \"%s\" is not defined in this config, and 3.x has no names that other "
		   "configs could use: define it here too",
		   name ? name : "");
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const struct strlist *a, const struct strlist *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->v[i], b->v[i]) == 0;
	return same;
}

static bool same_mount(const struct ign2_mount *a, const struct ign2_mount *b)
{
	return same_text(a->format, b->format) && same_text(a->label, b->label) &&
	       same_text(a->uuid, b->uuid) && same_list(&a->options, &b->options) &&
	       a->create.given == b->create.given && a->create.force.v == b->create.force.v &&
	       same_list(&a->create.options, &b->create.options) &&
	       a->wipe_filesystem.v == b->wipe_filesystem.v;
}

/*
 * The OEM partition has been btrfs in Flatcar's images since 2021, while configs of before say ext4;
 * its own converter says btrfs for every one that is not to be wiped.
 */
static const char *oem_format(struct conv *c, const struct cfg_path *at, const char *format, bool wipe)
{
	if (wipe || !format || strcmp(format, "ext4") != 0)
		return format;
	conv_warn(
		c, at,
		"becomes btrfs, which is what the OEM partition is on current images; an ext4 one is refused "
		"then, so write a 3.x config for machines that have it");
	return "btrfs";
}

static void convert_mount(struct conv *c, const struct cfg_path *at, size_t i, struct ign_filesystem *ret)
{
	const struct ign2_mount *old = &c->in->storage.filesystems.v[i].mount;
	const struct conv_fs *fs = &c->fs[i];
	bool wipe = old->wipe_filesystem.v || (old->create.given && old->create.force.v);

	*ret = (struct ign_filesystem){ .device = fs->device,
					.format = old->format,
					.label = old->label,
					.uuid = conv_text(old->uuid),
					.options = old->create.given ? old->create.options : old->options,
					.wipe_filesystem = { wipe, wipe } };
	if (fs->kind == FS_OEM)
		ret->format = oem_format(c, CFG_CHILD(at, "format"), old->format, wipe);
	if (old->create.given && !wipe)
		conv_warn(
			c, CFG_CHILD(at, "create"),
			"without force, Ignition 0.x refused any device that holds a file system; 3.x uses one that is "
			"already %s and refuses all others",
			ret->format ? ret->format : "such");
}

void conv_filesystems(struct conv *c)
{
	size_t n = c->in->storage.filesystems.n;
	size_t *slot = conv_alloc(c, n, sizeof(*slot));

	c->out->storage.filesystems.v = conv_alloc(c, n, sizeof(*c->out->storage.filesystems.v));
	c->from[L_FILESYSTEMS] = conv_alloc(c, n, sizeof(*c->from[L_FILESYSTEMS]));
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		const struct ign2_filesystem *old = &c->in->storage.filesystems.v[i];
		const struct conv_fs *fs = &c->fs[i];
		struct origin first = { .list = L_FILESYSTEMS, .idx = fs->same };
		struct place place;
		const struct cfg_path *at = fs_at(i, &place);
		char text[PLACE_TEXT];

		if (fs->same == SIZE_MAX) {
			if (!fs->used && !is_root(fs))
				conv_info(c, at, "nothing is written to this file system, so it is left out");
			continue;
		}
		if (first.idx == i) {
			slot[i] = c->out->storage.filesystems.n++;
			convert_mount(c, CFG_CHILD(at, "mount"), i, &c->out->storage.filesystems.v[slot[i]]);
			c->from[L_FILESYSTEMS][slot[i]] = (struct origin){ .list = L_FILESYSTEMS, .idx = i };
		} else if (!same_mount(&old->mount, &c->in->storage.filesystems.v[first.idx].mount)) {
			conv_error(c, CFG_CHILD(CFG_CHILD(at, "mount"), "device"),
				   "%s describes this device too, and differently: 3.x has one file system "
				   "for each device",
				   origin_text(c, &first, text));
		}
		if (fs->used && *fs->prefix && c->fs[first.idx].kind != FS_ROOT)
			c->out->storage.filesystems.v[slot[first.idx]].path = fs->prefix;
	}
}
