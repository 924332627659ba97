/*
 * URLs as Go's net/url splits them, since that decides which configs upstream accepts
 * (reference C.6). A part points into the text given, as it is written there.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;

struct url {
	char scheme[16];    /* lower case; "" = none; longer ones are cut, which no known scheme is */
	const char *opaque; /* "scheme:opaque": what follows the colon, no '/' first; else NULL */
	size_t opaque_len;  /* up to '?' or '#' */
	const char *query;  /* behind '?', up to '#'; NULL when there is none */
	size_t query_len;
	const char *path; /* of a URL that is not opaque; path_len may be 0 */
	size_t path_len;
};

/* 0, or -EINVAL when upstream would say "unable to parse url". */
int url_parse(const char *text, struct url *ret);

/*
 * Appends the path with its escapes decoded, nothing for an opaque URL. A path that is not text then
 * (NUL, invalid UTF-8) is appended as written. 0 or what buf_append() says.
 */
int url_path(const struct url *u, struct buf *out);

/* Whether the query has this key and its first value is empty. */
bool url_query_empty(const struct url *u, const char *key);
