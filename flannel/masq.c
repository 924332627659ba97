#include "flannel/masq.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

enum {
	PRIO_FILTER = 0,
	PRIO_SRCNAT = 100,
	KUBE_MASQ_MARK = 0x4000, /* set by kube-proxy on what it masquerades itself */
	APPLY_TRIES = 3,
};

#define DEFAULT_PREFIX      "/coreos.com/network"
#define DEFAULT_SUBNET_FILE "/run/flannel/subnet.env"
#define MASQ_COMMENT        "flanneld masq"
#define FORWARD_COMMENT     "flanneld forward"

static const struct family {
	uint8_t nfproto;
	int af;
	const char *table;
	const char *multicast;
} families[] = {
	{ NFPROTO_IPV4, AF_INET, "flannel-ipv4", "224.0.0.0/4" },
	{ NFPROTO_IPV6, AF_INET6, "flannel-ipv6", "ff00::/8" },
};

/* What upstream's iptables mode makes when iptables is the nftables variant. */
static const struct {
	const char *table, *base, *chain, *comment;
} remains[] = {
	{ "nat", "POSTROUTING", "FLANNEL-POSTRTG", MASQ_COMMENT },
	{ "filter", "FORWARD", "FLANNEL-FWD", FORWARD_COMMENT },
};

struct masq {
	struct nft *nft;
};

/* "//a/b/" and "/a/b" name the same place. Returns a hash that goes on from h (FNV-1a). */
static uint32_t hash_path(uint32_t h, const char *s)
{
	bool pending = true;

	for (; *s; s++) {
		if (*s == '/') {
			pending = true;
			continue;
		}
		if (pending)
			h = (h ^ '/') * 16777619U;
		pending = false;
		h = (h ^ (uint8_t)*s) * 16777619U;
	}
	return h;
}

static uint32_t hash_instance(const char *prefix, const char *file)
{
	/* a NUL between the two: no prefix can run into a file name */
	return hash_path(hash_path(2166136261U, prefix) * 16777619U, file);
}

void masq_instance(const char *etcd_prefix, const char *subnet_file, char ret[MASQ_INSTANCE_LEN])
{
	const char *prefix = etcd_prefix && etcd_prefix[0] ? etcd_prefix : DEFAULT_PREFIX;
	const char *file = subnet_file && subnet_file[0] ? subnet_file : DEFAULT_SUBNET_FILE;
	uint32_t h = hash_instance(prefix, file);

	ret[0] = '\0';
	if (h != hash_instance(DEFAULT_PREFIX, DEFAULT_SUBNET_FILE))
		snprintf(ret, MASQ_INSTANCE_LEN, "%08x", h);
}

/* Planning. */

static struct nft_match from(const struct ipnet *n)
{
	return (struct nft_match){ .kind = NFT_MATCH_SADDR, .net = *n };
}

static struct nft_match to(const struct ipnet *n)
{
	return (struct nft_match){ .kind = NFT_MATCH_DADDR, .net = *n };
}

static struct nft_match not(struct nft_match m)
{
	m.negate = !m.negate;
	return m;
}

static struct nft_rule *add_rule(struct nft_chain *c, const char *comment, enum nft_verdict verdict)
{
	struct nft_rule *r = &c->rule[c->n_rule++];

	*r = (struct nft_rule){ .verdict = verdict };
	snprintf(r->comment, sizeof r->comment, "%s", comment);
	return r;
}

static void add_pair(struct nft_chain *c, enum nft_verdict verdict, bool fully_random, struct nft_match a,
		     struct nft_match b)
{
	struct nft_rule *r = add_rule(c, MASQ_COMMENT, verdict);

	r->fully_random = fully_random;
	r->match[r->n_match++] = a;
	r->match[r->n_match++] = b;
}

static struct nft_chain *add_chain(struct nft_table *t, const char *name, const char *type, uint32_t hook,
				   int32_t prio, const char *comment)
{
	struct nft_chain *c = &t->chain[t->n_chain++];

	*c = (struct nft_chain){ .type = type, .hook = hook, .prio = prio };
	snprintf(c->name, sizeof c->name, "%s", name);
	snprintf(c->comment, sizeof c->comment, "%s", comment);
	return c;
}

