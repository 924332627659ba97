/* Disks, partitions and RAID arrays. */
#include "ignition/config/validate_priv.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"

/* Where both are given and the start is fixed; size 0 means "the rest" and counts as its start only. */
static bool span_of(const struct ign_partition *p, struct v_span *ret)
{
	uint64_t last = (uint64_t)p->start_mib.v + (uint64_t)p->size_mib.v - (p->size_mib.v != 0);

	if (!p->start_mib.set || !p->size_mib.set || p->start_mib.v == 0)
		return false;
	*ret = (struct v_span){ .first = p->start_mib.v, .last = (int64_t)last };
	if (ret->last < ret->first)
		ret->last = p->size_mib.v < 0 ? ret->first : INT64_MAX;
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct v_span *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->idx < y->idx ? -1 : x->idx > y->idx;
}

/* Whether two of those that stand before the limit in the list overlap; v is sorted. */
static bool any_overlap(const struct v_span *v, size_t n, size_t limit)
{
	const struct v_span *top = NULL;

	for (size_t i = 0; i < n; i++) {
		if (v[i].idx >= limit)
			continue;
		if (top && v[i].first <= top->last)
			return true;
		top = top && top->last >= v[i].last ? top : &v[i];
	}
	return false;
}

size_t v_spans_overlap(struct v_span *v, size_t n)
{
	size_t low = 0, high = 0;

	qsort(v, n, sizeof *v, by_first);
	for (size_t i = 0; i < n; i++)
		high = v[i].idx > high ? v[i].idx : high;
	if (!any_overlap(v, n, high + 1))
		return SIZE_MAX;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (any_overlap(v, n, mid + 1))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

size_t v_numbers_collide(struct v_span *v, size_t n)
{
	size_t first = SIZE_MAX;

	qsort(v, n, sizeof *v, by_first);
	for (size_t i = 1; i < n; i++)
		if (v[i].first == v[i - 1].first && v[i].idx < first)
			first = v[i].idx;
	return first;
}

static void check_overlap(struct vctx *v, const struct cfg_path *at, const struct ign_disk *d)
{
	struct v_span *spans = arena_alloc(v->arena, (d->partitions.n + 1) * sizeof *spans);
	size_t n = 0, first;

	if (!spans) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < d->partitions.n; i++)
		if (span_of(&d->partitions.v[i], &spans[n]))
			spans[n++].idx = i;
	first = v_spans_overlap(spans, n);
	if (first != SIZE_MAX)
		v_error(v, CFG_ENTRY(at, first), "partitions overlap");
}

static void check_numbers(struct vctx *v, const struct cfg_path *at, const struct ign_disk *d)
{
	struct v_span *numbers = arena_alloc(v->arena, (d->partitions.n + 1) * sizeof *numbers);
	size_t n = 0, first;

	if (!numbers) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < d->partitions.n; i++)
		if (d->partitions.v[i].number.v)
			numbers[n++] = (struct v_span){ .first = d->partitions.v[i].number.v, .idx = i };
	first = v_numbers_collide(numbers, n);
	if (first != SIZE_MAX)
		v_error(v, CFG_ENTRY(at, first), "partition numbers collide");
}

static void check_labels(struct vctx *v, const struct cfg_path *at, const struct ign_disk *d)
{
	struct text_set labels;
	size_t first = SIZE_MAX;

	if (text_set_init(&labels, v->arena, d->partitions.n) < 0) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < d->partitions.n; i++)
		if (d->partitions.v[i].label)
			text_set_add(&labels, d->partitions.v[i].label, i);
	text_set_sort(&labels);
	for (size_t i = 1; i < labels.n; i++)
		if (strcmp(labels.v[i].s, labels.v[i - 1].s) == 0 && labels.v[i].idx < first)
			first = labels.v[i].idx;
	if (first != SIZE_MAX)
		v_error(v, CFG_ENTRY(at, first), "cannot use the same partition label twice");
}

