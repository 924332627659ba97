#include "base/cfg.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/jread.h"
#include "base/jscan_priv.h"
#include "base/report.h"

struct decoder {
	struct arena *arena;
	struct report *report;
	const char *p;  /* the value to be read; each function below leaves it behind what it read */
	struct buf key; /* of an unknown member */
	size_t entries; /* of all lists */
	unsigned minor;
};

static int decode_object(struct decoder *d, const struct cfg_desc *desc, const struct cfg_path *path,
			 void *out);

const char *cfg_type_name(const char *value)
{
	static const char *const name[] = {
		[JREAD_NULL] = "null",  [JREAD_BOOL] = "boolean",
		[JREAD_INT] = "number", [JREAD_REAL] = "a number with a fraction or an exponent",
		[JREAD_STR] = "string", [JREAD_LIST] = "list",
		[JREAD_OBJ] = "object",
	};

	return name[jread_type(value)];
}

static int wrong_type(struct decoder *d, const char *want, const struct cfg_path *path)
{
	const char *value = d->p;

	d->p = jread_skip(value);
	return report_add(d->report, SEV_ERROR, AT_VALUE, path, "expected %s, got %s", want,
			  cfg_type_name(value));
}

/* Exact match first, then any case: Go's rule, which configs in the wild rely on. */
static const struct cfg_field *find(const struct cfg_desc *desc, const char *quote, bool *ret_exact)
{
	const struct cfg_field *other = NULL;

	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];

		if (!jscan_key_equals(quote, f->key, ret_exact))
			continue;
		if (*ret_exact)
			return f;
		if (!other)
			other = f;
	}
	*ret_exact = false;
	return other;
}

static int decode_string(struct decoder *d, const struct cfg_path *path, const char **out)
{
	char *s;

	if (jread_type(d->p) != JREAD_STR)
		return wrong_type(d, "string", path);
	s = arena_alloc_text(d->arena, jread_str_len(d->p) + 1);
	if (!s)
		return -ENOMEM;
	d->p = jread_str(d->p, s);
	*out = s;
	return 0;
}

static int decode_int(struct decoder *d, const struct cfg_path *path, struct opt_i64 *out)
{
	int64_t i;

	if (jread_type(d->p) != JREAD_INT)
		return wrong_type(d, "integer", path);
	if (!jread_int(d->p, &i)) {
		d->p = jread_skip(d->p);
		return report_add(d->report, SEV_ERROR, AT_VALUE, path, "integer out of range");
	}
	d->p = jread_skip(d->p);
	*out = (struct opt_i64){ true, i };
	return 0;
}

static int decode_bool(struct decoder *d, const struct cfg_path *path, struct opt_bool *out)
{
	if (jread_type(d->p) != JREAD_BOOL)
		return wrong_type(d, "boolean", path);
	*out = (struct opt_bool){ true, *d->p == 't' };
	d->p = jread_skip(d->p);
	return 0;
}

static int decode_entry(struct decoder *d, const struct cfg_field *f, const struct cfg_path *path, void *slot)
{
	if (f->kind == CFG_LIST)
		return decode_object(d, f->sub, path, slot);
	*(const char **)slot = "";
	if (jread_type(d->p) != JREAD_NULL)
		return decode_string(d, path, slot);
	d->p = jread_skip(d->p);
	return 0;
}

static int decode_list(struct decoder *d, const struct cfg_field *f, const struct cfg_path *path,
		       struct cfg_list *out)
{
	size_t size = f->kind == CFG_STRLIST ? sizeof(char *) : f->sub->size, n;
	const char *list = d->p;
	char *slot;
	int r = 0;

	if (jread_type(list) != JREAD_LIST)
		return wrong_type(d, "list", path);
	n = jread_count(list);
	d->entries += n;
	*out = (struct cfg_list){ 0 };
	if (n > CFG_MAX_LIST || d->entries > CFG_MAX_ENTRIES) {
		d->p = jread_skip(list);
		return report_add(d->report, SEV_ERROR, AT_VALUE, path, "more than %d entries%s",
				  n > CFG_MAX_LIST ? CFG_MAX_LIST : CFG_MAX_ENTRIES,
				  n > CFG_MAX_LIST ? "" : " in all lists together");
	}
	slot = n ? arena_alloc(d->arena, n * size) : NULL;
	if (n && !slot)
		return -ENOMEM;
	*out = (struct cfg_list){ slot, n };
	d->p = jread_enter(list);
	for (size_t i = 0; r == 0 && i < n; i++, slot += size) {
		r = decode_entry(d, f, CFG_ENTRY(path, i), slot);
		d->p = jread_next_from(d->p);
	}
	d->p++;
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

static int decode_field(struct decoder *d, const struct cfg_field *f, const struct cfg_path *path, void *out)
{
	if (f->kind != CFG_OBJ && jread_type(d->p) == JREAD_NULL) { /* as if absent */
		d->p = jread_skip(d->p);
		return 0;
	}
	switch (f->kind) {
	case CFG_STR:
		return decode_string(d, path, out);
	case CFG_INT:
		return decode_int(d, path, out);
	case CFG_BOOL:
		return decode_bool(d, path, out);
	case CFG_OBJ:
		if (f->flags & CFG_OPTIONAL)
			*(bool *)out = jread_type(d->p) != JREAD_NULL;
		return decode_object(d, f->sub, path, out);
	case CFG_LIST:
	case CFG_STRLIST:
		return decode_list(d, f, path, out);
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

static int unused_key(struct decoder *d, const struct cfg_path *path, const char *quote)
{
	int r;

	buf_clear(&d->key);
	r = buf_reserve(&d->key, jread_str_len(quote));
	if (r < 0)
		return -ENOMEM;
	(void)jread_str(quote, d->key.p);
	return report_add(d->report, SEV_WARN, AT_KEY, CFG_CHILD(path, d->key.p), "unused key %s", d->key.p);
}

static int decode_object(struct decoder *d, const struct cfg_desc *desc, const struct cfg_path *path,
			 void *out)
{
	int r = 0;

	fill_plain(desc, out);
	if (jread_type(d->p) == JREAD_NULL) {
		d->p = jread_skip(d->p);
		return path ? warn_null_object(d, path) : 0;
	}
	if (jread_type(d->p) != JREAD_OBJ)
		return wrong_type(d, "object", path);
	for (d->p = jread_enter(d->p); r == 0 && !jread_at_end(d->p); d->p = jread_next_from(d->p)) {
		const char *quote = d->p;
		bool exact;
		const struct cfg_field *f = find(desc, quote, &exact);
		bool known = f && f->since <= d->minor;

		d->p = jread_value(quote);
		if (!known || !exact)
			r = unused_key(d, path, quote);
		if (r == 0 && known)
			r = decode_field(d, f, CFG_CHILD(path, f->key), (char *)out + f->off);
		else
			d->p = jread_skip(d->p);
	}
	d->p++;
	return r;
}

int cfg_decode(const struct cfg_desc *desc, const char *value, unsigned minor, struct arena *a,
	       struct report *rep, void *out)
{
	struct decoder d = { .arena = a, .report = rep, .p = value, .minor = minor };
	int r = decode_object(&d, desc, NULL, out);

	buf_done(&d.key);
	return r;
}
