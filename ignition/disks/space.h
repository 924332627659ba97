/*
 * Free space of a disk, counted exactly as sgdisk counts it, because configs rely on where sgdisk
 * puts a partition whose start or size is 0. Pure arithmetic in logical sectors (LBA).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct extent {
	uint64_t first_lba, last_lba;
};

struct space {
	uint64_t first_usable_lba, last_usable_lba;
	uint64_t align_lba;  /* starts are rounded to this; a power of two */
	struct extent *used; /* in any order, caller's memory */
	size_t n_used;
};

/*
 * The alignment sgdisk derives from the partitions on the disk: 1 MiB, or the largest power of two
 * below it that divides every start; at least 8 sectors on disks from 586072368 sectors on.
 */
uint64_t space_alignment(unsigned sector_bytes, uint64_t disk_lba, const struct extent *used, size_t n);

bool space_is_free(const struct space *s, uint64_t lba);

/* Last sector of the free block that holds lba (which must be free). */
uint64_t space_last_free(const struct space *s, uint64_t lba);

/* The largest free block, the first one of equals. False when nothing is free. */
bool space_largest(const struct space *s, struct extent *ret);

/* lba moved to a multiple of align_lba if that does not leave the free block around it. */
uint64_t space_align(const struct space *s, uint64_t lba);
