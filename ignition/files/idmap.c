#include "ignition/files/idmap.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAP_MAX_BYTES = 64 << 10 };

void idmap_parse(const char *text, struct idmap *ret)
{
	const char *p = text;

	ret->n = 0;
	while (p && *p && ret->n < IDMAP_MAX) {
		uint32_t inside, outside, count;

		if (sscanf(p, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) == 3) {
			ret->v[ret->n].first = inside;
			ret->v[ret->n++].count = count;
		}
		p = strchr(p, '\n');
		p += p != NULL;
	}
}

void idmap_load(const char *name, struct idmap *ret)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = MAP_MAX_BYTES);
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/self/%s", name);
	ret->n = 0;
	if (file_read(path, &text, NULL) == 0)
		idmap_parse(buf_str(&text), ret);
	if (ret->n == 0) {
		ret->v[0].first = 0;
		ret->v[0].count = UINT32_MAX;
		ret->n = 1;
	}
}

bool idmap_has(const struct idmap *m, uint32_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (id >= m->v[i].first && id - m->v[i].first < m->v[i].count)
			return true;
	return false;
}
