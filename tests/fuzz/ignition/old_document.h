/* What a document of spec 1 or 2.x must become: nothing, with an error; or a config of the newest version. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/parse_priv.h"
#include "ignition/config/v2/types_gen.h"
#include "tests/fuzz/ignition/config_tree.h"

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

/*
 * Where the bytes say so, values that a rule would let pass: one bad value of a hundred ends the way of a
 * document to its conversion.
 */
static const struct plausible {
	const char *object, *key; /* the end of a struct's name, or "" */
	const char *values[6];    /* up to the first NULL; none: absent */
} plausible[] = {
	{ "_dropin", "name", { "a.conf", "b.conf" } },
	{ "_networkd_unit", "name", { "x.network", "y.link", "z.netdev" } },
	{ "_unit", "name", { "a.service", "b@.service", "b@c.service", "d.mount", "a.timer" } },
	{ "_filesystem", "name", { "root", "x", "oem", "y", "z" } },
	{ "_filesystem", "path", { "/x", "/", "/usr/share/oem" } },
	{ "_http_header", "name", { "A", "B", "C" } },
	{ "_raid", "name", { "md0", "md1", "md2" } },
	{ "", "contents", { "", "[Unit]\nA=b", "[Install]\nA=b" } },
	{ "", "source", { "", "data:,x", "data:;base64,eA==", "http://h/x", "oem:///x" } },
	{ "", "hash", { NULL } },
	{ "", "compression", { "", "gzip" } },
	{ "", "device", { "/dev/a", "/dev/b", "/dev/disk/by-label/OEM", "/dev/./a" } },
	{ "", "path", { "/a", "/b", "/a/c", "//d/./e/", "/usr/share/oem/grub.cfg" } },
	{ "", "filesystem", { "root", "x", "oem", "y" } },
	{ "", "format", { "ext4", "btrfs", "xfs", "vfat", "swap" } },
	{ "", "level", { "raid1", "linear", "raid5" } },
	{ "", "label", { "l", "m", "OEM", "" } },
	{ "", "guid", { "" } },
	{ "", "typeGuid", { "", "01234567-89AB-CDEF-EDCB-A98765432101" } },
};

static inline bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static inline void mend_text(struct bytes *b, const struct cfg_desc *desc, const struct cfg_field *f,
			     const char **at)
{
	size_t n = 0;

	for (const struct plausible *p = plausible; p < plausible + ARRAY_SIZE(plausible); p++) {
		if (strcmp(p->key, f->key) != 0 || !ends_in(desc->name, p->object))
			continue;
		while (n < ARRAY_SIZE(p->values) && p->values[n])
			n++;
		*at = n ? p->values[take(b) % n] : NULL;
		return;
	}
}

static inline void mend_number(const char *key, struct opt_i64 *i)
{
	uint64_t v = (uint64_t)i->v;

	i->v = (int64_t)(strcmp(key, "mode") == 0                                ? v & 07777
			 : strcmp(key, "start") == 0 || strcmp(key, "size") == 0 ? (v & 0xffff) << 11
			 : strcmp(key, "spares") == 0                            ? 0
										 : v & 0xff);
}

static inline void mend(struct bytes *b, const struct cfg_desc *desc, char *out)
{
	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		struct cfg_list *l = (void *)(out + f->off);

		if (f->kind == CFG_OBJ)
			mend(b, f->sub, out + f->off);
		else if (f->kind == CFG_STR && take(b) < 250)
			mend_text(b, desc, f, (const char **)(out + f->off));
		else if (f->kind == CFG_INT && take(b) < 250)
			mend_number(f->key, (struct opt_i64 *)(out + f->off));
		else if (strcmp(f->key, "httpHeaders") == 0 && take(b) < 200)
			l->n = 0;
		else if (strcmp(f->key, "devices") == 0 && take(b) < 250)
			for (size_t k = 0; k < l->n; k++)
				((const char **)l->v)[k] = k ? "/dev/a" : "/dev/b";
		for (size_t k = 0; f->kind == CFG_LIST && k < l->n; k++)
			mend(b, f->sub, (char *)l->v + k * f->sub->size);
	}
	if (ends_in(desc->name, "ign2_filesystem") && take(b) < 250) {
		struct ign2_filesystem *fs = (void *)out;

		if (fs->mount.given)
			fs->path = NULL;
	}
}

static inline void check_old_document(const struct buf *json, struct arena *a)
{
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(report_done) struct report newest = { 0 };
	CLEANUP(buf_done) struct buf findings = { 0 };
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf twice = { 0 };
	struct ign_config c, again, cached;
	struct err e = { 0 };
	int r = ign_config_parse(json->p, json->n, a, &rep, &c, &e);

	must(report_print(&rep, &findings) == 0 && (r < 0) == report_fatal(&rep));
	if (r < 0)
		return;
	/* the newest rules find nothing wrong, also when it is read again */
	must(ign_validate_document(&c, IGN_MINOR_EXPERIMENTAL, false, &newest) == 0 &&
	     !report_fatal(&newest));
	must(ign_config_emit(&c, &text) == 0);
	must(ign_config_parse(text.p, text.n, a, &newest, &again, &e) == 0 && !report_fatal(&newest));
	must(ign_config_parse_cache(text.p, text.n, a, &cached, &e) == 0);
	must(cfg_equal(&ign_config_desc, &c, &again) && cfg_equal(&ign_config_desc, &c, &cached));
	must(ign_config_emit(&again, &twice) == 0 && strcmp(text.p, twice.p) == 0);
}
