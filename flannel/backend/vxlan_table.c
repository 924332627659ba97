#include "flannel/backend/vxlan_table.h"

#include <linux/neighbour.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "flannel/reconcile.h"
#include "netlink/dump.h"
#include "netlink/fdb.h"
#include "netlink/neigh.h"
#include "netlink/route.h"
#include "netlink/tx.h"

enum {
	IPV6_DEFAULT_METRIC = 1024,
	CHUNK = 1024, /* requests in one commit: bounds the memory of a start with many leases */
};

struct observation {
	struct reconcile *r;
	int family, ifindex;
};

/*
 * A route of ours leads to a subnet by way of the subnet's own first address, onlink. A wanted
 * destination may be occupied by something else on our device; then it is replaced.
 */
static int on_route(void *ctx, const struct nl_route *route)
{
	const struct observation *o = ctx;
	const uint32_t metric = o->family == AF_INET6 ? IPV6_DEFAULT_METRIC : 0;
	struct reconcile_op op = { .kind = RECONCILE_ROUTE, .dst = route->dst, .via = route->gateway };

	if (route->oif != o->ifindex || route->dst.addr.family != o->family || route->metric != metric ||
	    route->tos != 0 || route->type != RTN_UNICAST || !ipaddr_equal(&route->gateway, &route->dst.addr))
		return 0;
	return reconcile_observe(o->r, &op,
				 (route->flags & RTNH_F_ONLINK) && !route->nhid && route->n_hops <= 1);
}

static int on_neigh(void *ctx, const struct nl_neigh *n)
{
	const struct observation *o = ctx;
	struct reconcile_op op = { .kind = RECONCILE_NEIGH, .mac = n->mac };

	if (n->ifindex != o->ifindex || n->dst.family != o->family || !n->has_mac ||
	    !(n->state & NUD_PERMANENT) || (n->flags & NTF_PROXY))
		return 0;
	op.dst = ipnet_host(&n->dst);
	return reconcile_observe(o->r, &op, true);
}

static int on_fdb(void *ctx, const struct nl_fdb *f)
{
	const struct observation *o = ctx;
	struct reconcile_op op = { .kind = RECONCILE_FDB, .mac = f->mac, .via = f->dst };

	/* All zeros is the default destination, which no agent ever wrote; learned ones age. */
	if (f->ifindex != o->ifindex || !(f->flags & NTF_SELF) || f->dst.family != o->family ||
	    !(f->state & NUD_PERMANENT) || hwaddr_is_zero(&f->mac))
		return 0;
	return reconcile_observe(o->r, &op, true);
}

int vxlan_table_observe(struct reconcile *r, struct nldump *d, int family, int ifindex, struct err *e)
{
	const struct route_filter routes = { .family = family, .oif = ifindex };
	struct observation o = { .r = r, .family = family, .ifindex = ifindex };
	int result;

	reconcile_observe_begin(r);
	result = route_dump(d, &routes, on_route, &o, e);
	if (result == 0)
		result = neigh_dump(d, family, ifindex, on_neigh, &o, e);
	if (result == 0)
		result = fdb_dump(d, ifindex, on_fdb, &o, e);
	return result;
}

static void put(struct nltx *t, const struct reconcile_op *op, int ifindex, const char *dev)
{
	struct nl_route route = {
		.dst = op->dst, .gateway = op->via, .oif = ifindex, .flags = RTNH_F_ONLINK
	};

	switch (op->kind) {
	case RECONCILE_NEIGH:
		if (op->del)
			neigh_put_del(t, ifindex, dev, &op->dst.addr);
		else
			neigh_put_replace(t, ifindex, dev, &op->dst.addr, &op->mac);
		break;
	case RECONCILE_FDB:
		if (op->del)
			fdb_put_del(t, ifindex, dev, &op->mac, NULL);
		else
			fdb_put_replace(t, ifindex, dev, &op->mac, &op->via);
		break;
	case RECONCILE_ROUTE:
		if (op->del)
			route_put_del(t, &route);
		else
			route_put_replace(t, &route);
		break;
	case RECONCILE_KINDS:
	default:
		break;
	}
}

int vxlan_table_apply(struct reconcile *r, struct nltx *t, int ifindex, const char *dev, struct err *e)
{
	CLEANUP(freep) struct reconcile_op *ops = NULL;
	char text[160];
	size_t n = 0;
	int result = reconcile_plan(r, &ops, &n), first = 0;

	if (result < 0)
		return err_errno(e, -result, "planning for %s", dev);
	for (size_t at = 0; at < n; at += CHUNK) {
		const size_t size = n - at < CHUNK ? n - at : CHUNK;
		struct err why = { 0 };

		for (size_t i = at; i < at + size; i++) {
			put(t, &ops[i], ifindex, dev);
			log_debug("%s: %s %s", dev, ops[i].del ? "removing" : "setting",
				  reconcile_op_text(&ops[i], text, sizeof(text)));
		}
		result = nltx_commit(t, &why);
		for (size_t i = 0; i < size && i < nltx_count(t); i++)
			reconcile_done(r, &ops[at + i], nltx_op(t, i)->err);
		if (result < 0 && first == 0) {
			first = result;
			if (e)
				*e = why;
		}
	}
	if (first < 0)
		return first;
	return n > INT_MAX ? INT_MAX : (int)n;
}
