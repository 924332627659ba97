/* Disks, partitions and RAID arrays. */
#include "ignition/config/validate_priv.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"

enum { PARTITION_LABEL_MAX = 36 }; /* bytes, as upstream counts; GPT itself holds 36 UTF-16 units */

struct span {
	int64_t first, last;
	size_t idx;
};

/* Where both are given and the start is fixed; size 0 means "the rest" and counts as its start only. */
static bool span_of(const struct ign_partition *p, struct span *ret)
{
	uint64_t last = (uint64_t)p->start_mib.v + (uint64_t)p->size_mib.v - (p->size_mib.v != 0);

	if (!p->start_mib.set || !p->size_mib.set || p->start_mib.v == 0)
		return false;
	*ret = (struct span){ .first = p->start_mib.v, .last = (int64_t)last };
	if (ret->last < ret->first)
		ret->last = p->size_mib.v < 0 ? ret->first : INT64_MAX;
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int by_idx(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->idx < y->idx ? -1 : x->idx > y->idx;
}

static bool any_overlap(struct span *v, size_t n)
{
	bool hit = false;

	qsort(v, n, sizeof *v, by_first);
	for (size_t i = 1, top = 0; i < n && !hit; i++) {
		hit = v[i].first <= v[top].last;
		top = v[i].last > v[top].last ? i : top;
	}
	qsort(v, n, sizeof *v, by_idx);
	return hit;
}

/* The first partition in the list that an earlier one reaches into. */
static void check_overlap(struct vctx *v, const struct cfg_path *at, const struct ign_disk *d)
{
	struct span *spans = arena_alloc(v->arena, (d->partitions.n + 1) * sizeof *spans);
	size_t n = 0;

	if (!spans) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < d->partitions.n; i++)
		if (span_of(&d->partitions.v[i], &spans[n]))
			spans[n++].idx = i;
	if (!any_overlap(spans, n))
		return;
	for (size_t k = 1; k < n; k++)
		for (size_t i = 0; i < k; i++)
			if (spans[i].first <= spans[k].last && spans[k].first <= spans[i].last) {
				v_error(v, CFG_ENTRY(at, spans[k].idx), "partitions overlap");
				return;
			}
}

static int by_number(const void *a, const void *b)
{
	return by_first(a, b) ? by_first(a, b) : by_idx(a, b);
}

static void check_numbers(struct vctx *v, const struct cfg_path *at, const struct ign_disk *d)
{
	struct span *numbers = arena_alloc(v->arena, (d->partitions.n + 1) * sizeof *numbers);
	size_t n = 0, first = SIZE_MAX;

	if (!numbers) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < d->partitions.n; i++)
		if (d->partitions.v[i].number.v)
			numbers[n++] = (struct span){ .first = d->partitions.v[i].number.v, .idx = i };
	qsort(numbers, n, sizeof *numbers, by_number);
	for (size_t i = 1; i < n; i++)
		if (numbers[i].first == numbers[i - 1].first && numbers[i].idx < first)
			first = numbers[i].idx;
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

static void check_guid(struct vctx *v, const struct cfg_path *at, const char *guid)
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
	check_guid(v, CFG_CHILD(at, "guid"), p->guid);
	check_guid(v, CFG_CHILD(at, "typeGuid"), p->type_guid);
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

static void check_raid_level(struct vctx *v, const struct cfg_path *at, const struct ign_raid *r)
{
	static const struct {
		const char *name;
		bool spares;
	} levels[] = {
		{ "linear", false }, { "raid0", false }, { "0", false },     { "stripe", false },
		{ "raid1", true },   { "1", true },      { "mirror", true }, { "raid4", true },
		{ "4", true },       { "raid5", true },  { "5", true },      { "raid6", true },
		{ "6", true },       { "raid10", true }, { "10", true },
	};

	if (v->minor >= 3 && !v_given(r->level)) {
		v_error(v, at, "raid level is required");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (!r->level || strcmp(levels[i].name, r->level) != 0)
			continue;
		if (!levels[i].spares && r->spares.v != 0)
			v_error(v, at, "spares unsupported for linear and raid0 arrays");
		return;
	}
	v_error(v, at, "unrecognized raid level");
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
