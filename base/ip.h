/*
 * Addresses, prefixes and hardware addresses as plain values: no ownership, compared and copied
 * freely. Bytes are kept in network order; unused bytes are zero, so equal values are equal bytes.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IPADDR_STRLEN = 46, IPNET_STRLEN = 50, HWADDR_STRLEN = 18 };

struct ipaddr {
	uint8_t family; /* AF_INET, AF_INET6, or AF_UNSPEC (0): no address */
	union {
		uint8_t b[16];
		struct in_addr v4;
		struct in6_addr v6;
	};
};

struct ipnet {
	struct ipaddr addr; /* may have host bits: ipnet_masked() clears them */
	uint8_t len;
};

struct hwaddr {
	uint8_t b[6];
};

/*
 * Text to value: strict dotted quad (no leading zeros) or IPv6 without zone or prefix. family is
 * AF_INET, AF_INET6 or AF_UNSPEC for either. Returns 0 or -EINVAL.
 */
int ipaddr_parse(int family, const char *s, struct ipaddr *ret);

/* "addr/len"; host bits are kept. Without "/len": -EINVAL. */
int ipnet_parse(int family, const char *s, struct ipnet *ret);

/* Six pairs of hex digits with ':' or with '-' between them; either case. Returns 0 or -EINVAL. */
int hwaddr_parse(const char *s, struct hwaddr *ret);

/* Value to text, always terminated; "none" for AF_UNSPEC. They return buf. */
const char *ipaddr_format(const struct ipaddr *a, char buf[IPADDR_STRLEN]);
const char *ipnet_format(const struct ipnet *n, char buf[IPNET_STRLEN]);
const char *hwaddr_format(const struct hwaddr *h, char buf[HWADDR_STRLEN]);

/* The same for use inside one full expression (printf arguments). */
#define IPADDR_STR(a) ipaddr_format((a), (char[IPADDR_STRLEN]){ 0 })
#define IPNET_STR(n)  ipnet_format((n), (char[IPNET_STRLEN]){ 0 })
#define HWADDR_STR(h) hwaddr_format((h), (char[HWADDR_STRLEN]){ 0 })

/* n must be 4 (AF_INET) or 16 (AF_INET6). Returns 0 or -EINVAL. */
int ipaddr_from_bytes(int family, const void *p, size_t n, struct ipaddr *ret);
struct ipaddr ipaddr_from_v4(uint32_t host_order);
uint32_t ipaddr_v4(const struct ipaddr *a); /* host order; 0 when not IPv4 */

unsigned ip_family_bits(int family);  /* 32, 128, or 0 */
unsigned ip_family_bytes(int family); /* 4, 16, or 0 */

static inline bool ipaddr_is_set(const struct ipaddr *a)
{
	return a->family != 0;
}

static inline bool ipnet_is_set(const struct ipnet *n)
{
	return n->addr.family != 0;
}

bool ipaddr_is_zero(const struct ipaddr *a); /* 0.0.0.0, ::, or not set */
bool ipaddr_is_link_local(const struct ipaddr *a);
bool ipaddr_is_loopback(const struct ipaddr *a);
bool ipaddr_is_multicast(const struct ipaddr *a);

/* Order: family, then bytes as a number. */
int ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b);
bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
int ipnet_cmp(const struct ipnet *a, const struct ipnet *b); /* address, then length */
bool ipnet_equal(const struct ipnet *a, const struct ipnet *b);
bool hwaddr_equal(const struct hwaddr *a, const struct hwaddr *b);
bool hwaddr_is_zero(const struct hwaddr *a);

/* a + n (n may be negative) within the family. Returns 0, -ERANGE past either end, -EINVAL unset. */
int ipaddr_add(const struct ipaddr *a, int64_t n, struct ipaddr *ret);

/* a + n * 2^shift: steps in units of a prefix, shift = bits - prefix length. As ipaddr_add(). */
int ipaddr_add_shifted(const struct ipaddr *a, int64_t n, unsigned shift, struct ipaddr *ret);

/*
 * b - a in units of 2^shift, for two addresses of one family with b >= a. The result saturates at
 * UINT64_MAX. Returns 0 or -EINVAL.
 */
int ipaddr_distance(const struct ipaddr *a, const struct ipaddr *b, unsigned shift, uint64_t *ret);

struct ipaddr ipnet_mask(int family, unsigned len); /* 255.255.0.0 */
struct ipnet ipnet_masked(const struct ipnet *n);   /* host bits cleared */
struct ipnet ipnet_host(const struct ipaddr *a);    /* a/32 or a/128 */
struct ipaddr ipnet_first(const struct ipnet *n);   /* the network's own address */
struct ipaddr ipnet_last(const struct ipnet *n);    /* all host bits one */
bool ipnet_contains(const struct ipnet *n, const struct ipaddr *a);
bool ipnet_contains_net(const struct ipnet *outer, const struct ipnet *inner);
bool ipnet_overlaps(const struct ipnet *a, const struct ipnet *b);

/* The neighbour of the same length above n. Returns 0 or -ERANGE at the end of the family. */
int ipnet_next(const struct ipnet *n, struct ipnet *ret);
