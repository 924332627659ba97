/*
 * Strict RFC 8259 scanner. json-c keeps no positions and lets through what must not pass ('x', NaN,
 * 1., -01, raw control characters, a NUL after the document, duplicate keys of which it drops the
 * first), so every document comes through here before json-c sees it.
 *
 * Stricter than the grammar, on purpose: a key given twice in one object, invalid UTF-8 and \u0000
 * are refused (each would lose data silently), and nesting and the number of values are limited.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/cfg.h"

/* What a parsed document may cost: json-c needs up to 800 bytes for an object that is two bytes of text. */
enum {
	JSCAN_MAX_DEPTH = 100,          /* lists and objects inside each other */
	JSCAN_MAX_CONTAINERS = 1 << 19, /* lists and objects */
	JSCAN_MAX_VALUES = 4 << 20,     /* values of any kind */
};

struct jscan_fault {
	size_t off; /* of the first byte that is wrong; the text's length when it ends too early */
	char why[160];
	bool lowest; /* on success: INT64_MIN is in the text and nothing below it, which json-c reads alike */
};

/* Linear time (n log n in the keys of one object). 0, -EBADMSG with *reterr filled, or -ENOMEM. */
int jscan_check(const char *text, size_t len, struct jscan_fault *reterr);

struct jscan_query {
	const struct cfg_path *path;
	bool key;   /* where the last member's key is, not its value */
	size_t off; /* result */
};

/*
 * Finds many paths in one pass over a text that jscan_check() accepted: the byte offset of the value
 * (or key), or of the nearest ancestor that exists. Keys match exactly, else in any case. 0 or -ENOMEM.
 */
int jscan_locate(const char *text, size_t len, struct jscan_query *q, size_t n);

/* Line and column, both from 1, in bytes. */
void jscan_linecol(const char *text, size_t len, size_t off, unsigned *ret_line, unsigned *ret_col);
