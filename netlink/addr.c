#include "netlink/addr.h"
#include "base/cleanup.h"
#include "netlink/attr.h"
#include "netlink/dump.h"
#include "netlink/tx.h"
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

int addr_parse(const struct nlmsghdr *h, struct nl_addr *ret)
{
	const struct ifaddrmsg *m = attr_header(h, sizeof *m);
	struct nlattr_view tb[IFA_MAX + 1];
	struct nl_addr a = { 0 };
	struct ipaddr local = { 0 };

	if ((h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR) || !m ||
	    attr_index_msg(h, sizeof *m, tb, ARRAY_SIZE(tb)) < 0)
		return -EBADMSG;
	if (ip_family_bits(m->ifa_family) == 0 || m->ifa_prefixlen > ip_family_bits(m->ifa_family))
		return -EBADMSG;
	(void)attr_ip(&tb[IFA_LOCAL], m->ifa_family, &local);
	(void)attr_ip(&tb[IFA_ADDRESS], m->ifa_family, &a.peer);
	/* IPv6 has only the second one unless there is a peer; IPv4 repeats the address in it. */
	if (!ipaddr_is_set(&local))
		local = a.peer;
	if (!ipaddr_is_set(&local) || m->ifa_index == 0)
		return -EBADMSG;
	if (ipaddr_equal(&local, &a.peer))
		a.peer = (struct ipaddr){ 0 };
	a.ifindex = (int)m->ifa_index;
	a.local = (struct ipnet){ local, m->ifa_prefixlen };
	a.scope = m->ifa_scope;
	a.flags = m->ifa_flags;
	(void)attr_u32(&tb[IFA_FLAGS], &a.flags);
	*ret = a;
	return 0;
}

struct each {
	addr_fn fn;
	void *ctx;
	int family, ifindex;
};

static int on_addr(void *ctx, const struct nlmsghdr *h)
{
	const struct each *each = ctx;
	struct nl_addr a;
	int r = addr_parse(h, &a);

	if (r < 0)
		return r;
	if ((each->family && a.local.addr.family != each->family) ||
	    (each->ifindex && a.ifindex != each->ifindex))
		return 0;
	return each->fn(each->ctx, &a);
}

int addr_dump(struct nldump *d, int family, int ifindex, addr_fn fn, void *ctx, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	struct each each = { fn, ctx, family, ifindex };

	m->ifa_family = (uint8_t)family;
	m->ifa_index = (uint32_t)ifindex;
	return nldump_run(d, on_addr, &each, "addresses", e);
}

static void put(struct nlmsghdr *h, int ifindex, const struct ipnet *a)
{
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	unsigned n = ip_family_bytes(a->addr.family);

	m->ifa_family = a->addr.family;
	m->ifa_prefixlen = a->len;
	m->ifa_scope = RT_SCOPE_UNIVERSE;
	m->ifa_index = (uint32_t)ifindex;
	mnl_attr_put(h, IFA_LOCAL, n, a->addr.b);
	mnl_attr_put(h, IFA_ADDRESS, n, a->addr.b);
}

void addr_put_add(struct nltx *t, int ifindex, const char *dev, const struct ipnet *a)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, EEXIST,
					"adding address %s to device %s", IPNET_STR(a), dev);

	put(h, ifindex, a);
	if (a->addr.family == AF_INET6) /* nobody else is on a tunnel's link: usable at once */
		mnl_attr_put_u32(h, IFA_FLAGS, IFA_F_NODAD);
	nltx_end(t);
}

void addr_put_del(struct nltx *t, int ifindex, const char *dev, const struct ipnet *a)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_DELADDR, 0, EADDRNOTAVAIL,
					"removing address %s from device %s", IPNET_STR(a), dev);

	nltx_also_ok(t, ENODEV);
	put(h, ifindex, a);
	nltx_end(t);
}
