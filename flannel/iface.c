#include "flannel/iface.h"

#include <linux/if_addr.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/dump.h"

enum { OBJECTS_MAX = 1 << 16, PATTERN_MAX = 1024, CANDIDATES_TEXT_MAX = 512 };

/* An interface found by one of the ways, with the addresses that the way already settled. */
struct found {
	const struct nl_link *link;
	struct ipaddr addr, addr6;
};

static bool given(const char *s)
{
	return s && *s;
}

static const struct nl_link *link_by_index(const struct iface_snapshot *s, int ifindex)
{
	for (size_t i = 0; i < s->n_links; i++)
		if (s->links[i].ifindex == ifindex)
			return &s->links[i];
	return NULL;
}

static const struct nl_link *link_by_name(const struct iface_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++)
		if (strcmp(s->links[i].name, name) == 0)
			return &s->links[i];
	return NULL;
}

/* The first interface, by index, that has exactly this address. */
static const struct nl_link *link_by_addr(const struct iface_snapshot *s, const struct ipaddr *a)
{
	for (size_t l = 0; l < s->n_links; l++)
		for (size_t i = 0; i < s->n_addrs; i++)
			if (s->addrs[i].ifindex == s->links[l].ifindex &&
			    ipaddr_equal(&s->addrs[i].local.addr, a))
				return &s->links[l];
	return NULL;
}

static bool usable(const struct nl_addr *a, int family)
{
	return a->local.addr.family == family && !(a->flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED)) &&
	       !ipaddr_is_loopback(&a->local.addr) && !ipaddr_is_multicast(&a->local.addr) &&
	       !ipaddr_is_zero(&a->local.addr);
}

/* Smaller is better: global before link-local, permanent before not, lasting before temporary. */
static unsigned rank(const struct nl_addr *a)
{
	return (ipaddr_is_link_local(&a->local.addr) ? 4u : 0u) | (a->flags & IFA_F_PERMANENT ? 0u : 2u) |
	       (a->flags & IFA_F_TEMPORARY ? 1u : 0u);
}

static const struct ipaddr *best_addr(const struct iface_snapshot *s, int ifindex, int family)
{
	const struct nl_addr *best = NULL;

	for (size_t i = 0; i < s->n_addrs; i++) {
		const struct nl_addr *a = &s->addrs[i];

		if (a->ifindex == ifindex && usable(a, family) && (!best || rank(a) < rank(best)))
			best = a;
	}
	return best ? &best->local.addr : NULL;
}

static int find_addr(const struct iface_snapshot *s, const struct iface_options *o, const struct ipaddr *a,
		     struct found *ret, struct err *e)
{
	struct found f = { 0 };
	struct ipaddr other;

	if ((a->family == AF_INET && !o->v4) || (a->family == AF_INET6 && !o->v6))
		return err_text(e, EADDRNOTAVAIL, "%s is of a family that the network does not use",
				IPADDR_STR(a));
	f.link = link_by_addr(s, a);
	if (!f.link)
		return err_text(e, EADDRNOTAVAIL, "no interface with address %s found", IPADDR_STR(a));
	if (a->family == AF_INET)
		f.addr = *a;
	else
		f.addr6 = *a;
	/* A public address behind a NAT belongs to no interface and says nothing about the choice. */
	if (o->v4 && o->v6 && a->family == AF_INET && given(o->public_ip6) &&
	    ipaddr_parse(AF_INET6, o->public_ip6, &other) == 0) {
		const struct nl_link *l = link_by_addr(s, &other);

		if (l && l != f.link)
			return err_text(e, EINVAL, "%s is on %s, but %s is on %s", IPADDR_STR(a),
					f.link->name, o->public_ip6, l->name);
		if (l)
			f.addr6 = other;
	}
	*ret = f;
	return 0;
}

static int find_name(const struct iface_snapshot *s, const struct iface_options *o, const char *name,
		     struct found *ret, struct err *e)
{
	struct ipaddr a;
	struct found f = { 0 };

	if (ipaddr_parse(AF_UNSPEC, name, &a) == 0)
		return find_addr(s, o, &a, ret, e);
	f.link = link_by_name(s, name);
	if (!f.link)
		return err_text(e, ENODEV, "no such interface");
	*ret = f;
	return 0;
}

/*
 * Patterns are written in Go's syntax, matching is POSIX's: \d and (?: exist in the first only,
 * anything else that differs is refused instead of matching something else.
 */
