/*
 * Whole-file replacement outside any target root (state, cache, subnet.env): the content goes to a
 * temporary file in the same directory, is synced, and renamed over the old one. A reader, or a run
 * after a crash, sees the old file or the new one, never a part.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

struct buf;
struct err;

/* mode ignores the umask. Missing parent directories are made with dir_mode when that is not 0. */
int atomic_write(const char *path, const void *data, size_t n, mode_t mode, mode_t dir_mode, struct err *e);

/* Reads a whole file (or a pipe passed as /dev/fd/N) into out (limit: out->max). -ENOENT when it is absent.
 */
int file_read(const char *path, struct buf *out, struct err *e);

/* The rest of what a descriptor reads; name is for messages. */
int file_read_fd(int fd, const char *name, struct buf *out, struct err *e);

/* mkdir -p for the directory part of path. */
int file_make_parents(const char *path, mode_t mode, struct err *e);
