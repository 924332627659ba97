#include "base/cfg.h"
#include <errno.h>
#include <string.h>
#include "base/arena.h"
#include "base/cfg_priv.h"
#include "base/cleanup.h"

/* An object's place in the three documents. */
struct trio {
	const char *parent, *child;
	char *out;
};

static const struct cfg_list *list_at(const char *obj, const struct cfg_field *f)
{
	return (const struct cfg_list *)(const void *)(obj + f->off);
}

static int merge_append(const struct cfg_field *f, const struct trio *t, struct arena *a)
{
	const struct cfg_list *p = list_at(t->parent, f), *c = list_at(t->child, f);
	size_t size = cfg_entry_size(f);
	char *v = arena_alloc(a, (p->n + c->n) * size);

	if (!v)
		return -ENOMEM;
	memcpy(v, p->v, p->n * size);
	memcpy(v + p->n * size, c->v, c->n * size);
	*(struct cfg_list *)(void *)(t->out + f->off) = (struct cfg_list){ v, p->n + c->n };
	return 0;
}

/* The child's entries of every list that shares its keys with this one; tag = field number. */
static int index_child(const struct cfg_desc *desc, size_t field, const char *child, struct cfg_index *x)
{
	const struct cfg_field *f = &desc->fields[field];
	size_t n = 0;

	for (int pass = 0; pass < 2; pass++) {
		if (pass && cfg_index_init(x, n) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < desc->n_fields; i++) {
			const struct cfg_field *g = &desc->fields[i];

			if (i != field && (!f->space || g->space != f->space))
				continue;
			n += list_at(child, g)->n;
			for (size_t k = 0; pass && k < list_at(child, g)->n; k++)
				(void)cfg_index_put(x, cfg_key_of(g, cfg_entry(g, list_at(child, g), k)), i,
						    k);
		}
	}
	return 0;
}

static bool erases(const struct cfg_field *f, const char *entry)
{
	return f->rule == CFG_BY_STR_ERASE && !*(const char *const *)(const void *)(entry + f->key2_off);
}

