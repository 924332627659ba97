/*
 * Who exists in the target: its own passwd and group files, read directly. No chroot and no NSS of
 * the initramfs: what /usr/lib/passwd and /usr/lib/group hold (nss-altfiles) is found too.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;
struct err;
struct root;

enum { ACCOUNT_FILE_MAX = 16 << 20 };

struct account_user {
	const char *name, *home;
	uid_t uid;
	gid_t gid;
	bool in_etc;      /* else only in /usr/lib, where no tool can change it */
	const char *line; /* as it stands in its file, without the newline */
};

struct account_group {
	const char *name;
	gid_t gid;
	bool in_etc;
	const char *line;
};

struct account_db {
	struct {
		struct account_user *v;
		size_t n, cap;
	} users;
	struct {
		struct account_group *v;
		size_t n, cap;
	} groups;
};

/* Reads {/etc,/usr/lib}/{passwd,group} below the root; missing files are empty. Everything lives in the
 * arena. */
int account_load(const struct root *root, struct arena *a, struct account_db *ret, struct err *e);

/* Adds the entries of one file's text. Lines that are no entries (comments, NIS, damage) are skipped. */
int account_parse_passwd(const char *text, size_t n, bool in_etc, struct arena *a, struct account_db *db);
int account_parse_group(const char *text, size_t n, bool in_etc, struct arena *a, struct account_db *db);

/* The first entry of that name, /etc before /usr/lib; NULL when there is none. */
const struct account_user *account_user(const struct account_db *db, const char *name);
const struct account_group *account_group(const struct account_db *db, const char *name);
