#include "ignition/engine.h"
#include "base/arena.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "ignition/acquire.h"
#include "ignition/base_config.h"
#include "ignition/config/config.h"
#include "ignition/fetch/fetch.h"
#include "ignition/providers/provider.h"
#include "ignition/stages.h"
#include "ignition/state.h"
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Read by Fedora CoreOS and its tests (reference A.6); never change. */
#define MESSAGE_CONFIG_FETCHED "57124006b5c94805b77ce473e92a8aeb"

static void fetcher_freep(struct fetcher **f)
{
	fetcher_free(*f);
}

static void state_donep(struct ign_state *s)
{
	state_done(s);
}

static int write_cache(const char *path, const struct ign_config *config, struct err *e)
{
	CLEANUP(arena_freep) struct arena *scratch = arena_new();
	CLEANUP(buf_done) struct buf json = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
	struct ign_config again;
	int r = scratch ? ign_config_emit(config, &json) : -ENOMEM;

	if (r == -EFBIG)
		return err_text(e, EFBIG, "the config with all it refers to is larger than %d bytes",
				IGN_CONFIG_MAX_BYTES);
	if (r < 0)
		return err_errno(e, -r, "writing the config cache %s", path);
	/* Parts that are within the limits may not be when merged: said now, not by the disks stage. */
	r = ign_config_parse_cache(buf_str(&json), json.n, scratch, &again, e);
	if (r < 0)
		return err_wrap(e, r, "the config with all it refers to");
	/* 0600 where upstream has 0640: the cache holds password hashes and keys */
	return atomic_write(path, json.p, json.n, 0600, 0755, e);
}

static int read_cache(const char *path, struct arena *a, struct ign_config *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
	int r = file_read(path, &text, e);

	if (r == 0) {
		r = ign_config_parse_cache(buf_str(&text), text.n, a, ret, e);
		if (r < 0)
			err_wrap(e, r, "config cache %s", path);
	}
	return r < 0 ? err_wrap(e, r, "failed to acquire config") : 0;
}

static int signal_neednet(const char *path, struct err *e)
{
	int fd, r = file_make_parents(path, 0755, e);

	if (r < 0)
		return r;
	fd = creat(path, 0666);
	if (fd < 0)
		return err_errno(e, errno, "creating %s", path);
	close(fd);
	return 0;
}

static void announce_configs(const struct ign_state *s)
{
	for (size_t i = 0; i < s->fetched_configs.n; i++) {
		const struct state_config *c = &s->fetched_configs.v[i];

		log_msg(LOG_INFO,
			FIELDS({ "MESSAGE_ID", MESSAGE_CONFIG_FETCHED }, { "IGNITION_CONFIG_TYPE", c->kind },
			       { "IGNITION_CONFIG_SRC", c->source },
			       { "IGNITION_CONFIG_REFERENCED", c->referenced ? "true" : "false" }),
			"fetched %s%s config from \"%s\"", c->referenced ? "referenced " : "", c->kind,
			c->source);
	}
}

/* A stage that fetches starts the story of this boot's configs anew: a second try adds nothing twice. */
static int fetch_user_config(const struct engine *en, struct stage_ctx *c, int has_base,
			     struct ign_config *ret, struct err *e)
{
	const struct acquire how = { .platform = en->platform, .fetch_timeout_ms = en->fetch_timeout_ms };
	int r = 0;

	c->state->fetched_configs.n = 0;
	if (has_base)
		r = state_add_config(c->state, "base", "system", false);
	if (r < 0)
		return err_errno(e, -r, "recording the base config");
	r = acquire_config(&how, c->fetcher, c->arena, c->state, ret, e);
	if (r < 0)
		return r;
	r = write_cache(en->config_cache, ret, e);
	if (r == 0)
		announce_configs(c->state);
	return r;
}

static int prepare_and_run(const struct engine *en, struct stage_ctx *c, struct err *e)
{
	struct ign_config empty, base, user, below, full;
	char real[PATH_MAX]; /* c->root refers to it */
	int r, has_base = 0;

	ign_config_init(&empty);
	r = base_config_load(en->platform->id, c->arena, &base, &has_base, e);
	if (r < 0)
		return r;
	if (en->stage->fetches_config) {
		r = fetch_user_config(en, c, has_base, &user, e);
	} else {
		r = read_cache(en->config_cache, c->arena, &user, e);
		if (r == 0)
			r = fetcher_configure(c->fetcher, &user.ignition, e);
	}
	if (r < 0)
		return r;
	r = ign_config_merge(c->arena, &base, &user, &below);
	if (r == 0)
		r = ign_config_merge(c->arena, &empty, &below, &full);
	if (r < 0)
		return err_errno(e, -r, "merging base and user config");
	c->config = &full;
	if (en->stage->uses_root) /* tools that are given the root want it absolute */
		r = root_open(&c->root, *en->root != '/' && realpath(en->root, real) ? real : en->root, e);
	if (r == 0) {
		r = en->stage->run(c, e);
		root_close(&c->root);
	}
	c->config = NULL; /* it ends with this function */
	return r;
}

/* What the stage decided: the network is asked for through a flag file, which is success. */
static int conclude(const struct engine *en, int r, struct err *e)
{
	if (r != -EFETCH_NEEDNET || strcmp(en->stage->name, "fetch-offline"))
		return r;
	log_info("the network is needed: %s", e->text);
	*e = (struct err){ 0 };
	return signal_neednet(en->neednet, e);
}

int engine_run(const struct engine *en, struct err *e)
{
	CLEANUP(state_donep) struct ign_state state = { 0 };
	CLEANUP(fetcher_freep) struct fetcher *fetcher = NULL;
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	struct stage_ctx c = { .state = &state, .arena = arena, .root = { .fd = -1, .path = en->root } };
	int r;

	log_info("Ignition %s", HEARTH_VERSION);
	log_info("Stage: %s", en->stage->name);
	if (!arena) {
		err_errno(e, ENOMEM, "starting");
		return ENGINE_NO_FETCHER_OR_STATE;
	}
	if (fetcher_new(!strcmp(en->stage->name, "fetch-offline"), &fetcher, e) < 0 ||
	    state_load(&state, en->state_file, e) < 0) {
		log_crit("Ignition failed: %s", e->text);
		return ENGINE_NO_FETCHER_OR_STATE;
	}
	c.fetcher = fetcher;
	log_push("%s", en->stage->name);
	r = conclude(en, prepare_and_run(en, &c, e), e);
	log_pop();
	if (r == 0)
		r = state_save(&state, en->state_file, e);
	if (r < 0) {
		if (!e->code)
			err_errno(e, -r, "stage %s", en->stage->name);
		log_crit("Ignition failed: %s", e->text);
		return ENGINE_STAGE_FAILED;
	}
	log_info("Ignition finished successfully");
	return 0;
}
