#include "netlink/route.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/attr.h"
#include "netlink/dump.h"
#include "netlink/tx.h"
#include <libmnl/libmnl.h>
#include <string.h>

/* The first next hop stands for all; how many there are is kept. */
static int parse_hops(const struct nlattr_view *mp, int family, struct nl_route *r)
{
	const uint8_t *at = mp->p;
	size_t n = mp->n;

	while (n >= sizeof(struct rtnexthop)) {
		struct nlattr_view tb[RTA_MAX + 1];
		struct rtnexthop nh;
		size_t step;

		memcpy(&nh, at, sizeof nh);
		if (nh.rtnh_len < sizeof nh || nh.rtnh_len > n ||
		    attr_index(at + sizeof nh, nh.rtnh_len - sizeof nh, tb, ARRAY_SIZE(tb)) < 0)
			return -EBADMSG;
		if (r->n_hops++ == 0) {
			r->oif = nh.rtnh_ifindex;
			r->flags |= nh.rtnh_flags;
			(void)attr_ip(&tb[RTA_GATEWAY], family, &r->gateway);
		}
		step = (size_t)RTNH_ALIGN(nh.rtnh_len);
		if (step >= n)
			break;
		at += step;
		n -= step;
	}
	return 0;
}

int route_parse(const struct nlmsghdr *h, struct nl_route *ret)
{
	const struct rtmsg *m = attr_header(h, sizeof *m);
	struct nlattr_view tb[RTA_MAX + 1];
	struct nl_route r = { 0 };
	uint32_t oif = 0;

	if ((h->nlmsg_type != RTM_NEWROUTE && h->nlmsg_type != RTM_DELROUTE) || !m)
		return -EBADMSG;
	if (ip_family_bits(m->rtm_family) == 0) /* multicast routing, MPLS */
		return -EAFNOSUPPORT;
	if (m->rtm_dst_len > ip_family_bits(m->rtm_family) ||
	    attr_index_msg(h, sizeof *m, tb, ARRAY_SIZE(tb)) < 0)
		return -EBADMSG;
	r.dst = (struct ipnet){ { .family = m->rtm_family }, m->rtm_dst_len };
	if (tb[RTA_DST].p && !attr_ip(&tb[RTA_DST], m->rtm_family, &r.dst.addr))
		return -EBADMSG;
	(void)attr_ip(&tb[RTA_GATEWAY], m->rtm_family, &r.gateway);
	(void)attr_ip(&tb[RTA_PREFSRC], m->rtm_family, &r.prefsrc);
	(void)attr_u32(&tb[RTA_OIF], &oif);
	r.oif = (int)oif;
	r.table = m->rtm_table;
	(void)attr_u32(&tb[RTA_TABLE], &r.table);
	(void)attr_u32(&tb[RTA_PRIORITY], &r.metric);
	(void)attr_u32(&tb[RTA_NH_ID], &r.nhid);
	r.protocol = m->rtm_protocol;
	r.scope = m->rtm_scope;
	r.type = m->rtm_type;
	r.tos = m->rtm_tos;
	r.flags = m->rtm_flags;
	if (tb[RTA_MULTIPATH].p && parse_hops(&tb[RTA_MULTIPATH], m->rtm_family, &r) < 0)
		return -EBADMSG;
	*ret = r;
	return 0;
}

static uint32_t table_or_main(uint32_t table)
{
	return table ? table : RT_TABLE_MAIN;
}

bool route_matches(const struct nl_route *r, const struct route_filter *f)
{
	return (!f->family || r->dst.addr.family == f->family) && r->table == table_or_main(f->table) &&
	       (!f->oif || r->oif == f->oif) && (!f->protocol || r->protocol == f->protocol) &&
	       (!f->type || r->type == f->type);
}

struct each {
	const struct route_filter *f;
	route_fn fn;
	void *ctx;
};

static int on_route(void *ctx, const struct nlmsghdr *h)
{
	const struct each *each = ctx;
	struct nl_route rt;
	int r = route_parse(h, &rt);

	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	if (rt.flags & RTM_F_CLONED || !route_matches(&rt, each->f))
		return 0;
	return each->fn(each->ctx, &rt);
}

static void put_table(struct nlmsghdr *h, struct rtmsg *m, uint32_t table)
{
	m->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	if (table >= 256)
		mnl_attr_put_u32(h, RTA_TABLE, table);
}

