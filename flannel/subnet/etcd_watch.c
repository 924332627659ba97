#include "flannel/subnet/etcd_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

enum {
	PENDING_MAX = 1 << 18, /* events of one fragmented batch */
	STABLE_MS = 10000,     /* a stream that lived this long makes the next failure a first one */
};

void etcd_watch_clear(struct etcd *m)
{
	for (size_t i = 0; i < m->watch.n_pending; i++)
		lease_done(&m->watch.pending[i].lease);
	m->watch.n_pending = 0;
}

static bool is_own(const struct etcd *m, const char *key)
{
	return m->have_own && strcmp(key, m->own.key) == 0;
}

/* The stream is over or unusable; go on after a pause: from the next revision, or with a new list. */
static int restart(struct etcd *m, bool relist, int in_ms)
{
	etcd_cancel(m->watch.stream);
	m->watch.stream = NULL;
	etcd_watch_clear(m);
	m->watch.relist = m->watch.relist || relist;
	loop_timer_set(m->watch.timer, in_ms);
	return 0;
}

static int fail(struct etcd *m, bool relist, const char *why)
{
	int in_ms;

	if (m->watch.created_ms && loop_now_ms() - m->watch.created_ms >= STABLE_MS) {
		m->watch.tries = 0;
		etcd_said_reset(&m->watch.said);
	}
	m->watch.created_ms = 0;
	in_ms = etcd_pause_ms(m->watch.tries++);
	if (m->watch.relist || relist)
		etcd_say(&m->watch.said, LOG_WARNING, "etcd watch for %s: %s; listing anew", m->subnets_key,
			 why);
	else
		etcd_say(&m->watch.said, LOG_WARNING, "etcd watch for %s: %s; resuming from revision %lld",
			 m->subnets_key, why, (long long)m->watch.next_revision);
	return restart(m, relist, in_ms);
}

int etcd_watch_relist(struct etcd *m, const char *why)
{
	return m->watch.relist ? 0 : fail(m, true, why);
}

static int by_key_then_seq(const void *pa, const void *pb)
{
	const struct etcd_change *a = pa, *b = pb;
	int r = strcmp(a->lease.key, b->lease.key);

	return r ? r : (a->seq > b->seq) - (a->seq < b->seq);
}

/* Delivers what has gathered, the last event of each key only. */
static int deliver(struct etcd *m)
{
	size_t n = m->watch.n_pending, n_put = 0, n_gone = 0;
	struct etcd_change *c = m->watch.pending;
	struct lease *put, *gone;
	int r;

	if (n == 0)
		return 0;
	put = calloc(2 * n, sizeof(*put));
	if (!put)
		return -ENOMEM;
	gone = put + n;
	qsort(c, n, sizeof(*c), by_key_then_seq);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && strcmp(c[i].lease.key, c[i + 1].lease.key) == 0)
			lease_done(&c[i].lease);
		else if (c[i].gone)
			gone[n_gone++] = c[i].lease;
		else
			put[n_put++] = c[i].lease;
	}
	m->watch.n_pending = 0;
	r = m->watch.ev->changed(m->watch.ctx, put, n_put, gone, n_gone);
	for (size_t i = 0; i < n_put; i++)
		lease_done(&put[i]);
	free(put); /* those that are gone carry no attributes */
	return r;
}

static int on_event(void *ctx, const struct etcd_kv *kv, bool deleted)
{
	struct etcd *m = ctx;
	struct etcd_kv key_only = { .key = kv->key, .mod_revision = kv->mod_revision };
	struct etcd_change change = { .gone = deleted, .seq = m->watch.n_pending };
	struct err e = { 0 };
	char text[160];
	int r = etcd_lease_from_kv(m, deleted ? &key_only : kv, &change.lease, &e);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && !deleted) {
		log_warn("ignoring etcd key \"%s\": %s", etcd_key_text(kv->key, text, sizeof(text)), e.text);
		/* a subnet with an unreadable value cannot be reached: the old one is not true any more */
		change.gone = true;
		r = etcd_lease_from_kv(m, &key_only, &change.lease, NULL);
	}
	if (r < 0)
		return 0; /* never was a lease */

	if (is_own(m, change.lease.key)) {
		if (deleted)
			etcd_keep_own_gone(m, kv->mod_revision);
		else
			etcd_keep_own_put(m, change.gone ? NULL : &change.lease);
		lease_done(&change.lease);
		return 0;
	}
	if (m->watch.n_pending == m->watch.cap_pending) {
		size_t cap = m->watch.cap_pending ? 2 * m->watch.cap_pending : 16;
		struct etcd_change *p = cap <= PENDING_MAX ? realloc(m->watch.pending, cap * sizeof(*p))
							   : NULL;

		if (!p) {
			lease_done(&change.lease);
			return cap <= PENDING_MAX ? -ENOMEM : -E2BIG;
		}
		m->watch.pending = p;
		m->watch.cap_pending = cap;
	}
	m->watch.pending[m->watch.n_pending++] = change;
	return 0;
}

