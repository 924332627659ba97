#include "base/cfg_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash_seed.h"
#include "base/report.h"

struct cfg_slot {             /* small, since which one is looked at is chance */
	uint32_t hash, entry; /* from 1 on; 0 = free */
};

struct cfg_index_entry {
	struct cfg_key key;
	size_t tag, idx;
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

static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
	h = (h ^ h >> 27) * 0x94d049bb133111eb;
	return h ^ h >> 31;
}

static uint32_t hash(const struct cfg_index *x, struct cfg_key k)
{
	uint64_t h = x->start ^ k.kind;

	if (k.kind == KEY_INT)
		h = mix(h ^ (uint64_t)k.i);
	for (const char *s = k.kind == KEY_STR ? k.s : ""; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x9e3779b97f4a7c15;
	return (uint32_t)mix(h);
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
	*x = (struct cfg_index){
		.slot = calloc(size, sizeof *x->slot),
		.entry = reallocarray(NULL, entries + 1, sizeof *x->entry),
		.mask = size - 1,
		.start = hash_seed(),
	};
	if (x->slot && x->entry)
		return 0;
	cfg_index_done(x);
	return -ENOMEM;
}

void cfg_index_done(struct cfg_index *x)
{
	free(x->slot);
	free(x->entry);
	*x = (struct cfg_index){ 0 };
}

/* The key's slot, or the free one where it belongs. */
static struct cfg_slot *seek(const struct cfg_index *x, struct cfg_key key, uint32_t h)
{
	for (size_t at = h & x->mask;; at = (at + 1) & x->mask) {
		struct cfg_slot *s = &x->slot[at];

		if (!s->entry || (s->hash == h && same(x->entry[s->entry - 1].key, key)))
			return s;
	}
}

bool cfg_index_put(struct cfg_index *x, struct cfg_key key, size_t tag, size_t idx)
{
	uint32_t h = hash(x, key);
	struct cfg_slot *s = seek(x, key, h);

	if (s->entry)
		return true;
	x->entry[x->n++] = (struct cfg_index_entry){ .key = key, .tag = tag, .idx = idx };
	*s = (struct cfg_slot){ .hash = h, .entry = (uint32_t)x->n };
	return false;
}

bool cfg_index_get(const struct cfg_index *x, struct cfg_key key, size_t *ret_tag, size_t *ret_idx)
{
	const struct cfg_slot *s = seek(x, key, hash(x, key));

	if (!s->entry)
		return false;
	*ret_tag = x->entry[s->entry - 1].tag;
	*ret_idx = x->entry[s->entry - 1].idx;
	return true;
}

static const struct cfg_list *list_at(const struct cfg_field *f, const void *obj)
{
	return (const void *)((const char *)obj + f->off);
}

static bool one_space(const struct cfg_field *f, const struct cfg_field *g)
{
	return f == g || (f->space && f->space == g->space);
}

/* The entries of one list, after those of the lists before it that share its keys. */
static int check_list(const struct cfg_desc *desc, size_t which, const void *obj, struct report *rep,
		      const struct cfg_path *path)
{
	const struct cfg_field *f = &desc->fields[which];
	struct cfg_index x;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i <= which; i++)
		if (one_space(&desc->fields[i], f))
			n += list_at(&desc->fields[i], obj)->n;
	if (n < 2 || list_at(f, obj)->n == 0)
		return 0;
	if (cfg_index_init(&x, n) < 0)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i <= which; i++) {
		const struct cfg_field *g = &desc->fields[i];
		const struct cfg_list *l = list_at(g, obj);

		for (size_t k = 0; r == 0 && one_space(g, f) && k < l->n; k++)
			if (cfg_index_put(&x, cfg_key_of(g, cfg_entry(g, l, k)), i, k) && i == which)
				r = report_add(rep, SEV_ERROR, AT_VALUE,
					       CFG_ENTRY(CFG_CHILD(path, g->key), k),
					       "duplicate entry defined");
	}
	cfg_index_done(&x);
	return r;
}

/* An object's own lists come before what is in its members: upstream's order. */
static int check(const struct cfg_desc *desc, const void *obj, struct report *rep,
		 const struct cfg_path *path)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < desc->n_fields; i++)
		if (cfg_is_list(&desc->fields[i]) && desc->fields[i].rule != CFG_APPEND)
			r = check_list(desc, i, obj, rep, path);
	for (size_t i = 0; r == 0 && i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		const struct cfg_path *at = CFG_CHILD(path, f->key);

		if (f->kind == CFG_OBJ)
			r = check(f->sub, (const char *)obj + f->off, rep, at);
		for (size_t k = 0; f->kind == CFG_LIST && r == 0 && k < list_at(f, obj)->n; k++)
			r = check(f->sub, cfg_entry(f, list_at(f, obj), k), rep, CFG_ENTRY(at, k));
	}
	return r;
}

int cfg_check_duplicates(const struct cfg_desc *desc, const void *obj, struct report *rep)
{
	return check(desc, obj, rep, NULL);
}
