/* Where hashes begin: with what the kernel drew for this process, so that no document can foresee them. */
#pragma once
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

static inline uint64_t hash_seed(void)
{
	const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM); /* 16 bytes */
	uint64_t h = 0xcbf29ce484222325;

	if (random)
		memcpy(&h, random, sizeof h);
	return h;
}
