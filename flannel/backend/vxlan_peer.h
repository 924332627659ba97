/*
 * From another node's lease to what the kernel gets. Leases come from a store that every node (and
 * whoever else may write there) shares, so each value is checked before it may reach the kernel.
 */
#pragma once
#include <stdint.h>
#include "base/ip.h"
#include "flannel/reconcile.h"

struct err;
struct lease;

/* This node, in one address family. */
struct vxlan_self {
	int family;
	uint32_t vni;
	struct ipnet network, subnet;
	struct ipaddr public_ip, local; /* advertised, and the interface's own */
	struct hwaddr mac;
};

/*
 * 1 and the peer; 0 when the lease has no part in this family; -EINVAL with the reason why it must
 * not be used.
 */
int vxlan_peer_from_lease(const struct vxlan_self *self, const struct lease *l, struct reconcile_peer *ret,
			  struct err *e);
