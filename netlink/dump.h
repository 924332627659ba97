/*
 * Questions to the kernel: single gets and dumps on a socket of their own. The callback runs only
 * after the whole answer has arrived and is consistent: a dump interrupted by a change
 * (NLM_F_DUMP_INTR) or by a full buffer is asked again, and is an error after NLDUMP_TRIES.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct err;
struct nlmsghdr;
struct nldump;

enum {
	NLDUMP_TRIES = 8,
	NLDUMP_BYTES_MAX = 256 << 20, /* one answer */
	NLDUMP_REPLY_MS = 10000,
};

/* Returns 0 to go on; a negative value stops and becomes the result. */
typedef int (*nldump_fn)(void *ctx, const struct nlmsghdr *h);

/*
 * bus: NETLINK_ROUTE (strict checking on, so that filters in a dump request are honoured by the
 * kernel, 4.20 and later) or NETLINK_NETFILTER.
 */
int nldump_open(int bus, struct nldump **ret, struct err *e);
int nldump_open_fd(int fd, struct nldump **ret); /* tests: the peer plays the kernel; takes over fd */
struct nldump *nldump_close(struct nldump *d);   /* accepts NULL, returns NULL */

/*
 * Starts a question; flags NLM_F_DUMP for a dump, 0 for a single get. Fill it with libmnl, then
 * nldump_run(). The memory belongs to d.
 */
struct nlmsghdr *nldump_begin(struct nldump *d, uint16_t type, uint16_t flags);

/* 0, or -errno; what ("routes of flannel.1") names the question in the text. */
int nldump_run(struct nldump *d, nldump_fn fn, void *ctx, const char *what, struct err *e);

static inline void nldump_closep(struct nldump **d)
{
	nldump_close(*d);
}
