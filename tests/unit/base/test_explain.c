/* What a person sees of findings: the line, the mark under the place, and nothing that moves the cursor. */
#include "base/explain.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/glyph.h"
#include "base/place.h"
#include "base/report.h"
#include "base/suggest.h"

/* One finding at line and col of text, explained without its first line and the summary. */
static void explain_at(const char *text, unsigned line, unsigned col, struct buf *ret)
{
	CLEANUP(report_done) struct report r = { .explain = true };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct explain_view v = { .file = "c.ign", .text = text, .len = strlen(text) };
	char *from, *to;

	assert_int_equal(report_add_at(&r, SEV_ERROR, line, col, "wrong"), 0);
	assert_int_equal(explain_print(&r, &v, &out), 0);
	from = strchr(out.p, '\n') + 1;
	to = strstr(from, "c.ign: not valid: 1 error, 0 warnings\n");
	assert_non_null(to);
	assert_int_equal(buf_append(ret, from, (size_t)(to - from)), 0);
}

static void marks_the_place(void **state)
{
	static const struct {
		const char *text;
		unsigned line, col;
		const char *shown, *mark;
	} cases[] = {
		{ "{\"a\": 12}", 1, 7, "{\"a\": 12}", "      ^~" },
		{ "{\n \"abc\": 1}", 2, 2, " \"abc\": 1}", " ^~~~~" },
		{ "[\"a\\\"b\", 1]", 1, 2, "[\"a\\\"b\", 1]", " ^~~~~~" },
		{ "{ [", 1, 3, "{ [", "  ^" },
		/* a tab goes to the next column that 4 divides */
		{ "\t\"x\"", 1, 2, "    \"x\"", "    ^~~" },
		{ "a\t1", 1, 3, "a   1", "    ^" },
		{ "\t1", 1, 1, "    1", "^" },
		/* the end of a line, of the text, and a line that ends in CR LF */
		{ "ab\ncd", 1, 3, "ab", "  ^" },
		{ "ab", 1, 3, "ab", "  ^" },
		{ "ab\r\ncd", 1, 1, "ab", "^~" },
		{ "ab\n", 2, 1, "", "^" },
		/* wide characters take two columns, marks that combine none */
		{ "\"\u65e5\u672c\" 7", 1, 10, "\"\u65e5\u672c\" 7", "       ^" },
		{ "\"e\u0301\" 7", 1, 7, "\"e\u0301\" 7", "    ^" },
		{ "\"\u00e9\" 7", 1, 6, "\"\u00e9\" 7", "    ^" },
		/* what would not be seen or would move the cursor */
		{ "\x1b[31m 7", 1, 7, "\\x1b[31m 7", "         ^" },
		{ "\xff\xfe 7", 1, 4, "\\xff\\xfe 7", "         ^" },
		{ "\u202e 7", 1, 5, "\\u202e 7", "       ^" },
		{ "\xc2\x85 7", 1, 4, "\\u0085 7", "       ^" },
		/* a column in the middle of a character, one past the line, and a line past the end */
		{ "\u65e5x", 1, 2, "\u65e5x", "^" },
		{ "ab", 1, 900, "ab", "  ^" },
		{ "ab", 900, 1, "ab", "^~" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(buf_done) struct buf got = { 0 };
		CLEANUP(buf_done) struct buf want = { 0 };
		char n[16];
		int width = snprintf(n, sizeof n, "%u", cases[i].line);

		explain_at(cases[i].text, cases[i].line, cases[i].col, &got);
		buf_printf(&want, "  %*s--> c.ign:%s:%u\n   %*s|\n  %s | %s\n   %*s| %s\n", width, "", n,
			   cases[i].col, width, "", n, cases[i].shown, width, "", cases[i].mark);
		assert_string_equal(buf_str(&got), buf_str(&want));
	}
}

static void cuts_long_lines_around_the_place(void **state)
{
	enum { LONG = 5000 };
	CLEANUP(buf_done) struct buf got = { 0 };
	char text[LONG + 1], *mark, *line;

	(void)state;
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	memcpy(text + 2500, " \"here\" ", 8);
	explain_at(text, 1, 2502, &got);
	line = strstr(got.p, "1 | ") + 4;
	mark = strrchr(got.p, '|') + 2;
	assert_memory_equal(line, "...xxx", 6);
	assert_memory_equal(line + strspn(mark, " "), "\"here\" ", 7);
	assert_int_equal(strspn(mark + strspn(mark, " "), "^~"), 6);
	assert_memory_equal(strchr(line, '\n') - 3, "...", 3);
	assert_true(strchr(line, '\n') - line <= 99);
}

/* What takes no column must not fill the output. */
static void cuts_marks_without_width(void **state)
{
	enum { MARKS = 20000 };
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	const char *mark;

	(void)state;
	for (int side = 0; side < 2; side++) {
		assert_int_equal(buf_puts(&text, side ? " 7 " : ""), 0);
		for (int i = 0; i < MARKS; i++)
			assert_int_equal(buf_puts(&text, "\u0301"), 0);
	}
	explain_at(buf_str(&text), 1, 2 * MARKS + 2, &got);
	assert_true(got.n < 4000);
	mark = strrchr(got.p, '|') + 2;
	assert_memory_equal(strchr(got.p, '7') - 3, "\u0301 ", 3);
	assert_string_equal(mark, "    ^\n");
}

static void hints_come_below(void **state)
{
	CLEANUP(report_done) struct report r = { .explain = true };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct explain_view v = { .file = "a\x1b[2Jb", .text = "x", .len = 1, .reason = "unsupported" };

	(void)state;
	assert_int_equal(report_add(&r, SEV_WARN, AT_VALUE, NULL, "odd"), 0);
	assert_int_equal(report_hint_at(&r, 0, "do %s", "this\n"), 0);
	assert_int_equal(report_hint_at(&r, 0, "the first one stays"), 0);
	assert_int_equal(report_advise(&r, NULL, "advice"), 0);
	assert_int_equal(explain_print(&r, &v, &out), 0);
	assert_string_equal(buf_str(&out), "warning: odd\n   hint: do this\\x0a\ninfo: advice\n"
					   "a\\x1b[2Jb: not valid: unsupported: 0 errors, 1 warning\n");
	assert_true(r.v[1].advice);
}

static void nothing_is_collected_unasked(void **state)
{
	CLEANUP(report_done) struct report r = { 0 }, to = { .explain = true };

	(void)state;
	assert_int_equal(report_add(&r, SEV_WARN, AT_VALUE, NULL, "odd %d", 1), 0);
	assert_int_equal(report_hint_at(&r, 0, "hint"), 0);
	assert_int_equal(report_advise(&r, NULL, "advice"), 0);
	assert_int_equal(r.n, 1);
	assert_null(r.v[0].hint);
	assert_string_equal(r.v[0].rule, "odd %d");

	r.explain = true;
	assert_int_equal(report_hint_at(&r, 0, "hint %d", 2), 0);
	assert_int_equal(report_hint_at(&r, 1, "nobody's"), 0);
	assert_int_equal(report_take(&to, &r), 0);
	assert_string_equal(to.v[0].hint, "hint 2");
	assert_string_equal(to.v[0].rule, "odd %d");
}

static void colours_on_request_only(void **state)
{
	CLEANUP(report_done) struct report r = { .explain = true };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct explain_view v = { .file = "f", .text = "x", .len = 1, .colour = true };

	(void)state;
	assert_int_equal(report_add_at(&r, SEV_ERROR, 1, 1, "wrong"), 0);
	assert_int_equal(explain_print(&r, &v, &out), 0);
	assert_true(strncmp(out.p, "\x1b[1;31merror\x1b[0m at line 1 col 1: wrong\n", 40) == 0);
	assert_non_null(strstr(out.p, "\x1b[1;32m^\x1b[0m\n"));
	buf_clear(&out);
	v.colour = false;
	assert_int_equal(explain_print(&r, &v, &out), 0);
	assert_null(strchr(out.p, '\x1b'));
}

/* A thousand findings of each severity in one line of 64 MiB: one pass, and a screen's width each. */
static void many_findings_in_one_line(void **state)
{
	enum { LEN = 64 << 20, N = 1500 };
	char *text = malloc(LEN);
	CLEANUP(report_done) struct report r = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct explain_view v = { .file = "f", .text = text, .len = LEN };
	clock_t start;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', LEN);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(report_add_at(&r, i % 2 ? SEV_WARN : SEV_ERROR, 1, LEN - i * 7919, "wrong"),
				 0);
	start = clock();
	assert_int_equal(explain_print(&r, &v, &out), 0);
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* a tenth of a second; sanitizers are slow */
	assert_true(out.n < (size_t)N * 400);
	assert_non_null(strstr(out.p, "f: not valid: 750 errors, 750 warnings\n"));
	free(text);
}

