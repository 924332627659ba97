#include "ignition/render.h"
#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sink.h"
#include "ignition/config/config.h"
#include "ignition/config/url.h"
#include "ignition/document.h"
#include "ignition/fetch/fetch.h"
#include "ignition/state.h"

/* All of them stay in memory until the result is written. */
enum { MAX_DEPTH = 16, MAX_REFERENCES = 256, MAX_TOTAL_BYTES = 2 * IGN_CONFIG_MAX_BYTES };

struct render {
	struct fetcher *fetcher;
	struct arena *arena;
	struct ign_state *state;
	unsigned fetched;
	size_t bytes;
};

/* The state names a referenced config by its URL's path only, as upstream; nothing for data: URLs. */
static int note_reference(struct render *c, const char *url)
{
	CLEANUP(buf_done) struct buf path = { 0 };
	struct url u;
	int r;

	if (!c->state)
		return 0;
	r = url_parse(url, &u);
	if (r == 0)
		r = url_path(&u, &path);
	return r < 0 ? r : state_add_config(c->state, "user", buf_str(&path), true);
}

/* As upstream: a data: URL is the config itself, and is not printed. */
static int log_fetched(const char *source, const char *shown, const struct buf *text)
{
	CLEANUP(buf_done) struct buf what = { 0 };
	int r = fetch_needs_net(source) ? buf_printf(&what, "fetched referenced config at %s", shown)
					: buf_puts(&what, "fetched referenced config from data url");

	if (r == 0)
		document_log_digest(buf_str(&what), text);
	return r;
}

static int refuse_many(struct err *e)
{
	return err_text(e, ELOOP, "more than %d referenced configs: do two of them name each other?",
			MAX_REFERENCES);
}

static int fetch_config(struct render *c, const struct ign_resource *ref, struct ign_config *ret,
			struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
	CLEANUP(buf_done) struct buf shown = { 0 };
	struct buf_sink sink;
	int r;

	if (++c->fetched > MAX_REFERENCES)
		return refuse_many(e);
	if (!ref->source)
		return err_text(e, EBADMSG, "source is required");
	if (!*ref->source)
		return err_text(e, EBADMSG, "not a config (empty): a referenced config has the source \"\"");
	buf_sink_init(&sink, &text);
	r = fetch_redact(ref->source, &shown);
	if (r < 0)
		return err_errno(e, -r, "fetching a referenced config");
	r = fetch_resource(c->fetcher, ref, &sink.base, e);
	if (r < 0)
		return err_wrap(e, r, "fetching a referenced config");
	r = log_fetched(ref->source, buf_str(&shown), &text);
	if (r < 0)
		return err_errno(e, -r, "fetching a referenced config");
	c->bytes += text.n;
	if (c->bytes > MAX_TOTAL_BYTES)
		return err_text(e, EFBIG, "the referenced configs up to %s have more than %d bytes together",
				buf_str(&shown), MAX_TOTAL_BYTES);
	r = document_parse(buf_str(&shown), &text, c->arena, ret, e);
	/* Upstream lets an empty reference silently discard the whole config; here it is a mistake to name
	 * one. */
	if (r < 0)
		return err_wrap(e, r == -ENODATA ? -EBADMSG : r, "referenced config %s", buf_str(&shown));
	r = note_reference(c, ref->source);
	return r < 0 ? err_errno(e, -r, "recording a referenced config") : 0;
}

/* References are no settings, and may be many. */
static struct ign_config settings_of(const struct ign_ignition *ign)
{
	struct ign_config c = { .ignition = *ign };

	c.ignition.config.merge.n = 0;
	c.ignition.config.replace = (struct ign_resource){ .source = NULL };
	return c;
}

/* What is set in both counts as in the second. */
static int merge_settings(struct render *c, const struct ign_ignition *first,
			  const struct ign_ignition *second, struct ign_ignition *ret, struct err *e)
{
	const struct ign_config under = settings_of(first), over = settings_of(second);
	struct ign_config both;
	int r = ign_config_merge(c->arena, &under, &over, &both);

	if (r < 0)
		return err_errno(e, -r, "merging the settings of a referenced config");
	*ret = both.ignition;
	return 0;
}

