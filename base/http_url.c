#include "base/http_url.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"

/* Appends [s, s+n) with control characters as '?'. */
static int put_shown(struct buf *out, const char *s, size_t n)
{
	int r = buf_reserve(out, n);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = buf_putc(out, (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i]);
	return r;
}

static int put_query(struct buf *out, const char *s, size_t n)
{
	const char *end = s + n;
	int r = buf_putc(out, '?');

	while (r == 0 && s < end) {
		const char *amp = memchr(s, '&', (size_t)(end - s));
		const char *stop = amp ? amp : end;
		const char *eq = memchr(s, '=', (size_t)(stop - s));

		if (eq) /* a parameter without a name may be the secret itself */
			r = put_shown(out, s, (size_t)(eq + 1 - s));
		if (r == 0 && stop > s)
			r = buf_puts(out, "<redacted>");
		if (r == 0 && amp)
			r = buf_putc(out, '&');
		s = amp ? amp + 1 : end;
	}
	return r;
}

int http_url_redact(const char *url, struct buf *out)
{
	const char *rest = strstr(url, "://"), *at = NULL, *path, *query;
	size_t end;
	int r;

	if (strncasecmp(url, "data:", 5) == 0)
		return buf_puts(out, "data:...");
	rest = rest ? rest + 3 : url;
	path = rest + strcspn(rest, "/?#");
	for (const char *p = rest; p < path; p++)
		if (*p == '@')
			at = p;
	r = put_shown(out, url, (size_t)(rest - url));
	if (at)
		rest = at + 1;
	end = strcspn(rest, "#");
	query = memchr(rest, '?', end);
	if (r == 0)
		r = put_shown(out, rest, query ? (size_t)(query - rest) : end);
	if (r == 0 && query)
		r = put_query(out, query + 1, end - (size_t)(query + 1 - rest));
	return r;
}

int http_url_encode(const char *url, struct buf *out)
{
	int r = 0;

	for (; r == 0 && *url && *url != '#'; url++) {
		unsigned char c = (unsigned char)*url;

		if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c))
			r = buf_printf(out, "%%%02X", c);
		else
			r = buf_putc(out, (char)c);
	}
	return r;
}

struct address {
	unsigned char b[16]; /* IPv4 as ::ffff:a.b.c.d */
	bool v4;
};

static bool parse_address(const char *s, struct address *ret)
{
	struct address a = { .b = { [10] = 0xff, [11] = 0xff }, .v4 = true };

	if (inet_pton(AF_INET, s, a.b + 12) == 1) {
		*ret = a;
		return true;
	}
	a.v4 = false;
	if (inet_pton(AF_INET6, s, a.b) != 1)
		return false;
	*ret = a;
	return true;
}

static bool is_loopback(const struct address *a)
{
	static const unsigned char one[16] = { [15] = 1 };

	return (a->v4 && a->b[12] == 127) || memcmp(a->b, one, sizeof one) == 0;
}

static bool in_network(const struct address *a, const char *cidr)
{
	char text[64], *slash, *end;
	struct address net;
	unsigned long bits;

	snprintf(text, sizeof text, "%.60s", cidr);
	slash = strchr(text, '/');
	if (!slash)
		return false;
	*slash = '\0';
	bits = strtoul(slash + 1, &end, 10);
	if (!isdigit((unsigned char)slash[1]) || *end || !parse_address(text, &net) || net.v4 != a->v4 ||
	    bits > (net.v4 ? 32 : 128))
		return false;
	bits += net.v4 ? 96 : 0;
	for (unsigned long i = 0; i < bits; i++)
		if ((a->b[i / 8] ^ net.b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

/* Splits "host:port" and "[v6]:port"; *ret_port is 0 without one. */
static void split_port(char *entry, char **ret_host, unsigned *ret_port)
{
	char *colon = strrchr(entry, ':');
	size_t n;

	*ret_port = 0;
	if (entry[0] == '[' || (colon && strchr(entry, ':') == colon)) {
		char *tail = entry[0] == '[' ? strchr(entry, ']') : colon;

		if (tail && *tail == ']')
			tail++;
		if (tail && *tail == ':') {
			*ret_port = (unsigned)strtoul(tail + 1, NULL, 10);
			*tail = '\0';
		}
	}
	n = strlen(entry);
	if (entry[0] == '[' && n > 1 && entry[n - 1] == ']') {
		entry[n - 1] = '\0';
		entry++;
	}
	*ret_host = entry;
}

static bool domain_matches(const char *entry, const char *host)
{
	bool self = true;
	size_t n, h = strlen(host);

	if (strncmp(entry, "*.", 2) == 0)
		entry++;
	if (*entry == '.') {
		self = false;
		entry++;
	}
	n = strlen(entry);
	if (n == 0 || h < n || strcasecmp(host + h - n, entry) != 0)
		return false;
	return h == n ? self : host[h - n - 1] == '.';
}

static bool excluded(const char *text, const char *host, const struct address *addr, unsigned port)
{
	char entry[256], *name;
	struct address want;
	unsigned want_port;
	size_t n;

	while (*text == ' ' || *text == '\t')
		text++;
	n = strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	if (n == 0 || n >= sizeof entry)
		return false;
	memcpy(entry, text, n);
	entry[n] = '\0';
	if (strcmp(entry, "*") == 0)
		return true;
	if (strchr(entry, '/'))
		return addr && in_network(addr, entry);
	split_port(entry, &name, &want_port);
	if (want_port && want_port != port)
		return false;
	if (parse_address(name, &want))
		return addr && memcmp(want.b, addr->b, sizeof want.b) == 0;
	return !addr && domain_matches(name, host);
}

const char *http_proxy_for(const struct http_proxies *p, bool https, const char *host, unsigned port)
{
	const char *proxy = https ? p->https : p->http;
	struct address addr;
	bool is_ip = parse_address(host, &addr);

	if (!proxy || !*proxy || strcasecmp(host, "localhost") == 0 || (is_ip && is_loopback(&addr)))
		return NULL;
	for (size_t i = 0; i < p->n_none; i++)
		if (excluded(p->none[i], host, is_ip ? &addr : NULL, port))
			return NULL;
	return proxy;
}
