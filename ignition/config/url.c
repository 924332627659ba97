#include "ignition/config/url.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"

static bool is_hex(char c)
{
	return isxdigit((unsigned char)c);
}

static unsigned hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static bool escapes_ok(const char *s, const char *end)
{
	for (; s < end; s++)
		if (*s == '%' && (end - s < 3 || !is_hex(s[1]) || !is_hex(s[2])))
			return false;
	return true;
}

static bool userinfo_ok(const char *s, const char *end)
{
	if (!escapes_ok(s, end))
		return false;
	for (; s < end; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-._:~!$&'()*+,;=%@", *s))
			return false;
	return true;
}

static bool port_ok(const char *s, const char *end)
{
	if (s == end)
		return true;
	if (*s++ != ':')
		return false;
	while (s < end && isdigit((unsigned char)*s))
		s++;
	return s == end;
}

/* As it is; a '[' is one only in front of an address. */
static bool host_char(unsigned char c)
{
	return c && c < 0x80 && (isalnum(c) || strchr("!$&'()*+,;=:<>\"-_.~]", c));
}

/* Only bytes outside ASCII may be escaped in a host, and "%25" in front of a zone. */
static bool host_bytes_ok(const char *s, const char *end)
{
	for (; s < end; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '%') {
			if (end - s < 3 || !is_hex(s[1]) || !is_hex(s[2]))
				return false;
			if (hex_value(s[1]) < 8 && strncmp(s, "%25", 3) != 0)
				return false;
			s += 2;
		} else if (c < 0x80 && !host_char(c)) {
			return false;
		}
	}
	return true;
}

/* What begins with "%25". Escaped may be what could stand there as it is, and blanks. */
static bool zone_ok(const char *s, const char *end)
{
	bool named = end - s > 3;

	for (; s < end; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '%') {
			if (end - s < 3 || !is_hex(s[1]) || !is_hex(s[2]))
				return false;
			c = (unsigned char)(hex_value(s[1]) << 4 | hex_value(s[2]));
			if (c != '%' && c != ' ' && c != '[' && !host_char(c))
				return false;
			s += 2;
		} else if (c < 0x80 && !host_char(c)) {
			return false;
		}
	}
	return named;
}

static bool literal_ok(const char *s, const char *end)
{
	char addr[INET6_ADDRSTRLEN];
	const char *zone = memmem(s, (size_t)(end - s), "%25", 3);
	size_t n = (size_t)((zone ? zone : end) - s);
	unsigned char bin[16];

	if (n >= sizeof addr || (zone && !zone_ok(zone, end)))
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	return inet_pton(AF_INET6, addr, bin) == 1;
}

static bool host_ok(const char *s, const char *end)
{
	const char *close = memrchr(s, ']', (size_t)(end - s)), *colon;

	if (s < end && *s == '[')
		return close && port_ok(close + 1, end) && literal_ok(s + 1, close);
	colon = memrchr(s, ':', (size_t)(end - s));
	return host_bytes_ok(s, end) && (!colon || port_ok(colon, end));
}

static bool authority_ok(const char *s, const char *end)
{
	const char *at = memrchr(s, '@', (size_t)(end - s));

	return at ? userinfo_ok(s, at) && host_ok(at + 1, end) : host_ok(s, end);
}

/* What comes before the first ':' when it is a scheme; -EINVAL for ":x". */
static int split_scheme(const char *text, const char *end, const char **ret_rest, char *scheme, size_t size)
{
	size_t n = 0;

	*ret_rest = text;
	scheme[0] = '\0';
	for (; text + n < end; n++) {
		unsigned char c = (unsigned char)text[n];

		if (isalpha(c) || (n && (isdigit(c) || strchr("+-.", c))))
			continue;
		if (c != ':')
			return 0;
		if (n == 0)
			return -EINVAL;
		for (size_t i = 0; i < n && i < size - 1; i++) {
			scheme[i] = (char)tolower((unsigned char)text[i]);
			scheme[i + 1] = '\0';
		}
		*ret_rest = text + n + 1;
		return 0;
	}
	return 0;
}

static bool has_control(const char *s, const char *end)
{
	for (; s < end; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

int url_parse(const char *text, struct url *ret)
{
	struct url u = { 0 };
	const char *end = text + strlen(text), *frag = strchrnul(text, '#'), *rest, *query, *slash;

	if (has_control(text, frag))
		return -EINVAL;
	if (!escapes_ok(frag, end) || split_scheme(text, frag, &rest, u.scheme, sizeof u.scheme) < 0)
		return -EINVAL;
	query = memchr(rest, '?', (size_t)(frag - rest));
	if (query) {
		u.query = query + 1;
		u.query_len = (size_t)(frag - u.query);
	} else {
		query = frag;
	}
	if (*rest != '/' || rest == query) {
		if (u.scheme[0]) {
			u.opaque = rest;
			u.opaque_len = (size_t)(query - rest);
			*ret = u;
			return 0;
		}
		slash = memchr(rest, '/', (size_t)(query - rest));
		if (memchr(rest, ':', (size_t)((slash ? slash : query) - rest)))
			return -EINVAL;
	}
	if (query - rest >= 2 && rest[0] == '/' && rest[1] == '/' &&
	    (u.scheme[0] || query - rest < 3 || rest[2] != '/')) {
		slash = memchr(rest + 2, '/', (size_t)(query - rest - 2));
		if (!authority_ok(rest + 2, slash ? slash : query))
			return -EINVAL;
		rest = slash ? slash : query;
	}
	if (!escapes_ok(rest, query))
		return -EINVAL;
	u.path = rest;
	u.path_len = (size_t)(query - rest);
	*ret = u;
	return 0;
}

static bool is_text(const char *s, size_t n)
{
	for (size_t step; n; s += step, n -= step) {
		step = (unsigned char)*s < 0x80 ? *s != '\0' : utf8_len((const unsigned char *)s, n);
		if (step == 0)
			return false;
	}
	return true;
}

int url_path(const struct url *u, struct buf *out)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->path_len; i++) {
		const char *s = u->path + i;

		if (*s != '%') {
			r = buf_putc(&text, *s);
		} else {
			r = buf_putc(&text, (char)(hex_value(s[1]) << 4 | hex_value(s[2])));
			i += 2;
		}
	}
	if (r < 0)
		return r;
	if (is_text(buf_str(&text), text.n))
		return buf_append(out, buf_str(&text), text.n);
	return buf_append(out, u->path, u->path_len);
}

static bool key_is(const char *s, const char *end, const char *key)
{
	for (; s < end && *key; key++) {
		char c = *s++;

		if (c == '%' && end - s >= 2) {
			c = (char)(hex_value(s[0]) << 4 | hex_value(s[1]));
			s += 2;
		}
		if (c != *key)
			return false;
	}
	return s == end && !*key;
}

bool url_query_empty(const struct url *u, const char *key)
{
	const char *p = u->query, *end = p ? p + u->query_len : NULL, *stop, *eq;

	for (; p && p < end; p = stop + 1) {
		stop = memchr(p, '&', (size_t)(end - p));
		stop = stop ? stop : end;
		eq = memchr(p, '=', (size_t)(stop - p));
		/* Go drops pairs with a ';' or a bad escape */
		if (memchr(p, ';', (size_t)(stop - p)) || !escapes_ok(p, stop) ||
		    !key_is(p, eq ? eq : stop, key))
			continue;
		return !eq || eq + 1 == stop;
	}
	return false;
}
