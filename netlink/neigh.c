#include "netlink/neigh.h"
#include "base/cleanup.h"
#include "netlink/attr.h"
#include "netlink/dump.h"
#include "netlink/tx.h"
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

int neigh_parse(const struct nlmsghdr *h, struct nl_neigh *ret)
{
	const struct ndmsg *m = attr_header(h, sizeof *m);
	struct nlattr_view tb[NDA_MAX + 1];
	struct nl_neigh n = { 0 };

	if ((h->nlmsg_type != RTM_NEWNEIGH && h->nlmsg_type != RTM_DELNEIGH) || !m)
		return -EBADMSG;
	if (ip_family_bits(m->ndm_family) == 0)
		return -EAFNOSUPPORT;
	if (attr_index_msg(h, sizeof *m, tb, ARRAY_SIZE(tb)) < 0 ||
	    !attr_ip(&tb[NDA_DST], m->ndm_family, &n.dst) || m->ndm_ifindex <= 0)
		return -EBADMSG;
	n.ifindex = m->ndm_ifindex;
	n.state = m->ndm_state;
	n.flags = m->ndm_flags;
	if (tb[NDA_LLADDR].p && tb[NDA_LLADDR].n == sizeof n.mac.b) {
		memcpy(n.mac.b, tb[NDA_LLADDR].p, sizeof n.mac.b);
		n.has_mac = true;
	}
	*ret = n;
	return 0;
}

struct each {
	neigh_fn fn;
	void *ctx;
	int family, ifindex;
};

static int on_neigh(void *ctx, const struct nlmsghdr *h)
{
	const struct each *each = ctx;
	struct nl_neigh n;
	int r = neigh_parse(h, &n);

	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	if ((each->family && n.dst.family != each->family) || (each->ifindex && n.ifindex != each->ifindex))
		return 0;
	return each->fn(each->ctx, &n);
}

int neigh_dump(struct nldump *d, int family, int ifindex, neigh_fn fn, void *ctx, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	struct each each = { fn, ctx, family, ifindex };

	m->ndm_family = (uint8_t)family;
	if (ifindex)
		mnl_attr_put_u32(h, NDA_IFINDEX, (uint32_t)ifindex);
	return nldump_run(d, on_neigh, &each, "neighbour entries", e);
}

static struct ndmsg *put(struct nlmsghdr *h, int ifindex, const struct ipaddr *dst)
{
	struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->ndm_family = dst->family;
	m->ndm_ifindex = ifindex;
	mnl_attr_put(h, NDA_DST, ip_family_bytes(dst->family), dst->b);
	return m;
}

void neigh_put_replace(struct nltx *t, int ifindex, const char *dev, const struct ipaddr *dst,
		       const struct hwaddr *mac)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, 0,
					"neighbour %s lladdr %s dev %s", IPADDR_STR(dst), HWADDR_STR(mac),
					dev);
	struct ndmsg *m = put(h, ifindex, dst);

	m->ndm_state = NUD_PERMANENT;
	m->ndm_type = RTN_UNICAST;
	mnl_attr_put(h, NDA_LLADDR, sizeof mac->b, mac->b);
	nltx_end(t);
}

void neigh_put_del(struct nltx *t, int ifindex, const char *dev, const struct ipaddr *dst)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_DELNEIGH, 0, ENOENT, "removing neighbour %s dev %s",
					IPADDR_STR(dst), dev);

	nltx_also_ok(t, ENODEV);
	put(h, ifindex, dst);
	nltx_end(t);
}
