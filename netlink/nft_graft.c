#include "netlink/nft_priv.h"
#include "base/cleanup.h"
#include "netlink/dump.h"
#include "netlink/tx.h"
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <arpa/inet.h>

enum { STRAY_MAX = 64 }; /* rules of one base chain that go in one transaction */

struct survey {
	const struct nft_graft *g;
	bool chain_exists;
	bool referenced; /* by a rule that is not ours to remove */
	uint64_t stray[STRAY_MAX];
	size_t n_stray;
};

static int on_chain(void *ctx, const struct nlmsghdr *h)
{
	struct survey *s = ctx;
	struct nftnl_chain *c = nftnl_chain_alloc();
	int r = 0;

	if (!c)
		return -ENOMEM;
	if (nftnl_chain_nlmsg_parse(h, c) < 0)
		r = -EBADMSG;
	else if (strcmp(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE) ?: "", s->g->table) == 0 &&
		 strcmp(nftnl_chain_get_str(c, NFTNL_CHAIN_NAME) ?: "", s->g->chain) == 0)
		s->chain_exists = true;
	nftnl_chain_free(c);
	return r;
}

struct traits {
	const struct nft_graft *g;
	bool jumps, commented;
};

static int look_at(struct nftnl_expr *e, void *ctx)
{
	struct traits *t = ctx;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	if (strcmp(name, "immediate") == 0 && nftnl_expr_is_set(e, NFTNL_EXPR_IMM_CHAIN)) {
		const char *to = nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN);

		t->jumps |= strcmp(to, t->g->chain) == 0;
	} else if (t->g->comment && strcmp(name, "match") == 0 &&
		   strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_MT_NAME) ?: "", "comment") == 0) {
		/* iptables-nft keeps comments as xt_comment does: a zero-padded field */
		uint32_t n = 0;
		const char *text = nftnl_expr_get(e, NFTNL_EXPR_MT_INFO, &n);
		size_t len = strlen(t->g->comment);

		t->commented |= text && len < n && strnlen(text, n) == len &&
				memcmp(text, t->g->comment, len) == 0;
	}
	return 0;
}

static int judge(struct survey *s, struct nftnl_rule *nr)
{
	const char *chain = nftnl_rule_get_str(nr, NFTNL_RULE_CHAIN) ?: "";
	struct traits t = { .g = s->g };
	char comment[NFT_COMMENT_LEN];

	if (strcmp(nftnl_rule_get_str(nr, NFTNL_RULE_TABLE) ?: "", s->g->table) != 0 ||
	    strcmp(chain, s->g->chain) == 0)
		return 0;
	if (nftnl_expr_foreach(nr, look_at, &t) < 0)
		return -EBADMSG;
	nft_rule_comment(nr, comment);
	if (s->g->comment && strcmp(comment, s->g->comment) == 0)
		t.commented = true;
	if (strcmp(chain, s->g->base) != 0) {
		s->referenced |= t.jumps;
		return 0;
	}
	if (!t.jumps && !t.commented)
		return 0;
	if (s->n_stray < STRAY_MAX)
		s->stray[s->n_stray++] = nftnl_rule_get_u64(nr, NFTNL_RULE_HANDLE);
	else
		s->referenced |= t.jumps; /* the rest at the next start */
	return 0;
}

static int on_rule(void *ctx, const struct nlmsghdr *h)
{
	struct nftnl_rule *nr = nftnl_rule_alloc();
	int r;

	if (!nr)
		return -ENOMEM;
	r = nftnl_rule_nlmsg_parse(h, nr) < 0 ? -EBADMSG : judge(ctx, nr);
	nftnl_rule_free(nr);
	return r;
}

/* Without a handle: every rule of the chain. */
static void put_rule_del(struct nft *n, const struct nft_graft *g, const char *chain, uint64_t handle)
{
	char what[2 * NFT_NAME_LEN + 64];
	struct nlmsghdr *h;

	snprintf(what, sizeof what, "removing %s of chain %s in nftables table %s %s",
		 handle ? "a rule" : "the rules", chain, nft_family_name(g->family), g->table);
	h = nft_begin(n, NFT_MSG_DELRULE, g->family, 0, what);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, g->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	if (handle)
		mnl_attr_put_u64(h, NFTA_RULE_HANDLE, htobe64(handle));
	nltx_end(n->tx);
}

static void put_chain_del(struct nft *n, const struct nft_graft *g)
{
	char what[2 * NFT_NAME_LEN + 64];
	struct nlmsghdr *h;

	snprintf(what, sizeof what, "removing chain %s from nftables table %s %s", g->chain,
		 nft_family_name(g->family), g->table);
	h = nft_begin(n, NFT_MSG_DELCHAIN, g->family, 0, what);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, g->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, g->chain);
	nltx_end(n->tx);
}

int nft_put_graft_del(struct nft *n, const struct nft_graft *g, struct err *e)
{
	struct survey s = { .g = g };
	struct nlmsghdr *h;
	int r;

	nft_ask(n, NFT_MSG_GETCHAIN, g->family);
	r = nldump_run(n->ask, on_chain, &s, "nftables chains", e);
	if (r < 0)
		return r;
	h = nft_ask(n, NFT_MSG_GETRULE, g->family);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, g->table);
	r = nldump_run(n->ask, on_rule, &s, "nftables rules", e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.n_stray; i++)
		put_rule_del(n, g, g->base, s.stray[i]);
	if (s.chain_exists) {
		put_rule_del(n, g, g->chain, 0);
		if (!s.referenced)
			put_chain_del(n, g);
	}
	return s.n_stray > 0 || s.chain_exists;
}
