/* Addresses of network devices. */
#pragma once
#include "base/ip.h"
#include <stdint.h>

struct err;
struct nldump;
struct nlmsghdr;
struct nltx;

struct nl_addr {
	int ifindex;
	struct ipnet local; /* address with its prefix length, host bits kept */
	struct ipaddr peer; /* other end of a point-to-point address; unset when it is the same */
	uint8_t scope;      /* RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, ... */
	uint32_t flags;     /* IFA_F_SECONDARY, IFA_F_TENTATIVE, ... */
};

typedef int (*addr_fn)(void *ctx, const struct nl_addr *a);

/* From RTM_NEWADDR or RTM_DELADDR. 0 or -EBADMSG. */
int addr_parse(const struct nlmsghdr *h, struct nl_addr *ret);

/* family AF_INET, AF_INET6 or AF_UNSPEC; ifindex 0 = all devices. */
int addr_dump(struct nldump *d, int family, int ifindex, addr_fn fn, void *ctx, struct err *e);

/* Scope global, no broadcast address, IPv6 without duplicate address detection; there already = success. */
void addr_put_add(struct nltx *t, int ifindex, const char *dev, const struct ipnet *a);
void addr_put_del(struct nltx *t, int ifindex, const char *dev, const struct ipnet *a); /* gone = success */
