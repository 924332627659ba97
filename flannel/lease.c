#include "flannel/lease.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "flannel/config.h"
#include "flannel/member.h"

enum {
	V4_LEN_MAX = 31,
	V6_LEN_MAX = 127, /* as wide as the key format upstream reads */
	CANDIDATES_MAX = 100,
	VNI_MAX = (1 << 24) - 1,
};

/* A subnet nobody can be given: a peer that claims it would take traffic that is not the overlay's. */
static const char *unusable_subnet(const struct ipnet *n)
{
	struct ipnet masked = ipnet_masked(n);

	if (n->len == 0)
		return "a prefix length of 0 would take all traffic";
	if (!ipaddr_equal(&masked.addr, &n->addr))
		return "the address has bits set beyond the prefix length";
	if (ipaddr_is_multicast(&n->addr) || ipaddr_is_loopback(&n->addr) || ipaddr_is_link_local(&n->addr) ||
	    ipaddr_is_zero(&n->addr))
		return "not a range of unicast addresses";
	return NULL;
}

/* "address-length" in text[0..n) */
static int parse_half(int family, const char *text, size_t n, struct ipnet *ret, struct err *e)
{
	const char *dash = memrchr(text, '-', n);
	char addr[IPADDR_STRLEN];
	size_t n_addr = dash ? (size_t)(dash - text) : n, n_len = dash ? n - n_addr - 1 : 0;
	unsigned len = 0, max = family == AF_INET ? V4_LEN_MAX : V6_LEN_MAX;

	if (!dash)
		return err_text(e, EINVAL, "no \"-\" and prefix length after the address");
	if (n_len == 0 || n_len > 3)
		return err_text(e, EINVAL, "prefix length is not a number");
	for (size_t i = 0; i < n_len; i++) {
		if (dash[1 + i] < '0' || dash[1 + i] > '9')
			return err_text(e, EINVAL, "prefix length is not a number");
		len = len * 10 + (unsigned)(dash[1 + i] - '0');
	}
	if (len > max)
		return err_text(e, EINVAL, "prefix length %u is above %u", len, max);
	if (n_addr >= sizeof(addr))
		return err_text(e, EINVAL, "address is too long");
	memcpy(addr, text, n_addr);
	addr[n_addr] = '\0';
	if (strlen(addr) != n_addr || ipaddr_parse(family, addr, &ret->addr) < 0)
		return err_text(e, EINVAL, "not an %s address", family == AF_INET ? "IPv4" : "IPv6");
	ret->len = (uint8_t)len;
	return 0;
}

int lease_subnet_parse(const char *text, size_t len, struct lease_subnet *ret, struct err *e)
{
	const char *amp = memchr(text, '&', len), *why;
	size_t n4 = amp ? (size_t)(amp - text) : len;
	struct lease_subnet s = { 0 };
	int r;

	if (len >= LEASE_KEY_MAX)
		return err_text(e, EINVAL, "longer than any subnet key");
	r = parse_half(AF_INET, text, n4, &s.v4, e);
	if (r == 0 && amp)
		r = parse_half(AF_INET6, amp + 1, len - n4 - 1, &s.v6, e);
	if (r < 0)
		return r;
	/* the IPv6-only form keeps a place for the IPv4 half, because upstream's agents insist on one */
	if (amp && s.v4.len == 0 && ipaddr_is_zero(&s.v4.addr))
		s.v4 = (struct ipnet){ 0 };
	why = ipnet_is_set(&s.v4) ? unusable_subnet(&s.v4) : NULL;
	if (!why && amp)
		why = unusable_subnet(&s.v6);
	if (why)
		return err_text(e, EINVAL, "%s", why);
	*ret = s;
	return 0;
}

void lease_subnet_format(const struct lease_subnet *s, char ret[LEASE_KEY_MAX])
{
	struct ipaddr zero = ipaddr_from_v4(0);
	const struct ipaddr *v4 = ipnet_is_set(&s->v4) ? &s->v4.addr : &zero;

	if (ipnet_is_set(&s->v6))
		snprintf(ret, LEASE_KEY_MAX, "%s-%u&%s-%u", IPADDR_STR(v4), s->v4.len,
			 IPADDR_STR(&s->v6.addr), s->v6.len);
	else
		snprintf(ret, LEASE_KEY_MAX, "%s-%u", IPADDR_STR(v4), s->v4.len);
}

