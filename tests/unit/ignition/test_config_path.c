/* Lexical cleaning of paths, as Go's path.Clean does it: hard-link targets are compared after it. */
#include "ignition/config/validate_priv.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/cleanup.h"

static void paths_are_cleaned(void **state)
{
	static const char *const cases[][2] = {
		{ "", "." },
		{ ".", "." },
		{ "./", "." },
		{ "/", "/" },
		{ "//", "/" },
		{ "/.", "/" },
		{ "/..", "/" },
		{ "/../../a", "/a" },
		{ "/a/b/../c", "/a/c" },
		{ "/a//b/./c/", "/a/b/c" },
		{ "/a/..b/.c/...", "/a/..b/.c/..." },
		{ "/a/b/../../..", "/" },
		{ "a", "a" },
		{ "a/..", "." },
		{ "a/../..", ".." },
		{ "a/../../b", "../b" },
		{ "../..", "../.." },
		{ "../a/..", ".." },
		{ "../../a/b/../c", "../../a/c" },
	};
	CLEANUP(arena_freep) struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(path_clean(a, cases[i][0]), cases[i][1]);
}

static void texts_are_found_by_prefix_length(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct text_set t;

	(void)state;
	assert_int_equal(text_set_init(&t, a, 4), 0);
	text_set_add(&t, "/b", 0);
	text_set_add(&t, "/a/c", 1);
	text_set_add(&t, "/a", 2);
	text_set_add(&t, "/b", 3);
	text_set_sort(&t);
	assert_int_equal(text_set_find(&t, "/a/c/d", 2)->idx, 2);
	assert_int_equal(text_set_find(&t, "/a/c/d", 4)->idx, 1);
	assert_null(text_set_find(&t, "/a/c/d", 6));
	assert_null(text_set_find(&t, "", 0));
	assert_int_equal(text_set_find(&t, "/b", 2)->idx, 0); /* the first of equal ones */
}

/* Narrowing along a path finds at each of its parts what looking at every text finds. */
static void ranges_narrow_to_what_is_there(void **state)
{
	static const char letters[] = "/a/b\xff";
	uint32_t seed = 1;

	(void)state;
	for (size_t round = 0; round < 300; round++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		char text[20][8] = { 0 };
		struct text_set t;

		assert_int_equal(text_set_init(&t, a, 19), 0);
		for (size_t i = 0; i < 20; i++) {
			for (size_t k = 0; k < (seed >> 20) % 8; k++) {
				seed = seed * 1664525 + 1013904223;
				text[i][k] = letters[(seed >> 16) % strlen(letters)];
			}
			seed = seed * 1664525 + 1013904223;
			if (i)
				text_set_add(&t, text[i], i);
		}
		text_set_sort(&t);
		struct text_range range = { 0, t.n, 0 };
		for (size_t len = 0; len <= strlen(text[0]); len++) {
			size_t n = 0;

			if (text[0][len] != '/')
				continue;
			text_set_narrow(&t, &range, text[0], len);
			for (size_t i = 0; i < t.n; i++) {
				bool begins = strncmp(t.v[i].s, text[0], len) == 0;

				assert_int_equal(begins, i >= range.from && i < range.end);
				n += begins;
			}
			assert_int_equal(n, range.end - range.from);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_cleaned),
		cmocka_unit_test(texts_are_found_by_prefix_length),
		cmocka_unit_test(ranges_narrow_to_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
