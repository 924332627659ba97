#include "base/loop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop_transfer.h"

/* One program run through twice: on poll(2), and on curl_multi_poll() once libcurl is there. */
static bool with_curl;

struct world {
	struct loop *l;
	struct loop_source *a, *b, *c;
	char trace[64];
	int pipe[2];
	int code;
};

static void note(struct world *w, char c)
{
	size_t n = strlen(w->trace);

	if (n + 1 < sizeof w->trace)
		w->trace[n] = c;
}

static int setup(void **state)
{
	static struct world w;
	const struct curl_api *api;
	struct err e;

	w = (struct world){ .code = 0 };
	assert_int_equal(loop_new(&w.l), 0);
	if (with_curl)
		assert_int_equal(loop_curl(w.l, &api, &e), 0);
	assert_int_equal(pipe(w.pipe), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	loop_free(w->l);
	close(w->pipe[0]);
	close(w->pipe[1]);
	return 0;
}

static int say_a(void *ctx)
{
	note(ctx, 'a');
	return 0;
}

static int say_b(void *ctx)
{
	note(ctx, 'b');
	return 0;
}

static int quit(void *ctx)
{
	struct world *w = ctx;

	note(w, 'q');
	loop_quit(w->l, 42);
	return 0;
}

static void timers_run_in_order(void **state)
{
	struct world *w = *state;
	int64_t start;

	assert_int_equal(loop_add_timer(w->l, quit, w, &w->c), 0);
	assert_int_equal(loop_add_timer(w->l, say_b, w, &w->b), 0);
	assert_int_equal(loop_add_timer(w->l, say_a, w, &w->a), 0);
	assert_false(loop_timer_armed(w->a));
	do { /* on a busy machine time may pass in between, and the order would be another one */
		start = loop_now_ms();
		loop_timer_set(w->c, 30);
		loop_timer_set(w->b, 15);
		loop_timer_set(w->a, 500);
		loop_timer_set(w->a, 5); /* arming again replaces */
	} while (loop_now_ms() - start >= 10);
	assert_true(loop_timer_armed(w->a));
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->trace, "abq");
	assert_in_range(loop_now_ms() - start, 30, 20000);
	assert_false(loop_timer_armed(w->a));
}

static int rearm(void *ctx)
{
	struct world *w = ctx;

	note(w, 'r');
	loop_timer_set(w->a, 0);
	return 0;
}

/* A timer that sets itself to "now" must not starve the others. */
static void a_timer_fires_once_a_turn(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_timer(w->l, rearm, w, &w->a), 0);
	loop_timer_set(w->a, 0);
	assert_int_equal(loop_step(w->l, 100), 0);
	assert_string_equal(w->trace, "r");
	assert_int_equal(loop_step(w->l, 100), 0);
	assert_string_equal(w->trace, "rr");
	loop_timer_set(w->a, -1);
	assert_int_equal(loop_step(w->l, 10), 1);
}

static int on_read(void *ctx, int fd, unsigned revents)
{
	struct world *w = ctx;
	char c;

	if (revents & POLLIN && read(fd, &c, 1) == 1)
		note(w, c);
	else if (revents & POLLHUP)
		note(w, 'H');
	return 0;
}

static void descriptors(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_fd(w->l, w->pipe[0], POLLIN, on_read, w, &w->a), 0);
	assert_int_equal(loop_step(w->l, 1), 1);
	assert_int_equal(write(w->pipe[1], "xy", 2), 2);
	assert_int_equal(loop_step(w->l, 1000), 0);
	loop_fd_events(w->a, 0); /* asleep */
	assert_int_equal(loop_step(w->l, 1), 1);
	loop_fd_events(w->a, POLLIN);
	assert_int_equal(loop_step(w->l, 1000), 0);
	assert_string_equal(w->trace, "xy");
	assert_int_equal(loop_add_fd(w->l, -1, POLLIN, on_read, w, &w->b), -EBADF);
}

/* Also when libcurl does the waiting, which does not pass it on. */
static void hang_up_is_seen(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_fd(w->l, w->pipe[0], POLLIN, on_read, w, &w->a), 0);
	close(w->pipe[1]);
	assert_int_equal(loop_step(w->l, 1000), 0);
	assert_string_equal(w->trace, "H");
	w->pipe[1] = dup(0);
}

static int free_both(void *ctx, int fd, unsigned revents)
{
	struct world *w = ctx;

	(void)fd;
	(void)revents;
	note(w, 'f');
	w->a = loop_source_free(w->a);
	w->b = loop_source_free(w->b);
	return 0;
}

/* Both are ready in the same turn; the one that runs first frees itself and the other. */
static void freeing_in_callbacks(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_fd(w->l, w->pipe[0], POLLIN, free_both, w, &w->a), 0);
	assert_int_equal(loop_add_fd(w->l, w->pipe[1], POLLOUT, free_both, w, &w->b), 0);
	assert_int_equal(write(w->pipe[1], "x", 1), 1);
	assert_int_equal(loop_step(w->l, 1000), 0);
	assert_string_equal(w->trace, "f");
	assert_int_equal(loop_step(w->l, 1), 1);
}

