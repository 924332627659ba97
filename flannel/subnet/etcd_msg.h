/*
 * etcd's v3 messages, as far as a subnet manager needs them. Field numbers: etcd's rpc.proto and
 * kv.proto. Decoders copy nothing: keys and values point into the message.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct etcd_bytes {
	const char *p;
	size_t n;
};

struct etcd_kv {
	struct etcd_bytes key, value;
	int64_t create_revision, mod_revision, lease;
};

struct etcd_header {
	uint64_t cluster_id;
	int64_t revision;
};

/* Encoders append one message; 0, -ENOMEM or -EFBIG. */
struct etcd_range_rq {
	struct etcd_bytes key, end; /* end empty = the one key */
	int64_t limit, revision;    /* 0 = none, newest */
};
int etcd_put_range(struct buf *b, const struct etcd_range_rq *rq);

/*
 * If the key is as expected then put it (delete it when value.p is NULL). mod_revision 0 means the
 * key must not exist.
 */
struct etcd_cas_rq {
	struct etcd_bytes key, value;
	int64_t mod_revision, lease;
};
int etcd_put_cas(struct buf *b, const struct etcd_cas_rq *rq);

int etcd_put_lease_grant(struct buf *b, int64_t ttl_s);
int etcd_put_lease_id(struct buf *b, int64_t id); /* keep-alive and revoke */
int etcd_put_authenticate(struct buf *b, const char *name, const char *password);
int etcd_put_watch(struct buf *b, struct etcd_bytes key, struct etcd_bytes end, int64_t start_revision);

/* Decoders return 0 or -EBADMSG; what fn returns when not 0 ends the walk and is returned. */
typedef int (*etcd_kv_fn)(void *ctx, const struct etcd_kv *kv, bool deleted);

struct etcd_range_rp {
	struct etcd_header header;
	bool more;
	size_t n_kvs;
};
int etcd_get_range(const void *p, size_t n, struct etcd_range_rp *ret, etcd_kv_fn fn, void *ctx);

struct etcd_txn_rp {
	struct etcd_header header;
	bool succeeded;
};
int etcd_get_txn(const void *p, size_t n, struct etcd_txn_rp *ret);

struct etcd_lease_rp {
	int64_t id, ttl_s; /* ttl 0 = the lease is gone */
};
int etcd_get_lease_grant(const void *p, size_t n, struct etcd_lease_rp *ret);
int etcd_get_lease_keep_alive(const void *p, size_t n, struct etcd_lease_rp *ret);

int etcd_get_token(const void *p, size_t n, char *ret, size_t size); /* -E2BIG when it does not fit */

struct etcd_watch_rp {
	struct etcd_header header;
	bool created, canceled, fragment;
	int64_t compact_revision;
	struct etcd_bytes cancel_reason;
	size_t n_events;
	int64_t last_mod_revision; /* of the events */
};
int etcd_get_watch(const void *p, size_t n, struct etcd_watch_rp *ret, etcd_kv_fn fn, void *ctx);
