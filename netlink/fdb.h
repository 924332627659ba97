/* Forwarding entries of a VXLAN device itself (AF_BRIDGE, NTF_SELF): MAC -> remote address. */
#pragma once
#include "base/ip.h"
#include <stdint.h>

struct err;
struct nldump;
struct nlmsghdr;
struct nltx;

struct nl_fdb {
	int ifindex;
	struct hwaddr mac;
	struct ipaddr dst; /* remote tunnel end; unset on devices that are no tunnels */
	uint16_t state;
	uint8_t flags; /* NTF_SELF, NTF_MASTER, ... */
	int master;    /* the bridge of an entry that belongs to one; 0 = none */
};

typedef int (*fdb_fn)(void *ctx, const struct nl_fdb *f);

/* From RTM_NEWNEIGH or RTM_DELNEIGH of family AF_BRIDGE. 0 or -EBADMSG. */
int fdb_parse(const struct nlmsghdr *h, struct nl_fdb *ret);

/* Entries with NTF_SELF of one device. An entry with several remotes is reported once per remote. */
int fdb_dump(struct nldump *d, int ifindex, fdb_fn fn, void *ctx, struct err *e);

/* Replaces whatever remote the MAC had: the kernel's key is the MAC alone. */
void fdb_put_replace(struct nltx *t, int ifindex, const char *dev, const struct hwaddr *mac,
		     const struct ipaddr *dst);
/* dst may be NULL: the whole entry, whatever remote it has. Gone already = success. */
void fdb_put_del(struct nltx *t, int ifindex, const char *dev, const struct hwaddr *mac,
		 const struct ipaddr *dst);
