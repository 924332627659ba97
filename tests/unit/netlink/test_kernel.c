/* The real kernel, in a network namespace of this process's own. Needs CAP_SYS_ADMIN. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "netlink/dump.h"
#include "netlink/monitor.h"
#include "netlink/tx.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct world {
	struct nltx *t;
	struct nldump *d;
	int eth, vx, vx6; /* ifindex */
};

static struct ipaddr ip(const char *s)
{
	struct ipaddr a;

	if (ipaddr_parse(AF_UNSPEC, s, &a) < 0)
		fail_msg("%s", s);
	return a;
}

static struct ipnet net(const char *s)
{
	struct ipnet n;

	if (ipnet_parse(AF_UNSPEC, s, &n) < 0)
		fail_msg("%s", s);
	return n;
}

static void commit(struct nltx *t)
{
	struct err e = { 0 };

	if (nltx_commit(t, &e) < 0)
		fail_msg("%s", e.text);
}

static struct nl_link get(struct world *w, const char *name)
{
	struct err e = { 0 };
	struct nl_link l;

	if (link_get_by_name(w->d, name, &l, &e) < 0)
		fail_msg("%s", e.text);
	return l;
}

static const struct hwaddr mac1 = { { 2, 0, 0, 0, 0, 1 } };
static const struct hwaddr mac2 = { { 2, 0, 0, 0, 0, 2 } };

static void put_vxlans(struct world *w)
{
	link_put_vxlan(
		w->t, "flannel.1", 1450, &mac1,
		&(struct nl_vxlan){ .vni = 1, .link = w->eth, .local = ip("10.77.0.1"), .port = 8472 });
	link_put_vxlan(w->t, "flannel-v6.1", 1430, &mac2,
		       &(struct nl_vxlan){ .vni = 1, .link = w->eth, .local = ip("fd77::1"), .port = 8473 });
	commit(w->t);
	w->vx = get(w, "flannel.1").ifindex;
	w->vx6 = get(w, "flannel-v6.1").ifindex;
	addr_put_add(w->t, w->vx, "flannel.1", &(struct ipnet){ ip("10.5.1.0"), 32 });
	addr_put_add(w->t, w->vx6, "flannel-v6.1", &(struct ipnet){ ip("fd05:1::"), 128 });
	link_put_up(w->t, w->vx, "flannel.1", true);
	link_put_up(w->t, w->vx6, "flannel-v6.1", true);
	commit(w->t);
}

