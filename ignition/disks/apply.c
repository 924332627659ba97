#include "ignition/disks/apply.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libfdisk/libfdisk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ignition/disks/device.h"
#include "ignition/disks/plan.h"
#include "ignition/disks/pmbr.h"
#include "ignition/disks/probe.h"
#include "ignition/disks/settle.h"
#include "ignition/disks/signature.h"

enum { GUID_TEXT = 37 };

struct editor {
	struct fdisk_context *cxt;
	char said[256]; /* the library's last warning */
};

static void editor_done(struct editor *ed)
{
	if (ed->cxt) {
		/* No sync of every file system of the machine: this disk is synced by its descriptor. */
		fdisk_deassign_device(ed->cxt, 1);
		/* Context and script hold each other; this lets go. */
		fdisk_set_script(ed->cxt, NULL);
		fdisk_unref_context(ed->cxt);
	}
}

static void partition_unrefp(struct fdisk_partition **pa)
{
	fdisk_unref_partition(*pa);
}

static void parttype_unrefp(struct fdisk_parttype **t)
{
	fdisk_unref_parttype(*t);
}

static void script_unrefp(struct fdisk_script **s)
{
	fdisk_unref_script(*s);
}

static int on_ask(struct fdisk_context *cxt, struct fdisk_ask *ask, void *data)
{
	struct editor *ed = data;

	(void)cxt;
	switch (fdisk_ask_get_type(ask)) {
	case FDISK_ASKTYPE_WARN:
	case FDISK_ASKTYPE_WARNX:
		snprintf(ed->said, sizeof(ed->said), "%s", fdisk_ask_print_get_mesg(ask));
		return 0;
	case FDISK_ASKTYPE_INFO:
		return 0;
	default:
		return -EINVAL; /* every value is given: a question means that something is missing */
	}
}

static int editor_error(struct editor *ed, int r, struct err *e, const char *doing)
{
	if (ed->said[0])
		return err_text(e, -r, "%s: %s", doing, ed->said);
	return err_errno(e, -r, "%s", doing);
}

static int write_all(int fd, const void *data, size_t n, off_t at)
{
	const char *p = data;

	while (n) {
		ssize_t k = pwrite(fd, p, n, at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		p += k;
		at += k;
		n -= k;
	}
	return 0;
}

static int zero_lba(int fd, const struct disk_state *d, uint64_t first_lba, uint64_t n_lba)
{
	CLEANUP(freep) char *zero = NULL;

	if (first_lba >= d->disk_lba)
		return 0;
	if (n_lba > d->disk_lba - first_lba)
		n_lba = d->disk_lba - first_lba;
	zero = calloc(n_lba, d->sector_bytes);
	if (!zero)
		return -ENOMEM;
	return write_all(fd, zero, n_lba * d->sector_bytes, (off_t)(first_lba * d->sector_bytes));
}

/*
 * Every signature (a backup header that is not at the end of a grown disk is found through the
 * primary one, so this comes first), then what sgdisk --zap-all zeroes, whatever is in there.
 */
static int wipe(int fd, const struct disk_state *d, struct err *e)
{
	uint64_t entries_lba = (GPT_ENTRIES_DEFAULT * 128 + d->sector_bytes - 1) / d->sector_bytes;
	uint64_t tail_lba = entries_lba + 1;
	int r = signature_wipe(fd, "the disk", e);

	if (r < 0)
		return r;
	r = zero_lba(fd, d, 0, 2 + entries_lba);
	if (r == 0)
		r = zero_lba(fd, d, d->disk_lba > tail_lba ? d->disk_lba - tail_lba : 0, tail_lba);
	return r < 0 ? err_errno(e, -r, "erasing the partition table") : 0;
}

static int read_mbr(int fd, uint8_t mbr[MBR_BYTES], struct err *e)
{
	if (pread(fd, mbr, MBR_BYTES, 0) != MBR_BYTES)
		return err_errno(e, errno ? errno : EIO, "reading the first sector");
	return 0;
}

static int write_mbr(int fd, const uint8_t mbr[MBR_BYTES], struct err *e)
{
	int r = write_all(fd, mbr, MBR_BYTES, 0);

	return r < 0 ? err_errno(e, -r, "writing the protective MBR") : 0;
}

/* libfdisk knows a GPT only by its protective MBR: a damaged one is repaired before. */
static int pmbr_before(int fd, const struct disk_state *d, uint8_t old[MBR_BYTES], struct err *e)
{
	int r = read_mbr(fd, old, e);

	if (r < 0 || pmbr_is_valid(old))
		return r;
	pmbr_fill(old, d->disk_lba);
	return write_mbr(fd, old, e);
}

/*
 * libfdisk gives the record an end address of ones; sgdisk writes the one the UEFI text asks for
 * and leaves a record alone that still covers the disk.
 */
static int pmbr_after(int fd, const struct disk_state *d, const uint8_t *old, struct err *e)
{
	uint8_t mbr[MBR_BYTES];
	int r = read_mbr(fd, mbr, e);

	if (r < 0)
		return r;
	if (old && pmbr_covers(old, d->disk_lba))
		return memcmp(mbr, old, MBR_BYTES) ? write_mbr(fd, old, e) : 0;
	pmbr_fill(mbr, d->disk_lba);
	return write_mbr(fd, mbr, e);
}

/*
 * Version 4. The library's own random GUIDs have version and variant in the wrong bytes, which
 * strict readers complain about.
 */
static int random_guid(char ret[GUID_TEXT])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), GRND_INSECURE) != sizeof(b) && getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(ret, GUID_TEXT, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return 0;
}

