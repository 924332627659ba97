#include "ignition/config/version.h"
#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"
#include "ignition/config/parse_priv.h"
#include "ignition/config/tree.h"

const char ign_version_newest[] = "3.7.0-experimental";

/* Experimental versions of 2.x had no promise to keep, and are not read. */
static const struct {
	const char *text;
	struct ign_version version;
} versions[] = {
	{ "2.0.0", { 2, 0 } },
	{ "2.1.0", { 2, 1 } },
	{ "2.2.0", { 2, 2 } },
	{ "2.3.0", { 2, 3 } },
	{ "2.4.0", { 2, 4 } },
	{ "3.0.0", { 3, 0 } },
	{ "3.1.0", { 3, 1 } },
	{ "3.2.0", { 3, 2 } },
	{ "3.3.0", { 3, 3 } },
	{ "3.4.0", { 3, 4 } },
	{ "3.5.0", { 3, 5 } },
	{ "3.6.0", { 3, 6 } },
	{ ign_version_newest, { 3, IGN_MINOR_EXPERIMENTAL } },
};
#define VERSIONS_READ                                                                                        \
	"1 (as ignitionVersion), 2.0.0, 2.1.0, 2.2.0, 2.3.0, 2.4.0, 3.0.0, 3.1.0, 3.2.0, 3.3.0, 3.4.0, "     \
	"3.5.0, 3.6.0, 3.7.0-experimental"

/* Dot-separated identifiers of letters, digits and '-', none empty; or nothing at all. */
static bool identifiers_ok(const char *s, size_t n)
{
	bool empty = n > 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.' && empty)
			return false;
		empty = s[i] == '.';
		if (!empty && !strchr("0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ-",
				      s[i]))
			return false;
	}
	return !empty;
}

/* A decimal that fits int64, leading zeros allowed, no sign. */
static bool number(const char **p, const char *end, int64_t *ret)
{
	const char *from = *p;
	int64_t v = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **p - '0', &v))
			return false;
	*ret = v;
	return *p > from;
}

int ign_version_parse(const char *text, struct ign_version *ret)
{
	const char *meta = strchrnul(text, '+'), *pre = memchr(text, '-', (size_t)(meta - text)), *p = text;
	const char *end = pre ? pre : meta;
	size_t pre_len = pre ? (size_t)(meta - pre - 1) : 0;
	int64_t v[3];

	if (*meta && !identifiers_ok(meta + 1, strlen(meta + 1)))
		return -EINVAL;
	if (pre && !identifiers_ok(pre + 1, pre_len))
		return -EINVAL;
	for (int i = 0; i < 3; i++)
		if (!number(&p, end, &v[i]) || (i < 2 && (p == end || *p++ != '.')))
			return -EINVAL;
	if (p != end)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(versions) && (!*meta || !meta[1]); i++) {
		const char *suffix = strchrnul(versions[i].text, '-');

		suffix += *suffix == '-';
		if (strlen(suffix) == pre_len && (!pre || memcmp(pre + 1, suffix, pre_len) == 0) &&
		    v[0] == versions[i].version.major && v[1] == versions[i].version.minor && v[2] == 0) {
			*ret = versions[i].version;
			return 0;
		}
	}
	return -ENOTSUP;
}

static int unsupported(struct report *rep, const struct cfg_path *at, const char *text, struct err *e)
{
	int r = report_add(rep, SEV_INFO, AT_VALUE, at, "version \"%s\" is not one of " VERSIONS_READ, text);

	return r < 0 ? r : err_text(e, EBADMSG, "unsupported config version");
}

static int wrong_type(struct report *rep, const struct cfg_path *at, const char *want, struct json_object *v,
		      struct err *e)
{
	int r = report_add(rep, SEV_ERROR, AT_VALUE, at, "expected %s, got %s", want, cfg_type_name(v));

	return r < 0 ? r : config_not_valid(e);
}

/* Before 2.0 the version was a number, and stood at the top. */
static int find_spec1(struct json_object *v, struct report *rep, struct ign_version *ret, struct err *e)
{
	const struct cfg_path *at = CFG_CHILD(NULL, "ignitionVersion");

	if (!json_object_is_type(v, json_type_int))
		return wrong_type(rep, at, "integer", v, e);
	if (json_object_get_int64(v) != 1)
		return unsupported(rep, at, json_object_get_string(v), e);
	*ret = (struct ign_version){ 1, 0 };
	return 0;
}

int ign_version_find(struct json_object *root, struct report *rep, struct ign_version *ret, struct err *e)
{
	const struct cfg_path *at = CFG_CHILD(NULL, "ignition"), *version_at = CFG_CHILD(at, "version");
	struct json_object *ign = tree_member(root, "ignition"), *version, *spec1;
	const char *text;
	int r;

	if (ign && !json_object_is_type(ign, json_type_object))
		return wrong_type(rep, at, "object", ign, e);
	version = ign ? tree_member(ign, "version") : NULL;
	if (version && !json_object_is_type(version, json_type_string))
		return wrong_type(rep, version_at, "string", version, e);
	text = version ? json_object_get_string(version) : "";
	spec1 = tree_member(root, "ignitionVersion");
	if (!*text && spec1)
		return find_spec1(spec1, rep, ret, e);
	r = ign_version_parse(text, ret);
	if (r == -ENOTSUP)
		return unsupported(rep, version_at, text, e);
	return r < 0 ? err_text(e, EBADMSG, "invalid config version (couldn't parse)") : 0;
}
