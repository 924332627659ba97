/*
 * Memory that runs out at any allocation of our own, one after the other: parsing, merging and writing
 * either still succeed in full or say -ENOMEM, and leave nothing behind (the sanitizers look). The test
 * is linked so that malloc() and its like, where our code calls them, come through here; json-c's own
 * calls do not, since json-c does not look at all of its.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"
#include <cmocka.h>

static size_t calls, fail_at; /* the allocation that fails, and all behind it; 0 = none */

static bool fails(void)
{
	return ++calls >= fail_at && fail_at;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

static const char *const texts[] = {
	"{\"ignition\":{\"version\":\"3.4.0\",\"config\":{\"merge\":[{\"source\":\"http://h/\"}]}},"
	"\"storage\":{\"files\":[{\"path\":\"/a\",\"contents\":{\"source\":\"data:;base64,eA==\"}},"
	"{\"path\":\"/b\",\"append\":[{\"source\":\"data:,x\"}]}],\"directories\":[{\"path\":\"/c\"},"
	"{\"path\":\"/d\"}],\"links\":[{\"path\":\"/e\",\"hard\":true,\"target\":\"a\"},{\"path\":\"/f\","
	"\"target\":\"/b\"}],\"disks\":[{\"device\":\"/dev/a\",\"partitions\":[{\"number\":1,\"label\":\"x\","
	"\"startMiB\":1,\"sizeMiB\":1},{\"number\":2,\"startMiB\":2,\"sizeMiB\":1}]}],"
	"\"filesystems\":[{\"device\":\"/dev/a\",\"format\":\"ext4\"}]},"
	"\"systemd\":{\"units\":[{\"name\":\"a@.service\",\"contents\":\"[A]\\nB=c\"},{\"name\":\"a@b.service\","
	"\"enabled\":true,\"dropins\":[{\"name\":\"x.conf\",\"contents\":\"[A]\"}]}]},"
	"\"passwd\":{\"users\":[{\"name\":\"u\",\"groups\":[\"g\",\"h\"]}]},\"nothing\":1,\"Storage\":null}",
	"{\"ignition\":{\"version\":\"2.3.0\"},\"storage\":{\"filesystems\":[{\"name\":\"r\",\"path\":\"/r\"}],"
	"\"files\":[{\"filesystem\":\"r\",\"path\":\"/a\",\"mode\":420,\"contents\":{\"source\":\"data:,x\"}},"
	"{\"filesystem\":\"root\",\"path\":\"/b\",\"mode\":420,\"append\":true,\"contents\":{\"source\":"
	"\"data:,y\"}}]},\"networkd\":{\"units\":[{\"name\":\"a.network\",\"contents\":\"[A]\"}]},"
	"\"passwd\":{\"users\":[{\"name\":\"u\",\"create\":{\"uid\":7}}]},"
	"\"systemd\":{\"units\":[{\"name\":\"a.service\",\"enable\":true,\"contents\":\"[A]\\nB=c\"}]}}",
	"{\"ignitionVersion\":1,\"storage\":{\"filesystems\":[{\"device\":\"/d\",\"format\":\"ext4\",\"files\":["
	"{\"path\":\"/a\",\"contents\":\"x\"}]}]},\"systemd\":{\"units\":[{\"name\":\"a.service\"}]},"
	"\"networkd\":{\"units\":[{\"name\":\"a.network\",\"contents\":\"[A]\"}]}}",
	"{\"ignition\":{\"version\":\"3.4.0\"},\"storage\":{\"files\":[{\"path\":\"a\",\"mode\":\"0644\"}]}}",
	"{\"ignition\":{\"version\":\"3.4.0\"},\"storage\":{\"files\":[{\"path\":\"a\",\"mod\":1}]}}",
	"{\"ignition\":{\"version\":\"9.0.0\"}}",
	"{\"a\":1,\"a\":2}",
	"{\"ignition\":{\"version\":\"3.4.0\"},\"storage\":{\"files\":[{\"path\":\"a/\"},{\"path\":\"/b/\","
	"\"contents\":{\"source\":\"x\"}}],\"luks\":[{\"name\":\"l\",\"device\":\"/d\",\"clevis\":{\"tang\":[{"
	"\"url\":\"http://h\",\"thumbprint\":\"t\",\"advertisement\":\"{\\\"a\\\":1,\\\"b\\\":2}\"}]}}]}}",
	"{\"ignition\":{\"version\":\"3\"}}",
	"variant: fcos\n",
};

struct run {
	struct arena *arena;
	struct report report;
	struct buf out;
};

/* All of it; the first failure, which only memory may be the reason of when the whole text is usable. */
static int read_merge_write(const char *text, struct run *run)
{
	struct ign_config c, merged, again;
	struct err e = { 0 };
	int r;

	run->arena = arena_new();
	if (!run->arena)
		return -ENOMEM;
	r = ign_config_parse(text, strlen(text), run->arena, &run->report, &c, &e);
	if (r == 0)
		r = ign_config_merge(run->arena, &c, &c, &merged);
	if (r == 0)
		r = ign_config_emit(&merged, &run->out);
	if (r == 0)
		r = ign_config_parse_cache(buf_str(&run->out), run->out.n, run->arena, &again, &e);
	if (r == 0 || r == -EBADMSG)
		r = report_print(&run->report, &run->out) < 0 ? -ENOMEM : r;
	return r;
}

static void end(struct run *run)
{
	arena_free(run->arena);
	report_done(&run->report);
	buf_done(&run->out);
}

static void fail_everywhere(bool explain)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct run whole = { .report.explain = explain };
		size_t all;
		int verdict;

		calls = fail_at = 0;
		verdict = read_merge_write(texts[i], &whole);
		all = calls;
		assert_true(verdict == 0 || verdict == -EBADMSG);
		assert_true(all > 1);
		for (size_t k = 1; k <= all + 1; k++) {
			struct run run = { .report.explain = explain };
			int r;

			calls = 0;
			fail_at = k;
			r = read_merge_write(texts[i], &run);
			fail_at = 0;
			if (r != (k <= all ? -ENOMEM : verdict))
				print_error("text %zu, allocation %zu of %zu: %d\n", i, k, all, r);
			assert_int_equal(r, k <= all ? -ENOMEM : verdict);
			if (k > all)
				assert_string_equal(buf_str(&run.out), buf_str(&whole.out));
			end(&run);
		}
		end(&whole);
	}
}

static void every_failure_is_reported(void **state)
{
	(void)state;
	fail_everywhere(false);
}

static void also_while_hints_are_made(void **state)
{
	(void)state;
	fail_everywhere(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failure_is_reported),
		cmocka_unit_test(also_while_hints_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
