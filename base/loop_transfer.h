/* The part of the loop that only base/http.c uses: libcurl transfers as sources. */
#pragma once
#include "base/loop.h"

struct curl_api;
struct err;

/* Called once when the transfer has ended; code is a CURLcode. Same return value as other callbacks. */
typedef int (*loop_transfer_fn)(void *ctx, int code);

/* Loads libcurl at the first call. The table lives as long as the loop. */
int loop_curl(struct loop *l, const struct curl_api **ret, struct err *e);

/*
 * Starts a transfer; the loop owns the easy handle from here, also on failure, and cleans it up when
 * the source is freed. A source must not be freed from within libcurl's own callbacks.
 */
int loop_add_transfer(struct loop *l, void *easy, loop_transfer_fn fn, void *ctx, struct loop_source **ret,
		      struct err *e);
