/* The protective MBR in front of a GPT, as sgdisk writes it (UEFI 2.10, 5.2.3). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { MBR_BYTES = 512 };

bool pmbr_is_valid(const uint8_t mbr[MBR_BYTES]);

/* Whether it protects all of a disk of this size, or has records besides that are not ours to judge. */
bool pmbr_covers(const uint8_t mbr[MBR_BYTES], uint64_t disk_lba);

/* Replaces the partition records; the boot code and the disk signature stay. */
void pmbr_fill(uint8_t mbr[MBR_BYTES], uint64_t disk_lba);
