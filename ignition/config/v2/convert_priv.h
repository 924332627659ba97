/*
 * What the parts of the conversion from 2.x to the newest 3.x share. A part adds findings and fills
 * its piece of the result; running out of memory is kept in the context. All texts and lists of the
 * result live in the arena or are shared with the 2.x config.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/cfg.h"
#include "base/report.h"
#include "ignition/config/types_gen.h"
#include "ignition/config/v2/types_gen.h"

struct arena;

/* The lists of a 2.x config whose entries the result takes up. */
enum conv_list {
	L_DIRECTORIES,
	L_FILES,
	L_LINKS,
	L_FILESYSTEMS,
	L_DISKS,
	L_RAID,
	L_UNITS,
	L_NETWORKD,
	L_USERS,
	L_GROUPS,
	L_APPEND,
	L_CAS,
	L_COUNT_
};

/* An entry of the 2.x config, or the drop-in of one. */
struct origin {
	enum conv_list list;
	size_t idx;
	bool dropin;
	size_t dropin_idx;
};

enum { PLACE_DEPTH = 12 };

/* A path that is built step by step and lives as long as the variable. */
struct place {
	struct cfg_path v[PLACE_DEPTH];
	size_t n;
};

/* Where the config that is being converted came from, when it was not written as 2.x. */
struct conv_rewrite {
	/* The place to name instead of `at`, built in ret. */
	const struct cfg_path *(*place)(const void *data, const struct cfg_path *at, struct place *ret);
	const void *data;
};

struct conv_fs; /* convert_fs.c */
struct text_set;

struct conv {
	const struct ign2_config *in;
	struct ign_config *out;
	struct arena *arena;
	struct report *report;
	const struct conv_rewrite *rewrite; /* NULL: none */
	unsigned minor;
	struct conv_fs *fs;            /* one for each in->storage.filesystems */
	struct text_set *fs_names;     /* their names; counted from the last */
	struct origin *from[L_COUNT_]; /* of the result's entries; NULL: the same index */
	int r;                         /* 0 or -ENOMEM */
};

/* ign2_convert() with findings that name places of another document. */
int ign2_convert_from(const struct ign2_config *c, unsigned minor, const struct conv_rewrite *rewrite,
		      struct arena *a, struct report *rep, struct ign_config *ret);

static inline bool conv_given(const char *s) /* neither absent nor "" */
{
	return s && *s;
}

static inline const char *conv_text(const char *s) /* absent when "" */
{
	return conv_given(s) ? s : NULL;
}

static inline struct opt_bool conv_true(struct opt_bool b) /* absent when false */
{
	return b.v ? b : (struct opt_bool){ 0 };
}

/* convert_place.c */
void place_key(struct place *p, const char *key);
void place_idx(struct place *p, size_t idx);
const struct cfg_path *place_top(const struct place *p); /* NULL: the document */
size_t place_flatten(const struct cfg_path *at,
		     const struct cfg_path *ret[PLACE_DEPTH]); /* outermost first; what is deeper is cut */
const struct cfg_path *origin_place(const struct origin *o, struct place *ret);

/* The place of an entry as findings about others name it: "$.storage.files.3". */
enum { PLACE_TEXT = 160 };
const char *origin_text(const struct conv *c, const struct origin *o, char ret[PLACE_TEXT]);

#define conv_error(c, at, ...) conv_add(c, SEV_ERROR, at, __VA_ARGS__)
#define conv_warn(c, at, ...)  conv_add(c, SEV_WARN, at, __VA_ARGS__)
#define conv_info(c, at, ...)  conv_add(c, SEV_INFO, at, __VA_ARGS__)
void conv_add(struct conv *c, enum severity sev, const struct cfg_path *at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The rules of 3.x over the result; what breaks one is an error at the place it came from. */
void conv_check(struct conv *c);

/* convert.c */
void *conv_alloc(struct conv *c, size_t n, size_t size); /* zeroed; NULL when memory is gone */
char *conv_clean(struct conv *c, const char *prefix,
		 const char *path); /* simplified; ".." ends at the prefix */
/* A device's path, simplified; what becomes of ".." is told at the place. */
const char *conv_device(struct conv *c, const struct cfg_path *at, const char *path);

/* Which entries of a list have the same name: first[i] is the lowest, next[i] the following or SIZE_MAX. */
struct conv_same {
	size_t *first, *next;
};
bool conv_same(struct conv *c, const void *list, size_t n, size_t stride, size_t name_off,
	       struct conv_same *ret);

/* The list without repetitions, of which each is told. */
struct strlist conv_unique(struct conv *c, const struct cfg_path *at, const struct strlist *in);

/* A text as a "data:," URL. */
char *conv_data_url(struct arena *a, const char *text);

/* convert_ignition.c */
void conv_ignition(struct conv *c);

/* What 2.x fetches: of references, CAs and file contents. */
struct old_resource {
	const char *source, *compression, *hash;
	const struct ign2_http_header *headers;
	size_t n_headers;
};
void conv_resource(struct conv *c, const struct cfg_path *at, const struct old_resource *old,
		   struct ign_resource *ret);

/* convert_fs.c: names first, then the nodes that use them, then the file systems themselves */
void conv_fs_names(struct conv *c);
const char *conv_fs_prefix(struct conv *c, const struct cfg_path *at, const char *name); /* NULL: told why */
void conv_filesystems(struct conv *c);

/* convert_disks.c */
void conv_disks(struct conv *c);
void conv_raid(struct conv *c);

/* convert_units.c */
void conv_units(struct conv *c);

/* A file, directory or link on its way, or a unit of networkd, which becomes a file. */
struct conv_node {
	const char *path; /* with the prefix of its file system */
	const char *prefix;
	const struct ign2_node *old; /* NULL: made from a unit */
	const char *contents;        /* data URL of such a unit */
	struct origin from;
	struct conv_node *next; /* of the same path, in the order of 2.x */
	bool first;             /* of them */
};
struct conv_nodes {
	struct conv_node *v;
	size_t n;
};
size_t conv_networkd_count(const struct conv *c);
void conv_networkd(struct conv *c, struct conv_nodes *nodes);

/* convert_nodes.c, convert_files.c */
void conv_nodes(struct conv *c);
void conv_file(struct conv *c, const struct conv_node *first, struct ign_file *ret);
void conv_mode(struct conv *c, const struct conv_node *node, struct opt_i64 mode, unsigned usual,
	       struct opt_i64 *ret);
void conv_owner(const struct ign2_node *old, struct ign_node_user *user, struct ign_node_group *group);

/* convert_passwd.c */
void conv_passwd(struct conv *c);
