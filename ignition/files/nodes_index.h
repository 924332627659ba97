/* The entries of the plan by their resolved path, shared by what makes the plan and what checks it. */
#pragma once
#include <stddef.h>

struct node;
struct nodes;

struct node_index {
	struct node **v; /* sorted by path, then by order; refers to the nodes; NULL: no memory */
	size_t n;
};

struct node_index node_index_make(const struct nodes *nodes);
void node_index_done(struct node_index *x);

/* The entry at the first len bytes of path, or NULL. */
const struct node *node_index_find(const struct node_index *x, const char *path, size_t len);