static int translate(const char *in, struct buf *out, struct err *e)
{
	bool bracket = false;
	int r = 0;

	for (const char *p = in; *p && r == 0; p++) {
		if (*p == '\\' && p[1] == 'd') {
			r = buf_puts(out, bracket ? "0-9" : "[0-9]");
			p++;
		} else if (*p == '\\' && p[1] == 'D' && !bracket) {
			r = buf_puts(out, "[^0-9]");
			p++;
		} else if (*p == '\\' && p[1] && strchr("bBwWsS.[]()*+?{}|^$\\/-", p[1]) && !bracket) {
			if (p[1] != '/' && p[1] != '-')
				r = buf_putc(out, '\\');
			if (r == 0)
				r = buf_putc(out, *++p);
		} else if (*p == '\\' && bracket && p[1] && strchr(".^$*+?{}()|/", p[1])) {
			r = buf_putc(out, *++p);
		} else if (*p == '\\') {
			return err_text(e, EINVAL, "pattern \"%s\": escape \"%.2s\" is not supported", in, p);
		} else if (!bracket && strncmp(p, "(?:", 3) == 0) {
			r = buf_putc(out, '(');
			p += 2;
		} else if (!bracket && strncmp(p, "(?", 2) == 0) {
			return err_text(e, EINVAL, "pattern \"%s\": \"%.3s\" is not supported", in, p);
		} else {
			if (*p == '[' && !bracket)
				bracket = true;
			else if (*p == ']' && bracket && p[-1] != '[' && !(p[-1] == '^' && p[-2] == '['))
				bracket = false;
			r = buf_putc(out, *p);
		}
	}
	return r < 0 ? err_errno(e, -r, "pattern \"%s\"", in) : 0;
}

static const struct ipaddr *match_addr(const struct iface_snapshot *s, const regex_t *re, int ifindex,
				       int family)
{
	for (size_t i = 0; i < s->n_addrs; i++)
		if (s->addrs[i].ifindex == ifindex && usable(&s->addrs[i], family) &&
		    regexec(re, IPADDR_STR(&s->addrs[i].local.addr), 0, NULL, 0) == 0)
			return &s->addrs[i].local.addr;
	return NULL;
}

static int no_match(const struct iface_snapshot *s, const char *pattern, struct err *e)
{
	const size_t n_addrs = s->addrs ? s->n_addrs : 0;
	char list[CANDIDATES_TEXT_MAX] = "";
	size_t used = 0;

	for (size_t l = 0; l < s->n_links && used < sizeof(list); l++) {
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s:[", l ? ", " : "",
					 s->links[l].name);
		for (size_t i = 0, n = 0; i < n_addrs && used < sizeof(list); i++)
			if (s->addrs[i].ifindex == s->links[l].ifindex)
				used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
							 n++ ? " " : "", IPADDR_STR(&s->addrs[i].local.addr));
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "]");
	}
	return err_text(e, ENODEV,
			"could not match pattern %s to any of the available network interfaces (%s)", pattern,
			list);
}

static int find_regex(const struct iface_snapshot *s, const struct iface_options *o, const char *pattern,
		      struct found *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf posix = BUF_INIT(.max = PATTERN_MAX);
	struct found f = { 0 };
	regex_t re;
	int r = translate(pattern, &posix, e);

	if (r < 0)
		return r;
	r = regcomp(&re, buf_str(&posix), REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		char why[128];

		(void)regerror(r, &re, why, sizeof(why));
		return err_text(e, EINVAL, "pattern \"%s\": %s", pattern, why);
	}
	for (size_t l = 0; l < s->n_links && !f.link; l++) {
		const struct nl_link *link = &s->links[l];
		const struct ipaddr *a = o->v4 ? match_addr(s, &re, link->ifindex, AF_INET) : NULL;
		const struct ipaddr *a6 = o->v6 ? match_addr(s, &re, link->ifindex, AF_INET6) : NULL;

		if ((o->v4 && !a) || (o->v6 && !a6))
			continue;
		f.link = link;
		if (a)
			f.addr = *a;
		if (a6)
			f.addr6 = *a6;
	}
	for (size_t l = 0; l < s->n_links && !f.link; l++)
		if (regexec(&re, s->links[l].name, 0, NULL, 0) == 0)
			f.link = &s->links[l];
	regfree(&re);
	if (!f.link)
		return no_match(s, pattern, e);
	*ret = f;
	return 0;
}

static int find_reach(const struct iface_snapshot *s, const struct iface_options *o, struct found *ret,
		      struct err *e)
{
	struct found f = { .link = link_by_index(s, s->reach.oif) };
	struct ipaddr a;

