#include "ignition/cmdline.h"
#include "base/atomic.h"
#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

int cmdline_find(const char *line, const char *key, struct buf *out)
{
	static const char space[] = " \t\n\r\v\f";
	size_t klen = strlen(key), best_len = 0;
	const char *best = NULL;

	for (const char *p = line + strspn(line, space); *p; p += strspn(p, space)) {
		size_t n = strcspn(p, space);

		if (n > klen + 1 && p[klen] == '=' && memcmp(p, key, klen) == 0) {
			best = p + klen + 1;
			best_len = n - klen - 1;
		}
		p += n;
	}
	if (!best)
		return 0;
	int r = buf_append(out, best, best_len);
	return r < 0 ? r : 1;
}

int cmdline_read(struct buf *out, struct err *e)
{
	const char *path = getenv("IGNITION_KERNEL_CMDLINE_PATH");

	return file_read(path && *path ? path : "/proc/cmdline", out, e);
}
