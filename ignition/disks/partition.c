#include "ignition/disks/partition.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/apply.h"
#include "ignition/disks/probe.h"
#include "ignition/disks/settle.h"

static int plan_one(const struct ign_disk *want, size_t i, struct arena *a, struct disk_work *w,
		    struct err *e)
{
	char where[64], alias[PATH_MAX];
	struct log_op op;
	int r;

	w->want = want;
	snprintf(where, sizeof(where), "$.storage.disks.%zu.device", i);
	log_op_begin(&op, "waiting for device \"%s\"", want->device);
	r = log_op_end(&op, settle_device(want->device, where, &w->dev, e), e);
	if (r < 0)
		return r;
	if (w->dev.part_no)
		return err_text(e, ENOTBLK, "%s: %s is partition %u of %s, not a disk", where, want->device,
				w->dev.part_no, w->dev.disk);
	if (w->dev.is_dm)
		return err_text(e, ENOTSUP,
				"%s: %s is a device-mapper device; partitions on those are not supported yet",
				where, want->device);
	r = settle_alias(want->device, &w->dev, alias, e);
	if (r < 0)
		return r;
	w->node = arena_strdup(a, alias);
	if (!w->node)
		return -ENOMEM;
	log_op_begin(&op, "reading partition table of \"%s\"", want->device);
	r = log_op_end(&op, disk_probe(want->device, w->node, &w->dev, a, &w->have, e), e);
	if (r == 0)
		r = disks_plan(want, &w->have, a, &w->ops, &w->n_ops, e);
	return r < 0 ? err_wrap(e, r, "%s (%s)", want->device, where) : 0;
}

int partitions_plan(const struct ign_storage *s, struct arena *a, struct disk_work **ret_work, struct err *e)
{
	size_t n = s->disks.n;
	struct disk_work *work = arena_alloc(a, (n + 1) * sizeof(*work));

	if (!work)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = plan_one(&s->disks.v[i], i, a, &work[i], e);

		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (work[k].dev.dev == work[i].dev.dev)
				return err_text(e, EINVAL,
						"$.storage.disks.%zu.device: %s and %s are the same disk, %s",
						i, work[i].want->device, work[k].want->device,
						work[i].dev.name);
	}
	*ret_work = work;
	return 0;
}

static void say_plan(const struct disk_work *w)
{
	for (size_t i = 0; i < w->n_ops; i++) {
		const struct disk_op *op = &w->ops[i];

		switch (op->kind) {
		case DISK_OP_WIPE:
			log_info("wiping the partition table of \"%s\"", w->want->device);
			break;
		case DISK_OP_REPAIR:
			log_warn(
				"the GPT of \"%s\" is damaged or half written; writing it anew from its good copy",
				w->want->device);
			break;
		case DISK_OP_DELETE:
			log_info("deleting partition %u", op->no);
			break;
		case DISK_OP_CREATE:
			log_info("creating partition %u (\"%s\") at sector %" PRIu64 ", %" PRIu64
				 " sectors of %u bytes",
				 op->no, op->label ? op->label : "", op->start_lba, op->size_lba,
				 w->have.sector_bytes);
			break;
		case DISK_OP_KEEP:
			log_info("partition %u found with correct specifications", op->no);
			break;
		}
	}
}

static bool recreated(const struct disk_work *w, unsigned no)
{
	for (size_t i = 0; i < w->n_ops; i++)
		if (w->ops[i].no == no && w->ops[i].kind == DISK_OP_CREATE)
			return true;
	return false;
}

static int check_kernel(const struct disk_work *w, struct err *e)
{
	unsigned per_lba = w->have.sector_bytes / 512;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n_ops; i++) {
		const struct disk_op *op = &w->ops[i];

		if (op->kind == DISK_OP_DELETE && !recreated(w, op->no))
			r = settle_partition(w->dev.name, op->no, 0, 0, e);
		else if (op->kind == DISK_OP_CREATE || op->kind == DISK_OP_KEEP)
			r = settle_partition(w->dev.name, op->no, op->start_lba * per_lba,
					     op->size_lba * per_lba, e);
	}
	return r;
}

static bool is_on_disk(const struct disk_state *d, const struct disk_op *op)
{
	for (size_t i = 0; i < d->n_parts; i++) {
		const struct disk_part *p = &d->parts[i];

		if (p->no == op->no)
			return p->start_lba == op->start_lba && p->size_lba == op->size_lba &&
			       (!op->guid || !*op->guid || strcasecmp(op->guid, p->guid) == 0);
	}
	return false;
}

/* What was written must read back: a disk that lies is found out here, not at the next boot. */
static int check_disk(const struct disk_work *w, struct arena *a, struct err *e)
{
	struct disk_state now;
	int r = disk_probe(w->want->device, w->node, &w->dev, a, &now, e);

	for (size_t i = 0; r == 0 && i < w->n_ops; i++) {
		const struct disk_op *op = &w->ops[i];

		if (op->kind == DISK_OP_CREATE && !is_on_disk(&now, op))
			r = err_text(e, EIO, "partition %u does not read back as it was written", op->no);
	}
	return r;
}

int partitions_apply(const struct disk_work *w, struct arena *a, struct err *e)
{
	bool writes = disks_plan_writes(w->ops, w->n_ops);
	struct log_op op;
	int r;

	if (!w->n_ops)
		return 0;
	log_op_begin(&op, "partitioning \"%s\"", w->want->device);
	say_plan(w);
	r = disk_apply(w->node, &w->dev, &w->have, w->ops, w->n_ops, e);
	if (r == 0 && writes)
		r = settle_reread(w->dev.name, e);
	if (r == 0)
		r = check_kernel(w, e);
	if (r == 0 && writes)
		r = check_disk(w, a, e);
	log_op_end(&op, r, e);
	return r < 0 ? err_wrap(e, r, "%s", w->want->device) : 0;
}

bool partitions_touch(const struct disk_work *work, size_t n, const struct blkdev *d, const char *path)
{
	bool by_partition = strncmp(path, "/dev/disk/by-part", strlen("/dev/disk/by-part")) == 0;
	bool touched = false;

	for (size_t i = 0; i < n; i++) {
		const struct disk_work *w = &work[i];
		bool mine = strcmp(w->dev.name, d->disk) == 0;

		for (size_t k = 0; k < w->n_ops; k++) {
			const struct disk_op *op = &w->ops[k];

			if (op->kind == DISK_OP_KEEP || op->kind == DISK_OP_REPAIR)
				continue;
			/* A new partition may take over the name. */
			touched |= by_partition && op->kind == DISK_OP_CREATE;
			touched |= mine && (!d->part_no || op->kind == DISK_OP_WIPE || op->no == d->part_no);
		}
	}
	return touched;
}
