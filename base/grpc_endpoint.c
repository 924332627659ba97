#include "base/grpc_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

enum { HOST_MAX = 253, PORT_MAX = 65535 };

void grpc_endpoint_done(struct grpc_endpoint *ep)
{
	free(ep->name);
	free(ep->host);
	free(ep->port);
	*ep = (struct grpc_endpoint){ 0 };
}

static bool port_valid(const char *s, size_t n)
{
	unsigned v = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	return v >= 1 && v <= PORT_MAX;
}

static bool host_valid(const char *s, size_t n)
{
	if (n == 0 || n > HOST_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("/?#@%[]\\\"", s[i]))
			return false;
	return true;
}

static int parse_one(const char *s, size_t n, struct grpc_endpoint *ret, struct err *e)
{
	const char *text = s, *end = s + n, *port, *host_end;
	size_t text_n = n;
	bool tls = false;

	/* user and password have their own options, and must not end in a log */
	if (memchr(s, '@', n))
		return err_text(e, EINVAL, "endpoint: a user name in the URL is not supported");
	if (n > 8 && strncasecmp(s, "https://", 8) == 0) {
		tls = true;
		s += 8;
	} else if (n > 7 && strncasecmp(s, "http://", 7) == 0) {
		s += 7;
	} else if (memmem(s, n, "://", 3)) {
		return err_text(e, EINVAL, "endpoint \"%.*s\": only http:// and https:// are supported",
				(int)text_n, text);
	}
	while (end > s && end[-1] == '/')
		end--;

	if (end > s && *s == '[') {
		host_end = memchr(s, ']', (size_t)(end - s));
		s++;
		port = host_end ? host_end + 1 : NULL;
	} else {
		host_end = port = memchr(s, ':', (size_t)(end - s));
	}
	if (!host_end || port >= end || *port != ':' || !port_valid(port + 1, (size_t)(end - port - 1)))
		return err_text(e, EINVAL, "endpoint \"%.*s\": expected http(s)://host:port", (int)text_n,
				text);
	if (!host_valid(s, (size_t)(host_end - s)))
		return err_text(e, EINVAL, "endpoint \"%.*s\": not a valid host", (int)text_n, text);

	ret->tls = tls;
	ret->name = strndup(text, text_n);
	ret->host = strndup(s, (size_t)(host_end - s));
	ret->port = strndup(port + 1, (size_t)(end - port - 1));
	if (!ret->name || !ret->host || !ret->port) {
		grpc_endpoint_done(ret);
		return err_errno(e, ENOMEM, "endpoint");
	}
	return 0;
}

int grpc_endpoints_parse(const char *text, struct grpc_endpoint *list, size_t max, size_t *n, struct err *e)
{
	while (*text) {
		size_t len = strcspn(text, ","), first = strspn(text, " \t"), last;
		int r;

		if (first > len)
			first = len;
		for (last = len; last > first && (text[last - 1] == ' ' || text[last - 1] == '\t');)
			last--;
		if (last > first) {
			if (*n == max)
				return err_text(e, E2BIG, "more than %zu endpoints", max);
			r = parse_one(text + first, last - first, &list[*n], e);
			if (r < 0)
				return r;
			++*n;
		}
		text += len + (text[len] == ',');
	}
	return *n > 0 ? 0 : err_text(e, EINVAL, "no endpoint given");
}