static int dump_family(struct nldump *d, const struct route_filter *f, route_fn fn, void *ctx, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	struct each each = { f, fn, ctx };
	struct err why = { 0 };
	int r;

	m->rtm_family = (uint8_t)f->family;
	m->rtm_protocol = f->protocol;
	m->rtm_type = f->type;
	put_table(h, m, table_or_main(f->table));
	if (f->oif)
		mnl_attr_put_u32(h, RTA_OIF, (uint32_t)f->oif);
	r = nldump_run(d, on_route, &each, "routes", &why);
	if (r == -ENOENT) /* a table is born with its first route */
		return 0;
	if (r < 0 && e)
		*e = why;
	return r;
}

int route_dump(struct nldump *d, const struct route_filter *f, route_fn fn, void *ctx, struct err *e)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r >= 0; i++) {
		struct route_filter one = *f;

		one.family = families[i];
		if (f->family == AF_UNSPEC || f->family == families[i])
			r = dump_family(d, &one, fn, ctx, e);
	}
	return r;
}

static int keep(void *ctx, const struct nlmsghdr *h)
{
	return route_parse(h, ctx);
}

int route_get(struct nldump *d, const struct ipaddr *dst, struct nl_route *ret, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETROUTE, 0);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	struct nl_route rt = { 0 };
	char what[32 + IPADDR_STRLEN];
	int r;

	m->rtm_family = dst->family;
	m->rtm_dst_len = (uint8_t)ip_family_bits(dst->family);
	mnl_attr_put(h, RTA_DST, ip_family_bytes(dst->family), dst->b);
	snprintf(what, sizeof what, "the route to %s", IPADDR_STR(dst));
	r = nldump_run(d, keep, &rt, what, e);
	if (r < 0)
		return r;
	if (!ipnet_is_set(&rt.dst))
		return err_errno(e, ENETUNREACH, "reading %s from the kernel", what);
	*ret = rt;
	return 0;
}

static void put_common(struct nlmsghdr *h, struct rtmsg *m, const struct nl_route *r)
{
	unsigned n = ip_family_bytes(r->dst.addr.family);

	m->rtm_family = r->dst.addr.family;
	m->rtm_dst_len = r->dst.len;
	m->rtm_tos = r->tos;
	put_table(h, m, table_or_main(r->table));
	mnl_attr_put(h, RTA_DST, n, r->dst.addr.b);
	if (ipaddr_is_set(&r->gateway))
		mnl_attr_put(h, RTA_GATEWAY, ip_family_bytes(r->gateway.family), r->gateway.b);
	if (ipaddr_is_set(&r->prefsrc))
		mnl_attr_put(h, RTA_PREFSRC, n, r->prefsrc.b);
	if (r->oif)
		mnl_attr_put_u32(h, RTA_OIF, (uint32_t)r->oif);
	if (r->metric)
		mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
	if (r->nhid)
		mnl_attr_put_u32(h, RTA_NH_ID, r->nhid);
}

static const char *via(const struct nl_route *r, char *buf, size_t n)
{
	buf[0] = '\0';
	if (ipaddr_is_set(&r->gateway))
		snprintf(buf, n, " via %s", IPADDR_STR(&r->gateway));
	return buf;
}

void route_put_replace(struct nltx *t, const struct nl_route *r)
{
	char gw[8 + IPADDR_STRLEN];
	struct nlmsghdr *h = nltx_begin(t, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, 0, "route %s%s",
					IPNET_STR(&r->dst), via(r, gw, sizeof gw));
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	bool to_link = !ipaddr_is_set(&r->gateway) && !r->nhid;

	m->rtm_type = r->type ? r->type : RTN_UNICAST;
	m->rtm_protocol = r->protocol ? r->protocol : RTPROT_BOOT;
	m->rtm_scope = r->scope;
	if (!m->rtm_scope && m->rtm_type == RTN_UNICAST && to_link && r->dst.addr.family == AF_INET)
		m->rtm_scope = RT_SCOPE_LINK;
	m->rtm_flags = r->flags & RTNH_F_ONLINK;
	put_common(h, m, r);
	nltx_end(t);
}

void route_put_del(struct nltx *t, const struct nl_route *r)
{
	char gw[8 + IPADDR_STRLEN];
	struct nlmsghdr *h = nltx_begin(t, RTM_DELROUTE, 0, ESRCH, "removing route %s%s", IPNET_STR(&r->dst),
					via(r, gw, sizeof gw));
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	nltx_also_ok(t, ENODEV);
	m->rtm_scope = RT_SCOPE_NOWHERE; /* any */
	m->rtm_type = r->type;
	m->rtm_protocol = r->protocol;
	put_common(h, m, r);
	nltx_end(t);
}
