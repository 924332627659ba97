/* What lies in a user's home: the target's users may have planted links there, so none is followed. */
#pragma once
#include <stdbool.h>

struct account_user;
struct err;
struct ign_state;
struct root;
struct strlist;
struct touched;

/*
 * Writes the keys, one to a line, to ~/.ssh/authorized_keys.d/ignition or ~/.ssh/authorized_keys.
 * Directories that are missing get 0700, the file 0600, all owned by the user. Announces the file in
 * the journal.
 */
int home_write_keys(const struct root *root, const struct account_user *u, const struct strlist *keys,
		    bool fragment, struct touched *t, struct err *e);

/* Mount points at or below the home that the mount stage made become the user's, 0700. */
int home_adopt_mounts(const struct root *root, const struct account_user *u, const struct ign_state *state,
		      struct err *e);

/*
 * Finishes what a killed useradd left: makes the home when it is missing, gives it to the user, and
 * adds the files of /etc/skel that are missing or were cut short. Other files stay as they are. made:
 * there was no home before us, so its mode becomes what the target's login.defs asks for.
 */
int home_finish(const struct root *root, const struct account_user *u, bool made, struct touched *t,
		struct err *e);
