/*
 * Measures one way of doing something against another, in the same run on the same machine: what is
 * reported is their ratio. The two sides alternate, each run is a process of its own, and of all rounds
 * the median counts, with the least and the greatest beside it. A bench never fails because of time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Does the work once; 0, or anything else when it could not. Runs in a child process. */
typedef int bench_fn(const void *arg);

struct bench {
	const char *name;
	unsigned rounds;
	bool smoke;           /* --smoke: as small as it can be, so that a bench cannot rot */
	bool json;            /* --json: one object per line instead of the table */
	char *const *only;    /* lines to run; NULL-terminated, empty for all */
	bool failed, started; /* private */
};

/* Reads the options; on a wrong one says how to use the program and exits. */
void bench_begin(struct bench *b, const char *name, const char *about, int argc, char **argv);

/* Whether a line is wanted: asked before its input is made. */
bool bench_wants(const struct bench *b, const char *line);

/*
 * One line: `ours` against `peer`. CPU time and growth of the resident memory from the start of the
 * function to its peak, so that what the process held before (the input) does not count.
 */
void bench_pair(struct bench *b, const char *line, size_t input_bytes, bench_fn *ours, bench_fn *peer,
		const void *arg);

/* The same with whole programs, whose memory counts from nothing; exit status 0 is expected of both. */
void bench_programs(struct bench *b, const char *line, size_t input_bytes, char *const ours[],
		    char *const peer[]);

int bench_end(const struct bench *b); /* exit status */
