#include "netlink/monitor.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/attr.h"
#include "netlink/sock.h"
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum { RCVBUF = 8 << 20, DATAGRAMS_PER_CALL = 256 };

struct monitor {
	int fd, bus;
	uint8_t *rx;
};

static const struct {
	unsigned what;
	int group;
} groups[] = {
	{ MONITOR_LINKS, RTNLGRP_LINK },        { MONITOR_ADDRS, RTNLGRP_IPV4_IFADDR },
	{ MONITOR_ADDRS, RTNLGRP_IPV6_IFADDR }, { MONITOR_ROUTES, RTNLGRP_IPV4_ROUTE },
	{ MONITOR_ROUTES, RTNLGRP_IPV6_ROUTE }, { MONITOR_NEIGHS, RTNLGRP_NEIGH },
};

static int join(int fd, int group, struct err *e)
{
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
		return err_errno(e, errno, "joining netlink multicast group %d", group);
	return 0;
}

static int new_monitor(int bus, int fd, struct monitor **ret, struct err *e)
{
	struct monitor *m = calloc(1, sizeof *m);

	if (!m || !(m->rx = malloc(NLSOCK_DATAGRAM_MAX))) {
		free(m);
		return err_errno(e, ENOMEM, "watching the kernel");
	}
	m->fd = fd;
	m->bus = bus;
	*ret = m;
	return 0;
}

static int open_socket(int bus, struct err *e)
{
	CLEANUP(closep) int fd = nlsock_open(bus, RCVBUF, e);

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(e, errno, "watching the kernel");
	return take_fd(&fd);
}

int monitor_open(unsigned what, struct monitor **ret, struct err *e)
{
	CLEANUP(closep) int fd = open_socket(NETLINK_ROUTE, e);
	int r = fd;

	for (size_t i = 0; i < ARRAY_SIZE(groups) && r >= 0; i++)
		if (what & groups[i].what)
			r = join(fd, groups[i].group, e);
	if (r >= 0)
		r = new_monitor(NETLINK_ROUTE, fd, ret, e);
	if (r >= 0)
		take_fd(&fd);
	return r < 0 ? r : 0;
}

int monitor_open_nft(struct monitor **ret, struct err *e)
{
	CLEANUP(closep) int fd = open_socket(NETLINK_NETFILTER, e);
	int r = fd;

	if (r >= 0)
		r = join(fd, NFNLGRP_NFTABLES, e);
	if (r >= 0)
		r = new_monitor(NETLINK_NETFILTER, fd, ret, e);
	if (r >= 0)
		take_fd(&fd);
	return r < 0 ? r : 0;
}

struct monitor *monitor_close(struct monitor *m)
{
	if (!m)
		return NULL;
	if (m->fd >= 0)
		close(m->fd);
	free(m->rx);
	free(m);
	return NULL;
}

int monitor_fd(const struct monitor *m)
{
	return m->fd;
}

/* 1 = an event, 0 = not of interest, -EBADMSG. */
static int parse_route_bus(const struct nlmsghdr *h, struct monitor_event *ev)
{
	int r;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		/* AF_BRIDGE and AF_INET6 speak about a port or settings, not about the device. */
		ev->kind = MONITOR_LINK;
		r = link_parse(h, &ev->link);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		ev->kind = MONITOR_ADDR;
		r = addr_parse(h, &ev->addr);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		ev->kind = MONITOR_ROUTE;
		r = route_parse(h, &ev->route);
		if (r == 0 && ev->route.flags & RTM_F_CLONED)
			return 0;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		ev->kind = MONITOR_NEIGH;
		r = neigh_parse(h, &ev->neigh);
		if (r == -EAFNOSUPPORT) {
			ev->kind = MONITOR_FDB;
			r = fdb_parse(h, &ev->fdb);
		}
		break;
	default:
		return 0;
	}
	ev->gone = h->nlmsg_type == RTM_DELLINK || h->nlmsg_type == RTM_DELADDR ||
		   h->nlmsg_type == RTM_DELROUTE || h->nlmsg_type == RTM_DELNEIGH;
	return r == -EAFNOSUPPORT ? 0 : r < 0 ? r : 1;
}

static bool nft_is_removal(unsigned type)
{
	static const uint8_t removals[] = { NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN,   NFT_MSG_DELRULE,
					    NFT_MSG_DELSET,   NFT_MSG_DELSETELEM, NFT_MSG_DELOBJ };

	for (size_t i = 0; i < ARRAY_SIZE(removals); i++)
		if (type == removals[i])
			return true;
	return false;
}

static int parse_nft_bus(const struct nlmsghdr *h, struct monitor_event *ev)
{
	const struct nfgenmsg *g = attr_header(h, sizeof *g);
	struct nlattr_view tb[2];
	unsigned type = h->nlmsg_type & 0xff;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || type == NFT_MSG_NEWGEN || type == NFT_MSG_TRACE)
		return 0;
	/* Attribute 1 is the table's name in every kind of object. */
	if (!g || attr_index_msg(h, sizeof *g, tb, ARRAY_SIZE(tb)) < 0 ||
	    !attr_str(&tb[NFTA_TABLE_NAME], ev->nft.table, sizeof ev->nft.table))
		return -EBADMSG;
	ev->kind = MONITOR_NFT;
	ev->nft.family = g->nfgen_family;
	ev->gone = nft_is_removal(type);
	return 1;
}

static int resync(monitor_fn fn, void *ctx)
{
	return fn(ctx, &(struct monitor_event){ .kind = MONITOR_RESYNC });
}

int monitor_parse(int bus, const void *data, size_t n, monitor_fn fn, void *ctx)
{
	const struct nlmsghdr *h;
	int r = 0;

	while (r >= 0 && (h = nlmsg_take(&data, &n))) {
		struct monitor_event ev = { 0 };

		if (h->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		r = bus == NETLINK_ROUTE ? parse_route_bus(h, &ev) : parse_nft_bus(h, &ev);
		ev.portid = h->nlmsg_pid;
		if (r < 0) /* what cannot be read was about something: look for oneself */
			r = resync(fn, ctx);
		else if (r > 0)
			r = fn(ctx, &ev);
	}
	return r < 0 ? r : 0;
}

int monitor_dispatch(struct monitor *m, monitor_fn fn, void *ctx)
{
	int r = 0;

	for (unsigned i = 0; i < DATAGRAMS_PER_CALL && r >= 0; i++) {
		ssize_t n = nlsock_recv(m->fd, m->rx, NLSOCK_DATAGRAM_MAX, -1);

		if (n == 0)
			break;
		if (n == -ENOBUFS || n == -EMSGSIZE)
			r = resync(fn, ctx);
		else if (n < 0)
			r = (int)n;
		else
			r = monitor_parse(m->bus, m->rx, (size_t)n, fn, ctx);
	}
	return r;
}
