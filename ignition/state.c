#include "ignition/state.h"
#include "base/arena.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/jscan.h"
#include <json-c/json.h>
#include <string.h>

enum { STATE_MAX_BYTES = 64 << 20, STATE_MAX_DEPTH = 16 };

/* One more element at the end of a {v, n} list that lives in the state's arena. */
#define LIST_ADD(s, list, ret_slot)                                                                          \
	({                                                                                                   \
		__typeof__(&(list)) list_ = &(list);                                                         \
		size_t size_ = sizeof *list_->v;                                                             \
		void *v_ = arena_alloc((s)->arena, (list_->n + 1) * size_);                                  \
		if (v_) {                                                                                    \
			if (list_->n)                                                                        \
				memcpy(v_, list_->v, list_->n *size_);                                       \
			list_->v = v_;                                                                       \
			*(ret_slot) = &list_->v[list_->n++];                                                 \
		}                                                                                            \
		v_ ? 0 : -ENOMEM;                                                                            \
	})

int state_add_config(struct ign_state *s, const char *kind, const char *source, bool referenced)
{
	struct state_config c = { .referenced = referenced };
	struct state_config *slot;

	c.kind = arena_strdup(s->arena, kind);
	c.source = arena_strdup(s->arena, source);
	if (!c.kind || !c.source || LIST_ADD(s, s->fetched_configs, &slot) < 0)
		return -ENOMEM;
	*slot = c;
	return 0;
}

int state_add_directory(struct ign_state *s, const char *path)
{
	const char *copy = arena_strdup(s->arena, path);
	const char **slot;

	if (!copy || LIST_ADD(s, s->notated_directories, &slot) < 0)
		return -ENOMEM;
	*slot = copy;
	return 0;
}

static void json_putp(struct json_object **o)
{
	json_object_put(*o);
}

static const char *member_string(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
		return "";
	return json_object_get_string(v);
}

/* Absent and null are the same: an empty list. */
static int member(struct json_object *o, const char *key, enum json_type type, struct json_object **ret)
{
	*ret = NULL;
	if (json_object_object_get_ex(o, key, ret) && *ret && !json_object_is_type(*ret, type))
		return -EBADMSG;
	return 0;
}

static int decode_configs(struct ign_state *s, struct json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i), *referenced = NULL;
		int r;

		if (!json_object_is_type(c, json_type_object))
			return -EBADMSG;
		r = member(c, "referenced", json_type_boolean, &referenced);
		if (r == 0)
			r = state_add_config(s, member_string(c, "kind"), member_string(c, "source"),
					     json_object_get_boolean(referenced));
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_directories(struct ign_state *s, struct json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *d = json_object_array_get_idx(list, i);
		int r;

		if (!json_object_is_type(d, json_type_string))
			return -EBADMSG;
		r = state_add_directory(s, json_object_get_string(d));
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_key(struct ign_state *s, bool volume, const char *name, struct json_object *value)
{
	struct state_key *slot;
	int r;

	if (!json_object_is_type(value, json_type_string))
		return -EBADMSG;
	r = volume ? LIST_ADD(s, s->luks_volume_keys, &slot) : LIST_ADD(s, s->luks_keys, &slot);
	if (r < 0)
		return r;
	slot->name = arena_strdup(s->arena, name);
	slot->data_url = arena_strdup(s->arena, json_object_get_string(value));
	return slot->name && slot->data_url ? 0 : -ENOMEM;
}

static int decode_keys(struct ign_state *s, struct json_object *map, bool volume)
{
	if (!map)
		return 0;
	json_object_object_foreach(map, name, value) {
		int r = add_key(s, volume, name, value);

		if (r < 0)
			return r;
	}
	return 0;
}

static int decode(struct ign_state *s, struct json_object *root)
{
	struct json_object *configs, *keys, *volume_keys, *directories;
	int r = json_object_is_type(root, json_type_object) ? 0 : -EBADMSG;

	if (r == 0)
		r = member(root, "fetchedConfigs", json_type_array, &configs);
	if (r == 0)
		r = member(root, "luksPersistKeyFiles", json_type_object, &keys);
	if (r == 0)
		r = member(root, "luksPersistVolumeKeyFiles", json_type_object, &volume_keys);
	if (r == 0)
		r = member(root, "notatedDirectories", json_type_array, &directories);
	if (r == 0)
		r = decode_configs(s, configs);
	if (r == 0)
		r = decode_keys(s, keys, false);
	if (r == 0)
		r = decode_keys(s, volume_keys, true);
	return r < 0 ? r : decode_directories(s, directories);
}

static int corrupt(const char *path, struct err *e)
{
	return err_text(e, EBADMSG, "state file %s is corrupt; remove it to start provisioning again", path);
}

int state_load(struct ign_state *s, const char *path, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = STATE_MAX_BYTES);
	CLEANUP(json_putp) struct json_object *root = NULL;
	struct jscan_fault fault;
	struct json_tokener *tok;
	struct err why = { 0 };
	int r;

	*s = (struct ign_state){ .arena = arena_new() };
	if (!s->arena)
		return err_errno(e, ENOMEM, "reading state file %s", path);
	r = file_read(path, &text, &why);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_text(e, -r, "reading state file: %s", why.text);
	r = jscan_check(buf_str(&text), text.n, &fault);
	if (r == -EBADMSG)
		return corrupt(path, e);
	tok = r < 0 ? NULL : json_tokener_new_ex(STATE_MAX_DEPTH);
	if (!tok)
		return err_errno(e, ENOMEM, "reading state file %s", path);
	root = json_tokener_parse_ex(tok, buf_str(&text), (int)text.n);
	r = json_tokener_get_error(tok) == json_tokener_success ? decode(s, root) : -EBADMSG;
	json_tokener_free(tok);
	if (r == -EBADMSG)
		return corrupt(path, e);
	return r < 0 ? err_errno(e, -r, "reading state file %s", path) : 0;
}

