/* What the two forms share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct json_object;
struct report;
struct report_entry;

/* A tree in the making: the first failure stays, and adding to nothing does nothing. */
struct json_pen {
	bool failed;
};

struct json_object *jp_object(struct json_pen *p);
struct json_object *jp_array(struct json_pen *p);
void jp_add(struct json_pen *p, struct json_object *to, const char *key, struct json_object *v); /* takes v */
void jp_append(struct json_pen *p, struct json_object *to, struct json_object *v);               /* takes v */
void jp_str(struct json_pen *p, struct json_object *to, const char *key, const char *s); /* any bytes */
void jp_int(struct json_pen *p, struct json_object *to, const char *key, size_t n);
void jp_bool(struct json_pen *p, struct json_object *to, const char *key, bool v);
int jp_write(struct json_pen *p, struct json_object *root, struct buf *out); /* frees root */

enum { REPORT_RULE_ID_MAX = 96 };

/* The stable name of a kind of finding, made of its rule: "unused-key". */
void report_rule_id(const struct report_entry *e, char ret[REPORT_RULE_ID_MAX]);
size_t report_omitted(const struct report *r);
