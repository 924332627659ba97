#include "netlink/fdb.h"
#include "base/cleanup.h"
#include "netlink/attr.h"
#include "netlink/dump.h"
#include "netlink/tx.h"
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

int fdb_parse(const struct nlmsghdr *h, struct nl_fdb *ret)
{
	const struct ndmsg *m = attr_header(h, sizeof *m);
	struct nlattr_view tb[NDA_MAX + 1];
	struct nl_fdb f = { 0 };
	uint32_t master = 0;

	if ((h->nlmsg_type != RTM_NEWNEIGH && h->nlmsg_type != RTM_DELNEIGH) || !m)
		return -EBADMSG;
	if (m->ndm_family != AF_BRIDGE)
		return -EAFNOSUPPORT;
	if (attr_index_msg(h, sizeof *m, tb, ARRAY_SIZE(tb)) < 0 || m->ndm_ifindex <= 0 ||
	    !tb[NDA_LLADDR].p || tb[NDA_LLADDR].n != sizeof f.mac.b)
		return -EBADMSG;
	memcpy(f.mac.b, tb[NDA_LLADDR].p, sizeof f.mac.b);
	f.ifindex = m->ndm_ifindex;
	f.state = m->ndm_state;
	f.flags = m->ndm_flags;
	if (!attr_ip(&tb[NDA_DST], AF_INET, &f.dst))
		(void)attr_ip(&tb[NDA_DST], AF_INET6, &f.dst);
	(void)attr_u32(&tb[NDA_MASTER], &master);
	f.master = (int)master;
	*ret = f;
	return 0;
}

struct each {
	fdb_fn fn;
	void *ctx;
	int ifindex;
};

static int on_fdb(void *ctx, const struct nlmsghdr *h)
{
	const struct each *each = ctx;
	struct nl_fdb f;
	int r = fdb_parse(h, &f);

	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	if (f.ifindex != each->ifindex || !(f.flags & NTF_SELF))
		return 0;
	return each->fn(each->ctx, &f);
}

int fdb_dump(struct nldump *d, int ifindex, fdb_fn fn, void *ctx, struct err *e)
{
	struct nlmsghdr *h = nldump_begin(d, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	struct each each = { fn, ctx, ifindex };

	m->ndm_family = AF_BRIDGE;
	m->ndm_ifindex = ifindex;
	return nldump_run(d, on_fdb, &each, "forwarding entries", e);
}

static struct ndmsg *put(struct nlmsghdr *h, int ifindex, const struct hwaddr *mac, const struct ipaddr *dst)
{
	struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->ndm_family = AF_BRIDGE;
	m->ndm_ifindex = ifindex;
	m->ndm_flags = NTF_SELF;
	m->ndm_state = NUD_PERMANENT;
	if (dst)
		mnl_attr_put(h, NDA_DST, ip_family_bytes(dst->family), dst->b);
	mnl_attr_put(h, NDA_LLADDR, sizeof mac->b, mac->b);
	return m;
}

void fdb_put_replace(struct nltx *t, int ifindex, const char *dev, const struct hwaddr *mac,
		     const struct ipaddr *dst)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, 0,
					"forwarding entry %s dst %s dev %s", HWADDR_STR(mac), IPADDR_STR(dst),
					dev);

	put(h, ifindex, mac, dst);
	nltx_end(t);
}

void fdb_put_del(struct nltx *t, int ifindex, const char *dev, const struct hwaddr *mac,
		 const struct ipaddr *dst)
{
	struct nlmsghdr *h = nltx_begin(t, RTM_DELNEIGH, 0, ENOENT, "removing forwarding entry %s dev %s",
					HWADDR_STR(mac), dev);

	nltx_also_ok(t, ENODEV);
	put(h, ifindex, mac, dst);
	nltx_end(t);
}
