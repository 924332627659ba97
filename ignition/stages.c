#include "ignition/stages.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "ignition/config/config.h"
#include "ignition/fetch/fetch.h"
#include "ignition/needs_net.h"
#include <string.h>

static const struct stage stages[] = {
	{ "disks", stage_disks, false, false },
	{ "fetch", stage_fetch, true, false },
	{ "fetch-offline", stage_fetch_offline, true, false },
	{ "files", stage_files, false, true },
	{ "kargs", stage_kargs, false, false },
	{ "mount", stage_mount, false, true },
	{ "umount", stage_umount, false, true },
};

const struct stage *stage_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if (!strcmp(stages[i].name, name))
			return &stages[i];
	return NULL;
}

const struct stage *stage_at(unsigned i)
{
	return i < ARRAY_SIZE(stages) ? &stages[i] : NULL;
}

/* The config is here; what remains is to say whether a later stage wants the network (reference D.7). */
int stage_fetch_offline(struct stage_ctx *c, struct err *e)
{
	CLEANUP(buf_done) struct buf shown = { 0 };
	const char *source = config_needs_net_shown(c->config, &shown);

	if (!source)
		return 0;
	return err_text(e, EFETCH_NEEDNET, "%s needs the network", source);
}

int stage_fetch(struct stage_ctx *c, struct err *e)
{
	(void)c, (void)e;
	log_info("fetch complete");
	return 0;
}

/*
 * One call of the distribution's helper, which adds what is missing, removes what is present, and
 * reboots by itself when it changed anything (reference F.1).
 */
int stage_kargs(struct stage_ctx *c, struct err *e)
{
	const struct strlist *add = &c->config->kernel_arguments.should_exist;
	const struct strlist *del = &c->config->kernel_arguments.should_not_exist;
	CLEANUP(freep) const char **argv = NULL;
	struct log_op op;
	size_t n = 0;
	int r;

	if (!add->n && !del->n)
		return 0;
	argv = calloc(2 * (add->n + del->n) + 2, sizeof *argv);
	if (!argv)
		return err_errno(e, ENOMEM, "kernel arguments");
	argv[n++] = "ignition-kargs-helper";
	for (size_t i = 0; i < add->n; i++) {
		argv[n++] = "--should-exist";
		argv[n++] = add->v[i];
	}
	for (size_t i = 0; i < del->n; i++) {
		argv[n++] = "--should-not-exist";
		argv[n++] = del->v[i];
	}
	log_op_begin(&op, "updating kernel arguments");
	r = proc_run(&(struct proc){ .argv = argv }, NULL, e);
	if (r < 0)
		r = err_wrap(e, r, "failed adding kernel arguments");
	return log_op_end(&op, r, e);
}
