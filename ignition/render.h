/*
 * Following ignition.config.replace and .merge (reference B.6). Bounded: a chain of references is
 * at most 16 deep and one boot fetches at most 256 of them, 128 MiB in all, so that two configs that
 * name each other end with an error instead of never or without memory.
 */
#pragma once

struct arena;
struct err;
struct fetcher;
struct ign_config;
struct ign_state;

/* References fetched are added to the state as "user"; s may be NULL. -EFETCH_NEEDNET when offline and one
 * needs the network. */
int render_references(struct fetcher *f, struct arena *a, struct ign_state *s,
		      const struct ign_config *config, struct ign_config *ret, struct err *e);

/* Replaces each certificate authority by its content as a data: URL, so later stages need no network for it.
 */
int render_authorities(struct fetcher *f, struct arena *a, struct ign_config *config, struct err *e);
