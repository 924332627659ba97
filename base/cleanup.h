/*
 * Scope-bound ownership. Initialise at the declaration and declare one variable per line: the
 * attribute binds to every declarator of its line.
 */
#pragma once
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn)   __attribute__((cleanup(fn)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Hand ownership on: the variable keeps NULL. */
#define TAKE_PTR(p)                                                                                          \
	({                                                                                                   \
		__typeof__(p) *take_p_ = &(p);                                                               \
		__typeof__(p) take_v_ = *take_p_;                                                            \
		*take_p_ = NULL;                                                                             \
		take_v_;                                                                                     \
	})

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}
