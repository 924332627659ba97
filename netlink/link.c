#include "netlink/link.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/attr.h"
#include "netlink/dump.h"
#include "netlink/tx.h"
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

static bool u8_flag(const struct nlattr_view *a)
{
	uint8_t v = 0;

	return attr_u8(a, &v) && v;
}

static int index_of(const struct nlattr_view *a)
{
	uint32_t v = 0;

	(void)attr_u32(a, &v);
	return (int)v;
}

static int parse_vxlan(const struct nlattr_view *data, struct nl_vxlan *ret)
{
	struct nlattr_view tb[IFLA_VXLAN_MAX + 1];
	uint16_t port = 0;

	if (attr_index(data->p, data->n, tb, ARRAY_SIZE(tb)) < 0)
		return -EBADMSG;
	(void)attr_u32(&tb[IFLA_VXLAN_ID], &ret->vni);
	ret->link = index_of(&tb[IFLA_VXLAN_LINK]);
	if (!attr_ip(&tb[IFLA_VXLAN_LOCAL], AF_INET, &ret->local))
		(void)attr_ip(&tb[IFLA_VXLAN_LOCAL6], AF_INET6, &ret->local);
	if (!attr_ip(&tb[IFLA_VXLAN_GROUP], AF_INET, &ret->group))
		(void)attr_ip(&tb[IFLA_VXLAN_GROUP6], AF_INET6, &ret->group);
	(void)attr_u16(&tb[IFLA_VXLAN_PORT], &port);
	ret->port = ntohs(port);
	ret->learning = u8_flag(&tb[IFLA_VXLAN_LEARNING]);
	ret->l2miss = u8_flag(&tb[IFLA_VXLAN_L2MISS]);
	ret->gbp = tb[IFLA_VXLAN_GBP].p != NULL;
	return 0;
}

static int parse_info(const struct nlattr_view *info, struct nl_link *l)
{
	struct nlattr_view tb[IFLA_INFO_MAX + 1];

	if (attr_index(info->p, info->n, tb, ARRAY_SIZE(tb)) < 0)
		return -EBADMSG;
	(void)attr_str(&tb[IFLA_INFO_KIND], l->kind, sizeof l->kind);
	if (strcmp(l->kind, "vxlan") == 0 && tb[IFLA_INFO_DATA].p)
		return parse_vxlan(&tb[IFLA_INFO_DATA], &l->vxlan);
	return 0;
}

int link_parse(const struct nlmsghdr *h, struct nl_link *ret)
{
	const struct ifinfomsg *m = attr_header(h, sizeof *m);
	struct nlattr_view tb[IFLA_MAX + 1];
	struct nl_link l = { 0 };

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) || !m)
		return -EBADMSG;
	if (m->ifi_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	if (attr_index_msg(h, sizeof *m, tb, ARRAY_SIZE(tb)) < 0)
		return -EBADMSG;
	if (!attr_str(&tb[IFLA_IFNAME], l.name, sizeof l.name) || m->ifi_index <= 0)
		return -EBADMSG;
	l.ifindex = m->ifi_index;
	l.flags = m->ifi_flags;
	(void)attr_u32(&tb[IFLA_MTU], &l.mtu);
	if (tb[IFLA_ADDRESS].p && tb[IFLA_ADDRESS].n == sizeof l.mac.b) {
		memcpy(l.mac.b, tb[IFLA_ADDRESS].p, sizeof l.mac.b);
		l.has_mac = true;
	}
	l.master = index_of(&tb[IFLA_MASTER]);
	l.link = index_of(&tb[IFLA_LINK]);
	if (tb[IFLA_LINKINFO].p && parse_info(&tb[IFLA_LINKINFO], &l) < 0)
		return -EBADMSG;
	*ret = l;
	return 0;
}

struct each {
	link_fn fn;
	void *ctx;
};

static int on_link(void *ctx, const struct nlmsghdr *h)
{
	const struct each *each = ctx;
	struct nl_link l;
	int r = link_parse(h, &l);

	return r < 0 ? r : each->fn(each->ctx, &l);
}

static int keep(void *ctx, const struct nl_link *l)
{
	*(struct nl_link *)ctx = *l;
	return 0;
}

/* Counters nobody here reads are a third of each message. */
static void without_statistics(struct nlmsghdr *h)
{
	mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static int get(struct nldump *d, const char *what, struct nl_link *ret, struct err *e)
{
	struct nl_link l = { 0 };
	struct each each = { keep, &l };
	struct err why = { 0 };
	int r;

	r = nldump_run(d, on_link, &each, what, &why);
	if (r == -ENODEV || (r == 0 && l.ifindex == 0))
		return err_text(e, ENODEV, "no network %s", what);
	if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	*ret = l;
	return 0;
}

int link_get_by_name(struct nldump *d, const char *name, struct nl_link *ret, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETLINK, 0);
	char what[32 + IFNAMSIZ];

	if (name[0] == '\0' || strlen(name) >= IFNAMSIZ)
		return err_text(e, ENODEV, "no network device \"%.32s\": names have 1 to 15 characters",
				name);
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	without_statistics(h);
	snprintf(what, sizeof what, "device \"%s\"", name);
	return get(d, what, ret, e);
}

