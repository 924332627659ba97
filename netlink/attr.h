/*
 * Reading of messages and attributes with every length checked, private to this layer. libmnl's
 * walkers take a length of 2^31 or more for a negative number (1.0.4), and round lengths up to the
 * next multiple of four, past a buffer that ends before.
 */
#pragma once
#include "base/ip.h"
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlattr_view {
	const void *p; /* payload; NULL = absent */
	size_t n;
};

/* Takes the next whole message off the datagram at *p; NULL when there is none (any more). */
const struct nlmsghdr *nlmsg_take(const void **p, size_t *n);

/*
 * Fills tb[type] for types below max from the attributes at p; the last of a kind wins, others
 * are skipped. 0, or -EBADMSG when an attribute leaves its container.
 */
int attr_index(const void *p, size_t n, struct nlattr_view *tb, size_t max);

/* The same for the attributes after a message's fixed header of hdr bytes. */
int attr_index_msg(const struct nlmsghdr *h, size_t hdr, struct nlattr_view *tb, size_t max);

/* A message's payload when it has at least n bytes, else NULL. */
const void *attr_header(const struct nlmsghdr *h, size_t n);

/* Values of at least the size asked for; false and *ret untouched when absent or too short. */
bool attr_u8(const struct nlattr_view *a, uint8_t *ret);
bool attr_u16(const struct nlattr_view *a, uint16_t *ret);
bool attr_u32(const struct nlattr_view *a, uint32_t *ret);

/* Cut to fit, always terminated. */
bool attr_str(const struct nlattr_view *a, char *ret, size_t size);

/* family decides the size; a payload of another size is no address. */
bool attr_ip(const struct nlattr_view *a, int family, struct ipaddr *ret);
