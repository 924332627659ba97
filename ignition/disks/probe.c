#include "ignition/disks/probe.h"
#include <blkid/blkid.h>
#include <stddef.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <zlib.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ignition/disks/device.h"
#include "ignition/disks/plan.h"
#include "ignition/disks/pmbr.h"

/* The fields of a GPT header that placing partitions needs, at their offsets on disk. */
struct gpt_header {
	char signature[8];
	uint32_t revision, header_bytes, header_crc, reserved;
	uint64_t my_lba, other_lba;
	uint64_t first_usable_lba, last_usable_lba;
	uint8_t guid[16];
	uint64_t entries_lba;
	uint32_t n_entries, entry_bytes, entries_crc;
} __attribute__((packed));

enum { GPT_ENTRIES_MAX = 4096 };

static void probe_freep(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

static bool header_read(int fd, const struct disk_state *s, uint64_t lba, struct gpt_header *ret)
{
	struct gpt_header h;

	if (lba >= s->disk_lba || pread(fd, &h, sizeof(h), (off_t)(lba * s->sector_bytes)) != sizeof(h))
		return false;
	h.header_bytes = le32toh(h.header_bytes);
	h.header_crc = le32toh(h.header_crc);
	h.my_lba = le64toh(h.my_lba);
	h.other_lba = le64toh(h.other_lba);
	h.first_usable_lba = le64toh(h.first_usable_lba);
	h.last_usable_lba = le64toh(h.last_usable_lba);
	h.entries_lba = le64toh(h.entries_lba);
	h.n_entries = le32toh(h.n_entries);
	h.entry_bytes = le32toh(h.entry_bytes);
	h.entries_crc = le32toh(h.entries_crc);
	if (memcmp(h.signature, "EFI PART", 8) != 0 || h.my_lba != lba ||
	    h.first_usable_lba > h.last_usable_lba || h.last_usable_lba >= s->disk_lba || !h.n_entries ||
	    h.n_entries > GPT_ENTRIES_MAX)
		return false;
	*ret = h;
	return true;
}

/* Whether header and entries carry the checksums they say: what half a write does not. */
static bool copy_is_whole(int fd, const struct disk_state *s, uint64_t lba, const struct gpt_header *h)
{
	size_t n = (size_t)h->n_entries * h->entry_bytes;
	uint8_t raw[512];
	uint8_t *entries;
	bool good;

	if (h->header_bytes < sizeof(*h) || h->header_bytes > sizeof(raw) || h->entry_bytes < 128 ||
	    h->entry_bytes > 4096 || h->entries_lba >= s->disk_lba ||
	    pread(fd, raw, sizeof(raw), (off_t)(lba * s->sector_bytes)) != sizeof(raw))
		return false;
	memset(raw + offsetof(struct gpt_header, header_crc), 0, sizeof(h->header_crc));
	if (crc32(0, raw, h->header_bytes) != h->header_crc)
		return false;
	entries = malloc(n);
	good = entries && pread(fd, entries, n, (off_t)(h->entries_lba * s->sector_bytes)) == (ssize_t)n &&
	       crc32(0, entries, n) == h->entries_crc;
	free(entries);
	return good;
}

static bool table_is_whole(int fd, const struct disk_state *s)
{
	struct gpt_header first, second;
	uint8_t mbr[MBR_BYTES];

	return pread(fd, mbr, sizeof(mbr), 0) == sizeof(mbr) && pmbr_is_valid(mbr) &&
	       header_read(fd, s, 1, &first) && copy_is_whole(fd, s, 1, &first) &&
	       header_read(fd, s, first.other_lba, &second) && copy_is_whole(fd, s, first.other_lba, &second);
}

/*
 * The usable range is the header's own, also when the disk has grown since: sgdisk places
 * partitions by it, and moves the backup to the new end only when it writes.
 */
static int read_usable(int fd, struct disk_state *s, struct err *e)
{
	struct gpt_header h;

	if (!header_read(fd, s, 1, &h) && !header_read(fd, s, s->disk_lba - 1, &h))
		return err_text(e, EINVAL,
				"neither of the two GPT headers can be used (wipeTable would replace them)");
	s->first_usable_lba = h.first_usable_lba;
	s->last_usable_lba = h.last_usable_lba;
	s->max_parts = h.n_entries;
	s->damaged = !table_is_whole(fd, s);
	return 0;
}

static const char *text_of(const char *s, struct arena *a)
{
	return s ? arena_strdup(a, s) : "";
}

static int read_parts(blkid_partlist list, struct disk_state *s, struct arena *a)
{
	int n = blkid_partlist_numof_partitions(list);
	unsigned per_lba = s->sector_bytes / 512;

	s->parts = arena_alloc(a, (n + 1) * sizeof(*s->parts));
	if (!s->parts)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		blkid_partition bp = blkid_partlist_get_partition(list, i);
		struct disk_part *p = &s->parts[s->n_parts++];

		p->no = blkid_partition_get_partno(bp);
		p->start_lba = blkid_partition_get_start(bp) / per_lba;
		p->size_lba = blkid_partition_get_size(bp) / per_lba;
		p->label = text_of(blkid_partition_get_name(bp), a);
		p->guid = text_of(blkid_partition_get_uuid(bp), a);
		p->type_guid = text_of(blkid_partition_get_type_string(bp), a);
		if (!p->label || !p->guid || !p->type_guid)
			return -ENOMEM;
	}
	return 0;
}