int link_get_by_index(struct nldump *d, int ifindex, struct nl_link *ret, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETLINK, 0);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	char what[48];

	if (ifindex <= 0)
		return err_text(e, ENODEV, "no network device with index %d", ifindex);
	m->ifi_index = ifindex;
	without_statistics(h);
	snprintf(what, sizeof what, "device with index %d", ifindex);
	return get(d, what, ret, e);
}

int link_dump(struct nldump *d, link_fn fn, void *ctx, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETLINK, NLM_F_DUMP);
	struct each each = { fn, ctx };

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	without_statistics(h);
	return nldump_run(d, on_link, &each, "network devices", e);
}

static void put_ip(struct nlmsghdr *h, uint16_t v4, uint16_t v6, const struct ipaddr *a)
{
	if (ipaddr_is_set(a))
		mnl_attr_put(h, a->family == AF_INET ? v4 : v6, ip_family_bytes(a->family), a->b);
}

static struct nlmsghdr *begin_create(struct nltx *t, const char *kind, const char *name)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, "creating %s device %s",
					kind, name);

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return h;
}

void link_put_vxlan(struct nltx *t, const char *name, uint32_t mtu, const struct hwaddr *mac,
		    const struct nl_vxlan *v)
{
	static const uint16_t off[] = { IFLA_VXLAN_L3MISS, IFLA_VXLAN_UDP_ZERO_CSUM6_TX,
					IFLA_VXLAN_UDP_ZERO_CSUM6_RX };
	struct nlmsghdr *h = begin_create(t, "vxlan", name);
	struct nlattr *info, *data;

	mnl_attr_put_u32(h, IFLA_MTU, mtu);
	mnl_attr_put_u32(h, IFLA_TXQLEN, 0);
	mnl_attr_put(h, IFLA_ADDRESS, sizeof mac->b, mac->b);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "vxlan");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u32(h, IFLA_VXLAN_ID, v->vni);
	mnl_attr_put_u32(h, IFLA_VXLAN_LINK, (uint32_t)v->link);
	put_ip(h, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, &v->local);
	put_ip(h, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, &v->group);
	mnl_attr_put_u8(h, IFLA_VXLAN_TTL, 0);
	mnl_attr_put_u8(h, IFLA_VXLAN_TOS, 0);
	mnl_attr_put_u8(h, IFLA_VXLAN_LEARNING, v->learning);
	mnl_attr_put_u8(h, IFLA_VXLAN_PROXY, 0);
	mnl_attr_put_u8(h, IFLA_VXLAN_RSC, 0);
	mnl_attr_put_u8(h, IFLA_VXLAN_L2MISS, v->l2miss);
	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		mnl_attr_put_u8(h, off[i], 0);
	if (v->gbp)
		mnl_attr_put(h, IFLA_VXLAN_GBP, 0, NULL);
	if (v->port)
		mnl_attr_put_u16(h, IFLA_VXLAN_PORT, htons(v->port));
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	nltx_end(t);
}

void link_put_bridge(struct nltx *t, const char *name, const struct hwaddr *mac)
{
	struct nlmsghdr *h = begin_create(t, "bridge", name);
	struct nlattr *info;

	if (mac)
		mnl_attr_put(h, IFLA_ADDRESS, sizeof mac->b, mac->b);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(h, info);
	nltx_end(t);
}

void link_put_veth(struct nltx *t, const char *name, const char *peer, int peer_netns_fd)
{
	struct nlmsghdr *h = begin_create(t, "veth", name);
	struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	struct nlattr *data, *other;

	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(h, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, peer);
	if (peer_netns_fd >= 0)
		mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)peer_netns_fd);
	mnl_attr_nest_end(h, other);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	nltx_end(t);
}

static struct nlmsghdr *begin_change(struct nltx *t, int ifindex, const char *name, const char *what,
				     struct ifinfomsg **ret_m)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_NEWLINK, 0, 0, "%s of device %s", what, name);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->ifi_index = ifindex;
	if (ret_m)
		*ret_m = m;
	return h;
}

void link_put_up(struct nltx *t, int ifindex, const char *name, bool up)
{
	struct ifinfomsg *m;

	begin_change(t, ifindex, name, up ? "activation" : "deactivation", &m);
	m->ifi_flags = up ? IFF_UP : 0;
	m->ifi_change = IFF_UP;
	nltx_end(t);
}

void link_put_mtu(struct nltx *t, int ifindex, const char *name, uint32_t mtu)
{
	struct nlmsghdr *h = begin_change(t, ifindex, name, "MTU", NULL);

	mnl_attr_put_u32(h, IFLA_MTU, mtu);
	nltx_end(t);
}

void link_put_mac(struct nltx *t, int ifindex, const char *name, const struct hwaddr *mac)
{
	struct nlmsghdr *h = begin_change(t, ifindex, name, "MAC address", NULL);

	mnl_attr_put(h, IFLA_ADDRESS, sizeof mac->b, mac->b);
	nltx_end(t);
}

void link_put_master(struct nltx *t, int ifindex, const char *name, int master)
{
	struct nlmsghdr *h = begin_change(t, ifindex, name, "master", NULL);

	mnl_attr_put_u32(h, IFLA_MASTER, (uint32_t)master);
	nltx_end(t);
}

void link_put_del(struct nltx *t, int ifindex, const char *name)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_DELLINK, 0, ENODEV, "removing device %s", name);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->ifi_index = ifindex;
	nltx_end(t);
}
