/* Hashes in the pipeline: bytes pass through, finish() compares before anything behind it finishes. */
#pragma once
#include "base/sink.h"

enum { DIGEST_MAX_BYTES = 64 };

struct digest_sink {
	struct sink base;
	struct sink *next;
	void *ctx;                          /* EVP_MD_CTX */
	const char *want;                   /* hex, kept by reference; NULL = only calculate */
	char got[DIGEST_MAX_BYTES * 2 + 1]; /* lower-case hex after finish() */
};

/*
 * want is a hash specifier "sha512-<hex>" or "sha256-<hex>" in any case of the hex digits, or just
 * "sha512" / "sha256" to calculate without comparing. finish() fails with -EBADMSG and "hash
 * verification failed (calculated <hex> but expected <hex>)". -EINVAL: no such specifier.
 */
int digest_sink_init(struct digest_sink *d, const char *want, struct sink *next, struct err *e);
void digest_sink_done(struct digest_sink *d); /* accepts an all-zero struct */
