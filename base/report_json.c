#include "base/report_json.h"
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/report.h"
#include "base/report_json_priv.h"
#include "base/utf8.h"

static struct json_object *check(struct json_pen *p, struct json_object *o)
{
	if (!o)
		p->failed = true;
	return o;
}

struct json_object *jp_object(struct json_pen *p)
{
	return check(p, json_object_new_object());
}

struct json_object *jp_array(struct json_pen *p)
{
	return check(p, json_object_new_array());
}

void jp_add(struct json_pen *p, struct json_object *to, const char *key, struct json_object *v)
{
	if (to && v && json_object_object_add(to, key, v) == 0)
		return;
	json_object_put(v);
	p->failed = true;
}

void jp_append(struct json_pen *p, struct json_object *to, struct json_object *v)
{
	if (to && v && json_object_array_add(to, v) == 0)
		return;
	json_object_put(v);
	p->failed = true;
}

/* A message that was cut may end inside a character, and a file's name may be any bytes. */
void jp_str(struct json_pen *p, struct json_object *to, const char *key, const char *s)
{
	CLEANUP(buf_done) struct buf text = { 0 };

	while (*s && !p->failed) {
		size_t n = (unsigned char)*s < 0x80 ? 1 : utf8_len((const unsigned char *)s, SIZE_MAX);
		int r = n ? buf_append(&text, s, n) : buf_puts(&text, "\xef\xbf\xbd");

		p->failed = r < 0;
		s += n ? n : 1;
	}
	jp_add(p, to, key, json_object_new_string(buf_str(&text)));
}

void jp_int(struct json_pen *p, struct json_object *to, const char *key, size_t n)
{
	jp_add(p, to, key, json_object_new_uint64(n));
}

void jp_bool(struct json_pen *p, struct json_object *to, const char *key, bool v)
{
	jp_add(p, to, key, json_object_new_boolean(v));
}

int jp_write(struct json_pen *p, struct json_object *root, struct buf *out)
{
	const char *text = p->failed
				   ? NULL
				   : json_object_to_json_string_ext(
					     root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	int r = text ? buf_puts(out, text) : -ENOMEM;

	if (r == 0)
		r = buf_putc(out, '\n');
	json_object_put(root);
	return r;
}

/* What a % stands for ends with a letter: flags, width and length are in between. */
static const char *skip_conversion(const char *p)
{
	p += strspn(p + 1, "-+ #0123456789.*hlzjt") + 1;
	return *p ? p + 1 : p;
}

void report_rule_id(const struct report_entry *e, char ret[REPORT_RULE_ID_MAX])
{
	/* a rule that is "%s" alone was given a finished text, whose quoted part differs each time */
	const char *p = strcmp(e->rule, "%s") == 0 ? e->text : e->rule;
	bool quoted = false, gap = false;
	size_t n = 0, whole = 0; /* whole: the end of the last whole word */

	while (*p && n < REPORT_RULE_ID_MAX - 2) {
		unsigned char c = (unsigned char)*p;

		if (c == '%' && p != e->text) {
			p = skip_conversion(p);
			gap = true;
			continue;
		}
		p++;
		quoted ^= c == '"';
		if (c == '\'' || quoted)
			continue;
		if (!isalnum(c) || c >= 0x80) {
			gap = true;
			continue;
		}
		if (gap && n) {
			whole = n;
			ret[n++] = '-';
		}
		gap = false;
		ret[n++] = (char)tolower(c);
	}
	ret[*p && whole && isalnum((unsigned char)*p) ? whole : n] = '\0';
}

size_t report_omitted(const struct report *r)
{
	return r->count[SEV_ERROR] + r->count[SEV_WARN] + r->count[SEV_INFO] - r->n;
}

static const char *const severity_name[] = { "error", "warning", "info" };

static struct json_object *finding(struct json_pen *p, const struct report_entry *e)
{
	CLEANUP(buf_done) struct buf path = { 0 };
	struct json_object *f = jp_object(p);
	char rule[REPORT_RULE_ID_MAX];

	jp_str(p, f, "severity", severity_name[e->sev]);
	if (report_format_path(e, &path) < 0)
		p->failed = true;
	if (path.n)
		jp_str(p, f, "path", path.p);
	if (e->line) {
		jp_int(p, f, "line", e->line);
		jp_int(p, f, "column", e->col);
	}
	jp_str(p, f, "message", e->text);
	report_rule_id(e, rule);
	jp_str(p, f, "rule", rule);
	if (e->hint)
		jp_str(p, f, "hint", e->hint);
	return f;
}

int report_json(const struct report *r, const struct report_subject *s, struct buf *out)
{
	struct json_pen p = { 0 };
	struct json_object *root = jp_object(&p), *counts = jp_object(&p), *list = jp_array(&p);

	jp_str(&p, root, "file", s->file);
	jp_bool(&p, root, "valid", !s->reason);
	if (s->reason)
		jp_str(&p, root, "error", s->reason);
	for (int sev = 0; sev < SEV_COUNT_; sev++)
		jp_int(&p, counts, severity_name[sev], r->count[sev]);
	jp_add(&p, root, "counts", counts);
	for (size_t i = 0; i < r->n && !p.failed; i++)
		jp_append(&p, list, finding(&p, &r->v[i]));
	jp_add(&p, root, "findings", list);
	jp_int(&p, root, "omitted", report_omitted(r));
	return jp_write(&p, root, out);
}
