/* The stages as a table; the engine prepares the context and runs one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/root.h"

struct arena;
struct err;
struct fetcher;
struct ign_config;
struct ign_state;

struct stage_ctx {
	const struct ign_config *config; /* base and user config merged */
	struct ign_state *state;
	struct fetcher *fetcher;
	struct arena *arena; /* lives as long as the run */
	struct root root;    /* --root; its fd is -1 in stages that do not use it */
};

/* Each returns 0 or -errno with a story that starts with upstream's prefix (reference F). */
int stage_fetch_offline(struct stage_ctx *c, struct err *e); /* -EFETCH_NEEDNET when the config needs it */
int stage_fetch(struct stage_ctx *c, struct err *e);
int stage_kargs(struct stage_ctx *c, struct err *e);
int stage_disks(struct stage_ctx *c, struct err *e);  /* ignition/disks/ */
int stage_mount(struct stage_ctx *c, struct err *e);  /* ignition/disks/mount.c */
int stage_umount(struct stage_ctx *c, struct err *e); /* ignition/disks/mount.c */
int stage_files(struct stage_ctx *c, struct err *e);  /* ignition/files/ */

/*
 * The part of the files stage that makes sense in a container image: storage entries, units and
 * presets. An interrupted run may be repeated; a finished one leaves no file of ours. Wants a config
 * without passwd and luks sections; the state is not used.
 */
int stage_files_image(struct stage_ctx *c, struct err *e);

struct stage {
	const char *name;
	int (*run)(struct stage_ctx *c, struct err *e);
	bool fetches_config; /* asks the providers; the others read the cache */
	bool uses_root;      /* the others run also where there is no --root yet */
};

const struct stage *stage_find(const char *name); /* NULL when there is none */
const struct stage *stage_at(unsigned i);         /* NULL past the last, for lists in --help */
