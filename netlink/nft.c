#include "netlink/nft.h"
#include "base/cleanup.h"
#include "netlink/attr.h"
#include "netlink/dump.h"
#include "netlink/nft_priv.h"
#include "netlink/tx.h"
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <arpa/inet.h>

static void tablep(struct nftnl_table **t)
{
	if (*t)
		nftnl_table_free(*t);
}

static void chainp(struct nftnl_chain **c)
{
	if (*c)
		nftnl_chain_free(*c);
}

static void rulep(struct nftnl_rule **r)
{
	if (*r)
		nftnl_rule_free(*r);
}

static void udatap(struct nftnl_udata_buf **u)
{
	if (*u)
		nftnl_udata_buf_free(*u);
}

const char *nft_family_name(uint8_t family)
{
	static const char *const names[NFPROTO_NUMPROTO] = {
		[NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip",       [NFPROTO_ARP] = "arp",
		[NFPROTO_IPV6] = "ip6",  [NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge",
	};

	return family < ARRAY_SIZE(names) && names[family] ? names[family] : "?";
}

int nft_open(struct nft **ret, struct err *e)
{
	struct nft *n = calloc(1, sizeof *n);
	int r;

	if (!n)
		return err_errno(e, ENOMEM, "opening nftables");
	r = nltx_open_atomic(NFNL_SUBSYS_NFTABLES, &n->tx, e);
	if (r >= 0)
		r = nldump_open(NETLINK_NETFILTER, &n->ask, e);
	if (r < 0) {
		nft_close(n);
		return r;
	}
	*ret = n;
	return 0;
}

struct nft *nft_close(struct nft *n)
{
	if (!n)
		return NULL;
	nltx_close(n->tx);
	nldump_close(n->ask);
	free(n);
	return NULL;
}

uint32_t nft_portid(const struct nft *n)
{
	return nltx_portid(n->tx);
}

static void put_header(struct nlmsghdr *h, uint8_t family)
{
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof *g);

	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
}

static uint16_t message_type(uint8_t msg)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg);
}

struct nlmsghdr *nft_begin(struct nft *n, uint8_t msg, uint8_t family, uint16_t flags, const char *what)
{
	struct nlmsghdr *h = nltx_begin(n->tx, message_type(msg), flags, 0, "%s", what);

	put_header(h, family);
	return h;
}

struct nlmsghdr *nft_ask(struct nft *n, uint8_t msg, uint8_t family)
{
	struct nlmsghdr *h = nldump_begin(n->ask, message_type(msg), NLM_F_DUMP);

	put_header(h, family);
	return h;
}

/* The first failure is kept for the commit: queuing itself has no result. */
static void note(struct nft *n, int code, const char *what)
{
	if (!n->queued.code)
		err_errno(&n->queued, code, "%s", what);
}

static struct nftnl_udata_buf *comment_data(uint8_t type, const char *comment)
{
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (u)
		nftnl_udata_put_strz(u, type, comment);
	return u;
}

static void put_table_message(struct nft *n, uint8_t msg, uint16_t flags, uint8_t family, const char *name,
			      const char *comment)
{
	CLEANUP(tablep) struct nftnl_table *t = nftnl_table_alloc();
	CLEANUP(udatap)
	struct nftnl_udata_buf *u = comment[0] ? comment_data(NFTNL_UDATA_TABLE_COMMENT, comment) : NULL;
	char what[NFT_NAME_LEN + 64];

	snprintf(what, sizeof what, "%s nftables table %s %s",
		 msg == NFT_MSG_DELTABLE ? "removing" : "adding", nft_family_name(family), name);
	if (!t || (comment[0] && !u) || nftnl_table_set_str(t, NFTNL_TABLE_NAME, name) < 0) {
		note(n, ENOMEM, what);
		return;
	}
	if (u)
		nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u),
				     nftnl_udata_buf_len(u));
	nftnl_table_nlmsg_build_payload(nft_begin(n, msg, family, flags, what), t);
	nltx_end(n->tx);
}

static bool fill_chain(struct nftnl_chain *nc, const struct nft_table *t, const struct nft_chain *c,
		       const struct nftnl_udata_buf *u)
{
	if (nftnl_chain_set_str(nc, NFTNL_CHAIN_TABLE, t->name) < 0 ||
	    nftnl_chain_set_str(nc, NFTNL_CHAIN_NAME, c->name) < 0)
		return false;
	if (c->type) {
		nftnl_chain_set_u32(nc, NFTNL_CHAIN_HOOKNUM, c->hook);
		nftnl_chain_set_s32(nc, NFTNL_CHAIN_PRIO, c->prio);
		nftnl_chain_set_u32(nc, NFTNL_CHAIN_POLICY, NF_ACCEPT);
		if (nftnl_chain_set_str(nc, NFTNL_CHAIN_TYPE, c->type) < 0)
			return false;
	}
	return !u || nftnl_chain_set_data(nc, NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(u),
					  nftnl_udata_buf_len(u)) == 0;
}

