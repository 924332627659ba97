/* Findings: their form, their positions, and that many of them stay cheap and fatal. */
#include "base/report.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void prints_as_upstream_does(void **state)
{
	static const char text[] = "{\n  \"a\": {\"b\": [1,\n 2]}}";
	CLEANUP(report_done) struct report r = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };
	const struct cfg_path *b = CFG_CHILD(CFG_CHILD(NULL, "a"), "b");

	(void)state;
	assert_int_equal(report_add(&r, SEV_WARN, AT_KEY, b, "key of %s", "b"), 0);
	assert_int_equal(report_add(&r, SEV_ERROR, AT_VALUE, CFG_ENTRY(b, 1), "entry"), 0);
	assert_int_equal(report_add(&r, SEV_INFO, AT_VALUE, NULL, "all of it"), 0);
	assert_int_equal(report_add_at(&r, SEV_ERROR, 7, 8, "somewhere"), 0);
	assert_int_equal(report_print(&r, &out), 0);
	assert_string_equal(buf_str(&out), "warning at $.a.b: key of b\n"
					   "error at $.a.b.1: entry\n"
					   "info: all of it\n"
					   "error at line 7 col 8: somewhere\n");
	assert_int_equal(report_locate(&r, text, strlen(text)), 0);
	buf_clear(&out);
	assert_int_equal(report_print(&r, &out), 0);
	assert_string_equal(buf_str(&out), "warning at $.a.b, line 2 col 9: key of b\n"
					   "error at $.a.b.1, line 3 col 2: entry\n"
					   "info at line 1 col 1: all of it\n"
					   "error at line 7 col 8: somewhere\n");
	assert_true(report_fatal(&r));
}

static void one_finding_stays_one_line(void **state)
{
	CLEANUP(report_done) struct report r = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };
	char key[1001];

	(void)state;
	memset(key, 'k', 1000);
	key[1000] = '\0';
	report_add(&r, SEV_WARN, AT_KEY, CFG_CHILD(NULL, "x\ny\x1b[31m\x7f"), "unused key %s", "x\ty");
	report_add(&r, SEV_WARN, AT_KEY, CFG_CHILD(NULL, key), "unused key %s", key);
	assert_int_equal(report_print(&r, &out), 0);
	assert_non_null(strstr(out.p, "warning at $.x\\x0ay\\x1b[31m\\x7f: unused key x\\x09y\n"));
	assert_true(out.n < 1000);
	assert_false(report_fatal(&r));
}

static void many_findings_are_counted_not_kept(void **state)
{
	enum { MANY = 5000 };
	CLEANUP(report_done) struct report r = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(report_add(&r, SEV_WARN, AT_KEY, CFG_ENTRY(NULL, i), "w"), 0);
	assert_false(report_fatal(&r));
	assert_int_equal(report_add(&r, SEV_ERROR, AT_VALUE, NULL, "the one that matters"), 0);
	assert_true(report_fatal(&r));
	assert_int_equal(r.n, REPORT_MAX_KEPT + 1); /* warnings do not crowd out errors */
	assert_int_equal(r.count[SEV_WARN], MANY);
	assert_int_equal(report_print(&r, &out), 0);
	assert_non_null(
		strstr(out.p, "error: the one that matters\nerror: 4000 more findings are not shown\n"));
}

static void findings_move_whole(void **state)
{
	CLEANUP(report_done) struct report to = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct report from = { 0 };

	(void)state;
	report_add(&to, SEV_WARN, AT_VALUE, CFG_CHILD(NULL, "a"), "first");
	from.explain = true;
	report_add(&from, SEV_ERROR, AT_VALUE, CFG_CHILD(CFG_CHILD(NULL, "b"), "c"), "second");
	report_hint_at(&from, 0, "do %d", 3);
	assert_int_equal(report_take(&to, &from), 0);
	assert_int_equal(from.n, 0);
	assert_null(from.v);
	assert_true(report_fatal(&to));
	assert_null(to.v[0].hint);
	assert_string_equal(to.v[1].hint, "do 3");
	assert_int_equal(report_print(&to, &out), 0);
	assert_string_equal(buf_str(&out), "warning at $.a: first\nerror at $.b.c: second\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_upstream_does),
		cmocka_unit_test(one_finding_stays_one_line),
		cmocka_unit_test(many_findings_are_counted_not_kept),
		cmocka_unit_test(findings_move_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
