#include "flannel/subnet/etcd_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

enum { ROUNDS_MAX = 10 };

int etcd_cas(struct etcd *m, const struct lease *l, const struct lease_attrs *attrs, int64_t mod_revision,
	     int64_t etcd_lease, etcd_reply_fn fn)
{
	CLEANUP(buf_done) struct buf key = { 0 };
	CLEANUP(buf_done) struct buf value = { 0 };
	CLEANUP(buf_done) struct buf b = { 0 };
	struct etcd_cas_rq rq = { .mod_revision = mod_revision, .lease = etcd_lease };
	int r = buf_printf(&key, "%s%s", m->subnets_key, l->key);

	if (r == 0 && attrs)
		r = lease_attrs_encode(attrs, &value);
	rq.key = (struct etcd_bytes){ key.p, key.n };
	rq.value = (struct etcd_bytes){ value.p, value.n };
	if (r == 0)
		r = etcd_put_cas(&b, &rq);
	if (r < 0)
		return r;
	return etcd_start(m, &(struct etcd_request){ "/etcdserverpb.KV/Txn", &b, fn, NULL }, NULL);
}

int etcd_lease_call(struct etcd *m, const char *path, int64_t id_or_ttl, etcd_reply_fn fn)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	int r = etcd_put_lease_id(&b, id_or_ttl); /* a grant's TTL has the same number */

	if (r < 0)
		return r;
	return etcd_start(m, &(struct etcd_request){ path, &b, fn, NULL }, NULL);
}

static int on_revoked(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	(void)m, (void)p, (void)n;
	if (st->code != GRPC_OK)
		log_debug("revoking an unused etcd lease: %s", st->message);
	return 0;
}

void etcd_revoke(struct etcd *m, int64_t id)
{
	if (id != 0 && etcd_lease_call(m, "/etcdserverpb.Lease/LeaseRevoke", id, on_revoked) < 0)
		log_debug("an unused etcd lease stays until it ends");
}

int etcd_lease_granted(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct etcd_lease_rp rp;

	if (st->code != GRPC_OK || etcd_get_lease_grant(p, n, &rp) < 0 || rp.id == 0)
		return -EPROTO;
	m->spare_lease = rp.id;
	m->expires_ms = loop_now_ms() + rp.ttl_s * 1000;
	return 0;
}

/* The same node: the IPv4 address decides, the IPv6 address where there is none. */
bool etcd_same_node(const struct lease_attrs *a, const struct lease_attrs *b)
{
	if (!ipaddr_is_zero(&a->public_ip) || !ipaddr_is_zero(&b->public_ip))
		return ipaddr_equal(&a->public_ip, &b->public_ip);
	return !ipaddr_is_zero(&a->public_ipv6) && ipaddr_equal(&a->public_ipv6, &b->public_ipv6);
}

static const char *own_ip(const struct etcd *m, char buf[IPADDR_STRLEN])
{
	return ipaddr_format(
		ipaddr_is_zero(&m->attrs.public_ip) ? &m->attrs.public_ipv6 : &m->attrs.public_ip, buf);
}
#define OWN_IP(m) own_ip((m), (char[IPADDR_STRLEN]){ 0 })

static int start_round(struct etcd *m);

static int later(struct etcd *m)
{
	loop_timer_set(m->acquire.timer, etcd_pause_ms(m->acquire.tries++));
	return 0;
}

/* etcd did not answer or refused: say so and begin again with a fresh look. */
static int retry(struct etcd *m, const char *what, const struct grpc_status *st)
{
	char text[400];

	etcd_say(&m->acquire.said, LOG_ERR, "acquiring a lease: %s: %s; trying again", what,
		 etcd_status_text(st, text, sizeof(text)));
	return later(m);
}

static int give_up(struct etcd *m, const struct err *e)
{
	subnet_acquired_fn fn = m->acquire.fn;
	void *ctx = m->acquire.ctx;

	m->acquire.fn = NULL;
	etcd_list_clear(m);
	etcd_revoke(m, m->spare_lease);
	m->spare_lease = 0;
	return fn(ctx, NULL, e);
}

/* Somebody was faster: look again, a bounded number of times. */
static int lost_round(struct etcd *m)
{
	struct err e = { 0 };

	if (++m->acquire.rounds >= ROUNDS_MAX) {
		err_text(&e, EAGAIN, "max retries reached trying to acquire a subnet");
		return give_up(m, &e);
	}
	log_info("another node changed subnet %s at the same moment: picking again",
		 m->acquire.candidate.key);
	m->acquire.tries = 0;
	return later(m);
}