static int add_strings(struct json_object *map, const struct state_key *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_object_object_add(map, v[i].name, json_object_new_string(v[i].data_url)) < 0)
			return -ENOMEM;
	return 0;
}

static struct json_object *encode_configs(const struct ign_state *s)
{
	struct json_object *list = s->fetched_configs.n ? json_object_new_array() : NULL;

	for (size_t i = 0; i < s->fetched_configs.n; i++) {
		const struct state_config *c = &s->fetched_configs.v[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "kind", json_object_new_string(c->kind));
		json_object_object_add(o, "source", json_object_new_string(c->source));
		json_object_object_add(o, "referenced", json_object_new_boolean(c->referenced));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *encode_keys(const struct state_key *v, size_t n)
{
	struct json_object *map = n ? json_object_new_object() : NULL;

	if (map && add_strings(map, v, n) < 0) {
		json_object_put(map);
		return NULL;
	}
	return map;
}

static struct json_object *encode_directories(const struct ign_state *s)
{
	struct json_object *list = s->notated_directories.n ? json_object_new_array() : NULL;

	for (size_t i = 0; i < s->notated_directories.n; i++)
		json_object_array_add(list, json_object_new_string(s->notated_directories.v[i]));
	return list;
}

int state_save(const struct ign_state *s, const char *path, struct err *e)
{
	CLEANUP(json_putp) struct json_object *root = json_object_new_object();
	CLEANUP(buf_done) struct buf text = { 0 };
	const char *json;

	if (!root)
		return err_errno(e, ENOMEM, "writing state file %s", path);
	json_object_object_add(root, "fetchedConfigs", encode_configs(s));
	json_object_object_add(root, "luksPersistKeyFiles", encode_keys(s->luks_keys.v, s->luks_keys.n));
	json_object_object_add(root, "notatedDirectories", encode_directories(s));
	json_object_object_add(root, "providerOutputFiles", NULL);
	json_object_object_add(root, "luksPersistVolumeKeyFiles",
			       encode_keys(s->luks_volume_keys.v, s->luks_volume_keys.n));
	json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!json || buf_puts(&text, json) < 0 || buf_putc(&text, '\n') < 0)
		return err_errno(e, ENOMEM, "writing state file %s", path);
	return atomic_write(path, text.p, text.n, 0600, 0700, e);
}

void state_done(struct ign_state *s)
{
	s->arena = arena_free(s->arena);
}