static void columns_in_utf16(void **state)
{
	static const char text[] = "\u00e9\U0001f600x\ny\xffz";
	static const struct {
		unsigned line, col;
		size_t off, utf16;
	} cases[] = {
		{ 1, 1, 0, 1 }, { 1, 3, 2, 2 },  { 1, 7, 6, 4 },
		{ 2, 1, 8, 1 }, { 2, 3, 10, 3 }, { 2, 4, 11, 4 },
	};
	CLEANUP(report_done) struct report r = { 0 };
	CLEANUP(freep) struct place *at = NULL;
	size_t n = sizeof cases / sizeof *cases;

	(void)state;
	for (size_t i = n; i-- > 0;)
		assert_int_equal(report_add_at(&r, SEV_ERROR, cases[i].line, cases[i].col, "x"), 0);
	assert_int_equal(report_add(&r, SEV_ERROR, AT_VALUE, NULL, "nowhere"), 0);
	assert_int_equal(places_find(&r, text, sizeof text - 1, &at), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(at[n - 1 - i].off, cases[i].off);
		assert_int_equal(at[n - 1 - i].col_utf16, cases[i].utf16);
		assert_true(at[n - 1 - i].known);
	}
	assert_false(at[n].known);
}

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned d;
	} cases[] = {
		{ "", "", 0 },
		{ "a", "", 1 },
		{ "", "abc", 3 },
		{ "mode", "MODE", 0 },
		{ "mode", "mdoe", 1 },
		{ "mode", "mod", 1 },
		{ "mode", "moode", 1 },
		{ "mode", "node", 1 },
		{ "sizeMb", "sizeMiB", 1 },
		{ "kitten", "sitting", 3 },
		{ "ca", "abc", 3 },
		{ "abcdefghij", "x", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(suggest_distance(cases[i].a, cases[i].b, 4), cases[i].d);
		assert_int_equal(suggest_distance(cases[i].b, cases[i].a, 4), cases[i].d);
	}
	assert_true(suggest_same_word("homeDir", "home_dir"));
	assert_true(suggest_same_word("homeDir", "HOME-DIR"));
	assert_false(suggest_same_word("homeDir", "homedirs"));
	assert_false(suggest_same_word("homeDir", "home"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_the_place),
		cmocka_unit_test(cuts_long_lines_around_the_place),
		cmocka_unit_test(cuts_marks_without_width),
		cmocka_unit_test(hints_come_below),
		cmocka_unit_test(nothing_is_collected_unasked),
		cmocka_unit_test(colours_on_request_only),
		cmocka_unit_test(many_findings_in_one_line),
		cmocka_unit_test(columns_in_utf16),
		cmocka_unit_test(distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