/* Order matters; upstream's nft mode has the fourth rule wrong, its iptables mode is the model. */
static void plan_masquerade(struct nft_table *t, const struct family *f, const struct ipnet *network,
			    const struct ipnet *subnet, bool fully_random)
{
	struct nft_chain *c = add_chain(t, "postrtg", "nat", NF_INET_POST_ROUTING, PRIO_SRCNAT,
					"masquerading of overlay traffic");
	struct nft_rule *marked = add_rule(c, MASQ_COMMENT, NFT_DO_RETURN);
	struct ipnet multicast;

	marked->match[marked->n_match++] =
		(struct nft_match){ .kind = NFT_MATCH_MARK, .mark = KUBE_MASQ_MARK, .mask = KUBE_MASQ_MARK };
	add_pair(c, NFT_DO_RETURN, false, from(subnet), to(network));
	add_pair(c, NFT_DO_RETURN, false, from(network), to(subnet));
	add_pair(c, NFT_DO_RETURN, false, not(from(network)), to(subnet));
	if (ipnet_parse(f->af, f->multicast, &multicast) == 0)
		add_pair(c, NFT_DO_MASQUERADE, fully_random, from(network), not(to(&multicast)));
	add_pair(c, NFT_DO_MASQUERADE, fully_random, not(from(network)), to(network));
}

static void plan_forward(struct nft_table *t, const struct ipnet *network)
{
	struct nft_chain *c = add_chain(t, "forward", "filter", NF_INET_FORWARD, PRIO_FILTER,
					"acceptance of overlay traffic");
	struct nft_rule *r;

	r = add_rule(c, FORWARD_COMMENT, NFT_DO_ACCEPT);
	r->match[r->n_match++] = from(network);
	r = add_rule(c, FORWARD_COMMENT, NFT_DO_ACCEPT);
	r->match[r->n_match++] = to(network);
}

static int check_nets(const struct family *f, const struct ipnet *network, const struct ipnet *subnet,
		      struct err *e)
{
	if (network->addr.family != f->af || network->len == 0)
		return err_text(e, EINVAL, "no rules can be made for network %s", IPNET_STR(network));
	if (!ipnet_contains_net(network, subnet))
		return err_text(e, EINVAL, "subnet %s is not part of network %s", IPNET_STR(subnet),
				IPNET_STR(network));
	return 0;
}

static void table_name(char *ret, const struct family *f, const char *instance)
{
	snprintf(ret, NFT_NAME_LEN, "%s%s%.*s", f->table, instance[0] ? "-" : "", MASQ_INSTANCE_LEN,
		 instance);
}

int masq_plan(const struct masq_config *c, struct masq_plan *ret, struct err *e)
{
	const struct ipnet *networks[] = { &c->network, &c->network6 };
	const struct ipnet *subnets[] = { &c->subnet, &c->subnet6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (ipnet_is_set(networks[i]) && check_nets(&families[i], networks[i], subnets[i], e) < 0)
			return -EINVAL;
	memset(ret, 0, sizeof *ret);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct family *f = &families[i];
		struct ipnet network = ipnet_masked(networks[i]), subnet = ipnet_masked(subnets[i]);

		if (!ipnet_is_set(&network) || (!c->ip_masq && !c->forward)) {
			ret->absent[ret->n_absent].family = f->nfproto;
			table_name(ret->absent[ret->n_absent++].name, f, c->instance);
			continue;
		}
		struct nft_table *t = &ret->table[ret->n_table++];
		t->family = f->nfproto;
		table_name(t->name, f, c->instance);
		snprintf(t->comment, sizeof t->comment, "written by flanneld, replaced as a whole");
		if (c->ip_masq)
			plan_masquerade(t, f, &network, &subnet, c->random_fully);
		if (c->forward)
			plan_forward(t, &network);
	}
	return 0;
}

/* Applying. */