static int new_label(struct editor *ed, const struct disk_state *d, struct err *e)
{
	CLEANUP(script_unrefp) struct fdisk_script *script = fdisk_new_script(ed->cxt);
	char first[32], guid[GUID_TEXT];
	int r;

	if (!script)
		return -ENOMEM;
	r = random_guid(guid);
	if (r < 0)
		return err_errno(e, -r, "making a GUID");
	/* Only a script's header survives in the library as the first usable sector. */
	snprintf(first, sizeof(first), "%" PRIu64, d->first_usable_lba);
	r = fdisk_script_set_header(script, "label", "gpt");
	if (r == 0)
		r = fdisk_script_set_header(script, "first-lba", first);
	if (r == 0)
		r = fdisk_script_set_header(script, "label-id", guid);
	if (r == 0)
		r = fdisk_apply_script_headers(ed->cxt, script);
	/* The new table must not share the disk with what was on the whole of it. */
	if (r == 0)
		r = fdisk_enable_wipe(ed->cxt, 1);
	return r < 0 ? editor_error(ed, r, e, "making a new GPT") : 0;
}

static int add_partition(struct editor *ed, const struct disk_op *op, struct err *e)
{
	CLEANUP(partition_unrefp) struct fdisk_partition *pa = fdisk_new_partition();
	CLEANUP(parttype_unrefp) struct fdisk_parttype *type = NULL;
	char doing[160], guid[GUID_TEXT];
	int r;

	if (!pa)
		return -ENOMEM;
	r = fdisk_partition_set_partno(pa, op->no - 1); /* the library counts from 0 */
	if (r == 0)
		r = fdisk_partition_set_start(pa, op->start_lba);
	if (r == 0)
		r = fdisk_partition_set_size(pa, op->size_lba);
	if (r == 0)
		r = fdisk_partition_size_explicit(pa, 1); /* no rounding behind our back */
	if (r == 0 && op->label && *op->label)
		r = fdisk_partition_set_name(pa, op->label);
	if (r == 0)
		r = random_guid(guid);
	if (r == 0)
		r = fdisk_partition_set_uuid(pa, op->guid && *op->guid ? op->guid : guid);
	if (r == 0 && op->type_guid && *op->type_guid) {
		type = fdisk_new_unknown_parttype(0, op->type_guid);
		r = type ? fdisk_partition_set_type(pa, type) : -ENOMEM;
	}
	if (r == 0)
		r = fdisk_add_partition(ed->cxt, pa, NULL);
	if (r == 0)
		return 0;
	snprintf(doing, sizeof(doing), "creating partition %u (\"%s\") at sector %" PRIu64, op->no,
		 op->label ? op->label : "", op->start_lba);
	return editor_error(ed, r, e, doing);
}

