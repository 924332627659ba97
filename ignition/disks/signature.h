/* What libblkid recognises on a device, and making it unrecognisable. */
#pragma once
#include <stdbool.h>

struct arena;
struct err;

struct signature {
	const char *type, *uuid, *label; /* "" = none; type "" = nothing recognised */
};

/*
 * The file system, RAID member, swap space, ... on the device open at fd. When two kinds are
 * recognised the first is taken and *ret_ambiguous set. Strings live in the arena. 0 or -errno.
 */
int signature_probe(int fd, const char *device, struct arena *a, struct signature *ret, bool *ret_ambiguous,
		    struct err *e);

/* Erases every signature libblkid knows, partition tables included, until it finds none. */
int signature_wipe(int fd, const char *device, struct err *e);
