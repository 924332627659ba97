/*
 * The files stage. First everything that can be refused is refused: names, conflicts, owners, the
 * network's contents and their hashes. Then the notes for a re-run go to the disk (files/journal.h),
 * then groups, users, storage entries, units and presets, the result file (reference F.8), and one
 * sync of each file system that was written to.
 */
#include "ignition/stages.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "ignition/config/config.h"
#include "ignition/files/account.h"
#include "ignition/files/journal.h"
#include "ignition/files/nodes.h"
#include "ignition/files/passwd.h"
#include "ignition/files/result.h"
#include "ignition/files/staging.h"
#include "ignition/files/units.h"
#include "ignition/files/write.h"
#include "ignition/state.h"
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

enum { SELINUX_CONFIG_MAX = 64 << 10 };

struct run {
	struct stage_ctx *ctx;
	struct passwd_job passwd;
	struct journal notes;
	struct nodes nodes;
	struct staging staging;
	struct touched touched;
	struct buf previous; /* result */
	int lock;            /* the root, held by this run */
};

static void run_done(struct run *run)
{
	staging_close(&run->staging);
	touched_close(&run->touched);
	buf_done(&run->previous);
	closep(&run->lock);
}

/* Two runs would take each other's half-written files for leftovers. */
static int lock_root(const struct root *root, int *ret_fd, struct err *e)
{
	int fd = openat(root->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "opening the root directory %s", root->path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		close(fd);
		return err_text(e, EBUSY, "another run is writing to %s: wait for it to end", root->path);
	}
	*ret_fd = fd; /* also where the file system knows no locks */
	return 0;
}

/* The distribution's knob of that name (reference A.7). */
static int read_knob(bool *ret, struct err *e)
{
	const char *v = getenv("IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT");

	*ret = true;
	if (!v || !*v || !strcmp(v, "true") || !strcmp(v, "1"))
		return 0;
	if (strcmp(v, "false") && strcmp(v, "0"))
		return err_text(e, EINVAL,
				"IGNITION_WRITE_AUTHORIZED_KEYS_FRAGMENT=%s: expected true, 1, false or 0",
				v);
	*ret = false;
	return 0;
}

static int fingerprint(const struct ign_config *c, uint64_t *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	int r = ign_config_emit(c, &text);

	if (r < 0)
		return err_errno(e, -r, "fingerprinting the config");
	*ret = journal_sum(journal_sum(0, NULL, 0), buf_str(&text), text.n);
	if (text.n)
		explicit_bzero(text.p, text.n);
	return 0;
}

static void warn_selinux(const struct root *root)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = SELINUX_CONFIG_MAX);
	const char *p;

	if (root_read_file(root, "/etc/selinux/config", &text, NULL) < 0)
		return;
	for (p = buf_str(&text); p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, "SELINUX=enforcing", 17)) {
			log_warn("the target enforces SELinux, but this build does not set labels: "
				 "relabel it on first boot (touch /.autorelabel)");
			return;
		}
	}
}

/* Whether what is in the way of a unit may be gone by then. */
static bool replaces_in_etc(const struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->v[i].replace && !strncmp(nodes->v[i].path, "/etc", 4))
			return true;
	return false;
}

/* Nothing here changes the target. */
static int plan(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	struct passwd_job *p = &run->passwd;
	struct account_db db;
	struct journal old;
	uint64_t sum = 0;
	int r;

	*p = (struct passwd_job){ .root = &c->root,
				  .config = &c->config->passwd,
				  .state = c->state,
				  .touched = &run->touched,
				  .arena = c->arena };
	if (c->config->storage.luks.n)
		return err_text(e, ENOTSUP,
				"storage.luks: encrypted volumes are not supported by this build");
	r = read_knob(&p->key_fragments, e);
	if (r == 0)
		r = account_load(&c->root, c->arena, &db, e);
	if (r == 0)
		r = passwd_check(p, &db, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create users/groups");
	r = fingerprint(c->config, &sum, e);
	if (r == 0)
		r = journal_load(&c->root, sum, c->arena, &old, e);
	if (r == 0)
		r = nodes_resolve(&c->root, &c->config->storage, c->arena, &run->nodes, e);
	if (r == 0)
		r = nodes_check(&c->root, &run->nodes, &old, c->arena, &run->notes, e);
	if (r == 0)
		r = nodes_check_owners(&run->nodes, &db, p->config, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create files");
	p->notes = &run->notes;
	r = passwd_note(p, &db, &run->notes, e);
	if (r < 0)
		return r;
	r = units_check(&c->config->systemd, e);
	if (r == 0 && !replaces_in_etc(&run->nodes))
		r = units_check_target(&c->root, &c->config->systemd, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create units");
	return result_read_previous(&c->root, &run->previous, e);
}

static int write_storage(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	struct account_db db;
	struct writer w = { &c->root, c->fetcher, &db, &run->notes, &run->touched };
	int r = account_load(&c->root, c->arena, &db, e);

	log_push("createFilesystemsFiles");
	log_push("createFiles");
	for (size_t i = 0; r == 0 && i < run->nodes.n; i++)
		r = write_node(&w, &run->nodes.v[i], e);
	log_pop();
	log_pop();
	return r < 0 ? err_wrap(e, r, "failed to create files") : 0;
}

static int write_result(struct run *run, struct err *e)
{
	int r;

	log_push("createResultFile");
	log_push("createFiles");
	r = result_write(&run->ctx->root, run->ctx->state, &run->previous, &run->touched, e);
	log_pop();
	log_pop();
	return r < 0 ? err_wrap(e, r, "failed to create result file") : 0;
}

static int apply(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	int r = passwd_apply(&run->passwd, e);

	if (r < 0)
		return err_wrap(e, r, "failed to create users/groups");
	r = write_storage(run, e);
	if (r < 0)
		return r;
	r = units_write(&c->root, &c->config->systemd, &run->touched, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create units");
	return write_result(run, e);
}

int stage_files(struct stage_ctx *c, struct err *e)
{
	CLEANUP(run_done) struct run run = { .ctx = c, .lock = -1 };
	int r = lock_root(&c->root, &run.lock, e);

	if (r == 0)
		r = plan(&run, e);
	if (r < 0)
		return r;
	r = staging_fetch(&c->root, c->fetcher, &run.nodes, c->arena, &run.staging, e);
	if (r < 0)
		return err_wrap(e, r, "failed to create files");
	r = journal_save(&c->root, &run.notes, e);
	if (r == 0)
		r = apply(&run, e);
	if (r == 0)
		r = touched_sync(&run.touched, e);
	if (r < 0)
		return r;
	run.notes.finished = true;
	r = journal_save(&c->root, &run.notes, e);
	if (r == 0)
		warn_selinux(&c->root);
	return r;
}
