#include "netlink/nft_priv.h"
#include "base/cleanup.h"
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

static int ip_family(uint8_t nfproto)
{
	return nfproto == NFPROTO_IPV4 ? AF_INET : nfproto == NFPROTO_IPV6 ? AF_INET6 : AF_UNSPEC;
}

static uint32_t addr_offset(int family, bool source)
{
	if (family == AF_INET)
		return source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr);
	return source ? offsetof(struct ip6_hdr, ip6_src) : offsetof(struct ip6_hdr, ip6_dst);
}

int nft_rule_valid(uint8_t family, const struct nft_rule *r, struct err *e)
{
	if (r->n_match > NFT_MATCHES_MAX || r->verdict < NFT_DO_ACCEPT || r->verdict > NFT_DO_MASQUERADE)
		return err_text(e, EINVAL, "malformed rule");
	for (unsigned i = 0; i < r->n_match; i++) {
		const struct nft_match *m = &r->match[i];
		struct ipnet masked = ipnet_masked(&m->net);

		if (m->kind == NFT_MATCH_MARK)
			continue;
		if (m->net.addr.family != ip_family(family))
			return err_text(e, EINVAL, "%s is of another family than the rule's table",
					IPNET_STR(&m->net));
		if (m->net.len == 0 || !ipnet_equal(&m->net, &masked))
			return err_text(e, EINVAL, "%s is not usable in a rule", IPNET_STR(&m->net));
	}
	return 0;
}

/* Building; a NULL expression means that memory is gone, and stays so. */

static bool add(struct nftnl_rule *nr, struct nftnl_expr *e)
{
	if (e)
		nftnl_rule_add_expr(nr, e);
	return e != NULL;
}

static struct nftnl_expr *load_mark(void)
{
	struct nftnl_expr *e = nftnl_expr_alloc("meta");

	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
	}
	return e;
}

static struct nftnl_expr *load_addr(int family, bool source)
{
	struct nftnl_expr *e = nftnl_expr_alloc("payload");

	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, addr_offset(family, source));
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, ip_family_bytes(family));
	}
	return e;
}

static struct nftnl_expr *apply_mask(const void *mask, uint32_t n)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = nftnl_expr_alloc("bitwise");

	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
		nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
		nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, n);
		nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, n);
		nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, n);
	}
	return e;
}

static struct nftnl_expr *compare(bool negate, const void *data, uint32_t n)
{
	struct nftnl_expr *e = nftnl_expr_alloc("cmp");

	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, negate ? NFT_CMP_NEQ : NFT_CMP_EQ);
		nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, n);
	}
	return e;
}

static bool add_match(struct nftnl_rule *nr, const struct nft_match *m)
{
	int family = m->net.addr.family;
	uint32_t n = ip_family_bytes(family);
	struct ipaddr mask = ipnet_mask(family, m->net.len);

	if (m->kind == NFT_MATCH_MARK)
		return add(nr, load_mark()) && add(nr, apply_mask(&m->mask, sizeof m->mask)) &&
		       add(nr, compare(m->negate, &m->mark, sizeof m->mark));
	return add(nr, load_addr(family, m->kind == NFT_MATCH_SADDR)) &&
	       (m->net.len == ip_family_bits(family) || add(nr, apply_mask(mask.b, n))) &&
	       add(nr, compare(m->negate, m->net.addr.b, n));
}

static bool add_verdict(struct nftnl_rule *nr, const struct nft_rule *r)
{
	struct nftnl_expr *e;

	if (r->verdict == NFT_DO_MASQUERADE) {
		e = nftnl_expr_alloc("masq");
		if (e && r->fully_random)
			nftnl_expr_set_u32(e, NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
		return add(nr, e);
	}
	e = nftnl_expr_alloc("immediate");
	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT,
				   r->verdict == NFT_DO_ACCEPT ? (uint32_t)NF_ACCEPT : (uint32_t)NFT_RETURN);
	}
	return add(nr, e);
}

static bool set_comment(struct nftnl_rule *nr, const char *comment)
{
	struct nftnl_udata_buf *u;
	bool ok;

	if (!comment[0])
		return true;
	u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	ok = u && nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, comment) &&
	     nftnl_rule_set_data(nr, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u)) ==
		     0;
	if (u)
		nftnl_udata_buf_free(u);
	return ok;
}

struct nftnl_rule *nft_rule_build(uint8_t family, const char *table, const char *chain,
				  const struct nft_rule *r)
{
	struct nftnl_rule *nr = nftnl_rule_alloc();
	bool ok = nr && nftnl_rule_set_str(nr, NFTNL_RULE_TABLE, table) == 0 &&
		  nftnl_rule_set_str(nr, NFTNL_RULE_CHAIN, chain) == 0;

	if (ok)
		nftnl_rule_set_u32(nr, NFTNL_RULE_FAMILY, family);
	for (unsigned i = 0; ok && i < r->n_match; i++)
		ok = add_match(nr, &r->match[i]);
	if (ok && r->counter)
		ok = add(nr, nftnl_expr_alloc("counter"));
	if (ok && add_verdict(nr, r) && set_comment(nr, r->comment))
		return nr;
	if (nr)
		nftnl_rule_free(nr);
	return NULL;
}

