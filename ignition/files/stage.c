/*
 * The files stage. First everything that can be refused is refused: names, conflicts, owners, the
 * network's contents and their hashes. Then the notes for a re-run go to the disk (files/journal.h),
 * then groups, users, storage entries, units and presets, the result file (reference F.8), and one
 * sync of each file system that was written to. For a container image the same is done without the
 * steps that are about one machine.
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
#include "ignition/files/owners.h"
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

/* What a run is for. */
struct purpose {
	const char *notes; /* where they are kept */
	/*
	 * A boot: makes users and a result file; the notes stay after success, since the boot may fail
	 * later and run everything again; what was written is on the disk at the end. An image gets none
	 * of these: a finished one holds nothing of ours, and is put on a disk later, by its builder.
	 */
	bool boot;
};

static const struct purpose for_boot = { JOURNAL_PATH, true };
static const struct purpose for_image = { JOURNAL_IMAGE_PATH, false };

struct run {
	struct stage_ctx *ctx;
	const struct purpose *purpose;
	struct account_db accounts; /* before the first write */
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

static int check_accounts(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	struct passwd_job *p = &run->passwd;
	int r;

	*p = (struct passwd_job){ .root = &c->root,
				  .config = &c->config->passwd,
				  .state = c->state,
				  .touched = &run->touched,
				  .arena = c->arena,
				  .notes = &run->notes };
	r = read_knob(&p->key_fragments, e);
	return r < 0 ? r : passwd_check(p, &run->accounts, e);
}

static int check_storage(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	struct journal old;
	uint64_t sum = 0;
	int r = fingerprint(c->config, &sum, e);

	if (r == 0)
		r = journal_load(&c->root, run->purpose->notes, sum, c->arena, &old, e);
	if (r == 0)
		r = nodes_resolve(&c->root, &c->config->storage, c->arena, &run->nodes, e);
	if (r == 0)
		r = nodes_check(&c->root, &run->nodes, &old, c->arena, &run->notes, e);
	return r < 0 ? r : owners_check(&run->nodes, &run->accounts, &c->config->passwd, e);
}

static int note_accounts(struct run *run, struct err *e)
{
	return passwd_note(&run->passwd, &run->accounts, &run->notes, e);
}

static int check_units(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	int r = units_check(&c->config->systemd, e);

	if (r == 0 && !replaces_in_etc(&run->nodes))
		r = units_check_target(&c->root, &c->config->systemd, e);
	return r;
}

static int check_result(struct run *run, struct err *e)
{
	return result_read_previous(&run->ctx->root, &run->previous, e);
}

static int fetch_contents(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;

	return staging_fetch(&c->root, c->fetcher, &run->nodes, c->arena, &run->staging, e);
}

static int write_accounts(struct run *run, struct err *e)
{
	return passwd_apply(&run->passwd, e);
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
	return r;
}

static int write_units(struct run *run, struct err *e)
{
	return units_write(&run->ctx->root, &run->ctx->config->systemd, &run->touched, e);
}

static int write_result(struct run *run, struct err *e)
{
	int r;

	log_push("createResultFile");
	log_push("createFiles");
	r = result_write(&run->ctx->root, run->ctx->state, &run->previous, &run->touched, e);
	log_pop();
	log_pop();
	return r;
}

struct step {
	int (*run)(struct run *run, struct err *e);
	bool boot_only;
	const char *failure; /* upstream's prefix; NULL = the story has it */
};

/* In this order; nothing in the first table changes the target. */
static const struct step checks[] = {
	{ check_accounts, true, "failed to create users/groups" },
	{ check_storage, false, "failed to create files" },
	{ note_accounts, true, NULL },
	{ check_units, false, "failed to create units" },
	{ check_result, true, NULL },
	{ fetch_contents, false, "failed to create files" },
};

static const struct step writes[] = {
	{ write_accounts, true, "failed to create users/groups" },
	{ write_storage, false, "failed to create files" },
	{ write_units, false, "failed to create units" },
	{ write_result, true, "failed to create result file" },
};

static int run_steps(struct run *run, const struct step *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int r = v[i].boot_only && !run->purpose->boot ? 0 : v[i].run(run, e);

		if (r < 0)
			return v[i].failure ? err_wrap(e, r, "%s", v[i].failure) : r;
	}
	return 0;
}

static int plan(struct run *run, struct err *e)
{
	struct stage_ctx *c = run->ctx;
	int r;

	if (c->config->storage.luks.n)
		return err_text(e, ENOTSUP,
				"storage.luks: encrypted volumes are not supported by this build");
	r = account_load(&c->root, c->arena, &run->accounts, e);
	return r < 0 ? r : run_steps(run, checks, ARRAY_SIZE(checks), e);
}

/* Notes of nothing would only be a file that comes and goes. */
static bool has_notes(const struct run *run)
{
	return run->purpose->boot || run->notes.made.n || run->notes.appends.n;
}

static int save_notes(struct run *run, struct err *e)
{
	return has_notes(run) ? journal_save(&run->ctx->root, run->purpose->notes, &run->notes, e) : 0;
}

static int finish(struct run *run, struct err *e)
{
	const struct root *root = &run->ctx->root;
	int r;

	if (!run->purpose->boot)
		return has_notes(run) ? root_remove_tree(root, run->purpose->notes, e) : 0;
	r = touched_sync(&run->touched, e);
	if (r < 0)
		return r;
	run->notes.finished = true;
	r = save_notes(run, e);
	if (r == 0)
		warn_selinux(root);
	return r;
}

static int run_for(const struct purpose *purpose, struct stage_ctx *c, struct err *e)
{
	CLEANUP(run_done) struct run run = { .ctx = c, .purpose = purpose, .lock = -1 };
	int r = lock_root(&c->root, &run.lock, e);

	if (r == 0)
		r = plan(&run, e);
	if (r == 0)
		r = save_notes(&run, e);
	if (r == 0)
		r = run_steps(&run, writes, ARRAY_SIZE(writes), e);
	return r < 0 ? r : finish(&run, e);
}

int stage_files(struct stage_ctx *c, struct err *e)
{
	return run_for(&for_boot, c, e);
}

int stage_files_image(struct stage_ctx *c, struct err *e)
{
	return run_for(&for_image, c, e);
}
