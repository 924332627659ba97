#include "ignition/acquire.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "ignition/base_config.h"
#include "ignition/cmdline.h"
#include "ignition/config/config.h"
#include "ignition/document.h"
#include "ignition/fetch/fetch.h"
#include "ignition/providers/provider.h"
#include "ignition/render.h"
#include "ignition/state.h"

/* 1 = the command line names a config and text holds it; 0 = it names none */
static int from_cmdline(struct fetcher *f, struct buf *text, struct err *e)
{
	CLEANUP(buf_done) struct buf line = BUF_INIT(.max = CMDLINE_MAX_BYTES);
	CLEANUP(buf_done) struct buf url = { 0 };
	CLEANUP(buf_done) struct buf device = { 0 };
	int r = cmdline_read(&line, e), has_device;

	if (r < 0)
		return err_wrap(e, r, "reading the kernel command line");
	r = cmdline_find(buf_str(&line), "ignition.config.url", &url);
	has_device = cmdline_find(buf_str(&line), "ignition.config.device", &device);
	if (r < 0 || has_device < 0)
		return err_errno(e, ENOMEM, "reading the kernel command line");
	if (r == 0 && has_device)
		return err_text(
			e, ENOTSUP,
			"ignition.config.device on the kernel command line is not supported by this build; "
			"use ignition.config.url");
	if (r == 0) {
		log_debug("no config URL on the kernel command line");
		return 0;
	}
	r = fetch_get(f, &(struct fetch_get){ .url = buf_str(&url) }, text, e);
	return r < 0 ? err_wrap(e, r, "config of ignition.config.url") : 1;
}

static int from_system(struct fetcher *f, struct buf *text, struct err *e)
{
	(void)f;
	return user_ign_read(text, e);
}

static const struct {
	const char *name;
	int (*read)(struct fetcher *f, struct buf *text, struct err *e);
} before_platform[] = {
	{ "cmdline", from_cmdline },
	{ "system", from_system },
};

static int read_raw(const struct acquire *how, struct fetcher *f, struct buf *text, const char **ret_name,
		    struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(before_platform); i++) {
		int r = before_platform[i].read(f, text, e);

		if (r != 0) {
			*ret_name = before_platform[i].name;
			return r < 0 ? r : 0;
		}
	}
	*ret_name = how->platform->id;
	return how->platform->fetch(f, text, e);
}

/* Everything after the provider's bytes: references, settings, authorities, the final rules. */
static int finish(struct fetcher *f, struct arena *a, struct ign_state *s, struct ign_config *config,
		  struct err *e)
{
	struct ign_config rendered;
	int r = fetcher_configure(f, &config->ignition, e);

	if (r == 0)
		r = render_references(f, a, s, config, &rendered, e);
	if (r == 0)
		r = fetcher_configure(f, &rendered.ignition, e);
	if (r == 0)
		r = render_authorities(f, a, &rendered, e);
	if (r < 0)
		return r;
	r = document_check(&rendered, e);
	if (r < 0) {
		log_crit("merging configs resulted in an invalid config");
		return r;
	}
	*config = rendered;
	return 0;
}

int acquire_config(const struct acquire *how, struct fetcher *f, struct arena *a, struct ign_state *s,
		   struct ign_config *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
	struct ign_config config = { 0 };
	const char *name = NULL;
	int r;

	fetcher_set_total_timeout(f, how->fetch_timeout_ms);
	r = read_raw(how, f, &text, &name, e);
	if (r < 0)
		return r;
	if (text.n == 0) {
		log_info(
			"not a config (empty): provider config was empty, continuing with empty cache config");
		ign_config_init(ret);
		return 0;
	}
	r = document_parse(name, &text, a, &config, e);
	if (r < 0)
		return r;
	r = state_add_config(s, "user", name, false);
	if (r < 0)
		return err_errno(e, -r, "recording the config's source");
	fetcher_set_total_timeout(f, 0);
	r = finish(f, a, s, &config, e);
	if (r == 0)
		*ret = config;
	return r;
}