/* Reading: a small machine that follows load, mask, compare. */

struct reader {
	int family;
	struct nft_rule rule;
	struct nft_match m; /* being read */
	uint32_t reg;       /* that holds it; 0 = nothing loaded */
	uint32_t n;         /* bytes loaded */
	uint8_t mask[16];
	bool ended;
};

static bool read_meta(struct reader *rd, const struct nftnl_expr *e)
{
	if (rd->reg || !nftnl_expr_is_set(e, NFTNL_EXPR_META_DREG) ||
	    nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) != NFT_META_MARK)
		return false;
	rd->m = (struct nft_match){ .kind = NFT_MATCH_MARK };
	rd->reg = nftnl_expr_get_u32(e, NFTNL_EXPR_META_DREG);
	rd->n = sizeof(uint32_t);
	memset(rd->mask, 0xff, sizeof rd->mask);
	return true;
}

static bool read_payload(struct reader *rd, const struct nftnl_expr *e)
{
	uint32_t at = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET);
	bool source = at == addr_offset(rd->family, true);

	if (rd->reg || !nftnl_expr_is_set(e, NFTNL_EXPR_PAYLOAD_DREG) ||
	    nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_BASE) != NFT_PAYLOAD_NETWORK_HEADER ||
	    nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_LEN) != ip_family_bytes(rd->family) ||
	    (!source && at != addr_offset(rd->family, false)))
		return false;
	rd->m = (struct nft_match){ .kind = source ? NFT_MATCH_SADDR : NFT_MATCH_DADDR };
	rd->reg = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_DREG);
	rd->n = ip_family_bytes(rd->family);
	memset(rd->mask, 0xff, sizeof rd->mask);
	return true;
}

static bool read_bitwise(struct reader *rd, const struct nftnl_expr *e)
{
	static const uint8_t zero[16];
	uint32_t mask_n = 0, xor_n = 0;
	const void *mask = nftnl_expr_get(e, NFTNL_EXPR_BITWISE_MASK, &mask_n);
	const void * xor = nftnl_expr_get(e, NFTNL_EXPR_BITWISE_XOR, &xor_n);

	if (!rd->reg || nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_SREG) != rd->reg ||
	    nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_DREG) != rd->reg || !mask || !xor || mask_n != rd->n ||
	    xor_n != rd->n || memcmp(xor, zero, xor_n) != 0)
		return false;
	if (nftnl_expr_is_set(e, NFTNL_EXPR_BITWISE_OP) &&
	    nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_OP) != NFT_BITWISE_BOOL)
		return false;
	memcpy(rd->mask, mask, mask_n);
	return true;
}

static bool read_prefix(struct reader *rd, const void *data)
{
	struct ipaddr mask, full;
	unsigned len = 0;

	if (ipaddr_from_bytes(rd->family, rd->mask, rd->n, &mask) < 0 ||
	    ipaddr_from_bytes(rd->family, data, rd->n, &rd->m.net.addr) < 0)
		return false;
	while (len < ip_family_bits(rd->family) && mask.b[len / 8] & 0x80 >> len % 8)
		len++;
	full = ipnet_mask(rd->family, len);
	rd->m.net.len = (uint8_t)len;
	return ipaddr_equal(&mask, &full);
}

static bool read_cmp(struct reader *rd, const struct nftnl_expr *e)
{
	uint32_t op = nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP), n = 0;
	const void *data = nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &n);

	if (!rd->reg || nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_SREG) != rd->reg || !data || n != rd->n ||
	    (op != NFT_CMP_EQ && op != NFT_CMP_NEQ) || rd->rule.n_match == NFT_MATCHES_MAX)
		return false;
	rd->m.negate = op == NFT_CMP_NEQ;
	if (rd->m.kind == NFT_MATCH_MARK) {
		memcpy(&rd->m.mark, data, sizeof rd->m.mark);
		memcpy(&rd->m.mask, rd->mask, sizeof rd->m.mask);
	} else if (!read_prefix(rd, data)) {
		return false;
	}
	rd->rule.match[rd->rule.n_match++] = rd->m;
	rd->reg = 0;
	return true;
}

static bool read_counter(struct reader *rd, const struct nftnl_expr *e)
{
	(void)e;
	rd->rule.counter = true;
	return !rd->reg;
}

static bool read_immediate(struct reader *rd, const struct nftnl_expr *e)
{
	uint32_t verdict = nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT);

	if (rd->reg || nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT ||
	    !nftnl_expr_is_set(e, NFTNL_EXPR_IMM_VERDICT))
		return false;
	rd->ended = true;
	rd->rule.verdict = verdict == NF_ACCEPT              ? NFT_DO_ACCEPT
			   : verdict == (uint32_t)NFT_RETURN ? NFT_DO_RETURN
							     : 0;
	return rd->rule.verdict != 0;
}

