/*
 * What the kernel should hold for the peers of one address family on one VXLAN device, what it
 * holds, and the operations that lead from the one to the other. Pure: nothing here talks to the
 * kernel. Owns copies of everything it was given.
 *
 * Each peer claims a route to its subnet, a neighbour entry for the subnet's first address, and a
 * forwarding entry from its MAC to its public address. Several peers may claim the same entry (a
 * node that came back under another address while its old lease lives on shares its MAC with it):
 * the claim with the highest revision decides, and the entry goes only with its last claim.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

struct reconcile;

/* In the order in which they are put in place; they are removed in the opposite order. */
enum reconcile_kind { RECONCILE_NEIGH, RECONCILE_FDB, RECONCILE_ROUTE, RECONCILE_KINDS };

struct reconcile_peer {
	struct ipnet subnet; /* without host bits */
	struct hwaddr mac;
	struct ipaddr vtep;
	int64_t revision;
};

/*
 * One entry of the kernel; which members count depends on the kind:
 *   NEIGH  dst.addr -> mac
 *   FDB    mac      -> via (the remote tunnel end)
 *   ROUTE  dst      -> via (the gateway)
 */
struct reconcile_op {
	enum reconcile_kind kind;
	bool del;
	struct ipnet dst;
	struct hwaddr mac;
	struct ipaddr via;
};

int reconcile_new(struct reconcile **ret);
struct reconcile *reconcile_free(struct reconcile *r); /* accepts NULL, returns NULL */

/*
 * Desired state. key names the lease ("10.5.3.0-24"); setting it again replaces what it claimed.
 * 1 when anything changed, 0 when it was known like this, or -ENOMEM (nothing changed).
 */
int reconcile_set(struct reconcile *r, const char *key, const struct reconcile_peer *p);
bool reconcile_unset(struct reconcile *r, const char *key); /* false: was not there */
/* Between the two, peers that are not set again count as gone. Returns how many were dropped. */
void reconcile_snapshot_begin(struct reconcile *r);
size_t reconcile_snapshot_end(struct reconcile *r);
size_t reconcile_peers(const struct reconcile *r);

/*
 * Observed state: begin forgets what was believed, then one call per dumped entry that is a
 * candidate of ours (each op's del is ignored), then everything counts as unchecked until the next
 * plan. exact = false says that the entry is there but not as we would write it (another type,
 * flag or nexthop): it is replaced when wanted and removed when not. 0 or -ENOMEM.
 */
void reconcile_observe_begin(struct reconcile *r);
int reconcile_observe(struct reconcile *r, const struct reconcile_op *entry, bool exact);

/* Is the entry (its key counts, not its value) wanted, or believed to be in the kernel? */
bool reconcile_knows(const struct reconcile *r, const struct reconcile_op *entry);

/*
 * The operations that are due, in safe order: routes that go, neighbours, forwarding entries,
 * routes, then forwarding entries and neighbours that go. *ret is malloc'ed, NULL when there is
 * nothing to do. 0 or -ENOMEM.
 */
int reconcile_plan(struct reconcile *r, struct reconcile_op **ret, size_t *ret_n);

/* Tells how an operation of the plan ended: 0, or -errno and it will be planned again. */
void reconcile_done(struct reconcile *r, const struct reconcile_op *op, int err);

/* "route 10.5.3.0/24 via 10.5.3.0" for messages. Returns buf. */
const char *reconcile_op_text(const struct reconcile_op *op, char *buf, size_t n);

static inline void reconcile_freep(struct reconcile **r)
{
	reconcile_free(*r);
}