static int finish(struct etcd *m, int64_t etcd_lease, int64_t mod_revision)
{
	subnet_acquired_fn fn = m->acquire.fn;
	struct lease *c = &m->acquire.candidate;
	char text[LEASE_KEY_MAX];
	int r;

	if (m->spare_lease == etcd_lease)
		m->spare_lease = 0;
	lease_attrs_done(&c->attrs);
	r = lease_attrs_copy(&m->attrs, &c->attrs);
	if (r < 0)
		return r;
	lease_done(&m->own);
	m->own = *c;
	*c = (struct lease){ 0 };
	m->own.etcd_lease = etcd_lease;
	m->own.mod_revision = mod_revision;
	if (!m->own.create_revision)
		m->own.create_revision = mod_revision;
	m->have_own = true;
	etcd_list_clear(m);
	etcd_said_reset(&m->acquire.said);
	etcd_revoke(m, m->spare_lease);
	m->spare_lease = 0;
	if (!m->acquire.reuse)
		log_info("Allocated lease (%s) to current node (%s) ",
			 lease_subnet_text(&m->own.subnet, text), OWN_IP(m));
	m->acquire.fn = NULL;
	return fn(m->acquire.ctx, &m->own, NULL);
}

static int on_written(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct etcd_txn_rp rp;

	if (st->code == GRPC_NOT_FOUND) { /* the etcd lease ended meanwhile */
		m->spare_lease = m->acquire.candidate.etcd_lease = 0;
		return retry(m, "writing the lease", st);
	}
	if (st->code != GRPC_OK)
		return retry(m, "writing the lease", st);
	if (etcd_get_txn(p, n, &rp) < 0)
		return retry(m, "writing the lease",
			     &(struct grpc_status){ GRPC_INTERNAL, "malformed answer", "" });
	if (!rp.succeeded)
		return lost_round(m);
	return finish(m, m->acquire.candidate.etcd_lease, rp.header.revision);
}

static int write_candidate(struct etcd *m)
{
	struct lease *c = &m->acquire.candidate;

	return etcd_cas(m, c, &m->attrs, m->acquire.reuse ? c->mod_revision : 0, c->etcd_lease, on_written);
}

static int on_granted(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	if (etcd_lease_granted(m, st, p, n) < 0)
		return retry(m, "asking for an etcd lease", st);
	m->acquire.candidate.etcd_lease = m->spare_lease;
	return write_candidate(m);
}

static int grant(struct etcd *m)
{
	if (m->spare_lease) {
		m->acquire.candidate.etcd_lease = m->spare_lease;
		return write_candidate(m);
	}
	return etcd_lease_call(m, "/etcdserverpb.Lease/LeaseGrant", m->lease_ttl_s, on_granted);
}

static int write_if_changed(struct etcd *m)
{
	struct lease *c = &m->acquire.candidate;

	if (lease_attrs_equal(&c->attrs, &m->attrs))
		return finish(m, c->etcd_lease, c->mod_revision);
	return write_candidate(m);
}

/* Before a lease is reused: its etcd lease is renewed, or replaced when it is no good. */
static int on_kept_alive(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct etcd_lease_rp rp = { 0 };

	if (st->code != GRPC_OK)
		return retry(m, "renewing the lease found", st);
	if (etcd_get_lease_keep_alive(p, n, &rp) < 0 || rp.ttl_s < (int64_t)m->lease_ttl_s)
		return grant(m);
	m->expires_ms = loop_now_ms() + rp.ttl_s * 1000;
	return write_if_changed(m);
}

static int reuse(struct etcd *m, const struct lease *l)
{
	char text[LEASE_KEY_MAX];
	int r;

	log_info("Found lease (%s) for current IP (%s), reusing", lease_subnet_text(&l->subnet, text),
		 OWN_IP(m));
	lease_done(&m->acquire.candidate);
	r = lease_copy(l, &m->acquire.candidate);
	if (r < 0)
		return r;
	m->acquire.reuse = true;
	if (l->etcd_lease == 0) {
		log_info("lease %s is a reservation: it has no end and needs no renewal", l->key);
		return write_if_changed(m);
	}
	return etcd_lease_call(m, "/etcdserverpb.Lease/LeaseKeepAlive", l->etcd_lease, on_kept_alive);
}

static int on_deleted(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	(void)p, (void)n;
	if (st->code != GRPC_OK)
		return retry(m, "deleting an outdated lease", st);
	return start_round(m);
}

static int create(struct etcd *m, const struct lease_subnet *s)
{
	struct lease *c = &m->acquire.candidate;

	lease_done(c);
	c->subnet = *s;
	lease_subnet_format(s, c->key);
	m->acquire.reuse = false;
	return grant(m);
}

