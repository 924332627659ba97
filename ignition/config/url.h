/*
 * URLs as Go's net/url splits them, since that decides which configs upstream accepts
 * (reference C.6). Nothing is decoded; a part points into the text given.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct url {
	char scheme[16];    /* lower case; "" = none; longer ones are cut, which no known scheme is */
	const char *opaque; /* "scheme:opaque": what follows the colon, no '/' first; else NULL */
	size_t opaque_len;  /* up to '?' or '#' */
	const char *query;  /* behind '?', up to '#'; NULL when there is none */
	size_t query_len;
};

/* 0, or -EINVAL when upstream would say "unable to parse url". */
int url_parse(const char *text, struct url *ret);

/* Whether the query has this key and its first value is empty. */
bool url_query_empty(const struct url *u, const char *key);
