/* err, arena, buf, atomic: what everything else stands on. */
#include "base/arena.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static void a_story_is_told_outermost_first(void **state)
{
	struct err e = { 0 };
	int r;

	(void)state;
	r = err_errno(&e, ENOSPC, "creating partition %u", 3);
	r = err_wrap(&e, r, "partitioning %s", "/dev/vda");
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(e.code, ENOSPC);
	assert_string_equal(e.text, "partitioning /dev/vda: creating partition 3: No space left on device");
	assert_int_equal(err_text(&e, EIO, "mkfs.ext4 exited 1: bad block"), -EIO);
	assert_string_equal(e.text, "mkfs.ext4 exited 1: bad block");
}

static void wrapping_silence_says_the_code(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_wrap(&e, -EPERM, "mounting"), -EPERM);
	assert_string_equal(e.text, "mounting: Operation not permitted");
	assert_int_equal(err_errno(NULL, EIO, "nobody listens"), -EIO);
	assert_int_equal(err_wrap(NULL, -EIO, "nobody listens"), -EIO);
}

static void long_stories_are_cut_not_overrun(void **state)
{
	struct err e = { 0 };
	char word[600];

	(void)state;
	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	err_errno(&e, EIO, "%s", word);
	for (int i = 0; i < 5; i++)
		err_wrap(&e, -EIO, "%s", word);
	assert_true(strlen(e.text) < sizeof e.text);
	assert_int_equal(e.text[0], 'x');
}

static void an_arena_gives_zeroed_aligned_memory(void **state)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();

	(void)state;
	for (size_t n = 0; n < 100000; n = n * 3 + 1) {
		unsigned char *p = arena_alloc(a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % sizeof(void *), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, SIZE_MAX - 8));
	assert_string_equal(arena_strdup(a, "text"), "text");
	assert_string_equal(arena_printf(a, "%s-%d", "a", 7), "a-7");
	assert_memory_equal(arena_strndup(a, "a\0b", 3), "a\0b", 4);
}

static void a_buffer_keeps_its_limit(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 8);

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_append(&b, "1234", 4), 0);
	assert_int_equal(buf_puts(&b, "12345"), -EFBIG);
	assert_string_equal(buf_str(&b), "1234");
	assert_int_equal(buf_printf(&b, "%04d", 5), 0);
	assert_int_equal(buf_putc(&b, 'x'), -EFBIG);
	assert_string_equal(buf_str(&b), "12340005");
	buf_clear(&b);
	assert_int_equal(b.n, 0);
	assert_int_equal(buf_append(&b, "12345678", 8), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 2), -EFBIG);
}

static void a_file_is_replaced_whole(void **state)
{
	char dir[] = "/tmp/hearth-atomic-XXXXXX", path[64], sub[64];
	CLEANUP(buf_done) struct buf got = { 0 };
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof sub, "%s/a", dir);
	snprintf(path, sizeof path, "%s/a/file", dir);
	assert_int_equal(atomic_write(path, "x", 1, 0640, 0, &e), -ENOENT);
	assert_int_equal(atomic_write(path, "one", 3, 0640, 0755, &e), 0);
	assert_int_equal(atomic_write(path, "", 0, 0600, 0755, &e), 0);
	assert_int_equal(atomic_write(path, "two", 3, 0644, 0, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_read(path, &got, &e), 0);
	assert_string_equal(buf_str(&got), "two");
	got.max = 4;
	assert_int_equal(file_read(path, &got, &e), -EFBIG);
	assert_non_null(strstr(e.text, "larger than 4 bytes"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(sub), 0); /* no temporary file is left, or this fails */
	assert_int_equal(file_read(path, &got, &e), -ENOENT);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_story_is_told_outermost_first),
		cmocka_unit_test(wrapping_silence_says_the_code),
		cmocka_unit_test(long_stories_are_cut_not_overrun),
		cmocka_unit_test(an_arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(a_buffer_keeps_its_limit),
		cmocka_unit_test(a_file_is_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
