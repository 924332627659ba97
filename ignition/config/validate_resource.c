/* URLs and everything that is fetched. */
#include "ignition/config/validate_priv.h"
#include <ctype.h>
#include <string.h>
#include "base/cleanup.h"
#include "ignition/config/url.h"
#include "ignition/fetch/dataurl.h"

enum scheme_check { ANY, VERSION_ID, ARN, DATA };

static const struct scheme {
	const char *name;
	unsigned since;
	enum scheme_check check;
} schemes[] = {
	{ "http", 0, ANY },  { "https", 0, ANY }, { "tftp", 0, ANY }, { "s3", 0, VERSION_ID },
	{ "data", 0, DATA }, { "gs", 2, ANY },    { "arn", 4, ARN },
};

static const struct scheme *find_scheme(const char *name, unsigned minor)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (schemes[i].since <= minor && strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	return NULL;
}

/* arn:partition:service:region:account:resource, the resource of an S3 object holding a '/' */
static bool arn_ok(const struct url *u)
{
	static const char point[] = "accesspoint/";
	const char *p = u->opaque, *end = p ? p + u->opaque_len : NULL, *part[5];
	size_t slashes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
		part[i] = p;
		if (i == 4)
			break;
		p = p ? memchr(p, ':', (size_t)(end - p)) : NULL;
		if (!p)
			return false;
		p++;
	}
	if (part[2] - part[1] != 3 || memcmp(part[1], "s3:", 3) != 0)
		return false;
	for (const char *s = u->opaque; s < end; s++)
		slashes += *s == '/';
	p = part[4];
	if ((size_t)(end - p) >= strlen(point) && memcmp(p, point, strlen(point)) == 0)
		return slashes >= 2;
	return slashes >= 1;
}

/*
 * A data: URL that begins as they do. When its data is right too, nothing is left that could keep it
 * from being a URL, so its megabytes need not be read as one first.
 */
static bool is_plain_data(const char *text)
{
	if (strncmp(text, "data:", 5) != 0)
		return false;
	for (text += 5; isalnum((unsigned char)*text) || strchr(";/=-+.", *text); text++)
		if (!*text)
			return false;
	return *text == ',';
}

const char *v_url_fault(const char *text, unsigned minor)
{
	const struct scheme *s;
	const char *why;
	struct url u;

	if (is_plain_data(text) && dataurl_check(text, &why) == 0)
		return NULL;
	if (url_parse(text, &u) < 0)
		return "unable to parse url";
	s = find_scheme(u.scheme, minor);
	if (!s)
		return "invalid url scheme";
	if (s->check == DATA)
		return dataurl_check(text, &why) < 0 ? why : NULL;
	if (s->check == ARN && !arn_ok(&u))
		return "invalid S3 ARN format";
	if (s->check != ANY && url_query_empty(&u, "versionId"))
		return "invalid S3 object VersionId";
	return NULL;
}

void v_url(struct vctx *v, const struct cfg_path *at, const char *url)
{
	const char *why = v_url_fault(url ? url : "", v->minor);

	if (why)
		v_error(v, at, "%s", why);
}

static bool is_http(const struct url *u)
{
	return strcmp(u->scheme, "http") == 0 || strcmp(u->scheme, "https") == 0;
}

void v_proxy(struct vctx *v, const struct cfg_path *at, const char *url, bool for_https)
{
	struct url u;

	if (!url)
		return;
	if (url_parse(url, &u) < 0)
		v_error(v, at, "unable to parse url");
	else if (!is_http(&u))
		v_error(v, at, "proxies must be http(s)");
	else if (for_https && strcmp(u.scheme, "http") == 0)
		v_warn(v, at, "insecure plaintext HTTP proxy specified for HTTPS resources");
}

void v_tang_url(struct vctx *v, const struct cfg_path *at, const char *url)
{
	struct url u;

	if (url_parse(url ? url : "", &u) < 0)
		v_error(v, at, "unable to parse url");
	else if (!is_http(&u))
		v_error(v, at, "invalid url scheme");
}

void v_hash(struct vctx *v, const struct cfg_path *at, const char *hash)
{
	/* 3.0 knew only sha512; sha256 came with 3.1 */
	static const struct {
		const char *name;
		unsigned since;
		size_t digits;
	} kinds[] = { { "sha512", 0, 128 }, { "sha256", 1, 64 } };
	const char *dash = strchr(hash, '-');

	if (!dash) {
		v_error(v, at, "malformed hash specifier");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].name);

		if (kinds[i].since > v->minor || n != (size_t)(dash - hash) ||
		    memcmp(hash, kinds[i].name, n) != 0)
			continue;
		if (strlen(dash + 1) != kinds[i].digits)
			v_error(v, at, "incorrect size for hash sum");
		return;
	}
	v_error(v, at, "unrecognized hash function");
}

static void check_headers_allowed(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r)
{
	struct url u;

	if (r->http_headers.n == 0)
		return;
	if (!v_given(r->source) || url_parse(r->source, &u) < 0)
		v_error(v, at, "unable to parse url");
	else if (!is_http(&u))
		v_error(v, at, "cannot use HTTP headers with this source scheme");
}

static void check_header(struct vctx *v, const struct cfg_path *at, const struct ign_http_header *h)
{
	if (!v_given(h->name))
		v_error(v, CFG_CHILD(at, "name"), "HTTP header name can't be empty");
	if (h->value && !*h->value)
		v_error(v, CFG_CHILD(at, "value"), "unable to parse HTTP header");
	if (!h->value && v->merged)
		v_warn(v, at,
		       "HTTP header has no value, and no other config gives it one: fetching this will fail");
}

static void check_resource(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r,
			   bool hash_needs_source)
{
	const struct cfg_path *hash_at = CFG_CHILD(CFG_CHILD(at, "verification"), "hash");

	if (v_given(r->compression) && strcmp(r->compression, "gzip") != 0)
		v_error(v, CFG_CHILD(at, "compression"), "invalid compression method");
	if (hash_needs_source && r->verification.hash && !r->source)
		v_error(v, hash_at, "source must be specified if verification is specified");
	if (v_given(r->source))
		v_url(v, CFG_CHILD(at, "source"), r->source);
	check_headers_allowed(v, CFG_CHILD(at, "httpHeaders"), r);
	for (size_t i = 0; i < r->http_headers.n; i++)
		check_header(v, CFG_ENTRY(CFG_CHILD(at, "httpHeaders"), i), &r->http_headers.v[i]);
	if (r->verification.hash)
		v_hash(v, hash_at, r->verification.hash);
}

void v_resource(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r)
{
	/* in 3.0 references to configs and CAs were types of their own, with fewer rules */
	check_resource(v, at, r, v->minor >= 1);
}

void v_file_resource(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r)
{
	check_resource(v, at, r, true);
}

void v_source_required(struct vctx *v, const struct cfg_path *at, const struct ign_resource *r)
{
	if (!v_given(r->source))
		v_error(v, at, "source is required");
	else
		v_url(v, at, r->source);
}
