#include "flannel/backend/vxlan_device.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "netlink/addr.h"
#include "netlink/dump.h"
#include "netlink/tx.h"

static const char *addr_text(const struct ipaddr *a, char buf[IPADDR_STRLEN])
{
	return ipaddr_is_set(a) && !ipaddr_is_zero(a) ? ipaddr_format(a, buf) : "none";
}

enum vxlan_verdict vxlan_device_compare(const struct vxlan_device *d, const struct nl_link *have,
					uint16_t default_port, char *why, size_t n)
{
	const struct nl_vxlan *w = &d->vxlan, *h = &have->vxlan;
	uint16_t port = w->port ? w->port : default_port;

	if (strcmp(have->kind, "vxlan") != 0)
		(void)snprintf(why, n, "link type: vxlan vs %s", *have->kind ? have->kind : "device");
	else if (w->vni != h->vni)
		(void)snprintf(why, n, "vni: %" PRIu32 " vs %" PRIu32, w->vni, h->vni);
	else if (w->link != h->link)
		(void)snprintf(why, n, "vtep (external) interface: %d vs %d", w->link, h->link);
	else if (!ipaddr_equal(&w->local, &h->local))
		(void)snprintf(why, n, "vtep (external) IP: %s vs %s",
			       addr_text(&w->local, (char[IPADDR_STRLEN]){ 0 }),
			       addr_text(&h->local, (char[IPADDR_STRLEN]){ 0 }));
	else if (!ipaddr_is_zero(&h->group))
		(void)snprintf(why, n, "group: none vs %s", IPADDR_STR(&h->group));
	else if (port != h->port)
		(void)snprintf(why, n, "port: %u vs %u", port, h->port);
	else if (w->learning != h->learning)
		(void)snprintf(why, n, "learning: %d vs %d", w->learning, h->learning);
	else if (w->l2miss != h->l2miss)
		(void)snprintf(why, n, "l2miss: %d vs %d", w->l2miss, h->l2miss);
	else if (w->gbp != h->gbp)
		(void)snprintf(why, n, "gbp: %d vs %d", w->gbp, h->gbp);
	else
		return have->mtu != d->mtu || !(have->flags & IFF_UP) ||
				       (d->mac_settled && !hwaddr_equal(&have->mac, &d->mac))
			       ? VXLAN_ADJUST
			       : VXLAN_SAME;
	return VXLAN_RECREATE;
}

/* The administrator may have given the kernel module another default. */
static uint16_t kernel_port(void)
{
	char text[16] = "";
	CLEANUP(closep) int fd = open("/sys/module/vxlan/parameters/udp_port", O_RDONLY | O_CLOEXEC);
	unsigned long v = 0;

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		v = strtoul(text, NULL, 10);
	return v > 0 && v < 65536 ? (uint16_t)v : VXLAN_PORT_DEFAULT;
}

/* A router advertisement through the overlay must not configure this node. */
static void refuse_router_advertisements(const char *name)
{
	char path[96];
	CLEANUP(closep) int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		log_debug("cannot write %s: %s", path, strerror(errno));
}

static int create(struct vxlan_device *d, struct nltx *t, struct err *e)
{
	int r;

	link_put_vxlan(t, d->name, d->mtu, &d->mac, &d->vxlan);
	r = nltx_commit(t, e);
	if (r < 0)
		return err_wrap(e, r, "creating VXLAN device %s", d->name);
	refuse_router_advertisements(d->name);
	return 0;
}