bool lease_subnet_equal(const struct lease_subnet *a, const struct lease_subnet *b)
{
	return ipnet_equal(&a->v4, &b->v4) && ipnet_equal(&a->v6, &b->v6);
}

const char *lease_subnet_text(const struct lease_subnet *s, char ret[LEASE_KEY_MAX])
{
	bool both = ipnet_is_set(&s->v4) && ipnet_is_set(&s->v6);

	snprintf(ret, LEASE_KEY_MAX, "%s%s%s", ipnet_is_set(&s->v4) ? IPNET_STR(&s->v4) : "", both ? " " : "",
		 ipnet_is_set(&s->v6) ? IPNET_STR(&s->v6) : "");
	return ret;
}

int lease_attrs_encode(const struct lease_attrs *a, struct buf *b)
{
	struct ipaddr zero = ipaddr_from_v4(0);
	int r = buf_printf(b, "{\"PublicIP\":\"%s\",\"PublicIPv6\":",
			   IPADDR_STR(ipaddr_is_set(&a->public_ip) ? &a->public_ip : &zero));

	if (r == 0 && ipaddr_is_set(&a->public_ipv6))
		r = buf_printf(b, "\"%s\"", IPADDR_STR(&a->public_ipv6));
	else if (r == 0)
		r = buf_puts(b, "null");
	if (r == 0 && *a->backend_type) {
		r = buf_puts(b, ",\"BackendType\":");
		if (r == 0)
			r = member_quote(b, a->backend_type);
	}
	if (r == 0 && a->backend_data)
		r = buf_printf(b, ",\"BackendData\":%s", a->backend_data);
	if (r == 0 && a->backend_v6_data)
		r = buf_printf(b, ",\"BackendV6Data\":%s", a->backend_v6_data);
	return r == 0 ? buf_putc(b, '}') : r;
}

static int decode_addr(const struct member *m, int family, struct ipaddr *ret, struct err *e)
{
	char text[IPADDR_STRLEN];
	struct ipaddr a;
	int r = member_string(m, text, sizeof(text), e);

	if (r < 0)
		return r;
	if (ipaddr_parse(family, text, &a) < 0)
		return err_text(e, EINVAL, "%s: not an %s address", m->key,
				family == AF_INET ? "IPv4" : "IPv6");
	if (ipaddr_is_multicast(&a) || ipaddr_is_loopback(&a) || ipaddr_v4(&a) == INADDR_BROADCAST)
		return err_text(e, EINVAL, "%s: %s is not the address of another host", m->key,
				IPADDR_STR(&a));
	*ret = a;
	return 0;
}

static int decode_type(const struct member *m, char ret[LEASE_BACKEND_TYPE_MAX], struct err *e)
{
	int r = member_string(m, ret, LEASE_BACKEND_TYPE_MAX, e);

	for (const char *p = ret; r == 0 && *p; p++)
		if (*p <= ' ' || *p > '~')
			r = err_text(e, EINVAL, "%s: holds other than visible ASCII characters", m->key);
	return r;
}

static int keep_raw(const struct member *m, char **ret, struct err *e)
{
	char *copy = strndup(m->text, m->len);

	if (!copy)
		return err_errno(e, ENOMEM, "%s", m->key);
	free(*ret);
	*ret = copy;
	return 0;
}

static int decode_member(const struct member *m, struct lease_attrs *a, struct err *e)
{
	if (member_is(m, "PublicIP"))
		return decode_addr(m, AF_INET, &a->public_ip, e);
	if (member_is(m, "PublicIPv6")) {
		if (!member_is_null(m))
			return decode_addr(m, AF_INET6, &a->public_ipv6, e);
		a->public_ipv6 = (struct ipaddr){ 0 };
		return 0;
	}
	if (member_is(m, "BackendType"))
		return member_is_null(m) ? 0 : decode_type(m, a->backend_type, e);
	if (member_is(m, "BackendData"))
		return keep_raw(m, &a->backend_data, e);
	if (member_is(m, "BackendV6Data"))
		return keep_raw(m, &a->backend_v6_data, e);
	return 0;
}

