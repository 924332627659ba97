#include "flannel/backend/vxlan_peer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "flannel/lease.h"

static int check_subnet(const struct vxlan_self *self, const struct ipnet *subnet, struct err *e)
{
	const struct ipnet masked = ipnet_masked(subnet);

	if (!ipnet_equal(&masked, subnet))
		return err_text(e, EINVAL, "subnet %s has host bits", IPNET_STR(subnet));
	if (!ipnet_contains_net(&self->network, subnet))
		return err_text(e, EINVAL, "subnet %s is outside of the network %s", IPNET_STR(subnet),
				IPNET_STR(&self->network));
	if (ipnet_overlaps(&self->subnet, subnet))
		return err_text(e, EINVAL, "subnet %s overlaps our own %s", IPNET_STR(subnet),
				IPNET_STR(&self->subnet));
	/* Its route could take the place of the one that leads to the other hosts. */
	if (ipnet_contains(subnet, &self->local))
		return err_text(e, EINVAL, "subnet %s contains this host's own address %s", IPNET_STR(subnet),
				IPADDR_STR(&self->local));
	return 0;
}

static int check_public_ip(const struct vxlan_self *self, const struct ipnet *subnet, const struct ipaddr *ip,
			   struct err *e)
{
	if (ip->family != self->family || ipaddr_is_zero(ip))
		return err_text(e, EINVAL, "it has no public %s address",
				self->family == AF_INET ? "IPv4" : "IPv6");
	if (ipaddr_equal(ip, &self->public_ip) || ipaddr_equal(ip, &self->local))
		return err_text(
			e, EINVAL,
			"its public address %s is our own: give each node its own with --iface or --public-ip",
			IPADDR_STR(ip));
	if (ipaddr_is_multicast(ip) || ipaddr_is_loopback(ip) ||
	    (ip->family == AF_INET && ipaddr_v4(ip) == INADDR_BROADCAST))
		return err_text(e, EINVAL, "public address %s is not one of a node", IPADDR_STR(ip));
	/* Packets to it would be wrapped and routed into the overlay again. The rest of a wide network may
	 * well hold the hosts' own addresses. */
	if (ipnet_contains(subnet, ip) || ipnet_contains(&self->subnet, ip))
		return err_text(e, EINVAL, "public address %s is inside the subnet %s of the overlay",
				IPADDR_STR(ip),
				IPNET_STR(ipnet_contains(subnet, ip) ? subnet : &self->subnet));
	return 0;
}

int vxlan_peer_from_lease(const struct vxlan_self *self, const struct lease *l, struct reconcile_peer *ret,
			  struct err *e)
{
	const bool v4 = self->family == AF_INET;
	const struct ipnet *subnet = v4 ? &l->subnet.v4 : &l->subnet.v6;
	const struct ipaddr *ip = v4 ? &l->attrs.public_ip : &l->attrs.public_ipv6;
	const char *data = v4 ? l->attrs.backend_data : l->attrs.backend_v6_data;
	struct lease_vxlan vx = { 0 };
	int r;

	if (!ipnet_is_set(subnet) || subnet->len == 0)
		return 0;
	if (strcasecmp(l->attrs.backend_type, "vxlan") != 0)
		return err_text(e, EINVAL, "its backend is \"%s\", not vxlan", l->attrs.backend_type);
	r = check_subnet(self, subnet, e);
	if (r == 0)
		r = check_public_ip(self, subnet, ip, e);
	if (r < 0)
		return r;
	if (!data)
		return err_text(e, EINVAL, "it has no %s", v4 ? "BackendData" : "BackendV6Data");
	r = lease_vxlan_decode(data, &vx, e);
	if (r < 0)
		return err_wrap(e, -EINVAL, "%s", v4 ? "BackendData" : "BackendV6Data");
	/* Agents before 0.13.1 did not write the VNI. */
	if (vx.vni != 0 && vx.vni != self->vni)
		return err_text(e, EINVAL, "its VNI is %u, ours is %u", vx.vni, self->vni);
	if (hwaddr_equal(&vx.mac, &self->mac))
		return err_text(e, EINVAL, "its MAC %s is our own", HWADDR_STR(&vx.mac));
	if (hwaddr_is_zero(&vx.mac) || (vx.mac.b[0] & 1))
		return err_text(e, EINVAL, "MAC %s is not one of a device", HWADDR_STR(&vx.mac));
	*ret = (struct reconcile_peer){
		.subnet = *subnet, .mac = vx.mac, .vtep = *ip, .revision = l->mod_revision
	};
	return 1;
}
