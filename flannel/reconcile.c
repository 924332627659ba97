#include "flannel/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { BUCKETS_MIN = 64 };

/* Values and keys are padded with zeros, so that equal ones are equal bytes. */
struct entry_key {
	uint8_t kind;
	struct ipnet dst;  /* ROUTE: the destination; NEIGH: the address with length 0 */
	struct hwaddr mac; /* FDB */
};

struct entry_value {
	struct ipaddr via;
	struct hwaddr mac;
};

struct peer;

struct entry {
	struct entry *next;       /* in its bucket */
	struct entry *next_dirty; /* valid while dirty */
	struct peer *claims;      /* linked through peer.next_claim[kind] */
	struct entry_key key;
	struct entry_value have;
	bool present, exact, dirty;
};

struct peer {
	struct peer *next; /* in its bucket */
	struct peer *next_claim[RECONCILE_KINDS];
	struct entry *entry[RECONCILE_KINDS];
	struct reconcile_peer is;
	bool seen; /* in the snapshot under way */
	char key[];
};

struct reconcile {
	struct entry **entries;
	struct peer **peers;
	size_t n_entries, entry_buckets; /* bucket counts are powers of two */
	size_t n_peers, peer_buckets;
	struct entry *dirty;
};

/* FNV-1a; the tables hold what an authenticated store says and are bounded by its size. */
static uint32_t hash_bytes(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t h = 2166136261u;

	while (n--)
		h = (h ^ *p++) * 16777619u;
	return h ^ (h >> 15);
}

static bool key_equal(const struct entry_key *a, const struct entry_key *b)
{
	return a->kind == b->kind && ipnet_equal(&a->dst, &b->dst) && hwaddr_equal(&a->mac, &b->mac);
}

static uint32_t key_hash(const struct entry_key *k)
{
	uint8_t flat[2 + 16 + 6] = { k->kind, k->dst.len };

	memcpy(flat + 2, k->dst.addr.b, 16);
	memcpy(flat + 18, k->mac.b, 6);
	return hash_bytes(flat, sizeof(flat));
}

static bool value_equal(const struct entry_value *a, const struct entry_value *b)
{
	return ipaddr_equal(&a->via, &b->via) && hwaddr_equal(&a->mac, &b->mac);
}

static struct entry_key key_of(enum reconcile_kind kind, const struct ipnet *dst, const struct hwaddr *mac)
{
	struct entry_key k;

	memset(&k, 0, sizeof(k));
	k.kind = (uint8_t)kind;
	if (kind == RECONCILE_FDB)
		k.mac = *mac;
	else
		k.dst = *dst;
	if (kind == RECONCILE_NEIGH)
		k.dst.len = 0;
	return k;
}

static struct entry_value value_of(enum reconcile_kind kind, const struct hwaddr *mac,
				   const struct ipaddr *via)
{
	struct entry_value v;

	memset(&v, 0, sizeof(v));
	if (kind == RECONCILE_NEIGH)
		v.mac = *mac;
	else
		v.via = *via;
	return v;
}

/* What a peer wants an entry of the given kind to be. */
static struct entry_key peer_key(const struct reconcile_peer *p, enum reconcile_kind kind)
{
	return key_of(kind, &p->subnet, &p->mac);
}

static struct entry_value peer_value(const struct reconcile_peer *p, enum reconcile_kind kind)
{
	return value_of(kind, &p->mac, kind == RECONCILE_ROUTE ? &p->subnet.addr : &p->vtep);
}

