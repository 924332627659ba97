#include "ignition/disks/signature.h"
#include <blkid/blkid.h>
#include <errno.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"

enum { MAX_WIPES = 256 }; /* copies of superblocks are found one by one */

static void probe_freep(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

static int probe_new(int fd, const char *device, blkid_probe *ret, struct err *e)
{
	blkid_probe pr = blkid_new_probe();

	if (!pr)
		return -ENOMEM;
	errno = 0;
	if (blkid_probe_set_device(pr, fd, 0, 0) != 0) {
		int saved = errno ? errno : EIO;

		blkid_free_probe(pr);
		return err_errno(e, saved, "examining %s", device);
	}
	blkid_probe_enable_superblocks(pr, 1);
	*ret = pr;
	return 0;
}

static const char *value(blkid_probe pr, const char *name, struct arena *a)
{
	const char *s;

	if (blkid_probe_lookup_value(pr, name, &s, NULL) != 0)
		return "";
	return arena_strdup(a, s);
}

int signature_probe(int fd, const char *device, struct arena *a, struct signature *ret, bool *ret_ambiguous,
		    struct err *e)
{
	CLEANUP(probe_freep) blkid_probe pr = NULL;
	struct signature s = { "", "", "" };
	int r = probe_new(fd, device, &pr, e);

	if (!pr)
		return r;
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
	errno = 0;
	r = blkid_do_safeprobe(pr);
	*ret_ambiguous = r == -2;
	if (r == -2) {
		blkid_reset_probe(pr);
		r = blkid_do_probe(pr);
	}
	if (r < 0)
		return err_errno(e, errno ? errno : EIO, "looking for a file system on %s", device);
	if (r == 0) {
		s.type = value(pr, "TYPE", a);
		s.uuid = value(pr, "UUID", a);
		s.label = value(pr, "LABEL", a);
		if (!s.type || !s.uuid || !s.label)
			return -ENOMEM;
	}
	*ret = s;
	return 0;
}

int signature_wipe(int fd, const char *device, struct err *e)
{
	CLEANUP(probe_freep) blkid_probe pr = NULL;
	int r = probe_new(fd, device, &pr, e);

	if (!pr)
		return r;
	/* BADCSUM: a damaged superblock can come back to life just as well. */
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	for (int i = 0; (r = blkid_do_probe(pr)) == 0; i++) {
		errno = 0;
		if (i == MAX_WIPES)
			return err_text(e, EIO, "%s keeps showing signatures however often they are erased",
					device);
		if (blkid_do_wipe(pr, 0) != 0)
			return err_errno(e, errno ? errno : EIO, "erasing a signature on %s", device);
		/* A second copy may hide behind the one just erased. */
		blkid_probe_step_back(pr);
	}
	if (r < 0)
		return err_errno(e, errno ? errno : EIO, "looking for signatures on %s", device);
	return 0;
}
