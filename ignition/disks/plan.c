#include "ignition/disks/plan.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "base/err.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/space.h"

enum { GPT_ENTRY_BYTES = 128, MIB_BYTES = 1 << 20 };

/* One partition of the config on its way to an operation. */
struct wanted {
	const struct ign_partition *spec;
	unsigned no;
	bool exist;                 /* should exist */
	bool wipe;                  /* what is there may be deleted */
	const struct disk_part *is; /* what has this number now, or NULL */
	uint64_t start_lba, size_lba;
};

struct planner {
	const struct ign_disk *want;
	const struct disk_state *have;
	const struct disk_part *parts; /* of have, or none when the table is wiped */
	size_t n_parts;
	struct arena *arena;
	struct wanted *w; /* numbered ones in config order, then those that want the next free number */
	size_t n;
	struct space space;
	struct err *e;
};

int disk_state_fresh_table(struct disk_state *d, struct err *e)
{
	uint64_t entries_lba;

	if (d->sector_bytes < 512 || d->sector_bytes > MIB_BYTES || d->sector_bytes & (d->sector_bytes - 1))
		return err_text(e, EINVAL, "unusable logical sector size %u", d->sector_bytes);
	entries_lba = (GPT_ENTRIES_DEFAULT * GPT_ENTRY_BYTES + d->sector_bytes - 1) / d->sector_bytes;
	if (d->disk_lba < 2 * (entries_lba + 2))
		return err_text(e, ENOSPC, "%" PRIu64 " sectors of %u bytes are too few for a GPT",
				d->disk_lba, d->sector_bytes);
	d->first_usable_lba = 2 + entries_lba;
	d->last_usable_lba = d->disk_lba - entries_lba - 2;
	d->max_parts = GPT_ENTRIES_DEFAULT;
	d->has_gpt = false;
	d->foreign_table = NULL;
	d->n_parts = 0;
	return 0;
}

bool disks_plan_writes(const struct disk_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].kind != DISK_OP_KEEP)
			return true;
	return false;
}

static const char *part_name(const struct planner *p, const struct wanted *w)
{
	const char *label = w->spec->label;
	const char *s;

	if (label && *label)
		s = arena_printf(p->arena, "partition %u (\"%s\")", w->no, label);
	else
		s = arena_printf(p->arena, "partition %u", w->no);
	return s ? s : "partition";
}

static uint64_t mib_from_lba(const struct planner *p, uint64_t lba)
{
	return lba / (MIB_BYTES / p->have->sector_bytes);
}

static int lba_from_mib(const struct planner *p, const struct wanted *w, const char *key, int64_t mib,
			uint64_t *ret)
{
	uint64_t per_mib = MIB_BYTES / p->have->sector_bytes;

	if (mib < 0 || (uint64_t)mib > UINT64_MAX / 2 / per_mib)
		return err_text(p->e, ERANGE, "%s: %s %" PRId64 " is out of range", part_name(p, w), key,
				mib);
	*ret = (uint64_t)mib * per_mib;
	return 0;
}

static const struct disk_part *part_by_number(const struct planner *p, unsigned no)
{
	for (size_t i = 0; i < p->n_parts; i++)
		if (p->parts[i].no == no)
			return &p->parts[i];
	return NULL;
}

static bool should_exist(const struct ign_partition *s)
{
	return !s->should_exist.set || s->should_exist.v;
}

static bool may_wipe(const struct ign_partition *s)
{
	return s->wipe_partition_entry.set && s->wipe_partition_entry.v;
}

static bool equal_if_given(const char *want, const char *have)
{
	return !want || !*want || strcasecmp(want, have) == 0;
}

static const char *mismatch_lba(const struct planner *p, const struct wanted *w)
{
	const char *what = w->start_lba != w->is->start_lba ? "starting sector" : "size";
	uint64_t want = w->start_lba != w->is->start_lba ? w->start_lba : w->size_lba;
	uint64_t got = w->start_lba != w->is->start_lba ? w->is->start_lba : w->is->size_lba;
	const char *why;

	if (want == got)
		return NULL;
	why = arena_printf(p->arena, "%s did not match (specified %" PRIu64 ", got %" PRIu64 ")", what, want,
			   got);
	return why ? why : what;
}

