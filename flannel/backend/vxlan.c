/*
 * The vxlan backend: one device per address family, and on it a route, a neighbour and a
 * forwarding entry per peer.
 *
 * Two ways lead to the kernel. Lease events change the desired tables and are applied at the end of
 * the loop's turn. A check (at start, when somebody else touched our device, and on a slow timer)
 * first makes the device right, then reads its tables and applies the difference.
 */
#include "flannel/backend/backend.h"

#include <linux/netlink.h>
#include <poll.h>
#include <string.h>

#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "flannel/backend/vxlan_device.h"
#include "flannel/backend/vxlan_peer.h"
#include "flannel/backend/vxlan_table.h"
#include "flannel/config.h"
#include "flannel/lease.h"
#include "flannel/reconcile.h"
#include "netlink/dump.h"
#include "netlink/monitor.h"
#include "netlink/tx.h"

enum {
	CHECK_SOON_MS = 50,      /* after a foreign change: others of the same kind follow at once */
	CHECK_SPACING_MS = 1000, /* between two checks, whatever happens */
	CHECK_SLOW_MS = 60000,   /* the safety net under the events */
	RETRY_MIN_MS = 200,
	RETRY_MAX_MS = 30000,
	OVERHEAD_V4 = 50, /* IPv4 20, UDP 8, VXLAN 8, Ethernet 14 */
	OVERHEAD_V6 = 70, /* IPv6 40 */
	MTU_MIN = 68,
	FAMILIES = 2,
	REFUSED_LOGGED = 10, /* unusable leases named per batch; the rest is counted */
	DISPUTE_CHECKS = 5,  /* so many checks in a row with something to repair are no accident */
};

/* One address family of the overlay. */
struct half {
	struct vxlan_self self;
	struct vxlan_device device;
	struct reconcile *peers;
	bool observed;      /* peers knows what the kernel has */
	struct err trouble; /* what was last logged as failing; code 0 = all well */
	unsigned repairs;   /* checks in a row that had something to set right */
};

struct vxlan {
	struct backend base;
	struct loop *loop;
	struct iface_choice ext;
	struct vxlan_config config;
	struct half half[FAMILIES];
	size_t n_halves;
	struct nltx *tx;
	struct nldump *dump;
	struct monitor *monitor;
	struct loop_source *events, *apply, *check;
	bool started, have_snapshot;
	int64_t last_check_ms, check_due_ms;
	int retry_ms; /* the next pause after a failure */
};

static void trouble(struct half *h, const struct err *e)
{
	if (h->trouble.code && strcmp(h->trouble.text, e->text) == 0) {
		log_debug("%s: %s", h->device.name, e->text);
		return;
	}
	h->trouble = *e;
	log_err("%s: %s; will be tried again", h->device.name, e->text);
}

static void recovered(struct half *h)
{
	if (h->trouble.code)
		log_info("%s: all is well again", h->device.name);
	h->trouble.code = 0;
}

/*
 * After in_ms, but not sooner than the spacing allows. An earlier date stays: a stream of events
 * must not put the check off for ever.
 */
static void check_within(struct vxlan *v, int64_t in_ms)
{
	const int64_t now = loop_now_ms();
	int64_t due = now + in_ms;

	if (v->last_check_ms && due < v->last_check_ms + CHECK_SPACING_MS)
		due = v->last_check_ms + CHECK_SPACING_MS;
	if (loop_timer_armed(v->check) && v->check_due_ms <= due)
		return;
	v->check_due_ms = due;
	loop_timer_set(v->check, due > now ? due - now : 0);
}

static void retry(struct vxlan *v)
{
	v->retry_ms = v->retry_ms ? v->retry_ms * 2 : RETRY_MIN_MS;
	if (v->retry_ms > RETRY_MAX_MS)
		v->retry_ms = RETRY_MAX_MS;
	check_within(v, v->retry_ms);
}

/* Writes what is due in one family. */
static int apply_half(struct half *h, struct vxlan *v)
{
	struct err e = { 0 };
	int r = vxlan_table_apply(h->peers, v->tx, h->device.ifindex, h->device.name, &e);

	if (r < 0)
		trouble(h, &e);
	return r;
}

static int on_apply(void *ctx)
{
	struct vxlan *v = ctx;

	for (size_t i = 0; i < v->n_halves; i++)
		if (v->half[i].observed && apply_half(&v->half[i], v) < 0)
			retry(v);
	return 0;
}

