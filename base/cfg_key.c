#include "base/cfg_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/report.h"

struct cfg_slot {
	struct cfg_key key;
	size_t tag, idx;
	bool used;
};

struct cfg_key cfg_key_of(const struct cfg_field *f, const void *entry)
{
	const char *at = entry, *s;

	if (f->rule == CFG_BY_INT_OR_STR) {
		int64_t i = ((const struct opt_i64 *)(const void *)(at + f->key_off))->v;

		s = *(const char *const *)(const void *)(at + f->key2_off);
		if (i)
			return (struct cfg_key){ .kind = KEY_INT, .i = i };
		return s ? (struct cfg_key){ .kind = KEY_STR, .s = s } : (struct cfg_key){ .kind = KEY_NONE };
	}
	s = *(const char *const *)(const void *)(f->kind == CFG_STRLIST ? at : at + f->key_off);
	return (struct cfg_key){ .kind = KEY_STR, .s = s ? s : "" };
}

static uint64_t hash(struct cfg_key k)
{
	uint64_t h = 0xcbf29ce484222325 ^ k.kind;

	if (k.kind == KEY_INT)
		h ^= (uint64_t)k.i * 0x9e3779b97f4a7c15;
	for (const char *s = k.kind == KEY_STR ? k.s : ""; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h ^ h >> 29;
}

static bool same(struct cfg_key a, struct cfg_key b)
{
	if (a.kind != b.kind)
		return false;
	return a.kind == KEY_STR ? strcmp(a.s, b.s) == 0 : a.i == b.i;
}

int cfg_index_init(struct cfg_index *x, size_t entries)
{
	size_t size = 16;

	while (size < 2 * entries)
		size *= 2;
	*x = (struct cfg_index){ .slot = calloc(size, sizeof(struct cfg_slot)), .mask = size - 1 };
	return x->slot ? 0 : -ENOMEM;
}

void cfg_index_done(struct cfg_index *x)
{
	free(x->slot);
	*x = (struct cfg_index){ 0 };
}

static struct cfg_slot *seek(const struct cfg_index *x, struct cfg_key key)
{
	size_t at = hash(key) & x->mask;

	while (x->slot[at].used && !same(x->slot[at].key, key))
		at = (at + 1) & x->mask;
	return &x->slot[at];
}

bool cfg_index_put(struct cfg_index *x, struct cfg_key key, size_t tag, size_t idx)
{
	struct cfg_slot *s = seek(x, key);

	if (s->used)
		return true;
	*s = (struct cfg_slot){ .key = key, .tag = tag, .idx = idx, .used = true };
	return false;
}

bool cfg_index_get(const struct cfg_index *x, struct cfg_key key, size_t *ret_tag, size_t *ret_idx)
{
	const struct cfg_slot *s = seek(x, key);

	if (!s->used)
		return false;
	*ret_tag = s->tag;
	*ret_idx = s->idx;
	return true;
}

static int check(const struct cfg_desc *desc, const void *obj, struct report *rep,
		 const struct cfg_path *path);

/* The entries of the lists that share their keys with field `first`, which is the first of them. */
static int check_space(const struct cfg_desc *desc, size_t first, const void *obj, struct report *rep,
		       const struct cfg_path *path)
{
	const struct cfg_field *f = &desc->fields[first];
	struct cfg_index x;
	size_t n = 0;
	int r = 0;

	for (size_t i = first; i < desc->n_fields; i++)
		if (i == first || (f->space && desc->fields[i].space == f->space))
			n += ((const struct cfg_list *)(const void *)((const char *)obj +
								      desc->fields[i].off))
				     ->n;
	if (n < 2)
		return 0;
	if (cfg_index_init(&x, n) < 0)
		return -ENOMEM;
	for (size_t i = first; r == 0 && i < desc->n_fields; i++) {
		const struct cfg_field *g = &desc->fields[i];
		const struct cfg_list *l = (const void *)((const char *)obj + g->off);

		if (i != first && (!f->space || g->space != f->space))
			continue;
		for (size_t k = 0; r == 0 && k < l->n; k++)
			if (cfg_index_put(&x, cfg_key_of(g, cfg_entry(g, l, k)), i, k))
				r = report_add(rep, SEV_ERROR, AT_VALUE,
					       CFG_ENTRY(CFG_CHILD(path, g->key), k),
					       "duplicate entry defined");
	}
	cfg_index_done(&x);
	return r;
}

static int check_field(const struct cfg_desc *desc, size_t i, const void *obj, struct report *rep,
		       const struct cfg_path *path)
{
	const struct cfg_field *f = &desc->fields[i];
	const void *at = (const char *)obj + f->off;
	const struct cfg_list *l = at;
	bool first = true;
	int r = 0;

	if (f->kind == CFG_OBJ)
		return check(f->sub, at, rep, CFG_CHILD(path, f->key));
	if (!cfg_is_list(f))
		return 0;
	for (size_t k = 0; k < i && f->space; k++)
		first = first && desc->fields[k].space != f->space;
	if (f->rule != CFG_APPEND && first)
		r = check_space(desc, i, obj, rep, path);
	for (size_t k = 0; f->kind == CFG_LIST && r == 0 && k < l->n; k++)
		r = check(f->sub, cfg_entry(f, l, k), rep, CFG_ENTRY(CFG_CHILD(path, f->key), k));
	return r;
}

static int check(const struct cfg_desc *desc, const void *obj, struct report *rep,
		 const struct cfg_path *path)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < desc->n_fields; i++)
		r = check_field(desc, i, obj, rep, path);
	return r;
}

int cfg_check_duplicates(const struct cfg_desc *desc, const void *obj, struct report *rep)
{
	return check(desc, obj, rep, NULL);
}
