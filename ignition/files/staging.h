/*
 * Contents that come from the network are downloaded, unpacked and verified before the first write,
 * several at a time, into files without a name (O_TMPFILE) on the file system where they will be
 * needed. A wrong URL or hash therefore changes nothing, and nothing is left behind whatever happens.
 * Inline (data:) contents with a hash or compression are tried once without keeping the result.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

struct arena;
struct err;
struct fetcher;
struct ign_resource;
struct nodes;
struct root;

struct staged {
	int fd;        /* -1: inline, decoded when it is needed */
	bool linkable; /* can be given a name on its own file system */
};

struct staging {
	struct staged **v; /* those that hold a descriptor */
	size_t n;
	struct rlimit old_limit; /* of open files; rlim_cur 0: was not raised */
};

/* Fills in contents and append of every file. On failure nothing stays open. */
int staging_fetch(const struct root *root, struct fetcher *f, struct nodes *nodes, struct arena *a,
		  struct staging *ret, struct err *e);
void staging_close(struct staging *s);

/* Writes one resource at the current offset of fd. */
int staging_copy(struct fetcher *f, const struct ign_resource *res, const struct staged *st, int fd,
		 const char *name, struct err *e);