static void put_chain(struct nft *n, const struct nft_table *t, const struct nft_chain *c)
{
	CLEANUP(chainp) struct nftnl_chain *nc = nftnl_chain_alloc();
	CLEANUP(udatap)
	struct nftnl_udata_buf *u = c->comment[0] ? comment_data(NFTNL_UDATA_CHAIN_COMMENT, c->comment)
						  : NULL;
	char what[2 * NFT_NAME_LEN + 64];

	snprintf(what, sizeof what, "adding chain %s to nftables table %s %s", c->name,
		 nft_family_name(t->family), t->name);
	if (!nc || (c->comment[0] && !u) || !fill_chain(nc, t, c, u)) {
		note(n, ENOMEM, what);
		return;
	}
	nftnl_chain_nlmsg_build_payload(nft_begin(n, NFT_MSG_NEWCHAIN, t->family, NLM_F_CREATE, what), nc);
	nltx_end(n->tx);
}

static void put_rule(struct nft *n, const struct nft_table *t, const struct nft_chain *c,
		     const struct nft_rule *r)
{
	CLEANUP(rulep) struct nftnl_rule *nr = NULL;
	char what[2 * NFT_NAME_LEN + 512], text[384];
	struct err why = { 0 };

	snprintf(what, sizeof what, "rule \"%s\" of chain %s in nftables table %s %s",
		 nft_rule_format(t->family, r, text, sizeof text), c->name, nft_family_name(t->family),
		 t->name);
	if (nft_rule_valid(t->family, r, &why) < 0) {
		if (!n->queued.code) {
			n->queued = why;
			err_wrap(&n->queued, -why.code, "%s", what);
		}
		return;
	}
	nr = nft_rule_build(t->family, t->name, c->name, r);
	if (!nr) {
		note(n, ENOMEM, what);
		return;
	}
	nftnl_rule_nlmsg_build_payload(
		nft_begin(n, NFT_MSG_NEWRULE, t->family, NLM_F_CREATE | NLM_F_APPEND, what), nr);
	nltx_end(n->tx);
}

void nft_put_table(struct nft *n, const struct nft_table *t)
{
	nft_put_table_del(n, t->family, t->name);
	put_table_message(n, NFT_MSG_NEWTABLE, NLM_F_CREATE, t->family, t->name, t->comment);
	for (unsigned i = 0; i < t->n_chain; i++) {
		put_chain(n, t, &t->chain[i]);
		for (unsigned k = 0; k < t->chain[i].n_rule; k++)
			put_rule(n, t, &t->chain[i], &t->chain[i].rule[k]);
	}
}

void nft_put_table_del(struct nft *n, uint8_t family, const char *name)
{
	/* Adding first makes the removal right whether or not the table is there. */
	put_table_message(n, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, name, "");
	put_table_message(n, NFT_MSG_DELTABLE, 0, family, name, "");
}

void nft_cancel(struct nft *n)
{
	nltx_cancel(n->tx);
	n->queued = (struct err){ 0 };
}

int nft_commit(struct nft *n, struct err *e)
{
	if (n->queued.code) {
		int code = n->queued.code;

		if (e)
			*e = n->queued;
		nft_cancel(n);
		return -code;
	}
	return nltx_commit(n->tx, e);
}

/* Checking. */

struct check {
	const struct nft_table *want;
	bool found, differs;
	unsigned n_chain;
	unsigned n_rule[NFT_CHAINS_MAX];
};

static int check_table(void *ctx, const struct nlmsghdr *h)
{
	CLEANUP(tablep) struct nftnl_table *t = nftnl_table_alloc();
	struct check *c = ctx;

	if (!t)
		return -ENOMEM;
	if (nftnl_table_nlmsg_parse(h, t) < 0)
		return -EBADMSG;
	if (strcmp(nftnl_table_get_str(t, NFTNL_TABLE_NAME) ?: "", c->want->name) != 0 ||
	    nftnl_table_get_u32(t, NFTNL_TABLE_FAMILY) != c->want->family)
		return 0;
	c->found = true;
	if (nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT)
		c->differs = true; /* "nft add table ... { flags dormant; }" switches all its rules off */
	return 0;
}

