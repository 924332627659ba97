#include "base/stdfd.h"
#include <fcntl.h>
#include <unistd.h>

void stdfd_occupy(void)
{
	int fd;

	/* The lowest free number is always the next one: the first above 2 proves that all are taken. */
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0) /* before /dev is there, anything that cannot be written to will do */
			fd = open("/", O_RDONLY | O_DIRECTORY);
	} while (fd >= 0 && fd < STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}
