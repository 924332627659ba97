/* Disks, partitions and RAID arrays. */
#include "ignition/config/v2/convert_priv.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"

enum {
	SECTORS_PER_MIB = 2048, /* of 512 bytes */
	MINOR_OPTIONAL = 3,     /* before, an absent size or start was 0 */
};

static const struct cfg_path *at_entry(enum conv_list list, size_t i, struct place *ret)
{
	return origin_place(&(struct origin){ .list = list, .idx = i }, ret);
}

/* MiB as given, or from sectors. *sectors tells that some were converted. */
static struct opt_i64 dimension(struct conv *c, const struct cfg_path *at, struct opt_i64 mib,
				struct opt_i64 sectors, bool *converted)
{
	int64_t below = sectors.v / SECTORS_PER_MIB;

	if (mib.set)
		return mib;
	if (!sectors.set && c->minor >= MINOR_OPTIONAL)
		return mib;
	if (sectors.v % SECTORS_PER_MIB == 0) {
		*converted = *converted || sectors.v != 0;
		return (struct opt_i64){ true, below };
	}
	if (below > 0)
		conv_error(c, at,
			   "%" PRId64 " sectors of 512 bytes are no whole number of MiB: write %" PRId64
			   " or %" PRId64 " sectors, or sizeMiB %" PRId64 " or %" PRId64
			   " in a config of 2.3.0 or later",
			   sectors.v, below * SECTORS_PER_MIB, (below + 1) * SECTORS_PER_MIB, below,
			   below + 1);
	else
		conv_error(c, at,
			   "%" PRId64
			   " sectors of 512 bytes are no whole number of MiB: write %d sectors, or "
			   "sizeMiB 1 in a config of 2.3.0 or later",
			   sectors.v, SECTORS_PER_MIB);
	return mib;
}

/* The tool of 0.x cut a label at its first colon; 3.x refuses it. */
static const char *convert_label(struct conv *c, const struct cfg_path *at, const char *label)
{
	size_t n = label ? strcspn(label, ":") : 0;
	char *cut;

	if (!conv_given(label) || !label[n])
		return conv_text(label);
	cut = arena_strndup(c->arena, label, n);
	if (!cut)
		c->r = -ENOMEM;
	conv_warn(c, at, "a label ends at its first colon, so this becomes \"%.*s\"", (int)n, label);
	return n ? cut : NULL;
}

static void convert_partition(struct conv *c, const struct cfg_path *at, const struct ign2_partition *old,
			      bool *converted, struct ign_partition *ret)
{
	bool absent = old->should_exist.set && !old->should_exist.v;

	*ret = (struct ign_partition){ .number = old->number,
				       .label = convert_label(c, CFG_CHILD(at, "label"), old->label),
				       .type_guid = conv_text(old->type_guid),
				       .guid = conv_text(old->guid),
				       .should_exist = old->should_exist,
				       .wipe_partition_entry = conv_true(old->wipe_partition_entry) };
	if (absent) {
		if (old->size_mib.set || old->start_mib.set)
			conv_info(c, at, "the partition is not to exist, so its size and start are left out");
		return;
	}
	ret->size_mib = dimension(c, CFG_CHILD(at, "size"), old->size_mib, old->size, converted);
	ret->start_mib = dimension(c, CFG_CHILD(at, "start"), old->start_mib, old->start, converted);
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * 3.x wants a number or a label. On a disk that is wiped first, the number that a partition without
 * either gets is known: the lowest that is free, in the order of the config.
 */
static void number_partitions(struct conv *c, const struct cfg_path *at, const struct ign_disk *d)
{
	int64_t *taken = conv_alloc(c, d->partitions.n, sizeof(*taken)), next = 1;
	size_t n = 0, k = 0;

	for (size_t i = 0; taken && i < d->partitions.n; i++)
		if (d->partitions.v[i].number.v > 0)
			taken[n++] = d->partitions.v[i].number.v;
	if (!taken)
		return;
	qsort(taken, n, sizeof(*taken), by_value);
	for (size_t i = 0; i < d->partitions.n; i++) {
		struct ign_partition *p = &d->partitions.v[i];

		if (p->number.v != 0)
			continue;
		while (k < n && taken[k] <= next)
			next += taken[k++] == next;
		if (!p->label && d->wipe_table.v)
			p->number = (struct opt_i64){ true, next };
		else if (!p->label)
			conv_error(c, CFG_ENTRY(at, i),
				   "3.x wants a number or a label for each partition: give this one either");
		next++;
	}
}

void conv_disks(struct conv *c)
{
	size_t n = c->in->storage.disks.n;

	c->out->storage.disks.v = conv_alloc(c, n, sizeof(*c->out->storage.disks.v));
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		const struct ign2_disk *old = &c->in->storage.disks.v[i];
		struct ign_disk *d = &c->out->storage.disks.v[c->out->storage.disks.n++];
		struct place place;
		const struct cfg_path *at = at_entry(L_DISKS, i, &place),
				      *parts = CFG_CHILD(at, "partitions");
		bool converted = false;

		d->device = conv_device(c, CFG_CHILD(at, "device"), old->device);
		d->wipe_table = conv_true(old->wipe_table);
		d->partitions.v = conv_alloc(c, old->partitions.n, sizeof(*d->partitions.v));
		for (size_t k = 0; c->r == 0 && k < old->partitions.n; k++)
			convert_partition(c, CFG_ENTRY(parts, k), &old->partitions.v[k], &converted,
					  &d->partitions.v[d->partitions.n++]);
		if (converted)
			conv_warn(
				c, parts,
				"size and start are read as sectors of 512 bytes and become MiB, but disks with sectors "
				"of 4096 bytes got 8 times as much; a config of 2.3.0 or later can say sizeMiB and "
				"startMiB instead");
		number_partitions(c, parts, d);
	}
}

void conv_raid(struct conv *c)
{
	size_t n = c->in->storage.raid.n;

	c->out->storage.raid.v = conv_alloc(c, n, sizeof(*c->out->storage.raid.v));
	for (size_t i = 0; c->r == 0 && i < n; i++) {
		const struct ign2_raid *old = &c->in->storage.raid.v[i];
		struct ign_raid *r = &c->out->storage.raid.v[c->out->storage.raid.n++];
		struct place place;
		const struct cfg_path *devices = CFG_CHILD(at_entry(L_RAID, i, &place), "devices");

		*r = (struct ign_raid){ .name = old->name, .level = old->level, .options = old->options };
		if (old->spares.v)
			r->spares = old->spares;
		r->devices.v = conv_alloc(c, old->devices.n, sizeof(*r->devices.v));
		for (size_t k = 0; c->r == 0 && k < old->devices.n; k++)
			r->devices.v[r->devices.n++] = conv_device(c, CFG_ENTRY(devices, k),
								   old->devices.v[k]);
	}
}
