#include "flannel/subnet/etcd_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

enum {
	RENEW_RETRY_MS = 60000,
	RENEW_SOONEST_MS = 1000,
	CONFLICT_PAUSE_MAX_MS = 300000,
};

static int64_t retry_ms(const struct etcd *m)
{
	/* short TTLs need quicker retries than upstream's minute */
	int64_t ms = (int64_t)m->lease_ttl_s * 1000 / 10;

	return ms > RENEW_RETRY_MS ? RENEW_RETRY_MS : ms < RENEW_SOONEST_MS ? RENEW_SOONEST_MS : ms;
}

static void arm_renewal(struct etcd *m)
{
	int64_t margin = (int64_t)m->renew_margin_s * 1000, left = m->expires_ms - loop_now_ms(),
		in = left - margin;
	long long s;

	if (m->own.etcd_lease == 0) { /* a reservation */
		loop_timer_set(m->keep.renew, -1);
		return;
	}
	if (margin >= (int64_t)m->lease_ttl_s * 1000) /* a margin beyond the TTL would renew without end */
		in = left / 3;
	if (in < RENEW_SOONEST_MS)
		in = RENEW_SOONEST_MS;
	s = in / 1000;
	log_info("Waiting for %lldh%lldm%llds to renew lease", s / 3600, s / 60 % 60, s % 60);
	loop_timer_set(m->keep.renew, in);
}

static void fix_soon(struct etcd *m, int64_t in_ms)
{
	if (m->keep.fixing)
		m->keep.again = true;
	if (m->keep.lost || m->keep.fixing || (loop_timer_armed(m->keep.fix) && in_ms > 0))
		return;
	loop_timer_set(m->keep.fix, in_ms);
}

static void fixed(struct etcd *m)
{
	m->keep.fixing = false;
	if (m->keep.again)
		fix_soon(m, 0);
	m->keep.again = false;
}