/*
 * outer: the settings of this config and those above, which also hold for what it refers to. Upstream forgets
 * them one level down, so that a proxy or an authority of the first config is missing there.
 */
static int render(struct render *c, const struct ign_config *config, const struct ign_ignition *outer,
		  unsigned depth, struct ign_config *ret, struct err *e)
{
	struct ign_config merged = *config;
	struct ign_ignition settings = *outer; /* with those of the references so far */
	int r;

	if (depth > MAX_DEPTH)
		return err_text(e, ELOOP, "references to configs are nested deeper than %d", MAX_DEPTH);
	if (config->ignition.config.replace.source) {
		struct ign_config child = { 0 };

		r = fetch_config(c, &config->ignition.config.replace, &child, e);
		if (r == 0)
			r = fetcher_configure(c->fetcher, &child.ignition, e);
		return r < 0 ? r : render(c, &child, &child.ignition, depth + 1, ret, e);
	}
	if (config->ignition.config.merge.n >
	    MAX_REFERENCES - c->fetched) /* said before the first is fetched */
		return refuse_many(e);
	for (size_t i = 0; i < config->ignition.config.merge.n; i++) {
		struct ign_config child = { 0 }, rendered, next;
		struct ign_ignition below;

		r = i ? fetcher_configure(c->fetcher, &settings, e)
		      : 0; /* those of the one before may still be in use */
		if (r == 0)
			r = fetch_config(c, &config->ignition.config.merge.v[i], &child, e);
		if (r == 0)
			r = merge_settings(c, &settings, &child.ignition, &below, e);
		if (r == 0)
			r = fetcher_configure(c->fetcher, &below, e);
		if (r == 0)
			r = render(c, &child, &below, depth + 1, &rendered, e);
		if (r == 0)
			r = merge_settings(c, &settings, &rendered.ignition, &settings, e);
		if (r < 0)
			return r;
		r = ign_config_merge(c->arena, &merged, &rendered, &next);
		if (r < 0)
			return err_errno(e, -r, "merging a referenced config");
		merged = next;
	}
	*ret = merged;
	return 0;
}

int render_references(struct fetcher *f, struct arena *a, struct ign_state *s,
		      const struct ign_config *config, struct ign_config *ret, struct err *e)
{
	struct render c = { .fetcher = f, .arena = a, .state = s };

	return render(&c, config, &config->ignition, 0, ret, e);
}

int render_authorities(struct fetcher *f, struct arena *a, struct ign_config *config, struct err *e)
{
	static const char head[] = "data:text/plain;charset=utf-8;base64,";
	size_t n = config->ignition.security.tls.certificate_authorities.n;
	struct ign_resource *v;

	if (n == 0)
		return 0;
	v = arena_alloc(a, n * sizeof *v);
	if (!v)
		return err_errno(e, ENOMEM, "certificate authorities");
	for (size_t i = 0; i < n; i++) {
		CLEANUP(buf_done) struct buf pem = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
		CLEANUP(buf_done) struct buf url = { 0 };
		int r;

		v[i] = config->ignition.security.tls.certificate_authorities.v[i];
		r = fetcher_authority(f, &v[i], &pem, e);
		if (r < 0)
			return err_wrap(e, r, "fetching certificate authority %zu", i);
		r = buf_puts(&url, head);
		if (r == 0)
			r = base64_encode(pem.p, pem.n, &url);
		if (r == 0)
			v[i].source = arena_strndup(a, url.p, url.n);
		if (r < 0 || !v[i].source)
			return err_errno(e, ENOMEM, "certificate authorities");
		v[i].http_headers.n = 0;
		v[i].compression = NULL;
	}
	config->ignition.security.tls.certificate_authorities.v = v;
	return 0;
}
