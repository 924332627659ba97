/* /run/ignition/state: what one stage leaves for the next (reference A.5.1). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct err;

struct state_config {
	const char *kind; /* "base" or "user" */
	const char *source;
	bool referenced;
};

struct state_key {
	const char *name, *data_url;
};

struct ign_state {
	struct arena *arena; /* owns every string; lives as long as the state */
	struct {
		struct state_config *v;
		size_t n;
	} fetched_configs;
	struct {
		struct state_key *v;
		size_t n;
	} luks_keys, luks_volume_keys;
	struct {
		const char **v;
		size_t n;
	} notated_directories; /* mount points made by the mount stage, paths in the target */
};

int state_load(struct ign_state *s, const char *path, struct err *e); /* missing file = empty state */
int state_save(const struct ign_state *s, const char *path, struct err *e);
void state_done(struct ign_state *s);

/* Additions copy their strings. 0 or -ENOMEM. */
int state_add_config(struct ign_state *s, const char *kind, const char *source, bool referenced);
int state_add_directory(struct ign_state *s, const char *path);
