#include "base/ip.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Addresses as numbers; IPv4 uses the low 32 bits. */
typedef unsigned __int128 u128;

static u128 number(const struct ipaddr *a)
{
	u128 v = 0;

	for (unsigned i = 0; i < ip_family_bytes(a->family); i++)
		v = v << 8 | a->b[i];
	return v;
}

static struct ipaddr from_number(int family, u128 v)
{
	struct ipaddr a = { .family = (uint8_t)family };

	for (unsigned i = ip_family_bytes(family); i-- > 0; v >>= 8)
		a.b[i] = (uint8_t)v;
	return a;
}

static u128 family_max(int family)
{
	return family == AF_INET ? (u128)UINT32_MAX : ~(u128)0;
}

/* The low bits of a prefix: its host part. */
static u128 host_bits(int family, unsigned len)
{
	unsigned bits = ip_family_bits(family);

	if (len >= bits)
		return 0;
	return bits - len == 128 ? ~(u128)0 : ((u128)1 << (bits - len)) - 1;
}

unsigned ip_family_bits(int family)
{
	return ip_family_bytes(family) * 8;
}

unsigned ip_family_bytes(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

int ipaddr_parse(int family, const char *s, struct ipaddr *ret)
{
	struct ipaddr a = { 0 };

	if (family == AF_UNSPEC)
		family = strchr(s, ':') ? AF_INET6 : AF_INET;
	if (ip_family_bits(family) == 0 || inet_pton(family, s, a.b) != 1)
		return -EINVAL;
	a.family = (uint8_t)family;
	*ret = a;
	return 0;
}

int ipnet_parse(int family, const char *s, struct ipnet *ret)
{
	const char *slash = strchr(s, '/');
	char text[IPADDR_STRLEN];
	struct ipnet n;
	unsigned len = 0;

	if (!slash || (size_t)(slash - s) >= sizeof text)
		return -EINVAL;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	if (ipaddr_parse(family, text, &n.addr) < 0)
		return -EINVAL;
	const char *p = slash + 1;
	if (*p == '\0' || (p[0] == '0' && p[1] != '\0'))
		return -EINVAL;
	for (; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		len = len * 10 + (unsigned)(*p - '0');
		if (len > ip_family_bits(n.addr.family))
			return -EINVAL;
	}
	n.len = (uint8_t)len;
	*ret = n;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hwaddr_parse(const char *s, struct hwaddr *ret)
{
	struct hwaddr h;
	char sep = 0;

	for (unsigned i = 0; i < sizeof h.b; i++) {
		int hi, lo;

		if (i > 0) {
			if (!sep && (*s == ':' || *s == '-'))
				sep = *s;
			if (!sep || *s++ != sep)
				return -EINVAL;
		}
		hi = hex_digit(*s);
		lo = hi < 0 ? -1 : hex_digit(s[1]);
		if (lo < 0)
			return -EINVAL;
		h.b[i] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	if (*s)
		return -EINVAL;
	*ret = h;
	return 0;
}

const char *ipaddr_format(const struct ipaddr *a, char buf[IPADDR_STRLEN])
{
	if (ip_family_bits(a->family) == 0 || !inet_ntop(a->family, a->b, buf, IPADDR_STRLEN))
		snprintf(buf, IPADDR_STRLEN, "none");
	return buf;
}

const char *ipnet_format(const struct ipnet *n, char buf[IPNET_STRLEN])
{
	char text[IPADDR_STRLEN];

	if (ipnet_is_set(n))
		snprintf(buf, IPNET_STRLEN, "%s/%u", ipaddr_format(&n->addr, text), n->len);
	else
		snprintf(buf, IPNET_STRLEN, "none");
	return buf;
}

const char *hwaddr_format(const struct hwaddr *h, char buf[HWADDR_STRLEN])
{
	snprintf(buf, HWADDR_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", h->b[0], h->b[1], h->b[2], h->b[3],
		 h->b[4], h->b[5]);
	return buf;
}

int ipaddr_from_bytes(int family, const void *p, size_t n, struct ipaddr *ret)
{
	if (ip_family_bytes(family) == 0 || n != ip_family_bytes(family))
		return -EINVAL;
	*ret = (struct ipaddr){ .family = (uint8_t)family };
	memcpy(ret->b, p, n);
	return 0;
}

struct ipaddr ipaddr_from_v4(uint32_t host_order)
{
	return from_number(AF_INET, host_order);
}

uint32_t ipaddr_v4(const struct ipaddr *a)
{
	return a->family == AF_INET ? (uint32_t)number(a) : 0;
}

bool ipaddr_is_zero(const struct ipaddr *a)
{
	return number(a) == 0;
}

bool ipaddr_is_link_local(const struct ipaddr *a)
{
	if (a->family == AF_INET)
		return a->b[0] == 169 && a->b[1] == 254;
	return a->family == AF_INET6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool ipaddr_is_loopback(const struct ipaddr *a)
{
	return (a->family == AF_INET && a->b[0] == 127) || (a->family == AF_INET6 && number(a) == 1);
}

bool ipaddr_is_multicast(const struct ipaddr *a)
{
	return (a->family == AF_INET && (a->b[0] & 0xf0) == 0xe0) ||
	       (a->family == AF_INET6 && a->b[0] == 0xff);
}

int ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, ip_family_bytes(a->family));
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return ipaddr_cmp(a, b) == 0;
}

int ipnet_cmp(const struct ipnet *a, const struct ipnet *b)
{
	int r = ipaddr_cmp(&a->addr, &b->addr);

	return r ? r : (int)a->len - (int)b->len;
}

bool ipnet_equal(const struct ipnet *a, const struct ipnet *b)
{
	return ipnet_cmp(a, b) == 0;
}

bool hwaddr_equal(const struct hwaddr *a, const struct hwaddr *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool hwaddr_is_zero(const struct hwaddr *a)
{
	return hwaddr_equal(a, &(struct hwaddr){ 0 });
}

int ipaddr_add(const struct ipaddr *a, int64_t n, struct ipaddr *ret)
{
	return ipaddr_add_shifted(a, n, 0, ret);
}

int ipaddr_add_shifted(const struct ipaddr *a, int64_t n, unsigned shift, struct ipaddr *ret)
{
	u128 v = number(a), max = family_max(a->family);
	/* the magnitude of INT64_MIN does not fit int64_t */
	u128 steps = n < 0 ? (u128)0 - (u128)(__int128)n : (u128)n, by;

	if (!ipaddr_is_set(a))
		return -EINVAL;
	if (shift > 127 && steps)
		return -ERANGE;
	by = steps ? steps << shift : 0;
	if (steps && by >> shift != steps)
		return -ERANGE;
	if (n < 0 ? by > v : by > max - v)
		return -ERANGE;
	*ret = from_number(a->family, n < 0 ? v - by : v + by);
	return 0;
}

int ipaddr_distance(const struct ipaddr *a, const struct ipaddr *b, unsigned shift, uint64_t *ret)
{
	u128 d;

	if (!ipaddr_is_set(a) || a->family != b->family || ipaddr_cmp(a, b) > 0)
		return -EINVAL;
	d = number(b) - number(a);
	d = shift > 127 ? 0 : d >> shift;
	*ret = d > UINT64_MAX ? UINT64_MAX : (uint64_t)d;
	return 0;
}

struct ipaddr ipnet_mask(int family, unsigned len)
{
	return from_number(family, family_max(family) ^ host_bits(family, len));
}

struct ipnet ipnet_masked(const struct ipnet *n)
{
	return (struct ipnet){ .addr = ipnet_first(n), .len = n->len };
}

struct ipnet ipnet_host(const struct ipaddr *a)
{
	return (struct ipnet){ .addr = *a, .len = (uint8_t)ip_family_bits(a->family) };
}

struct ipaddr ipnet_first(const struct ipnet *n)
{
	return from_number(n->addr.family, number(&n->addr) & ~host_bits(n->addr.family, n->len));
}

struct ipaddr ipnet_last(const struct ipnet *n)
{
	return from_number(n->addr.family, number(&n->addr) | host_bits(n->addr.family, n->len));
}

bool ipnet_contains(const struct ipnet *n, const struct ipaddr *a)
{
	if (!ipnet_is_set(n) || n->addr.family != a->family)
		return false;
	return ((number(&n->addr) ^ number(a)) & ~host_bits(a->family, n->len)) == 0;
}

bool ipnet_contains_net(const struct ipnet *outer, const struct ipnet *inner)
{
	return outer->len <= inner->len && ipnet_contains(outer, &inner->addr);
}

bool ipnet_overlaps(const struct ipnet *a, const struct ipnet *b)
{
	return ipnet_contains_net(a, b) || ipnet_contains_net(b, a);
}

int ipnet_next(const struct ipnet *n, struct ipnet *ret)
{
	struct ipnet next = ipnet_masked(n);
	int r = ipaddr_add_shifted(&next.addr, 1, ip_family_bits(n->addr.family) - n->len, &next.addr);

	if (r < 0)
		return r;
	*ret = next;
	return 0;
}
