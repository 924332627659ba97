/* Carries out the plan of files/nodes, entry by entry. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

struct account_db;
struct err;
struct fetcher;
struct journal;
struct node;
struct root;

/* File systems that were written to; each is synced once at the end. */
struct touched {
	struct {
		dev_t dev;
		int fd;
	} v[32];
	size_t n;
};
int touched_add(struct touched *t, int dir_fd, struct err *e); /* dir_fd may be O_PATH */
int touched_sync(struct touched *t, struct err *e);
void touched_close(struct touched *t);

struct writer {
	const struct root *root;
	struct fetcher *fetcher;
	const struct account_db *accounts; /* as they are now that groups and users are made */
	const struct journal *notes;
	struct touched *touched;
};

/* Makes one entry and logs it. Repeating it after an interruption at any point has the same result. */
int write_node(const struct writer *w, const struct node *n, struct err *e);
