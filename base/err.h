/*
 * One failure with its story, outermost step first:
 *   "disks: partitioning /dev/vda: creating partition 3 ("var"): No space left on device"
 * Fixed size, on the caller's stack, no ownership: it works when memory is gone. Functions
 * return 0 or a positive value, or -errno; only the level that adds information wraps.
 * Every function accepts a NULL err and then only returns the code.
 */
#pragma once
#include <stddef.h>

struct err {
	int code;        /* positive errno; 0 = nothing happened */
	char text[1024]; /* cut at the end, always terminated */
};

/* Start a story; code is a positive errno whose text is appended. Returns -code. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Start a story that already says why (tool output, a protocol's message). Returns -code. */
int err_text(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "<text>: " before the story. Returns ret unchanged (a negative errno). */
int err_wrap(struct err *e, int ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
