#include "flannel/config.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "flannel/member.h"

enum {
	TYPE_MAX = 64,
	VNI_MAX = (1 << 24) - 1,
	PORT_MAX = 65535,
	MTU_MAX = 65535,
};

enum field_kind { F_BOOL, F_UINT, F_ADDR, F_NET };

struct field {
	const char *key;
	enum field_kind kind;
	size_t off;
	int family;
	uint64_t max;
	bool null_is_absent; /* for addresses upstream accepts null only where it kept a pointer */
};

#define AT(m) offsetof(struct net_config, m)

static const struct field config_fields[] = {
	{ "EnableIPv4", F_BOOL, AT(enable_ipv4), 0, 0, true },
	{ "EnableIPv6", F_BOOL, AT(enable_ipv6), 0, 0, true },
	{ "EnableNFTables", F_BOOL, AT(enable_nftables), 0, 0, true },
	{ "Network", F_NET, AT(network), AF_INET, 0, false },
	{ "IPv6Network", F_NET, AT(ipv6_network), AF_INET6, 0, false },
	{ "SubnetLen", F_UINT, AT(subnet_len), 0, UINT32_MAX, true },
	{ "SubnetMin", F_ADDR, AT(subnet_min), AF_INET, 0, false },
	{ "SubnetMax", F_ADDR, AT(subnet_max), AF_INET, 0, false },
	{ "IPv6SubnetLen", F_UINT, AT(ipv6_subnet_len), 0, UINT32_MAX, true },
	{ "IPv6SubnetMin", F_ADDR, AT(ipv6_subnet_min), AF_INET6, 0, true },
	{ "IPv6SubnetMax", F_ADDR, AT(ipv6_subnet_max), AF_INET6, 0, true },
};

#undef AT
#define AT(m) offsetof(struct vxlan_config, m)

static const struct field vxlan_fields[] = {
	{ "VNI", F_UINT, AT(vni), 0, VNI_MAX, true },
	{ "Port", F_UINT, AT(port), 0, PORT_MAX, true },
	{ "MTU", F_UINT, AT(mtu), 0, MTU_MAX, true },
	{ "GBP", F_BOOL, AT(gbp), 0, 0, true },
	{ "Learning", F_BOOL, AT(learning), 0, 0, true },
	{ "DirectRouting", F_BOOL, AT(direct_routing), 0, 0, true },
};

#undef AT

static int decode_field(const struct field *f, const struct member *m, void *out, struct err *e)
{
	void *at = (char *)out + f->off;
	const char *family = f->family == AF_INET ? "IPv4" : "IPv6";
	char text[TYPE_MAX];
	uint64_t v;
	int r;

	if (f->null_is_absent && member_is_null(m))
		return 0;
	switch (f->kind) {
	case F_BOOL:
		return member_bool(m, at, e);
	case F_UINT:
		r = member_uint(m, f->max, &v, e);
		if (r == 0)
			*(unsigned *)at = (unsigned)v;
		return r;
	case F_ADDR:
		r = member_string(m, text, sizeof(text), e);
		if (r == 0 && ipaddr_parse(f->family, text, at) < 0)
			r = err_text(e, EINVAL, "%s: \"%s\" is not an %s address", m->key, text, family);
		return r;
	case F_NET:
		r = member_string(m, text, sizeof(text), e);
		if (r == 0 && ipnet_parse(f->family, text, at) < 0)
			r = err_text(e, EINVAL, "%s: \"%s\" is not an %s network like %s", m->key, text,
				     family, f->family == AF_INET ? "10.244.0.0/16" : "fd00:10:244::/48");
		if (r == 0)
			*(struct ipnet *)at = ipnet_masked(at);
		return r;
	}
	return 0;
}

static int decode_fields(const struct field *fields, size_t n, const struct member *m, void *out,
			 struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (member_is(m, fields[i].key))
			return decode_field(&fields[i], m, out, e);
	return 0;
}

static int backend_type(const char *json, size_t len, struct arena *a, const char **ret, struct err *e)
{
	char type[TYPE_MAX] = "";
	struct member_walk w;
	struct member m;
	int r = member_begin(&w, json, len, e);

	while (r == 0 && member_next(&w, &m) > 0)
		if (member_is(&m, "Type") && !member_is_null(&m))
			r = member_string(&m, type, sizeof(type), e);
	if (r < 0)
		return err_wrap(e, r, "Backend");
	*ret = arena_strdup(a, type);
	return *ret ? 0 : err_errno(e, ENOMEM, "Backend");
}

int net_config_parse(const char *text, size_t len, struct arena *a, struct net_config *ret, struct err *e)
{
	struct net_config c = { .enable_ipv4 = true, .backend_type = "udp" };
	struct member_walk w;
	struct member m;
	int r;

	if (len > NET_CONFIG_MAX)
		return err_text(e, EFBIG, "network config is larger than %d bytes", NET_CONFIG_MAX);
	r = member_begin(&w, text, len, e);
	while (r == 0 && member_next(&w, &m) > 0) {
		if (!member_is(&m, "Backend")) {
			r = decode_fields(config_fields, ARRAY_SIZE(config_fields), &m, &c, e);
			continue;
		}
		c.backend_json = arena_strndup(a, m.text, m.len);
		if (!c.backend_json)
			return err_errno(e, ENOMEM, "Backend");
		c.backend_type = "";
		if (!member_is_null(&m))
			r = backend_type(m.text, m.len, a, &c.backend_type, e);
	}
	if (r == 0)
		*ret = c;
	return r;
}

