#include "base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

extern char **environ;

enum { HEAD_BYTES = 200, TAIL_BYTES = 600 };

/*
 * What a tool wrote, cut in the middle: most put the reason at the end, some (mkfs.xfs) in the
 * first line with a page of usage behind it.
 */
struct tail {
	char head[HEAD_BYTES]; /* the first line */
	size_t n_head;
	enum { HEAD_OPEN, HEAD_WHOLE, HEAD_TOO_LONG } head_is;
	char b[TAIL_BYTES];
	size_t n;
	bool cut;
};

struct child {
	const struct proc *p;
	pid_t pid;
	int pidfd;
	int out, err; /* reading ends; err is -1 unless the output is captured */
	struct tail tail;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void head_add(struct tail *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n && t->head_is == HEAD_OPEN; i++) {
		if (p[i] == '\n')
			t->head_is = t->n_head ? HEAD_WHOLE : HEAD_OPEN;
		else if (t->n_head == sizeof t->head)
			t->head_is = HEAD_TOO_LONG;
		else
			t->head[t->n_head++] = p[i];
	}
}

static void tail_add(struct tail *t, const char *p, size_t n)
{
	size_t drop;

	head_add(t, p, n);
	if (n > sizeof t->b) {
		p += n - sizeof t->b;
		n = sizeof t->b;
		t->cut = true;
	}
	if (n > sizeof t->b - t->n) {
		drop = t->n + n - sizeof t->b;
		memmove(t->b, t->b + drop, t->n - drop);
		t->n -= drop;
		t->cut = true;
	}
	memcpy(t->b + t->n, p, n);
	t->n += n;
}

/* Appends text as one line: lines joined with "; ", no control characters. */
static size_t append_line(char *ret, size_t n, size_t size, const char *s, const char *end)
{
	size_t start = n;

	while (s < end && n + 4 < size) {
		unsigned char c = (unsigned char)*s++;

		if (c == '\n' || c == '\r') {
			while (s < end && (*s == '\n' || *s == '\r' || *s == ' ' || *s == '\t'))
				s++;
			if (n > start && s < end) {
				ret[n++] = ';';
				ret[n++] = ' ';
			}
		} else {
			ret[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
		}
	}
	while (n > start && ret[n - 1] == ' ')
		n--;
	return n;
}

/* The whole output as one line; when it was cut, its first line and the whole lines of its end. */
static void tail_text(const struct tail *t, char *ret, size_t size)
{
	static const char gap[] = " [...] ";
	const char *s = t->b, *end = t->b + t->n;
	const char *nl = t->cut ? memchr(s, '\n', t->n) : NULL;
	size_t n = 0;

	if (nl && nl + 1 < end)
		s = nl + 1;
	if (t->cut && nl && t->head_is == HEAD_WHOLE) {
		n = append_line(ret, n, size, t->head, t->head + t->n_head);
		n = append_line(ret, n, size, gap, gap + strlen(gap));
		if (n + 1 < size)
			ret[n++] = ' ';
	}
	n = append_line(ret, n, size, s, end);
	ret[n] = '\0';
}

/* A memory file, not a pipe: no deadlock with a tool that writes before it has read everything. */
static int open_input(const struct proc *p, int *ret_fd, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	const char *data = p->input;

	if (!p->input) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(e, errno, "opening /dev/null");
		*ret_fd = take_fd(&fd);
		return 0;
	}
	fd = memfd_create("input", MFD_CLOEXEC);
	for (size_t done = 0; fd >= 0 && done < p->input_len;) {
		ssize_t w = write(fd, data + done, p->input_len - done);

		if (w < 0 && errno != EINTR)
			return err_errno(e, errno, "preparing the input of %s", p->argv[0]);
		done += w > 0 ? (size_t)w : 0;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, errno, "preparing the input of %s", p->argv[0]);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int open_pipe(const struct proc *p, int *ret_read, int *ret_write, struct err *e)
{
	int fds[2];

	/* Only our end may be non-blocking: the flag belongs to each end's own open file. */
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, errno, "making a pipe for %s", p->argv[0]);
	*ret_read = fds[0];
	*ret_write = fds[1];
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return err_errno(e, errno, "making a pipe for %s", p->argv[0]);
	return 0;
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=';
}

