#include "base/loop.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/curl_dl.h"
#include "base/err.h"
#include "base/loop_transfer.h"

enum source_kind { SRC_FD, SRC_SIGNAL, SRC_TIMER, SRC_DEFERRED, SRC_TRANSFER };

struct loop_source {
	struct loop *loop;
	struct loop_source *prev, *next; /* in loop->sources, later in loop->dead */
	enum source_kind kind;
	bool dead;
	void *ctx;
	union {
		loop_fd_fn fd;
		loop_fn plain;
		loop_signal_fn signal;
		loop_transfer_fn transfer;
	} fn;
	int fd; /* SRC_FD: the caller's; SRC_SIGNAL: ours */
	unsigned events;
	int signo;
	bool was_blocked; /* SRC_SIGNAL: before us */
	bool armed;       /* SRC_TIMER */
	int64_t at_ms;
	uint64_t armed_turn; /* a timer set in a turn fires in the next one at the earliest */
	bool requested;      /* SRC_DEFERRED */
	CURL *easy;
};

struct loop {
	struct loop_source *sources, *dead; /* in the order of creation; to be released */
	struct loop_source **polled;        /* parallel to pfd; both have room for every descriptor */
	struct pollfd *pfd;
	struct curl_waitfd *waitfd;
	size_t nfd, cap; /* descriptors among the sources; room in the arrays */
	uint64_t turn;
	bool running, quit;
	int code;
	struct curl_api curl; /* .handle NULL until the first transfer */
	CURLM *multi;
};

int64_t loop_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	*ret = l;
	return 0;
}

static void unlink_source(struct loop_source **list, struct loop_source *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		*list = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->prev = s->next = NULL;
}

static void release_dead(struct loop *l)
{
	while (l->dead) {
		struct loop_source *s = l->dead;

		l->dead = s->next;
		free(s);
	}
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	while (l->sources)
		loop_source_free(l->sources);
	release_dead(l);
	if (l->multi)
		l->curl.multi_cleanup(l->multi);
	curl_dl_close(&l->curl);
	free(l->polled);
	free(l->pfd);
	free(l->waitfd);
	free(l);
	return NULL;
}

static int add_source(struct loop *l, enum source_kind kind, void *ctx, struct loop_source **ret)
{
	struct loop_source *s = calloc(1, sizeof *s), **end = &l->sources, *last = NULL;

	if (!s)
		return -ENOMEM;
	s->loop = l;
	s->kind = kind;
	s->ctx = ctx;
	s->fd = -1;
	for (; *end; end = &(*end)->next)
		last = *end;
	s->prev = last;
	*end = s;
	*ret = s;
	return 0;
}

/* Room for one more descriptor, so that a turn never has to allocate. */
static int reserve_fd(struct loop *l)
{
	size_t cap = l->cap ? l->cap * 2 : 8;
	void *p;

	if (l->nfd < l->cap)
		return 0;
	p = reallocarray(l->polled, cap, sizeof *l->polled);
	if (!p)
		return -ENOMEM;
	l->polled = p;
	p = reallocarray(l->pfd, cap, sizeof *l->pfd);
	if (!p)
		return -ENOMEM;
	l->pfd = p;
	p = reallocarray(l->waitfd, cap, sizeof *l->waitfd);
	if (!p)
		return -ENOMEM;
	l->waitfd = p;
	l->cap = cap;
	return 0;
}

static int add_descriptor(struct loop *l, enum source_kind kind, int fd, unsigned events, void *ctx,
			  struct loop_source **ret)
{
	struct loop_source *s = NULL;
	int r = fd < 0 ? -EBADF : reserve_fd(l);

	if (r == 0)
		r = add_source(l, kind, ctx, &s);
	if (r < 0)
		return r;
	s->fd = fd;
	s->events = events;
	l->nfd++;
	*ret = s;
	return 0;
}

int loop_add_fd(struct loop *l, int fd, unsigned events, loop_fd_fn fn, void *ctx, struct loop_source **ret)
{
	struct loop_source *s = NULL;
	int r = add_descriptor(l, SRC_FD, fd, events, ctx, &s);

	if (r < 0)
		return r;
	s->fn.fd = fn;
	*ret = s;
	return 0;
}

void loop_fd_events(struct loop_source *s, unsigned events)
{
	s->events = events;
}

int loop_add_timer(struct loop *l, loop_fn fn, void *ctx, struct loop_source **ret)
{
	struct loop_source *s = NULL;
	int r = add_source(l, SRC_TIMER, ctx, &s);

	if (r < 0)
		return r;
	s->fn.plain = fn;
	*ret = s;
	return 0;
}

void loop_timer_set(struct loop_source *s, int64_t in_ms)
{
	s->armed = in_ms >= 0;
	s->at_ms = loop_now_ms() + in_ms + (in_ms > 0); /* now is rounded down; never fire early */
	s->armed_turn = s->loop->turn;
}

