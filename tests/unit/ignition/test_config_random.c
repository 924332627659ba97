/* What must hold for every config, shown on random ones of every version (random_config.h). */
#include "tests/fuzz/ignition/config_tree.h"
#include "tests/unit/ignition/config_cases.h"
#include "ignition/config/parse_priv.h"
#include "tests/unit/ignition/random_config.h"

enum { ROUNDS = 16 };

static struct maker maker(struct arena *a, unsigned minor, unsigned round)
{
	return (struct maker){ .arena = a,
			       .state = 0x9e3779b97f4a7c15 * (minor * 1000 + round + 1),
			       .minor = minor,
			       .version = version_text[minor] };
}

#define EACH(minor, round)                                                                                   \
	for (unsigned minor = 0; minor < N_VERSIONS; minor++)                                                \
		for (unsigned round = 0; round < ROUNDS; round++)

static void hold_same(const struct ign_config *x, const struct ign_config *y, unsigned minor, unsigned round)
{
	CLEANUP(buf_done) struct buf a = { 0 };
	CLEANUP(buf_done) struct buf b = { 0 };

	if (cfg_equal(&ign_config_desc, x, y))
		return;
	cfg_emit(&ign_config_desc, x, CFG_EMIT_INDENT, &a);
	cfg_emit(&ign_config_desc, y, CFG_EMIT_INDENT, &b);
	fprintf(stderr, "3.%u, round %u: not the same:\n%s\n%s\n", minor, round, buf_str(&a), buf_str(&b));
	fail();
}

/* Written and read, a config is the same; without an error, so what was made was valid. */
static void what_is_written_is_read(void **state)
{
	(void)state;
	EACH(minor, round)
	{
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf json = { 0 };
		CLEANUP(buf_done) struct buf got = { 0 };
		CLEANUP(report_done) struct report rep = { 0 };
		struct maker m = maker(a, minor, round);
		struct ign_config c = make_config(&m), parsed, cached;
		struct err e = { 0 };

		assert_int_equal(cfg_emit(&ign_config_desc, &c, round % 2 ? CFG_EMIT_INDENT : 0, &json), 0);
		if (parse_json(&json, a, &parsed, &rep, &got, &e) < 0) {
			fprintf(stderr, "%s\n%s", buf_str(&json), buf_str(&got));
			fail();
		}
		ign_translate(&c, minor);
		hold_same(&c, &parsed, minor, round);
		buf_clear(&json);
		assert_int_equal(ign_config_emit(&parsed, &json), 0);
		assert_int_equal(ign_config_parse_cache(json.p, json.n, a, &cached, &e), 0);
		hold_same(&parsed, &cached, minor, round);
	}
}

static struct ign_config merge(struct arena *a, const struct ign_config *p, const struct ign_config *c)
{
	struct ign_config out;

	assert_int_equal(ign_config_merge(a, p, c, &out), 0);
	return out;
}

static void nothing_changes_nothing(void **state)
{
	(void)state;
	EACH(minor, round)
	{
		CLEANUP(arena_freep) struct arena *a = arena_new();
		struct maker m = maker(a, minor, round);
		struct ign_config c = make_config(&m), empty, out;

		ign_config_init(&empty);
		ign_translate(&c, minor);
		out = merge(a, &c, &empty);
		hold_same(&c, &out, minor, round);
		out = merge(a, &empty, &c);
		hold_same(&c, &out, minor, round);
	}
}

static void a_config_over_itself_is_itself(void **state)
{
	(void)state;
	EACH(minor, round)
	{
		CLEANUP(arena_freep) struct arena *a = arena_new();
		struct maker m = maker(a, minor, round);

		m.twice = true;
		struct ign_config c = make_config(&m), out = merge(a, &c, &c);
		hold_same(&c, &out, minor, round);
	}
}

