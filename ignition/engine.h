/* Runs one stage: base config, user config or cache, state, journal (reference A.2). */
#pragma once

struct err;
struct provider;
struct stage;

struct engine {
	const char *root;         /* --root */
	const char *config_cache; /* /run/ignition.json */
	const char *state_file;   /* /run/ignition/state */
	const char *neednet;      /* /run/ignition/neednet */
	long long fetch_timeout_ms;
	const struct provider *platform;
	const struct stage *stage;
};

enum { ENGINE_STAGE_FAILED = 1, ENGINE_NO_FETCHER_OR_STATE = 3 }; /* exit codes of upstream */

/* Returns the exit code: 0, or one of the above with the story in e. Logs the outcome. */
int engine_run(const struct engine *en, struct err *e);