	if (ipaddr_parse(AF_UNSPEC, o->can_reach, &a) < 0)
		return err_text(e, EINVAL, "\"%s\" is not an IP address", o->can_reach);
	if (!f.link)
		return err_text(e, ENETUNREACH, "no route to %s", o->can_reach);
	if (s->reach.prefsrc.family == AF_INET)
		f.addr = s->reach.prefsrc;
	else if (s->reach.prefsrc.family == AF_INET6)
		f.addr6 = s->reach.prefsrc;
	*ret = f;
	return 0;
}

static const struct nl_link *default_link(const struct iface_snapshot *s, int family)
{
	const struct nl_route *best = NULL;

	for (size_t i = 0; i < s->n_defaults; i++) {
		const struct nl_route *r = &s->defaults[i];

		if (r->dst.addr.family == family && r->dst.len == 0 && r->oif && link_by_index(s, r->oif) &&
		    (!best || r->metric < best->metric))
			best = r;
	}
	return best ? link_by_index(s, best->oif) : NULL;
}

static int find_default(const struct iface_snapshot *s, const struct iface_options *o, struct found *ret,
			struct err *e)
{
	const struct nl_link *l4 = o->v4 ? default_link(s, AF_INET) : NULL;
	const struct nl_link *l6 = o->v6 ? default_link(s, AF_INET6) : NULL;

	if (o->v4 && !l4)
		return err_text(e, ENODEV, "unable to find default route");
	if (o->v6 && !l6)
		return err_text(e, ENODEV, "unable to find default v6 route");
	if (o->v4 && o->v6 && l4 != l6)
		return err_text(e, ENODEV,
				"v4 default route is on %s, v6 default route on %s: choose with --iface",
				l4->name, l6->name);
	*ret = (struct found){ .link = l4 ? l4 : l6 };
	return 0;
}

/* Without any of the three interface options. */
static int find_unasked(const struct iface_snapshot *s, const struct iface_options *o, struct found *ret,
			char reason[IFACE_REASON_MAX], struct err *e)
{
	const char *pub = given(o->public_ip) ? o->public_ip : o->public_ip6;
	const char *flag = given(o->public_ip) ? "--public-ip" : "--public-ipv6";
	struct ipaddr a;
	int r;

	if (given(pub) && ipaddr_parse(AF_UNSPEC, pub, &a) == 0 && find_addr(s, o, &a, ret, NULL) == 0) {
		(void)snprintf(reason, IFACE_REASON_MAX, "it has the address %s of %s", pub, flag);
		return 0;
	}
	r = find_default(s, o, ret, e);
	if (r < 0)
		return err_wrap(e, r, "Failed to find any valid interface to use");
	if (given(pub))
		(void)snprintf(reason, IFACE_REASON_MAX,
			       "it has the default route, and no interface has the address %s of %s", pub,
			       flag);
	else
		(void)snprintf(reason, IFACE_REASON_MAX, "it has the default route");
	return 0;
}

static int find_asked(const struct iface_snapshot *s, const struct iface_options *o, struct found *ret,
		      char reason[IFACE_REASON_MAX], struct err *e)
{
	struct err why = { 0 }, last = { 0 };

	for (size_t i = 0; i < o->n_names; i++) {
		if (find_name(s, o, o->names[i], ret, &why) == 0) {
			(void)snprintf(reason, IFACE_REASON_MAX, "named by --iface=%s", o->names[i]);
			return 0;
		}
		err_wrap(&why, -1, "Could not find valid interface matching %s", o->names[i]);
		last = why;
	}
	for (size_t i = 0; i < o->n_regexes; i++) {
		if (find_regex(s, o, o->regexes[i], ret, &why) == 0) {
			(void)snprintf(reason, IFACE_REASON_MAX, "matches --iface-regex=%s", o->regexes[i]);
			return 0;
		}
		err_wrap(&why, -1, "Could not find valid interface matching %s", o->regexes[i]);
		last = why;
	}
	if (given(o->can_reach)) {
		if (find_reach(s, o, ret, &why) == 0) {
			(void)snprintf(reason, IFACE_REASON_MAX, "reaches --iface-can-reach=%s",
				       o->can_reach);
			return 0;
		}
		err_wrap(&why, -1, "Could not find valid interface matching %s", o->can_reach);
		last = why;
	}
	return err_text(
		e, ENODEV,
		"Failed to find interface to use that matches the interfaces and/or regexes provided: %s",
		last.text);
}

static int settle_addr(const struct iface_snapshot *s, const struct nl_link *l, int family,
		       const struct ipaddr *fixed, const char *public_ip, struct ipaddr *ret,
		       struct ipaddr *ret_ext, struct err *e)
{
	const char *family_name = family == AF_INET ? "IPv4" : "IPv6";
	const struct ipaddr *a = ipaddr_is_set(fixed) ? fixed : best_addr(s, l->ifindex, family);