/* Device first: its tables cannot be right while it is not. Failures are logged here. */
static int check_half(struct half *h, struct vxlan *v)
{
	struct err e = { 0 };
	int r = vxlan_device_ensure(&h->device, v->tx, v->dump, &e), written = 0;

	if (r >= 0) {
		h->self.mac = h->device.mac;
		if (r == VXLAN_CREATED && v->started)
			log_notice("VXLAN device %s recreated successfully", h->device.name);
		else if (r == VXLAN_CORRECTED && v->started)
			log_notice("%s: device settings restored", h->device.name);
		r = 0;
	}
	if (r == 0 && v->have_snapshot) {
		r = vxlan_table_observe(h->peers, v->dump, h->self.family, h->device.ifindex, &e);
		h->observed = r == 0;
	}
	if (r < 0) {
		trouble(h, &e);
		return r;
	}
	if (v->have_snapshot)
		written = apply_half(h, v);
	if (written < 0)
		return written;
	h->repairs = written > 0 ? h->repairs + 1 : 0;
	log_msg(written > 0 && h->repairs <= DISPUTE_CHECKS ? LOG_INFO : LOG_DEBUG, NULL,
		"%s: %d entries set right", h->device.name, written);
	if (h->repairs == DISPUTE_CHECKS)
		log_err("%s: somebody undoes what is set right, again and again. If two agents run on this "
			"host, give each network its own VNI in Backend",
			h->device.name);
	recovered(h);
	return 0;
}

/* The underlay may have vanished and come back under another index. */
static int refresh_underlay(struct vxlan *v, struct err *e)
{
	struct nl_link link;
	int r = link_get_by_name(v->dump, v->ext.name, &link, e);

	if (r < 0)
		return err_wrap(e, r, "waiting for the external interface");
	if (link.ifindex != v->ext.ifindex)
		log_notice("external interface %s is back with index %d", v->ext.name, link.ifindex);
	v->ext.ifindex = link.ifindex;
	for (size_t i = 0; i < v->n_halves; i++)
		v->half[i].device.vxlan.link = link.ifindex;
	return 0;
}

static int on_check(void *ctx)
{
	struct vxlan *v = ctx;
	struct err e = { 0 };
	bool bad = false;

	if (refresh_underlay(v, &e) < 0) {
		for (size_t i = 0; i < v->n_halves; i++)
			trouble(&v->half[i], &e);
		bad = true;
	}
	/* One family never waits for the other. */
	for (size_t i = 0; !e.code && i < v->n_halves; i++)
		if (check_half(&v->half[i], v) < 0)
			bad = true;
	v->last_check_ms = loop_now_ms();
	if (bad) {
		retry(v);
		return 0;
	}
	v->retry_ms = 0;
	check_within(v, CHECK_SLOW_MS);
	return 0;
}

static void hear_link(struct vxlan *v, const struct nl_link *l, bool gone)
{
	char why[128];

	if (strcmp(l->name, v->ext.name) == 0 && (gone || l->ifindex != v->ext.ifindex)) {
		if (gone)
			log_warn("external interface %s deleted", l->name);
		check_within(v, CHECK_SOON_MS);
	} else if (l->ifindex == v->ext.ifindex && l->mtu != v->ext.mtu) {
		log_warn("the MTU of %s changed from %u to %u: restart flanneld to use it", l->name,
			 v->ext.mtu, l->mtu);
		v->ext.mtu = l->mtu;
	}
	for (size_t i = 0; i < v->n_halves; i++) {
		struct vxlan_device *d = &v->half[i].device;

		if (gone && l->ifindex == d->ifindex) {
			log_warn("Interface %s deleted", d->name);
			log_info("vxlan device missing, attempting to recreate...");
			d->ifindex = 0;
			v->half[i].observed = false;
			check_within(v, CHECK_SOON_MS);
		} else if (!gone && l->ifindex == d->ifindex && strcmp(l->name, d->name) != 0) {
			log_warn("Interface %s was renamed to %s", d->name, l->name);
			check_within(v, CHECK_SOON_MS);
		} else if (!gone && strcmp(l->name, d->name) == 0 &&
			   (l->ifindex != d->ifindex ||
			    vxlan_device_compare(d, l, d->vxlan.port ? d->vxlan.port : l->vxlan.port, why,
						 sizeof(why)) != VXLAN_SAME)) {
			check_within(v, CHECK_SOON_MS);
		}
	}
}