bool loop_timer_armed(const struct loop_source *s)
{
	return s->armed;
}

int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *ctx, struct loop_source **ret)
{
	CLEANUP(closep) int fd = -1;
	struct loop_source *s = NULL;
	sigset_t set, old;
	int r;

	sigemptyset(&set);
	if (sigaddset(&set, signo) < 0)
		return -EINVAL;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = add_descriptor(l, SRC_SIGNAL, fd, POLLIN, ctx, &s);
	if (r < 0)
		return r;
	take_fd(&fd);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	s->signo = signo;
	s->was_blocked = sigismember(&old, signo) == 1;
	s->fn.signal = fn;
	*ret = s;
	return 0;
}

int loop_add_deferred(struct loop *l, loop_fn fn, void *ctx, struct loop_source **ret)
{
	struct loop_source *s = NULL;
	int r = add_source(l, SRC_DEFERRED, ctx, &s);

	if (r < 0)
		return r;
	s->fn.plain = fn;
	*ret = s;
	return 0;
}

void loop_deferred_request(struct loop_source *s)
{
	s->requested = true;
}

int loop_curl(struct loop *l, const struct curl_api **ret, struct err *e)
{
	int r;

	if (!l->curl.handle) {
		r = curl_dl_open(&l->curl, e);
		if (r < 0)
			return r;
	}
	if (!l->multi)
		l->multi = l->curl.multi_init();
	if (!l->multi)
		return err_errno(e, ENOMEM, "preparing transfers");
	*ret = &l->curl;
	return 0;
}

int loop_add_transfer(struct loop *l, void *easy, loop_transfer_fn fn, void *ctx, struct loop_source **ret,
		      struct err *e)
{
	struct loop_source *s = NULL;
	CURLMcode m;

	if (add_source(l, SRC_TRANSFER, ctx, &s) < 0) {
		l->curl.easy_cleanup(easy);
		return err_errno(e, ENOMEM, "starting a transfer");
	}
	s->easy = easy;
	s->fn.transfer = fn;
	l->curl.easy_setopt(easy, CURLOPT_PRIVATE, s);
	m = l->curl.multi_add_handle(l->multi, easy);
	if (m != CURLM_OK) {
		loop_source_free(s);
		return err_text(e, EIO, "starting a transfer: %s", l->curl.multi_strerror(m));
	}
	*ret = s;
	return 0;
}

struct loop_source *loop_source_free(struct loop_source *s)
{
	struct loop *l = s ? s->loop : NULL;
	sigset_t set;

	if (!s || s->dead)
		return NULL;
	s->dead = true;
	unlink_source(&l->sources, s);
	if (s->kind == SRC_FD || s->kind == SRC_SIGNAL)
		l->nfd--;
	if (s->kind == SRC_SIGNAL) {
		close(s->fd);
		sigemptyset(&set);
		sigaddset(&set, s->signo);
		if (!s->was_blocked)
			pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
	if (s->kind == SRC_TRANSFER) {
		(void)l->curl.multi_remove_handle(l->multi, s->easy);
		l->curl.easy_cleanup(s->easy);
	}
	s->next = l->dead;
	l->dead = s;
	if (!l->running) /* else a callback of this turn may still look at it */
		release_dead(l);
	return NULL;
}

/* How long a turn may sleep: until the next timer, not at all when deferred work waits. */
static int wait_ms(const struct loop *l, int timeout_ms)
{
	int64_t now = loop_now_ms(), best = timeout_ms < 0 ? INT_MAX : timeout_ms;
	bool bounded = timeout_ms >= 0;

	for (const struct loop_source *s = l->sources; s; s = s->next) {
		int64_t left = s->kind == SRC_DEFERRED && s->requested ? 0 : -1;

		if (s->kind == SRC_TIMER && s->armed)
			left = s->at_ms > now ? s->at_ms - now : 0;
		if (left >= 0) {
			bounded = true;
			best = left < best ? left : best;
		}
	}
	return bounded ? (int)best : -1;
}

/* Waits and leaves the kernel's verdict on each descriptor in l->pfd. Returns their number or -errno. */
static int wait_events(struct loop *l, int timeout)
{
	size_t n = 0;
	int r;

	for (struct loop_source *s = l->sources; s; s = s->next) {
		if (s->fd < 0 || !s->events) /* asleep: not even errors */
			continue;
		l->polled[n] = s;
		l->pfd[n] = (struct pollfd){ .fd = s->fd, .events = (short)s->events };
		l->waitfd[n] = (struct curl_waitfd){ .fd = s->fd };
		if (s->events & POLLIN)
			l->waitfd[n].events |= CURL_WAIT_POLLIN;
		if (s->events & POLLOUT)
			l->waitfd[n].events |= CURL_WAIT_POLLOUT;
		if (s->events & POLLPRI)
			l->waitfd[n].events |= CURL_WAIT_POLLPRI;
		n++;
	}
	if (l->multi) {
		CURLMcode m = l->curl.multi_poll(l->multi, l->waitfd, (unsigned)n,
						 timeout < 0 ? INT_MAX : timeout, NULL);

		if (m != CURLM_OK)
			return m == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
		timeout = 0; /* libcurl does not pass errors and hang-ups on: ask again */
	}
	r = poll(l->pfd, n, timeout);
	if (r < 0 && errno != EINTR)
		return -errno;
	return r < 0 ? 0 : (int)n;
}

static int dispatch_signal(struct loop_source *s)
{
	struct signalfd_siginfo info;
	int r = 0;

	while (r >= 0 && !s->dead && read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
		r = s->fn.signal(s->ctx, (int)info.ssi_signo);
	return r;
}

static int dispatch_fds(struct loop *l, int n, bool *did)
{
	for (int i = 0; i < n; i++) {
		struct loop_source *s = l->polled[i];
		unsigned revents = (unsigned)l->pfd[i].revents;
		int r;

		if (!revents || s->dead || !s->events)
			continue;
		if (revents & POLLNVAL) /* closed behind our back: better loud than spinning */
			return -EBADF;
		revents &= s->events | POLLERR | POLLHUP;
		if (!revents)
			continue;
		*did = true;
		r = s->kind == SRC_SIGNAL ? dispatch_signal(s) : s->fn.fd(s->ctx, s->fd, revents);
		if (r < 0)
			return r;
	}
	return 0;
}

static int dispatch_transfers(struct loop *l, bool *did)
{
	int running, left, r;
	CURLMsg *msg;

	if (!l->multi)
		return 0;
	if (l->curl.multi_perform(l->multi, &running) != CURLM_OK)
		return -EIO;
	while ((msg = l->curl.multi_info_read(l->multi, &left))) {
		struct loop_source *s = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		l->curl.easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&s);
		*did = true;
		r = s->fn.transfer(s->ctx, (int)code); /* msg may be gone from here on */
		if (r < 0)
			return r;
	}
	return 0;
}

static struct loop_source *next_expired(struct loop *l, int64_t now)
{
	struct loop_source *best = NULL;

