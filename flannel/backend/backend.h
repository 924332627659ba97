/*
 * A backend carries packets between the nodes. The daemon opens it, publishes what it wants peers
 * to know, starts it with the lease that came back, and feeds it the other nodes' leases. A
 * backend runs on the loop, repairs what others break, and leaves the data plane in place when it
 * is freed.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "flannel/iface.h"

struct backend;
struct err;
struct lease;
struct lease_attrs;
struct loop;
struct net_config;

struct backend_params {
	struct loop *loop;
	const struct net_config *config; /* outlives the backend */
	const struct iface_choice *ext;  /* copied */
	/* Tells clusters apart for what is derived per node (MAC addresses): the etcd prefix. Copied. */
	const char *cluster;
};

struct backend_ops {
	const char *type; /* Backend.Type, compared without regard to case */
	int (*open)(const struct backend_params *p, struct backend **ret, struct err *e);
	int (*attrs)(const struct backend *b, struct lease_attrs *ret, struct err *e);
	int (*start)(struct backend *b, const struct lease *own, struct err *e);
	unsigned (*mtu)(const struct backend *b);
	int (*snapshot)(struct backend *b, const struct lease *leases, size_t n);
	int (*changed)(struct backend *b, const struct lease *put, size_t n_put, const struct lease *gone,
		       size_t n_gone);
	void (*free)(struct backend *b);
};

struct backend {
	const struct backend_ops *ops;
};

extern const struct backend_ops backend_vxlan;

/*
 * -EINVAL "unknown backend type: X (available: vxlan)". The configuration was read, nothing is
 * touched yet.
 */
int backend_find(const char *type, const struct backend_ops **ret, struct err *e);

/* Opening may make devices; it says in *e what failed. */
static inline int backend_open(const struct backend_ops *ops, const struct backend_params *p,
			       struct backend **ret, struct err *e)
{
	return ops->open(p, ret, e);
}

/* What goes into the lease. Release with lease_attrs_done(). */
static inline int backend_attrs(const struct backend *b, struct lease_attrs *ret, struct err *e)
{
	return b->ops->attrs(b, ret, e);
}

/* own stays valid until the backend is freed. */
static inline int backend_start(struct backend *b, const struct lease *own, struct err *e)
{
	return b->ops->start(b, own, e);
}

/* What containers may use: the smallest of all families in use. */
static inline unsigned backend_mtu(const struct backend *b)
{
	return b->ops->mtu(b);
}

/* Return values as subnet_events: 0, or -errno which ends the loop. */
static inline int backend_snapshot(struct backend *b, const struct lease *leases, size_t n)
{
	return b->ops->snapshot(b, leases, n);
}

static inline int backend_changed(struct backend *b, const struct lease *put, size_t n_put,
				  const struct lease *gone, size_t n_gone)
{
	return b->ops->changed(b, put, n_put, gone, n_gone);
}

/* Accepts NULL, returns NULL. */
static inline struct backend *backend_free(struct backend *b)
{
	if (b)
		b->ops->free(b);
	return NULL;
}