int reconcile_new(struct reconcile **ret)
{
	struct reconcile *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->entry_buckets = r->peer_buckets = BUCKETS_MIN;
	r->entries = calloc(r->entry_buckets, sizeof(struct entry *));
	r->peers = calloc(r->peer_buckets, sizeof(struct peer *));
	if (!r->entries || !r->peers) {
		reconcile_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct reconcile *reconcile_free(struct reconcile *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; r->entries && i < r->entry_buckets; i++)
		for (struct entry *e = r->entries[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	for (size_t i = 0; r->peers && i < r->peer_buckets; i++)
		for (struct peer *p = r->peers[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	free(r->entries);
	free(r->peers);
	free(r);
	return NULL;
}

static struct entry *entry_find(const struct reconcile *r, const struct entry_key *k)
{
	struct entry *e = r->entries[key_hash(k) & (r->entry_buckets - 1)];

	while (e && !key_equal(&e->key, k))
		e = e->next;
	return e;
}

/* A table that cannot grow is only slower. */
static void entries_grow(struct reconcile *r)
{
	size_t n = r->entry_buckets * 2;
	struct entry **bigger = r->n_entries > r->entry_buckets ? calloc(n, sizeof(*bigger)) : NULL;

	if (!bigger)
		return;
	for (size_t i = 0; i < r->entry_buckets; i++)
		for (struct entry *e = r->entries[i], *next; e; e = next) {
			struct entry **head = &bigger[key_hash(&e->key) & (n - 1)];

			next = e->next;
			e->next = *head;
			*head = e;
		}
	free(r->entries);
	r->entries = bigger;
	r->entry_buckets = n;
}

static struct entry *entry_get(struct reconcile *r, const struct entry_key *k)
{
	struct entry *e = entry_find(r, k);
	struct entry **head;

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	entries_grow(r);
	head = &r->entries[key_hash(k) & (r->entry_buckets - 1)];
	e->key = *k;
	e->next = *head;
	*head = e;
	r->n_entries++;
	return e;
}

static void entry_dirty(struct reconcile *r, struct entry *e)
{
	if (e->dirty)
		return;
	e->dirty = true;
	e->next_dirty = r->dirty;
	r->dirty = e;
}

/* Nobody wants it and the kernel does not have it. It must not be on the dirty list. */
static void entry_drop(struct reconcile *r, struct entry *e)
{
	struct entry **at = &r->entries[key_hash(&e->key) & (r->entry_buckets - 1)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	r->n_entries--;
	free(e);
}

/* The claim that decides, or NULL. Ties (copies of one revision) fall to the greater key. */
static const struct peer *entry_winner(const struct entry *e)
{
	const struct peer *best = NULL;

	for (const struct peer *p = e->claims; p; p = p->next_claim[e->key.kind])
		if (!best || p->is.revision > best->is.revision ||
		    (p->is.revision == best->is.revision && strcmp(p->key, best->key) > 0))
			best = p;
	return best;
}

static void peer_claim(struct reconcile *r, struct peer *p)
{
	for (int kind = 0; kind < RECONCILE_KINDS; kind++) {
		struct entry *e = p->entry[kind];

		p->next_claim[kind] = e->claims;
		e->claims = p;
		entry_dirty(r, e);
	}
}

static void peer_release(struct reconcile *r, struct peer *p)
{
	for (int kind = 0; kind < RECONCILE_KINDS; kind++) {
		struct entry *e = p->entry[kind];
		struct peer **at = &e->claims;

		while (*at != p)
			at = &(*at)->next_claim[kind];
		*at = p->next_claim[kind];
		entry_dirty(r, e);
	}
}

static struct peer **peer_at(const struct reconcile *r, const char *key)
{
	struct peer **at = &r->peers[hash_bytes(key, strlen(key)) & (r->peer_buckets - 1)];

	while (*at && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

static void peers_grow(struct reconcile *r)
{
	size_t n = r->peer_buckets * 2;
	struct peer **bigger = r->n_peers > r->peer_buckets ? calloc(n, sizeof(*bigger)) : NULL;

	if (!bigger)
		return;
	for (size_t i = 0; i < r->peer_buckets; i++)
		for (struct peer *p = r->peers[i], *next; p; p = next) {
			struct peer **head = &bigger[hash_bytes(p->key, strlen(p->key)) & (n - 1)];

			next = p->next;
			p->next = *head;
			*head = p;
		}
	free(r->peers);
	r->peers = bigger;
	r->peer_buckets = n;
}

int reconcile_set(struct reconcile *r, const char *key, const struct reconcile_peer *is)
{
	struct peer *p = *peer_at(r, key), **at;
	struct entry *entry[RECONCILE_KINDS];
	size_t len = strlen(key) + 1;

	if (p && ipnet_equal(&p->is.subnet, &is->subnet) && hwaddr_equal(&p->is.mac, &is->mac) &&
	    ipaddr_equal(&p->is.vtep, &is->vtep)) {
		p->seen = true;
		/* A renewal may still decide who wins a shared entry. */
		if (p->is.revision != is->revision)
			for (int kind = 0; kind < RECONCILE_KINDS; kind++)
				if (p->entry[kind]->claims != p || p->next_claim[kind])
					entry_dirty(r, p->entry[kind]);
		p->is.revision = is->revision;
		return 0;
	}
	/* Entries that stay unclaimed for lack of memory are dropped by the next plan. */
	for (int kind = 0; kind < RECONCILE_KINDS; kind++) {
		struct entry_key k = peer_key(is, (enum reconcile_kind)kind);

		entry[kind] = entry_get(r, &k);
		if (!entry[kind])
			return -ENOMEM;
		entry_dirty(r, entry[kind]);
	}
	if (!p) {
		p = calloc(1, sizeof(*p) + len);
		if (!p)
			return -ENOMEM;
		memcpy(p->key, key, len);
		peers_grow(r);
		at = peer_at(r, key);
		p->next = *at;
		*at = p;
		r->n_peers++;
	} else {
		peer_release(r, p);
	}
	p->is = *is;
	p->seen = true;
	memcpy(p->entry, entry, sizeof(entry));
	peer_claim(r, p);
	return 1;
}

static void peer_remove(struct reconcile *r, struct peer **at)
{
	struct peer *p = *at;

	peer_release(r, p);
	*at = p->next;
	r->n_peers--;
	free(p);
}

bool reconcile_unset(struct reconcile *r, const char *key)
{
	struct peer **at = peer_at(r, key);

	if (!*at)
		return false;
	peer_remove(r, at);
	return true;
}

void reconcile_snapshot_begin(struct reconcile *r)
{
	for (size_t i = 0; i < r->peer_buckets; i++)
		for (struct peer *p = r->peers[i]; p; p = p->next)
			p->seen = false;
}

size_t reconcile_snapshot_end(struct reconcile *r)
{
	size_t before = r->n_peers;

	for (size_t i = 0; i < r->peer_buckets; i++)
		for (struct peer **at = &r->peers[i]; *at;) {
			if ((*at)->seen)
				at = &(*at)->next;
			else
				peer_remove(r, at);
		}
	return before - r->n_peers;
}

size_t reconcile_peers(const struct reconcile *r)
{
	return r->n_peers;
}

void reconcile_observe_begin(struct reconcile *r)
{
	for (size_t i = 0; i < r->entry_buckets; i++)
		for (struct entry *e = r->entries[i]; e; e = e->next) {
			e->present = false;
			entry_dirty(r, e);
		}
}

int reconcile_observe(struct reconcile *r, const struct reconcile_op *seen, bool exact)
{
	struct entry_key k = key_of(seen->kind, &seen->dst, &seen->mac);
	struct entry *e = entry_get(r, &k);

	if (!e)
		return -ENOMEM;
	e->present = true;
	e->exact = exact;
	e->have = value_of(seen->kind, &seen->mac, &seen->via);
	entry_dirty(r, e);
	return 0;
}

bool reconcile_knows(const struct reconcile *r, const struct reconcile_op *op)
{
	struct entry_key k = key_of(op->kind, &op->dst, &op->mac);
	const struct entry *e = entry_find(r, &k);

	return e && (e->claims || e->present);
}

enum { PHASES = 6 };

static int phase_of(const struct reconcile_op *op)
{
	static const uint8_t set[RECONCILE_KINDS] = { 1, 2, 3 };
	static const uint8_t del[RECONCILE_KINDS] = { 5, 4, 0 };

	return op->del ? del[op->kind] : set[op->kind];
}

/* false: nothing is due for this entry. */
static bool entry_due(const struct entry *e, struct reconcile_op *ret)
{
	const struct peer *p = entry_winner(e);
	struct entry_value want = { 0 };

	memset(ret, 0, sizeof(*ret));
	ret->kind = (enum reconcile_kind)e->key.kind;
	ret->dst = e->key.dst;
	if (p) {
		want = peer_value(&p->is, ret->kind);
		if (e->present && e->exact && value_equal(&want, &e->have))
			return false;
	} else {
		if (!e->present)
			return false;
		want = e->have;
		ret->del = true;
	}
	ret->mac = ret->kind == RECONCILE_FDB ? e->key.mac : want.mac;
	ret->via = want.via;
	return true;
}

int reconcile_plan(struct reconcile *r, struct reconcile_op **ret, size_t *ret_n)
{
	struct entry *still = NULL, *next;
	struct reconcile_op *ops = NULL, op;
	size_t n = 0, at[PHASES + 1] = { 0 };

	for (const struct entry *e = r->dirty; e; e = e->next_dirty)
		if (entry_due(e, &op)) {
			at[phase_of(&op) + 1]++;
			n++;
		}
	if (n) {
		ops = calloc(n, sizeof(*ops));
		if (!ops)
			return -ENOMEM;
	}
	for (int phase = 1; phase < PHASES; phase++)
		at[phase] += at[phase - 1];

	/* An entry stays dirty until reconcile_done() says that the kernel took the operation. */
	for (struct entry *e = r->dirty; e; e = next) {
		next = e->next_dirty;
		if (entry_due(e, &op)) {
			ops[at[phase_of(&op)]++] = op;
			e->next_dirty = still;
			still = e;
			continue;
		}
		e->dirty = false;
		if (!e->present && !e->claims)
			entry_drop(r, e);
	}
	r->dirty = still;
	*ret = ops;
	*ret_n = n;
	return 0;
}

void reconcile_done(struct reconcile *r, const struct reconcile_op *op, int err)
{
	struct entry_key k = key_of(op->kind, &op->dst, &op->mac);
	struct entry *e = entry_find(r, &k);

	if (!e || err < 0)
		return;
	/* It stays on the dirty list; the next plan finds it in order and takes it off. */
	e->present = !op->del;
	e->exact = true;
	e->have = value_of(op->kind, &op->mac, &op->via);
	entry_dirty(r, e);
}

const char *reconcile_op_text(const struct reconcile_op *op, char *buf, size_t n)
{
	switch (op->kind) {
	case RECONCILE_NEIGH:
		(void)snprintf(buf, n, "neighbour %s at %s", IPADDR_STR(&op->dst.addr), HWADDR_STR(&op->mac));
		break;
	case RECONCILE_FDB:
		(void)snprintf(buf, n, "forwarding entry %s via %s", HWADDR_STR(&op->mac),
			       IPADDR_STR(&op->via));
		break;
	case RECONCILE_ROUTE:
	default:
		(void)snprintf(buf, n, "route %s via %s", IPNET_STR(&op->dst), IPADDR_STR(&op->via));
		break;
	}
	return buf;
}
