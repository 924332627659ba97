/* What the files of nft share: one transaction, one socket for questions. */
#pragma once
#include "base/err.h"
#include "netlink/nft.h"

struct nftnl_rule;
struct nldump;
struct nltx;
struct nlmsghdr;

struct nft {
	struct nltx *tx;
	struct nldump *ask;
	struct err queued; /* first failure while queuing, told by the commit */
};

/* "ip", "ip6", "inet", ... */
const char *nft_family_name(uint8_t family);

/* A request with its nfnetlink header; what (already complete) names it. */
struct nlmsghdr *nft_begin(struct nft *n, uint8_t msg, uint8_t family, uint16_t flags, const char *what);

/* A question with its nfnetlink header. */
struct nlmsghdr *nft_ask(struct nft *n, uint8_t msg, uint8_t family);

/* nft_rule <-> libnftnl. build: NULL when memory is gone. */
struct nftnl_rule *nft_rule_build(uint8_t family, const char *table, const char *chain,
				  const struct nft_rule *r);
/* false: the rule holds something that nft_rule cannot say. */
bool nft_rule_read(uint8_t family, const struct nftnl_rule *nr, struct nft_rule *ret);
int nft_rule_valid(uint8_t family, const struct nft_rule *r, struct err *e);

/* The comment nft itself keeps in a rule's user data; "" when there is none. */
void nft_rule_comment(const struct nftnl_rule *nr, char ret[NFT_COMMENT_LEN]);
