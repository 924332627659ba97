/*
 * Golden files of merging (tests/data/merge/<name>/{parent,child}.json -> merged.json), of translation
 * to the newest version (tests/data/translate/<version>/config.json -> newest.json) and of the cache's
 * exact form (tests/data/cache/<name>/config.json -> cache.json). HEARTH_UPDATE_GOLDEN=1 writes the
 * results anew instead of comparing.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"

struct place {
	char dir[2048]; /* of one case */
};

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void read_file(const struct place *p, const char *file, struct buf *out)
{
	CLEANUP(fclosep) FILE *f = NULL;
	char path[4096], chunk[4096];
	size_t n;

	snprintf(path, sizeof path, "%s/%s", p->dir, file);
	f = fopen(path, "re");
	if (!f)
		fail_msg("%s is missing", path);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		assert_int_equal(buf_append(out, chunk, n), 0);
}

static void hold_against(const struct place *p, const char *file, const struct buf *got)
{
	CLEANUP(buf_done) struct buf want = { 0 };
	const char *update = getenv("HEARTH_UPDATE_GOLDEN");

	if (update && *update) {
		CLEANUP(fclosep) FILE *f = NULL;
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", p->dir, file);
		f = fopen(path, "we");
		assert_non_null(f);
		assert_int_equal(fwrite(got->p, 1, got->n, f), got->n);
		return;
	}
	read_file(p, file, &want);
	if (strcmp(buf_str(got), buf_str(&want)) != 0) {
		fprintf(stderr, "%s/%s differs; got:\n%s", p->dir, file,
			buf_str(got)); /* fail_msg() cuts off */
		fail();
	}
}

/* A config of any version; warnings are told in passing, errors are not for golden files. */
static struct ign_config parse(const struct place *p, const char *file, struct arena *a)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf findings = { 0 };
	CLEANUP(report_done) struct report rep = { 0 };
	struct ign_config c = { 0 };
	struct err e = { 0 };
	int r;

	read_file(p, file, &text);
	r = ign_config_parse(text.p, text.n, a, &rep, &c, &e);
	assert_int_equal(report_print(&rep, &findings), 0);
	if (r < 0)
		fail_msg("%s/%s: %s\n%s", p->dir, file, e.text, buf_str(&findings));
	return c;
}

static void hold_config_against(const struct place *p, const char *file, const struct ign_config *c)
{
	CLEANUP(buf_done) struct buf json = { 0 };

	assert_int_equal(cfg_emit(&ign_config_desc, c, CFG_EMIT_INDENT, &json), 0);
	assert_int_equal(buf_putc(&json, '\n'), 0);
	hold_against(p, file, &json);
}

static void check_merge(const struct place *p)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct ign_config parent = parse(p, "parent.json", a), child = parse(p, "child.json", a), merged;

	assert_int_equal(ign_config_merge(a, &parent, &child, &merged), 0);
	hold_config_against(p, "merged.json", &merged);
}

static void check_translation(const struct place *p)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct ign_config c = parse(p, "config.json", a);

	hold_config_against(p, "newest.json", &c);
}

static void check_cache(const struct place *p)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf json = { 0 };
	struct ign_config c = parse(p, "config.json", a), again;
	struct err e = { 0 };

	assert_int_equal(ign_config_emit(&c, &json), 0);
	assert_int_equal(ign_config_parse_cache(json.p, json.n, a, &again, &e), 0);
	assert_true(cfg_equal(&ign_config_desc, &c, &again));
	hold_against(p, "cache.json", &json);
}

static void each(const char *subject, size_t least, void (*check)(const struct place *p))
{
	CLEANUP(closedirp) DIR *d = NULL;
	const char *source = getenv("HEARTH_SOURCE_DIR");
	struct dirent *entry;
	struct place p;
	size_t n = 0;

	snprintf(p.dir, sizeof p.dir, "%s/tests/data/%s", source, subject);
	d = opendir(p.dir);
	if (!d)
		fail_msg("%s is missing", p.dir);
	for (; (entry = readdir(d)); n++) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(p.dir, sizeof p.dir, "%s/tests/data/%s/%.255s", source, subject, entry->d_name);
		print_message("%s/%s\n", subject, entry->d_name);
		check(&p);
	}
	assert_true(n >= least);
}

static void configs_are_merged(void **state)
{
	(void)state;
	each("merge", 14, check_merge);
}

static void configs_become_the_newest_version(void **state)
{
	(void)state;
	each("translate", 8, check_translation);
}

static void the_cache_has_upstreams_form(void **state)
{
	(void)state;
	each("cache", 3, check_cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configs_are_merged),
		cmocka_unit_test(configs_become_the_newest_version),
		cmocka_unit_test(the_cache_has_upstreams_form),
	};

	if (!getenv("HEARTH_SOURCE_DIR"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