static int edit(int fd, const char *node, const struct disk_state *have, bool fresh,
		const struct disk_op *ops, size_t n, struct err *e)
{
	CLEANUP(editor_done) struct editor ed = { .cxt = fdisk_new_context() };
	int r;

	if (!ed.cxt)
		return -ENOMEM;
	fdisk_disable_dialogs(ed.cxt, 1);
	fdisk_set_ask(ed.cxt, on_ask, &ed);
	r = fdisk_assign_device_by_fd(ed.cxt, fd, node, 0);
	if (r < 0)
		return editor_error(&ed, r, e, "reading the partition table");
	if (fresh)
		r = new_label(&ed, have, e);
	else if (!fdisk_is_label(ed.cxt, GPT))
		r = err_text(e, EINVAL, "the GPT is too damaged to be changed (wipeTable would replace it)");
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].kind == DISK_OP_DELETE) {
			r = fdisk_delete_partition(ed.cxt, ops[i].no - 1);
			if (r < 0) {
				char doing[64];

				snprintf(doing, sizeof(doing), "deleting partition %u", ops[i].no);
				return editor_error(&ed, r, e, doing);
			}
		} else if (ops[i].kind == DISK_OP_CREATE) {
			r = add_partition(&ed, &ops[i], e);
			if (r < 0)
				return r;
		}
	}
	r = fdisk_write_disklabel(ed.cxt);
	return r < 0 ? editor_error(&ed, r, e, "writing the partition table") : 0;
}

static bool has_kind(const struct disk_op *ops, size_t n, enum disk_op_kind kind)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].kind == kind)
			return true;
	return false;
}

static int write_table(int fd, const char *node, const struct disk_state *have, const struct disk_op *ops,
		       size_t n, struct err *e)
{
	bool wiped = has_kind(ops, n, DISK_OP_WIPE);
	bool fresh = wiped || !have->has_gpt;
	struct disk_state geometry = *have;
	uint8_t mbr[MBR_BYTES];
	int r = 0;

	if (wiped)
		r = wipe(fd, have, e);
	if (r < 0)
		return r;
	if (has_kind(ops, n, DISK_OP_CREATE) || has_kind(ops, n, DISK_OP_DELETE) ||
	    has_kind(ops, n, DISK_OP_REPAIR)) {
		if (fresh)
			r = disk_state_fresh_table(&geometry, e);
		else
			r = pmbr_before(fd, have, mbr, e);
		if (r == 0)
			r = edit(fd, node, &geometry, fresh, ops, n, e);
		if (r == 0)
			r = pmbr_after(fd, have, fresh ? NULL : mbr, e);
	}
	return r;
}

static bool op_keeps_number(const struct disk_op *ops, size_t n, unsigned no)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].no == no && (ops[i].kind == DISK_OP_CREATE || ops[i].kind == DISK_OP_KEEP))
			return true;
	return false;
}

/*
 * Room is made before it is taken: first go partitions that vanish or move, then those that only
 * shrink, then the rest come. KEEP is looked at as well: a run that was interrupted between the
 * table and the kernel has left it half told.
 */
