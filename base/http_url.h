/* URLs as text: what may be shown, what is sent, and whether a proxy stands between. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;

/*
 * For logs: without userinfo and fragment, query values as "<redacted>", control characters as '?',
 * data: URLs as "data:...". Returns 0, -EFBIG or -ENOMEM.
 */
int http_url_redact(const char *url, struct buf *out);

/* For the wire: spaces and other bytes that a request line cannot hold are percent-encoded. */
int http_url_encode(const char *url, struct buf *out);

struct http_proxies {
	const char *http, *https; /* by the scheme of the URL, independent of each other; NULL = direct */
	const char *const *none;  /* noProxy entries */
	size_t n_none;
};

/*
 * The proxy for a host (an IPv6 address without brackets), NULL = direct. Never for localhost and
 * loopback addresses. Entries of none, as Go's httpproxy reads them: "*", CIDR, IP, IP:port,
 * domain[:port] with its subdomains, ".domain" and "*.domain" only subdomains.
 */
const char *http_proxy_for(const struct http_proxies *p, bool https, const char *host, unsigned port);
