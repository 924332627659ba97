#include "base/cfg.h"
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/fold.h"
#include "base/report.h"

enum { KEPT_BYTES = 64 * 1024 };

struct decoder {
	struct arena *arena;
	struct report *report;
	unsigned minor;
	bool v0; /* speaks as Ignition 0.x did */
};

static int decode_object(struct decoder *d, const struct cfg_desc *desc, struct json_object *obj,
			 const struct cfg_path *path, void *out);

const char *cfg_type_name(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_double:
		return "a number with a fraction or an exponent";
	case json_type_array:
		return "list";
	case json_type_int:
		return "number";
	default:
		return json_type_to_name(json_object_get_type(v));
	}
}

static int wrong_type(struct decoder *d, const char *want, struct json_object *v, const struct cfg_path *path)
{
	return report_add(d->report, SEV_ERROR, AT_VALUE, path, "expected %s, got %s", want,
			  cfg_type_name(v));
}

/* Exact match first, then any case: Go's rule, which configs in the wild rely on. */
static const struct cfg_field *find(const struct cfg_desc *desc, const char *key, bool *ret_exact)
{
	for (size_t i = 0; i < desc->n_fields; i++) {
		const char *name = desc->fields[i].key;

		if (*name == *key && strcmp(name, key) == 0) {
			*ret_exact = true;
			return &desc->fields[i];
		}
	}
	*ret_exact = false;
	for (size_t i = 0; i < desc->n_fields; i++)
		if (fold_equal(desc->fields[i].key, key))
			return &desc->fields[i];
	return NULL;
}

static void give_back(void *string)
{
	json_object_put(string);
}

/* The text of a string as long as the arena lives: copied, or json-c's own when copying would cost. */
static const char *keep_text(struct arena *a, struct json_object *v)
{
	size_t n = (size_t)json_object_get_string_len(v);

	if (n < KEPT_BYTES)
		return arena_strndup(a, json_object_get_string(v), n);
	return arena_defer(a, give_back, json_object_get(v)) < 0 ? NULL : json_object_get_string(v);
}

static int decode_string(struct decoder *d, struct json_object *v, const struct cfg_path *path,
			 const char **out)
{
	const char *s;

	if (!json_object_is_type(v, json_type_string))
		return wrong_type(d, "string", v, path);
	s = keep_text(d->arena, v);
	if (!s)
		return -ENOMEM;
	*out = s;
	return 0;
}

static int decode_int(struct decoder *d, struct json_object *v, const struct cfg_path *path,
		      struct opt_i64 *out)
{
	int64_t i;

	if (!json_object_is_type(v, json_type_int))
		return wrong_type(d, "integer", v, path);
	/* json-c saturates silently. Above, its unsigned view tells; below, only who saw the text can. */
	i = json_object_get_int64(v);
	if ((i == INT64_MAX && json_object_get_uint64(v) > INT64_MAX) ||
	    (i == INT64_MIN && json_object_get_userdata(v) != CFG_LOWEST))
		return report_add(d->report, SEV_ERROR, AT_VALUE, path, "integer out of range");
	*out = (struct opt_i64){ true, i };
	return 0;
}

static int decode_list(struct decoder *d, const struct cfg_field *f, struct json_object *v,
		       const struct cfg_path *path, struct cfg_list *out)
{
	size_t size = f->kind == CFG_STRLIST ? sizeof(char *) : f->sub->size, n;
	char *slot;
	int r = 0;

	if (!json_object_is_type(v, json_type_array))
		return wrong_type(d, "list", v, path);
	n = json_object_array_length(v);
	*out = (struct cfg_list){ 0 };
	if (n == 0)
		return 0;
	if (n > CFG_MAX_LIST)
		return report_add(d->report, SEV_ERROR, AT_VALUE, path, "more than %d entries", CFG_MAX_LIST);
	slot = arena_alloc(d->arena, n * size);
	if (!slot)
		return -ENOMEM;
	*out = (struct cfg_list){ slot, n };
	for (size_t i = 0; r == 0 && i < n; i++, slot += size) {
		struct json_object *e = json_object_array_get_idx(v, i);

		if (f->kind == CFG_LIST) {
			r = decode_object(d, f->sub, e, CFG_ENTRY(path, i), slot);
		} else {
			*(const char **)slot = "";
			r = e ? decode_string(d, e, CFG_ENTRY(path, i), (const char **)slot) : 0;
		}
		if (e) /* its memory serves the entries to come */
			(void)json_object_array_put_idx(v, i, NULL);
	}
	return r;
}

