#include "flannel/subnet/etcd_msg.h"
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/pb.h"

enum { TARGET_VERSION = 0, TARGET_MOD = 2, EVENT_DELETE = 1 };

int etcd_put_range(struct buf *b, const struct etcd_range_rq *rq)
{
	int r = pb_put_bytes(b, 1, rq->key.p, rq->key.n);

	if (r == 0)
		r = pb_put_bytes(b, 2, rq->end.p, rq->end.n);
	if (r == 0)
		r = pb_put_int(b, 3, rq->limit);
	return r == 0 ? pb_put_int(b, 4, rq->revision) : r;
}

static int put_compare(struct buf *b, const struct etcd_cas_rq *rq)
{
	/* result EQUAL is 0; a version of 0 is the proto3 default and so is its oneof member */
	int r = pb_put_uint(b, 2, rq->mod_revision ? TARGET_MOD : TARGET_VERSION);

	if (r == 0)
		r = pb_put_bytes(b, 3, rq->key.p, rq->key.n);
	return r == 0 && rq->mod_revision ? pb_put_int(b, 6, rq->mod_revision) : r;
}

static int put_operation(struct buf *b, const struct etcd_cas_rq *rq)
{
	CLEANUP(buf_done) struct buf op = { 0 };
	int r = pb_put_bytes(&op, 1, rq->key.p, rq->key.n);

	if (r == 0 && rq->value.p)
		r = pb_put_bytes(&op, 2, rq->value.p, rq->value.n);
	if (r == 0 && rq->value.p)
		r = pb_put_int(&op, 3, rq->lease);
	return r == 0 ? pb_put_message(b, rq->value.p ? 2 : 3, &op) : r;
}

int etcd_put_cas(struct buf *b, const struct etcd_cas_rq *rq)
{
	CLEANUP(buf_done) struct buf compare = { 0 };
	CLEANUP(buf_done) struct buf success = { 0 };
	int r = put_compare(&compare, rq);

	if (r == 0)
		r = put_operation(&success, rq);
	if (r == 0)
		r = pb_put_message(b, 1, &compare);
	return r == 0 ? pb_put_message(b, 2, &success) : r;
}

int etcd_put_lease_grant(struct buf *b, int64_t ttl_s)
{
	return pb_put_int(b, 1, ttl_s);
}

int etcd_put_lease_id(struct buf *b, int64_t id)
{
	return pb_put_int(b, 1, id);
}

int etcd_put_authenticate(struct buf *b, const char *name, const char *password)
{
	int r = pb_put_bytes(b, 1, name, strlen(name));

	return r == 0 ? pb_put_bytes(b, 2, password, strlen(password)) : r;
}

int etcd_put_watch(struct buf *b, struct etcd_bytes key, struct etcd_bytes end, int64_t start_revision)
{
	CLEANUP(buf_done) struct buf create = { 0 };
	int r = pb_put_bytes(&create, 1, key.p, key.n);

	if (r == 0)
		r = pb_put_bytes(&create, 2, end.p, end.n);
	if (r == 0)
		r = pb_put_int(&create, 3, start_revision);
	if (r == 0)
		r = pb_put_bool(&create, 4, true); /* progress_notify: the revision moves on in quiet times */
	if (r == 0)
		r = pb_put_bool(&create, 8, true); /* fragment: no message beyond our limit */
	return r == 0 ? pb_put_message(b, 1, &create) : r;
}

static struct etcd_bytes bytes_of(const struct pb_field *f)
{
	return f->wire == PB_BYTES ? (struct etcd_bytes){ (const char *)f->p, f->n }
				   : (struct etcd_bytes){ "", 0 };
}

static int get_header(const struct pb_field *field, struct etcd_header *ret)
{
	struct pb_reader in = pb_inner(field);
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0) {
		if (f.no == 1)
			ret->cluster_id = f.v;
		else if (f.no == 3)
			ret->revision = (int64_t)f.v;
	}
	return r;
}

static int get_kv(const struct pb_field *field, struct etcd_kv *ret)
{
	struct pb_reader in = pb_inner(field);
	struct pb_field f;
	int r;

	*ret = (struct etcd_kv){ .key = { "", 0 }, .value = { "", 0 } };
	while ((r = pb_next(&in, &f)) > 0) {
		switch (f.no) {
		case 1:
			ret->key = bytes_of(&f);
			break;
		case 2:
			ret->create_revision = (int64_t)f.v;
			break;
		case 3:
			ret->mod_revision = (int64_t)f.v;
			break;
		case 5:
			ret->value = bytes_of(&f);
			break;
		case 6:
			ret->lease = (int64_t)f.v;
			break;
		}
	}
	return r;
}