/* Lists that only grow do so each time. */
static void appended_lists_grow(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct maker m = maker(a, NEWEST, 0);

	(void)state;
	m.full = true;
	struct ign_config c = make_config(&m), out = merge(a, &c, &c);
	assert_int_equal(out.storage.files.v[0].append.n, 2 * c.storage.files.v[0].append.n);
	assert_int_equal(out.storage.raid.v[0].options.n, 2 * c.storage.raid.v[0].options.n);
	assert_int_equal(out.storage.luks.v[0].options.n, 2 * c.storage.luks.v[0].options.n);
	assert_int_equal(out.storage.filesystems.v[0].options.n, 2 * c.storage.filesystems.v[0].options.n);
	assert_int_equal(out.storage.filesystems.v[0].mount_options.n,
			 2 * c.storage.filesystems.v[0].mount_options.n);
}

static void it_does_not_matter_which_two_are_merged_first(void **state)
{
	(void)state;
	EACH(minor, round)
	{
		CLEANUP(arena_freep) struct arena *a = arena_new();
		struct maker m = maker(a, minor, round);

		m.twice = round % 2;
		struct ign_config x = make_config(&m), y = make_config(&m), z = make_config(&m);
		struct ign_config xy, yz, left, right;

		if (!m.twice) { /* a header that was erased comes back in another place */
			m.minor = 0;
			x = make_config(&m);
			y = make_config(&m);
			z = make_config(&m);
		}
		xy = merge(a, &x, &y);
		yz = merge(a, &y, &z);
		left = merge(a, &xy, &z);
		right = merge(a, &x, &yz);
		hold_same(&left, &right, minor, round);
	}
}

static void rules_take_any_structure(void **state)
{
	(void)state;
	EACH(minor, round)
	{
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(report_done) struct report rep = { 0 };
		CLEANUP(buf_done) struct buf got = { 0 };
		struct maker m = maker(a, minor, round);
		uint8_t text[3000];
		struct bytes b = { text, sizeof text, a };
		struct ign_config c = { 0 };

		for (size_t i = 0; i < sizeof text; i++)
			text[i] = (uint8_t)draw(&m, 256);
		take_object(&b, &ign_config_desc, (char *)&c);
		assert_int_equal(ign_validate_document(&c, minor, round % 2, &rep), 0);
		assert_int_equal(report_print(&rep, &got), 0);
	}
}

static void no_part_of_a_config_is_one(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf json = { 0 };
	struct maker m = maker(a, NEWEST, 7);

	(void)state;
	m.full = true;
	struct ign_config c = make_config(&m), out;
	assert_int_equal(cfg_emit(&ign_config_desc, &c, 0, &json), 0);
	for (size_t n = 0; n < json.n; n++) {
		CLEANUP(report_done) struct report rep = { 0 };
		char *part = arena_strndup(a, json.p, n); /* of its own, for the sanitizer to guard its end */
		struct err e = { 0 };

		if (ign_config_parse(part, n, a, &rep, &out, &e) != (n ? -EBADMSG : -ENODATA))
			fail_msg("%zu bytes are accepted", n);
	}
}

/* Writes a config with the value number `wrong` replaced by one of another type. */
struct spoiler {
	struct buf *out;
	unsigned minor;
	size_t next, wrong;
	struct buf path; /* of that value; empty: there are fewer */
	const char *expected;
};

static void spoil(struct spoiler *s, const struct cfg_desc *desc, const char *obj, const char *path);

static bool is_wrong_one(struct spoiler *s, const char *path, const char *expected, const char *instead)
{
	if (s->next++ != s->wrong)
		return false;
	s->expected = expected;
	buf_puts(&s->path, path);
	buf_puts(s->out, instead);
	return true;
}