static int on_renewed(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct etcd_lease_rp rp = { 0 };
	char when[64] = "";
	struct tm tm;
	time_t end;

	if (m->keep.lost)
		return 0;
	if (st->code != GRPC_OK || etcd_get_lease_keep_alive(p, n, &rp) < 0) {
		log_err("Error renewing lease (trying again in %lld s): %s: %s",
			(long long)retry_ms(m) / 1000, grpc_code_name(st->code), st->message);
		loop_timer_set(m->keep.renew, retry_ms(m));
		return 0;
	}
	if (rp.ttl_s <= 0) {
		log_warn("the etcd lease of %s has ended: putting the key back", m->own.key);
		m->own.etcd_lease = 0;
		fix_soon(m, 0);
		return 0;
	}
	m->expires_ms = loop_now_ms() + rp.ttl_s * 1000;
	m->keep.conflicts = 0;
	end = time(NULL) + (time_t)rp.ttl_s;
	if (gmtime_r(&end, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S +0000 UTC", &tm);
	log_info("Lease renewed, new expiration: %s", when);
	arm_renewal(m);
	return 0;
}

static int on_renew_timer(void *ctx)
{
	struct etcd *m = ctx;

	if (m->keep.lost || m->own.etcd_lease == 0)
		return 0;
	return etcd_lease_call(m, "/etcdserverpb.Lease/LeaseKeepAlive", m->own.etcd_lease, on_renewed);
}

static int fix_later(struct etcd *m, const struct grpc_status *st, const char *what)
{
	char text[400];

	etcd_say(&m->keep.said, LOG_ERR, "keeping lease %s: %s: %s; trying again", m->own.key, what,
		 etcd_status_text(st, text, sizeof(text)));
	m->keep.fixing = false;
	fix_soon(m, etcd_pause_ms(m->keep.tries++));
	return 0;
}

/* What the store says is what we want: remember which etcd lease keeps it. */
static void adopt(struct etcd *m, const struct lease *seen)
{
	bool other_lease = seen->etcd_lease != m->own.etcd_lease;

	m->own.mod_revision = seen->mod_revision;
	m->own.create_revision = seen->create_revision;
	m->own.etcd_lease = seen->etcd_lease;
	if (!other_lease)
		return;
	if (seen->etcd_lease == 0) {
		log_info("lease %s has become a reservation: it has no end and needs no renewal", m->own.key);
		loop_timer_set(m->keep.renew, -1);
	} else { /* its end is unknown to us: renewing tells */
		loop_timer_set(m->keep.renew, 0);
	}
}

static int on_fixed(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct etcd_txn_rp rp;

	if (st->code == GRPC_NOT_FOUND) /* the etcd lease went away in between */
		m->spare_lease = m->own.etcd_lease = 0;
	if (st->code != GRPC_OK || etcd_get_txn(p, n, &rp) < 0)
		return fix_later(m, st, "writing the key");
	if (!rp.succeeded) { /* it changed under our hands: look again */
		m->keep.fixing = m->keep.again = false;
		fix_soon(m, etcd_pause_ms(m->keep.tries++));
		return 0;
	}
	if (m->spare_lease && m->keep.found_mod == 0) {
		m->own.etcd_lease = m->spare_lease;
		m->spare_lease = 0;
		m->own.create_revision = rp.header.revision;
	}
	m->own.mod_revision = rp.header.revision;
	lease_attrs_done(&m->own.attrs);
	m->own.attrs = m->keep.attempt;
	m->keep.attempt = (struct lease_attrs){ 0 };
	m->keep.tries = 0;
	etcd_said_reset(&m->keep.said);
	log_info("wrote lease %s to etcd", m->own.key);
	arm_renewal(m);
	fixed(m);
	return 0;
}

/* Puts what we want into the key, as it was last seen. */
static int write_own(struct etcd *m, int64_t etcd_lease)
{
	int r;

	lease_attrs_done(&m->keep.attempt);
	r = lease_attrs_copy(&m->attrs, &m->keep.attempt);
	return r < 0 ? r : etcd_cas(m, &m->own, &m->attrs, m->keep.found_mod, etcd_lease, on_fixed);
}

static int on_fix_granted(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	if (etcd_lease_granted(m, st, p, n) < 0)
		return fix_later(m, st, "asking for an etcd lease");
	return write_own(m, m->spare_lease);
}

static int put_back(struct etcd *m)
{
	m->keep.found_mod = 0;
	if (m->spare_lease)
		return write_own(m, m->spare_lease);
	return etcd_lease_call(m, "/etcdserverpb.Lease/LeaseGrant", m->lease_ttl_s, on_fix_granted);
}

static int lost_to(struct etcd *m, const struct lease *other)
{
	const struct ipaddr *ip = ipaddr_is_zero(&other->attrs.public_ip) ? &other->attrs.public_ipv6
									  : &other->attrs.public_ip;
	struct err e = { 0 };

	m->keep.lost = true;
	loop_timer_set(m->keep.renew, -1);
	loop_timer_set(m->keep.fix, -1);
	err_text(&e, EADDRINUSE, "subnet %s belongs to the node with address %s now", m->own.key,
		 IPADDR_STR(ip));
	log_err("lost our lease: %s", e.text);
	return m->watch.ev->lost(m->watch.ctx, &e);
}

struct look {
	struct etcd *m;
	bool found;
	struct lease lease;
	int64_t mod_revision, etcd_lease;
	int bad; /* -errno of an unreadable value */
};

static int on_own_kv(void *ctx, const struct etcd_kv *kv, bool deleted)
{
	struct look *k = ctx;

	(void)deleted;
	k->found = true;
	k->mod_revision = kv->mod_revision;
	k->etcd_lease = kv->lease;
	k->bad = etcd_lease_from_kv(k->m, kv, &k->lease, NULL);
	return 1;
}

static int on_looked(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct look k = { .m = m };
	struct etcd_range_rp rp;
	bool same, equal, doubt = m->keep.doubt;
	int r = 0;

	if (st->code != GRPC_OK || etcd_get_range(p, n, &rp, on_own_kv, &k) < 0)
		return fix_later(m, st, "reading the key");
	m->keep.doubt = false;
	/* The other leases of a store that lost ours cannot be the ones we know. */
	if (doubt && (!k.found || k.mod_revision < m->own.mod_revision))
		etcd_watch_relist(m, "our own lease is not what it was: etcd lost data");
	if (!k.found)
		return put_back(m);
	if (k.bad == -ENOMEM)
		return -ENOMEM;

	/* what we wrote, or may have written, before set_attrs() is ours as well */
	same = k.bad || etcd_same_node(&k.lease.attrs, &m->attrs) ||
	       lease_attrs_equal(&k.lease.attrs, &m->own.attrs) ||
	       lease_attrs_equal(&k.lease.attrs, &m->keep.attempt);
	equal = !k.bad && lease_attrs_equal(&k.lease.attrs, &m->attrs);
	if (!same) {
		r = lost_to(m, &k.lease);
	} else if (equal) {
		adopt(m, &k.lease);
		fixed(m);
	} else {
		m->keep.found_mod = k.mod_revision;
		if (m->own.etcd_lease != k.etcd_lease) /* its end is unknown to us: renew soon */
			m->expires_ms = loop_now_ms();
		m->own.etcd_lease = k.etcd_lease;
		r = write_own(m, k.etcd_lease);
	}
	lease_done(&k.lease);
	return r;
}

/* Looks at our key and makes it say what it shall. The one way back from every surprise. */
static int on_fix_timer(void *ctx)
{
	CLEANUP(buf_done) struct buf key = { 0 };
	CLEANUP(buf_done) struct buf b = { 0 };
	struct etcd *m = ctx;
	int r;

	if (m->keep.lost || m->keep.fixing)
		return 0;
	r = buf_printf(&key, "%s%s", m->subnets_key, m->own.key);
	if (r == 0)
		r = etcd_put_range(&b, &(struct etcd_range_rq){ .key = { key.p, key.n } });
	if (r < 0)
		return r;
	m->keep.fixing = true;
	return etcd_start(m, &(struct etcd_request){ "/etcdserverpb.KV/Range", &b, on_looked, NULL }, NULL);
}

void etcd_keep_own_put(struct etcd *m, const struct lease *seen)
{
	int64_t pause;

	if (m->keep.lost || (seen && seen->mod_revision < m->own.mod_revision))
		return;
	if (seen && lease_attrs_equal(&seen->attrs, &m->attrs)) {
		adopt(m, seen);
		return;
	}
	if (m->keep.fixing) {
		m->keep.again = true;
		return;
	}
	/* two agents that think they are this node would answer each other for ever */
	pause = m->keep.conflicts == 0 ? 0 : 1000ll << (m->keep.conflicts < 9 ? m->keep.conflicts - 1 : 8);
	if (pause > CONFLICT_PAUSE_MAX_MS)
		pause = CONFLICT_PAUSE_MAX_MS;
	m->keep.conflicts++;
	log_warn("our lease %s was overwritten in etcd: looking at it in %lld s%s", m->own.key,
		 (long long)pause / 1000,
		 m->keep.conflicts < 3 ? ""
				       : ". If two hosts share one public address, give each its own with "
					 "--public-ip or --iface");
	fix_soon(m, pause);
}

void etcd_keep_own_gone(struct etcd *m, int64_t mod_revision)
{
	if (m->keep.lost || (mod_revision && mod_revision < m->own.mod_revision))
		return;
	log_warn("our lease %s vanished from etcd (ended, revoked or deleted): putting it back", m->own.key);
	m->own.etcd_lease = 0;
	fix_soon(m, 0);
}

void etcd_keep_look(struct etcd *m)
{
	m->keep.doubt = true;
	fix_soon(m, 0);
}

int etcd_keep_start(struct etcd *m)
{
	arm_renewal(m);
	return 0;
}

int etcd_set_attrs(struct subnet_manager *base, const struct lease_attrs *attrs)
{
	struct etcd *m = (struct etcd *)base;
	struct lease_attrs copy = { 0 };
	int r;

	if (!m->have_own)
		return -ENOENT;
	r = lease_attrs_copy(attrs, &copy);
	if (r < 0)
		return r;
	lease_attrs_done(&m->attrs);
	m->attrs = copy;
	/* before run() its first list does the comparing */
	if (m->watch.ev)
		fix_soon(m, 0);
	return 0;
}

int etcd_keep_init(struct etcd *m)
{
	int r = loop_add_timer(m->loop, on_renew_timer, m, &m->keep.renew);

	return r < 0 ? r : loop_add_timer(m->loop, on_fix_timer, m, &m->keep.fix);
}