	if (!a)
		return err_text(e, EADDRNOTAVAIL, "failed to find %s address for interface %s", family_name,
				l->name);
	*ret = *a;
	*ret_ext = *a;
	if (given(public_ip) && ipaddr_parse(family, public_ip, ret_ext) < 0)
		return err_text(e, EINVAL, "invalid public %s address: %s", family == AF_INET ? "IP" : "IPv6",
				public_ip);
	return 0;
}

int iface_choose(const struct iface_snapshot *s, const struct iface_options *o, struct iface_choice *ret,
		 struct err *e)
{
	struct iface_choice c = { 0 };
	struct found f = { 0 };
	int r;

	if (!s->links || s->n_links == 0)
		return err_text(e, ENODEV, "there is no network interface");
	if (o->n_names || o->n_regexes || given(o->can_reach))
		r = find_asked(s, o, &f, c.reason, e);
	else
		r = find_unasked(s, o, &f, c.reason, e);
	if (r < 0 || !f.link)
		return r < 0 ? r : -ENODEV;
	if (o->v4)
		r = settle_addr(s, f.link, AF_INET, &f.addr, o->public_ip, &c.addr, &c.ext, e);
	if (r == 0 && o->v6)
		r = settle_addr(s, f.link, AF_INET6, &f.addr6, o->public_ip6, &c.addr6, &c.ext6, e);
	if (r < 0)
		return r;
	if (f.link->mtu == 0)
		return err_text(e, EINVAL, "failed to determine MTU for interface %s", f.link->name);
	c.ifindex = f.link->ifindex;
	c.mtu = f.link->mtu;
	memcpy(c.name, f.link->name, sizeof(c.name));
	*ret = c;
	return 0;
}

/* Makes room for one more element of an array that doubles. */
static int grow(void **array, size_t n, size_t size)
{
	void *bigger;

	if (n >= OBJECTS_MAX)
		return -E2BIG;
	if (n && (n & (n - 1)))
		return 0;
	bigger = realloc(*array, (n ? 2 * n : 1) * size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

static int on_link(void *ctx, const struct nl_link *l)
{
	struct iface_snapshot *s = ctx;
	void *array = s->links;
	int r = grow(&array, s->n_links, sizeof(*l));

	s->links = array;
	if (r == 0)
		s->links[s->n_links++] = *l;
	return r;
}

static int on_addr(void *ctx, const struct nl_addr *a)
{
	struct iface_snapshot *s = ctx;
	void *array = s->addrs;
	int r = grow(&array, s->n_addrs, sizeof(*a));

	s->addrs = array;
	if (r == 0)
		s->addrs[s->n_addrs++] = *a;
	return r;
}

static int on_route(void *ctx, const struct nl_route *route)
{
	struct iface_snapshot *s = ctx;
	void *array = s->defaults;
	int r;

	if (route->dst.len != 0 || route->type != RTN_UNICAST)
		return 0;
	r = grow(&array, s->n_defaults, sizeof(*route));
	s->defaults = array;
	if (r == 0)
		s->defaults[s->n_defaults++] = *route;
	return r;
}

static int link_order(const void *a, const void *b)
{
	const struct nl_link *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

int iface_snapshot_load(struct nldump *d, const struct iface_options *o, struct iface_snapshot *ret,
			struct err *e)
{
	const struct route_filter defaults = { .type = RTN_UNICAST };
	CLEANUP(iface_snapshot_done) struct iface_snapshot s = { 0 };
	struct ipaddr reach;
	int r = link_dump(d, on_link, &s, e);

	if (r == 0)
		r = addr_dump(d, AF_UNSPEC, 0, on_addr, &s, e);
	if (r == 0)
		r = route_dump(d, &defaults, on_route, &s, e);
	if (r < 0)
		return r;
	if (s.n_links)
		qsort(s.links, s.n_links, sizeof(*s.links), link_order);
	/* No way there is an answer, too: iface_choose() tells it with the option's name. */
	if (given(o->can_reach) && ipaddr_parse(AF_UNSPEC, o->can_reach, &reach) == 0 &&
	    route_get(d, &reach, &s.reach, NULL) < 0)
		memset(&s.reach, 0, sizeof(s.reach));
	*ret = s;
	memset(&s, 0, sizeof(s));
	return 0;
}

void iface_snapshot_done(struct iface_snapshot *s)
{
	free(s->links);
	free(s->addrs);
	free(s->defaults);
	memset(s, 0, sizeof(*s));
}