static bool hear_addr(const struct half *h, const struct nl_addr *a, bool gone)
{
	bool ours = ipnet_equal(&a->local, &h->device.address);

	return a->ifindex == h->device.ifindex && a->local.addr.family == h->self.family &&
	       (gone ? ours : vxlan_device_unwanted(&h->device, &a->local));
}

/* Somebody else wrote or removed an entry that peers depend on. */
static bool hear_entry(const struct half *h, const struct monitor_event *ev)
{
	struct reconcile_op op = { 0 };

	switch (ev->kind) {
	case MONITOR_ROUTE:
		op.kind = RECONCILE_ROUTE;
		op.dst = ev->route.dst;
		break;
	case MONITOR_NEIGH:
		if (ev->neigh.ifindex != h->device.ifindex)
			return false;
		op.kind = RECONCILE_NEIGH;
		op.dst = ipnet_host(&ev->neigh.dst);
		break;
	case MONITOR_FDB:
		if (ev->fdb.ifindex != h->device.ifindex)
			return false;
		op.kind = RECONCILE_FDB;
		op.mac = ev->fdb.mac;
		break;
	case MONITOR_LINK:
	case MONITOR_ADDR:
	case MONITOR_NFT:
	case MONITOR_RESYNC:
	default:
		return false;
	}
	return reconcile_knows(h->peers, &op);
}

static int on_event(void *ctx, const struct monitor_event *ev)
{
	struct vxlan *v = ctx;

	if (ev->kind == MONITOR_RESYNC) {
		log_debug("the kernel dropped events; checking everything");
		check_within(v, CHECK_SOON_MS);
	}
	if (ev->portid && ev->portid == nltx_portid(v->tx))
		return 0;
	if (ev->kind == MONITOR_LINK)
		hear_link(v, &ev->link, ev->gone);
	if (ev->kind == MONITOR_ADDR && ev->gone && ev->addr.ifindex == v->ext.ifindex &&
	    (ipaddr_equal(&ev->addr.local.addr, &v->ext.addr) ||
	     ipaddr_equal(&ev->addr.local.addr, &v->ext.addr6)))
		log_warn("the address %s of %s was removed: peers cannot be reached until it is back, or "
			 "flanneld is restarted with another",
			 IPADDR_STR(&ev->addr.local.addr), v->ext.name);
	for (size_t i = 0; i < v->n_halves; i++)
		if (ev->kind == MONITOR_ADDR ? hear_addr(&v->half[i], &ev->addr, ev->gone)
					     : hear_entry(&v->half[i], ev))
			check_within(v, CHECK_SOON_MS);
	return 0;
}

static int on_monitor(void *ctx, int fd, unsigned revents)
{
	struct vxlan *v = ctx;
	int r = monitor_dispatch(v->monitor, on_event, v);

	(void)fd;
	(void)revents;
	if (r < 0) {
		log_warn("listening to the kernel: %s; checking everything", strerror(-r));
		check_within(v, CHECK_SOON_MS);
	}
	return 0;
}

static int put_lease(struct vxlan *v, const struct lease *l, size_t *refused)
{
	for (size_t i = 0; i < v->n_halves; i++) {
		struct half *h = &v->half[i];
		struct reconcile_peer peer;
		struct err e = { 0 };
		int r = vxlan_peer_from_lease(&h->self, l, &peer, &e);

		if (r < 0)
			log_msg((*refused)++ < REFUSED_LOGGED ? LOG_WARNING : LOG_DEBUG, NULL,
				"ignoring the lease %s: %s", l->key, e.text);
		if (r <= 0) {
			(void)reconcile_unset(h->peers, l->key);
			continue;
		}
		r = reconcile_set(h->peers, l->key, &peer);
		if (r < 0)
			return r;
		if (r > 0)
			log_debug("Subnet added: %s via %s", IPNET_STR(&peer.subnet), IPADDR_STR(&peer.vtep));
	}
	return 0;
}

static int put_leases(struct vxlan *v, const struct lease *leases, size_t n)
{
	size_t refused = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = put_lease(v, &leases[i], &refused);
	if (refused > REFUSED_LOGGED)
		log_warn("%zu leases ignored in all; -v=1 shows each", refused);
	return r;
}

