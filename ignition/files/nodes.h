/*
 * storage.directories, files and links as one plan: resolved paths, the order of creation, and
 * every conflict found before anything is written.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include "ignition/config/types_gen.h"

struct arena;
struct err;
struct journal;
struct root;
struct staged;

enum node_kind { NODE_DIRECTORY, NODE_FILE, NODE_SYMLINK, NODE_HARD_LINK };
const char *node_kind_name(enum node_kind kind); /* "directory", "file" or "link" */

struct node {
	enum node_kind kind;
	const char *config_path; /* as in the config */
	const char *path; /* below the root, with this config's symlinks in place; only the last component may
			     be one */
	const char *config_target; /* links: as in the config */
	const char *target;        /* links; of a hard link resolved as path is */
	const struct ign_node_user *user;
	const struct ign_node_group *group;
	struct opt_i64 mode;
	const struct ign_file *file; /* files only */
	bool replace; /* remove what is there: the config says overwrite, or an earlier run of ours made it */
	size_t order; /* place in the config: directories, files, links */
	struct staged *contents; /* files; by files/staging */
	struct staged *append;   /* file->append.n of them */
};

struct nodes {
	struct node *v; /* in the order of creation */
	size_t n;
};

/*
 * Directories, files and symlinks by depth of the resolved path, else in config order; then hard
 * links. Two entries that resolve to the same place are an error.
 */
int nodes_resolve(const struct root *root, const struct ign_storage *s, struct arena *a, struct nodes *ret,
		  struct err *e);

/*
 * Compares the plan with what is there: everything that can be refused is refused here. old holds
 * the notes of an interrupted run; new gets the notes of this one (its lists live in the arena).
 */
int nodes_check(const struct root *root, struct nodes *nodes, const struct journal *old, struct arena *a,
		struct journal *new_notes, struct err *e);

/*
 * Opens (O_PATH) the directory of a resolved path; the root itself is "." in the root. *ret_st is
 * the entry's own state (a link is not followed); st_mode 0 = missing. 0 or -errno with a story.
 */
int node_look(const struct root *root, const char *path, bool create, int *ret_dir, char *ret_leaf,
	      struct stat *ret_st, struct err *e);
