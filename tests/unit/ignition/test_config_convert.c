/*
 * Golden files of the conversion of old configs: tests/data/convert/<name>.in.json becomes
 * <name>.out.json (not there when the config is refused) with the findings in <name>.report.
 * HEARTH_UPDATE_GOLDEN=1 writes them anew instead of comparing; docs/development.md has the command.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"

static const char suffix[] = ".in.json";

static bool updating(void)
{
	const char *v = getenv("HEARTH_UPDATE_GOLDEN");

	return v && *v;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void path_of(char path[4096], const char *name, const char *end)
{
	assert_true(snprintf(path, 4096, "%s/tests/data/convert/%s%s", getenv("HEARTH_SOURCE_DIR"), name,
			     end) < 4096);
}

/* false: there is no such file */
static bool read_file(const char *name, const char *end, struct buf *out)
{
	CLEANUP(fclosep) FILE *f = NULL;
	char path[4096], chunk[4096];
	size_t n;

	path_of(path, name, end);
	f = fopen(path, "re");
	while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		assert_int_equal(buf_append(out, chunk, n), 0);
	return f;
}

static void write_file(const char *name, const char *end, const struct buf *text)
{
	CLEANUP(fclosep) FILE *f = NULL;
	char path[4096];

	path_of(path, name, end);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(buf_str(text), 1, text->n, f), text->n);
}

static void hold_against(const char *name, const char *end, const struct buf *got)
{
	CLEANUP(buf_done) struct buf want = { 0 };

	if (updating()) {
		write_file(name, end, got);
		return;
	}
	if (!read_file(name, end, &want))
		fail_msg("%s%s is missing", name, end);
	if (strcmp(buf_str(got), buf_str(&want)) != 0)
		fail_msg("%s%s differs; got:\n%s", name, end, buf_str(got));
}

static void refused(const char *name)
{
	char path[4096];

	path_of(path, name, ".out.json");
	if (updating())
		(void)unlink(path);
	else if (access(path, F_OK) == 0)
		fail_msg("%s is refused, yet there is an .out.json", name);
}

/* What came out is itself a config that nothing is wrong with, and says the same. */
static void read_again(const struct buf *json)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf again = { 0 };
	struct ign_config c;
	struct err e = { 0 };

	assert_int_equal(ign_config_parse(buf_str(json), json->n, a, &rep, &c, &e), 0);
	assert_int_equal(cfg_emit(&ign_config_desc, &c, CFG_EMIT_INDENT, &again), 0);
	assert_int_equal(buf_putc(&again, '\n'), 0);
	assert_string_equal(buf_str(&again), buf_str(json));
}

static void check(const char *name)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(buf_done) struct buf findings = { 0 };
	struct ign_config c;
	struct err e = { 0 };
	int r;

	assert_true(read_file(name, suffix, &text));
	r = ign_config_parse(buf_str(&text), text.n, a, &rep, &c, &e);
	assert_int_equal(r, report_fatal(&rep) ? -EBADMSG : 0);
	assert_int_equal(report_print(&rep, &findings), 0);
	hold_against(name, ".report", &findings);
	if (r < 0) {
		refused(name);
		return;
	}
	assert_int_equal(cfg_emit(&ign_config_desc, &c, CFG_EMIT_INDENT, &json), 0);
	assert_int_equal(buf_putc(&json, '\n'), 0);
	hold_against(name, ".out.json", &json);
	read_again(&json);
}

static void test_golden_files(void **state)
{
	CLEANUP(closedirp) DIR *d = NULL;
	const struct dirent *entry;
	char path[4096];
	size_t n = 0;

	(void)state;
	path_of(path, "", "");
	d = opendir(path);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		size_t len = strlen(entry->d_name), end = strlen(suffix);
		char name[256];

		if (len <= end || strcmp(entry->d_name + len - end, suffix) != 0)
			continue;
		memcpy(name, entry->d_name, len - end);
		name[len - end] = '\0';
		print_message("%s\n", name);
		check(name);
		n++;
	}
	assert_true(n >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden_files) };

	if (!getenv("HEARTH_SOURCE_DIR"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
