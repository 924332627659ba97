/* The reader of GPT headers over an arbitrary disk; it is private to the prober, hence the include. */
#include "ignition/disks/probe.c"
#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	struct disk_state s = { .device = "/dev/fuzz", .sector_bytes = size & 1 ? 4096 : 512 };
	struct err e = { 0 };

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	s.disk_lba = size / s.sector_bytes;
	if (s.disk_lba < 3)
		return 0;
	/* what was accepted lies on the disk, and a whole table has usable headers */
	if (read_usable(fd, &s, &e) == 0) {
		if (s.first_usable_lba > s.last_usable_lba || s.last_usable_lba >= s.disk_lba)
			abort();
	} else if (table_is_whole(fd, &s)) {
		abort();
	}
	return 0;
}