static bool same_hook(const struct nft_chain *want, const struct nftnl_chain *nc)
{
	const char *type = nftnl_chain_get_str(nc, NFTNL_CHAIN_TYPE);

	if (!want->type || !type)
		return !want->type && !type;
	return strcmp(want->type, type) == 0 && nftnl_chain_get_u32(nc, NFTNL_CHAIN_HOOKNUM) == want->hook &&
	       nftnl_chain_get_s32(nc, NFTNL_CHAIN_PRIO) == want->prio &&
	       nftnl_chain_get_u32(nc, NFTNL_CHAIN_POLICY) == NF_ACCEPT;
}

static int find_chain(const struct nft_table *t, const char *name)
{
	for (unsigned i = 0; i < t->n_chain; i++)
		if (strcmp(t->chain[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int check_chain(void *ctx, const struct nlmsghdr *h)
{
	CLEANUP(chainp) struct nftnl_chain *nc = nftnl_chain_alloc();
	struct check *c = ctx;
	int i;

	if (!nc)
		return -ENOMEM;
	if (nftnl_chain_nlmsg_parse(h, nc) < 0)
		return -EBADMSG;
	if (strcmp(nftnl_chain_get_str(nc, NFTNL_CHAIN_TABLE) ?: "", c->want->name) != 0)
		return 0;
	i = find_chain(c->want, nftnl_chain_get_str(nc, NFTNL_CHAIN_NAME) ?: "");
	if (i < 0 || !same_hook(&c->want->chain[i], nc))
		c->differs = true;
	c->n_chain++;
	return 0;
}

static int check_rule(void *ctx, const struct nlmsghdr *h)
{
	CLEANUP(rulep) struct nftnl_rule *nr = nftnl_rule_alloc();
	struct check *c = ctx;
	const struct nft_chain *chain;
	struct nft_rule have;
	unsigned no;
	int i;

	if (!nr)
		return -ENOMEM;
	if (nftnl_rule_nlmsg_parse(h, nr) < 0)
		return -EBADMSG;
	if (strcmp(nftnl_rule_get_str(nr, NFTNL_RULE_TABLE) ?: "", c->want->name) != 0)
		return 0;
	i = find_chain(c->want, nftnl_rule_get_str(nr, NFTNL_RULE_CHAIN) ?: "");
	if (i < 0) {
		c->differs = true;
		return 0;
	}
	chain = &c->want->chain[i];
	no = c->n_rule[i]++;
	if (no >= chain->n_rule || !nft_rule_read(c->want->family, nr, &have) ||
	    !nft_rule_equal(&have, &chain->rule[no]))
		c->differs = true;
	return 0;
}

int nft_table_check(struct nft *n, const struct nft_table *want, bool *ret, struct err *e)
{
	struct check c = { .want = want };
	struct nlmsghdr *h;
	int r;

	nft_ask(n, NFT_MSG_GETTABLE, want->family);
	r = nldump_run(n->ask, check_table, &c, "nftables tables", e);
	if (r < 0)
		return r;
	if (!c.found) {
		*ret = false;
		return 0;
	}
	nft_ask(n, NFT_MSG_GETCHAIN, want->family);
	r = nldump_run(n->ask, check_chain, &c, "nftables chains", e);
	if (r < 0)
		return r;
	h = nft_ask(n, NFT_MSG_GETRULE, want->family);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, want->name);
	r = nldump_run(n->ask, check_rule, &c, "nftables rules", e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < want->n_chain; i++)
		if (c.n_rule[i] != want->chain[i].n_rule)
			c.differs = true;
	*ret = !c.differs && c.n_chain == want->n_chain;
	return 0;
}

struct list {
	nft_table_fn fn;
	void *ctx;
};

static int list_table(void *ctx, const struct nlmsghdr *h)
{
	CLEANUP(tablep) struct nftnl_table *t = nftnl_table_alloc();
	const struct list *l = ctx;

	if (!t)
		return -ENOMEM;
	if (nftnl_table_nlmsg_parse(h, t) < 0)
		return -EBADMSG;
	return l->fn(l->ctx, (uint8_t)nftnl_table_get_u32(t, NFTNL_TABLE_FAMILY),
		     nftnl_table_get_str(t, NFTNL_TABLE_NAME) ?: "");
}

int nft_list_tables(struct nft *n, uint8_t family, nft_table_fn fn, void *ctx, struct err *e)
{
	struct list l = { fn, ctx };

	nft_ask(n, NFT_MSG_GETTABLE, family);
	return nldump_run(n->ask, list_table, &l, "nftables tables", e);
}