static int read_table(int fd, struct disk_state *s, struct arena *a, struct err *e)
{
	CLEANUP(probe_freep) blkid_probe pr = blkid_new_probe();
	blkid_partlist list;
	blkid_parttable table;
	const char *type;
	int r;

	if (!pr)
		return -ENOMEM;
	errno = 0;
	if (blkid_probe_set_device(pr, fd, 0, 0) != 0)
		return err_errno(e, errno ? errno : EIO, "examining the disk");
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	/* A GPT whose protective MBR is damaged is still the table of this disk. */
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_ENTRY_DETAILS | BLKID_PARTS_FORCE_GPT);
	list = blkid_probe_get_partitions(pr);
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (!table)
		return disk_state_fresh_table(s, NULL), 0;
	type = blkid_parttable_get_type(table);
	s->has_gpt = type && strcmp(type, "gpt") == 0;
	if (!s->has_gpt) {
		disk_state_fresh_table(s, NULL);
		if (blkid_partlist_numof_partitions(list) > 0) {
			s->foreign_table = arena_strdup(a, type ? type : "unknown");
			if (!s->foreign_table)
				return -ENOMEM;
		}
		return 0;
	}
	r = read_usable(fd, s, e);
	return r < 0 ? r : read_parts(list, s, a);
}

static int read_use(const struct blkdev *d, struct disk_state *s, struct arena *a, struct err *e)
{
	unsigned *nos;
	size_t n;
	int r = blkdev_use(d->name, a, &s->use, e);

	if (r < 0)
		return r;
	r = blkdev_parts(d->name, a, &nos, &n);
	if (r < 0)
		return err_errno(e, -r, "listing the partitions of %s", d->name);
	for (size_t i = 0; i < n; i++) {
		char name[NAME_MAX + 1];
		const char *why = NULL;

		r = blkdev_part_name(d->name, nos[i], name);
		if (r == 0)
			r = blkdev_use(name, a, &why, e);
		if (r < 0)
			return r;
		if (!why)
			continue;
		if (!s->part_use) {
			s->part_use = arena_printf(a, "%s is %s", name, why);
			if (!s->part_use)
				return -ENOMEM;
		}
		for (size_t k = 0; k < s->n_parts; k++)
			if (s->parts[k].no == nos[i])
				s->parts[k].use = why;
	}
	return 0;
}

int disk_probe(const char *device, const char *node, const struct blkdev *d, struct arena *a,
	       struct disk_state *ret, struct err *e)
{
	struct disk_state s = { .device = device };
	uint64_t bytes;
	int sector, r;

	CLEANUP(closep) int fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "opening %s", node);
	if (ioctl(fd, BLKSSZGET, &sector) < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return err_errno(e, errno, "asking the kernel for the size of %s", node);
	if (sector < 512 || sector % 512)
		return err_text(e, EINVAL, "logical sector size %d is not a multiple of 512", sector);
	s.sector_bytes = sector;
	s.disk_lba = bytes / s.sector_bytes;
	r = read_table(fd, &s, a, e);
	if (r == 0)
		r = read_use(d, &s, a, e);
	if (r < 0)
		return r;
	*ret = s;
	return 0;
}