static const char *mismatch_names(const struct ign_partition *spec, const struct disk_part *is)
{
	if (!equal_if_given(spec->guid, is->guid))
		return "GUID did not match";
	if (!equal_if_given(spec->type_guid, is->type_guid))
		return "type GUID did not match";
	if (spec->label && strcmp(spec->label, is->label) != 0)
		return "label did not match";
	return NULL;
}

/* NULL when everything the config names is so; else why not, in upstream's words. */
static const char *mismatch(const struct planner *p, const struct wanted *w)
{
	const char *why = mismatch_lba(p, w);

	return why ? why : mismatch_names(w->spec, w->is);
}

static bool number_claimed(const struct planner *p, unsigned no)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->w[i].no == no)
			return true;
	return false;
}

/*
 * A partition without a number whose like is already there was made by an earlier run that did not
 * get to its end. Without this, running again would add it once more.
 */
static const struct disk_part *made_before(const struct planner *p, const struct ign_partition *spec)
{
	uint64_t per_mib = MIB_BYTES / p->have->sector_bytes;

	if (!spec->label || !*spec->label)
		return NULL;
	for (size_t i = 0; i < p->n_parts; i++) {
		const struct disk_part *is = &p->parts[i];

		if (number_claimed(p, is->no) || mismatch_names(spec, is))
			continue;
		if (spec->start_mib.set && spec->start_mib.v > 0 &&
		    (uint64_t)spec->start_mib.v != is->start_lba / per_mib)
			continue;
		if (spec->size_mib.set && spec->size_mib.v > 0 &&
		    (uint64_t)spec->size_mib.v * per_mib != is->size_lba)
			continue;
		return is;
	}
	return NULL;
}

/* An entry that deletes a partition frees its number for one that asked for any. */
static bool replaced(struct planner *p, unsigned no)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->w[i].no == no && !p->w[i].exist) {
			p->w[i].is = NULL;
			return p->w[i].wipe;
		}
	}
	return false;
}

/* The lowest number that neither the config nor a partition that stays has. */
static unsigned next_number(const struct planner *p)
{
	for (unsigned no = 1;; no++) {
		bool taken = part_by_number(p, no) != NULL;

		for (size_t i = 0; i < p->n; i++)
			if (p->w[i].no == no)
				taken = p->w[i].exist;
		if (!taken)
			return no;
	}
}

static int collect(struct planner *p)
{
	const struct ign_disk *want = p->want;

	p->w = arena_alloc(p->arena, (want->partitions.n + 1) * sizeof(*p->w));
	if (!p->w)
		return -ENOMEM;
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < want->partitions.n; i++) {
			const struct ign_partition *spec = &want->partitions.v[i];
			struct wanted w = { .spec = spec,
					    .exist = should_exist(spec),
					    .wipe = may_wipe(spec) };
			int64_t number = spec->number.v;

			if ((number == 0) != (pass == 1) || (number == 0 && !w.exist))
				continue;
			if (number < 0 || number > UINT32_MAX / 2)
				return err_text(p->e, ERANGE, "partition number %" PRId64 " is out of range",
						number);
			if (number) {
				w.no = number;
				w.is = part_by_number(p, w.no);
			} else if ((w.is = made_before(p, spec))) {
				w.no = w.is->no;
			} else {
				w.no = next_number(p);
				w.is = part_by_number(p, w.no);
				w.wipe |= replaced(p, w.no);
			}
			if (w.exist && w.no > p->have->max_parts)
				return err_text(p->e, ENOSPC, "%s: the table has room for %u partitions",
						part_name(p, &w), p->have->max_parts);
			p->w[p->n++] = w;
		}
	}
	return 0;
}

static int space_init(struct planner *p)
{
	struct space *s = &p->space;

	s->used = arena_alloc(p->arena, (p->n_parts + p->n + 1) * sizeof(*s->used));
	if (!s->used)
		return -ENOMEM;
	s->first_usable_lba = p->have->first_usable_lba;
	s->last_usable_lba = p->have->last_usable_lba;
	for (size_t i = 0; i < p->n_parts; i++) {
		const struct disk_part *is = &p->parts[i];

		if (is->size_lba)
			s->used[s->n_used++] = (struct extent){ is->start_lba,
								is->start_lba + is->size_lba - 1 };
	}
	s->align_lba = space_alignment(p->have->sector_bytes, p->have->disk_lba, s->used, s->n_used);

	/* What the config names is placed anew; only the rest is in the way. */
	s->n_used = 0;
	for (size_t i = 0; i < p->n_parts; i++) {
		const struct disk_part *is = &p->parts[i];

		if (is->size_lba && !number_claimed(p, is->no))
			s->used[s->n_used++] = (struct extent){ is->start_lba,
								is->start_lba + is->size_lba - 1 };
	}
	return 0;
}

