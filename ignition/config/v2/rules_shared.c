/* Rules that spec 1 and 2.x have alike, over values. */
#include "ignition/config/v2/rules_priv.h"
#include <errno.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"

enum { MODE_MAX = 07777, SECTORS_PER_MIB = 2048 };

void old_path(struct vctx *v, const struct cfg_path *at, const char *path)
{
	if (*path != '/')
		v_error(v, at, "path not absolute");
}

void old_format(struct vctx *v, const struct cfg_path *at, const char *format, bool swap_and_vfat)
{
	static const char *const known[] = { "ext4", "btrfs", "xfs", "swap", "vfat" };

	for (size_t i = 0; i < (swap_and_vfat ? ARRAY_SIZE(known) : 3); i++)
		if (strcmp(known[i], format) == 0)
			return;
	v_error(v, at, "invalid filesystem format");
}

void old_mode(struct vctx *v, const struct cfg_path *at, struct opt_i64 mode)
{
	if (mode.v < 0 || mode.v > MODE_MAX)
		v_error(v, at, "illegal file mode");
}

/* Where a number had no sign in 0.35, a negative one was none. */
void old_not_negative(struct vctx *v, const struct cfg_path *at, struct opt_i64 number)
{
	if (number.v < 0)
		v_error(v, at, "must not be negative");
}

void old_raid_level(struct vctx *v, const struct cfg_path *at, const char *level, struct opt_i64 spares)
{
	switch (v_raid_level(level)) {
	case RAID_UNKNOWN:
		v_error(v, at, "unrecognized raid level");
		break;
	case RAID_NO_SPARES: /* the text says the opposite of what is meant, and is known so */
		if (spares.v != 0)
			v_error(v, at, "spares unsupported for arrays with a level greater than 0");
		break;
	case RAID_SPARES_OK:
		break;
	}
}

void old_networkd_name(struct vctx *v, const struct cfg_path *at, const char *name)
{
	static const char *const known[] = { ".link", ".netdev", ".network" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i], v_extension(name)) == 0)
			return;
	v_error(v, at, "invalid networkd unit extension");
}

void old_systemd_name(struct vctx *v, const struct cfg_path *at, const char *name)
{
	if (!v_unit_extension_ok(name))
		v_error(v, at, "invalid systemd unit extension");
}

void old_dropin_name(struct vctx *v, const struct cfg_path *at, const char *name)
{
	if (strcmp(v_extension(name), ".conf") != 0)
		v_error(v, at, "invalid systemd drop-in extension");
}

/* Size 0 means "the rest", and counts as its start only; start 0 is wherever there is room. */
static bool span_of(const struct old_partition *p, struct v_span *ret)
{
	int64_t last;

	if (!p->fixed || p->start == 0)
		return false;
	if (__builtin_add_overflow(p->start, p->size > 0 ? p->size - 1 : 0, &last))
		last = INT64_MAX;
	*ret = (struct v_span){ .first = p->start, .last = last };
	return true;
}

void old_partitions(struct vctx *v, const struct cfg_path *at, const struct old_partition *p, size_t n,
		    bool zero_collides)
{
	struct v_span *spans = arena_alloc(v->arena, (n + 1) * sizeof *spans);
	size_t used = 0, first;

	if (!spans) {
		v->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (p[i].number || zero_collides)
			spans[used++] = (struct v_span){ .first = p[i].number, .idx = i };
	first = v_numbers_collide(spans, used);
	if (first != SIZE_MAX)
		v_error(v, CFG_ENTRY(at, first), "partition numbers collide");
	used = 0;
	for (size_t i = 0; i < n; i++)
		if (span_of(&p[i], &spans[used]))
			spans[used++].idx = i;
	first = v_spans_overlap(spans, used);
	if (first != SIZE_MAX)
		v_error(v, CFG_ENTRY(at, first), "partitions overlap");
	for (first = 0; first < n && p[first].start % SECTORS_PER_MIB == 0; first++)
		;
	if (first < n)
		v_error(v, CFG_CHILD(CFG_ENTRY(at, first), "start"), "partitions misaligned");
}
