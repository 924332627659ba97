#include "base/proc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define SH(script) ((const char *const[]){ "sh", "-c", (script), NULL })

static void success_and_failure(void **state)
{
	struct err e = { .code = 0 };

	(void)state;
	assert_int_equal(RUN(&e, "true"), 0);
	assert_int_equal(RUN(&e, "sh", "-c", "echo start; echo 'no room' >&2; exit 3"), -EIO);
	assert_string_equal(e.text, "sh exited 3: start; no room");
	assert_int_equal(RUN(&e, "false"), -EIO);
	assert_string_equal(e.text, "false exited 1");
	assert_int_equal(RUN(&e, "sh", "-c", "kill -9 $$"), -EIO);
	assert_string_equal(e.text, "sh was killed by signal 9");
	assert_int_equal(RUN(NULL, "false"), -EIO);
}

static void missing_tools(void **state)
{
	struct err e = { .code = 0 };

	(void)state;
	assert_int_equal(RUN(&e, "no-such-tool-here", "x"), -ENOENT);
	assert_string_equal(e.text, "no-such-tool-here not found in PATH");
	assert_int_equal(RUN(&e, "/nowhere/tool"), -ENOENT);
	assert_string_equal(e.text, "/nowhere/tool not found");
	assert_int_equal(RUN(&e, "/etc"), -EACCES);
}

static void status_can_be_asked_for(void **state)
{
	struct err e = { .code = 0 };
	int status = -1;

	(void)state;
	assert_int_equal(proc_run(&(struct proc){ .argv = SH("exit 7") }, &status, &e), 0);
	assert_int_equal(status, 7);
}

static void output_is_captured_apart_from_errors(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 1000);
	struct err e = { .code = 0 };
	struct proc p = { .argv = SH("echo good; echo bad >&2; exit 1"), .output = &out };

	(void)state;
	assert_int_equal(proc_run(&p, NULL, &e), -EIO);
	assert_string_equal(buf_str(&out), "good\n");
	assert_string_equal(e.text, "sh exited 1: bad");
}

static void output_has_a_limit(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100000);
	struct err e = { .code = 0 };
	struct proc p = { .argv = SH("exec cat /dev/zero"), .output = &out };

	(void)state;
	assert_int_equal(proc_run(&p, NULL, &e), -EFBIG);
	assert_string_equal(e.text, "sh printed more than 100000 bytes");
}

/* The tool writes far more than a pipe holds before it reads: neither side may wait for the other. */
static void big_input_and_output(void **state)
{
	const size_t size = 3 << 20;
	CLEANUP(freep) char *input = malloc(size);
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 0);
	struct err e = { .code = 0 };
	struct proc p = { .argv = SH("head -c 1000000 /dev/zero; cat"),
			  .input = input,
			  .input_len = size,
			  .output = &out };

	(void)state;
	memset(input, 'i', size);
	assert_int_equal(proc_run(&p, NULL, &e), 0);
	assert_int_equal(out.n, 1000000 + size);
	assert_int_equal(out.p[1000000], 'i');
	assert_int_equal(RUN(&e, "sh", "-c", "head -c 5000000 /dev/zero; echo; echo the end; exit 1"), -EIO);
	assert_string_equal(e.text, "sh exited 1: the end");
	/* a reason in the first line survives a page of usage behind it */
	assert_int_equal(
		RUN(&e, "sh", "-c", "echo the reason; yes usage | head -n 500; echo the end; exit 1"), -EIO);
	assert_int_equal(strncmp(e.text, "sh exited 1: the reason [...] usage; usage", 42), 0);
	assert_string_equal(e.text + strlen(e.text) - 14, "usage; the end");
}

static void input_is_empty_by_default(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100);
	struct proc p = { .argv = SH("cat; echo done"), .output = &out };

	(void)state;
	assert_int_equal(proc_run(&p, NULL, NULL), 0);
	assert_string_equal(buf_str(&out), "done\n");
}

static void environment(void **state)
{
	const char *const env[] = { "HEARTH_A=new", "LC_ALL=C", NULL };
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100);
	struct proc p = { .argv = SH("echo $HEARTH_A $HEARTH_B"), .env = env, .output = &out };

	(void)state;
	setenv("HEARTH_A", "old", 1);
	setenv("HEARTH_B", "kept", 1);
	assert_int_equal(proc_run(&p, NULL, NULL), 0);
	assert_string_equal(buf_str(&out), "new kept\n");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Children of the tool are in its process group and go with it. */
