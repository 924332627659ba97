/*
 * Groups and users, made by shadow-utils: those of the initramfs with --root, or, when it has none,
 * the target's own in a chroot. Passwords go to chpasswd's standard input: hashes appear neither in
 * the process list nor in the log.
 */
#pragma once
#include <stdbool.h>

struct account_db;
struct arena;
struct err;
struct ign_passwd;
struct ign_state;
struct journal;
struct root;
struct touched;

struct passwd_job {
	const struct root *root;
	const struct ign_passwd *config;
	const struct ign_state *state; /* directories that the mount stage made */
	struct touched *touched;
	struct arena *arena;
	const struct journal *notes;
	bool key_fragments; /* authorized_keys.d/ignition rather than authorized_keys */
};

/* Names and values that the tools' files cannot hold, unknown groups: refused before the first write. */
int passwd_check(const struct passwd_job *j, const struct account_db *db, struct err *e);

/* Adds the groups, users and homes that do not exist yet to the notes for a re-run. */
int passwd_note(const struct passwd_job *j, const struct account_db *db, struct journal *notes,
		struct err *e);

int passwd_apply(const struct passwd_job *j, struct err *e);