int vxlan_device_name(int family, uint32_t vni, char ret[IFNAMSIZ], struct err *e)
{
	char name[32];

	(void)snprintf(name, sizeof(name), family == AF_INET ? "flannel.%" PRIu32 : "flannel-v6.%" PRIu32,
		       vni);
	if (strlen(name) >= IFNAMSIZ)
		return err_text(e, EINVAL,
				"the device's name %s is longer than %d characters: choose a smaller VNI",
				name, IFNAMSIZ - 1);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

bool vxlan_device_unwanted(const struct vxlan_device *d, const struct ipnet *a)
{
	if (ipnet_equal(a, &d->address) || ipaddr_is_link_local(&a->addr))
		return false;
	return a->addr.family == AF_INET6 || a->len == 32 || ipnet_contains(&d->network, &a->addr);
}

/* What has to be queued to make the addresses right. */
struct addr_scan {
	const struct vxlan_device *d;
	struct nltx *t;
	bool found;
	bool changes;
};

static int on_addr(void *ctx, const struct nl_addr *a)
{
	struct addr_scan *s = ctx;
	const struct vxlan_device *d = s->d;

	if (a->ifindex != d->ifindex || a->local.addr.family != d->address.addr.family)
		return 0;
	if (ipnet_equal(&a->local, &d->address)) {
		s->found = true;
		return 0;
	}
	if (!vxlan_device_unwanted(d, &a->local))
		return 0;
	addr_put_del(s->t, d->ifindex, d->name, &a->local);
	s->changes = true;
	return 0;
}

static int correct(struct vxlan_device *d, const struct nl_link *have, struct nltx *t, struct nldump *dump,
		   struct err *e)
{
	struct addr_scan scan = { .d = d, .t = t };
	int r;

	if (have->mtu != d->mtu)
		link_put_mtu(t, d->ifindex, d->name, d->mtu);
	if (!hwaddr_equal(&have->mac, &d->mac))
		link_put_mac(t, d->ifindex, d->name, &d->mac);
	scan.changes = have->mtu != d->mtu || !hwaddr_equal(&have->mac, &d->mac);
	if (ipnet_is_set(&d->address)) {
		r = addr_dump(dump, d->address.addr.family, d->ifindex, on_addr, &scan, e);
		if (r < 0) {
			nltx_cancel(t);
			return r;
		}
		if (!scan.found) {
			addr_put_add(t, d->ifindex, d->name, &d->address);
			scan.changes = true;
		}
		if (!(have->flags & IFF_UP)) {
			link_put_up(t, d->ifindex, d->name, true);
			scan.changes = true;
		}
	}
	if (!scan.changes)
		return 0;
	r = nltx_commit(t, e);
	if (r == -EADDRINUSE)
		return err_wrap(
			e, r,
			"configuring %s: a VXLAN device with other flags has this UDP port; give this "
			"network its own Port in Backend",
			d->name);
	return r < 0 ? err_wrap(e, r, "configuring %s", d->name) : VXLAN_CORRECTED;
}

int vxlan_device_ensure(struct vxlan_device *d, struct nltx *t, struct nldump *dump, struct err *e)
{
	struct nl_link have;
	char why[128];
	bool created = false;
	int r = link_get_by_name(dump, d->name, &have, e);

	if (r == 0 && vxlan_device_compare(d, &have, kernel_port(), why, sizeof(why)) == VXLAN_RECREATE) {
		log_debug("%s: %s", d->name, why);
		log_warn("\"%s\" already exists with incompatible configuration: %s; recreating device",
			 d->name, why);
		/* Peers know the MAC of the device that is there, as long as it is one of this kind. */
		if (!d->mac_settled && strcmp(have.kind, "vxlan") == 0 && have.has_mac)
			d->mac = have.mac;
		link_put_del(t, have.ifindex, d->name);
		r = nltx_commit(t, e);
		if (r < 0)
			return err_wrap(e, r, "removing %s", d->name);
		r = -ENODEV;
	}
	if (r == -ENODEV) {
		d->ifindex = 0;
		r = create(d, t, e);
		if (r < 0)
			return r;
		created = true;
		r = link_get_by_name(dump, d->name, &have, e);
	}
	if (r < 0)
		return r;
	created = created || d->ifindex != have.ifindex;
	d->ifindex = have.ifindex;
	if (!d->mac_settled) {
		if (have.has_mac)
			d->mac = have.mac;
		d->mac_settled = true;
	}
	r = correct(d, &have, t, dump, e);
	if (r < 0)
		return r;
	return created ? VXLAN_CREATED : r;
}

enum { FORMER_MAX = 16 };

struct former {
	const struct vxlan_device *d;
	struct nl_link found[FORMER_MAX];
	size_t n;
	int ifindex; /* the one whose addresses are looked at */
	bool carries_address;
};

/* "flannel.7" for "flannel.1" */
static int on_former(void *ctx, const struct nl_link *l)
{
	struct former *f = ctx;
	const char *dot = strchr(f->d->name, '.');
	size_t stem = dot ? (size_t)(dot - f->d->name) + 1 : 0;

	if (stem && f->n < FORMER_MAX && l->ifindex != f->d->ifindex && strcmp(l->kind, "vxlan") == 0 &&
	    strncmp(l->name, f->d->name, stem) == 0 && l->name[stem] &&
	    strspn(l->name + stem, "0123456789") == strlen(l->name + stem))
		f->found[f->n++] = *l;
	return 0;
}

static int on_former_addr(void *ctx, const struct nl_addr *a)
{
	struct former *f = ctx;

	if (a->ifindex == f->ifindex && ipnet_equal(&a->local, &f->d->address))
		f->carries_address = true;
	return 0;
}

int vxlan_device_remove_former(const struct vxlan_device *d, struct nltx *t, struct nldump *dump,
			       struct err *e)
{
	struct former f = { .d = d };
	int removed = 0, r = link_dump(dump, on_former, &f, e);

	for (size_t i = 0; i < f.n && r >= 0; i++) {
		f.ifindex = f.found[i].ifindex;
		f.carries_address = false;
		r = addr_dump(dump, d->address.addr.family, f.ifindex, on_former_addr, &f, e);
		if (r < 0 || !f.carries_address)
			continue;
		log_warn("removing %s, which an agent with another VNI left behind", f.found[i].name);
		link_put_del(t, f.ifindex, f.found[i].name);
		removed++;
	}
	if (r < 0) {
		nltx_cancel(t);
		return r;
	}
	r = removed ? nltx_commit(t, e) : 0;
	return r < 0 ? r : removed;
}

int vxlan_mac_derive(const char *machine_id, const char *cluster, uint32_t vni,
		     const struct ipaddr *public_ip, struct hwaddr *ret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[512];
	int n = snprintf(text, sizeof(text), "hearth vxlan mac %s %" PRIu32 " %s %s", machine_id, vni,
			 IPADDR_STR(public_ip), cluster);

	/* A cluster name that is cut still tells machines apart by what stands before it. */
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(ret->b, digest, sizeof(ret->b));
	ret->b[0] = (uint8_t)((ret->b[0] & 0xfe) | 0x02);
	return 0;
}
