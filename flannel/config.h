/*
 * The cluster's network configuration: the JSON document under <prefix>/config. Key names match
 * without regard to case, unknown keys are ignored, the last duplicate wins, as every existing
 * cluster's document was written for a decoder with these habits. Strings and the raw backend
 * object live in the caller's arena.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

struct arena;
struct err;

enum { NET_CONFIG_MAX = 1 << 20 }; /* bytes of the document */

struct net_config {
	bool enable_ipv4; /* default true */
	bool enable_ipv6, enable_nftables;

	/* Valid when the family is enabled and net_config_check() passed. Host bits are masked off. */
	struct ipnet network, ipv6_network;   /* not set when the document leaves them out */
	unsigned subnet_len, ipv6_subnet_len; /* prefix length of one node's subnet */
	struct ipaddr subnet_min, subnet_max; /* first and last subnet to hand out */
	struct ipaddr ipv6_subnet_min, ipv6_subnet_max;

	/* "udp" when the document has no Backend at all, "" when Backend has no Type; as written otherwise.
	 */
	const char *backend_type;
	const char *backend_json; /* the Backend value verbatim; NULL when absent */
};

/*
 * Decodes the document and fills what it leaves out; no range checks. -EINVAL with the key and the
 * reason, -EFBIG above NET_CONFIG_MAX, -ENOMEM.
 */
int net_config_parse(const char *text, size_t len, struct arena *a, struct net_config *ret, struct err *e);

/* The etcd manager's rules, with upstream's texts; also fills the defaults that depend on them. */
int net_config_check(struct net_config *c, struct err *e);

/* Both steps: what the subnet manager hands out went through here. */
int net_config_load(const char *text, size_t len, struct arena *a, struct net_config *ret, struct err *e);

struct vxlan_config {
	unsigned vni;  /* default 1 */
	unsigned port; /* 0 = the kernel's default, 8472 */
	unsigned mtu;  /* of the underlay; 0 = the external interface's */
	bool gbp, learning, direct_routing;
};

/* Reads the vxlan keys of c->backend_json (absent = all defaults). -EINVAL with the key and the reason. */
int vxlan_config_parse(const struct net_config *c, struct vxlan_config *ret, struct err *e);
