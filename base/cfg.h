/*
 * Documents described by tables: what the generated headers are made of, and the walkers that
 * decode, merge, compare and write any such document. schemas/schemagen.py writes the tables.
 *
 * Everything decoded lives in the caller's arena: strings are NULL when absent (plain strings, which
 * know no absence, are "" then), optional numbers carry `set`, an absent object is all zero.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct json_object;
struct report;

struct opt_i64 {
	bool set;
	int64_t v;
};

struct opt_bool {
	bool set, v;
};

struct strlist {
	const char **v;
	size_t n;
};

struct cfg_list { /* the layout that every generated list shares */
	void *v;
	size_t n;
};

enum cfg_kind { CFG_STR, CFG_INT, CFG_BOOL, CFG_OBJ, CFG_LIST, CFG_STRLIST };

enum {
	CFG_PLAIN = 1,     /* absent and zero are the same */
	CFG_REQUIRED = 2,  /* always written, also when empty; checking presence is a rule's business */
	CFG_SENSITIVE = 4, /* never shown: CFG_EMIT_REDACT */
	CFG_OPTIONAL = 8,  /* of an object: its struct begins with `bool given`, so {} is not absent */
	CFG_NOTED = 16,    /* as CFG_OPTIONAL, but noted for a rule only: no part of the value */
};

enum cfg_rule {                    /* of a list: when are two entries the same entry? */
		CFG_APPEND,        /* never: a merge is parent's then child's */
		CFG_BY_STR,        /* by the string at key_off (a list of strings: by the string itself) */
		CFG_BY_STR_ERASE,  /* the same; a child's entry without the string at key2_off erases the
				      parent's */
		CFG_BY_INT_OR_STR, /* by the integer at key_off when not 0, else by the string at key2_off */
};

struct cfg_desc;

struct cfg_field {
	const char *key;
	enum cfg_kind kind;
	size_t off;
	const struct cfg_desc *sub; /* CFG_OBJ; CFG_LIST: of one entry */
	uint16_t key_off, key2_off; /* in one entry */
	uint8_t rule;               /* enum cfg_rule */
	uint8_t space;              /* lists of one object with the same number (not 0) share their keys */
	uint8_t since;              /* first minor version that knows the field here */
	uint8_t flags;
};

struct cfg_desc {
	const char *name;
	size_t size, n_fields;
	const struct cfg_field *fields; /* in the order in which they are written and reported */
};

/* A place in a document: links through the stack frames of the walk. NULL is the top. */
struct cfg_path {
	const struct cfg_path *up;
	const char *key; /* NULL: entry idx of a list */
	size_t idx;
};
#define CFG_CHILD(up, key) (&(const struct cfg_path){ (up), (key), 0 })
#define CFG_ENTRY(up, idx) (&(const struct cfg_path){ (up), NULL, (idx) })

enum { CFG_MAX_LIST = 65536 }; /* entries: "[0,0,...]" must not buy a hundred times its size in structs */

/*
 * Fills *out (zeroed by the caller) from a parsed document, and takes the entries of its lists away on
 * the way, so that the two are never there in full at once; the caller still gives obj back. Unknown keys and
 * keys in another case are warnings; wrong types and over-long lists are errors; all go to the report and the
 * walk goes on. null means absent. Fields younger than `minor` are unknown. Returns 0 or -ENOMEM.
 */
int cfg_decode(const struct cfg_desc *desc, struct json_object *obj, unsigned minor, struct arena *a,
	       struct report *rep, void *out);

/* The same for documents of Ignition 0.x: its texts about unknown keys, and not a word about null. */
int cfg_decode_v0(const struct cfg_desc *desc, struct json_object *obj, unsigned minor, struct arena *a,
		  struct report *rep, void *out);

/* The userdata of an integer that is INT64_MIN indeed; json-c reads everything below like it. */
#define CFG_LOWEST ((void *)1)

/* What a user calls the type of a parsed value, for "expected string, got ...". */
const char *cfg_type_name(struct json_object *v);

/*
 * out = parent overlaid with child (both const, all three of desc->size bytes; out may share memory
 * with both). An optional value of the child wins when present, a plain one always, an object that
 * is all zero changes nothing. Linear in the size of the lists. Returns 0 or -ENOMEM.
 */
int cfg_merge(const struct cfg_desc *desc, const void *parent, const void *child, struct arena *a, void *out);

/* One error "duplicate entry defined" per entry whose key another before it has. 0 or -ENOMEM. */
int cfg_check_duplicates(const struct cfg_desc *desc, const void *obj, struct report *rep);

bool cfg_is_zero(const struct cfg_desc *desc, const void *obj);
bool cfg_equal(const struct cfg_desc *desc, const void *a, const void *b);

enum {
	CFG_EMIT_INDENT = 1, /* two spaces; else compact */
	CFG_EMIT_REDACT = 2, /* sensitive values become "<redacted>" */
};

/*
 * Writes the document as Go's encoding/json writes upstream's structs: objects are always there,
 * absent values and empty lists are not; <, >, & and the two Unicode line separators are escaped.
 * Returns 0 or what the buffer said.
 */
int cfg_emit(const struct cfg_desc *desc, const void *obj, unsigned flags, struct buf *out);