static int merge_keyed(const struct cfg_desc *desc, size_t field, const struct trio *t, struct arena *a)
{
	const struct cfg_field *f = &desc->fields[field];
	const struct cfg_list *p = list_at(t->parent, f), *c = list_at(t->child, f);
	size_t size = cfg_entry_size(f), tag, idx;
	CLEANUP(cfg_index_done) struct cfg_index mine = { 0 };
	CLEANUP(cfg_index_done) struct cfg_index theirs = { 0 };
	char *v = arena_alloc(a, (p->n + c->n) * size), *slot = v;

	if (!v || index_child(desc, field, t->child, &mine) < 0 || cfg_index_init(&theirs, p->n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		const char *entry = cfg_entry(f, p, i), *over;
		struct cfg_key key = cfg_key_of(f, entry);

		(void)cfg_index_put(&theirs, key, 0, i);
		if (!cfg_index_get(&mine, key, &tag, &idx)) {
			memcpy(slot, entry, size);
			slot += size;
			continue;
		}
		over = tag == field ? cfg_entry(f, c, idx) : NULL;
		if (!over || erases(f, over)) /* it became another kind of node, or is to go */
			continue;
		memcpy(slot, entry, size);
		if (f->kind == CFG_LIST && cfg_merge(f->sub, entry, over, a, slot) < 0)
			return -ENOMEM;
		slot += size;
	}
	for (size_t i = 0; i < c->n; i++) {
		const char *entry = cfg_entry(f, c, i);

		if (cfg_index_get(&theirs, cfg_key_of(f, entry), &tag, &idx))
			continue;
		memcpy(slot, entry, size);
		slot += size;
	}
	*(struct cfg_list *)(void *)(t->out + f->off) = (struct cfg_list){ v, (size_t)(slot - v) / size };
	return 0;
}

static bool lists_empty(const struct cfg_desc *desc, const struct cfg_field *f, const char *obj)
{
	for (size_t i = 0; i < desc->n_fields; i++)
		if ((f->space ? desc->fields[i].space == f->space : &desc->fields[i] == f) &&
		    list_at(obj, &desc->fields[i])->n)
			return false;
	return true;
}

static int merge_field(const struct cfg_desc *desc, size_t i, const struct trio *t, struct arena *a)
{
	const struct cfg_field *f = &desc->fields[i];
	const char *p = t->parent + f->off, *c = t->child + f->off;
	char *out = t->out + f->off;
	bool given = false;

	switch (f->kind) {
	case CFG_STR:
		memcpy(out, f->flags & CFG_PLAIN || *(const char *const *)(const void *)c ? c : p,
		       sizeof f->key);
		return 0;
	case CFG_INT:
		memcpy(out, f->flags & CFG_PLAIN || ((const struct opt_i64 *)(const void *)c)->set ? c : p,
		       sizeof(struct opt_i64));
		return 0;
	case CFG_BOOL:
		memcpy(out, ((const struct opt_bool *)(const void *)c)->set ? c : p, sizeof(struct opt_bool));
		return 0;
	case CFG_OBJ:
		if (f->flags & CFG_OPTIONAL)
			given = cfg_given(p) || cfg_given(c);
		if (cfg_merge(f->sub, p, c, a, out) < 0)
			return -ENOMEM;
		if (f->flags & CFG_OPTIONAL)
			*(bool *)(void *)out = given;
		return 0;
	case CFG_LIST:
	case CFG_STRLIST:
		if (lists_empty(desc, f, t->child) || lists_empty(desc, f, t->parent)) {
			memcpy(out, list_at(t->child, f)->n ? c : p, sizeof(struct cfg_list));
			return 0;
		}
		return f->rule == CFG_APPEND ? merge_append(f, t, a) : merge_keyed(desc, i, t, a);
	}
	return 0;
}

int cfg_merge(const struct cfg_desc *desc, const void *parent, const void *child, struct arena *a, void *out)
{
	struct trio t = { parent, child, out };

	if (cfg_is_zero(desc, child) || cfg_is_zero(desc, parent)) {
		memmove(out, cfg_is_zero(desc, child) ? parent : child, desc->size);
		return 0;
	}
	for (size_t i = 0; i < desc->n_fields; i++)
		if (merge_field(desc, i, &t, a) < 0)
			return -ENOMEM;
	return 0;
}

/* What counts as nothing: absent, or for plain values also zero. */
static bool zero_field(const struct cfg_field *f, const char *at)
{
	bool plain = f->flags & CFG_PLAIN;

	switch (f->kind) {
	case CFG_STR: {
		const char *s = *(const char *const *)(const void *)at;

		return !s || (plain && !*s);
	}
	case CFG_INT: {
		const struct opt_i64 *i = (const void *)at;

		return plain ? i->v == 0 : !i->set;
	}
	case CFG_BOOL:
		return !((const struct opt_bool *)(const void *)at)->set;
	case CFG_OBJ:
		return !(f->flags & CFG_OPTIONAL && cfg_given(at)) && cfg_is_zero(f->sub, at);
	case CFG_LIST:
	case CFG_STRLIST:
		return ((const struct cfg_list *)(const void *)at)->n == 0;
	}
	return true;
}

bool cfg_is_zero(const struct cfg_desc *desc, const void *obj)
{
	for (size_t i = 0; i < desc->n_fields; i++)
		if (!zero_field(&desc->fields[i], (const char *)obj + desc->fields[i].off))
			return false;
	return true;
}

static bool same_text(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool same_field(const struct cfg_field *f, const char *x, const char *y)
{
	const struct cfg_list *l = (const void *)x, *m = (const void *)y;
	bool same = true;

	if (zero_field(f, x) || zero_field(f, y))
		return zero_field(f, x) == zero_field(f, y);
	switch (f->kind) {
	case CFG_STR:
		return same_text(*(const char *const *)(const void *)x,
				 *(const char *const *)(const void *)y);
	case CFG_INT:
		return ((const struct opt_i64 *)(const void *)x)->v ==
		       ((const struct opt_i64 *)(const void *)y)->v;
	case CFG_BOOL:
		return ((const struct opt_bool *)(const void *)x)->v ==
		       ((const struct opt_bool *)(const void *)y)->v;
	case CFG_OBJ:
		return cfg_equal(f->sub, x, y);
	case CFG_LIST:
	case CFG_STRLIST:
		same = l->n == m->n;
		for (size_t i = 0; same && i < l->n; i++)
			same = f->kind == CFG_LIST
				       ? cfg_equal(f->sub, cfg_entry(f, l, i), cfg_entry(f, m, i))
				       : same_text(((const char **)l->v)[i], ((const char **)m->v)[i]);
	}
	return same;
}

bool cfg_equal(const struct cfg_desc *desc, const void *a, const void *b)
{
	for (size_t i = 0; i < desc->n_fields; i++) {
		size_t off = desc->fields[i].off;

		if (!same_field(&desc->fields[i], (const char *)a + off, (const char *)b + off))
			return false;
	}
	return true;
}
