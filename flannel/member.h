/*
 * The members of one JSON object, one after the other, without building a tree: leases and network
 * configurations are one level deep and keep parts of themselves verbatim. The whole text is
 * checked first, so a walk never meets broken JSON.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum { MEMBER_KEY_MAX = 64 }; /* longer keys are none of ours and come out cut */

struct member {
	char key[MEMBER_KEY_MAX]; /* decoded */
	const char *text;         /* the value verbatim: points into the document, len bytes */
	size_t len;
};

struct member_walk {
	const char *p, *end;
};

/* Checks that the text is one strict JSON object. -EINVAL with line, column and reason, or -ENOMEM. */
int member_begin(struct member_walk *w, const char *text, size_t len, struct err *e);
/* 1 with the next member, 0 at the end. */
int member_next(struct member_walk *w, struct member *ret);

bool member_is(const struct member *m, const char *key); /* in any case */
bool member_is_null(const struct member *m);

/*
 * Typed values; -EINVAL names the key, what was expected and what is there. A null is -EINVAL,
 * too: whether it means "absent" is the caller's knowledge. Strings are decoded, -E2BIG when they
 * do not fit.
 */
int member_bool(const struct member *m, bool *ret, struct err *e);
int member_uint(const struct member *m, uint64_t max, uint64_t *ret, struct err *e);
int member_string(const struct member *m, char *ret, size_t size, struct err *e);

/* Writes s as a JSON string with quotes. */
struct buf;
int member_quote(struct buf *b, const char *s);
