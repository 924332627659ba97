#include "ignition/files/account.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/cleanup.h"

static void test_passwd(void **state)
{
	static const char etc[] = "root:x:0:0:root:/root:/bin/bash\n"
				  "# comment\n"
				  "\n"
				  "+nis::::::\n"
				  "short:x:1:1\n"
				  "bad:x:12a:1::/:/\n"
				  "minus:x:-1:1::/:/\n"
				  "huge:x:4294967295:1::/:/\n"
				  "large:x:99999999999999999999999:1::/:/\n"
				  "max:x:4294967294:4294967294::/m:/\n"
				  ":x:5:5::/:/\n"
				  "empty::6:6:::\n"
				  "core:x:1000:1001:Core, the user:/home/core:/bin/sh\n"
				  "core:x:7:7::/second:/bin/sh\n"
				  "last:x:8:8::/l:/no-newline";
	static const char nul[] = "nul:x:1\0:1::/:/\nafter:x:2:2::/a:/\n";
	static const char lib[] = "core:x:500:500::/lib:/\nimage:x:501:502::/image:/bin/sh\n";
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct account_db db = { 0 };
	const struct account_user *u;

	(void)state;
	assert_int_equal(account_parse_passwd(etc, sizeof etc - 1, true, a, &db), 0);
	assert_int_equal(account_parse_passwd(nul, sizeof nul - 1, true, a, &db), 0);
	assert_int_equal(account_parse_passwd(lib, sizeof lib - 1, false, a, &db), 0);
	static const char *const absent[] = { "short", "bad", "minus", "huge",     "large",
					      "+nis",  "",    "nul",   "# comment" };
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		assert_null(account_user(&db, absent[i]));
	u = account_user(&db, "core");
	assert_non_null(u);
	assert_int_equal(u->uid, 1000);
	assert_int_equal(u->gid, 1001);
	assert_string_equal(u->home, "/home/core");
	assert_true(u->in_etc);
	assert_string_equal(u->line, "core:x:1000:1001:Core, the user:/home/core:/bin/sh");
	u = account_user(&db, "image");
	assert_non_null(u);
	assert_false(u->in_etc);
	assert_int_equal(account_user(&db, "max")->uid, 4294967294u);
	assert_string_equal(account_user(&db, "last")->home, "/l");
	assert_string_equal(account_user(&db, "empty")->home, "");
	assert_non_null(account_user(&db, "after"));
}

static void test_group(void **state)
{
	static const char text[] = "root:x:0:\nwheel:x:10:a,b\nnofields\nx:x:\ny:*:20\n";
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct account_db db = { 0 };

	(void)state;
	assert_int_equal(account_parse_group(text, sizeof text - 1, true, a, &db), 0);
	assert_int_equal(db.groups.n, 3);
	assert_int_equal(account_group(&db, "wheel")->gid, 10);
	assert_string_equal(account_group(&db, "wheel")->line, "wheel:x:10:a,b");
	assert_int_equal(account_group(&db, "y")->gid, 20);
	assert_null(account_group(&db, "x"));
	assert_null(account_group(&db, "whee"));
}

static void test_many(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct account_db db = { 0 };
	char line[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int n = snprintf(line, sizeof line, "g%d:x:%d:\n", i, i);

		assert_int_equal(account_parse_group(line, (size_t)n, true, a, &db), 0);
	}
	assert_int_equal(db.groups.n, 5000);
	assert_int_equal(account_group(&db, "g4999")->gid, 4999);
	assert_int_equal(account_group(&db, "g0")->gid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwd),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
