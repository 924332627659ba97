#include "tests/bench/bench.h"
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"

enum { MAX_ROUNDS = 101 };

extern char **environ;

struct sample {
	double cpu_ms, mem_kib;
};

/* One side of a line: a function or a program. */
struct side {
	bench_fn *fn;
	const void *arg;
	char *const *argv;
};

static void usage(const char *name, const char *about, int status)
{
	fprintf(status ? stderr : stdout,
		"usage: bench_%s [--rounds N] [--json] [--smoke] [LINE]...\n\n%s\n\n"
		"Each ratio is ours / peer, the median of all rounds [least .. greatest].\n",
		name, about);
	exit(status);
}

void bench_begin(struct bench *b, const char *name, const char *about, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "smoke", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int c;

	*b = (struct bench){ .name = name, .rounds = 7 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			b->rounds = (unsigned)strtoul(optarg, &end, 10);
			if (*end || !b->rounds || b->rounds > MAX_ROUNDS)
				usage(name, about, 2);
			break;
		case 'j':
			b->json = true;
			break;
		case 's':
			b->smoke = true;
			break;
		default:
			usage(name, about, c == 'h' ? 0 : 2);
		}
	}
	if (b->smoke)
		b->rounds = 1;
	b->only = argv + optind;
}

bool bench_wants(const struct bench *b, const char *line)
{
	for (char *const *only = b->only; *only; only++)
		if (strcmp(*only, line) == 0)
			return true;
	return !*b->only;
}

/* A field of /proc/self/status in KiB; 0 when it cannot be read. */
static double memory_kib(const char *field)
{
	CLEANUP(fclosep) FILE *f = fopen("/proc/self/status", "re");
	char line[200];

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, field, strlen(field)) == 0)
			return strtod(line + strlen(field), NULL);
	return 0;
}

static double cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Lets VmHWM begin again from what is resident now. */
static void forget_peak(void)
{
	CLEANUP(closep) int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "5", 1) != 1)
		perror("clear_refs: memory is not measured");
}

static void measure_here(const struct side *s, int fd)
{
	struct sample got;
	double start, before;

	forget_peak();
	before = memory_kib("VmRSS:");
	start = cpu_ms();
	if (s->fn(s->arg) != 0)
		_exit(1);
	got.cpu_ms = cpu_ms() - start;
	got.mem_kib = memory_kib("VmHWM:") - before;
	_exit(write(fd, &got, sizeof got) != sizeof got);
}

static bool run_function(const struct side *s, struct sample *ret)
{
	CLEANUP(closep) int in = -1;
	CLEANUP(closep) int out = -1;
	int fd[2], status;
	pid_t pid;
	bool ok;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return false;
	in = fd[0];
	out = fd[1];
	pid = fork();
	if (pid == 0)
		measure_here(s, out);
	closep(&out);
	out = -1;
	ok = pid > 0 && read(in, ret, sizeof *ret) == sizeof *ret;
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && ok;
}

static double timeval_ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static bool run_program(const struct side *s, struct sample *ret)
{
	posix_spawn_file_actions_t actions;
	struct rusage used;
	pid_t pid = -1;
	int r, status = 0;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn(&pid, s->argv[0], &actions, NULL, s->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0 || wait4(pid, &status, 0, &used) != pid || status != 0)
		return false;
	ret->cpu_ms = timeval_ms(used.ru_utime) + timeval_ms(used.ru_stime);
	ret->mem_kib = (double)used.ru_maxrss;
	return true;
}

static bool run_side(const struct side *s, struct sample *ret)
{
	return s->fn ? run_function(s, ret) : run_program(s, ret);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct spread {
	double least, median, most;
};

static struct spread spread_of(double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return (struct spread){ v[0], n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2, v[n - 1] };
}

static void print_line(struct bench *b, const char *line, size_t bytes, struct sample *ours,
		       struct sample *peer)
{
	double v[6][MAX_ROUNDS];
	struct spread s[6];

	for (unsigned i = 0; i < b->rounds; i++) {
		v[0][i] = ours[i].cpu_ms;
		v[1][i] = peer[i].cpu_ms;
		v[2][i] = peer[i].cpu_ms > 0 ? ours[i].cpu_ms / peer[i].cpu_ms : 0;
		v[3][i] = ours[i].mem_kib / 1024;
		v[4][i] = peer[i].mem_kib / 1024;
		v[5][i] = peer[i].mem_kib > 0 ? ours[i].mem_kib / peer[i].mem_kib : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		s[i] = spread_of(v[i], b->rounds);
	if (b->json) {
		printf("{\"bench\":\"%s\",\"line\":\"%s\",\"input_bytes\":%zu,\"rounds\":%u,"
		       "\"cpu_ms\":{\"ours\":%.3f,\"peer\":%.3f,\"ratio\":%.4f,\"least\":%.4f,\"most\":%.4f},"
		       "\"peak_mib\":{\"ours\":%.3f,\"peer\":%.3f,\"ratio\":%.4f,\"least\":%.4f,\"most\":%.4f}}\n",
		       b->name, line, bytes, b->rounds, s[0].median, s[1].median, s[2].median, s[2].least,
		       s[2].most, s[3].median, s[4].median, s[5].median, s[5].least, s[5].most);
		return;
	}
	if (!b->started)
		printf("%-22s %8s | %8s %8s %6s %-15s | %8s %8s %6s\n", b->name, "input MB", "CPU ms", "peer",
		       "ratio", "", "peak MiB", "peer", "ratio");
	b->started = true;
	printf("%-22s %8.1f | %8.1f %8.1f %6.2f [%.2f .. %.2f]  | %8.1f %8.1f %6.2f\n", line,
	       (double)bytes / 1e6, s[0].median, s[1].median, s[2].median, s[2].least, s[2].most, s[3].median,
	       s[4].median, s[5].median);
	(void)fflush(stdout);
}

static void compare(struct bench *b, const char *line, size_t bytes, const struct side *ours,
		    const struct side *peer)
{
	struct sample a[MAX_ROUNDS], z[MAX_ROUNDS];

	(void)malloc_trim(0); /* or a child would be given, as if for nothing, what was freed here */
	for (unsigned i = 0; i < b->rounds; i++) {
		/* Who goes first changes too: the second may find warm caches or a busier machine. */
		bool ok = i % 2 ? run_side(peer, &z[i]) && run_side(ours, &a[i])
				: run_side(ours, &a[i]) && run_side(peer, &z[i]);

		if (!ok) {
			fprintf(stderr, "bench_%s: %s: one side failed\n", b->name, line);
			b->failed = true;
			return;
		}
	}
	print_line(b, line, bytes, a, z);
}

void bench_pair(struct bench *b, const char *line, size_t input_bytes, bench_fn *ours, bench_fn *peer,
		const void *arg)
{
	compare(b, line, input_bytes, &(struct side){ .fn = ours, .arg = arg },
		&(struct side){ .fn = peer, .arg = arg });
}

void bench_programs(struct bench *b, const char *line, size_t input_bytes, char *const ours[],
		    char *const peer[])
{
	compare(b, line, input_bytes, &(struct side){ .argv = ours }, &(struct side){ .argv = peer });
}

int bench_end(const struct bench *b)
{
	return b->failed;
}
