/* Who shall own the entries of the plan: refused before the first write when that cannot be. */
#pragma once

struct account_db;
struct err;
struct ign_passwd;
struct nodes;

/*
 * Owners by name must exist in the target, or be made by this config; ids must be ones that the kernel
 * has, and that are mapped in our user namespace.
 */
int owners_check(const struct nodes *nodes, const struct account_db *db, const struct ign_passwd *made,
		 struct err *e);
