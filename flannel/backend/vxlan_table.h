/*
 * Between the reconciler and the kernel: reads what is on a VXLAN device, writes what is due. Only
 * entries on that device, of the shape that flannel agents write, are ever taken for ours.
 */
#pragma once
#include <stddef.h>

struct err;
struct nldump;
struct nltx;
struct reconcile;

/* Replaces what r believes by what the kernel has on the device in one address family. */
int vxlan_table_observe(struct reconcile *r, struct nldump *d, int family, int ifindex, struct err *e);

/*
 * Writes what r plans, in batches. Returns the number of operations, or -errno of the first that
 * failed (the others were done all the same, the failed ones will be planned again).
 */
int vxlan_table_apply(struct reconcile *r, struct nltx *t, int ifindex, const char *dev, struct err *e);
