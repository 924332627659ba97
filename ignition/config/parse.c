#include "ignition/config/config.h"
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <strings.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/jscan.h"
#include "base/report.h"
#include "ignition/config/parse_priv.h"

static const struct {
	const char *text;
	unsigned minor;
} versions[] = {
	{ "3.0.0", 0 }, { "3.1.0", 1 }, { "3.2.0", 2 }, { "3.3.0", 3 },
	{ "3.4.0", 4 }, { "3.5.0", 5 }, { "3.6.0", 6 }, { "3.7.0-experimental", IGN_MINOR_EXPERIMENTAL },
};

static void json_putp(struct json_object **o)
{
	json_object_put(*o);
}

static void tokenerp(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

/* Dot-separated identifiers of letters, digits and '-', none empty. */
static bool identifiers_ok(const char *s, size_t n)
{
	bool empty = true;

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

int ign_version_parse(const char *text, unsigned *ret_minor)
{
	const char *meta = strchrnul(text, '+'), *pre = memchr(text, '-', (size_t)(meta - text)), *p = text;
	const char *end = pre ? pre : meta;
	int64_t v[3];

	if (*meta && !identifiers_ok(meta + 1, strlen(meta + 1)))
		return -EINVAL;
	if (pre && !identifiers_ok(pre + 1, (size_t)(meta - pre - 1)))
		return -EINVAL;
	for (int i = 0; i < 3; i++)
		if (!number(&p, end, &v[i]) || (i < 2 && (p == end || *p++ != '.')))
			return -EINVAL;
	if (p != end)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		const char *suffix = strchr(versions[i].text, '-');
		bool same = suffix ? strcmp(end, suffix) == 0 : !*end;

		if (same && v[0] == 3 && v[1] == versions[i].minor && v[2] == 0) {
			*ret_minor = versions[i].minor;
			return 0;
		}
	}
	return -ENOTSUP;
}

/* As the decoder matches keys: exactly, else in any case. */
static struct json_object *member(struct json_object *obj, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_object_get_ex(obj, key, &found))
		return found;
	json_object_object_foreach(obj, k, v) {
		if (strcasecmp(k, key) == 0)
			found = v;
	}
	return found;
}

static int not_valid(struct err *e)
{
	return err_text(e, EBADMSG, "config is not valid");
}

/* Only .ignition.version; mistakes above it are findings. */
static int find_version(struct json_object *root, struct report *rep, unsigned *ret_minor, struct err *e)
{
	const struct cfg_path *at = CFG_CHILD(NULL, "ignition"), *version_at = CFG_CHILD(at, "version");
	struct json_object *ign = member(root, "ignition"), *version;
	const char *text;
	int r;

	if (ign && !json_object_is_type(ign, json_type_object)) {
		r = report_add(rep, SEV_ERROR, AT_VALUE, at, "expected object, got %s", cfg_type_name(ign));
		return r < 0 ? r : not_valid(e);
	}
	version = ign ? member(ign, "version") : NULL;
	if (version && !json_object_is_type(version, json_type_string)) {
		r = report_add(rep, SEV_ERROR, AT_VALUE, version_at, "expected string, got %s",
			       cfg_type_name(version));
		return r < 0 ? r : not_valid(e);
	}
	text = version ? json_object_get_string(version) : "";
	r = ign_version_parse(text, ret_minor);
	if (r == -EINVAL)
		return err_text(e, EBADMSG, "invalid config version (couldn't parse)");
	if (r == 0)
		return 0;
	r = report_add(rep, SEV_INFO, AT_VALUE, version_at,
		       "version \"%s\" is not one of 3.0.0, 3.1.0, 3.2.0, 3.3.0, 3.4.0, 3.5.0, 3.6.0, "
		       "3.7.0-experimental",
		       text);
	return r < 0 ? r : err_text(e, EBADMSG, "unsupported config version");
}

