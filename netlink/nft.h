/*
 * nftables: tables described as data, written in one transaction (all or nothing), read back and
 * compared. Only what is described here can be written; anything else found in a table of ours
 * makes it "different".
 */
#pragma once
#include "base/ip.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nft;
struct nldump;
struct nltx;
struct nlmsghdr;

enum {
	NFT_MATCHES_MAX = 4,
	NFT_RULES_MAX = 16, /* per chain */
	NFT_CHAINS_MAX = 4, /* per table */
	NFT_NAME_LEN = 128, /* ours, with the terminator */
	NFT_COMMENT_LEN = 64,
};

enum nft_match_kind {
	NFT_MATCH_MARK = 1, /* meta mark & mask == mark */
	NFT_MATCH_SADDR,    /* source address in net */
	NFT_MATCH_DADDR,    /* destination address in net */
};

struct nft_match {
	enum nft_match_kind kind;
	bool negate;
	uint32_t mark, mask;
	struct ipnet net; /* without host bits; length 0 is refused */
};

enum nft_verdict { NFT_DO_ACCEPT = 1, NFT_DO_RETURN, NFT_DO_MASQUERADE };

struct nft_rule {
	struct nft_match match[NFT_MATCHES_MAX]; /* all must hold */
	unsigned n_match;
	bool counter;
	enum nft_verdict verdict;
	bool fully_random; /* of NFT_DO_MASQUERADE */
	char comment[NFT_COMMENT_LEN];
};

struct nft_chain {
	char name[NFT_NAME_LEN];
	const char *type; /* base chain: "filter", "nat"; NULL = not hooked */
	uint32_t hook;    /* NF_INET_POST_ROUTING, ... */
	int32_t prio;     /* 100 = srcnat */
	char comment[NFT_COMMENT_LEN];
	struct nft_rule rule[NFT_RULES_MAX];
	unsigned n_rule;
};

struct nft_table {
	uint8_t family; /* NFPROTO_IPV4 or NFPROTO_IPV6 */
	char name[NFT_NAME_LEN];
	char comment[NFT_COMMENT_LEN];
	struct nft_chain chain[NFT_CHAINS_MAX];
	unsigned n_chain;
};

/* One line of nft's language, for tests and messages. */
const char *nft_rule_format(uint8_t family, const struct nft_rule *r, char *buf, size_t n);
bool nft_rule_equal(const struct nft_rule *a, const struct nft_rule *b); /* comments included */

int nft_open(struct nft **ret, struct err *e);
struct nft *nft_close(struct nft *n);     /* accepts NULL, returns NULL */
uint32_t nft_portid(const struct nft *n); /* monitors see it as the origin of our changes */

/*
 * Queueing; nft_commit() sends everything queued as one transaction and is 0 only when the kernel
 * acknowledged every part. Else -errno, and nothing was changed; the text names the object.
 */
void nft_put_table(struct nft *n, const struct nft_table *t);            /* replaces it whole */
void nft_put_table_del(struct nft *n, uint8_t family, const char *name); /* absent is fine */
int nft_commit(struct nft *n, struct err *e);
void nft_cancel(struct nft *n); /* drops what is queued */

/* Is the kernel's table exactly the one described (counters aside)? *ret is false when it is absent. */
int nft_table_check(struct nft *n, const struct nft_table *want, bool *ret, struct err *e);

/* Names of all tables of one family (NFPROTO_UNSPEC: all). */
typedef int (*nft_table_fn)(void *ctx, uint8_t family, const char *name);
int nft_list_tables(struct nft *n, uint8_t family, nft_table_fn fn, void *ctx, struct err *e);

/* A chain that another program once put into a table which is not ours, and what leads to it. */
struct nft_graft {
	uint8_t family;
	const char *table;   /* "nat" */
	const char *base;    /* "POSTROUTING": its rules that jump to chain are removed */
	const char *chain;   /* "FLANNEL-POSTRTG": emptied, and deleted unless something else refers to it */
	const char *comment; /* rules of base with this iptables comment go too; NULL = none */
};

/*
 * Queues the removal of a graft; 1 when there was something to remove, 0 when not, or -errno. The
 * rules are named by handle: when one vanishes meanwhile, the commit fails with ENOENT as a whole
 * and the caller asks again.
 */
int nft_put_graft_del(struct nft *n, const struct nft_graft *g, struct err *e);
