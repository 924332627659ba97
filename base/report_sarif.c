/* SARIF 2.1.0 (OASIS): what code hosts and editors read. */
#include "base/report_json.h"
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/place.h"
#include "base/report.h"
#include "base/report_json_priv.h"

static const char schema[] = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
			     "sarif-schema-2.1.0.json";

/* A path as a relative or file: URI reference. A colon must be written so that none reads as a scheme. */
static int put_uri(const char *path, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	int r = buf_puts(out, *path == '/' ? "file://" : "");

	for (; r == 0 && *path; path++)
		r = strchr(plain, *path) ? buf_putc(out, *path)
					 : buf_printf(out, "%%%02X", (unsigned char)*path);
	return r;
}

struct sarif {
	struct json_pen pen;
	const struct report_subject *subject;
	const char *uri;
	struct json_object *rules, *results;
	struct rule_id {
		char text[REPORT_RULE_ID_MAX];
	} * rule;
	size_t n_rules;
};

static struct json_object *message(struct sarif *s, const char *text, const char *hint)
{
	struct json_object *m = jp_object(&s->pen);
	CLEANUP(buf_done) struct buf both = { 0 };

	if (buf_puts(&both, text) < 0 || (hint && buf_printf(&both, "\nHint: %s", hint) < 0))
		s->pen.failed = true;
	jp_str(&s->pen, m, "text", buf_str(&both));
	return m;
}

/* Its index; a rule is added when it is seen first. Few kinds, many findings: a list is enough. */
static size_t rule_index(struct sarif *s, const char *id)
{
	struct json_object *rule;
	size_t i = 0;

	while (i < s->n_rules && strcmp(s->rule[i].text, id) != 0)
		i++;
	if (i < s->n_rules)
		return i;
	memcpy(s->rule[s->n_rules++].text, id, REPORT_RULE_ID_MAX);
	rule = jp_object(&s->pen);
	jp_str(&s->pen, rule, "id", id);
	jp_append(&s->pen, s->rules, rule);
	return i;
}

static struct json_object *location(struct sarif *s, const struct report_entry *e, const struct place *at)
{
	struct json_pen *p = &s->pen;
	struct json_object *l = jp_object(p), *physical = jp_object(p), *artifact = jp_object(p);
	CLEANUP(buf_done) struct buf path = { 0 };

	jp_str(p, artifact, "uri", s->uri);
	jp_int(p, artifact, "index", 0);
	jp_add(p, physical, "artifactLocation", artifact);
	if (at && at->known) {
		struct json_object *region = jp_object(p);

		jp_int(p, region, "startLine", e->line);
		jp_int(p, region, "startColumn", at->col_utf16);
		jp_add(p, physical, "region", region);
	}
	jp_add(p, l, "physicalLocation", physical);
	if (e && report_format_path(e, &path) < 0)
		p->failed = true;
	if (path.n) {
		struct json_object *names = jp_array(p), *name = jp_object(p);

		jp_str(p, name, "fullyQualifiedName", path.p);
		jp_append(p, names, name);
		jp_add(p, l, "logicalLocations", names);
	}
	return l;
}

static void add_result(struct sarif *s, const char *id, const char *level, struct json_object *text,
		       struct json_object *where)
{
	struct json_object *result = jp_object(&s->pen), *locations = jp_array(&s->pen);

	jp_str(&s->pen, result, "ruleId", id);
	jp_int(&s->pen, result, "ruleIndex", rule_index(s, id));
	jp_str(&s->pen, result, "level", level);
	jp_add(&s->pen, result, "message", text);
	jp_append(&s->pen, locations, where);
	jp_add(&s->pen, result, "locations", locations);
	jp_append(&s->pen, s->results, result);
}

static void add_results(struct sarif *s, const struct report *r, const struct place *at)
{
	static const char *const level[] = { "error", "warning", "note" };
	char id[REPORT_RULE_ID_MAX];

	for (size_t i = 0; i < r->n && !s->pen.failed; i++) {
		const struct report_entry *e = &r->v[i];

		memset(id, 0, sizeof id);
		report_rule_id(e, id);
		add_result(s, id, level[e->sev], message(s, e->text, e->hint), location(s, e, &at[i]));
	}
	if (s->subject->reason && !report_fatal(r)) {
		const struct report_entry refused = { .text = s->subject->reason, .rule = "%s" };

		memset(id, 0, sizeof id);
		report_rule_id(&refused, id);
		add_result(s, id, "error", message(s, refused.text, NULL), location(s, NULL, NULL));
	}
}

static struct json_object *tool(struct sarif *s)
{
	struct json_pen *p = &s->pen;
	struct json_object *t = jp_object(p), *driver = jp_object(p);

	jp_str(p, driver, "name", s->subject->program);
	jp_str(p, driver, "version", HEARTH_VERSION);
	jp_add(p, driver, "rules", s->rules);
	jp_add(p, t, "driver", driver);
	return t;
}

static struct json_object *artifacts(struct sarif *s)
{
	struct json_pen *p = &s->pen;
	struct json_object *list = jp_array(p), *artifact = jp_object(p), *where = jp_object(p);

	jp_str(p, where, "uri", s->uri);
	jp_add(p, artifact, "location", where);
	jp_int(p, artifact, "length", s->subject->len);
	jp_append(p, list, artifact);
	return list;
}

static struct json_object *run(struct sarif *s, const struct report *r)
{
	struct json_pen *p = &s->pen;
	struct json_object *o = jp_object(p), *more = jp_object(p);

	jp_add(p, o, "tool", tool(s));
	jp_str(p, o, "columnKind", "utf16CodeUnits");
	jp_add(p, o, "artifacts", artifacts(s));
	jp_add(p, o, "results", s->results);
	jp_bool(p, more, "valid", !s->subject->reason);
	jp_int(p, more, "omitted", report_omitted(r));
	jp_add(p, o, "properties", more);
	return o;
}

int report_sarif(const struct report *r, const struct report_subject *subject, struct buf *out)
{
	CLEANUP(freep) struct place *at = NULL;
	CLEANUP(freep) struct rule_id *rules = calloc(r->n + 1, sizeof *rules);
	CLEANUP(buf_done) struct buf uri = { 0 };
	struct sarif s = { .subject = subject, .rule = rules };
	struct json_object *root, *runs;
	int rc = put_uri(subject->file, &uri);

	if (rc < 0)
		return rc;
	if (!rules || places_find(r, subject->text, subject->len, &at) < 0)
		return -ENOMEM;
	s.uri = buf_str(&uri);
	s.rules = jp_array(&s.pen);
	s.results = jp_array(&s.pen);
	add_results(&s, r, at);
	root = jp_object(&s.pen);
	runs = jp_array(&s.pen);
	jp_str(&s.pen, root, "$schema", schema);
	jp_str(&s.pen, root, "version", "2.1.0");
	jp_append(&s.pen, runs, run(&s, r));
	jp_add(&s.pen, root, "runs", runs);
	return jp_write(&s.pen, root, out);
}