int masq_open(struct masq **ret, struct err *e)
{
	struct masq *m = calloc(1, sizeof *m);
	int r;

	if (!m)
		return err_errno(e, ENOMEM, "opening nftables");
	r = nft_open(&m->nft, e);
	if (r < 0) {
		free(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct masq *masq_close(struct masq *m)
{
	if (m)
		nft_close(m->nft);
	free(m);
	return NULL;
}

struct present { /* which of the tables that must not exist do */
	const struct masq_plan *p;
	bool absent[MASQ_TABLES_MAX];
	unsigned n;
};

static int note_table(void *ctx, uint8_t family, const char *name)
{
	struct present *pr = ctx;

	for (unsigned i = 0; i < pr->p->n_absent; i++) {
		if (pr->p->absent[i].family == family && strcmp(pr->p->absent[i].name, name) == 0) {
			pr->absent[i] = true;
			pr->n++;
		}
	}
	return 0;
}

static int queue(struct masq *m, const struct masq_plan *p, struct err *e)
{
	struct present pr = { .p = p };
	int r = 0;

	nft_cancel(m->nft);
	/* Asked before: mentioning a family without nftables support would fail the transaction. */
	if (p->n_absent > 0)
		r = nft_list_tables(m->nft, NFPROTO_UNSPEC, note_table, &pr, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < p->n_table; i++)
		nft_put_table(m->nft, &p->table[i]);
	for (unsigned i = 0; i < p->n_absent; i++)
		if (pr.absent[i])
			nft_put_table_del(m->nft, p->absent[i].family, p->absent[i].name);
	return 0;
}

/* 1 when there is something to remove. */
static int queue_remains(struct masq *m, struct err *e)
{
	int any = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(remains); k++) {
			struct nft_graft g = { families[i].nfproto, remains[k].table, remains[k].base,
					       remains[k].chain, remains[k].comment };
			int r = nft_put_graft_del(m->nft, &g, e);

			if (r < 0)
				return r;
			any |= r;
		}
	}
	return any;
}

int masq_apply(struct masq *m, const struct masq_plan *p, struct err *e)
{
	struct err leftover = { 0 };
	int r, dirty = 0;

	/* Rules are removed by handle: another program's change in between means to look again. */
	for (int try = 0; try < APPLY_TRIES; try++) {
		leftover = (struct err){ 0 };
		r = queue(m, p, e);
		if (r < 0)
			return err_wrap(e, r, "preparing masquerade rules");
		dirty = queue_remains(m, &leftover);
		if (dirty < 0)
			break;
		r = nft_commit(m->nft, dirty ? &leftover : e);
		if (r >= 0)
			return 0;
		if (!dirty)
			return err_wrap(e, r, "installing masquerade rules");
	}
	/* The remains stand in the way: they must not keep the node's own rules out. */
	r = queue(m, p, e);
	if (r >= 0)
		r = nft_commit(m->nft, e);
	if (r < 0)
		return err_wrap(e, r, "installing masquerade rules");
	if (e)
		*e = leftover;
	err_wrap(e, -leftover.code, "removing the rules of another flanneld's iptables mode");
	return 1;
}

int masq_check(struct masq *m, const struct masq_plan *p, struct err *e)
{
	struct present pr = { .p = p };
	bool same = true;
	int r = 0;

	if (p->n_absent > 0)
		r = nft_list_tables(m->nft, NFPROTO_UNSPEC, note_table, &pr, e);
	if (pr.n > 0)
		same = false;
	for (unsigned i = 0; i < p->n_table && r >= 0 && same; i++)
		r = nft_table_check(m->nft, &p->table[i], &same, e);
	if (r < 0)
		return err_wrap(e, r, "checking masquerade rules");
	return same;
}

int masq_resync(struct masq *m, const struct masq_plan *p, struct err *e)
{
	int r = masq_check(m, p, e);

	if (r != 0)
		return r < 0 ? r : 0;
	r = masq_apply(m, p, e);
	return r < 0 ? r : 1;
}

bool masq_concerns(const struct masq *m, const struct masq_plan *p, uint8_t family, const char *table,
		   uint32_t portid)
{
	if (portid && portid == nft_portid(m->nft))
		return false;
	for (unsigned i = 0; i < p->n_table; i++)
		if (p->table[i].family == family && strcmp(p->table[i].name, table) == 0)
			return true;
	for (unsigned i = 0; i < p->n_absent; i++)
		if (p->absent[i].family == family && strcmp(p->absent[i].name, table) == 0)
			return true;
	return false;
}
