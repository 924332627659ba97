/*
 * The config document: parse, validate, merge, emit. One struct family for every 3.x version; the
 * version a document was written in is `minor` (3.4.0 -> 4, 3.7.0-experimental -> 7). Everything
 * decoded lives in the arena given.
 */
#pragma once
#include <stddef.h>
#include "ignition/config/types_gen.h"

struct arena;
struct buf;
struct err;
struct report;

enum {
	IGN_MINOR_STABLE = 6,       /* newest stable spec: 3.6.0, named in the Accept header */
	IGN_MINOR_EXPERIMENTAL = 7, /* 3.7.0-experimental, the version of the cache */
	IGN_CONFIG_MAX_BYTES = 64 << 20,
};

/*
 * Parses and validates one document of any accepted version. Findings go to the report, located
 * (line, column). Returns 0 when the config is usable (warnings possible); -ENODATA for a
 * zero-length document ("not a config (empty)"); -EBADMSG when it is not valid (the err has
 * upstream's one-line reason: "config is not valid", "unsupported config version", ...); -ENOMEM.
 * On success *ret holds the newest form (ignition.version = newest, B.7 translations applied).
 */
int ign_config_parse(const char *text, size_t len, struct arena *a, struct report *rep,
		     struct ign_config *ret, struct err *e);

/* Reads a cache file: structure and a version that is accepted, no rules. */
int ign_config_parse_cache(const char *text, size_t len, struct arena *a, struct ign_config *ret,
			   struct err *e);

/* The rules of version 3.minor over a config built in memory; findings have no positions. */
int ign_config_validate(const struct ign_config *c, unsigned minor, struct report *rep);

/* Result shares memory with both; reference B.6. */
int ign_config_merge(struct arena *a, const struct ign_config *parent, const struct ign_config *child,
		     struct ign_config *ret);

/* The canonical compact JSON of the cache (reference A.5.2), as version 3.7.0-experimental. */
int ign_config_emit(const struct ign_config *c, struct buf *out);

void ign_config_init(struct ign_config *c); /* the empty config at the newest version */
