/*
 * Random configs that are valid, made by walking the tables: every field of a version, in any
 * combination that its rules allow. The same seed always gives the same config.
 *
 * Names come from small pools, so that two configs have entries in common; inside one list each is
 * different. Files, directories and links have pools of their own, and so have the two lists of kernel
 * arguments: where merging moves an entry from one list to another it is not associative.
 */
#pragma once
#include <stdint.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/config/config.h"

struct maker {
	struct arena *arena;
	uint64_t state; /* the seed, not 0 */
	unsigned minor;
	const char *version;
	bool full;  /* every field, and entries in every list */
	bool twice; /* merged with itself it is itself: nothing appended, no header that erases */
};

static inline uint64_t draw(struct maker *m, uint64_t below)
{
	m->state ^= m->state >> 12;
	m->state ^= m->state << 25;
	m->state ^= m->state >> 27;
	return (m->state * 0x2545f4914f6cdd1d >> 32) % below;
}

static inline bool chance(struct maker *m, unsigned percent)
{
	return m->full || draw(m, 100) < percent;
}

#define PICK(m, ...)                                                                                         \
	((const char *const[]){                                                                              \
		__VA_ARGS__ }[draw(m, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))])

/* Texts for fields that hold a value of their own kind; %u is a number from the entry's pool. */
static inline const char *form_of(struct maker *m, const struct cfg_desc *desc, const char *key)
{
	static const struct {
		const char *desc, *key, *form;
	} forms[] = {
		{ "ign_directory", "path", "/d%u" },
		{ "ign_file", "path", "/f%u" },
		{ "ign_link", "path", "/l%u" },
		{ "ign_filesystem", "path", "/m%u" },
		{ NULL, "device", "/dev/x%u" },
		{ NULL, "devices", "/dev/y%u" },
		{ "ign_unit", "name", "u%u.service" },
		{ "ign_dropin", "name", "d%u.conf" },
		{ NULL, "name", "n%u" },
		{ "ign_partition", "label", "l%u" },
		{ NULL, "hash", "sha512-%0128u" },
		{ NULL, "httpProxy", "http://p%u" },
		{ NULL, "httpsProxy", "https://p%u" },
		{ NULL, "shouldNotExist", "n%u" },
		{ NULL, "target", "/t%u" },
		{ NULL, "url", "http://t%u/" },
		{ NULL, "thumbprint", "thumb%u" },
		{ NULL, "advertisement", "{\"a\": [%u]}" },
		{ "ign_http_header", "value", "v%u" },
		{ NULL, "config", "c%u" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (strcmp(forms[i].key, key) == 0 &&
		    (!forms[i].desc || strcmp(forms[i].desc, desc->name) == 0))
			return forms[i].form;
	if (strcmp(key, "source") == 0)
		return PICK(m, "data:,x%u", "http://h/%u", "https://h/%u", "s3://b/%u", "tftp://h/%u");
	if (strcmp(key, "compression") == 0)
		return PICK(m, "", "gzip");
	if (strcmp(key, "guid") == 0 || strcmp(key, "typeGuid") == 0)
		return PICK(m, "", "01234567-89ab-cdef-EDCB-A98765432101");
	if (strcmp(key, "format") == 0)
		return PICK(m, "ext4", "btrfs", "xfs", "vfat", "swap");
	if (strcmp(key, "level") == 0)
		return PICK(m, "raid1", "mirror", "raid4", "5", "raid6", "10");
	if (strcmp(key, "pin") == 0)
		return PICK(m, "tpm2", "tang", "sss");
	if (strcmp(key, "contents") == 0)
		return PICK(m, "", "# nothing", "[Unit]\nDescription=x%u", "[Install]\nWantedBy=x%u\\\ny\n");
	if (strcmp(key, "label") == 0)
		return PICK(m, "", "l%u", "\xc3\xa9%u");
	return PICK(m, "t%u", "<a href=\"%u\">&\\</a>", "\x01\t\r\n%u", "\xe2\x80\xa8%u\xf0\x9f\x98\x80");
}

static inline const char *make_text(struct maker *m, const struct cfg_desc *desc, const char *key, unsigned n)
{
	const char *form = strcmp(key, "version") == 0 ? m->version : form_of(m, desc, key);
	const char *number = strchr(form, '%');
	unsigned width = 1;

	if (!number)
		return form;
	if (number[1] == '0')
		width = 128;
	return arena_printf(m->arena, "%.*s%0*u%s", (int)(number - form), form, (int)width, n,
			    strchr(number, 'u') + 1);
}

static inline int64_t make_int(struct maker *m, const char *key)
{
	if (strcmp(key, "mode") == 0)
		return (int64_t)draw(m, m->minor >= 6 ? 010000 : 01000);
	switch (draw(m, 4)) {
	case 0:
		return 0;
	case 1:
		return draw(m, 2) ? INT64_MAX : -INT64_MAX;
	default:
		return (int64_t)draw(m, 5000) - 1000;
	}
}

/* What the rules ask of two fields together. */
static inline void mend(struct maker *m, const struct cfg_desc *desc, unsigned n, void *obj)
{
	const char *name = desc->name;

	if (strcmp(name, "ign_resource") == 0) {
		struct ign_resource *r = obj;

		if (r->http_headers.n)
			r->source = arena_printf(m->arena, "http://h/%u", n);
		if (r->verification.hash && !r->source)
			r->source = "";
	} else if (strcmp(name, "ign_node_user") == 0 || strcmp(name, "ign_node_group") == 0) {
		struct ign_node_user *u = obj;

		u->name = u->id.set ? NULL : u->name;
	} else if (strcmp(name, "ign_file") == 0) {
		struct ign_file *f = obj;

		f->overwrite.v = f->overwrite.v && f->contents.source;
	} else if (strcmp(name, "ign_partition") == 0) {
		struct ign_partition *p = obj;

		p->should_exist.v = true;
		p->start_mib = p->size_mib.set ? (struct opt_i64){ 0 } : p->start_mib;
	} else if (strcmp(name, "ign_clevis") == 0) {
		struct ign_clevis *c = obj;

		/* objects are always written, and in 3.2 one that is there excludes the other ways */
		if (m->minor != 2 && draw(m, 2)) {
			c->custom = (struct ign_clevis_custom){ 0 };
		} else {
			*c = (struct ign_clevis){ .custom = c->custom };
			c->custom.given = true;
			c->custom.pin = c->custom.pin ? c->custom.pin : "sss";
			c->custom.config = c->custom.config ? c->custom.config : "{}";
		}
	} else if (strcmp(name, "ign_luks") == 0) {
		struct ign_luks *l = obj;

		l->cex.enabled.v = false;
	}
}

/* n: the entry's number in the pool; entries of one list have different ones. */
static inline void make_object(struct maker *m, const struct cfg_desc *desc, unsigned n, bool keyed_by_source,
			       void *out);

static inline void make_list(struct maker *m, const struct cfg_desc *desc, const struct cfg_field *f,
			     struct cfg_list *out)
{
	size_t size = f->kind == CFG_LIST ? f->sub->size : sizeof(char *);
	size_t least = m->full || strcmp(f->key, "devices") == 0, n = least + draw(m, 4 - least);
	unsigned first = (unsigned)draw(m, 6) + 1;

	if (m->twice && f->rule == CFG_APPEND)
		return;
	*out = (struct cfg_list){ n ? arena_alloc(m->arena, n * size) : NULL, n };
	for (size_t i = 0; i < n; i++) {
		void *entry = (char *)out->v + i * size;
		unsigned number = (first + (unsigned)i) % 6 + 1;

		if (f->kind == CFG_LIST)
			make_object(m, f->sub, number,
				    f->rule == CFG_BY_STR && strcmp(f->sub->name, "ign_resource") == 0,
				    entry);
		else
			*(const char **)entry = make_text(m, desc, f->key, number);
	}
}

static inline bool is_required(const struct cfg_field *f)
{
	static const char *const keys[] = { "format", "level",  "target", "thumbprint",
					    "number", "device", "version" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i], f->key) == 0)
			return true;
	return f->flags & (CFG_PLAIN | CFG_REQUIRED);
}

