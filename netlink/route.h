/* Routes. */
#pragma once
#include "base/ip.h"
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nldump;
struct nlmsghdr;
struct nltx;

struct nl_route {
	struct ipnet dst; /* family decides; len 0 = default route */
	struct ipaddr gateway, prefsrc;
	int oif;
	uint32_t table;   /* 0 in a request = RT_TABLE_MAIN */
	uint32_t metric;  /* 0 in a request = the kernel's default (IPv6: 1024) */
	uint32_t nhid;    /* nexthop object; 0 = none */
	uint8_t protocol; /* RTPROT_BOOT is what upstream flannel writes */
	uint8_t scope, type, tos;
	uint32_t flags;  /* RTNH_F_ONLINK, ... */
	unsigned n_hops; /* nexthops of a multipath route; gateway and oif are the first one's */
};

struct route_filter {
	int family;       /* AF_UNSPEC = both */
	uint32_t table;   /* 0 = RT_TABLE_MAIN */
	int oif;          /* 0 = any */
	uint8_t protocol; /* 0 = any */
	uint8_t type;     /* 0 = any */
};

typedef int (*route_fn)(void *ctx, const struct nl_route *r);

/* From RTM_NEWROUTE or RTM_DELROUTE. 0 or -EBADMSG. */
int route_parse(const struct nlmsghdr *h, struct nl_route *ret);
bool route_matches(const struct nl_route *r, const struct route_filter *f);

/* Cached (cloned) routes are left out. */
int route_dump(struct nldump *d, const struct route_filter *f, route_fn fn, void *ctx, struct err *e);

/* The way to dst, as `ip route get`: gateway unset = on the link. -ENETUNREACH when there is none. */
int route_get(struct nldump *d, const struct ipaddr *dst, struct nl_route *ret, struct err *e);

/*
 * Creates or replaces. type 0 = unicast; protocol 0 = RTPROT_BOOT; a unicast route to the link
 * (neither gateway nor nhid) gets scope link when scope is 0 and the family is IPv4.
 */
void route_put_replace(struct nltx *t, const struct nl_route *r);
/* Deletes by dst, table, metric, and by type, protocol, oif, gateway where set; gone = success. */
void route_put_del(struct nltx *t, const struct nl_route *r);
