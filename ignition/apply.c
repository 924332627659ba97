#include "ignition/apply.h"
#include "base/arena.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "ignition/config/config.h"
#include "ignition/document.h"
#include "ignition/fetch/fetch.h"
#include "ignition/needs_net.h"
#include "ignition/render.h"
#include "ignition/stages.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What only a boot can do, in upstream's order of stages: the first that the config uses is what it is
 * refused for. The mount and umount stages would refuse file systems too, after disks has done so.
 */
#define SECTION(name, member) name, offsetof(struct ign_config, member.n)
static const struct {
	const char *stage, *refusal, *section;
	size_t count; /* offset of the list's length */
} unsupported[] = {
	{ "kargs", "cannot apply kargs modifications live",
	  SECTION("kernelArguments.shouldExist", kernel_arguments.should_exist) },
	{ "kargs", "cannot apply kargs modifications live",
	  SECTION("kernelArguments.shouldNotExist", kernel_arguments.should_not_exist) },
	{ "disks", "cannot apply disk modifications live", SECTION("storage.disks", storage.disks) },
	{ "disks", "cannot apply disk modifications live", SECTION("storage.raid", storage.raid) },
	{ "disks", "cannot apply disk modifications live", SECTION("storage.luks", storage.luks) },
	{ "disks", "cannot apply disk modifications live",
	  SECTION("storage.filesystems", storage.filesystems) },
	{ "files", "cannot apply passwd live", SECTION("passwd.groups", passwd.groups) },
	{ "files", "cannot apply passwd live", SECTION("passwd.users", passwd.users) },
};

static void fetcher_freep(struct fetcher **f)
{
	fetcher_free(*f);
}

/* As upstream tells: what podman, docker, buildah and systemd-nspawn leave in theirs. */
static bool in_container(void)
{
	const char *env = getenv("container");

	return (env && *env) || access("/run/.containerenv", F_OK) == 0 || access("/.dockerenv", F_OK) == 0;
}

static int read_config(const char *name, struct arena *a, struct ign_config *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
	int r = strcmp(name, "-") ? file_read(name, &text, e)
				  : file_read_fd(STDIN_FILENO, "standard input", &text, e);

	if (r < 0)
		return err_wrap(e, r, "couldn't read config");
	r = document_parse(NULL, &text, a, ret, e);
	return r < 0 ? err_wrap(e, r, "couldn't parse config") : 0;
}

static bool has_references(const struct ign_config *c)
{
	return c->ignition.config.replace.source || c->ignition.config.merge.n;
}

/* Whether files/ will fetch anything: only then are proxy, timeouts and authorities wanted. */
static bool has_remote_files(const struct ign_config *c)
{
	struct ign_config only = { .storage.files = c->storage.files };

	return config_needs_net(&only) != NULL;
}

static int render(const struct apply *how, struct fetcher *f, struct arena *a,
		  const struct ign_config *config, struct ign_config *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf shown = { 0 };
	const char *source;
	int r = has_references(config) ? fetcher_configure(f, &config->ignition, e) : 0;

	if (r == 0)
		r = render_references(f, a, NULL, config, ret, e);
	if (r < 0)
		return r;
	source = how->offline ? config_needs_net_shown(ret, &shown) : NULL;
	if (source)
		return err_text(e, EFETCH_NEEDNET, "%s: resource requires networking", source);
	return has_remote_files(ret) ? fetcher_configure(f, &ret->ignition, e) : 0;
}

static int drop_unsupported(const struct apply *how, struct ign_config *c, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		size_t *n = (size_t *)((char *)c + unsupported[i].count);

		if (!*n)
			continue;
		if (!how->ignore_unsupported) {
			log_notice("%s is for a first boot: leave it out, or use --ignore-unsupported",
				   unsupported[i].section);
			return err_text(e, ENOTSUP, "running stage '%s': %s", unsupported[i].stage,
					unsupported[i].refusal);
		}
		log_warn("%s is ignored: it cannot be applied to an image", unsupported[i].section);
		*n = 0;
	}
	return 0;
}

static int apply(const struct apply *how, struct arena *a, const struct ign_config *config, struct err *e)
{
	CLEANUP(fetcher_freep) struct fetcher *fetcher = NULL;
	struct stage_ctx c = { .arena = a, .root = { .fd = -1 } };
	struct ign_config rendered;
	char real[PATH_MAX];
	int r;

	if (!in_container())
		return err_text(
			e, EPERM,
			"this tool is not designed to run on a host system; reprovision the machine instead");
	r = fetcher_new(how->offline, &fetcher, e);
	if (r == 0)
		r = render(how, fetcher, a, config, &rendered, e);
	if (r == 0)
		r = drop_unsupported(how, &rendered, e);
	if (r < 0)
		return r;
	c.config = &rendered;
	c.fetcher = fetcher;
	r = root_open(&c.root, *how->root != '/' && realpath(how->root, real) ? real : how->root, e);
	if (r < 0)
		return r;
	r = stage_files_image(&c, e);
	root_close(&c.root);
	return r < 0 ? err_wrap(e, r, "running stage 'files'") : 0;
}

int apply_run(const struct apply *how, struct err *e)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	struct ign_config config = { 0 };
	int r;

	if (!arena)
		return err_errno(e, ENOMEM, "starting");
	r = read_config(how->config, arena, &config, e);
	if (r < 0)
		return r;
	r = apply(how, arena, &config, e);
	return r < 0 ? err_wrap(e, r, "failed to apply") : 0;
}
