/*
 * Reads values out of a text that jscan_check() accepted: no tree, no copies, so a document costs what
 * is kept of it. A value is known by the pointer to its first byte. The text being well-formed, nothing
 * here needs its end; only a number that is the whole document wants a byte (any) behind it.
 *
 *	for (p = jread_enter(list); !jread_at_end(p); p = jread_next(p))
 *		use(p);
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum jread_type { JREAD_NULL, JREAD_BOOL, JREAD_INT, JREAD_REAL, JREAD_STR, JREAD_LIST, JREAD_OBJ };

enum jread_type jread_type(const char *value); /* JREAD_REAL: with a fraction or an exponent */

const char *jread_skip_space(const char *p);
const char *jread_skip(const char *value); /* behind it */

/* The first entry of a list or key of an object; then the one behind a value that ends at p. */
const char *jread_enter(const char *container);
const char *jread_next_from(const char *p);
static inline bool jread_at_end(const char *p) /* the closing bracket, not an entry or key */
{
	return *p == ']' || *p == '}';
}

const char *jread_value(const char *key); /* of the member with this key */
static inline const char *jread_next(const char *entry)
{
	return jread_next_from(jread_skip(entry));
}

size_t jread_count(const char *list);

/* Bytes of a string once its escapes are resolved, no NUL; lone surrogates become U+FFFD. */
size_t jread_str_len(const char *quote);
/* Writes those bytes and a NUL; returns behind the string in the text. */
const char *jread_str(const char *quote, char *out);

bool jread_int(const char *number, int64_t *ret); /* JREAD_INT only; false: out of range */

/* The value of an object's member: the key exactly, else the last one in another case; NULL: none. */
const char *jread_member(const char *obj, const char *key);
