/* Where the user's config comes from, in order, and what is made of it (reference A.3, E.1). */
#pragma once

struct arena;
struct err;
struct fetcher;
struct ign_config;
struct ign_state;
struct provider;

struct acquire {
	const struct provider *platform;
	long long fetch_timeout_ms; /* total for the provider's config */
};

/*
 * Kernel command line, then user.ign, then the platform: the first that has one wins and its error
 * is final. The result is rendered (references followed), validated, and its authorities are
 * inlined. -EFETCH_NEEDNET when the fetcher is offline and the network is needed.
 */
int acquire_config(const struct acquire *how, struct fetcher *f, struct arena *a, struct ign_state *s,
		   struct ign_config *ret, struct err *e);
