/*
 * Runs an external tool: an argv array, never a shell; standard input from /dev/null or a given
 * text; own signal mask; a deadline; the last of its output becomes the error text.
 */
#pragma once
#include <stddef.h>

struct err;
struct buf;

enum { PROC_TIMEOUT_MS = 600000, PROC_NOTICE_MS = 10000 };

struct proc {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;  /* additional NAME=VALUE entries, NULL-terminated; NULL = none */
	const void *input;       /* written to its standard input */
	size_t input_len;
	struct buf *output; /* standard output goes here (limit: output->max); NULL = kept for the error text
			       only */
	int timeout_ms;     /* 0 = PROC_TIMEOUT_MS */
	int notice_ms;      /* how often a notice says what is waited for; 0 = PROC_NOTICE_MS */
	const char *chroot; /* this directory is its "/", where it is also looked up; NULL = ours */
};

/*
 * Logs `executing: "cmd" "arg"` at debug. Returns 0 when the tool exited with 0; else -errno with
 * the text "mkfs.ext4 exited 1: <its first line and the end of its output>" (EIO), "... not found in PATH"
 * (ENOENT),
 * "... did not finish within 600 s" (ETIMEDOUT, the tool's process group is killed).
 * ret_status, when not NULL, gets the exit status and a non-zero one is then not an error.
 */
int proc_run(const struct proc *p, int *ret_status, struct err *e);

#define RUN(e, ...) proc_run(&(struct proc){ .argv = (const char *const[]){ __VA_ARGS__, NULL } }, NULL, (e))