static int setup(void **state)
{
	static struct world w;
	struct err e = { 0 };

	if (nltx_open(NETLINK_ROUTE, &w.t, &e) < 0 || nldump_open(NETLINK_ROUTE, &w.d, &e) < 0)
		fail_msg("%s", e.text);
	link_put_veth(w.t, "eth0", "peer0", -1);
	commit(w.t);
	w.eth = get(&w, "eth0").ifindex;
	addr_put_add(w.t, w.eth, "eth0", &(struct ipnet){ ip("10.77.0.1"), 24 });
	addr_put_add(w.t, w.eth, "eth0", &(struct ipnet){ ip("fd77::1"), 64 });
	link_put_up(w.t, w.eth, "eth0", true);
	link_put_up(w.t, get(&w, "peer0").ifindex, "peer0", true);
	commit(w.t);
	put_vxlans(&w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	nltx_close(w->t);
	nldump_close(w->d);
	return 0;
}

static void reads_back_its_devices(void **state)
{
	struct world *w = *state;
	struct nl_link l = get(w, "flannel.1"), by_index;
	struct err e = { 0 };

	assert_string_equal(l.kind, "vxlan");
	assert_int_equal(l.mtu, 1450);
	assert_true(l.has_mac && hwaddr_equal(&l.mac, &mac1));
	assert_true(l.flags & IFF_UP);
	assert_int_equal(l.vxlan.vni, 1);
	assert_int_equal(l.vxlan.link, w->eth);
	assert_int_equal(l.vxlan.port, 8472);
	assert_string_equal(IPADDR_STR(&l.vxlan.local), "10.77.0.1");
	assert_false(l.vxlan.learning);
	assert_false(l.vxlan.gbp);
	assert_int_equal(link_get_by_index(w->d, w->vx6, &by_index, &e), 0);
	assert_string_equal(by_index.name, "flannel-v6.1");
	assert_string_equal(IPADDR_STR(&by_index.vxlan.local), "fd77::1");

	assert_int_equal(link_get_by_name(w->d, "nosuch", &l, &e), -ENODEV);
	assert_string_equal(e.text, "no network device \"nosuch\"");
	assert_int_equal(link_get_by_index(w->d, 9999, &l, &e), -ENODEV);
	assert_int_equal(link_get_by_name(w->d, "a-name-of-twenty-char", &l, &e), -ENODEV);

	link_put_vxlan(w->t, "flannel.1", 1450, &mac1, &(struct nl_vxlan){ .vni = 2, .link = w->eth });
	assert_int_equal(nltx_commit(w->t, &e), -EEXIST);
	assert_non_null(strstr(e.text, "creating vxlan device flannel.1: File exists"));
}

static void changes_devices(void **state)
{
	struct world *w = *state;
	struct nl_link br, port;

	link_put_bridge(w->t, "br0", &mac1);
	link_put_veth(w->t, "ve0", "ve1", -1);
	commit(w->t);
	br = get(w, "br0");
	port = get(w, "ve0");
	assert_string_equal(br.kind, "bridge");
	assert_int_equal(port.link, get(w, "ve1").ifindex);
	link_put_master(w->t, port.ifindex, "ve0", br.ifindex);
	link_put_mtu(w->t, port.ifindex, "ve0", 1400);
	link_put_mac(w->t, port.ifindex, "ve0", &mac2);
	commit(w->t);
	port = get(w, "ve0");
	assert_int_equal(port.master, br.ifindex);
	assert_int_equal(port.mtu, 1400);
	assert_true(hwaddr_equal(&port.mac, &mac2));
	link_put_master(w->t, port.ifindex, "ve0", 0);
	commit(w->t);
	assert_int_equal(get(w, "ve0").master, 0);
	link_put_del(w->t, port.ifindex, "ve0");
	link_put_del(w->t, port.ifindex, "ve0"); /* gone already: fine */
	link_put_del(w->t, br.ifindex, "br0");
	commit(w->t);
}

struct seen {
	unsigned n, wanted;
	struct ipnet dst;
	struct ipaddr ip, gateway;
	struct hwaddr mac;
	uint32_t flags, metric;
	uint16_t state;
	uint8_t protocol;
};

static int see_addr(void *ctx, const struct nl_addr *a)
{
	struct seen *s = ctx;

	s->n++;
	s->dst = a->local;
	return 0;
}

static int see_route(void *ctx, const struct nl_route *r)
{
	struct seen *s = ctx;

	s->n++;
	if (ipnet_equal(&s->dst, &r->dst)) {
		s->wanted++;
		s->gateway = r->gateway;
		s->flags = r->flags;
		s->metric = r->metric;
		s->protocol = r->protocol;
	}
	return 0;
}

static int see_neigh(void *ctx, const struct nl_neigh *n)
{
	struct seen *s = ctx;

	s->n++;
	if (n->state & NUD_PERMANENT && ipaddr_equal(&n->dst, &s->ip)) {
		s->wanted++;
		s->mac = n->mac;
	}
	return 0;
}

static int see_fdb(void *ctx, const struct nl_fdb *f)
{
	struct seen *s = ctx;

	s->n++;
	if (hwaddr_equal(&f->mac, &s->mac)) {
		s->wanted++;
		s->ip = f->dst;
		s->state = f->state;
	}
	return 0;
}

static void put_peer(struct nltx *t, int vx, const char *dev, const struct ipnet *subnet, const char *vtep)
{
	struct ipaddr remote = ip(vtep);

	neigh_put_replace(t, vx, dev, &subnet->addr, &mac2);
	fdb_put_replace(t, vx, dev, &mac2, &remote);
	route_put_replace(
		t, &(struct nl_route){
			   .dst = *subnet, .gateway = subnet->addr, .oif = vx, .flags = RTNH_F_ONLINK });
}

static void installs_peers_in_one_batch_around_a_bad_request(void **state)
{
	struct world *w = *state;
	struct ipnet s4 = net("10.5.68.0/24"), s6 = net("fd05:68::/64"), bad = net("10.5.69.7/24");
	struct ipaddr gw = ip("10.5.69.0");
	struct err e = { 0 };
	struct seen s;

	put_peer(w->t, w->vx, "flannel.1", &s4, "10.77.0.2");
	route_put_replace(
		w->t, &(struct nl_route){ .dst = bad, .gateway = gw, .oif = w->vx, .flags = RTNH_F_ONLINK });
	put_peer(w->t, w->vx6, "flannel-v6.1", &s6, "fd77::2");
	assert_int_equal(nltx_commit(w->t, &e), -EINVAL);
	assert_string_equal(e.text, "route 10.5.69.7/24 via 10.5.69.0: Invalid argument "
				    "(Invalid prefix for given prefix length)");
	assert_int_equal(nltx_failed(w->t), 1);
	assert_int_equal(nltx_op(w->t, 3)->err, -EINVAL);

	s = (struct seen){ .ip = s4.addr };
	assert_int_equal(neigh_dump(w->d, AF_INET, w->vx, see_neigh, &s, &e), 0);
	assert_int_equal(s.wanted, 1);
	assert_true(hwaddr_equal(&s.mac, &mac2));
	s = (struct seen){ .ip = s6.addr };
	assert_int_equal(neigh_dump(w->d, AF_UNSPEC, w->vx6, see_neigh, &s, &e), 0);
	assert_int_equal(s.wanted, 1);
	s = (struct seen){ .ip = s4.addr };
	assert_int_equal(neigh_dump(w->d, AF_INET6, w->vx6, see_neigh, &s, &e), 0);
	assert_int_equal(s.wanted, 0);

	s = (struct seen){ .mac = mac2 };
	assert_int_equal(fdb_dump(w->d, w->vx, see_fdb, &s, &e), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.wanted, 1);
	assert_int_equal(s.state, NUD_PERMANENT);
	assert_string_equal(IPADDR_STR(&s.ip), "10.77.0.2");
	s = (struct seen){ .mac = mac2 };
	assert_int_equal(fdb_dump(w->d, w->vx6, see_fdb, &s, &e), 0);
	assert_string_equal(IPADDR_STR(&s.ip), "fd77::2");

	s = (struct seen){ .dst = s4 };
	assert_int_equal(route_dump(w->d, &(struct route_filter){ .family = AF_INET, .oif = w->vx },
				    see_route, &s, &e),
			 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.wanted, 1);
	assert_true(s.flags & RTNH_F_ONLINK);
	assert_int_equal(s.protocol, RTPROT_BOOT);
	assert_string_equal(IPADDR_STR(&s.gateway), "10.5.68.0");
	s = (struct seen){ .dst = s6 };
	assert_int_equal(route_dump(w->d, &(struct route_filter){ .oif = w->vx6, .protocol = RTPROT_BOOT },
				    see_route, &s, &e),
			 0);
	assert_int_equal(s.wanted, 1);
	assert_int_equal(s.metric, 1024);
	s = (struct seen){ 0 };
	assert_int_equal(route_dump(w->d, &(struct route_filter){ .table = 4711 }, see_route, &s, &e), 0);
	assert_int_equal(s.n, 0);

	/* everything goes, twice without complaint */
	for (unsigned i = 0; i < 2; i++) {
		route_put_del(w->t, &(struct nl_route){ .dst = s4, .oif = w->vx });
		fdb_put_del(w->t, w->vx, "flannel.1", &mac2, NULL);
		neigh_put_del(w->t, w->vx, "flannel.1", &s4.addr);
		route_put_del(w->t, &(struct nl_route){ .dst = s6, .oif = w->vx6 });
		commit(w->t);
	}
	s = (struct seen){ .dst = s4 };
	assert_int_equal(route_dump(w->d, &(struct route_filter){ .oif = w->vx }, see_route, &s, &e), 0);
	assert_int_equal(s.wanted, 0);
}

static void replaces_and_names_the_remote_of_a_mac(void **state)
{
	struct world *w = *state;
	struct ipaddr a = ip("10.77.0.2"), b = ip("10.77.0.3");
	struct err e = { 0 };
	struct seen s;

	fdb_put_replace(w->t, w->vx, "flannel.1", &mac2, &a);
	fdb_put_replace(w->t, w->vx, "flannel.1", &mac2, &b);
	fdb_put_del(w->t, w->vx, "flannel.1", &mac2, &a); /* not the remote any more: nothing happens */
	commit(w->t);
	s = (struct seen){ .mac = mac2 };
	assert_int_equal(fdb_dump(w->d, w->vx, see_fdb, &s, &e), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(IPADDR_STR(&s.ip), "10.77.0.3");
	fdb_put_del(w->t, w->vx, "flannel.1", &mac2, &b);
	commit(w->t);
	s = (struct seen){ .mac = mac2 };
	assert_int_equal(fdb_dump(w->d, w->vx, see_fdb, &s, &e), 0);
	assert_int_equal(s.n, 0);
}

static void keeps_addresses(void **state)
{
	struct world *w = *state;
	struct ipnet a = net("10.5.1.0/32");
	struct err e = { 0 };
	struct seen s = { 0 };

	assert_int_equal(addr_dump(w->d, AF_INET, w->vx, see_addr, &s, &e), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(IPNET_STR(&s.dst), "10.5.1.0/32");
	addr_put_add(w->t, w->vx, "flannel.1", &a); /* there already */
	addr_put_del(w->t, w->vx, "flannel.1", &a);
	addr_put_del(w->t, w->vx, "flannel.1", &a);
	addr_put_add(w->t, w->vx, "flannel.1", &a);
	commit(w->t);
	s = (struct seen){ 0 };
	assert_int_equal(addr_dump(w->d, AF_UNSPEC, w->vx6, see_addr, &s, &e), 0);
	assert_true(s.n >= 1);
}

static void finds_the_way(void **state)
{
	struct world *w = *state;
	struct ipaddr near = ip("10.77.0.9"), far = ip("192.0.2.1");
	struct ipnet wide = net("192.0.2.0/24");
	struct err e = { 0 };
	struct nl_route r;

	assert_int_equal(route_get(w->d, &near, &r, &e), 0);
	assert_int_equal(r.oif, w->eth);
	assert_false(ipaddr_is_set(&r.gateway));
	assert_string_equal(IPADDR_STR(&r.prefsrc), "10.77.0.1");
	assert_int_equal(route_get(w->d, &far, &r, &e), -ENETUNREACH);
	assert_non_null(strstr(e.text, "the route to 192.0.2.1"));
	route_put_replace(w->t, &(struct nl_route){ .dst = wide, .gateway = near });
	commit(w->t);
	assert_int_equal(route_get(w->d, &far, &r, &e), 0);
	assert_string_equal(IPADDR_STR(&r.gateway), "10.77.0.9");
	route_put_replace(w->t, &(struct nl_route){ .dst = net("198.51.100.0/24"), .type = RTN_BLACKHOLE });
	commit(w->t);
	route_put_del(w->t, &(struct nl_route){ .dst = net("198.51.100.0/24"), .type = RTN_BLACKHOLE });
	route_put_del(w->t, &(struct nl_route){ .dst = wide });
	commit(w->t);
}

static int count_neigh(void *ctx, const struct nl_neigh *n)
{
	*(unsigned *)ctx += (n->state & NUD_PERMANENT) && n->has_mac;
	return 0;
}

static void loses_nothing_of_a_large_batch(void **state)
{
	enum { N = 2000 };
	struct world *w = *state;
	struct err e = { 0 };
	unsigned n = 0;

	for (uint32_t i = 0; i < N; i++) {
		struct ipaddr a = ipaddr_from_v4(0x0a060000 + i * 256);
		struct hwaddr mac = { { 2, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } };

		neigh_put_replace(w->t, w->vx, "flannel.1", &a, &mac);
	}
	/* and as many answers that all say no */
	for (uint32_t i = 0; i < N; i++)
		neigh_put_replace(w->t, 99999, "nosuch", &(struct ipaddr){ .family = AF_INET }, &mac1);
	assert_true(nltx_commit(w->t, &e) < 0);
	assert_int_equal(nltx_failed(w->t), N);
	for (size_t i = 0; i < 2 * N; i++)
		assert_int_equal(nltx_op(w->t, i)->err, i < N ? 0 : -ENODEV);
	assert_int_equal(neigh_dump(w->d, AF_INET, w->vx, count_neigh, &n, &e), 0);
	assert_int_equal(n, N);
	for (uint32_t i = 0; i < N; i++) {
		struct ipaddr a = ipaddr_from_v4(0x0a060000 + i * 256);

		neigh_put_del(w->t, w->vx, "flannel.1", &a);
	}
	commit(w->t);
	n = 0;
	assert_int_equal(neigh_dump(w->d, AF_INET, w->vx, count_neigh, &n, &e), 0);
	assert_int_equal(n, 0);
}

static void admits_lost_answers(void **state)
{
	CLEANUP(nltx_closep) struct nltx *t = NULL;
	CLEANUP(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct ipaddr a = ip("10.8.0.1");
	struct err e = { 0 };
	int tiny = 1;
	size_t lost = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
	assert_int_equal(nltx_open_fd(take_fd(&fd), &t), 0);
	for (unsigned i = 0; i < 200; i++)
		neigh_put_del(t, 1, "lo", &a); /* not there: counts as done, when the answer arrives */
	assert_int_equal(nltx_commit(t, &e), -ENOBUFS);
	assert_non_null(strstr(e.text, "removing neighbour 10.8.0.1 dev lo: No buffer space available"));
	for (size_t i = 0; i < 200; i++)
		lost += nltx_op(t, i)->err == -ENOBUFS;
	assert_true(lost > 0 && lost == nltx_failed(t));
	/* the next transaction starts clean */
	neigh_put_del(t, 1, "lo", &a);
	assert_int_equal(nltx_commit(t, &e), 0);
}

struct heard {
	unsigned n[MONITOR_RESYNC + 1];
	bool device_gone, own;
	uint32_t portid;
};

static int hear(void *ctx, const struct monitor_event *ev)
{
	struct heard *h = ctx;

	h->n[ev->kind]++;
	if (ev->kind == MONITOR_LINK && ev->gone && strcmp(ev->link.name, "flannel.1") == 0)
		h->device_gone = true;
	if (ev->portid == h->portid)
		h->own = true;
	return 0;
}

struct listener {
	struct monitor *m;
	struct heard *h;
	struct loop *l;
};

static int on_readable(void *ctx, int fd, unsigned revents)
{
	struct listener *ls = ctx;
	int r = monitor_dispatch(ls->m, hear, ls->h);

	(void)fd;
	(void)revents;
	if (r >= 0 && ls->h->device_gone)
		loop_quit(ls->l, 0);
	return r;
}

static int on_deadline(void *ctx)
{
	(void)ctx;
	return -ETIMEDOUT;
}

/* As the daemon does it. */
static int listen_in_loop(struct monitor *m, struct heard *h)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	CLEANUP(loop_source_freep) struct loop_source *fd = NULL;
	CLEANUP(loop_source_freep) struct loop_source *timer = NULL;
	struct listener ls = { m, h, NULL };

	assert_int_equal(loop_new(&l), 0);
	ls.l = l;
	assert_int_equal(loop_add_fd(l, monitor_fd(m), POLLIN, on_readable, &ls, &fd), 0);
	assert_int_equal(loop_add_timer(l, on_deadline, NULL, &timer), 0);
	loop_timer_set(timer, 60000);
	return loop_run(l);
}

static void hears_the_device_vanish(void **state)
{
	CLEANUP(monitor_closep) struct monitor *m = NULL;
	struct world *w = *state;
	struct ipnet s4 = net("10.5.68.0/24");
	struct heard h = { .portid = nltx_portid(w->t) };
	struct err e = { 0 };
	struct seen s;

	assert_int_equal(
		monitor_open(MONITOR_LINKS | MONITOR_ADDRS | MONITOR_ROUTES | MONITOR_NEIGHS, &m, &e), 0);
	assert_int_equal(monitor_dispatch(m, hear, &h), 0); /* nothing waits: returns at once */
	put_peer(w->t, w->vx, "flannel.1", &s4, "10.77.0.2");
	addr_put_add(w->t, w->eth, "eth0", &(struct ipnet){ ip("10.78.0.1"), 24 });
	link_put_del(w->t, w->vx, "flannel.1");
	commit(w->t);
	assert_int_equal(listen_in_loop(m, &h), 0);
	assert_true(h.device_gone);
	assert_true(h.own);
	assert_true(h.n[MONITOR_ADDR] > 0);
	assert_true(h.n[MONITOR_ROUTE] > 0);
	assert_true(h.n[MONITOR_NEIGH] > 0);
	assert_true(h.n[MONITOR_FDB] > 0);
	assert_int_equal(h.n[MONITOR_RESYNC], 0);

	/* what the kernel took away with the device is gone, and can be deleted once more */
	s = (struct seen){ .dst = s4 };
	assert_int_equal(route_dump(w->d, &(struct route_filter){ .family = AF_INET }, see_route, &s, &e), 0);
	assert_int_equal(s.wanted, 0);
	route_put_del(w->t, &(struct nl_route){ .dst = s4, .oif = w->vx });
	neigh_put_del(w->t, w->vx, "flannel.1", &s4.addr);
	fdb_put_del(w->t, w->vx, "flannel.1", &mac2, NULL);
	commit(w->t);
	link_put_vxlan(
		w->t, "flannel.1", 1450, &mac1,
		&(struct nl_vxlan){ .vni = 1, .link = w->eth, .local = ip("10.77.0.1"), .port = 8472 });
	commit(w->t);
	w->vx = get(w, "flannel.1").ifindex;
}

static void tells_of_an_overrun(void **state)
{
	CLEANUP(monitor_closep) struct monitor *m = NULL;
	struct world *w = *state;
	struct heard h = { 0 };
	struct err e = { 0 };
	int small = 4096;

	assert_int_equal(monitor_open(MONITOR_NEIGHS, &m, &e), 0);
	assert_int_equal(setsockopt(monitor_fd(m), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	for (uint32_t i = 0; i < 300; i++) {
		struct ipaddr a = ipaddr_from_v4(0x0a070000 + i);

		neigh_put_replace(w->t, w->eth, "eth0", &a, &mac2);
	}
	commit(w->t);
	assert_int_equal(monitor_dispatch(m, hear, &h), 0);
	assert_true(h.n[MONITOR_RESYNC] >= 1);
	assert_true(h.n[MONITOR_NEIGH] < 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_its_devices),
		cmocka_unit_test(changes_devices),
		cmocka_unit_test(installs_peers_in_one_batch_around_a_bad_request),
		cmocka_unit_test(replaces_and_names_the_remote_of_a_mac),
		cmocka_unit_test(keeps_addresses),
		cmocka_unit_test(finds_the_way),
		cmocka_unit_test(loses_nothing_of_a_large_batch),
		cmocka_unit_test(admits_lost_answers),
		cmocka_unit_test(hears_the_device_vanish),
		cmocka_unit_test(tells_of_an_overrun),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: a network namespace cannot be made here: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
