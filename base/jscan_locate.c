/* The second use of the scanner: paths to places. */
#include "base/jscan.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/fold.h"
#include "base/hash_seed.h"
#include "base/jscan_priv.h"

enum { ROOT = 1 }; /* the document; 0 is nobody */

/* The queries' paths as one tree. */
struct node {
	size_t up;
	const char *key; /* NULL: entry idx */
	size_t idx;
	size_t next; /* in its bucket; 0 ends */
	size_t value, keyoff;
	bool found, exact, inner;
};

struct tree {
	struct node *v;
	size_t n;
	size_t *bucket;
	size_t mask;
	uint64_t start; /* of every hash: chosen by chance, so that no document can make keys collide */
};

static uint64_t mix(size_t up, uint64_t h)
{
	h = (h ^ up) * 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static uint64_t hash_text(uint64_t start, const char *s)
{
	uint64_t h = start; /* as jscan_key_hash() folds */

	for (int c; (c = fold_next(&s)) != FOLD_END;)
		h = (h ^ (unsigned char)c) * 0x100000001b3;
	return h;
}

static size_t add(struct tree *t, size_t up, const struct cfg_path *p)
{
	uint64_t h = mix(up, p->key ? hash_text(t->start, p->key) : p->idx);
	size_t *head = &t->bucket[h & t->mask];

	for (size_t i = *head; i; i = t->v[i].next) {
		const struct node *n = &t->v[i];

		if (n->up == up && !n->key == !p->key &&
		    (p->key ? strcmp(n->key, p->key) == 0 : n->idx == p->idx))
			return i;
	}
	t->v[t->n] = (struct node){ .up = up, .key = p->key, .idx = p->idx, .next = *head };
	*head = t->n;
	t->v[up].inner = true;
	return t->n++;
}

static size_t add_path(struct tree *t, const struct cfg_path *p)
{
	return p ? add(t, add_path(t, p->up), p) : ROOT;
}

static size_t enter_index(struct tree *t, size_t up, size_t idx, size_t at)
{
	for (size_t i = t->bucket[mix(up, idx) & t->mask]; i; i = t->v[i].next) {
		struct node *n = &t->v[i];

		if (n->up == up && !n->key && n->idx == idx) {
			n->found = true;
			n->value = n->keyoff = at;
			return n->inner ? i : 0;
		}
	}
	return 0;
}

/* Marks every spelling that the key satisfies; descends into the one that has members. */
static size_t enter_key(struct tree *t, size_t up, const char *quote, const char *end, size_t keyoff,
			size_t value)
{
	uint64_t h = mix(up, jscan_key_hash(t->start, quote, end, true, true));
	size_t into = 0;

	for (size_t i = t->bucket[h & t->mask]; i; i = t->v[i].next) {
		struct node *n = &t->v[i];
		bool exact;

		if (n->up != up || !n->key || !jscan_key_equals(quote, n->key, &exact))
			continue;
		if (n->inner && (exact || !into))
			into = i;
		if (n->exact && !exact)
			continue;
		n->found = true;
		n->exact = exact;
		n->keyoff = keyoff;
		n->value = value;
	}
	return into;
}

static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

struct walk {
	struct tree *tree;
	const char *text, *end;
};

/* A container that no query leads into: only brackets count. */
static const char *skip_value(const struct walk *w, const char *p)
{
	size_t open = 0;

	do {
		if (*p == '"') {
			p = skip_string(p, w->end);
			continue;
		}
		open += *p == '{' || *p == '[';
		open -= *p == '}' || *p == ']';
		p++;
	} while (p < w->end && open);
	return p;
}

static const char *walk_value(const struct walk *w, size_t node, const char *p);

static const char *walk_member(const struct walk *w, size_t node, const char *quote)
{
	const char *behind = skip_string(quote, w->end), *p = skip_space(behind, w->end);

	p = p < w->end ? skip_space(p + 1, w->end) : p;
	node = enter_key(w->tree, node, quote, behind, (size_t)(quote - w->text), (size_t)(p - w->text));
	return walk_value(w, node, p);
}

static const char *walk_container(const struct walk *w, size_t node, const char *p)
{
	bool object = *p == '{';

	p = skip_space(p + 1, w->end);
	for (size_t i = 0; p < w->end && *p != '}' && *p != ']'; i++) {
		if (object)
			p = walk_member(w, node, p);
		else
			p = walk_value(w, enter_index(w->tree, node, i, (size_t)(p - w->text)), p);
		p = skip_space(p, w->end);
		if (p < w->end && *p == ',')
			p = skip_space(p + 1, w->end);
	}
	return p < w->end ? p + 1 : p;
}

/* node: whose members are asked for; 0 = nobody asks. Depth is limited by jscan_check(). */
static const char *walk_value(const struct walk *w, size_t node, const char *p)
{
	if (p == w->end)
		return p;
	if (*p == '"')
		return skip_string(p, w->end);
	if (*p == '{' || *p == '[')
		return node ? walk_container(w, node, p) : skip_value(w, p);
	while (p < w->end && *p != ',' && *p != ']' && *p != '}' && *p > ' ')
		p++;
	return p;
}

int jscan_locate(const char *text, size_t len, struct jscan_query *q, size_t n)
{
	size_t links = 0, buckets = 64;
	CLEANUP(freep) struct node *v = NULL;
	CLEANUP(freep) size_t *bucket = NULL;
	CLEANUP(freep) size_t *leaf = NULL;

	for (size_t i = 0; i < n; i++)
		for (const struct cfg_path *p = q[i].path; p; p = p->up)
			links++;
	while (buckets < 2 * links)
		buckets *= 2;
	v = calloc(links + 2, sizeof *v);
	bucket = calloc(buckets, sizeof *bucket);
	leaf = calloc(n + 1, sizeof *leaf);
	if (!v || !bucket || !leaf)
		return -ENOMEM;

	struct tree t = {
		.v = v, .n = ROOT + 1, .bucket = bucket, .mask = buckets - 1, .start = hash_seed()
	};
	struct walk w = { .tree = &t, .text = text, .end = text + len };

	for (size_t i = 0; i < n; i++)
		leaf[i] = add_path(&t, q[i].path);
	v[ROOT].found = true;
	v[ROOT].value = v[ROOT].keyoff = (size_t)(skip_space(text, w.end) - text);
	(void)walk_value(&w, ROOT, skip_space(text, w.end));
	for (size_t i = 0; i < n; i++) {
		size_t at = leaf[i];

		while (!v[at].found)
			at = v[at].up;
		q[i].off = q[i].key && at == leaf[i] ? v[at].keyoff : v[at].value;
	}
	return 0;
}

void jscan_linecol(const char *text, size_t len, size_t off, unsigned *ret_line, unsigned *ret_col)
{
	const char *line = text, *end = text + (off < len ? off : len), *nl;
	unsigned n = 1;

	while ((nl = memchr(line, '\n', (size_t)(end - line)))) {
		line = nl + 1;
		n++;
	}
	*ret_line = n;
	*ret_col = (unsigned)(end - line) + 1;
}
