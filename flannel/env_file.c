#include "flannel/env_file.h"

#include <string.h>
#include <sys/stat.h>

#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

enum { ENV_FILE_MAX = 64 << 10 };

static int put_family(struct buf *b, const char *infix, const struct ipnet *network,
		      const struct ipnet *subnet)
{
	struct ipnet gateway = *subnet;
	int r;

	if (!ipnet_is_set(network))
		return 0;
	r = ipaddr_add(&subnet->addr, 1, &gateway.addr);
	if (r < 0 || !ipnet_contains(subnet, &gateway.addr))
		return -EINVAL;
	return buf_printf(b, "FLANNEL_%sNETWORK=%s\nFLANNEL_%sSUBNET=%s\n", infix, IPNET_STR(network), infix,
			  IPNET_STR(&gateway));
}

int env_file_format(const struct env_file *env, struct buf *b)
{
	int r = put_family(b, "", &env->network, &env->subnet);

	if (r == 0)
		r = put_family(b, "IPV6_", &env->network6, &env->subnet6);
	if (r == 0)
		r = buf_printf(b, "FLANNEL_MTU=%u\nFLANNEL_IPMASQ=%s\n", env->mtu,
			       env->ip_masq ? "true" : "false");
	return r;
}

int env_file_write(const char *path, const struct env_file *env, struct err *e)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = ENV_FILE_MAX);
	int r = env_file_format(env, &b);

	if (r < 0)
		return err_errno(e, -r, "composing %s", path);
	return atomic_write(path, b.p, b.n, 0644, 0755, e);
}

static bool space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **p, size_t *n)
{
	while (*n && space(**p)) {
		(*p)++;
		(*n)--;
	}
	while (*n && space((*p)[*n - 1]))
		(*n)--;
}

/* Splits at the first occurrence of c; *rest is what follows, or empty. */
static size_t split(const char *p, size_t n, char c, const char **rest, size_t *n_rest)
{
	const char *at = n ? memchr(p, c, n) : NULL;

	if (!at) {
		*rest = p + n;
		*n_rest = 0;
		return n;
	}
	*rest = at + 1;
	*n_rest = n - (size_t)(at - p) - 1;
	return (size_t)(at - p);
}

/* "a/n" or "a/n,b/m": counts the valid ones and keeps the first, without host bits. */
static unsigned parse_nets(const char *p, size_t n, int family, const char *name, struct ipnet *ret)
{
	unsigned found = 0;

	while (n) {
		const char *rest;
		size_t n_rest, len = split(p, n, ',', &rest, &n_rest);
		char text[IPNET_STRLEN];
		struct ipnet net;

		trim(&p, &len);
		(void)snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text)), p);
		if (len >= sizeof(text) || ipnet_parse(family, text, &net) < 0)
			log_debug("%s: \"%s\" is not a network, ignored", name, text);
		else if (found++ == 0)
			*ret = ipnet_masked(&net);
		p = rest;
		n = n_rest;
	}
	return found;
}

static void take(struct env_file *env, const char *name, size_t n_name, const char *value, size_t n)
{
	const struct {
		const char *name;
		struct ipnet *to;
		int family;
		bool single;
	} nets[] = {
		{ "FLANNEL_NETWORK", &env->network, AF_INET, false },
		{ "FLANNEL_SUBNET", &env->subnet, AF_INET, true },
		{ "FLANNEL_IPV6_NETWORK", &env->network6, AF_INET6, false },
		{ "FLANNEL_IPV6_SUBNET", &env->subnet6, AF_INET6, true },
	};
	char number[16];

	for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
		if (strlen(nets[i].name) != n_name || memcmp(nets[i].name, name, n_name) != 0)
			continue;
		memset(nets[i].to, 0, sizeof(*nets[i].to));
		if (parse_nets(value, n, nets[i].family, nets[i].name, nets[i].to) > 1 && nets[i].single)
			memset(nets[i].to, 0, sizeof(*nets[i].to));
		return;
	}
	if (n_name == 11 && memcmp(name, "FLANNEL_MTU", 11) == 0 && n < sizeof(number)) {
		char *end;
		unsigned long v;

		(void)snprintf(number, sizeof(number), "%.*s", (int)n, value);
		v = strtoul(number, &end, 10);
		env->mtu = n && *end == '\0' && v <= 65535 ? (unsigned)v : 0;
	} else if (n_name == 14 && memcmp(name, "FLANNEL_IPMASQ", 14) == 0) {
		env->ip_masq = n == 4 && memcmp(value, "true", 4) == 0;
	}
}

static void parse_line(struct env_file *env, const char *p, size_t n)
{
	const char *value;
	size_t n_value, n_name;

	trim(&p, &n);
	if (n > 7 && memcmp(p, "export ", 7) == 0) {
		p += 7;
		n -= 7;
		trim(&p, &n);
	}
	if (n == 0 || *p == '#' || !memchr(p, '=', n))
		return;
	n_name = split(p, n, '=', &value, &n_value);
	trim(&p, &n_name);
	trim(&value, &n_value);
	if (n_value && (*value == '"' || *value == '\'')) {
		const char *rest;
		size_t n_rest;

		value++;
		n_value = split(value, n_value - 1, value[-1], &rest, &n_rest);
	} else if (n_value) {
		const char *rest;
		size_t n_rest;

		n_value = split(value, n_value, '#', &rest, &n_rest);
		trim(&value, &n_value);
	}
	take(env, p, n_name, value, n_value);
}

void env_file_parse(const char *text, size_t n, struct env_file *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (n) {
		const char *rest;
		size_t n_rest, len = split(text, n, '\n', &rest, &n_rest);

		parse_line(ret, text, len);
		text = rest;
		n = n_rest;
	}
}

int env_file_read(const char *path, struct env_file *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = ENV_FILE_MAX);
	struct stat st;
	int r;

	/* Opening a FIFO would wait for a writer. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_text(e, EINVAL, "%s is not a regular file", path);
	r = file_read(path, &b, e);
	if (r < 0)
		return r;
	env_file_parse(buf_str(&b), b.n, ret);
	return 0;
}