/* Our environment with p->env over it; strings are shared, the array is the caller's. */
static char **make_env(const struct proc *p)
{
	size_t own = 0, more = 0, n = 0;
	char **env;

	while (environ && environ[own])
		own++;
	while (p->env && p->env[more])
		more++;
	env = calloc(own + more + 1, sizeof *env);
	for (size_t i = 0; env && i < own; i++) {
		bool replaced = false;

		for (size_t k = 0; k < more; k++)
			replaced |= same_name(p->env[k], environ[i]);
		if (!replaced)
			env[n++] = environ[i];
	}
	for (size_t k = 0; env && k < more; k++)
		env[n++] = (char *)(uintptr_t)p->env[k];
	return env;
}

/* In the child: never returns. posix_spawn knows no chroot. */
static void __attribute__((noreturn))
exec_in_root(const struct proc *p, int in, int out, int err, char **env, int report)
{
	sigset_t none;
	int why;

	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	if (setpgid(0, 0) == 0 && chroot(p->chroot) == 0 && chdir("/") == 0 && dup2(in, STDIN_FILENO) >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
		environ = env;
		execvp(p->argv[0], (char *const *)(uintptr_t)p->argv);
	}
	why = errno;
	while (write(report, &why, sizeof why) < 0 && errno == EINTR)
		;
	_exit(127);
}

static int spawn_in_root(struct child *c, int in, int out, int err, struct err *e)
{
	CLEANUP(freep) char **env = make_env(c->p);
	CLEANUP(closep) int report_read = -1;
	CLEANUP(closep) int report_write = -1;
	const char *name = c->p->argv[0];
	int fds[2], why = 0;
	ssize_t n;

	if (!env)
		return err_errno(e, ENOMEM, "starting %s", name);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, errno, "starting %s", name);
	report_read = fds[0];
	report_write = fds[1];
	c->pid = fork();
	if (c->pid < 0)
		return err_errno(e, errno, "starting %s", name);
	if (c->pid == 0)
		exec_in_root(c->p, in, out, err, env, report_write);
	close(take_fd(&report_write));
	do
		n = read(report_read, &why, sizeof why);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof why)
		return 0;
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (why == ENOENT)
		return err_text(e, ENOENT, "%s not found in %s", name, c->p->chroot);
	return err_errno(e, why, "starting %s in %s", name, c->p->chroot);
}

static int spawn(struct child *c, int in, int out, int err, struct err *e)
{
	CLEANUP(freep) char **env = make_env(c->p);
	const char *name = c->p->argv[0];
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	int r;

	if (!env)
		return err_errno(e, ENOMEM, "starting %s", name);
	r = posix_spawn_file_actions_init(&fa);
	if (r)
		return err_errno(e, r, "starting %s", name);
	r = posix_spawnattr_init(&at);
	if (r) {
		posix_spawn_file_actions_destroy(&fa);
		return err_errno(e, r, "starting %s", name);
	}
	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&fa, err, STDERR_FILENO);
	r = r ? r : posix_spawnattr_setsigmask(&at, &none);
	r = r ? r : posix_spawnattr_setsigdefault(&at, &all);
	r = r ? r : posix_spawnattr_setpgroup(&at, 0);
	r = r ? r
	      : posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
	r = r ? r : posix_spawnp(&c->pid, name, &fa, &at, (char *const *)(uintptr_t)c->p->argv, env);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	if (r == ENOENT)
		return err_text(e, ENOENT, strchr(name, '/') ? "%s not found" : "%s not found in PATH", name);
	return r ? err_errno(e, r, "starting %s", name) : 0;
}

/* Reads what is there. Returns 1 at the end of the stream, 0 when more may come, or -errno. */
static int drain(struct child *c, int fd, struct err *e)
{
	struct buf *keep = fd == c->out ? c->p->output : NULL;
	char b[16384];

	for (;;) {
		ssize_t n = read(fd, b, sizeof b);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : err_errno(e, errno, "reading from %s", c->p->argv[0]);
		if (n == 0)
			return 1;
		if (!keep) {
			tail_add(&c->tail, b, (size_t)n);
			continue;
		}
		int r = buf_append(keep, b, (size_t)n);
		if (r == -EFBIG)
			return err_text(e, EFBIG, "%s printed more than %zu bytes", c->p->argv[0], keep->max);
		if (r < 0)
			return err_errno(e, -r, "keeping the output of %s", c->p->argv[0]);
	}
}