static int tell_kernel(int fd, const struct blkdev *d, const struct disk_state *have,
		       const struct disk_op *ops, size_t n, struct err *e)
{
	unsigned per_lba = have->sector_bytes / 512;
	int r = 0;

	if (has_kind(ops, n, DISK_OP_WIPE) || !have->has_gpt) {
		for (unsigned no = 1; r == 0 && no <= GPT_ENTRIES_DEFAULT * 2; no++)
			if (!op_keeps_number(ops, n, no))
				r = blkdev_set_part(fd, d->name, no, 0, 0, e);
	}
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; r == 0 && i < n; i++) {
			const struct disk_op *op = &ops[i];
			uint64_t start_512 = op->start_lba * per_lba, size_512 = op->size_lba * per_lba;
			char name[NAME_MAX + 1];
			uint64_t start_now = 0, size_now = 0;
			bool is;

			if (op->kind == DISK_OP_WIPE || op->kind == DISK_OP_REPAIR)
				continue;
			r = blkdev_part_name(d->name, op->no, name);
			if (r < 0)
				break;
			is = blkdev_attr(name, "start", &start_now) == 0 &&
			     blkdev_attr(name, "size", &size_now) == 0;
			if (op->kind == DISK_OP_DELETE) {
				if (pass == 0 && !op_keeps_number(ops, n, op->no))
					r = blkdev_set_part(fd, d->name, op->no, 0, 0, e);
			} else if (pass == 0) {
				if (is && start_now != start_512)
					r = blkdev_set_part(fd, d->name, op->no, 0, 0, e);
			} else if (pass == 2 || (is && size_now > size_512)) {
				r = blkdev_set_part(fd, d->name, op->no, start_512, size_512, e);
			}
		}
	}
	return r;
}

static bool same_part(const struct disk_part *a, const struct disk_part *b)
{
	return a->no == b->no && a->start_lba == b->start_lba && a->size_lba == b->size_lba &&
	       !strcmp(a->label, b->label) && !strcmp(a->guid, b->guid) &&
	       !strcmp(a->type_guid, b->type_guid) && !a->use == !b->use;
}

static bool same_state(const struct disk_state *a, const struct disk_state *b)
{
	if (a->sector_bytes != b->sector_bytes || a->disk_lba != b->disk_lba || a->has_gpt != b->has_gpt ||
	    !a->foreign_table != !b->foreign_table || a->damaged != b->damaged ||
	    a->first_usable_lba != b->first_usable_lba || a->last_usable_lba != b->last_usable_lba ||
	    a->max_parts != b->max_parts || a->n_parts != b->n_parts || !a->use != !b->use ||
	    !a->part_use != !b->part_use)
		return false;
	for (size_t i = 0; i < a->n_parts; i++)
		if (!same_part(&a->parts[i], &b->parts[i]))
			return false;
	return true;
}

/* Before the lock was ours someone else, another run perhaps, may have changed what the plan is for. */
static int check_unchanged(const char *node, const struct blkdev *d, const struct disk_state *have,
			   struct err *e)
{
	CLEANUP(arena_freep) struct arena *scratch = arena_new();
	struct disk_state now;
	int r;

	if (!scratch)
		return err_errno(e, ENOMEM, "looking at the disk again");
	r = disk_probe(have->device, node, d, scratch, &now, e);
	if (r == 0 && !same_state(have, &now))
		r = err_text(
			e, EBUSY,
			"another program has changed or taken the disk since it was looked at; nothing was "
			"written to it");
	return r;
}

int disk_apply(const char *node, const struct blkdev *d, const struct disk_state *have,
	       const struct disk_op *ops, size_t n, struct err *e)
{
	int r = 0;

	CLEANUP(closep) int fd = open(node, (disks_plan_writes(ops, n) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "opening %s", node);
	r = settle_lock(fd, node, e);
	if (r == 0 && disks_plan_writes(ops, n))
		r = check_unchanged(node, d, have, e);
	if (r == 0 && disks_plan_writes(ops, n))
		r = write_table(fd, node, have, ops, n, e);
	/* Also when all was as wanted: it may be the unsynced work of a run that was killed. */
	if (r == 0 && n && fsync(fd) < 0)
		r = err_errno(e, errno, "writing the partition table");
	if (r == 0 && n)
		r = tell_kernel(fd, d, have, ops, n, e);
	return r;
}
