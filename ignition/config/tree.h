/* From the text of a document to its tree: the strict scanner first, then json-c. */
#pragma once
#include <stddef.h>

struct err;
struct json_object;
struct report;

/*
 * A text that is no JSON, or JSON but no object, is a finding, and 0 or -EBADMSG ("config is not
 * valid") or -ENOMEM is returned. null is what upstream takes it for: a config without a version.
 * The caller gives the tree back.
 */
int tree_read(const char *text, size_t len, struct report *rep, struct json_object **ret, struct err *e);
void tree_freep(struct json_object **root);

/* As the decoder matches keys: exactly, else in any case; NULL when there is none or it is null. */
struct json_object *tree_member(struct json_object *obj, const char *key);
