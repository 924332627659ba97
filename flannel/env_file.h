/*
 * subnet.env: what container runtimes and CNI plugins read to know this node's part of the
 * overlay. Names, order and format are shared with every such reader. Also read back at start, to
 * ask for the same subnet again.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/ip.h"

struct buf;
struct err;

struct env_file {
	/* A family without a network is left out. */
	struct ipnet network, subnet; /* the subnet without host bits; written as its first address */
	struct ipnet network6, subnet6;
	unsigned mtu;
	bool ip_masq;
};

/* -EINVAL when a subnet has no second address, -ENOMEM. */
int env_file_format(const struct env_file *env, struct buf *b);

/* Atomic; directories are made 0755, the file is 0644 whatever the umask. */
int env_file_write(const char *path, const struct env_file *env, struct err *e);

/*
 * Takes what it understands (quotes, comments, "export", comma lists) and leaves out the rest:
 * what is missing or broken is unset. A subnet given more than once cannot be asked for again and
 * is unset, too.
 */
void env_file_parse(const char *text, size_t n, struct env_file *ret);

/* -ENOENT when there is no file. */
int env_file_read(const char *path, struct env_file *ret, struct err *e);
