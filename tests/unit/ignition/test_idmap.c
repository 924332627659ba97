#include "ignition/files/idmap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/cleanup.h"
#include "base/buf.h"

static const struct {
	const char *text;
	uint32_t id;
	bool mapped;
} cases[] = {
	{ "         0          0 4294967295\n", 0, true },
	{ "         0          0 4294967295\n", 4294967294, true },
	{ "         0          0 4294967295\n", 4294967295, false },
	{ "         0       1000          1\n", 0, true },
	{ "         0       1000          1\n", 1, false },
	{ "         0       1000          1\n", 1000, false }, /* an id outside */
	{ "         0       1000          1\n         1     100000      65536\n", 1, true },
	{ "         0       1000          1\n         1     100000      65536\n", 65536, true },
	{ "         0       1000          1\n         1     100000      65536\n", 65537, false },
	{ "nonsense\n 5 0 2", 6, true },
	{ "nonsense\n 5 0 2", 4, false },
	{ "", 0, false },
};

static void lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct idmap m;

		idmap_parse(cases[i].text, &m);
		assert_int_equal(idmap_has(&m, cases[i].id), cases[i].mapped);
	}
}

/* More lines than the kernel accepts end where the room does. */
static void too_many(void **state)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct idmap m;

	(void)state;
	for (unsigned i = 0; i <= IDMAP_MAX; i++)
		assert_int_equal(buf_printf(&text, "%u 0 1\n", 2 * i), 0);
	idmap_parse(buf_str(&text), &m);
	assert_int_equal(m.n, IDMAP_MAX);
	assert_true(idmap_has(&m, 2 * (IDMAP_MAX - 1)));
	assert_false(idmap_has(&m, 2 * IDMAP_MAX));
}

/* Whoever runs this has an id of his own; a map that cannot be read forbids nothing. */
static void of_this_process(void **state)
{
	struct idmap m;

	(void)state;
	idmap_load("uid_map", &m);
	assert_true(idmap_has(&m, getuid()));
	idmap_load("no_such_map", &m);
	assert_true(idmap_has(&m, 12345));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(too_many),
		cmocka_unit_test(of_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
