/* The target's passwd and group files are whatever its image holds. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/files/account.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	struct account_db db = { 0 };

	if (account_parse_passwd((const char *)data, size, true, a, &db) < 0 ||
	    account_parse_group((const char *)data, size, false, a, &db) < 0)
		abort();
	for (size_t i = 0; i < db.users.n; i++) {
		const struct account_user *u = account_user(&db, db.users.v[i].name);

		if (!u || !*u->name || !u->home || !strstr(u->line, u->name) || u->uid == (uid_t)-1)
			abort();
	}
	for (size_t i = 0; i < db.groups.n; i++) {
		const struct account_group *g = account_group(&db, db.groups.v[i].name);

		if (!g || !*g->name || g->gid == (gid_t)-1)
			abort();
	}
	return 0;
}