static const char *null_object(const struct cfg_path *path, char *buf, size_t n)
{
	size_t used = path->up ? strlen(null_object(path->up, buf, n)) : 0;

	if (!path->up)
		used = (size_t)snprintf(buf, n, "$");
	if (used < n)
		(void)(path->key ? snprintf(buf + used, n - used, ".%s", path->key)
				 : snprintf(buf + used, n - used, ".%zu", path->idx));
	return buf;
}

static int warn_null_object(struct decoder *d, const struct cfg_path *path)
{
	char place[256];

	return report_add(d->report, SEV_WARN, AT_VALUE, path,
			  "context tree does not match content tree at %s. Line and column reporting "
			  "may be inconsistent. Unused keys may not be reported",
			  null_object(path, place, sizeof place));
}

/* known: the key that differs only in case, or NULL. */
static int unknown_key(struct decoder *d, const struct cfg_path *path, const char *known)
{
	int r;

	if (!d->v0)
		return report_add(d->report, SEV_WARN, AT_KEY, path, "unused key %s", path->key);
	r = report_add(d->report, SEV_WARN, AT_KEY, path, "Config has unrecognized key: %s", path->key);
	if (r == 0 && known)
		r = report_add(d->report, SEV_INFO, AT_KEY, path, "Did you mean %s instead of %s", known,
			       path->key);
	return r;
}

static int decode_field(struct decoder *d, const struct cfg_field *f, struct json_object *v,
			const struct cfg_path *path, void *out)
{
	if (!v && f->kind != CFG_OBJ) /* null: as if absent */
		return 0;
	switch (f->kind) {
	case CFG_STR:
		return decode_string(d, v, path, out);
	case CFG_INT:
		return decode_int(d, v, path, out);
	case CFG_BOOL:
		if (!json_object_is_type(v, json_type_boolean))
			return wrong_type(d, "boolean", v, path);
		*(struct opt_bool *)out = (struct opt_bool){ true, json_object_get_boolean(v) };
		return 0;
	case CFG_OBJ:
		if (f->flags & (CFG_OPTIONAL | CFG_NOTED))
			*(bool *)out = v;
		return decode_object(d, f->sub, v, path, out);
	case CFG_LIST:
	case CFG_STRLIST:
		return decode_list(d, f, v, path, out);
	}
	return -EINVAL;
}

/* Plain strings know no absence; callers may then use them without asking. */
static void fill_plain(const struct cfg_desc *desc, char *out)
{
	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		const char **s = (const char **)(out + f->off);

		if (f->kind == CFG_OBJ)
			fill_plain(f->sub, out + f->off);
		else if (f->kind == CFG_STR && f->flags & CFG_PLAIN && !*s)
			*s = "";
	}
}

static int decode_object(struct decoder *d, const struct cfg_desc *desc, struct json_object *obj,
			 const struct cfg_path *path, void *out)
{
	fill_plain(desc, out);
	if (!obj)
		return path && !d->v0 ? warn_null_object(d, path) : 0;
	if (!json_object_is_type(obj, json_type_object))
		return wrong_type(d, "object", obj, path);
	json_object_object_foreach(obj, key, val) {
		bool exact;
		const struct cfg_field *f = find(desc, key, &exact);
		bool known = f && f->since <= d->minor;
		int r = 0;

		if (!known || !exact)
			r = unknown_key(d, CFG_CHILD(path, key), known ? f->key : NULL);
		if (r == 0 && known)
			r = decode_field(d, f, val, CFG_CHILD(path, f->key), (char *)out + f->off);
		if (r < 0)
			return r;
	}
	return 0;
}

int cfg_decode(const struct cfg_desc *desc, struct json_object *obj, unsigned minor, struct arena *a,
	       struct report *rep, void *out)
{
	struct decoder d = { .arena = a, .report = rep, .minor = minor };

	return decode_object(&d, desc, obj, NULL, out);
}

int cfg_decode_v0(const struct cfg_desc *desc, struct json_object *obj, unsigned minor, struct arena *a,
		  struct report *rep, void *out)
{
	struct decoder d = { .arena = a, .report = rep, .minor = minor, .v0 = true };

	return decode_object(&d, desc, obj, NULL, out);
}