/* Until the tool has ended; children it left behind may keep the pipes open and are not waited for. */
static int supervise(struct child *c, struct err *e)
{
	const int limit = c->p->timeout_ms > 0 ? c->p->timeout_ms : PROC_TIMEOUT_MS;
	const int notice = c->p->notice_ms > 0 ? c->p->notice_ms : PROC_NOTICE_MS;
	const int64_t begin = now_ms(), end = begin + limit;
	int64_t told = begin;
	struct pollfd pf[3] = { { c->pidfd, POLLIN, 0 }, { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };

	for (;;) {
		int64_t now = now_ms(), left = end - now, pause = told + notice - now;
		int r = 0;

		if (pause <= 0 && left > 0) {
			told = now;
			log_notice("still waiting for %s (%lld s of %d s)", c->p->argv[0],
				   (long long)(now - begin) / 1000, limit / 1000);
			continue;
		}
		if (left > 0)
			r = poll(pf, ARRAY_SIZE(pf), (int)(left < pause ? left : pause));
		if ((r < 0 && errno == EINTR) || (r == 0 && pause < left))
			continue;
		if (r < 0)
			return err_errno(e, errno, "waiting for %s", c->p->argv[0]);
		if (r == 0 && limit % 1000 == 0)
			return err_text(e, ETIMEDOUT, "%s did not finish within %d s", c->p->argv[0],
					limit / 1000);
		if (r == 0)
			return err_text(e, ETIMEDOUT, "%s did not finish within %d ms", c->p->argv[0], limit);
		for (size_t i = 1; i < ARRAY_SIZE(pf); i++) {
			if (pf[i].fd < 0 || !(pf[i].revents || pf[0].revents))
				continue;
			r = drain(c, pf[i].fd, e);
			if (r < 0)
				return r;
			if (r > 0)
				pf[i].fd = -1;
		}
		if (pf[0].revents)
			return 0;
	}
}

static int reap(struct child *c, int *ret_status)
{
	while (waitpid(c->pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int verdict(struct child *c, int status, int *ret_status, struct err *e)
{
	const char *name = c->p->argv[0], *colon;
	char why[TAIL_BYTES * 2];

	if (WIFEXITED(status) && ret_status) {
		*ret_status = WEXITSTATUS(status);
		return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (c->tail.n == 0 && c->p->output &&
	    c->p->output->n > 0) /* some tools complain on standard output */
		tail_add(&c->tail, c->p->output->p, c->p->output->n);
	tail_text(&c->tail, why, sizeof why);
	colon = why[0] ? ": " : "";
	if (WIFSIGNALED(status))
		return err_text(e, EIO, "%s was killed by signal %d%s%s", name, WTERMSIG(status), colon, why);
	return err_text(e, EIO, "%s exited %d%s%s", name, WEXITSTATUS(status), colon, why);
}

static void log_command(const struct proc *p)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 3000);

	if (!log_wants(LOG_DEBUG))
		return;
	for (size_t i = 0; p->argv[i]; i++)
		if (buf_printf(&b, " \"%s\"", p->argv[i]) < 0)
			break;
	log_debug("executing:%s", buf_str(&b));
}

int proc_run(const struct proc *p, int *ret_status, struct err *e)
{
	struct child c = { .p = p, .pid = -1, .pidfd = -1, .out = -1, .err = -1 };
	CLEANUP(closep) int in = -1;
	CLEANUP(closep) int out_read = -1;
	CLEANUP(closep) int out_write = -1;
	CLEANUP(closep) int err_read = -1;
	CLEANUP(closep) int err_write = -1;
	CLEANUP(closep) int pidfd = -1;
	int r, status = 0;

	log_command(p);
	r = open_input(p, &in, e);
	if (r == 0)
		r = open_pipe(p, &out_read, &out_write, e);
	if (r == 0 && p->output)
		r = open_pipe(p, &err_read, &err_write, e);
	if (r == 0)
		r = (p->chroot ? spawn_in_root : spawn)(&c, in, out_write, p->output ? err_write : out_write,
							e);
	if (r < 0)
		return r;
	c.out = out_read;
	c.err = err_read;
	close(take_fd(&out_write));
	if (err_write >= 0)
		close(take_fd(&err_write));
	pidfd = c.pidfd = (int)syscall(SYS_pidfd_open, c.pid, 0);
	r = pidfd < 0 ? err_errno(e, errno, "watching %s", p->argv[0]) : supervise(&c, e);
	if (r < 0)
		(void)kill(-c.pid, SIGKILL);
	int w = reap(&c, &status);
	if (r == 0 && w < 0)
		r = err_errno(e, -w, "waiting for %s", p->argv[0]);
	return r < 0 ? r : verdict(&c, status, ret_status, e);
}