/* Strict text to a json-c tree. A document that is no object is a finding, except null. */
static int read_tree(const char *text, size_t len, struct report *rep, struct json_object **ret,
		     struct err *e)
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
		return r < 0 ? r : not_valid(e);
	}
	r = jscan_check(text, len, &fault);
	if (r == -EBADMSG) {
		jscan_linecol(text, len, fault.off, &line, &col);
		r = report_add_at(rep, SEV_ERROR, line, col, "%s", fault.why);
		return r < 0 ? r : not_valid(e);
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
		return r < 0 ? r : not_valid(e);
	}
	tok = json_tokener_new_ex(JSCAN_MAX_DEPTH + 2);
	if (!tok)
		return -ENOMEM;
	*ret = json_tokener_parse_ex(tok, text, (int)len);
	if (!*ret) /* the scanner accepted it, so memory is what is missing */
		return -ENOMEM;
	return 0;
}

static int parse_located(const char *text, size_t len, struct arena *a, struct report *rep,
			 struct ign_config *ret, struct err *e)
{
	CLEANUP(json_putp) struct json_object *root = NULL;
	CLEANUP(report_done) struct report keys = { 0 };
	struct ign_config c = { 0 };
	unsigned minor = 0;
	int r = read_tree(text, len, rep, &root, e);

	if (r == 0)
		r = find_version(root, rep, &minor, e);
	if (r == 0)
		r = cfg_decode(&ign_config_desc, root, minor, a, &keys, &c);
	if (r < 0)
		return r;
	/* wrong types first, rules next, unused keys last; rules over a half-read config would mislead */
	if (!report_fatal(&keys))
		r = ign_validate_document(&c, minor, false, rep);
	if (r == 0)
		r = report_take(rep, &keys);
	if (r < 0)
		return r;
	if (report_fatal(rep))
		return not_valid(e);
	ign_translate(&c, minor);
	*ret = c;
	return 0;
}

int ign_config_parse(const char *text, size_t len, struct arena *a, struct report *rep,
		     struct ign_config *ret, struct err *e)
{
	int r;

	if (len == 0)
		return err_text(e, ENODATA, "not a config (empty)");
	r = parse_located(text, len, a, rep, ret, e);
	if (r != -ENOMEM && rep->n && len <= IGN_CONFIG_MAX_BYTES && report_locate(rep, text, len) < 0)
		r = -ENOMEM;
	return r == -ENOMEM ? err_errno(e, ENOMEM, "parsing config") : r;
}

int ign_config_parse_cache(const char *text, size_t len, struct arena *a, struct ign_config *ret,
			   struct err *e)
{
	CLEANUP(json_putp) struct json_object *root = NULL;
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf why = { 0 };
	struct ign_config c = { 0 };
	int r = read_tree(text, len, &rep, &root, e);

	if (r == 0)
		r = cfg_decode(&ign_config_desc, root, IGN_MINOR_EXPERIMENTAL, a, &rep, &c);
	if (r == -ENOMEM)
		return err_errno(e, ENOMEM, "parsing config");
	if (r == 0 && !report_fatal(&rep)) {
		const char *version = c.ignition.version ? c.ignition.version : "";
		unsigned minor;

		/* Another format may mean something else by a name, and {} is no config that a fetch left. */
		if (ign_version_parse(version, &minor) < 0)
			return err_text(e, EBADMSG,
					"has version \"%.40s\", so it was not written by this program; "
					"run the fetch stage again",
					version);
		*ret = c;
		return 0;
	}
	if (!report_fatal(&rep))
		return r;
	(void)report_locate(&rep, text, len);
	for (size_t i = 0; i < rep.n; i++) {
		if (rep.v[i].sev != SEV_ERROR)
			continue;
		(void)report_format(&rep.v[i], &why);
		break;
	}
	return err_text(e, EBADMSG, "%s", buf_str(&why));
}

void ign_config_init(struct ign_config *c)
{
	*c = (struct ign_config){ .ignition.version = versions[ARRAY_SIZE(versions) - 1].text };
}