static bool read_masq(struct reader *rd, const struct nftnl_expr *e)
{
	uint32_t flags = nftnl_expr_is_set(e, NFTNL_EXPR_MASQ_FLAGS)
				 ? nftnl_expr_get_u32(e, NFTNL_EXPR_MASQ_FLAGS)
				 : 0;

	if (rd->reg || nftnl_expr_is_set(e, NFTNL_EXPR_MASQ_REG_PROTO_MIN) ||
	    (flags && flags != NF_NAT_RANGE_PROTO_RANDOM_FULLY))
		return false;
	rd->ended = true;
	rd->rule.verdict = NFT_DO_MASQUERADE;
	rd->rule.fully_random = flags != 0;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct reader *rd, const struct nftnl_expr *e);
} readers[] = {
	{ "meta", read_meta }, { "payload", read_payload }, { "bitwise", read_bitwise },
	{ "cmp", read_cmp },   { "counter", read_counter }, { "immediate", read_immediate },
	{ "masq", read_masq },
};

static int read_expr(struct nftnl_expr *e, void *ctx)
{
	struct reader *rd = ctx;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	if (rd->ended)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (strcmp(name, readers[i].name) == 0)
			return readers[i].read(rd, e) ? 0 : -1;
	return -1;
}

/* User data is a row of type, length, value, one byte each for the first two. */
void nft_rule_comment(const struct nftnl_rule *nr, char ret[NFT_COMMENT_LEN])
{
	uint32_t n = 0;
	const uint8_t *p = nftnl_rule_is_set(nr, NFTNL_RULE_USERDATA)
				   ? nftnl_rule_get_data(nr, NFTNL_RULE_USERDATA, &n)
				   : NULL;

	ret[0] = '\0';
	while (p && n >= 2 && p[1] <= n - 2) {
		if (p[0] == NFTNL_UDATA_RULE_COMMENT) {
			snprintf(ret, NFT_COMMENT_LEN, "%.*s", p[1], (const char *)p + 2);
			return;
		}
		n -= 2U + p[1];
		p += 2 + p[1];
	}
}

bool nft_rule_read(uint8_t family, const struct nftnl_rule *nr, struct nft_rule *ret)
{
	struct reader rd = { .family = ip_family(family) };

	/* The iterator wants to write nothing; libnftnl just does not say so. */
	if (rd.family == AF_UNSPEC ||
	    nftnl_expr_foreach((struct nftnl_rule *)(uintptr_t)nr, read_expr, &rd) < 0)
		return false;
	if (!rd.ended || rd.reg)
		return false;
	nft_rule_comment(nr, rd.rule.comment);
	*ret = rd.rule;
	return true;
}

static bool match_equal(const struct nft_match *a, const struct nft_match *b)
{
	if (a->kind != b->kind || a->negate != b->negate)
		return false;
	if (a->kind == NFT_MATCH_MARK)
		return a->mark == b->mark && a->mask == b->mask;
	return ipnet_equal(&a->net, &b->net);
}

bool nft_rule_equal(const struct nft_rule *a, const struct nft_rule *b)
{
	if (a->n_match != b->n_match || a->counter != b->counter || a->verdict != b->verdict ||
	    (a->verdict == NFT_DO_MASQUERADE && a->fully_random != b->fully_random) ||
	    strcmp(a->comment, b->comment) != 0)
		return false;
	for (unsigned i = 0; i < a->n_match; i++)
		if (!match_equal(&a->match[i], &b->match[i]))
			return false;
	return true;
}

struct line {
	char *buf;
	size_t n, at;
};

__attribute__((format(printf, 2, 3))) static void say(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = l->at < l->n ? vsnprintf(l->buf + l->at, l->n - l->at, fmt, ap) : 0;
	va_end(ap);
	l->at += n > 0 ? (size_t)n : 0;
}

const char *nft_rule_format(uint8_t family, const struct nft_rule *r, char *buf, size_t n)
{
	static const char *const verdicts[] = {
		[NFT_DO_ACCEPT] = "accept", [NFT_DO_RETURN] = "return", [NFT_DO_MASQUERADE] = "masquerade"
	};
	struct line l = { buf, n, 0 };

	if (n > 0)
		buf[0] = '\0';
	for (unsigned i = 0; i < r->n_match; i++) {
		const struct nft_match *m = &r->match[i];

		if (m->kind == NFT_MATCH_MARK)
			say(&l, "meta mark & 0x%08x %s 0x%08x ", m->mask, m->negate ? "!=" : "==", m->mark);
		else
			say(&l, "%s %s %s%s ", nft_family_name(family),
			    m->kind == NFT_MATCH_SADDR ? "saddr" : "daddr", m->negate ? "!= " : "",
			    IPNET_STR(&m->net));
	}
	say(&l, "%s%s%s", r->counter ? "counter " : "", verdicts[r->verdict],
	    r->verdict == NFT_DO_MASQUERADE && r->fully_random ? " fully-random" : "");
	if (r->comment[0])
		say(&l, " comment \"%s\"", r->comment);
	return buf;
}