static void spoil_list(struct spoiler *s, const struct cfg_field *f, const struct cfg_list *l,
		       const char *path)
{
	size_t size = f->kind == CFG_LIST ? f->sub->size : sizeof(char *);

	buf_puts(s->out, "[");
	for (size_t i = 0; i < l->n; i++) {
		CLEANUP(buf_done) struct buf at = { 0 };
		const char *entry = (const char *)l->v + i * size;

		buf_printf(&at, "%s.%zu", path, i);
		buf_puts(s->out, i ? "," : "");
		if (f->kind == CFG_LIST && !is_wrong_one(s, buf_str(&at), "object", "true"))
			spoil(s, f->sub, entry, buf_str(&at));
		if (f->kind == CFG_STRLIST && !is_wrong_one(s, buf_str(&at), "string", "{}"))
			buf_printf(s->out, "\"s%zu\"", i);
	}
	buf_puts(s->out, "]");
}

static void spoil(struct spoiler *s, const struct cfg_desc *desc, const char *obj, const char *path)
{
	bool any = false;

	buf_puts(s->out, "{");
	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		CLEANUP(buf_done) struct buf at = { 0 };

		if (f->since > s->minor)
			continue;
		buf_printf(&at, "%s.%s", path, f->key);
		buf_printf(s->out, "%s\"%s\":", any ? "," : "", f->key);
		any = true;
		if (f->kind == CFG_STR && !is_wrong_one(s, buf_str(&at), "string", "7"))
			buf_printf(s->out, "\"%s\"",
				   strcmp(f->key, "version") ? "x" : version_text[s->minor]);
		if (f->kind == CFG_INT && !is_wrong_one(s, buf_str(&at), "integer", "\"7\""))
			buf_puts(s->out, "7");
		if (f->kind == CFG_BOOL && !is_wrong_one(s, buf_str(&at), "boolean", "0"))
			buf_puts(s->out, "true");
		if (f->kind == CFG_OBJ && !is_wrong_one(s, buf_str(&at), "object", "[]"))
			spoil(s, f->sub, obj + f->off, buf_str(&at));
		if ((f->kind == CFG_LIST || f->kind == CFG_STRLIST) &&
		    !is_wrong_one(s, buf_str(&at), "list", "{}"))
			spoil_list(s, f, (const void *)(obj + f->off), buf_str(&at));
	}
	buf_puts(s->out, "}");
}

static bool one_wrong_type_is_found(const struct ign_config *c, unsigned minor, size_t wrong)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	CLEANUP(buf_done) struct buf want = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	struct spoiler s = { .out = &json, .minor = minor, .wrong = wrong };
	struct ign_config out;
	struct err e = { 0 };
	bool found;

	spoil(&s, &ign_config_desc, (const char *)c, "$");
	found = s.path.n > 0;
	if (found) {
		assert_int_equal(parse_json(&json, a, &out, &rep, &got, &e), -EBADMSG);
		for (size_t i = 0; i < rep.n; i++)
			rep.v[i].line = rep.v[i].col = 0;
		buf_clear(&got);
		report_print(&rep, &got);
		buf_printf(&want, "error at %s: expected %s, got ", buf_str(&s.path), s.expected);
		if (rep.n != 1 || strncmp(buf_str(&got), buf_str(&want), want.n) != 0)
			fail_msg("%s\ngot:\n%s", buf_str(&want), buf_str(&got));
	}
	buf_done(&s.path);
	return found;
}

static void each_wrong_type_is_found_at_its_path(void **state)
{
	(void)state;
	for (unsigned minor = 0; minor < N_VERSIONS; minor++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		struct maker m = maker(a, minor, 0);
		struct ign_config c;
		size_t n = 0;

		m.full = true;
		c = make_config(&m);
		while (one_wrong_type_is_found(&c, minor, n))
			n++;
		assert_true(n > 130); /* values in a config that has every field */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(nothing_changes_nothing),
		cmocka_unit_test(a_config_over_itself_is_itself),
		cmocka_unit_test(appended_lists_grow),
		cmocka_unit_test(it_does_not_matter_which_two_are_merged_first),
		cmocka_unit_test(rules_take_any_structure),
		cmocka_unit_test(no_part_of_a_config_is_one),
		cmocka_unit_test(each_wrong_type_is_found_at_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
