/* Network devices. */
#pragma once
#include "base/ip.h"
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nldump;
struct nlmsghdr;
struct nltx;

enum { LINK_KIND_MAX = 16 };

struct nl_vxlan {
	uint32_t vni;
	int link;            /* ifindex of the underlay device; 0 = none */
	struct ipaddr local; /* source address; unset = chosen by routing */
	struct ipaddr group;
	uint16_t port; /* host order; 0 in a request = the kernel's default (8472) */
	bool learning, l2miss, gbp;
};

struct nl_link {
	int ifindex;
	char name[IFNAMSIZ];
	unsigned flags; /* IFF_UP, ... */
	uint32_t mtu;
	bool has_mac; /* Ethernet-like */
	struct hwaddr mac;
	char kind[LINK_KIND_MAX]; /* "vxlan", "veth", "bridge", ...; "" for hardware */
	int master;               /* ifindex of the bridge or bond; 0 = none */
	int link;                 /* IFLA_LINK: device underneath or veth peer; 0 = none */
	struct nl_vxlan vxlan;    /* when kind is "vxlan" */
};

typedef int (*link_fn)(void *ctx, const struct nl_link *l);

/* From RTM_NEWLINK or RTM_DELLINK, of a dump or an event. 0, or -EBADMSG for anything malformed. */
int link_parse(const struct nlmsghdr *h, struct nl_link *ret);

/* -ENODEV (text "no network device ...") when there is none. */
int link_get_by_name(struct nldump *d, const char *name, struct nl_link *ret, struct err *e);
int link_get_by_index(struct nldump *d, int ifindex, struct nl_link *ret, struct err *e);
int link_dump(struct nldump *d, link_fn fn, void *ctx, struct err *e);

/*
 * Creation fails with EEXIST when the name is taken. The MAC travels in the request: udev leaves a
 * device alone whose address was set by its creator. txqlen is 0 and the flag options off, as
 * flannel's devices always were.
 */
void link_put_vxlan(struct nltx *t, const char *name, uint32_t mtu, const struct hwaddr *mac,
		    const struct nl_vxlan *v);
void link_put_bridge(struct nltx *t, const char *name, const struct hwaddr *mac); /* mac may be NULL */
/* peer_netns_fd: the namespace the peer is born in; -1 = this one. */
void link_put_veth(struct nltx *t, const char *name, const char *peer, int peer_netns_fd);

/* Changes name the device for messages; ifindex decides. */
void link_put_up(struct nltx *t, int ifindex, const char *name, bool up);
void link_put_mtu(struct nltx *t, int ifindex, const char *name, uint32_t mtu);
void link_put_mac(struct nltx *t, int ifindex, const char *name, const struct hwaddr *mac);
void link_put_master(struct nltx *t, int ifindex, const char *name, int master); /* 0 = release */
void link_put_del(struct nltx *t, int ifindex, const char *name);                /* gone already = success */