static int no_fit(const struct planner *p, const struct wanted *w, uint64_t want_lba, uint64_t free_lba,
		  const char *where)
{
	if (!want_lba)
		return err_text(p->e, ENOSPC, "%s does not fit: no free space %s", part_name(p, w), where);
	return err_text(p->e, ENOSPC,
			"%s does not fit: %" PRIu64 " MiB (%" PRIu64 " sectors) wanted, %" PRIu64
			" MiB (%" PRIu64 " sectors) free %s",
			part_name(p, w), mib_from_lba(p, want_lba), want_lba, mib_from_lba(p, free_lba),
			free_lba, where);
}

/*
 * Fills in start and size as sgdisk's simulation does: a start of 0 is the aligned begin of the
 * largest free block, a size of 0 reaches to the end of the block. (sgdisk itself refuses size 0
 * with a start outside the largest block; the end of the block that holds the start is meant.)
 */
static int place(struct planner *p, struct wanted *w)
{
	const struct ign_partition *spec = w->spec;
	bool inherit = w->is && !w->wipe;
	uint64_t start = 0, size = 0;
	struct extent block;
	char where[64];
	int r;

	if (spec->start_mib.set) {
		r = lba_from_mib(p, w, "startMiB", spec->start_mib.v, &start);
		if (r < 0)
			return r;
	}
	if (spec->size_mib.set) {
		r = lba_from_mib(p, w, "sizeMiB", spec->size_mib.v, &size);
		if (r < 0)
			return r;
	}
	if (inherit && !spec->start_mib.set)
		start = w->is->start_lba;
	if (inherit && !spec->size_mib.set)
		size = w->is->size_lba;

	if (start) {
		snprintf(where, sizeof(where), "at sector %" PRIu64, start);
		if (!space_is_free(&p->space, start))
			return no_fit(p, w, size, 0, where);
		block = (struct extent){ start, space_last_free(&p->space, start) };
	} else {
		snprintf(where, sizeof(where), "in the largest free block");
		if (!space_largest(&p->space, &block))
			return no_fit(p, w, size, 0, "on the disk");
		block.first_lba = space_align(&p->space, block.first_lba);
		start = block.first_lba;
	}
	uint64_t avail = block.last_lba - start + 1;

	if (!size)
		size = avail;
	if (size > avail)
		return no_fit(p, w, size, avail, where);
	w->start_lba = start;
	w->size_lba = size;
	p->space.used[p->space.n_used++] = (struct extent){ start, start + size - 1 };
	return 0;
}

/*
 * In the order sgdisk is given them. That order can put a floating partition where a later one must
 * stay, which sgdisk then refuses; only in that case those with a place of their own go first.
 */
static int place_all(struct planner *p)
{
	size_t in_the_way = p->space.n_used;
	struct err *e = p->e;
	int r = 0, again = 0;

	for (size_t i = 0; r == 0 && i < p->n; i++)
		if (p->w[i].exist)
			r = place(p, &p->w[i]);
	if (r != -ENOSPC)
		return r;
	p->space.n_used = in_the_way;
	p->e = NULL;
	for (int floating = 0; floating < 2; floating++) {
		for (size_t i = 0; again == 0 && i < p->n; i++) {
			const struct wanted *w = &p->w[i];
			bool fixed = (w->spec->start_mib.set && w->spec->start_mib.v) ||
				     (!w->spec->start_mib.set && w->is && !w->wipe);

			if (w->exist && fixed == !floating)
				again = place(p, &p->w[i]);
		}
	}
	p->e = e;
	return again < 0 ? r : 0;
}

static int refuse_active(const struct planner *p, const struct wanted *w)
{
	if (!w->is || !w->is->use)
		return 0;
	return err_text(p->e, EBUSY, "refusing to modify active partition %u on \"%s\": it is %s", w->no,
			p->have->device, w->is->use);
}