struct family_rules {
	int family;
	unsigned len_max;     /* longest SubnetLen */
	unsigned too_small;   /* longest Network without a SubnetLen */
	unsigned wide, usual; /* networks up to `wide` get `usual` as SubnetLen */
	const char *network, *min, *max;
};

static const struct family_rules rules_v4 = { AF_INET, 30, 28, 22, 24, "Network", "SubnetMin", "SubnetMax" };
static const struct family_rules rules_v6 = {
	AF_INET6, 126, 124, 62, 64, "IPv6Network", "IPv6SubnetMin", "IPv6SubnetMax"
};

static int check_bound(const struct family_rules *f, const char *name, const struct ipnet *network,
		       const struct ipaddr *a, struct err *e)
{
	if (!ipnet_contains(network, a))
		return err_text(e, EINVAL, "%s is not in the range of the %s", name, f->network);
	return 0;
}

static int check_boundary(const char *name, const struct ipaddr *a, unsigned len, struct err *e)
{
	struct ipnet n = ipnet_masked(&(struct ipnet){ *a, (uint8_t)len });

	if (!ipaddr_equal(&n.addr, a))
		return err_text(e, EINVAL, "%s is not on a SubnetLen boundary: %s", name, IPADDR_STR(a));
	return 0;
}

static int check_family(const struct family_rules *f, const struct ipnet *network, unsigned *len,
			struct ipaddr *min, struct ipaddr *max, struct err *e)
{
	unsigned shift;
	struct ipnet last;
	int r = 0;

	if (!ipnet_is_set(network))
		return err_text(e, EINVAL, "please define a correct %s parameter in the flannel config",
				f->network);
	if (network->len == 0 || ipaddr_is_zero(&network->addr) || ipaddr_is_multicast(&network->addr) ||
	    ipaddr_is_loopback(&network->addr) || ipaddr_is_link_local(&network->addr))
		return err_text(e, EINVAL, "%s: %s is not a range of addresses for hosts", f->network,
				IPNET_STR(network));
	if (*len > 0) {
		if (*len > f->len_max)
			return err_text(e, EINVAL, "SubnetLen must be less than /%u", f->len_max + 1);
		if (*len < network->len + 2u)
			return err_text(e, EINVAL,
					"network must be able to accommodate at least four subnets");
	} else {
		if (network->len > f->too_small)
			return err_text(e, EINVAL, "%s is too small. Minimum useful network prefix is /%u",
					f->family == AF_INET ? "network" : "IPv6Network", f->too_small);
		*len = network->len <= f->wide ? f->usual : network->len + 2u;
	}

	shift = ip_family_bits(f->family) - *len;
	/* an address of zero is upstream's "not given" */
	if (ipaddr_is_zero(min))
		r = ipaddr_add_shifted(&network->addr, 1, shift, min); /* the first subnet stays unused */
	else
		r = check_bound(f, f->min, network, min, e);
	if (r < 0)
		return r;
	if (ipaddr_is_zero(max)) {
		last = (struct ipnet){ ipnet_last(network), (uint8_t)*len };
		*max = ipnet_masked(&last).addr;
	} else {
		r = check_bound(f, f->max, network, max, e);
	}
	if (r == 0)
		r = check_boundary(f->min, min, *len, e);
	if (r == 0)
		r = check_boundary(f->max, max, *len, e);
	return r;
}

int net_config_check(struct net_config *c, struct err *e)
{
	int r = 0;

	if (c->enable_ipv4)
		r = check_family(&rules_v4, &c->network, &c->subnet_len, &c->subnet_min, &c->subnet_max, e);
	if (r == 0 && c->enable_ipv6)
		r = check_family(&rules_v6, &c->ipv6_network, &c->ipv6_subnet_len, &c->ipv6_subnet_min,
				 &c->ipv6_subnet_max, e);
	return r;
}

int net_config_load(const char *text, size_t len, struct arena *a, struct net_config *ret, struct err *e)
{
	struct net_config c = { 0 };
	int r = net_config_parse(text, len, a, &c, e);

	if (r == 0)
		r = net_config_check(&c, e);
	if (r == 0)
		*ret = c;
	return r;
}

int vxlan_config_parse(const struct net_config *c, struct vxlan_config *ret, struct err *e)
{
	struct vxlan_config v = { .vni = 1 };
	struct member_walk w;
	struct member m;
	int r;

	if (!c->backend_json || strcmp(c->backend_json, "null") == 0) {
		*ret = v;
		return 0;
	}
	r = member_begin(&w, c->backend_json, strlen(c->backend_json), e);
	while (r == 0 && member_next(&w, &m) > 0)
		r = decode_fields(vxlan_fields, ARRAY_SIZE(vxlan_fields), &m, &v, e);
	if (r < 0)
		return err_wrap(e, r, "Backend");
	*ret = v;
	return 0;
}
