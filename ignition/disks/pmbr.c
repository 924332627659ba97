#include "ignition/disks/pmbr.h"
#include <endian.h>
#include <string.h>

enum { RECORDS_AT = 446, RECORD_BYTES = 16, N_RECORDS = 4, SIGNATURE_AT = 510, TYPE_PROTECTIVE = 0xee };
enum { HEADS = 255, TRACK_SECTORS = 63, MAX_CYLINDER = 1023 };

bool pmbr_is_valid(const uint8_t mbr[MBR_BYTES])
{
	if (mbr[SIGNATURE_AT] != 0x55 || mbr[SIGNATURE_AT + 1] != 0xaa)
		return false;
	for (int i = 0; i < N_RECORDS; i++)
		if (mbr[RECORDS_AT + i * RECORD_BYTES + 4] == TYPE_PROTECTIVE)
			return true;
	return false;
}

static uint32_t protected_size(uint64_t disk_lba)
{
	return disk_lba - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(disk_lba - 1);
}

bool pmbr_covers(const uint8_t mbr[MBR_BYTES], uint64_t disk_lba)
{
	static const uint8_t none[RECORD_BYTES];
	const uint8_t *rec = mbr + RECORDS_AT;
	uint32_t size;

	for (int i = 1; i < N_RECORDS; i++)
		if (memcmp(rec + i * RECORD_BYTES, none, RECORD_BYTES) != 0)
			return true;
	memcpy(&size, rec + 12, sizeof(size));
	return le32toh(size) == protected_size(disk_lba);
}

/* The address of the last sector in the old geometry, all ones when it has none. */
static void fill_chs(uint8_t chs[3], uint64_t lba)
{
	uint64_t cylinder = lba / (HEADS * TRACK_SECTORS);

	if (cylinder > MAX_CYLINDER) {
		memset(chs, 0xff, 3);
		return;
	}
	chs[0] = lba / TRACK_SECTORS % HEADS;
	chs[1] = (lba % TRACK_SECTORS + 1) | (cylinder >> 8) << 6;
	chs[2] = cylinder & 0xff;
}

void pmbr_fill(uint8_t mbr[MBR_BYTES], uint64_t disk_lba)
{
	uint8_t *rec = mbr + RECORDS_AT;
	uint32_t start = htole32(1);
	uint32_t size = htole32(protected_size(disk_lba));

	memset(rec, 0, N_RECORDS * RECORD_BYTES);
	rec[2] = 2; /* the second sector of the first track */
	rec[4] = TYPE_PROTECTIVE;
	fill_chs(rec + 5, disk_lba - 1);
	memcpy(rec + 8, &start, sizeof(start));
	memcpy(rec + 12, &size, sizeof(size));
	mbr[SIGNATURE_AT] = 0x55;
	mbr[SIGNATURE_AT + 1] = 0xaa;
}
