/* A program that was started without standard input, output or error. */
#include "base/stdfd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's exit status: bit n is set when descriptor n is closed or the next one falls on it. */
static int without(unsigned closed)
{
	int bad = 0, fd, status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			if (closed & 1u << i)
				close(i);
		stdfd_occupy();
		for (int i = 0; i < 3; i++)
			if (fcntl(i, F_GETFD) != 0) /* 0: open, and inherited by tools */
				bad |= 1 << i;
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		_exit(fd < 3 ? 8 | bad : bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_every_combination(void **state)
{
	(void)state;
	for (unsigned closed = 0; closed < 8; closed++)
		assert_int_equal(without(closed), 0);
}

static void test_nothing_else_is_opened(void **state)
{
	int before = dup(0), after;

	(void)state;
	close(before);
	stdfd_occupy();
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_combination),
					    cmocka_unit_test(test_nothing_else_is_opened) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
