/* Objects that say something by being there: "create": {} is not the same as no create. */
#include "tests/unit/ignition/old_config_cases.h"

static void read_config(const char *mount, struct arena *a, struct ign2_config *ret)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(tree_freep) struct json_object *root = NULL;
	struct err e = { 0 };

	assert_int_equal(
		buf_printf(&json,
			   "{\"ignition\":{\"version\":\"2.4.0\"},\"storage\":{\"filesystems\":[{\"name\":"
			   "\"x\"%s}]}}",
			   mount),
		0);
	assert_int_equal(tree_read(json.p, json.n, &rep, &root, &e), 0);
	assert_int_equal(cfg_decode_v0(&ign2_config_desc, root, 4, a, &rep, ret), 0);
	assert_int_equal(rep.n, 0);
}

static void decoding_and_writing(void **state)
{
	static const struct {
		const char *text, *written;
		bool mount, create;
	} cases[] = {
		{ "", "", false, false },
		{ ",\"mount\":null", "", false, false },
		{ ",\"mount\":{}", "\"mount\":{\"device\":\"\",\"format\":\"\"},", true, false },
		{ ",\"mount\":{\"create\":null}", "\"mount\":{\"device\":\"\",\"format\":\"\"},", true,
		  false },
		{ ",\"mount\":{\"create\":{}}", "\"mount\":{\"create\":{},\"device\":\"\",\"format\":\"\"},",
		  true, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf got = { 0 };
		CLEANUP(buf_done) struct buf want = { 0 };
		struct ign2_config c = { 0 };
		const struct ign2_filesystem *fs;

		read_config(cases[i].text, a, &c);
		fs = &c.storage.filesystems.v[0];
		assert_int_equal(fs->mount.given, cases[i].mount);
		assert_int_equal(fs->mount.create.given, cases[i].create);
		assert_int_equal(cfg_emit(&ign2_config_desc, &c, 0, &got), 0);
		assert_int_equal(buf_printf(&want, "[{%s\"name\":\"x\"}]", cases[i].written), 0);
		if (!strstr(got.p, want.p))
			fail_msg("%s is not in %s", want.p, got.p);
	}
}

/* A user's struct alone: in a config these objects only stand in lists, whose entries are never merged. */
static const struct cfg_desc *user_desc(void)
{
	const struct cfg_desc *d = &ign2_config_desc;
	static const char *const way[] = { "passwd", "users" };

	for (size_t i = 0; i < ARRAY_SIZE(way); i++)
		for (size_t k = 0; k < d->n_fields; k++)
			if (strcmp(d->fields[k].key, way[i]) == 0) {
				d = d->fields[k].sub;
				break;
			}
	assert_string_equal(d->name, "ign2_user");
	return d;
}

static void comparing_and_merging(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	const struct cfg_desc *d = user_desc();
	const struct ign2_user none = {
		.name = "", .gecos = "", .home_dir = "", .primary_group = "", .shell = ""
	};
	struct ign2_user named = none, with = none, merged = none;

	(void)state;
	named.name = "x";
	with.create.given = true;
	assert_true(cfg_is_zero(d, &none));
	assert_false(cfg_is_zero(d, &with));
	assert_false(cfg_equal(d, &none, &with));
	assert_true(cfg_equal(d, &with, &with));
	for (int order = 0; order < 2; order++) {
		assert_int_equal(cfg_merge(d, order ? &with : &named, order ? &named : &with, a, &merged), 0);
		assert_true(merged.create.given);
	}
	assert_int_equal(cfg_merge(d, &named, &named, a, &merged), 0);
	assert_false(merged.create.given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding_and_writing),
		cmocka_unit_test(comparing_and_merging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
