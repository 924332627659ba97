/* Valid configs of any size, each stressing another part of the reader; always the same bytes. */
#pragma once
#include <stddef.h>

struct buf;

struct shape {
	const char *name;
	int (*make)(struct buf *out, size_t bytes); /* about so many; 0 or -ENOMEM */
};

extern const struct shape config_shapes[];
extern const size_t config_shapes_n;
