/*
 * Subnet managers behind one interface: where the network configuration and the nodes' leases are
 * kept. Everything runs on the caller's loop and nothing blocks; every wait has a deadline, is
 * retried with a growing pause and logs what it waits for and why (the only library code of
 * this layer that logs above debug). Callbacks may free the manager.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flannel/lease.h"

struct err;
struct loop;
struct net_config;
struct subnet_manager;

/* Callback return values follow base/loop.h: 0, or -errno which ends the loop. */

/* The configuration is the manager's and stays valid until it is freed. */
typedef int (*subnet_config_fn)(void *ctx, const struct net_config *config);

/*
 * own is the manager's and follows the store until the manager is freed; NULL when no lease can be
 * had, e then says why ("out of subnets").
 */
typedef int (*subnet_acquired_fn)(void *ctx, const struct lease *own, const struct err *e);

struct subnet_events {
	/* All other nodes' leases, sorted by key: first after subnet_run(), again whenever the history was
	 * lost. */
	int (*snapshot)(void *ctx, const struct lease *leases, size_t n);
	/*
	 * Changes in one batch, each key at most once in both lists together. Of a removed lease
	 * only key and subnet are known.
	 */
	int (*changed)(void *ctx, const struct lease *put, size_t n_put, const struct lease *gone,
		       size_t n_gone);
	/* Another node holds our subnet now. Nothing is renewed any more; the reason is in e. */
	int (*lost)(void *ctx, const struct err *e);
};

struct subnet_ops {
	int (*get_config)(struct subnet_manager *m, subnet_config_fn fn, void *ctx);
	int (*acquire)(struct subnet_manager *m, const struct net_config *c, const struct lease_attrs *attrs,
		       const struct lease_subnet *previous, subnet_acquired_fn fn, void *ctx);
	int (*run)(struct subnet_manager *m, const struct subnet_events *ev, void *ctx);
	int (*set_attrs)(struct subnet_manager *m, const struct lease_attrs *attrs);
	void (*free)(struct subnet_manager *m);
};

struct subnet_manager {
	const struct subnet_ops *ops;
};

/* Calls fn once, as soon as a valid configuration could be read. -EBUSY while one is under way. */
static inline int subnet_get_config(struct subnet_manager *m, subnet_config_fn fn, void *ctx)
{
	return m->ops->get_config(m, fn, ctx);
}

/*
 * Takes a lease for this node: the one that carries our public address, else the previous subnet
 * (may be NULL) when nobody has it, else a random free one. attrs and c are copied.
 */
static inline int subnet_acquire(struct subnet_manager *m, const struct net_config *c,
				 const struct lease_attrs *attrs, const struct lease_subnet *previous,
				 subnet_acquired_fn fn, void *ctx)
{
	return m->ops->acquire(m, c, attrs, previous, fn, ctx);
}

/* After acquire: keeps our lease alive, puts it back when it vanished, reports everybody else's. */
static inline int subnet_run(struct subnet_manager *m, const struct subnet_events *ev, void *ctx)
{
	return m->ops->run(m, ev, ctx);
}

/* Publishes other attributes under the lease we hold (a new MAC or public address). */
static inline int subnet_set_attrs(struct subnet_manager *m, const struct lease_attrs *attrs)
{
	return m->ops->set_attrs(m, attrs);
}

/* Accepts NULL, returns NULL. Leaves the lease in the store: a restart finds it again. */
static inline struct subnet_manager *subnet_free(struct subnet_manager *m)
{
	if (m)
		m->ops->free(m);
	return NULL;
}

static inline void subnet_freep(struct subnet_manager **m)
{
	subnet_free(*m);
}

/* etcd's v3 API by gRPC. All strings are copied; NULL and "" mean the same. */
struct subnet_etcd_options {
	const char *endpoints; /* comma list as given on the command line */
	const char *prefix;    /* "/coreos.com/network" */
	const char *cafile, *certfile, *keyfile;
	const char *username, *password;
	unsigned renew_margin_s;  /* renew this long before the lease would end; 0 = 3600 */
	unsigned lease_ttl_s;     /* 0 = 86400 */
	unsigned call_timeout_ms; /* 0 = 5000 */
};

/* No connection is made yet. -EINVAL with the option and the reason; an unreadable TLS file is one. */
int subnet_etcd_new(struct loop *l, const struct subnet_etcd_options *o, struct subnet_manager **ret,
		    struct err *e);