static bool any_overlap(const struct etcd *m, const struct lease_subnet *s)
{
	for (size_t i = 0; i < m->list.n; i++) {
		const struct lease_subnet *o = &m->list.v[i].subnet;

		if ((ipnet_is_set(&s->v4) && ipnet_is_set(&o->v4) && ipnet_overlaps(&s->v4, &o->v4)) ||
		    (ipnet_is_set(&s->v6) && ipnet_is_set(&o->v6) && ipnet_overlaps(&s->v6, &o->v6)))
			return true;
	}
	return false;
}

static void log_range(const struct net_config *c)
{
	if (c->enable_ipv4)
		log_info("Picking subnet in range %s ... %s", IPADDR_STR(&c->subnet_min),
			 IPADDR_STR(&c->subnet_max));
	if (c->enable_ipv6)
		log_info("Picking ipv6 subnet in range %s ... %s", IPADDR_STR(&c->ipv6_subnet_min),
			 IPADDR_STR(&c->ipv6_subnet_max));
}

static int take_new(struct etcd *m)
{
	const struct lease_subnet *previous = &m->acquire.previous;
	bool have_previous = ipnet_is_set(&previous->v4) || ipnet_is_set(&previous->v6);
	struct lease_subnet s;
	char text[LEASE_KEY_MAX];
	struct err e = { 0 };
	int r;

	if (have_previous && !lease_subnet_fits(previous, &m->net)) {
		log_err("Found previously leased subnet (%s) that is not compatible with the Etcd network config, ignoring",
			lease_subnet_text(previous, text));
	} else if (have_previous && any_overlap(m, previous)) {
		log_info("previously leased subnet (%s) is taken by another node",
			 lease_subnet_text(previous, text));
	} else if (have_previous) {
		log_info("Found previously leased subnet (%s), reusing", lease_subnet_text(previous, text));
		return create(m, previous);
	}
	log_range(&m->net);
	r = lease_subnet_pick(&m->net, m->list.v, m->list.n, &s, &e);
	return r < 0 ? give_up(m, &e) : create(m, &s);
}

static int decide(struct etcd *m)
{
	const struct lease *best = NULL, *outdated = NULL;
	char text[LEASE_KEY_MAX];
	size_t same = 0;

	for (size_t i = 0; i < m->list.n; i++) {
		const struct lease *l = &m->list.v[i];
		/* a create that was not answered in time may have succeeded: then it hangs on our etcd lease
		 */
		bool ours = etcd_same_node(&l->attrs, &m->attrs) ||
			    (m->spare_lease && l->etcd_lease == m->spare_lease);

		if (!ours || l->unreadable)
			continue;
		if (!lease_subnet_fits(&l->subnet, &m->net)) {
			/* an operator's reservation is not ours to delete */
			if (l->etcd_lease != 0)
				outdated = l;
			else
				log_warn(
					"reservation %s for current IP (%s) does not fit the current config: not used",
					l->key, OWN_IP(m));
			continue;
		}
		same++;
		if (!best || l->create_revision < best->create_revision)
			best = l;
	}
	if (same > 1)
		log_err("%zu leases carry our address %s; using the oldest. If two hosts share the address, give "
			"each its own with --public-ip or --iface",
			same, OWN_IP(m));
	if (best)
		return reuse(m, best);
	if (outdated) {
		log_info(
			"Found lease (%s) for current IP (%s) but not compatible with current config, deleting",
			lease_subnet_text(&outdated->subnet, text), OWN_IP(m));
		return etcd_cas(m, outdated, NULL, outdated->mod_revision, 0, on_deleted);
	}
	return take_new(m);
}

static int on_list(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	(void)p, (void)n;
	if (st->code != GRPC_OK)
		return retry(m, "listing leases", st);
	return decide(m);
}

static int start_round(struct etcd *m)
{
	return etcd_list_start(m, on_list);
}

static int on_timer(void *ctx)
{
	return start_round(ctx);
}

int etcd_acquire(struct subnet_manager *base, const struct net_config *c, const struct lease_attrs *attrs,
		 const struct lease_subnet *previous, subnet_acquired_fn fn, void *ctx)
{
	struct etcd *m = (struct etcd *)base;
	int r;

	if (m->acquire.fn || m->have_own)
		return -EBUSY;
	lease_attrs_done(&m->attrs);
	r = lease_attrs_copy(attrs, &m->attrs);
	if (r < 0)
		return r;
	m->net = *c;
	m->net.backend_type = m->net.backend_json = NULL; /* not ours to keep */
	m->acquire.previous = previous ? *previous : (struct lease_subnet){ 0 };
	m->acquire.rounds = m->acquire.tries = 0;
	m->acquire.fn = fn;
	m->acquire.ctx = ctx;
	return start_round(m);
}

int etcd_acquire_init(struct etcd *m)
{
	return loop_add_timer(m->loop, on_timer, m, &m->acquire.timer);
}
