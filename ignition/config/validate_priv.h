/*
 * What the rules share. A rule takes a place and adds findings; running out of memory is kept in
 * the context, so rules read as lists of conditions. Texts, severities and places: reference C.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/cfg.h"
#include "base/report.h"
#include "ignition/config/types_gen.h"

struct arena;

struct vctx {
	const struct ign_config *config;
	struct report *report;
	struct arena *arena; /* for the time of the validation */
	unsigned minor;
	bool merged; /* nothing will be merged over or under this any more */
	int r;       /* 0 or -ENOMEM */
};

#define v_error(v, at, ...) v_add(v, SEV_ERROR, at, __VA_ARGS__)
#define v_warn(v, at, ...)  v_add(v, SEV_WARN, at, __VA_ARGS__)
void v_add(struct vctx *v, enum severity sev, const struct cfg_path *at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static inline bool v_given(const char *s) /* neither absent nor "" */
{
	return s && *s;
}

/*
 * Rules that other families of documents share: they take values, not the structs of 3.x, and mean by
 * the context's minor a version of 3.x.
 */
enum { PARTITION_LABEL_MAX = 36 }; /* bytes, as upstream counts; GPT itself holds 36 UTF-16 units */
enum v_raid_level { RAID_UNKNOWN, RAID_NO_SPARES, RAID_SPARES_OK };

struct v_span { /* of a partition: where it begins and ends; or only its number, in first */
	int64_t first, last;
	size_t idx; /* in the list */
};

size_t v_spans_overlap(struct v_span *v, size_t n);   /* the first that an earlier one reaches into, */
size_t v_numbers_collide(struct v_span *v, size_t n); /* or has the number of; SIZE_MAX; both sort v */
void v_guid(struct vctx *v, const struct cfg_path *at, const char *guid);
enum v_raid_level v_raid_level(const char *level);
void v_filesystem_label(struct vctx *v, const struct cfg_path *at, const char *format, const char *label);
void v_hash(struct vctx *v, const struct cfg_path *at, const char *hash);
const char *v_url_fault(const char *text, unsigned minor); /* why a URL is refused, or NULL */
const char *v_extension(const char *name); /* from the last dot of the last component on, or "" */
bool v_unit_extension_ok(const char *name);

/* Whether it is a unit file; ret_install: it has an option in [Install]. text may be NULL. */
bool v_unit_content(struct vctx *v, const struct cfg_path *at, const char *text, bool *ret_install);

/* validate_resource.c */
void v_url(struct vctx *v, const struct cfg_path *at, const char *url); /* required to be one */
void v_proxy(struct vctx *v, const struct cfg_path *at, const char *url, bool for_https);
void v_tang_url(struct vctx *v, const struct cfg_path *at, const char *url);
void v_resource(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r);
void v_file_resource(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r);
void v_source_required(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r);

/* validate_path.c */
void v_path(struct vctx *v, const struct cfg_path *at, const char *path);
char *path_clean(struct arena *a, const char *path); /* Go's path.Clean; NULL when memory is gone */

/* A sorted set of texts with the place each came from. */
struct text_set {
	struct text_ref {
		const char *s;
		size_t len, idx;
	} * v;
	size_t n;
};
int text_set_init(struct text_set *t, struct arena *a, size_t max); /* 0 or -ENOMEM */
void text_set_add(struct text_set *t, const char *s, size_t idx);
void text_set_sort(struct text_set *t); /* after the last addition; equal texts by idx */
const struct text_ref *text_set_find(const struct text_set *t, const char *s,
				     size_t len); /* the lowest idx */

/*
 * The texts [from, end) that begin with the first `known` bytes of a text; the shortest come first. A
 * range begins as { 0, set.n, 0 }; narrowing it to a longer part looks only at what that part adds, so
 * that asking for every prefix of a path takes time in its length and not in the square of it.
 */
struct text_range {
	size_t from, end, known;
};
void text_set_narrow(const struct text_set *t, struct text_range *range, const char *s, size_t len);

/* Rules that look at several lists. */
void v_unit_paths(struct vctx *v);                                  /* nodes where units will be written */
void v_nodes_all(struct vctx *v, const struct cfg_path *at);        /* nodes below links, hard links */
void v_filesystem_disks(struct vctx *v, const struct cfg_path *at); /* filesystems on whole disks */

/* One per subject; each walks its list. */
void v_directories(struct vctx *v, const struct cfg_path *at);
void v_files(struct vctx *v, const struct cfg_path *at);
void v_links(struct vctx *v, const struct cfg_path *at);
void v_disks(struct vctx *v, const struct cfg_path *at);
void v_filesystems(struct vctx *v, const struct cfg_path *at);
void v_luks(struct vctx *v, const struct cfg_path *at);
void v_raid(struct vctx *v, const struct cfg_path *at);
void v_systemd(struct vctx *v, const struct cfg_path *at);
