/*
 * Fetching what a config names: URL schemes as a table (data, http, https; others as they come),
 * decompression, verification, headers, HTTP settings from the config.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct err;
struct fetcher;
struct ign_ignition;
struct ign_resource;
struct sink;

enum {
	EFETCH_NEEDNET = 100, /* ENETDOWN: the fetcher is offline and the source needs the network */
	EFETCH_NOTFOUND = 2,  /* ENOENT: the server said 404 */
};

int fetcher_new(bool offline, struct fetcher **ret, struct err *e);
struct fetcher *fetcher_free(struct fetcher *f); /* accepts NULL, returns NULL */
bool fetcher_offline(const struct fetcher *f);

/* Total time for each following fetch, all attempts included; 0 = none (the default). */
void fetcher_set_total_timeout(struct fetcher *f, long long ms);

/*
 * Timeouts, proxy and CAs of a config, CAs are fetched here. An absent field restores the default; a config
 * without CAs leaves those before in force, as upstream.
 */
int fetcher_configure(struct fetcher *f, const struct ign_ignition *ign, struct err *e);

/*
 * Appends a CA as its source has it, unpacked and verified. Sources that fetcher_configure() has seen
 * are not fetched again, so what is kept is what was used.
 */
int fetcher_authority(struct fetcher *f, const struct ign_resource *res, struct buf *out, struct err *e);

struct fetch_header {
	const char *name, *value;
};

/* One plain GET into a buffer (limit: out->max), for provider documents. */
struct fetch_get {
	const char *url;
	const struct fetch_header *headers; /* NULL name ends; NULL = defaults only */
};
int fetch_get(struct fetcher *f, const struct fetch_get *req, struct buf *out, struct err *e);

/*
 * A config's resource: source -> gunzip -> verification -> sink. An absent or empty source is empty
 * content. finish() of the sink has been called when 0 is returned. The story names the URL
 * (userinfo and query values redacted), the HTTP status or the transport error, and the attempts.
 */
int fetch_resource(struct fetcher *f, const struct ign_resource *res, struct sink *out, struct err *e);

/*
 * The same for several that do not depend on each other, up to 8 at a time. After a failure nothing
 * new is begun and what is under way is given up (result -ECANCELED), since it might retry for ever.
 * The return value and the story are those of the failed job, the first in array order.
 */
struct fetch_job {
	const struct ign_resource *res;
	struct sink *out;
	int result;
};
int fetch_resources(struct fetcher *f, struct fetch_job *jobs, size_t n, struct err *e);

/* Whether a source needs the network (reference D.7): everything but data: and "". */
bool fetch_needs_net(const char *source);

/* For logs: the URL without userinfo and with query values as "<redacted>"; data: URLs become "data:...". */
int fetch_redact(const char *url, struct buf *out);
