#include "ignition/disks/space.h"

enum { DEFAULT_ALIGN_BYTES = 1 << 20, ADVANCED_FORMAT_ALIGN_LBA = 8 };
static const uint64_t ADVANCED_FORMAT_DISK_LBA = 586072368; /* 300 GB in 512-byte sectors */

uint64_t space_alignment(unsigned sector_bytes, uint64_t disk_lba, const struct extent *used, size_t n)
{
	uint64_t align = DEFAULT_ALIGN_BYTES / sector_bytes;

	for (size_t i = 0; i < n; i++)
		while (used[i].first_lba % align)
			align /= 2;
	if (align < ADVANCED_FORMAT_ALIGN_LBA && disk_lba >= ADVANCED_FORMAT_DISK_LBA)
		align = ADVANCED_FORMAT_ALIGN_LBA;
	return align;
}

static const struct extent *extent_at(const struct space *s, uint64_t lba)
{
	for (size_t i = 0; i < s->n_used; i++)
		if (lba >= s->used[i].first_lba && lba <= s->used[i].last_lba)
			return &s->used[i];
	return NULL;
}

bool space_is_free(const struct space *s, uint64_t lba)
{
	return lba >= s->first_usable_lba && lba <= s->last_usable_lba && !extent_at(s, lba);
}

uint64_t space_last_free(const struct space *s, uint64_t lba)
{
	uint64_t last = s->last_usable_lba;

	for (size_t i = 0; i < s->n_used; i++)
		if (s->used[i].first_lba > lba && s->used[i].first_lba - 1 < last)
			last = s->used[i].first_lba - 1;
	return last;
}

bool space_largest(const struct space *s, struct extent *ret)
{
	uint64_t lba = s->first_usable_lba;
	uint64_t best = 0;

	while (lba <= s->last_usable_lba) {
		const struct extent *used = extent_at(s, lba);

		if (used) {
			lba = used->last_lba + 1;
			continue;
		}
		uint64_t last = space_last_free(s, lba);
		uint64_t size = last - lba + 1;

		if (size > best) {
			best = size;
			*ret = (struct extent){ lba, last };
		}
		lba = last + 1;
	}
	return best > 0;
}

uint64_t space_align(const struct space *s, uint64_t lba)
{
	uint64_t down = lba / s->align_lba * s->align_lba;
	uint64_t up = down + s->align_lba;

	if (lba == down)
		return lba;
	/* Every sector between here and there must be free: no block begins in between. */
	if (space_is_free(s, down) && space_last_free(s, down) >= lba)
		return down;
	if (space_is_free(s, up) && space_last_free(s, lba) >= up)
		return up;
	return lba;
}
