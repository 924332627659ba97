#include "ignition/config/tree.h"
#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_visit.h>
#include <stdint.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/fold.h"
#include "base/err.h"
#include "base/jscan.h"
#include "base/report.h"
#include "ignition/config/config.h"
#include "ignition/config/parse_priv.h"

void tree_freep(struct json_object **root)
{
	json_object_put(*root);
}

static void tokenerp(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

struct json_object *tree_member(struct json_object *obj, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_object_get_ex(obj, key, &found))
		return found;
	json_object_object_foreach(obj, k, v) {
		if (fold_equal(k, key))
			found = v;
	}
	return found;
}

static int mark_lowest(struct json_object *v, int flags, struct json_object *parent, const char *key,
		       size_t *idx, void *arg)
{
	(void)flags, (void)parent, (void)key, (void)idx, (void)arg;
	if (json_object_is_type(v, json_type_int) && json_object_get_int64(v) == INT64_MIN)
		json_object_set_userdata(v, CFG_LOWEST, NULL);
	return JSON_C_VISIT_RETURN_CONTINUE;
}

int tree_read(const char *text, size_t len, struct report *rep, struct json_object **ret, struct err *e)
{
	static const struct {
		char first;
		const char *name;
	} others[] = { { '[', "list" }, { '"', "string" }, { 't', "boolean" }, { 'f', "boolean" } };
	CLEANUP(tokenerp) struct json_tokener *tok = NULL;
	struct jscan_fault fault;
	const char *type = "number";
	size_t start = 0;
	unsigned line, col;
	int r;

	if (len > IGN_CONFIG_MAX_BYTES) {
		r = report_add(rep, SEV_ERROR, AT_VALUE, NULL, "the config is larger than %d bytes",
			       IGN_CONFIG_MAX_BYTES);
		return r < 0 ? r : config_not_valid(e);
	}
	r = jscan_check(text, len, &fault);
	if (r == -EBADMSG) {
		jscan_linecol(text, len, fault.off, &line, &col);
		r = report_add_at(rep, SEV_ERROR, line, col, "%s", fault.why);
		return r < 0 ? r : config_not_valid(e);
	}
	if (r < 0)
		return r;
	while (strchr(" \t\r\n", text[start])) /* something else is there: the scanner said so */
		start++;
	if (text[start] == 'n')
		return err_text(e, EBADMSG, "invalid config version (couldn't parse)");
	if (text[start] != '{') {
		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			if (text[start] == others[i].first)
				type = others[i].name;
		r = report_add(rep, SEV_ERROR, AT_VALUE, NULL, "expected object, got %s", type);
		return r < 0 ? r : config_not_valid(e);
	}
	tok = json_tokener_new_ex(JSCAN_MAX_DEPTH + 2);
	if (!tok)
		return -ENOMEM;
	*ret = json_tokener_parse_ex(tok, text, (int)len);
	if (!*ret) /* the scanner accepted it, so memory is what is missing */
		return -ENOMEM;
	return fault.lowest && json_c_visit(*ret, 0, mark_lowest, NULL) != 0 ? -ENOMEM : 0;
}
