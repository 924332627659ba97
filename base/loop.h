/*
 * The only event loop: file descriptors, timers, signals and libcurl transfers, one thread.
 * The wait is curl_multi_poll() as soon as a transfer was ever added, else poll(2) on the same
 * descriptors, so that a program that never fetches never loads libcurl.
 *
 * Callbacks return 0, or -errno which ends loop_run() with that value. A source may be freed from
 * any callback, its own included (it is unlinked at once and released at the end of the turn).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;

typedef int (*loop_fd_fn)(void *ctx, int fd, unsigned revents); /* POLLIN, POLLOUT, POLLERR, POLLHUP */
typedef int (*loop_fn)(void *ctx);
typedef int (*loop_signal_fn)(void *ctx, int signo);

int loop_new(struct loop **ret);
struct loop *loop_free(struct loop *l); /* frees remaining sources; accepts NULL */

/* The descriptor stays the caller's. */
int loop_add_fd(struct loop *l, int fd, unsigned events, loop_fd_fn fn, void *ctx, struct loop_source **ret);
void loop_fd_events(struct loop_source *s, unsigned events); /* 0 = sleep */

/* One-shot timers on CLOCK_MONOTONIC, created disarmed. */
int loop_add_timer(struct loop *l, loop_fn fn, void *ctx, struct loop_source **ret);
void loop_timer_set(struct loop_source *s, int64_t in_ms); /* negative = disarm; arming again replaces */
bool loop_timer_armed(const struct loop_source *s);

/* Blocks the signal for the process and delivers it through a signalfd until the source is freed. */
int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *ctx, struct loop_source **ret);

/* Runs once at the end of the turn in which it was requested: bursts of events coalesce here. */
int loop_add_deferred(struct loop *l, loop_fn fn, void *ctx, struct loop_source **ret);
void loop_deferred_request(struct loop_source *s);

struct loop_source *loop_source_free(struct loop_source *s); /* accepts NULL, returns NULL */

int loop_run(struct loop *l);                  /* until loop_quit() or a callback fails */
int loop_step(struct loop *l, int timeout_ms); /* one turn; 0, 1 when nothing happened in time, -errno */
void loop_quit(struct loop *l, int code);      /* loop_run() returns code */

int64_t loop_now_ms(void); /* CLOCK_MONOTONIC */

static inline void loop_freep(struct loop **l)
{
	loop_free(*l);
}

static inline void loop_source_freep(struct loop_source **s)
{
	loop_source_free(*s);
}