static void timeout_kills_the_group(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100);
	struct err e = { .code = 0 };
	struct proc p = { .argv = SH("sleep 600 & echo $!; wait"), .output = &out, .timeout_ms = 250 };
	double start = seconds();
	char want[64];
	pid_t child;

	(void)state;
	/* a busy machine may take a while to start it */
	for (; !out.n && p.timeout_ms < 30000; p.timeout_ms *= 4) {
		assert_int_equal(proc_run(&p, NULL, &e), -ETIMEDOUT);
		snprintf(want, sizeof want, "sh did not finish within %d ms", (int)p.timeout_ms);
		assert_string_equal(e.text, want);
	}
	assert_true(seconds() - start < 60);
	child = atoi(buf_str(&out));
	assert_true(child > 0);
	for (int i = 0; i < 1000 && kill(child, 0) == 0;
	     i++) /* until init has reaped it, or it is a zombie */
		usleep(10000);
	char stat[64], state_letter = 'X';
	snprintf(stat, sizeof stat, "/proc/%d/stat", child);
	FILE *f = fopen(stat, "re");
	if (f) {
		if (fscanf(f, "%*d %*s %c", &state_letter) != 1)
			state_letter = '?';
		fclose(f);
	}
	assert_true(state_letter == 'X' || state_letter == 'Z');
}

static void a_daemon_left_behind_is_not_waited_for(void **state)
{
	struct err e = { .code = 0 };
	double start = seconds();

	(void)state;
	assert_int_equal(RUN(&e, "sh", "-c", "sleep 20 & exit 0"), 0);
	assert_true(seconds() - start < 15);
}

/* Whatever the caller blocked or ignored, tools start with a clean slate. */
static void signals_are_reset(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 4000);
	struct proc p = { .argv = (const char *const[]){ "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status",
							 NULL },
			  .output = &out };
	unsigned long long blocked, ignored;
	sigset_t all, old;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(proc_run(&p, NULL, NULL), 0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(sscanf(buf_str(&out), "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_true(blocked == 0);
	assert_true((ignored & 0x7fffffff) == 0); /* the C library keeps 32 and 33 for itself */
}

static void a_long_wait_is_not_silent(void **state)
{
	struct proc p = { .argv = SH("sleep 2"), .notice_ms = 200 };
	int keep = dup(STDERR_FILENO);
	FILE *log = tmpfile();
	char line[200] = "";
	struct err e = { .code = 0 };
	double start = seconds();
	int lines = 0, r;

	(void)state;
	assert_non_null(log);
	dup2(fileno(log), STDERR_FILENO);
	r = proc_run(&p, NULL, &e);
	dup2(keep, STDERR_FILENO);
	close(keep);
	assert_int_equal(r, 0);
	for (rewind(log); fgets(line, sizeof line, log); lines++) {
		if (lines == 0 && strncmp(line, "still waiting for sh (0", 23) == 0)
			assert_string_equal(line, "still waiting for sh (0 s of 600 s)\n");
		assert_memory_equal(line, "still waiting for sh (", 22);
		assert_non_null(strstr(line, " s of 600 s)\n"));
	}
	assert_in_range(lines, 1, (uintmax_t)((seconds() - start) / 0.2)); /* no more often than asked */
	fclose(log);
	p.timeout_ms = 300;
	p.notice_ms = 1000;
	assert_int_equal(proc_run(&p, NULL, &e), -ETIMEDOUT); /* the deadline comes before the notice */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_and_failure),
		cmocka_unit_test(missing_tools),
		cmocka_unit_test(status_can_be_asked_for),
		cmocka_unit_test(output_is_captured_apart_from_errors),
		cmocka_unit_test(output_has_a_limit),
		cmocka_unit_test(big_input_and_output),
		cmocka_unit_test(input_is_empty_by_default),
		cmocka_unit_test(environment),
		cmocka_unit_test(timeout_kills_the_group),
		cmocka_unit_test(a_daemon_left_behind_is_not_waited_for),
		cmocka_unit_test(signals_are_reset),
		cmocka_unit_test(a_long_wait_is_not_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
