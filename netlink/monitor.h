/*
 * Kernel events: a multicast socket for the event loop. Give monitor_fd() to loop_add_fd() with
 * POLLIN and call monitor_dispatch() from the callback. Events only say where to look; the truth
 * is a dump. When the kernel had to drop events, MONITOR_RESYNC is delivered: dump and compare.
 */
#pragma once
#include "netlink/addr.h"
#include "netlink/fdb.h"
#include "netlink/link.h"
#include "netlink/neigh.h"
#include "netlink/route.h"

struct monitor;

enum { /* what to hear, both families */
       MONITOR_LINKS = 1,
       MONITOR_ADDRS = 2,
       MONITOR_ROUTES = 4,
       MONITOR_NEIGHS = 8, /* and forwarding entries */
};

enum monitor_kind {
	MONITOR_LINK,
	MONITOR_ADDR,
	MONITOR_ROUTE,
	MONITOR_NEIGH,
	MONITOR_FDB,
	MONITOR_NFT,    /* a table, chain, rule, ... changed */
	MONITOR_RESYNC, /* events were lost */
};

struct monitor_event {
	enum monitor_kind kind;
	bool gone;       /* the object was removed */
	uint32_t portid; /* who asked for the change (nltx_portid()); 0 = the kernel itself */
	union {
		struct nl_link link;
		struct nl_addr addr;
		struct nl_route route;
		struct nl_neigh neigh;
		struct nl_fdb fdb;
		struct {
			uint8_t family; /* NFPROTO_IPV4, ... */
			char table[64]; /* cut names are longer than any of ours */
		} nft;
	};
};

/* Returns 0 to go on; a negative value ends the dispatch and is returned. */
typedef int (*monitor_fn)(void *ctx, const struct monitor_event *ev);

int monitor_open(unsigned what, struct monitor **ret, struct err *e); /* NETLINK_ROUTE */
int monitor_open_nft(struct monitor **ret, struct err *e);            /* NFNLGRP_NFTABLES */
struct monitor *monitor_close(struct monitor *m);                     /* accepts NULL, returns NULL */
int monitor_fd(const struct monitor *m);

/* Delivers what is waiting (at most some hundred datagrams, the rest at the next call). 0 or -errno. */
int monitor_dispatch(struct monitor *m, monitor_fn fn, void *ctx);

/* One datagram's worth of messages; exposed for the fuzz target. */
int monitor_parse(int bus, const void *data, size_t n, monitor_fn fn, void *ctx);

static inline void monitor_closep(struct monitor **m)
{
	monitor_close(*m);
}