static inline void make_object(struct maker *m, const struct cfg_desc *desc, unsigned n, bool keyed_by_source,
			       void *out)
{
	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		void *at = (char *)out + f->off;
		bool wanted = f->since <= m->minor && (is_required(f) || chance(m, 60));

		if (f->kind == CFG_STR && f->flags & CFG_PLAIN)
			*(const char **)at = "";
		if (keyed_by_source && strcmp(f->key, "source") == 0)
			wanted = true;
		if (m->twice && strcmp(desc->name, "ign_http_header") == 0)
			wanted = f->since <= m->minor;
		if (f->kind == CFG_OBJ && f->since <= m->minor)
			make_object(m, f->sub, n, false, at);
		if (!wanted || f->kind == CFG_OBJ)
			continue;
		if (f->kind == CFG_STR)
			*(const char **)at = make_text(m, desc, f->key, n);
		else if (f->kind == CFG_INT)
			*(struct opt_i64 *)at = (struct opt_i64){ true, strcmp(f->key, "number") == 0
										? (int64_t)n
										: make_int(m, f->key) };
		else if (f->kind == CFG_BOOL)
			*(struct opt_bool *)at = (struct opt_bool){ true, draw(m, 2) };
		else
			make_list(m, desc, f, at);
	}
	mend(m, desc, n, out);
}

static inline struct ign_config make_config(struct maker *m)
{
	struct ign_config c = { 0 };

	make_object(m, &ign_config_desc, 1, false, &c);
	return c;
}
