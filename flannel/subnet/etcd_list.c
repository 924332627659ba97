#include "flannel/subnet/etcd_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

enum {
	PAGE_KEYS = 1000,
	LEASES_MAX = 1 << 18,
	SKIPPED_LOGGED = 10, /* junk named per list; the rest is counted */
	RESTARTS_MAX = 3,
};

const char *etcd_key_text(struct etcd_bytes key, char *buf, size_t size)
{
	size_t n = key.n < size - 1 ? key.n : size - 1;

	for (size_t i = 0; i < n; i++)
		buf[i] = key.p[i] < ' ' || key.p[i] > '~' ? '?' : key.p[i];
	buf[n] = '\0';
	return buf;
}

int etcd_lease_from_kv(const struct etcd *m, const struct etcd_kv *kv, struct lease *ret, struct err *e)
{
	size_t base = strlen(m->subnets_key), n = kv->key.n - base;
	struct lease l = { .create_revision = kv->create_revision,
			   .mod_revision = kv->mod_revision,
			   .etcd_lease = kv->lease };
	int r;

	if (kv->key.n <= base || memcmp(kv->key.p, m->subnets_key, base) != 0)
		return err_text(e, EINVAL, "not below %s", m->subnets_key);
	r = lease_subnet_parse(kv->key.p + base, n, &l.subnet, e);
	if (r < 0)
		return r;
	memcpy(l.key, kv->key.p + base, n); /* shorter than LEASE_KEY_MAX, or it had not been parsed */
	if (kv->value.p) {
		r = lease_attrs_decode(kv->value.p, kv->value.n, &l.attrs, e);
		if (r < 0)
			return r;
	}
	*ret = l;
	return 0;
}

void etcd_list_clear(struct etcd *m)
{
	for (size_t i = 0; i < m->list.n; i++)
		lease_done(&m->list.v[i]);
	m->list.n = m->list.kvs = m->list.skipped = m->list.last_n = 0;
	m->list.header = (struct etcd_header){ 0 };
}

static int on_kv(void *ctx, const struct etcd_kv *kv, bool deleted)
{
	struct etcd *m = ctx;
	struct etcd_list *list = &m->list;
	struct etcd_kv key_only = *kv;
	char text[160];
	struct err e = { 0 };
	int r;

	(void)deleted;
	key_only.value = (struct etcd_bytes){ NULL, 0 };
	list->kvs++;
	if (kv->key.n == 0 || kv->key.n >= sizeof(list->last) - 1) {
		list->last_n = 0; /* the page cannot be continued: no key of ours is that long */
		return 0;
	}
	memcpy(list->last, kv->key.p, kv->key.n);
	list->last_n = kv->key.n;
	if (list->n == LEASES_MAX)
		return -E2BIG;
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct lease *v = realloc(list->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		list->v = v;
		list->cap = cap;
	}
	r = etcd_lease_from_kv(m, kv, &list->v[list->n], &e);
	if (r == -ENOMEM)
		return r;
	if (r == 0) {
		list->n++;
		return 0;
	}
	if (list->skipped++ < SKIPPED_LOGGED)
		log_warn("ignoring etcd key \"%s\": %s", etcd_key_text(kv->key, text, sizeof(text)), e.text);
	/* a subnet whose value is broken is still somebody's */
	if (etcd_lease_from_kv(m, &key_only, &list->v[list->n], NULL) == 0)
		list->v[list->n++].unreadable = true;
	return 0;
}

static int ask_page(struct etcd *m);

static int finish(struct etcd *m, const struct grpc_status *st)
{
	etcd_reply_fn fn = m->list.fn;

	if (m->list.skipped > SKIPPED_LOGGED)
		log_warn("ignored %zu etcd keys below %s in all", m->list.skipped, m->subnets_key);
	m->list.fn = NULL;
	return fn(m, st, NULL, 0);
}

static int on_page(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	struct grpc_status bad = { GRPC_INTERNAL, "etcd's answer is malformed", st->endpoint };
	struct etcd_list *list = &m->list;
	size_t before = list->kvs;
	struct etcd_range_rp rp;
	int r;

	/* values may be big: smaller pages fit into a message */
	if (st->code == GRPC_RESOURCE_EXHAUSTED && list->limit > 1) {
		list->limit /= 4;
		list->limit += list->limit == 0;
		return ask_page(m);
	}
	/* the revision of the first page was compacted while we asked for the next */
	if (st->code == GRPC_OUT_OF_RANGE && list->restarts < RESTARTS_MAX) {
		list->restarts++;
		etcd_list_clear(m);
		return ask_page(m);
	}
	if (st->code != GRPC_OK)
		return finish(m, st);

	r = etcd_get_range(p, n, &rp, on_kv, m);
	if (r == -ENOMEM)
		return r;
	if (r == -E2BIG)
		bad.message = "more leases than this agent handles";
	if (r < 0)
		return finish(m, &bad);
	if (!list->header.revision)
		list->header = rp.header;
	if (!rp.more)
		return finish(m, st);
	if (list->kvs == before || list->last_n == 0) {
		bad.message = "the list of leases cannot be continued";
		return finish(m, &bad);
	}
	return ask_page(m);
}

static int ask_page(struct etcd *m)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	struct etcd_list *list = &m->list;
	struct etcd_range_rq rq = { .key = etcd_str(m->subnets_key),
				    .end = etcd_str(m->subnets_end),
				    .limit = list->limit,
				    .revision = list->header.revision };
	int r;

	if (list->last_n) { /* the smallest key after the last one has a NUL appended */
		list->last[list->last_n] = '\0';
		rq.key = (struct etcd_bytes){ list->last, list->last_n + 1 };
	}
	r = etcd_put_range(&b, &rq);
	if (r < 0)
		return r;
	return etcd_start(m, &(struct etcd_request){ "/etcdserverpb.KV/Range", &b, on_page, NULL }, NULL);
}

int etcd_list_start(struct etcd *m, etcd_reply_fn fn)
{
	if (m->list.fn)
		return -EBUSY;
	etcd_list_clear(m);
	m->list.fn = fn;
	m->list.limit = PAGE_KEYS;
	m->list.restarts = 0;
	return ask_page(m);
}
