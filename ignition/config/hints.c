#include "ignition/config/hints.h"
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/place.h"
#include "ignition/config/hint_priv.h"
#include "ignition/config/tree.h"

enum { SCALAR_MAX = 4096 }; /* bytes of a value that a hint may quote */

const struct cfg_field *hint_field_named(const struct cfg_desc *in, const char *key)
{
	for (size_t i = 0; i < in->n_fields; i++)
		if (strcmp(in->fields[i].key, key) == 0)
			return &in->fields[i];
	return NULL;
}

bool hint_lookup(const struct cfg_desc *desc, const struct cfg_path *path, const struct cfg_desc **ret_in,
		 const struct cfg_field **ret_field, bool *ret_entry)
{
	const struct cfg_desc *in;
	const struct cfg_field *field = NULL;
	bool entry = false;

	if (!desc || !path)
		return false;
	if (path->up && (!hint_lookup(desc, path->up, &in, &field, &entry) || !field))
		return false;
	if (!path->key) { /* of the list that the path so far leads to */
		if (!path->up || entry || (field->kind != CFG_LIST && field->kind != CFG_STRLIST))
			return false;
		*ret_in = in;
		*ret_field = field;
		*ret_entry = true;
		return true;
	}
	if (path->up && field->kind != CFG_OBJ && !(field->kind == CFG_LIST && entry))
		return false;
	in = path->up ? field->sub : desc;
	*ret_field = hint_field_named(in, path->key);
	*ret_in = in;
	*ret_entry = false;
	return true;
}

const char *hint_key_name(const struct hint *h)
{
	const struct cfg_path *p = h->finding->path;

	return p && p->key ? p->key : "";
}

static void tokenerp(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

/* What begins at the place when it is a scalar and short; the caller releases it. */
static struct json_object *scalar(const struct hint *h)
{
	const char *s = h->source->text + h->off;
	size_t left = h->source->len - h->off;
	CLEANUP(tokenerp) struct json_tokener *tok = NULL;

	if (!h->source->json || left == 0 || !*s || !strchr("\"-0123456789", *s))
		return NULL;
	tok = json_tokener_new();
	return tok ? json_tokener_parse_ex(tok, s, left < SCALAR_MAX ? (int)left : SCALAR_MAX) : NULL;
}

bool hint_string(const struct hint *h, char *ret, size_t size)
{
	CLEANUP(tree_freep) struct json_object *v = scalar(h);
	size_t n = json_object_is_type(v, json_type_string) ? (size_t)json_object_get_string_len(v) : size;

	if (n >= size)
		return false;
	memcpy(ret, json_object_get_string(v), n + 1);
	return true;
}

bool hint_int(const struct hint *h, int64_t *ret)
{
	CLEANUP(tree_freep) struct json_object *v = scalar(h);

	if (!json_object_is_type(v, json_type_int))
		return false;
	*ret = json_object_get_int64(v);
	return true;
}

enum json_type hint_json_type(const struct hint *h)
{
	CLEANUP(tree_freep) struct json_object *v = scalar(h);

	switch (h->off < h->source->len ? h->source->text[h->off] : '\0') {
	case '{':
		return json_type_object;
	case '[':
		return json_type_array;
	case '"':
		return json_type_string;
	case 't':
	case 'f':
		return json_type_boolean;
	}
	return json_object_get_type(v);
}

bool hint_octal_digits(int64_t decimal, unsigned *ret_mode)
{
	/* none of them is a usual mode when it is read as the decimal that it is */
	static const unsigned usual[] = { 0400,  0440,  0444,  0550,  0555,  0600,  0604,  0640,
					  0644,  0660,  0664,  0666,  0700,  0710,  0711,  0750,
					  0751,  0755,  0770,  0775,  0777,  01755, 01777, 02750,
					  02755, 02770, 02775, 04711, 04750, 04755, 06755, 07777 };
	unsigned mode = 0, shift = 0;

	if (decimal <= 0 || decimal > 7777)
		return false;
	for (int64_t d = decimal; d > 0; d /= 10, shift += 3) {
		if (d % 10 > 7)
			return false;
		mode |= (unsigned)(d % 10) << shift;
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (mode == usual[i]) {
			*ret_mode = mode;
			return true;
		}
	}
	return false;
}

static int advise_mode(struct report *rep, const struct hint_source *s, const struct cfg_path *at,
		       const struct opt_i64 *mode)
{
	unsigned meant;

	if (!mode->set || mode->v > 07777 || !hint_octal_digits(mode->v, &meant))
		return 0;
	if (s->major == 3 && s->minor < 6 && mode->v & 07000) /* a warning says so, and has a hint */
		return 0;
	return report_advise(rep, at, "numbers in JSON are decimal: %d is mode 0%o; write %u for 0%o",
			     (int)mode->v, (unsigned)mode->v, meant, meant);
}

int ign_advise_modes(struct report *rep, const struct hint_source *s, const void *config)
{
	static const char *const lists[] = { "directories", "files" };
	const struct cfg_field *storage = hint_field_named(s->desc, "storage");
	int r = 0;

	for (size_t k = 0; rep->explain && storage && storage->kind == CFG_OBJ && k < ARRAY_SIZE(lists);
	     k++) {
		const struct cfg_field *f = hint_field_named(storage->sub, lists[k]);
		const struct cfg_field *mode = f && f->kind == CFG_LIST ? hint_field_named(f->sub, "mode")
									: NULL;
		const struct cfg_path *at = CFG_CHILD(CFG_CHILD(NULL, "storage"), lists[k]);
		const struct cfg_list *list;

		if (!mode || mode->kind != CFG_INT)
			continue;
		list = (const void *)((const char *)config + storage->off + f->off);
		for (size_t i = 0; r == 0 && i < list->n; i++)
			r = advise_mode(rep, s, CFG_CHILD(CFG_ENTRY(at, i), "mode"),
					(const void *)((const char *)list->v + i * f->sub->size + mode->off));
	}
	return r;
}

static int hint_finding(struct hint *h)
{
	static const struct {
		const char *rule;
		int (*make)(const struct hint *h);
	} kinds[] = {
		{ "unused key ", hint_unused },
		{ "Config has unrecognized key: ", hint_unused },
		{ "expected %s, got ", hint_type },
		{ "version \"%s\" is not one of ", hint_version },
	};

	if (!h->source->json && !h->finding->path)
		return hint_syntax(h);
	(void)hint_lookup(h->source->desc, h->finding->path, &h->in, &h->field, &h->entry);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(h->finding->rule, kinds[i].rule, strlen(kinds[i].rule)) == 0)
			return kinds[i].make(h);
	return hint_rule(h);
}

int ign_hints_add(struct report *rep, const struct hint_source *s)
{
	CLEANUP(freep) struct place *at = NULL;
	int r;

	if (!rep->explain)
		return 0;
	r = places_find(rep, s->text, s->len, &at);
	for (size_t i = 0; r == 0 && i < rep->n; i++) {
		struct hint h = { rep, i, &rep->v[i], s, at[i].off, NULL, NULL, false };

		if (at[i].known && !rep->v[i].hint && !rep->v[i].advice)
			r = hint_finding(&h);
	}
	return r;
}
