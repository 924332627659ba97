/* The request headers of a fetch: defaults, replaced by the ones a config or a provider names. */
#pragma once
#include "base/http.h"

struct arena;
struct err;

struct header_list {
	struct http_header *v;
	size_t n, cap;
};

/* Starts a list with the defaults and room for some more. Everything lives in the arena. */
int headers_defaults(struct header_list *l, size_t more, struct arena *a, struct err *e);

/*
 * Adds one, or replaces the one of the same name. Names are compared and written as Go's net/http
 * does: x-auth becomes X-Auth. value NULL is -EINVAL ("unable to parse HTTP header").
 */
int headers_set(struct header_list *l, const char *name, const char *value, struct arena *a, struct err *e);
