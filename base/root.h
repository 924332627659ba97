/*
 * A directory that plays "/": no path given to these calls can name anything outside it, whatever
 * symlinks the target holds. The only way to reach files below the target root.
 *
 * Symlinks are followed as text, component by component, and only the verified prefix is opened
 * (openat2 with RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS, or step by step without it): a link that is changed in
 * between makes the call fail, it never makes it escape. Links whose target does not exist yet (home ->
 * var/home) are created behind, which the kernel's own resolution cannot do.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct buf;

enum { ROOT_MAX_LINKS = 40 }; /* as the kernel's own limit */

struct root {
	int fd;           /* O_PATH directory */
	const char *path; /* as the user named it (kept by reference), for messages and for tools that need a
			     path */
};

int root_open(struct root *r, const char *path, struct err *e);
void root_close(struct root *r);

/*
 * Opens (O_PATH) the directory that holds path's last component; the component itself is never
 * followed. With create, missing directories are made (0755), also behind dangling symlinks such as
 * home -> var/home. ret_first_made, when not NULL, gets the path (in the root) of the first
 * directory made, or "" (for relabelling). Returns 0 or -errno with a story; -EINVAL when path has
 * no last component ("/").
 */
int root_open_parent(const struct root *r, const char *path, bool create, int *ret_fd,
		     char ret_leaf[NAME_MAX + 1], char ret_first_made[PATH_MAX], struct err *e);

/*
 * The path below the root after following every symlink except a last component ("/home/core" ->
 * "/var/home/core"); components that do not exist, or stand below
 * something that is no directory, are kept as they are. Never cut: -ENAMETOOLONG.
 */
int root_resolve(const struct root *r, const char *path, char ret[PATH_MAX], struct err *e);

/*
 * Opens path itself, following a last symlink inside the root. flags as open(2), O_CLOEXEC is
 * added; with O_CREAT the mode is 0600. Returns the descriptor or -errno with a story.
 */
int root_open_file(const struct root *r, const char *path, int flags, struct err *e);

/*
 * Appends a regular file's content to out (limit: out->max). Anything else than a regular file is
 * -EINVAL: a planted FIFO cannot block the caller.
 */
int root_read_file(const struct root *r, const char *path, struct buf *out, struct err *e);

/* mkdir -p below the root; mode is for the directories that are made. */
int root_mkdirs(const struct root *r, const char *path, mode_t mode, struct err *e);

/*
 * Creates the temporary file that goes with leaf in dir_fd, mode 0600, open for both. Its name
 * depends on leaf alone, so that a run that was killed leaves at most one and the next run removes
 * it. Returns the descriptor or -errno.
 */
int root_temp_create(int dir_fd, const char *leaf, char ret_temp[NAME_MAX + 1]);

/*
 * Writes a whole file: a temporary file in the same directory, mode and owner set, renamed over
 * path; parents are made (0755). Files appear whole or not at all. uid/gid -1 = leave.
 */
int root_write_file(const struct root *r, const char *path, const void *data, size_t n, mode_t mode,
		    uid_t uid, gid_t gid, struct err *e);

/*
 * rm -rf below the root: removes path itself when it is a symlink; missing is fine. A mount point is not
 * entered: -EBUSY, perhaps after some of what is beside it has gone.
 */
int root_remove_tree(const struct root *r, const char *path, struct err *e);

static inline void root_closep(struct root *r)
{
	root_close(r);
}