static int free_self(void *ctx)
{
	struct world *w = ctx;

	note(w, 's');
	w->a = loop_source_free(w->a);
	return loop_add_timer(w->l, say_b, w, &w->b);
}

static void a_timer_frees_itself(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_timer(w->l, free_self, w, &w->a), 0);
	loop_timer_set(w->a, 0);
	assert_int_equal(loop_step(w->l, 100), 0);
	assert_string_equal(w->trace, "s");
	loop_timer_set(w->b, 0);
	assert_int_equal(loop_step(w->l, 100), 0);
	assert_string_equal(w->trace, "sb");
}

static int ask(void *ctx, int fd, unsigned revents)
{
	struct world *w = ctx;

	on_read(ctx, fd, revents);
	loop_deferred_request(w->c);
	loop_deferred_request(w->c);
	return 0;
}

static int deferred(void *ctx)
{
	struct world *w = ctx;

	note(w, 'd');
	if (strlen(w->trace) < 6)
		loop_deferred_request(w->c); /* belongs to the next turn */
	return 0;
}

static void deferred_work_coalesces(void **state)
{
	struct world *w = *state;
	int second[2];

	assert_int_equal(pipe(second), 0);
	assert_int_equal(loop_add_deferred(w->l, deferred, w, &w->c), 0);
	assert_int_equal(loop_add_fd(w->l, w->pipe[0], POLLIN, ask, w, &w->a), 0);
	assert_int_equal(loop_add_fd(w->l, second[0], POLLIN, ask, w, &w->b), 0);
	assert_int_equal(write(w->pipe[1], "x", 1), 1);
	assert_int_equal(write(second[1], "y", 1), 1);
	assert_int_equal(loop_step(w->l, 1000), 0);
	assert_string_equal(w->trace, "xyd");
	assert_int_equal(loop_step(w->l, 10000), 0); /* does not sleep */
	assert_string_equal(w->trace, "xydd");
	close(second[0]);
	close(second[1]);
}

static int on_signal(void *ctx, int signo)
{
	struct world *w = ctx;

	note(w, signo == SIGUSR1 ? '1' : '2');
	w->a = loop_source_free(w->a);
	return 0;
}

static void signals(void **state)
{
	struct world *w = *state;
	sigset_t now;

	assert_int_equal(loop_add_signal(w->l, SIGUSR1, on_signal, w, &w->a), 0);
	assert_int_equal(loop_add_signal(w->l, SIGUSR2, on_signal, w, &w->b), 0);
	kill(getpid(), SIGUSR1);
	assert_int_equal(loop_step(w->l, 1000), 0);
	assert_string_equal(w->trace, "1");
	sigprocmask(SIG_BLOCK, NULL, &now);
	assert_false(sigismember(&now, SIGUSR1)); /* as before */
	assert_true(sigismember(&now, SIGUSR2));
	w->b = loop_source_free(w->b);
	sigprocmask(SIG_BLOCK, NULL, &now);
	assert_false(sigismember(&now, SIGUSR2));
}

static int give_up(void *ctx)
{
	note(ctx, 'e');
	return -ENODATA;
}

static int nested(void *ctx)
{
	struct world *w = ctx;

	w->code = loop_step(w->l, 0);
	return 0;
}

static void failures_end_the_run(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add_timer(w->l, nested, w, &w->b), 0);
	loop_timer_set(w->b, 0);
	assert_int_equal(loop_step(w->l, 100), 0);
	assert_int_equal(w->code, -EBUSY);
	assert_int_equal(loop_add_timer(w->l, give_up, w, &w->a), 0);
	loop_timer_set(w->a, 0);
	assert_int_equal(loop_run(w->l), -ENODATA);
	assert_string_equal(w->trace, "e");
}

static void many_descriptors(void **state)
{
	struct world *w = *state;
	struct loop_source *s[100];

	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		assert_int_equal(loop_add_fd(w->l, w->pipe[0], POLLIN, on_read, w, &s[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(s); i += 2)
		loop_source_free(s[i]);
	for (size_t i = 0; i < ARRAY_SIZE(s); i += 2)
		assert_int_equal(loop_add_fd(w->l, w->pipe[0], POLLIN, on_read, w, &s[i]), 0);
	for (size_t i = 0; i < 10; i++)
		loop_source_free(s[i * 3]);
	assert_int_equal(loop_step(w->l, 1), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(timers_run_in_order),
		T(a_timer_fires_once_a_turn),
		T(descriptors),
		T(hang_up_is_seen),
		T(freeing_in_callbacks),
		T(a_timer_frees_itself),
		T(deferred_work_coalesces),
		T(signals),
		T(failures_end_the_run),
		T(many_descriptors),
	};
	int failed = cmocka_run_group_tests_name("poll", tests, NULL, NULL);

	with_curl = true;
	return failed + cmocka_run_group_tests_name("curl_multi_poll", tests, NULL, NULL);
}