/* The decision table of F.3. del and add are filled and counted. */
static int decide(const struct planner *p, const struct wanted *w, struct disk_op *del, size_t *n_del,
		  struct disk_op *add, size_t *n_add)
{
	const struct ign_partition *spec = w->spec;
	struct disk_op op = { .kind = DISK_OP_CREATE,
			      .no = w->no,
			      .start_lba = w->start_lba,
			      .size_lba = w->size_lba,
			      .label = spec->label,
			      .guid = spec->guid,
			      .type_guid = spec->type_guid };
	struct disk_op gone = { .kind = DISK_OP_DELETE, .no = w->no };
	const char *why;

	if (!w->exist) {
		if (!w->is)
			return 0;
		if (!w->wipe)
			return err_text(p->e, EEXIST,
					"partition %u exists but is specified as nonexistant and "
					"wipePartitionEntry is false",
					w->no);
		gone.start_lba = w->is->start_lba;
		gone.size_lba = w->is->size_lba;
		del[(*n_del)++] = gone;
		return refuse_active(p, w);
	}
	if (!w->is) {
		add[(*n_add)++] = op;
		return 0;
	}
	why = mismatch(p, w);
	if (!why) {
		op.kind = DISK_OP_KEEP;
		add[(*n_add)++] = op;
		return 0;
	}
	if (!w->wipe) {
		if (!spec->resize.v || w->start_lba != w->is->start_lba || mismatch_names(spec, w->is))
			return err_text(p->e, EINVAL, "partition %u didn't match: %s", w->no, why);
		op.guid = w->is->guid;
		op.type_guid = w->is->type_guid;
		op.label = w->is->label;
	}
	gone.start_lba = w->is->start_lba;
	gone.size_lba = w->is->size_lba;
	op.same_start = w->start_lba == w->is->start_lba;
	del[(*n_del)++] = gone;
	add[(*n_add)++] = op;
	return refuse_active(p, w);
}

static int check_disk(const struct planner *p)
{
	const struct disk_state *have = p->have;
	bool wipe = p->want->wipe_table.set && p->want->wipe_table.v;

	if (have->use && !have->part_use)
		return err_text(p->e, EBUSY, "refusing to operate on directly active disk \"%s\": it is %s",
				have->device, have->use);
	if (wipe && have->part_use)
		return err_text(p->e, EBUSY, "refusing to wipe active disk \"%s\": %s", have->device,
				have->part_use);
	if (!wipe && have->foreign_table)
		return err_text(
			p->e, EINVAL,
			"disk does not have a GPT (it has a table of type \"%s\"; wipeTable would replace it)",
			have->foreign_table);
	return 0;
}

int disks_plan(const struct ign_disk *want, const struct disk_state *have, struct arena *a,
	       struct disk_op **ret_ops, size_t *ret_n, struct err *e)
{
	bool wipe = want->wipe_table.set && want->wipe_table.v;
	struct disk_state fresh = *have;
	struct planner p = { .want = want, .have = have, .arena = a, .e = e };
	struct disk_op *ops, *add;
	size_t n_ops = 0, n_add = 0;
	int r = check_disk(&p);

	if (r < 0)
		return r;
	if (wipe || !have->has_gpt) {
		/* A disk too small for a table is fine as long as nothing is to be put on it. */
		r = disk_state_fresh_table(&fresh, want->partitions.n ? e : NULL);
		if (r < 0 && want->partitions.n)
			return r;
		fresh.n_parts = 0;
		p.have = &fresh;
	}
	p.parts = fresh.parts;
	p.n_parts = p.have->n_parts;
	r = collect(&p);
	if (r == 0)
		r = space_init(&p);
	if (r == 0)
		r = place_all(&p);
	if (r < 0)
		return r;

	ops = arena_alloc(a, (2 * p.n + 2) * sizeof(*ops));
	add = arena_alloc(a, (p.n + 1) * sizeof(*add));
	if (!ops || !add)
		return -ENOMEM;
	if (wipe)
		ops[n_ops++] = (struct disk_op){ .kind = DISK_OP_WIPE };
	else if (have->damaged && p.n)
		ops[n_ops++] = (struct disk_op){ .kind = DISK_OP_REPAIR };
	for (size_t i = 0; i < p.n; i++) {
		r = decide(&p, &p.w[i], ops, &n_ops, add, &n_add);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n_add; i++)
		ops[n_ops++] = add[i];
	*ret_ops = ops;
	*ret_n = n_ops;
	return 0;
}