int lease_attrs_decode(const char *text, size_t len, struct lease_attrs *ret, struct err *e)
{
	struct lease_attrs a = { .public_ip = ipaddr_from_v4(0) };
	struct member_walk w;
	struct member m;
	int r;

	if (len > LEASE_VALUE_MAX)
		return err_text(e, EFBIG, "lease value is larger than %d bytes", LEASE_VALUE_MAX);
	r = member_begin(&w, text, len, e);
	while (r == 0 && member_next(&w, &m) > 0)
		r = decode_member(&m, &a, e);
	if (r < 0)
		lease_attrs_done(&a);
	else
		*ret = a;
	return r;
}

static int copy_text(const char *s, char **ret)
{
	if (!s)
		return 0;
	*ret = strdup(s);
	return *ret ? 0 : -ENOMEM;
}

int lease_attrs_copy(const struct lease_attrs *a, struct lease_attrs *ret)
{
	struct lease_attrs c = *a;
	int r;

	c.backend_data = c.backend_v6_data = NULL;
	r = copy_text(a->backend_data, &c.backend_data);
	if (r == 0)
		r = copy_text(a->backend_v6_data, &c.backend_v6_data);
	if (r < 0)
		lease_attrs_done(&c);
	else
		*ret = c;
	return r;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool lease_attrs_equal(const struct lease_attrs *a, const struct lease_attrs *b)
{
	/* not given and 0.0.0.0 are written alike */
	bool no_ip = ipaddr_is_zero(&a->public_ip) && ipaddr_is_zero(&b->public_ip);

	return (no_ip || ipaddr_equal(&a->public_ip, &b->public_ip)) &&
	       ipaddr_equal(&a->public_ipv6, &b->public_ipv6) &&
	       strcmp(a->backend_type, b->backend_type) == 0 && same_text(a->backend_data, b->backend_data) &&
	       same_text(a->backend_v6_data, b->backend_v6_data);
}

void lease_attrs_done(struct lease_attrs *a)
{
	free(a->backend_data);
	free(a->backend_v6_data);
	*a = (struct lease_attrs){ 0 };
}

int lease_copy(const struct lease *l, struct lease *ret)
{
	struct lease c = *l;
	int r = lease_attrs_copy(&l->attrs, &c.attrs);

	if (r == 0)
		*ret = c;
	return r;
}

void lease_done(struct lease *l)
{
	lease_attrs_done(&l->attrs);
	*l = (struct lease){ 0 };
}

int lease_vxlan_decode(const char *json, struct lease_vxlan *ret, struct err *e)
{
	struct lease_vxlan v = { 0 };
	bool have_mac = false;
	char text[HWADDR_STRLEN];
	struct member_walk w;
	struct member m;
	uint64_t vni;
	int r;

	if (!json)
		return err_text(e, EINVAL, "there is no BackendData");
	r = member_begin(&w, json, strlen(json), e);
	while (r == 0 && member_next(&w, &m) > 0) {
		if (member_is(&m, "VNI") && !member_is_null(&m)) {
			r = member_uint(&m, VNI_MAX, &vni, e);
			if (r == 0)
				v.vni = (uint32_t)vni;
		} else if (member_is(&m, "VtepMAC")) {
			r = member_string(&m, text, sizeof(text), e);
			if (r == 0 && hwaddr_parse(text, &v.mac) < 0)
				r = err_text(e, EINVAL, "VtepMAC: not a MAC address");
			have_mac = r == 0;
		}
	}
	if (r < 0)
		return r;
	if (!have_mac)
		return err_text(e, EINVAL, "VtepMAC is missing");
	if (hwaddr_is_zero(&v.mac) || (v.mac.b[0] & 1))
		return err_text(e, EINVAL, "VtepMAC: %s is not the address of one device",
				HWADDR_STR(&v.mac));
	*ret = v;
	return 0;
}

int lease_vxlan_encode(const struct lease_vxlan *v, char **ret)
{
	char *text;

	if (asprintf(&text, "{\"VNI\":%u,\"VtepMAC\":\"%s\"}", v->vni, HWADDR_STR(&v->mac)) < 0)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static bool fits(const struct ipnet *n, bool enabled, unsigned len, const struct ipaddr *min,
		 const struct ipaddr *max)
{
	if (!enabled || !ipnet_is_set(n))
		return enabled == ipnet_is_set(n);
	return n->len == len && ipaddr_cmp(&n->addr, min) >= 0 && ipaddr_cmp(&n->addr, max) <= 0;
}

bool lease_subnet_fits(const struct lease_subnet *s, const struct net_config *c)
{
	return fits(&s->v4, c->enable_ipv4, c->subnet_len, &c->subnet_min, &c->subnet_max) &&
	       fits(&s->v6, c->enable_ipv6, c->ipv6_subnet_len, &c->ipv6_subnet_min, &c->ipv6_subnet_max);
}

static int by_address(const void *a, const void *b)
{
	return ipnet_cmp(a, b);
}

/* The leases' ranges of one family, sorted by address. */
static size_t ranges_of(int family, const struct lease *taken, size_t n, struct ipnet *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ipnet *r = family == AF_INET ? &taken[i].subnet.v4 : &taken[i].subnet.v6;

		if (ipnet_is_set(r))
			out[k++] = ipnet_masked(r);
	}
	qsort(out, k, sizeof(*out), by_address);
	return k;
}

/*
 * One sweep over the sorted ranges: a range that covers many subnets is stepped over at once, so a
 * lease for half of an IPv6 network does not cost billions of steps.
 */
static int pick_family(const struct ipnet *taken, size_t n, const struct ipaddr *min,
		       const struct ipaddr *max, unsigned len, struct ipnet *ret)
{
	unsigned shift = ip_family_bits(min->family) - len;
	struct ipaddr free_at[CANDIDATES_MAX], at = *min, covered = { 0 };
	size_t n_free = 0, i = 0;
	uint32_t random;

	while (ipaddr_cmp(&at, max) <= 0 && n_free < CANDIDATES_MAX) {
		struct ipnet want = { at, (uint8_t)len };
		struct ipaddr last = ipnet_last(&want), from = at;

		for (; i < n && ipaddr_cmp(&taken[i].addr, &last) <= 0; i++) {
			struct ipaddr end = ipnet_last(&taken[i]);

			if (!ipaddr_is_set(&covered) || ipaddr_cmp(&end, &covered) > 0)
				covered = end;
		}
		if (!ipaddr_is_set(&covered) || ipaddr_cmp(&covered, &at) < 0) {
			free_at[n_free++] = at;
		} else {
			struct ipnet over = { covered, (uint8_t)len };

			from = ipnet_masked(&over).addr;
		}
		if (ipaddr_add_shifted(&from, 1, shift, &at) < 0)
			break; /* the end of the address space */
	}
	if (n_free == 0)
		return -ENOSPC;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	*ret = (struct ipnet){ free_at[random % n_free], (uint8_t)len };
	return 0;
}

int lease_subnet_pick(const struct net_config *c, const struct lease *taken, size_t n_taken,
		      struct lease_subnet *ret, struct err *e)
{
	CLEANUP(freep) struct ipnet *ranges = calloc(n_taken + 1, sizeof(*ranges));
	struct lease_subnet s = { 0 };
	int r = 0;

	if (!ranges)
		return err_errno(e, ENOMEM, "picking a subnet");
	if (c->enable_ipv4)
		r = pick_family(ranges, ranges_of(AF_INET, taken, n_taken, ranges), &c->subnet_min,
				&c->subnet_max, c->subnet_len, &s.v4);
	if (r == 0 && c->enable_ipv6)
		r = pick_family(ranges, ranges_of(AF_INET6, taken, n_taken, ranges), &c->ipv6_subnet_min,
				&c->ipv6_subnet_max, c->ipv6_subnet_len, &s.v6);
	if (r == -ENOSPC)
		return err_text(e, ENOSPC, "out of subnets");
	if (r < 0)
		return err_errno(e, -r, "picking a subnet");
	*ret = s;
	return 0;
}
