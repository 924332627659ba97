#include "base/option.h"
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/option_value.h"

/* What one step through argv found. */
struct arg {
	const struct option_def *def; /* NULL: not an option of the set */
	const char *name;
	size_t name_len;
	const char *value; /* NULL = none given with '=' */
	bool is_short;     /* one dash where two are asked for */
};

enum { ARG_STOP, ARG_OPTION, ARG_BAD_SYNTAX };

static const struct option_def *find(const struct option_set *set, const char *name, size_t len)
{
	for (size_t i = 0; i < set->n; i++)
		if (strlen(set->defs[i].name) == len && memcmp(set->defs[i].name, name, len) == 0)
			return &set->defs[i];
	return NULL;
}

/* Looks at argv[*i] and moves behind it when it is an option or "--". */
static int next_arg(const struct option_set *set, int argc, char **argv, int *i, struct arg *ret)
{
	const char *s = *i < argc ? argv[*i] : NULL, *name, *eq;

	if (!s || s[0] != '-' || s[1] == '\0')
		return ARG_STOP;
	name = s + 1;
	if (*name == '-')
		name++;
	if (*name == '\0') { /* "--" */
		(*i)++;
		return ARG_STOP;
	}
	if (*name == '-' || *name == '=')
		return ARG_BAD_SYNTAX;
	(*i)++;
	eq = strchr(name, '=');
	*ret = (struct arg){
		.name = name,
		.name_len = eq ? (size_t)(eq - name) : strlen(name),
		.value = eq ? eq + 1 : NULL,
		.is_short = set->gnu && s[1] != '-',
	};
	ret->def = ret->is_short ? NULL : find(set, name, ret->name_len);
	return ARG_OPTION;
}

/* "invalid boolean value "x" for -b: parse error" and its relatives. */
static int refuse(struct err *e, const struct option_def *d, const char *where, const char *value,
		  const char *why)
{
	CLEANUP(buf_done) struct buf quoted = BUF_INIT(.max = 512);

	if (option_quote(value, &quoted) < 0)
		buf_puts(&quoted, "\"...\"");
	return err_text(e, EINVAL,
			d->kind == OPT_BOOL ? "invalid boolean value %s for %s%s: %s"
					    : "invalid value %s for %s%s: %s",
			buf_str(&quoted), where, d->name, why);
}

static int add_string(struct option_strings *list, const char *s)
{
	const char **v = reallocarray(list->v, list->n + 1, sizeof *v);

	if (!v)
		return -ENOMEM;
	list->v = v;
	list->v[list->n++] = s;
	return 0;
}

static bool is_choice(const struct option_def *d, const char *text)
{
	for (size_t i = 0; d->choices[i]; i++)
		if (strcmp(d->choices[i], text) == 0)
			return true;
	return false;
}

/* where: "flag -" as upstream writes it, "-" for booleans, or "" with the environment's name as d->name. */
static int set_value(const struct option_def *d, const char *shown, const char *text, void *values,
		     struct err *e)
{
	void *p = (char *)values + d->offset;
	const char *why = NULL;
	char other[128];
	int r = 0;

	if (d->choices && !is_choice(d, text)) {
		snprintf(other, sizeof other, "%.64s is not a valid %.40s", text, d->name);
		return refuse(e, d, shown, text, other);
	}
	switch (d->kind) {
	case OPT_BOOL:
		why = option_parse_bool(text, p);
		break;
	case OPT_STRING:
		*(const char **)p = text;
		break;
	case OPT_INT:
		why = option_parse_int(text, p);
		break;
	case OPT_DURATION:
		why = option_parse_duration(text, p);
		break;
	case OPT_STRINGS:
		r = add_string(p, text);
		break;
	}
	if (why)
		return refuse(e, d, shown, text, why);
	return r < 0 ? err_errno(e, -r, "option -%s", d->name) : 0;
}

