/* Keys of list entries: shared by merging and by the search for duplicates. */
#pragma once
#include "base/cfg.h"

struct cfg_key {
	enum { KEY_NONE, KEY_STR, KEY_INT } kind;
	int64_t i;
	const char *s;
};

struct cfg_key cfg_key_of(const struct cfg_field *f, const void *entry);

/* Key -> entry index of one list or of several that share their keys. */
struct cfg_index {
	struct cfg_slot *slot; /* malloc'ed, as the entries */
	struct cfg_index_entry *entry;
	size_t n, mask;
	uint64_t start;
};

int cfg_index_init(struct cfg_index *x, size_t entries); /* 0 or -ENOMEM */
void cfg_index_done(struct cfg_index *x);

/* The entry first put in under this key, or, when there was none, puts tag and idx in and returns false. */
bool cfg_index_put(struct cfg_index *x, struct cfg_key key, size_t tag, size_t idx);
bool cfg_index_get(const struct cfg_index *x, struct cfg_key key, size_t *ret_tag, size_t *ret_idx);

static inline bool cfg_given(const void *obj) /* of a field with CFG_OPTIONAL */
{
	return *(const bool *)obj;
}

static inline size_t cfg_entry_size(const struct cfg_field *f)
{
	return f->kind == CFG_STRLIST ? sizeof(char *) : f->sub->size;
}

static inline const void *cfg_entry(const struct cfg_field *f, const struct cfg_list *l, size_t i)
{
	return (const char *)l->v + i * cfg_entry_size(f);
}

static inline bool cfg_is_list(const struct cfg_field *f)
{
	return f->kind == CFG_LIST || f->kind == CFG_STRLIST;
}
