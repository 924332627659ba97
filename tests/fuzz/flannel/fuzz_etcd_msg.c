/* Every answer of etcd that we decode. */
#include <stddef.h>
#include <stdint.h>
#include "flannel/subnet/etcd_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int touch(void *ctx, const struct etcd_kv *kv, bool deleted)
{
	volatile size_t *sum = ctx;

	for (size_t i = 0; i < kv->key.n; i++)
		*sum += (size_t)kv->key.p[i];
	for (size_t i = 0; i < kv->value.n; i++)
		*sum += (size_t)kv->value.p[i];
	return deleted && *sum == 42;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct etcd_range_rp range;
	struct etcd_watch_rp watch;
	struct etcd_lease_rp lease;
	struct etcd_txn_rp txn;
	volatile size_t sum = 0;
	char token[64];

	etcd_get_range(data, size, &range, touch, (void *)(uintptr_t)&sum);
	etcd_get_watch(data, size, &watch, touch, (void *)(uintptr_t)&sum);
	etcd_get_txn(data, size, &txn);
	etcd_get_lease_grant(data, size, &lease);
	etcd_get_token(data, size, token, sizeof(token));
	return 0;
}
