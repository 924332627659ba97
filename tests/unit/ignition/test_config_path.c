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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_cleaned),
		cmocka_unit_test(texts_are_found_by_prefix_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
