#include "ignition/disks/fs.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/signature.h"

enum { UUID_TEXT_MAX = 64 };

struct fs_kind {
	const char *format; /* in the config */
	const char *type;   /* as libblkid names it; "" = nothing on the device */
	const char *tool;   /* NULL: nothing to run */
	const char *force_flag;
	const char *uuid_flag, *uuid_prefix;
	const char *label_flag;
	bool mountable;
};

static const struct fs_kind fs_kinds[] = {
	{ "ext4", "ext4", "mkfs.ext4", "-F", "-U", "", "-L", true },
	{ "btrfs", "btrfs", "mkfs.btrfs", "--force", "-U", "", "-L", true },
	{ "xfs", "xfs", "mkfs.xfs", "-f", "-m", "uuid=", "-L", true },
	{ "vfat", "vfat", "mkfs.fat", NULL, "-i", "", "-n", true },
	{ "swap", "swap", "mkswap", "-f", "-U", "", "-L", false },
	{ "none", "", NULL, NULL, NULL, NULL, NULL, false },
};

static const struct fs_kind *kind_of(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(fs_kinds); i++)
		if (strcmp(fs_kinds[i].format, format) == 0)
			return &fs_kinds[i];
	return NULL;
}

bool fs_is_made(const struct ign_filesystem *fs)
{
	return fs->format && strcmp(fs->format, "virtiofs") != 0;
}

bool fs_is_mounted(const struct ign_filesystem *fs)
{
	const struct fs_kind *kind;

	if (!fs->path || !*fs->path || !fs->format || !*fs->format)
		return false;
	kind = kind_of(fs->format);
	return !kind || kind->mountable;
}

/* Lower case; the volume id of vfat without its dash, which the tool does not take. */
static void uuid_canonical(const char *uuid, bool vfat, char ret[UUID_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; uuid[i] && n + 1 < UUID_TEXT_MAX; i++)
		if (!(vfat && i == 4 && uuid[i] == '-'))
			ret[n++] = tolower((unsigned char)uuid[i]);
	ret[n] = '\0';
}

static bool uuid_equal(const char *a, const char *b, bool vfat)
{
	char x[UUID_TEXT_MAX], y[UUID_TEXT_MAX];

	uuid_canonical(a, vfat, x);
	uuid_canonical(b, vfat, y);
	return strcmp(x, y) == 0;
}

int fs_decide(const struct ign_filesystem *fs, const struct signature *found, enum fs_action *ret,
	      struct err *e)
{
	const struct fs_kind *kind = kind_of(fs->format);
	const char *type = kind ? kind->type : fs->format;
	bool vfat = strcmp(type, "vfat") == 0;
	bool wipe = fs->wipe_filesystem.set && fs->wipe_filesystem.v;
	char wanted[256];
	const char *differs;

	if (!wipe) {
		differs = strcmp(type, found->type) != 0                                      ? "type"
			  : fs->label && strcmp(fs->label, found->label) != 0                 ? "label"
			  : fs->uuid && *fs->uuid && !uuid_equal(fs->uuid, found->uuid, vfat) ? "uuid"
											      : NULL;
		if (!differs) {
			*ret = FS_KEEP;
			return 0;
		}
		if (*found->type) {
			snprintf(wanted, sizeof(wanted), "%s \"%s\"", differs,
				 strcmp(differs, "type") == 0    ? fs->format
				 : strcmp(differs, "label") == 0 ? fs->label
								 : fs->uuid);
			return err_text(
				e, EEXIST,
				"filesystem is not of the correct type: found %s with uuid \"%s\" and label "
				"\"%s\", wanted %s (wipeFilesystem would replace it)",
				found->type, found->uuid, found->label, wanted);
		}
	}
	if (!kind)
		return err_text(e, EINVAL, "unsupported filesystem format: \"%s\"", fs->format);
	*ret = FS_MAKE;
	return 0;
}

int fs_make_argv(const struct ign_filesystem *fs, const char *node, struct arena *a, const char *const **ret,
		 struct err *e)
{
	const struct fs_kind *kind = kind_of(fs->format);
	const char **argv;
	char uuid[UUID_TEXT_MAX];
	size_t n = 0;

	if (!kind)
		return err_text(e, EINVAL, "unsupported filesystem format: \"%s\"", fs->format);
	if (!kind->tool) {
		*ret = NULL;
		return 0;
	}
	argv = arena_alloc(a, (fs->options.n + 8) * sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[n++] = kind->tool;
	for (size_t i = 0; i < fs->options.n; i++)
		argv[n++] = fs->options.v[i];
	if (kind->force_flag)
		argv[n++] = kind->force_flag;
	if (fs->uuid && *fs->uuid) {
		uuid_canonical(fs->uuid, strcmp(kind->type, "vfat") == 0, uuid);
		argv[n++] = kind->uuid_flag;
		argv[n] = arena_printf(a, "%s%s", kind->uuid_prefix, uuid);
		if (!argv[n++])
			return -ENOMEM;
	}
	if (fs->label) {
		argv[n++] = kind->label_flag;
		argv[n++] = fs->label;
	}
	argv[n++] = node;
	*ret = (const char *const *)argv;
	return 0;
}
