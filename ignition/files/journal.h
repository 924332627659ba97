/*
 * What makes a re-run safe. Before its first write the files stage notes durably, in the target
 * itself, which paths it is about to make (they did not exist, or the config said overwrite) and how
 * long each file was that it is about to append to. A run that was interrupted at any instant - the
 * process killed, the power gone - is then simply done again from the start: what the note lists is
 * ours and may be replaced although overwrite is false, and an append starts from the noted length.
 * No step is recorded as done, so nothing depends on which writes had reached the disk.
 *
 * The note stays after success, marked finished together with the config's fingerprint: the first
 * boot may still fail later and run everything again. With the same config that completes; another
 * config on a finished system meets upstream's "exists already" errors. While the note is unfinished
 * a corrected config may replace what the failed one made.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct root;

/* Of a boot, and of a container image's build, where it goes when the work is done. */
#define JOURNAL_PATH       "/etc/.ignition-files.journal"
#define JOURNAL_IMAGE_PATH "/.ignition-apply.journal"

struct journal_append {
	const char *path;
	uint64_t size, sum; /* of the file as it was before anything was appended */
};

struct journal {
	bool resumed;     /* an earlier run's notes apply to this one */
	bool interrupted; /* and that run did not finish */
	bool finished;
	uint64_t config; /* fingerprint of the merged config */
	struct {
		const char **v; /* paths, "user NAME", "group NAME", "home NAME"; sorted */
		size_t n;
	} made;
	struct {
		struct journal_append *v; /* sorted by path */
		size_t n;
	} appends;
};

/* Continues from sum; start with journal_sum(0, NULL, 0). */
uint64_t journal_sum(uint64_t sum, const void *data, size_t n);

/* The notes of an earlier run when they apply to a config with this fingerprint, else empty ones. */
int journal_load(const struct root *root, const char *path, uint64_t config, struct arena *a,
		 struct journal *ret, struct err *e);

/* Sorts the lists and writes the notes; on return they are on the disk. */
int journal_save(const struct root *root, const char *path, struct journal *j, struct err *e);

bool journal_made(const struct journal *j, const char *path);
const struct journal_append *journal_append(const struct journal *j, const char *path);