	for (struct loop_source *s = l->sources; s; s = s->next)
		if (s->kind == SRC_TIMER && s->armed && s->at_ms <= now && s->armed_turn != l->turn &&
		    (!best || s->at_ms < best->at_ms))
			best = s;
	return best;
}

static int dispatch_timers(struct loop *l, bool *did)
{
	const int64_t now = loop_now_ms();
	struct loop_source *s = NULL;

	while ((s = next_expired(l, now))) {
		int r;

		s->armed = false;
		*did = true;
		r = s->fn.plain(s->ctx);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Marks first: a request made by deferred work belongs to the next turn. */
static int dispatch_deferred(struct loop *l, bool *did)
{
	struct loop_source *s = NULL;

	for (s = l->sources; s; s = s->next)
		if (s->kind == SRC_DEFERRED && s->requested)
			s->armed_turn = l->turn;
	for (;;) {
		for (s = l->sources; s; s = s->next)
			if (s->kind == SRC_DEFERRED && s->armed_turn == l->turn)
				break;
		if (!s)
			return 0;
		s->armed_turn = 0;
		s->requested = false;
		*did = true;
		int r = s->fn.plain(s->ctx);
		if (r < 0)
			return r;
	}
}

/* One turn. Returns 0 when a callback ran, 1 when none was due, or -errno. */
static int turn(struct loop *l, int timeout_ms)
{
	bool did = false;
	int r, n;

	n = wait_events(l, wait_ms(l, timeout_ms));
	if (n < 0)
		return n;
	l->running = true;
	l->turn++;
	r = dispatch_fds(l, n, &did);
	if (r >= 0)
		r = dispatch_transfers(l, &did);
	if (r >= 0)
		r = dispatch_timers(l, &did);
	if (r >= 0)
		r = dispatch_deferred(l, &did);
	l->running = false;
	release_dead(l);
	if (r < 0)
		return r;
	return did ? 0 : 1;
}

/* libcurl's own sockets and interrupted waits end turns in which nobody was called. */
int loop_step(struct loop *l, int timeout_ms)
{
	const int64_t end = loop_now_ms() + timeout_ms;
	int r, left = timeout_ms;

	if (l->running) /* from within a callback */
		return -EBUSY;
	do {
		r = turn(l, left);
		if (timeout_ms >= 0)
			left = end > loop_now_ms() ? (int)(end - loop_now_ms()) : 0;
	} while (r == 1 && left != 0);
	return r;
}

int loop_run(struct loop *l)
{
	int r = 0;

	while (!l->quit && r >= 0)
		r = loop_step(l, -1);
	if (l->quit)
		r = l->code;
	l->quit = false;
	return r;
}

void loop_quit(struct loop *l, int code)
{
	l->quit = true;
	l->code = code;
}
