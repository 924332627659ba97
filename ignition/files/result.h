/* /etc/.ignition-result.json: what Fedora CoreOS tells the console about this provisioning (reference A.5.3).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;
struct ign_state;
struct root;
struct touched;

#define RESULT_PATH "/etc/.ignition-result.json"

struct result {
	const char *boot_id;
	const char *date; /* RFC 3339 */
	bool user_config;
	const char *previous; /* an earlier result's JSON text, or NULL */
	size_t previous_len;
};

/* The document, indented by two spaces. Pure. */
int result_format(const struct result *r, struct buf *out);

/*
 * Reads an earlier result before anything is written. *ret keeps its text when it must be nested
 * (not on a live image); one that is no JSON is an error.
 */
int result_read_previous(const struct root *root, struct buf *ret, struct err *e);

int result_write(const struct root *root, const struct ign_state *state, const struct buf *previous,
		 struct touched *t, struct err *e);
