#include "netlink/attr.h"
#include <errno.h>
#include <string.h>

const struct nlmsghdr *nlmsg_take(const void **p, size_t *n)
{
	const struct nlmsghdr *h = *p;
	size_t step;

	if (*n < sizeof *h || h->nlmsg_len < sizeof *h || h->nlmsg_len > *n)
		return NULL;
	step = NLMSG_ALIGN((size_t)h->nlmsg_len);
	if (step > *n)
		step = *n;
	*p = (const uint8_t *)*p + step;
	*n -= step;
	return h;
}

int attr_index(const void *p, size_t n, struct nlattr_view *tb, size_t max)
{
	const uint8_t *at = p;

	memset(tb, 0, max * sizeof *tb);
	while (n >= sizeof(struct nlattr)) {
		struct nlattr a;
		size_t step;
		unsigned type;

		memcpy(&a, at, sizeof a);
		if (a.nla_len < sizeof a || a.nla_len > n)
			return -EBADMSG;
		type = a.nla_type & NLA_TYPE_MASK;
		if (type < max)
			tb[type] = (struct nlattr_view){ at + NLA_HDRLEN, a.nla_len - NLA_HDRLEN };
		step = NLA_ALIGN(a.nla_len);
		if (step >= n)
			break;
		at += step;
		n -= step;
	}
	return 0;
}

const void *attr_header(const struct nlmsghdr *h, size_t n)
{
	return h->nlmsg_len >= NLMSG_HDRLEN + n ? (const uint8_t *)h + NLMSG_HDRLEN : NULL;
}

int attr_index_msg(const struct nlmsghdr *h, size_t hdr, struct nlattr_view *tb, size_t max)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(hdr);

	memset(tb, 0, max * sizeof *tb);
	if (h->nlmsg_len < NLMSG_HDRLEN + hdr)
		return -EBADMSG;
	if (h->nlmsg_len <= skip)
		return 0;
	return attr_index((const uint8_t *)h + skip, h->nlmsg_len - skip, tb, max);
}

static bool copy(const struct nlattr_view *a, void *ret, size_t n)
{
	if (!a->p || a->n < n)
		return false;
	memcpy(ret, a->p, n);
	return true;
}

bool attr_u8(const struct nlattr_view *a, uint8_t *ret)
{
	return copy(a, ret, sizeof *ret);
}

bool attr_u16(const struct nlattr_view *a, uint16_t *ret)
{
	return copy(a, ret, sizeof *ret);
}

bool attr_u32(const struct nlattr_view *a, uint32_t *ret)
{
	return copy(a, ret, sizeof *ret);
}

bool attr_str(const struct nlattr_view *a, char *ret, size_t size)
{
	size_t n;

	if (!a->p)
		return false;
	n = strnlen(a->p, a->n);
	if (n >= size)
		n = size - 1;
	memcpy(ret, a->p, n);
	ret[n] = '\0';
	return true;
}

bool attr_ip(const struct nlattr_view *a, int family, struct ipaddr *ret)
{
	return a->p && ipaddr_from_bytes(family, a->p, a->n, ret) == 0;
}