static int set_defaults(const struct option_set *set, void *values, struct err *e)
{
	static const size_t sizes[] = {
		[OPT_BOOL] = sizeof(bool),
		[OPT_STRING] = sizeof(const char *),
		[OPT_INT] = sizeof(long long),
		[OPT_DURATION] = sizeof(long long),
		[OPT_STRINGS] = sizeof(struct option_strings),
	};

	for (size_t i = 0; i < set->n; i++)
		memset((char *)values + set->defs[i].offset, 0, sizes[set->defs[i].kind]);
	for (size_t i = 0; i < set->n; i++) {
		const struct option_def *d = &set->defs[i];
		struct option_def plain = *d;

		plain.choices = NULL; /* an empty default may stand for "required" */
		int r = d->def ? set_value(&plain, "default of -", d->def, values, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* FLANNELD_ETCD_PREFIX for etcd-prefix. False when it does not fit, which no option's does. */
static bool env_name(const struct option_set *set, const struct option_def *d, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s_%s", set->env_prefix, d->name);

	if (n < 0 || (size_t)n >= size)
		return false;
	for (char *p = ret + strlen(set->env_prefix); *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return true;
}

static void set_from_env(const struct option_set *set, int argc, char **argv, void *values,
			 void (*warn)(const char *text))
{
	for (size_t i = 0; i < set->n; i++) {
		const struct option_def *d = &set->defs[i];
		struct err e = { .code = 0 };
		const char *text;
		char name[128];

		if (!env_name(set, d, name, sizeof name) || option_given(set, argc, argv, d->name))
			continue;
		text = getenv(name);
		if (!text || !*text)
			continue;
		if (d->kind == OPT_STRINGS) { /* the variable replaces the default, the flag adds to it */
			struct option_strings *list = (void *)((char *)values + d->offset);

			list->n = 0;
		}
		if (set_value(d, "flag -", text, values, &e) < 0 && warn) {
			err_wrap(&e, -EINVAL, "environment variable %s is ignored", name);
			warn(e.text);
		}
	}
}

static int refuse_unknown(const struct option_set *set, const struct arg *a, struct err *e)
{
	int n = (int)(a->name_len < 200 ? a->name_len : 200);

	if (a->is_short)
		return err_text(e, EINVAL, "unknown shorthand flag: '%c' in -%.*s", *a->name, n, a->name);
	return err_text(e, EINVAL, set->gnu ? "unknown flag: --%.*s" : "flag provided but not defined: -%.*s",
			n, a->name);
}

static int apply(const struct option_set *set, const struct arg *a, int argc, char **argv, int *i,
		 void *values, struct err *e)
{
	const struct option_def *d = a->def;
	const char *value = a->value;

	if (!d)
		return refuse_unknown(set, a, e);
	if (d->kind == OPT_BOOL)
		return set_value(d, set->gnu ? "--" : "-", value ? value : "true", values, e);
	if (!value && *i < argc)
		value = argv[(*i)++];
	if (!value)
		return err_text(e, EINVAL, "flag needs an argument: -%s%s", set->gnu ? "-" : "", d->name);
	return set_value(d, set->gnu ? "flag --" : "flag -", value, values, e);
}

static bool is_help(const struct arg *a)
{
	if (a->is_short)
		return *a->name == 'h';
	return !a->def && ((a->name_len == 1 && a->name[0] == 'h') ||
			   (a->name_len == 4 && memcmp(a->name, "help", 4) == 0));
}

/* Moves argv[from..to) before the arguments that stand at `at`, and *at behind it. */
static void move_up(char **argv, int *at, int from, int to)
{
	for (; from < to; from++, (*at)++) {
		char *s = argv[from];

		memmove(argv + *at + 1, argv + *at, (size_t)(from - *at) * sizeof *argv);
		argv[*at] = s;
	}
}

int option_parse(const struct option_set *set, int argc, char **argv, void *values, int *ret_rest,
		 void (*warn)(const char *text), struct err *e)
{
	struct arg a;
	int r, i = 1, rest = 1, from, kind;

	r = set_defaults(set, values, e);
	if (r < 0)
		return r;
	for (;;) {
		from = i;
		kind = next_arg(set, argc, argv, &i, &a);
		if (kind == ARG_STOP && set->gnu && i == from && i < argc) {
			i++;
			continue;
		}
		if (kind != ARG_OPTION)
			break;
		if (is_help(&a))
			return OPTION_HELP;
		if (a.def && a.def->kind == OPT_STRINGS && a.def->def) {
			struct option_strings *list = (void *)((char *)values + a.def->offset);

			if (list->n == 1 && list->v[0] == a.def->def)
				list->n = 0;
		}
		r = apply(set, &a, argc, argv, &i, values, e);
		if (r < 0)
			return r;
		move_up(argv, &rest, from, i);
	}
	if (kind == ARG_BAD_SYNTAX)
		return err_text(e, EINVAL, "bad flag syntax: %.200s", argv[i]);
	move_up(argv, &rest, from, i); /* a "--" */
	if (set->env_prefix)
		set_from_env(set, argc, argv, values, warn);
	*ret_rest = rest;
	return OPTION_OK;
}

bool option_given(const struct option_set *set, int argc, char **argv, const char *name)
{
	struct arg a;
	int i = 1;

	while (next_arg(set, argc, argv, &i, &a) == ARG_OPTION) {
		if (a.def && strcmp(a.def->name, name) == 0)
			return true;
		if (a.def && a.def->kind != OPT_BOOL && !a.value)
			i++;
	}
	return false;
}

static void help_text(const char *text, FILE *f)
{
	for (; *text; text++) {
		fputc(*text, f);
		if (*text == '\n')
			fputs("        ", f);
	}
}

void option_help(const struct option_set *set, FILE *f)
{
	char name[128];

	fprintf(f, "Usage: %s %s\n", set->program, set->usage ? set->usage : "[OPTION]...");
	if (set->intro)
		fprintf(f, "%s\n", set->intro);
	fputs(set->gnu ? "\nOptions:\n" : "\nOptions (one or two dashes):\n", f);
	for (size_t i = 0; i < set->n; i++) {
		const struct option_def *d = &set->defs[i];

		if (d->hidden)
			continue;
		fprintf(f, "  %s%s%s%s\n        ", set->gnu ? "--" : "-", d->name, d->arg ? " " : "",
			d->arg ? d->arg : "");
		help_text(d->help ? d->help : "", f);
		if (d->def && *d->def)
			fprintf(f, " (default %s)", d->def);
		for (size_t k = 0; d->choices && d->choices[k]; k++)
			fprintf(f, "%s%s", k ? " " : "\n        one of: ", d->choices[k]);
		if (set->env_prefix && env_name(set, d, name, sizeof name))
			fprintf(f, "\n        environment: %s", name);
		fputc('\n', f);
	}
	fprintf(f, "  %s\n        show this help\n", set->gnu ? "--help" : "-help");
}

void option_values_done(const struct option_set *set, void *values)
{
	for (size_t i = 0; i < set->n; i++) {
		struct option_strings *list = (void *)((char *)values + set->defs[i].offset);

		if (set->defs[i].kind != OPT_STRINGS)
			continue;
		free(list->v);
		*list = (struct option_strings){ .n = 0 };
	}
}