int etcd_get_range(const void *p, size_t n, struct etcd_range_rp *ret, etcd_kv_fn fn, void *ctx)
{
	struct pb_reader in = pb_reader(p, n);
	struct etcd_range_rp rp = { 0 };
	struct etcd_kv kv;
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0) {
		int r2 = 0;

		if (f.no == 1) {
			r2 = get_header(&f, &rp.header);
		} else if (f.no == 2) {
			r2 = get_kv(&f, &kv);
			if (r2 == 0 && fn)
				r2 = fn(ctx, &kv, false);
			rp.n_kvs++;
		} else if (f.no == 3) {
			rp.more = f.v != 0;
		}
		if (r2 != 0)
			return r2;
	}
	if (r == 0)
		*ret = rp;
	return r;
}

int etcd_get_txn(const void *p, size_t n, struct etcd_txn_rp *ret)
{
	struct pb_reader in = pb_reader(p, n);
	struct etcd_txn_rp rp = { 0 };
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0) {
		int r2 = f.no == 1 ? get_header(&f, &rp.header) : 0;

		if (r2 < 0)
			return r2;
		if (f.no == 2)
			rp.succeeded = f.v != 0;
	}
	if (r == 0)
		*ret = rp;
	return r;
}

/* Grant and keep-alive answers share their numbers: 1 header, 2 ID, 3 TTL. */
static int get_lease(const void *p, size_t n, struct etcd_lease_rp *ret)
{
	struct pb_reader in = pb_reader(p, n);
	struct etcd_lease_rp rp = { 0 };
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0) {
		if (f.no == 2)
			rp.id = (int64_t)f.v;
		else if (f.no == 3)
			rp.ttl_s = (int64_t)f.v;
	}
	if (r == 0)
		*ret = rp;
	return r;
}

int etcd_get_lease_grant(const void *p, size_t n, struct etcd_lease_rp *ret)
{
	return get_lease(p, n, ret);
}

int etcd_get_lease_keep_alive(const void *p, size_t n, struct etcd_lease_rp *ret)
{
	return get_lease(p, n, ret);
}

int etcd_get_token(const void *p, size_t n, char *ret, size_t size)
{
	struct pb_reader in = pb_reader(p, n);
	struct etcd_bytes token = { "", 0 };
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0)
		if (f.no == 2)
			token = bytes_of(&f);
	if (r < 0)
		return r;
	if (token.n >= size)
		return -E2BIG;
	/* it becomes a header: nothing but visible characters may go there */
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return -EBADMSG;
	memcpy(ret, token.p, token.n);
	ret[token.n] = '\0';
	return token.n > 0 ? 0 : -EBADMSG;
}

static int get_event(const struct pb_field *field, struct etcd_watch_rp *rp, etcd_kv_fn fn, void *ctx)
{
	struct pb_reader in = pb_inner(field);
	struct etcd_kv kv = { .key = { "", 0 }, .value = { "", 0 } };
	uint64_t type = 0;
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0) {
		if (f.no == 1)
			type = f.v;
		else if (f.no == 2 && (r = get_kv(&f, &kv)) < 0)
			return r;
	}
	if (r < 0)
		return r;
	rp->n_events++;
	if (kv.mod_revision > rp->last_mod_revision)
		rp->last_mod_revision = kv.mod_revision;
	return fn ? fn(ctx, &kv, type == EVENT_DELETE) : 0;
}

int etcd_get_watch(const void *p, size_t n, struct etcd_watch_rp *ret, etcd_kv_fn fn, void *ctx)
{
	struct pb_reader in = pb_reader(p, n);
	struct etcd_watch_rp rp = { .cancel_reason = { "", 0 } };
	struct pb_field f;
	int r;

	while ((r = pb_next(&in, &f)) > 0) {
		int r2 = 0;

		switch (f.no) {
		case 1:
			r2 = get_header(&f, &rp.header);
			break;
		case 3:
			rp.created = f.v != 0;
			break;
		case 4:
			rp.canceled = f.v != 0;
			break;
		case 5:
			rp.compact_revision = (int64_t)f.v;
			break;
		case 6:
			rp.cancel_reason = bytes_of(&f);
			break;
		case 7:
			rp.fragment = f.v != 0;
			break;
		case 11:
			r2 = get_event(&f, &rp, fn, ctx);
			break;
		}
		if (r2 != 0)
			return r2;
	}
	if (r == 0)
		*ret = rp;
	return r;
}
