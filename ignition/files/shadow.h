/* Running the tools of shadow-utils on the target. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct root;

enum { SHADOW_MAX_ARGS = 40 };

struct shadow_args {
	const char *v[SHADOW_MAX_ARGS];
	size_t n;
};

void shadow_arg(struct shadow_args *a, const char *arg);
void shadow_option(struct shadow_args *a, const char *option,
		   const char *value); /* nothing when value is NULL */

/* tool [--root R] args... [name] */
int shadow_run(const struct root *root, const char *tool, const struct shadow_args *args, const char *name,
	       struct err *e);

/* Sets an already hashed password ("" locks it: "*"); group: of a group. */
int shadow_set_password(const struct root *root, bool group, const char *name, const char *hash,
			struct err *e);

/* Whether an /etc file of lines "name:..." has one for name. A file that is missing counts as complete. */
int shadow_has_line(const struct root *root, const char *path, const char *name, bool *ret, struct err *e);

/* Takes the lines of name out of such a file. */
int shadow_drop_lines(const struct root *root, const char *path, const char *name, struct err *e);

/* Removes what a killed tool left in /etc. Nobody else edits these files while we provision. */
int shadow_clean_up(const struct root *root, struct err *e);
