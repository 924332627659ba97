/* Neighbour entries (ARP and IPv6). Only permanent ones are written: others count against the
 * kernel's garbage collection limits (1,024 by default). */
#pragma once
#include "base/ip.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nldump;
struct nlmsghdr;
struct nltx;

struct nl_neigh {
	int ifindex;
	struct ipaddr dst;
	bool has_mac;
	struct hwaddr mac;
	uint16_t state; /* NUD_PERMANENT, ... */
	uint8_t flags;  /* NTF_... */
};

typedef int (*neigh_fn)(void *ctx, const struct nl_neigh *n);

/* From RTM_NEWNEIGH or RTM_DELNEIGH of family AF_INET or AF_INET6. 0 or -EBADMSG. */
int neigh_parse(const struct nlmsghdr *h, struct nl_neigh *ret);
int neigh_dump(struct nldump *d, int family, int ifindex, neigh_fn fn, void *ctx, struct err *e);

void neigh_put_replace(struct nltx *t, int ifindex, const char *dev, const struct ipaddr *dst,
		       const struct hwaddr *mac);
void neigh_put_del(struct nltx *t, int ifindex, const char *dev,
		   const struct ipaddr *dst); /* gone = success */
