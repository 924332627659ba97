/*
 * NAT and forwarding rules of the overlay, in nftables tables of our own. masq_plan() is pure;
 * struct masq applies it, watches over it and removes what upstream flannel left behind. The
 * semantics are those of upstream's iptables rules (marked traffic is left alone, the mark is
 * compared under its mask; traffic from outside to the own subnet keeps its source address; the
 * host's own traffic to remote pods is masqueraded).
 *
 * An accept in a table of ours cannot overrule a drop in another one: a host firewall that drops
 * forwarded packets must let the overlay pass itself.
 */
#pragma once
#include "base/ip.h"
#include "netlink/nft.h"
#include <stdbool.h>

struct err;
struct masq;

enum { MASQ_INSTANCE_LEN = 48, MASQ_TABLES_MAX = 2 };

struct masq_config {
	/* A family without a network is not in use. Host bits are ignored. */
	struct ipnet network, subnet;   /* IPv4: the overlay, this node's part */
	struct ipnet network6, subnet6; /* IPv6 */
	bool ip_masq;
	bool forward; /* upstream: on unless --iptables-forward-rules=false */
	bool random_fully;
	char instance[MASQ_INSTANCE_LEN]; /* of masq_instance(); "" = the default instance */
};

struct masq_plan {
	struct nft_table table[MASQ_TABLES_MAX];
	unsigned n_table;
	/* Tables of this instance that must not exist: a family or everything was switched off. */
	struct {
		uint8_t family;
		char name[NFT_NAME_LEN];
	} absent[MASQ_TABLES_MAX];
	unsigned n_absent;
};

/*
 * Several daemons on one host keep their rules apart by instance: "" for the default etcd prefix
 * and subnet file ("flannel-ipv4"), else eight hex digits derived from both ("flannel-ipv4-1a2b3c4d"),
 * the same after every restart. NULL or "" stand for the default.
 */
void masq_instance(const char *etcd_prefix, const char *subnet_file, char ret[MASQ_INSTANCE_LEN]);

/* 0, or -EINVAL: subnet outside network, family mixed up, network of length 0. */
int masq_plan(const struct masq_config *c, struct masq_plan *ret, struct err *e);

int masq_open(struct masq **ret, struct err *e);
struct masq *masq_close(struct masq *m); /* leaves the rules in place; accepts NULL, returns NULL */

/*
 * Installs the plan, whatever is there, and removes what upstream's iptables mode left behind, in
 * one transaction. 0; 1 when the rules are in place but the remains of upstream could not be
 * removed (e says why); -errno when nothing was changed.
 */
int masq_apply(struct masq *m, const struct masq_plan *p, struct err *e);

/* 1 when the kernel has the plan's rules and nothing else in our tables, 0 when not, or -errno. */
int masq_check(struct masq *m, const struct masq_plan *p, struct err *e);

/*
 * Check, and apply when different: 1 when rules had to be restored (e then tells what of upstream's
 * could not be removed, if anything), 0 when all was well, or -errno.
 */
int masq_resync(struct masq *m, const struct masq_plan *p, struct err *e);

/* Is an event of NFNLGRP_NFTABLES about this table ours to look at, and not our own doing? */
bool masq_concerns(const struct masq *m, const struct masq_plan *p, uint8_t family, const char *table,
		   uint32_t portid);

static inline void masq_closep(struct masq **m)
{
	masq_close(*m);
}
