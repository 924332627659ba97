/*
 * Which user and group ids exist here. In a user namespace (a rootless container build) only some are
 * mapped, and giving a file to another one fails with "Invalid argument", which tells nobody why.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDMAP_MAX = 340 }; /* lines that the kernel accepts */

struct idmap {
	struct {
		uint32_t first, count;
	} v[IDMAP_MAX];
	size_t n;
};

/* The text of /proc/PID/uid_map or gid_map; lines that are none are skipped. Pure. */
void idmap_parse(const char *text, struct idmap *ret);

/* Of this process; name is "uid_map" or "gid_map". Without /proc every id counts as mapped. */
void idmap_load(const char *name, struct idmap *ret);

bool idmap_has(const struct idmap *m, uint32_t id);