static int snapshot(struct backend *b, const struct lease *leases, size_t n)
{
	struct vxlan *v = (struct vxlan *)b;
	size_t gone = 0;
	int r;

	for (size_t i = 0; i < v->n_halves; i++)
		reconcile_snapshot_begin(v->half[i].peers);
	r = put_leases(v, leases, n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < v->n_halves; i++)
		gone += reconcile_snapshot_end(v->half[i].peers);
	log_info("%zu other leases known, %zu peers in use, %zu gone since before", n,
		 reconcile_peers(v->half[0].peers), gone);
	v->have_snapshot = true;
	/* Nothing may be removed before this moment: now it is known what is stale. */
	v->last_check_ms = 0;
	check_within(v, 0);
	return 0;
}

static int changed(struct backend *b, const struct lease *put, size_t n_put, const struct lease *gone,
		   size_t n_gone)
{
	struct vxlan *v = (struct vxlan *)b;
	int r;

	for (size_t i = 0; i < n_gone; i++)
		for (size_t k = 0; k < v->n_halves; k++)
			if (reconcile_unset(v->half[k].peers, gone[i].key))
				log_debug("Subnet removed: %s", gone[i].key);
	r = put_leases(v, put, n_put);
	if (r < 0)
		return r;
	log_info("Received Subnet Event with VxLan: %zu leases added or changed, %zu removed", n_put, n_gone);
	loop_deferred_request(v->apply);
	return 0;
}

static int attrs(const struct backend *b, struct lease_attrs *ret, struct err *e)
{
	const struct vxlan *v = (const struct vxlan *)b;
	struct lease_attrs a = { 0 };

	(void)snprintf(a.backend_type, sizeof(a.backend_type), "%s", backend_vxlan.type);
	a.public_ip = v->ext.ext;
	a.public_ipv6 = v->ext.ext6;
	for (size_t i = 0; i < v->n_halves; i++) {
		const struct half *h = &v->half[i];
		const struct lease_vxlan vx = { .vni = v->config.vni, .mac = h->device.mac };
		int r = lease_vxlan_encode(&vx,
					   h->self.family == AF_INET ? &a.backend_data : &a.backend_v6_data);

		if (r < 0) {
			lease_attrs_done(&a);
			return err_errno(e, -r, "composing the lease");
		}
	}
	*ret = a;
	return 0;
}

static unsigned mtu(const struct backend *b)
{
	const struct vxlan *v = (const struct vxlan *)b;
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < v->n_halves; i++)
		if (v->half[i].device.mtu < least)
			least = v->half[i].device.mtu;
	return least;
}

static int start(struct backend *b, const struct lease *own, struct err *e)
{
	struct vxlan *v = (struct vxlan *)b;
	int r = 0;

	for (size_t i = 0; i < v->n_halves && r >= 0; i++) {
		struct half *h = &v->half[i];
		const struct ipnet *subnet = h->self.family == AF_INET ? &own->subnet.v4 : &own->subnet.v6;

		if (!ipnet_is_set(subnet))
			return err_text(e, EINVAL, "the lease %s lacks a subnet for %s", own->key,
					h->device.name);
		h->self.subnet = ipnet_masked(subnet);
		h->device.address = ipnet_host(&h->self.subnet.addr);
		/* First: it may keep the UDP port from a device with other flags. */
		r = vxlan_device_remove_former(&h->device, v->tx, v->dump, e);
		if (r >= 0)
			r = vxlan_device_ensure(&h->device, v->tx, v->dump, e);
	}
	if (r < 0)
		return r;
	v->started = true;
	check_within(v, CHECK_SLOW_MS);
	return 0;
}

static void vxlan_free(struct backend *b)
{
	struct vxlan *v = (struct vxlan *)b;

	loop_source_free(v->events);
	loop_source_free(v->apply);
	loop_source_free(v->check);
	monitor_close(v->monitor);
	nltx_close(v->tx);
	nldump_close(v->dump);
	for (size_t i = 0; i < FAMILIES; i++)
		reconcile_free(v->half[i].peers);
	free(v);
}

static void vxlan_freep(struct vxlan **v)
{
	if (*v)
		vxlan_free(&(*v)->base);
}

/* "" when the machine has none: the public address still tells nodes apart. */
static void read_machine_id(char *ret, size_t n)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 4096);

	ret[0] = '\0';
	if (file_read("/etc/machine-id", &b, NULL) == 0)
		(void)snprintf(ret, n, "%.*s", (int)strcspn(buf_str(&b), "\n"), buf_str(&b));
}

