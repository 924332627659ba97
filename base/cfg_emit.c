#include "base/cfg.h"
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/cfg_priv.h"
#include "base/utf8.h"

struct emitter {
	struct buf *out;
	unsigned flags, depth;
	int r; /* the first failure; everything after it is skipped */
};

static void put(struct emitter *e, const char *s, size_t n)
{
	if (e->r == 0)
		e->r = buf_append(e->out, s, n);
}

static void puts_(struct emitter *e, const char *s)
{
	put(e, s, strlen(s));
}

static void newline(struct emitter *e)
{
	if (!(e->flags & CFG_EMIT_INDENT))
		return;
	puts_(e, "\n");
	for (unsigned i = 0; i < e->depth; i++)
		puts_(e, "  ");
}

static const char *named_escape(unsigned char c)
{
	static const char *const name[] = { ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
					    ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\" };

	return c <= '\\' ? name[c] : NULL;
}

static void put_string(struct emitter *e, const char *s)
{
	const char *from = s;

	puts_(e, "\"");
	while (*s) {
		unsigned char c = (unsigned char)*s;
		char code[8] = "";
		size_t n = 1;

		if (c >= 0x80) {
			n = utf8_len((const unsigned char *)s, SIZE_MAX);
			if (n == 0 ||
			    (n == 3 && memcmp(s, "\xe2\x80", 2) == 0 && ((unsigned char)s[2] & 0xfe) == 0xa8))
				snprintf(code, sizeof code, "\\u%s",
					 n == 0                        ? "fffd"
					 : (unsigned char)s[2] == 0xa8 ? "2028"
								       : "2029");
			n = n ? n : 1;
		} else if (named_escape(c)) {
			snprintf(code, sizeof code, "%s", named_escape(c));
		} else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
			snprintf(code, sizeof code, "\\u%04x", c);
		}
		if (code[0]) {
			put(e, from, (size_t)(s - from));
			puts_(e, code);
			from = s + n;
		}
		s += n;
	}
	put(e, from, (size_t)(s - from));
	puts_(e, "\"");
}

static void put_object(struct emitter *e, const struct cfg_desc *desc, const char *obj);

static void put_list(struct emitter *e, const struct cfg_field *f, const struct cfg_list *l)
{
	puts_(e, "[");
	e->depth++;
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			puts_(e, ",");
		newline(e);
		if (f->kind == CFG_LIST)
			put_object(e, f->sub, cfg_entry(f, l, i));
		else
			put_string(e, ((const char **)l->v)[i] ? ((const char **)l->v)[i] : "");
	}
	e->depth--;
	newline(e);
	puts_(e, "]");
}

static bool omitted(const struct cfg_field *f, const char *at)
{
	bool plain = f->flags & CFG_PLAIN;

	switch (f->kind) {
	case CFG_STR: {
		const char *s = *(const char *const *)(const void *)at;

		return !(f->flags & CFG_REQUIRED && plain) && (!s || (plain && !*s));
	}
	case CFG_INT: {
		const struct opt_i64 *i = (const void *)at;

		return !(f->flags & CFG_REQUIRED && plain) && (plain ? i->v == 0 : !i->set);
	}
	case CFG_BOOL:
		return !((const struct opt_bool *)(const void *)at)->set;
	case CFG_OBJ:
		return f->flags & CFG_OPTIONAL && !cfg_given(at);
	case CFG_LIST:
	case CFG_STRLIST:
		return ((const struct cfg_list *)(const void *)at)->n == 0;
	}
	return true;
}

static void put_value(struct emitter *e, const struct cfg_field *f, const char *at)
{
	char number[24];

	switch (f->kind) {
	case CFG_STR: {
		const char *s = *(const char *const *)(const void *)at;

		put_string(e, f->flags & CFG_SENSITIVE && e->flags & CFG_EMIT_REDACT ? "<redacted>"
			      : s                                                    ? s
										     : "");
		break;
	}
	case CFG_INT:
		snprintf(number, sizeof number, "%" PRId64, ((const struct opt_i64 *)(const void *)at)->v);
		puts_(e, number);
		break;
	case CFG_BOOL:
		puts_(e, ((const struct opt_bool *)(const void *)at)->v ? "true" : "false");
		break;
	case CFG_OBJ:
		put_object(e, f->sub, at);
		break;
	case CFG_LIST:
	case CFG_STRLIST:
		put_list(e, f, (const void *)at);
		break;
	}
}

static void put_object(struct emitter *e, const struct cfg_desc *desc, const char *obj)
{
	bool any = false;

	puts_(e, "{");
	e->depth++;
	for (size_t i = 0; e->r == 0 && i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];

		if (omitted(f, obj + f->off))
			continue;
		if (any)
			puts_(e, ",");
		any = true;
		newline(e);
		put_string(e, f->key);
		puts_(e, e->flags & CFG_EMIT_INDENT ? ": " : ":");
		put_value(e, f, obj + f->off);
	}
	e->depth--;
	if (any)
		newline(e);
	puts_(e, "}");
}

int cfg_emit(const struct cfg_desc *desc, const void *obj, unsigned flags, struct buf *out)
{
	struct emitter e = { .out = out, .flags = flags };

	put_object(&e, desc, obj);
	return e.r;
}
