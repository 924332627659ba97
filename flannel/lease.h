/*
 * One node's lease: the subnet, which is the key in the store, and its attributes, which are the
 * value. Both formats are shared with every other agent of the cluster, so they are byte-exact.
 * Everything read from the store may be hostile: whatever a backend could pass to the kernel is
 * validated here, and what is refused names its reason.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

struct buf;
struct err;
struct net_config;

enum {
	LEASE_KEY_MAX = 96,          /* "255.255.255.255-31&<39 characters>-127" and the terminator */
	LEASE_VALUE_MAX = 64 << 10,  /* bytes of one value */
	LEASE_BACKEND_TYPE_MAX = 64, /* with the terminator */
};

/* At least one family is set. */
struct lease_subnet {
	struct ipnet v4, v6; /* as written in the key: host bits are kept; not set = family absent */
};

struct lease_attrs {
	struct ipaddr public_ip;                   /* 0.0.0.0 or not set = none; written as "0.0.0.0" then */
	struct ipaddr public_ipv6;                 /* not set = null */
	char backend_type[LEASE_BACKEND_TYPE_MAX]; /* "" = absent (udp and alloc write none) */
	char *backend_data, *backend_v6_data;      /* raw JSON, malloc'ed; NULL = absent */
};

struct lease {
	struct lease_subnet subnet;
	struct lease_attrs attrs;
	char key[LEASE_KEY_MAX]; /* last component, as found in the store */
	int64_t create_revision, mod_revision;
	int64_t etcd_lease; /* 0 = a reservation: never expires */
	bool unreadable;    /* only key and subnet are known: taken, but nobody to talk to */
};

/*
 * "10.244.5.0-24", "10.244.5.0-24&fd00:0:0:5::-64", v6-only "0.0.0.0-0&fd00:0:0:5::-64". The text
 * is the last component of the key; -EINVAL with a reason.
 */
int lease_subnet_parse(const char *text, size_t len, struct lease_subnet *ret, struct err *e);
void lease_subnet_format(const struct lease_subnet *s, char ret[LEASE_KEY_MAX]);
bool lease_subnet_equal(const struct lease_subnet *a, const struct lease_subnet *b);
/* For messages: "10.244.5.0/24", "10.244.5.0/24 fd00:0:0:5::/64". Returns ret. */
const char *lease_subnet_text(const struct lease_subnet *s, char ret[LEASE_KEY_MAX]);

/* Appends the value, fields in upstream's order. The raw parts are written as they are. */
int lease_attrs_encode(const struct lease_attrs *a, struct buf *b);
/* -EINVAL with the field and the reason, -EFBIG, -ENOMEM. Release with lease_attrs_done(). */
int lease_attrs_decode(const char *text, size_t len, struct lease_attrs *ret, struct err *e);
int lease_attrs_copy(const struct lease_attrs *a, struct lease_attrs *ret);
bool lease_attrs_equal(const struct lease_attrs *a, const struct lease_attrs *b);
void lease_attrs_done(struct lease_attrs *a);

int lease_copy(const struct lease *l, struct lease *ret);
void lease_done(struct lease *l);

/*
 * BackendData of the vxlan backend: {"VNI":1,"VtepMAC":"aa:bb:.."}; a missing VNI is 0 (agents
 * before 0.13.1). Refused: no or a malformed MAC, all zero, a multicast one.
 */
struct lease_vxlan {
	uint32_t vni;
	struct hwaddr mac;
};
int lease_vxlan_decode(const char *json, struct lease_vxlan *ret, struct err *e);
int lease_vxlan_encode(const struct lease_vxlan *v, char **ret); /* malloc'ed */

/* May this subnet be used under this configuration (range, lengths, families)? */
bool lease_subnet_fits(const struct lease_subnet *s, const struct net_config *c);

/*
 * Picks a subnet at random among the first 100 that are free in each enabled family. taken may
 * hold any prefix lengths. -ENOSPC "out of subnets".
 */
int lease_subnet_pick(const struct net_config *c, const struct lease *taken, size_t n_taken,
		      struct lease_subnet *ret, struct err *e);

static inline void lease_attrs_donep(struct lease_attrs *a)
{
	lease_attrs_done(a);
}
