/* One finding and what a hint for it can be made of. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json_types.h>
#include "base/cfg.h"
#include "base/report.h"
#include "ignition/config/hints.h"

struct hint {
	struct report *report;
	size_t i; /* of the finding */
	const struct report_entry *finding;
	const struct hint_source *source;
	size_t off;                /* of the place in the text */
	const struct cfg_desc *in; /* the object that holds the path's last key; NULL: not known */
	const struct cfg_field
		*field; /* of that key (of a list, when the path ends at an entry); NULL: unknown key */
	bool entry;     /* the path ends at an entry of the field's list */
};

#define hint_say(h, ...) report_hint_at((h)->report, (h)->i, __VA_ARGS__)

/* The scalar at the place, cut to size; false when something else is there: a missing member's ancestor. */
bool hint_string(const struct hint *h, char *ret, size_t size);
bool hint_int(const struct hint *h, int64_t *ret);

enum json_type hint_json_type(const struct hint *h); /* of whatever is at the place */

/* The key that the path ends at; "" at an entry or the top. */
const char *hint_key_name(const struct hint *h);

/* Where the value of `path` is defined in desc. False: some key on the way is unknown, or path is NULL. */
bool hint_lookup(const struct cfg_desc *desc, const struct cfg_path *path, const struct cfg_desc **ret_in,
		 const struct cfg_field **ret_field, bool *ret_entry);

/* The field of exactly this name, or NULL. */
const struct cfg_field *hint_field_named(const struct cfg_desc *in, const char *key);

/* A decimal number whose digits are a usual octal mode, 644: what was meant, 0644. */
bool hint_octal_digits(int64_t decimal, unsigned *ret_mode);

int hint_syntax(const struct hint *h);  /* the text is no JSON */
int hint_unused(const struct hint *h);  /* a key that is not used */
int hint_type(const struct hint *h);    /* a value of another type */
int hint_rule(const struct hint *h);    /* a rule of the specification */
int hint_version(const struct hint *h); /* a version that is not known */