static int on_canceled(struct etcd *m, const struct etcd_watch_rp *rp)
{
	char why[256];

	if (rp->compact_revision > 0) {
		log_warn(
			"etcd watch for %s fell behind compaction horizon (compact rev %lld), re-listing and resuming",
			m->subnets_key, (long long)rp->compact_revision);
		return restart(m, true, etcd_pause_ms(m->watch.tries++));
	}
	etcd_key_text(rp->cancel_reason, why, sizeof(why));
	if (strstr(why, "auth") || strstr(why, "ermission"))
		m->token[0] = '\0';
	return fail(m, false, *why ? why : "cancelled by etcd");
}

static int on_message(struct etcd *m, const void *p, size_t n)
{
	struct etcd_watch_rp rp;
	int r = etcd_get_watch(p, n, &rp, on_event, m);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fail(m, true, r == -E2BIG ? "too many events at once" : "malformed answer");
	if (rp.canceled)
		return on_canceled(m, &rp);
	if (rp.created) {
		/* an etcd restored from a backup counts from lower revisions and would stay silent for long
		 */
		if (rp.header.revision < m->watch.next_revision - 1 ||
		    rp.header.cluster_id != m->watch.cluster_id)
			return fail(m, true, "etcd's history is another one now");
		m->watch.created_ms = loop_now_ms();
		/* A store that was made anew may have passed our revision already, and look like the old one.
		 */
		if (!m->watch.listed)
			etcd_keep_look(m);
		m->watch.listed = false;
		log_debug("watching %s from revision %lld", m->subnets_key,
			  (long long)m->watch.next_revision);
		return 0;
	}
	if (rp.fragment)
		return 0;
	/* without events it is a progress report: everything up to its revision has been sent */
	if (rp.n_events > 0 && rp.last_mod_revision >= m->watch.next_revision)
		m->watch.next_revision = rp.last_mod_revision + 1;
	else if (rp.n_events == 0 && rp.header.revision >= m->watch.next_revision)
		m->watch.next_revision = rp.header.revision + 1;
	return deliver(m);
}

static int on_end(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	char text[600];

	(void)p, (void)n;
	m->watch.stream = NULL; /* already gone */
	return fail(m, false,
		    st->code == GRPC_OK ? "etcd ended the stream" : etcd_status_text(st, text, sizeof(text)));
}

static int start_stream(struct etcd *m)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	int r = etcd_put_watch(&b, etcd_str(m->subnets_key), etcd_str(m->subnets_end),
			       m->watch.next_revision);

	if (r < 0)
		return r;
	return etcd_start(m, &(struct etcd_request){ "/etcdserverpb.Watch/Watch", &b, on_end, on_message },
			  &m->watch.stream);
}

static int on_list(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct lease *leases = m->list.v;
	bool seen_own = false;
	size_t n_others = 0;
	char text[600];
	int r;

	(void)p, (void)n;
	if (st->code != GRPC_OK)
		return fail(m, true, etcd_status_text(st, text, sizeof(text)));

	for (size_t i = 0; i < m->list.n; i++) {
		if (is_own(m, leases[i].key)) {
			seen_own = true;
			etcd_keep_own_put(m, leases[i].unreadable ? NULL : &leases[i]);
			lease_done(&leases[i]);
		} else if (leases[i].unreadable) {
			lease_done(&leases[i]);
		} else {
			leases[n_others++] = leases[i];
		}
	}
	if (!seen_own)
		etcd_keep_own_gone(m, m->own.mod_revision);
	m->watch.relist = false;
	m->watch.listed = true;
	m->watch.next_revision = m->list.header.revision + 1;
	m->watch.cluster_id = m->list.header.cluster_id;
	/* the list leaves the manager, which the call back may free */
	m->list.v = NULL;
	m->list.n = m->list.cap = 0;
	r = start_stream(m);
	if (r == 0)
		r = m->watch.ev->snapshot(m->watch.ctx, leases, n_others);
	for (size_t i = 0; i < n_others; i++)
		lease_done(&leases[i]);
	free(leases);
	return r;
}

static int on_timer(void *ctx)
{
	struct etcd *m = ctx;

	return m->watch.relist ? etcd_list_start(m, on_list) : start_stream(m);
}

int etcd_run(struct subnet_manager *base, const struct subnet_events *ev, void *ctx)
{
	struct etcd *m = (struct etcd *)base;
	int r;

	if (!m->have_own)
		return -ENOENT;
	if (m->watch.ev)
		return -EBUSY;
	m->watch.ev = ev;
	m->watch.ctx = ctx;
	m->watch.relist = true;
	log_info("Watching for new subnet leases");
	r = etcd_keep_start(m);
	return r < 0 ? r : etcd_list_start(m, on_list);
}

int etcd_watch_init(struct etcd *m)
{
	return loop_add_timer(m->loop, on_timer, m, &m->watch.timer);
}
