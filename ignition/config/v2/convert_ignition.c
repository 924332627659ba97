/* The ignition section, and everything that is fetched. */
#include "ignition/config/v2/convert_priv.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "ignition/config/url.h"

static bool has_scheme(const char *url, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncasecmp(url, scheme, n) == 0 && url[n] == ':';
}

static void convert_headers(struct conv *c, const struct cfg_path *at, const struct old_resource *old,
			    struct ign_resource *ret)
{
	ret->http_headers.v = conv_alloc(c, old->n_headers, sizeof(*ret->http_headers.v));
	for (size_t i = 0; ret->http_headers.v && i < old->n_headers; i++) {
		const struct ign2_http_header *h = &old->headers[i];

		if (!conv_given(h->value))
			conv_error(c, CFG_CHILD(CFG_ENTRY(at, i), "value"),
				   "3.x sends no header without a value: give it one or remove the header");
		ret->http_headers.v[ret->http_headers.n++] = (struct ign_http_header){ .name = h->name,
										       .value = h->value };
	}
}

void conv_resource(struct conv *c, const struct cfg_path *at, const struct old_resource *old,
		   struct ign_resource *ret)
{
	const char *source = old->source ? old->source : "";

	*ret = (struct ign_resource){ .source = source };
	if (has_scheme(source, "oem"))
		conv_error(
			c, CFG_CHILD(at, "source"),
			"3.x has no oem: URLs: put the contents into a data: URL or serve them over https");
	if (old->n_headers)
		convert_headers(c, CFG_CHILD(at, "httpHeaders"), old, ret);
	if (*source) {
		ret->compression = conv_text(old->compression);
		ret->verification.hash = old->hash;
		return;
	}
	/* the old fetcher returned before it looked at these */
	if (conv_given(old->compression))
		conv_info(c, CFG_CHILD(at, "compression"), "nothing is fetched, so this is left out");
	if (old->hash)
		conv_info(c, CFG_CHILD(CFG_CHILD(at, "verification"), "hash"),
			  "nothing is fetched, so this is left out");
}

static struct old_resource of_reference(const struct ign2_reference *r)
{
	return (struct old_resource){ .source = r->source,
				      .hash = r->verification.hash,
				      .headers = r->http_headers.v,
				      .n_headers = r->http_headers.n };
}

static bool same_reference(const struct ign2_reference *a, const struct ign2_reference *b)
{
	const char *x = a->verification.hash, *y = b->verification.hash;

	if (a->http_headers.n != b->http_headers.n || !x != !y || (x && strcmp(x, y) != 0))
		return false;
	for (size_t i = 0; i < a->http_headers.n; i++)
		if (strcmp(a->http_headers.v[i].name, b->http_headers.v[i].name) != 0 ||
		    strcmp(a->http_headers.v[i].value, b->http_headers.v[i].value) != 0)
			return false;
	return true;
}

/* 3.x has one entry for each URL. Its number among the kept ones, or that it is left out. */
static void convert_references(struct conv *c, enum conv_list list, const struct ign2_reference *v, size_t n,
			       struct ign_resource **ret, size_t *ret_n)
{
	struct conv_same same;
	struct place place;
	char first[PLACE_TEXT];

	*ret = conv_alloc(c, n, sizeof(**ret));
	c->from[list] = conv_alloc(c, n, sizeof(*c->from[list]));
	if (c->r < 0 || !conv_same(c, v, n, sizeof(*v), offsetof(struct ign2_reference, source), &same))
		return;
	for (size_t i = 0; i < n; i++) {
		struct origin o = { .list = list, .idx = i }, other = { .list = list, .idx = same.first[i] };
		const struct cfg_path *at = origin_place(&o, &place);
		struct old_resource old = of_reference(&v[i]);

		if (!conv_given(v[i].source)) {
			conv_error(c, CFG_CHILD(at, "source"), "3.x refuses a reference without a source");
		} else if (other.idx != i && same_reference(&v[i], &v[other.idx])) {
			conv_warn(c, at, "the same as %s: 3.x uses each source once, so this is left out",
				  origin_text(c, &other, first));
		} else if (other.idx != i) {
			conv_error(
				c, CFG_CHILD(at, "source"),
				"%s has this source too, with another hash or other headers: 3.x uses each "
				"source once",
				origin_text(c, &other, first));
		} else {
			c->from[list][*ret_n] = o;
			conv_resource(c, at, &old, &(*ret)[(*ret_n)++]);
		}
	}
}

static void convert_replace(struct conv *c, const struct cfg_path *at)
{
	const struct ign2_reference *old = &c->in->ignition.config.replace;
	struct old_resource res = of_reference(old);

	if (conv_given(old->source))
		conv_resource(c, at, &res, &c->out->ignition.config.replace);
	else if (old->http_headers.n || old->verification.hash)
		conv_error(c, CFG_CHILD(at, "source"), "3.x refuses a reference without a source");
}

/* The library that 0.x used took "host:port" for an http proxy, and knew socks5, which 3.x does not. */
static const char *convert_proxy(struct conv *c, const struct cfg_path *at, const char *proxy)
{
	struct url u = { .scheme = "" };
	char *with_scheme;

	if (!conv_given(proxy))
		return NULL;
	if (url_parse(proxy, &u) == 0 && (strcmp(u.scheme, "http") == 0 || strcmp(u.scheme, "https") == 0))
		return proxy;
	if (strstr(proxy, "://")) {
		conv_error(c, at, "3.x has http and https proxies only");
		return proxy;
	}
	with_scheme = arena_printf(c->arena, "http://%s", proxy);
	if (!with_scheme)
		c->r = -ENOMEM;
	else if (url_parse(with_scheme, &u) < 0)
		conv_error(c, at, "no URL of an http or https proxy");
	else
		conv_info(c, at, "3.x wants a URL, so this becomes one that begins with http://");
	return with_scheme;
}

void conv_ignition(struct conv *c)
{
	const struct cfg_path *at = CFG_CHILD(NULL, "ignition"), *proxy = CFG_CHILD(at, "proxy");
	const struct ign2_ignition *old = &c->in->ignition;
	struct ign_ignition *new = &c->out->ignition;

	convert_references(c, L_APPEND, old->config.append.v, old->config.append.n, &new->config.merge.v,
			   &new->config.merge.n);
	convert_replace(c, CFG_CHILD(CFG_CHILD(at, "config"), "replace"));
	convert_references(c, L_CAS, old->security.tls.certificate_authorities.v,
			   old->security.tls.certificate_authorities.n,
			   &new->security.tls.certificate_authorities.v,
			   &new->security.tls.certificate_authorities.n);
	new->timeouts = (struct ign_timeouts){ .http_response_headers = old->timeouts.http_response_headers,
					       .http_total = old->timeouts.http_total };
	new->proxy.http_proxy = convert_proxy(c, CFG_CHILD(proxy, "httpProxy"), old->proxy.http_proxy);
	new->proxy.https_proxy = convert_proxy(c, CFG_CHILD(proxy, "httpsProxy"), old->proxy.https_proxy);
	new->proxy.no_proxy = conv_unique(c, CFG_CHILD(proxy, "noProxy"), &old->proxy.no_proxy);
}