static int half_init(struct vxlan *v, int family, const struct backend_params *p, struct err *e)
{
	struct half *h = &v->half[v->n_halves];
	const bool v4 = family == AF_INET;
	const unsigned overhead = v4 ? OVERHEAD_V4 : OVERHEAD_V6;
	uint32_t outer = v->config.mtu && v->config.mtu < v->ext.mtu ? v->config.mtu : v->ext.mtu;
	char machine_id[64];
	int r = reconcile_new(&h->peers);

	if (r < 0)
		return err_errno(e, -r, "vxlan");
	v->n_halves++;
	if (outer < overhead + MTU_MIN)
		return err_text(e, EINVAL, "an MTU of %u on %s leaves no room for packets", outer,
				v->ext.name);
	h->self = (struct vxlan_self){
		.family = family,
		.vni = v->config.vni,
		.network = v4 ? p->config->network : p->config->ipv6_network,
		.public_ip = v4 ? v->ext.ext : v->ext.ext6,
		.local = v4 ? v->ext.addr : v->ext.addr6,
	};
	r = vxlan_device_name(family, v->config.vni, h->device.name, e);
	if (r < 0)
		return r;
	/* The source must be an address of this host: behind a NAT the public one is not. */
	h->device.vxlan = (struct nl_vxlan){
		.vni = v->config.vni,
		.link = v->ext.ifindex,
		.local = h->self.local,
		.port = v->config.port,
		.learning = v->config.learning,
		.gbp = v->config.gbp,
	};
	h->device.mtu = outer - overhead;
	h->device.network = h->self.network;
	read_machine_id(machine_id, sizeof(machine_id));
	r = vxlan_mac_derive(machine_id, p->cluster, v->config.vni, &h->self.public_ip, &h->device.mac);
	if (r < 0)
		return err_errno(e, -r, "deriving a MAC for %s", h->device.name);
	r = vxlan_device_ensure(&h->device, v->tx, v->dump, e);
	if (r < 0)
		return r;
	h->self.mac = h->device.mac;
	return 0;
}

static int sources_init(struct vxlan *v, struct err *e)
{
	int r = monitor_open(MONITOR_LINKS | MONITOR_ADDRS | MONITOR_ROUTES | MONITOR_NEIGHS, &v->monitor, e);

	if (r < 0)
		return r;
	r = loop_add_fd(v->loop, monitor_fd(v->monitor), POLLIN, on_monitor, v, &v->events);
	if (r == 0)
		r = loop_add_deferred(v->loop, on_apply, v, &v->apply);
	if (r == 0)
		r = loop_add_timer(v->loop, on_check, v, &v->check);
	return r < 0 ? err_errno(e, -r, "vxlan") : 0;
}

static int vxlan_open(const struct backend_params *p, struct backend **ret, struct err *e)
{
	CLEANUP(vxlan_freep) struct vxlan *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return err_errno(e, ENOMEM, "vxlan");
	v->base.ops = &backend_vxlan;
	v->loop = p->loop;
	v->ext = *p->ext;
	r = vxlan_config_parse(p->config, &v->config, e);
	if (r < 0)
		return r;
	log_info("VXLAN config: VNI=%u Port=%u GBP=%s Learning=%s DirectRouting=%s", v->config.vni,
		 v->config.port, v->config.gbp ? "true" : "false", v->config.learning ? "true" : "false",
		 v->config.direct_routing ? "true" : "false");
	if (v->config.direct_routing)
		log_warn(
			"DirectRouting is not available in this version: packets to all peers are encapsulated");
	if (v->config.mtu > v->ext.mtu)
		log_warn("Backend.MTU is %u, but %s carries only %u", v->config.mtu, v->ext.name, v->ext.mtu);
	r = nltx_open(NETLINK_ROUTE, &v->tx, e);
	if (r == 0)
		r = nldump_open(NETLINK_ROUTE, &v->dump, e);
	/* Listening begins first, so that no change between a dump and the first event is missed. */
	if (r == 0)
		r = sources_init(v, e);
	if (r == 0 && p->config->enable_ipv4)
		r = half_init(v, AF_INET, p, e);
	if (r == 0 && p->config->enable_ipv6)
		r = half_init(v, AF_INET6, p, e);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(v)->base;
	return 0;
}

const struct backend_ops backend_vxlan = {
	.type = "vxlan",
	.open = vxlan_open,
	.attrs = attrs,
	.start = start,
	.mtu = mtu,
	.snapshot = snapshot,
	.changed = changed,
	.free = vxlan_free,
};
