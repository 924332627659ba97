#include "ignition/state.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static char dir[] = "/tmp/hearth-state-XXXXXX";
static char path[PATH_MAX];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/run/ignition/state", dir);
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const parts[] = { "/run/ignition/state", "/run/ignition", "/run", "" };
	char p[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(p, sizeof p, "%s%s", dir, parts[i]);
		(void)remove(p);
	}
	return 0;
}

static void a_missing_file_is_an_empty_state(void **state)
{
	struct ign_state s;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(state_load(&s, path, &e), 0);
	assert_int_equal(s.fetched_configs.n, 0);
	state_done(&s);
}

static void what_is_saved_is_loaded(void **state)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct ign_state s, again;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(state_load(&s, path, &e), 0);
	assert_int_equal(state_add_config(&s, "base", "system", false), 0);
	assert_int_equal(state_add_config(&s, "user", "/a \"quoted\" path", true), 0);
	assert_int_equal(state_add_directory(&s, "/var/data"), 0);
	assert_int_equal(state_save(&s, path, &e), 0);
	state_done(&s);

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_read(path, &text, &e), 0);
	/* the exact form is an interface: member order, null for what is empty, a newline at the end */
	assert_string_equal(
		buf_str(&text),
		"{\"fetchedConfigs\":[{\"kind\":\"base\",\"source\":\"system\",\"referenced\":false},"
		"{\"kind\":\"user\",\"source\":\"/a \\\"quoted\\\" path\",\"referenced\":true}],"
		"\"luksPersistKeyFiles\":null,\"notatedDirectories\":[\"/var/data\"],"
		"\"providerOutputFiles\":null,\"luksPersistVolumeKeyFiles\":null}\n");

	assert_int_equal(state_load(&again, path, &e), 0);
	assert_int_equal(again.fetched_configs.n, 2);
	assert_string_equal(again.fetched_configs.v[1].source, "/a \"quoted\" path");
	assert_true(again.fetched_configs.v[1].referenced);
	assert_int_equal(again.notated_directories.n, 1);
	assert_string_equal(again.notated_directories.v[0], "/var/data");
	state_done(&again);
}

static void keys_survive_a_stage_that_does_not_know_them(void **state)
{
	static const char text[] = "{\"fetchedConfigs\":null,\"luksPersistKeyFiles\":{\"var\":\"data:,k\"},"
				   "\"notatedDirectories\":null,\"providerOutputFiles\":null,"
				   "\"luksPersistVolumeKeyFiles\":{\"x.skey\":\"data:,v\"}}\n";
	CLEANUP(buf_done) struct buf back = { 0 };
	struct ign_state s;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(atomic_write(path, text, strlen(text), 0600, 0700, &e), 0);
	assert_int_equal(state_load(&s, path, &e), 0);
	assert_int_equal(state_save(&s, path, &e), 0);
	state_done(&s);
	assert_int_equal(file_read(path, &back, &e), 0);
	assert_string_equal(buf_str(&back), text);
}

static void a_corrupt_file_is_named(void **state)
{
	static const char *const bad[] = { "{",
					   "[]",
					   "{\"fetchedConfigs\":3}",
					   "{\"notatedDirectories\":[1]}",
					   "{\"luksPersistKeyFiles\":{\"a\":1}}",
					   "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ign_state s;
		struct err e = { 0 };

		assert_int_equal(atomic_write(path, bad[i], strlen(bad[i]), 0600, 0700, &e), 0);
		assert_int_equal(state_load(&s, path, &e), -EBADMSG);
		assert_non_null(strstr(e.text, path));
		assert_non_null(strstr(e.text, "corrupt"));
		state_done(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_file_is_an_empty_state),
		cmocka_unit_test(what_is_saved_is_loaded),
		cmocka_unit_test(keys_survive_a_stage_that_does_not_know_them),
		cmocka_unit_test(a_corrupt_file_is_named),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
