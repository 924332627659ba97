/*
 * Which network interface carries the overlay, and under which addresses peers reach this node.
 * The decision is a pure function over a snapshot of links, addresses and default routes; it says
 * why it chose what it chose, since a wrong interface (every Vagrant machine's 10.0.2.15) is the
 * most common way to build an overlay that does not work.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/ip.h"
#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/route.h"

struct err;
struct nldump;

enum { IFACE_REASON_MAX = 256 };

struct iface_options {
	bool v4, v6;              /* families of the overlay; at least one */
	const char *const *names; /* --iface: interface names or addresses, in order */
	size_t n_names;
	const char *const *regexes; /* --iface-regex, tried after the names */
	size_t n_regexes;
	const char *can_reach;              /* --iface-can-reach, tried last; NULL or "" = not given */
	const char *public_ip, *public_ip6; /* NULL or "" = not given */
};

struct iface_snapshot {
	struct nl_link *links; /* in the order of their indexes */
	size_t n_links;
	struct nl_addr *addrs;
	size_t n_addrs;
	struct nl_route *defaults; /* default routes of both families */
	size_t n_defaults;
	struct nl_route reach; /* the way to can_reach; oif 0 = none */
};

struct iface_choice {
	int ifindex;
	char name[IFNAMSIZ];
	uint32_t mtu;
	struct ipaddr addr, addr6; /* the interface's own; unset for a family not in use */
	struct ipaddr ext, ext6;   /* what peers use */
	char reason[IFACE_REASON_MAX];
};

/* 0, -EINVAL for an option that makes no sense, -ENODEV or -EADDRNOTAVAIL with the story. */
int iface_choose(const struct iface_snapshot *s, const struct iface_options *o, struct iface_choice *ret,
		 struct err *e);

int iface_snapshot_load(struct nldump *d, const struct iface_options *o, struct iface_snapshot *ret,
			struct err *e);
void iface_snapshot_done(struct iface_snapshot *s);
