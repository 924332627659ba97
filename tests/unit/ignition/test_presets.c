#include "ignition/files/presets.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "ignition/files/units.h"

#define ON(unit)                                                                                             \
	{                                                                                                    \
		.name = (unit), .enabled = { true, true }                                                    \
	}
#define OFF(unit)                                                                                            \
	{                                                                                                    \
		.name = (unit), .enabled = { true, false }                                                   \
	}
#define NONE(unit)                                                                                           \
	{                                                                                                    \
		.name = (unit)                                                                               \
	}

enum { MAX_UNITS = 6 };

static const struct {
	const char *before;
	struct ign_unit units[MAX_UNITS];
	const char *want;
} cases[] = {
	{ "", { NONE("a.service") }, "" },
	{ "", { ON("b.service"), ON("a.service") }, "enable a.service\nenable b.service\n" },
	{ "", { OFF("a.service") }, "disable a.service\n" },
	{ "", { ON("e@two.service"), ON("e@one.service") }, "enable e@.service two one\n" },
	{ "",
	  { ON("e@1.service"), OFF("e@2.service"), ON("e@3.service") },
	  "disable e@.service 2\nenable e@.service 1 3\n" },
	{ "", { ON("e@1.service"), ON("e@1.socket") }, "enable e@.service 1\nenable e@.socket 1\n" },
	{ "", { ON("e@.service") }, "enable e@.service\n" },
	{ "", { ON("e@a.b@c.service") }, "enable e@.service a.b@c\n" },
	{ "", { ON("@x.service") }, "enable @x.service\n" },
	/* Lines that are there are not repeated; a missing last newline does not glue lines together. */
	{ "enable a.service", { ON("a.service") }, "enable a.service" },
	{ "enable aa.service", { ON("a.service") }, "enable aa.service\nenable a.service\n" },
	{ "# x\nenable a.service\n",
	  { ON("a.service"), OFF("b.mount") },
	  "# x\nenable a.service\ndisable b.mount\n" },
};

static void test_presets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf text = { 0 };
		struct ign_unit units[MAX_UNITS];
		struct ign_systemd s = { .units = { .v = units } };

		memcpy(units, cases[i].units, sizeof units);
		while (s.units.n < MAX_UNITS && units[s.units.n].name)
			s.units.n++;
		assert_int_equal(buf_puts(&text, cases[i].before), 0);
		assert_int_equal(presets_add(&s, &text), 0);
		assert_string_equal(buf_str(&text), cases[i].want);
		assert_int_equal(presets_add(&s, &text), 0);
		assert_string_equal(buf_str(&text), cases[i].want);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *unit, *dropin;
		int want;
	} names[] = {
		{ "a.service", "b.conf", 0 },
		{ "e@a\\x2db.service", "b.conf", 0 },
		{ "../a.service", "b.conf", -EINVAL },
		{ "/a.service", "b.conf", -EINVAL },
		{ "", "b.conf", -EINVAL },
		{ "a.service", "../../b.conf", -EINVAL },
		{ "a b.service", "b.conf", -EINVAL },
		{ "a\nenable x.service", "b.conf", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct ign_dropin d = { .name = names[i].dropin };
		struct ign_unit u = { .name = names[i].unit, .dropins = { &d, 1 } };
		struct ign_systemd s = { .units = { &u, 1 } };

		assert_int_equal(units_check(&s, NULL), names[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_presets),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
