/* The kernel command line as a source of parameters (reference E.1, G.7). */
#pragma once
#include <stddef.h>

struct buf;
struct err;

enum { CMDLINE_MAX_BYTES = 64 << 10 };

/*
 * Finds key=value in a command line: words separated by white space, no quoting, empty values do
 * not count, the last one wins. Returns 1 and appends the value to out, 0 when there is none, or
 * -errno.
 */
int cmdline_find(const char *line, const char *key, struct buf *out);

/* Reads /proc/cmdline, or the file that IGNITION_KERNEL_CMDLINE_PATH names. */
int cmdline_read(struct buf *out, struct err *e);
