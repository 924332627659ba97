/* The ignition section, and everything that is fetched. */
#include "ignition/config/v2/rules_priv.h"
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "ignition/config/url.h"
#include "ignition/fetch/fetch.h"

/* Why the URL is refused, or NULL. None is a URL too: of an empty file. */
static const char *url_fault(const struct rules *r, const char *source)
{
	struct url u;

	if (!*source)
		return NULL;
	if (url_parse(source, &u) < 0)
		return "unable to parse url";
	if (strcmp(u.scheme, "oem") == 0)
		return NULL;
	if (r->minor == 0 && (strcmp(u.scheme, "tftp") == 0 || strcmp(u.scheme, "s3") == 0))
		return "invalid url scheme";
	return v_url_fault(source, r->v.minor);
}

struct header_list {
	const struct ign2_http_header *v;
	size_t n;
};

static void check_headers(struct rules *r, const struct cfg_path *at, const char *source,
			  struct header_list headers)
{
	struct text_set names;
	struct url u;

	if (headers.n == 0)
		return;
	if (url_parse(source, &u) < 0)
		v_error(&r->v, at, "unable to parse url");
	else if (strcmp(u.scheme, "http") != 0 && strcmp(u.scheme, "https") != 0)
		v_error(&r->v, at, "cannot use HTTP headers with this source scheme");
	if (text_set_init(&names, r->v.arena, headers.n) < 0) {
		r->v.r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < headers.n; i++)
		text_set_add(&names, headers.v[i].name, i);
	text_set_sort(&names);
	for (size_t i = 0; i < headers.n; i++) {
		const char *name = headers.v[i].name;
		const struct cfg_path *name_at = CFG_CHILD(CFG_ENTRY(at, i), "name");

		if (!*name)
			v_error(&r->v, name_at, "HTTP header name can't be empty");
		else if (text_set_find(&names, name, strlen(name))->idx < i)
			v_error(&r->v, name_at, "Found duplicate HTTP header: \"%s\"", name);
	}
}

static void check_hash(struct rules *r, const struct cfg_path *at, const struct ign2_verification *v)
{
	if (v->hash)
		v_hash(&r->v, CFG_CHILD(CFG_CHILD(at, "verification"), "hash"), v->hash);
}

static void check_reference(struct rules *r, const struct cfg_path *at, const struct ign2_reference *ref)
{
	const char *why = url_fault(r, ref->source);

	check_headers(r, CFG_CHILD(at, "httpHeaders"), ref->source,
		      (struct header_list){ ref->http_headers.v, ref->http_headers.n });
	if (why)
		v_error(&r->v, CFG_CHILD(at, "source"), "%s", why);
	check_hash(r, at, &ref->verification);
}

void rules_ignition(struct rules *r, const struct cfg_path *at)
{
	const struct ign2_ignition *ign = &r->config->ignition;
	const struct cfg_path *config = CFG_CHILD(at, "config");
	const struct cfg_path *cas = CFG_CHILD(CFG_CHILD(CFG_CHILD(at, "security"), "tls"),
					       "certificateAuthorities");

	for (size_t i = 0; i < ign->config.append.n; i++)
		check_reference(r, CFG_ENTRY(CFG_CHILD(config, "append"), i), &ign->config.append.v[i]);
	check_reference(r, CFG_CHILD(config, "replace"), &ign->config.replace);
	for (size_t i = 0; i < ign->security.tls.certificate_authorities.n; i++)
		check_reference(r, CFG_ENTRY(cas, i), &ign->security.tls.certificate_authorities.v[i]);
}

static void bad_source(struct rules *r, const struct cfg_path *at, const char *source, const char *why)
{
	CLEANUP(buf_done) struct buf shown = { 0 };

	if (r->minor < 3)
		v_error(&r->v, at, "%s", why);
	else if (fetch_redact(source, &shown) < 0)
		r->v.r = -ENOMEM;
	else
		v_error(&r->v, at, "invalid url \"%s\": %s", buf_str(&shown), why);
}

void rules_contents(struct rules *r, const struct cfg_path *at, const struct ign2_file_contents *c)
{
	const char *why = url_fault(r, c->source);

	if (*c->compression && strcmp(c->compression, "gzip") != 0)
		v_error(&r->v, CFG_CHILD(at, "compression"), "invalid compression method");
	check_headers(r, CFG_CHILD(at, "httpHeaders"), c->source,
		      (struct header_list){ c->http_headers.v, c->http_headers.n });
	if (why)
		bad_source(r, CFG_CHILD(at, "source"), c->source, why);
	check_hash(r, at, &c->verification);
}
