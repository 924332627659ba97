/* The disks stage: partitions, then file systems; everything that can be refused is refused first. */
#include "ignition/stages.h"
#include <errno.h>
#include <stdio.h>
#include "base/err.h"
#include "base/log.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/device.h"
#include "ignition/disks/fs_make.h"
#include "ignition/disks/partition.h"

static int refuse_unsupported(const struct ign_storage *s, struct err *e)
{
	if (s->raid.n)
		return err_text(
			e, ENOTSUP,
			"failed to create raids: $.storage.raid: software RAID is not supported yet; nothing "
			"was written");
	if (s->luks.n)
		return err_text(
			e, ENOTSUP,
			"failed to create luks: $.storage.luks: LUKS volumes are not supported yet; nothing "
			"was written");
	return 0;
}

/* What partitioning leaves alone can be judged before it. */
static int check_filesystems(const struct ign_storage *s, const struct disk_work *work, struct arena *a,
			     struct err *e)
{
	for (size_t i = 0; i < s->filesystems.n; i++) {
		const struct ign_filesystem *fs = &s->filesystems.v[i];
		enum fs_action action;
		struct blkdev d;
		int r;

		if (!fs_is_made(fs) || blkdev_find(fs->device, &d, NULL) < 0 ||
		    partitions_touch(work, s->disks.n, &d, fs->device))
			continue;
		r = filesystem_check(fs, fs->device, &d, a, &action, e);
		if (r < 0)
			return err_wrap(e, r, "$.storage.filesystems.%zu: %s", i, fs->device);
	}
	return 0;
}

int stage_disks(struct stage_ctx *c, struct err *e)
{
	const struct ign_storage *s = &c->config->storage;
	struct disk_work *work;
	int r;

	if (!s->disks.n && !s->raid.n && !s->luks.n && !s->filesystems.n)
		return 0;
	r = refuse_unsupported(s, e);
	if (r < 0)
		return r;

	log_push("createPartitions");
	r = partitions_plan(s, c->arena, &work, e);
	if (r < 0)
		err_wrap(e, r, "create partitions failed");
	if (r == 0) {
		r = check_filesystems(s, work, c->arena, e);
		if (r < 0)
			err_wrap(e, r, "failed to create filesystems");
	}
	for (size_t i = 0; r == 0 && i < s->disks.n; i++) {
		r = partitions_apply(&work[i], c->arena, e);
		if (r < 0)
			err_wrap(e, r, "create partitions failed");
	}
	log_pop();
	if (r < 0 || !s->filesystems.n)
		return r;

	log_push("createFilesystems");
	r = filesystems_make(s, c->arena, e);
	log_pop();
	return r < 0 ? err_wrap(e, r, "failed to create filesystems") : 0;
}
