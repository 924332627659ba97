/*
 * Configs that an image carries (reference A.4): base.d/ and base.platform.d/<platform>/ are merged
 * below the user's config; user.ign is a user config of its own. Search folders, highest priority
 * first: /run/ignition, /etc/ignition, /usr/lib/ignition, each with its environment override.
 */
#pragma once

struct arena;
struct buf;
struct err;
struct ign_config;

/*
 * Merged base config, or an empty one. A broken file in base.d is an error; one in base.platform.d
 * is only logged, as upstream. *ret_found says whether any file was read.
 */
int base_config_load(const char *platform, struct arena *a, struct ign_config *ret, int *ret_found,
		     struct err *e);

/* Returns 1 with the text appended, 0 when no folder has a user.ign, or -errno. */
int user_ign_read(struct buf *out, struct err *e);