void v_guid(struct vctx *v, const struct cfg_path *at, const char *guid)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool ok = !guid || strlen(guid) == strlen(form);

	if (!v_given(guid))
		return;
	for (size_t i = 0; ok && form[i]; i++)
		ok = form[i] == '-' ? guid[i] == '-' : isxdigit((unsigned char)guid[i]) != 0;
	if (!ok)
		v_error(v, at, "doesn't match the form \"01234567-89AB-CDEF-EDCB-A98765432101\"");
}

static void check_partition(struct vctx *v, const struct cfg_path *at, const struct ign_partition *p)
{
	const struct cfg_path *label = CFG_CHILD(at, "label");

	if (p->should_exist.set && !p->should_exist.v &&
	    (p->label || v_given(p->type_guid) || v_given(p->guid) || p->start_mib.set || p->size_mib.set))
		v_error(v, at, "shouldExist specified false with other options also specified");
	if (p->number.v == 0 && !p->label)
		v_error(v, at, "a partition number >= 1 or a label must be specified");
	if (p->label && strlen(p->label) > PARTITION_LABEL_MAX)
		v_error(v, label, "partition labels may not exceed 36 characters");
	else if (p->label && strchr(p->label, ':'))
		v_error(v, label, "partition label will be truncated to text before the colon");
	v_guid(v, CFG_CHILD(at, "guid"), p->guid);
	v_guid(v, CFG_CHILD(at, "typeGuid"), p->type_guid);
}

void v_disks(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.disks.n; i++) {
		const struct ign_disk *d = &v->config->storage.disks.v[i];
		const struct cfg_path *item = CFG_ENTRY(at, i), *parts = CFG_CHILD(item, "partitions");

		if (!v_given(d->device)) {
			v_error(v, CFG_CHILD(item, "device"), "disk device is required");
		} else {
			v_path(v, CFG_CHILD(item, "device"), d->device);
			check_numbers(v, parts, d);
			check_overlap(v, parts, d);
			check_labels(v, parts, d);
		}
		for (size_t k = 0; k < d->partitions.n; k++)
			check_partition(v, CFG_ENTRY(parts, k), &d->partitions.v[k]);
	}
}

enum v_raid_level v_raid_level(const char *level)
{
	static const struct {
		const char *name;
		enum v_raid_level kind;
	} levels[] = {
		{ "linear", RAID_NO_SPARES }, { "raid0", RAID_NO_SPARES },  { "0", RAID_NO_SPARES },
		{ "stripe", RAID_NO_SPARES }, { "raid1", RAID_SPARES_OK },  { "1", RAID_SPARES_OK },
		{ "mirror", RAID_SPARES_OK }, { "raid4", RAID_SPARES_OK },  { "4", RAID_SPARES_OK },
		{ "raid5", RAID_SPARES_OK },  { "5", RAID_SPARES_OK },      { "raid6", RAID_SPARES_OK },
		{ "6", RAID_SPARES_OK },      { "raid10", RAID_SPARES_OK }, { "10", RAID_SPARES_OK },
	};

	for (size_t i = 0; level && i < ARRAY_SIZE(levels); i++)
		if (strcmp(levels[i].name, level) == 0)
			return levels[i].kind;
	return RAID_UNKNOWN;
}

static void check_raid_level(struct vctx *v, const struct cfg_path *at, const struct ign_raid *r)
{
	enum v_raid_level level = v_raid_level(r->level);

	if (v->minor >= 3 && !v_given(r->level))
		v_error(v, at, "raid level is required");
	else if (level == RAID_UNKNOWN)
		v_error(v, at, "unrecognized raid level");
	else if (level == RAID_NO_SPARES && r->spares.v != 0)
		v_error(v, at, "spares unsupported for linear and raid0 arrays");
}

void v_raid(struct vctx *v, const struct cfg_path *at)
{
	for (size_t i = 0; i < v->config->storage.raid.n; i++) {
		const struct ign_raid *r = &v->config->storage.raid.v[i];
		const struct cfg_path *devices = CFG_CHILD(CFG_ENTRY(at, i), "devices");

		check_raid_level(v, CFG_CHILD(CFG_ENTRY(at, i), "level"), r);
		if (r->devices.n == 0)
			v_error(v, devices, "raid devices required");
		for (size_t k = 0; k < r->devices.n; k++)
			v_path(v, CFG_ENTRY(devices, k), r->devices.v[k]);
	}
}
