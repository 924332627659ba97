#include "ignition/base_config.h"
#include "base/arena.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "ignition/config/config.h"
#include "ignition/document.h"
#include <dirent.h>
#include <limits.h>
#include <string.h>

enum { MAX_BASE_FILES = 1024 };

static const struct {
	const char *env, *path;
} search[] = {
	{ "IGNITION_SYSTEM_RUNTIME_CONFIG_DIR", "/run/ignition" },
	{ "IGNITION_SYSTEM_LOCAL_CONFIG_DIR", "/etc/ignition" },
	{ "IGNITION_SYSTEM_CONFIG_DIR", "/usr/lib/ignition" },
};

static const char *search_dir(size_t i)
{
	const char *env = getenv(search[i].env);

	return env && *env ? env : search[i].path;
}

struct base_file {
	char name[NAME_MAX + 1];
	size_t dir; /* index in search: the lowest index has won */
};

struct base_files {
	struct base_file *v;
	size_t n;
};

static void base_files_done(struct base_files *f)
{
	free(f->v);
}

static int base_files_add(struct base_files *f, const char *name, size_t dir)
{
	struct base_file *v;

	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->v[i].name, name))
			return 0; /* a folder of higher priority has it */
	if (f->n == MAX_BASE_FILES)
		return -E2BIG;
	v = reallocarray(f->v, f->n + 1, sizeof *v);
	if (!v)
		return -ENOMEM;
	f->v = v;
	snprintf(v[f->n].name, sizeof v[f->n].name, "%s", name);
	v[f->n++].dir = dir;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct base_file *)a)->name, ((const struct base_file *)b)->name);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int collect(const char *sub, struct base_files *f, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(search); i++) {
		char path[PATH_MAX];
		struct dirent *d;
		int r = 0;

		if ((size_t)snprintf(path, sizeof path, "%s/%s", search_dir(i), sub) >= sizeof path)
			return err_errno(e, ENAMETOOLONG, "%s/%s", search_dir(i), sub);
		CLEANUP(closedirp) DIR *dir = opendir(path);
		if (!dir && (errno == ENOENT || errno == ENOTDIR)) {
			log_debug("no config dir at \"%s\"", path);
			continue;
		}
		if (!dir)
			return err_errno(e, errno, "opening %s", path);
		while (r == 0 && (d = readdir(dir)))
			if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
				r = base_files_add(f, d->d_name, i);
		if (r < 0)
			return err_errno(e, -r, "reading %s", path);
	}
	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_name);
	return 0;
}

static int merge_dir(const char *sub, struct arena *a, struct ign_config *config, int *found, struct err *e)
{
	CLEANUP(base_files_done) struct base_files files = { 0 };
	int r = collect(sub, &files, e);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		CLEANUP(buf_done) struct buf text = BUF_INIT(.max = IGN_CONFIG_MAX_BYTES);
		struct ign_config child = { 0 }, merged;
		char path[PATH_MAX];

		if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", search_dir(files.v[i].dir), sub,
				     files.v[i].name) >= sizeof path)
			return err_errno(e, ENAMETOOLONG, "%s", files.v[i].name);
		log_info("reading system config file \"%s\"", path);
		r = file_read(path, &text, e);
		if (r == 0)
			r = document_parse(path, &text, a, &child, e);
		if (r == -ENODATA) /* of a provider no mistake, so it comes without a name */
			r = err_wrap(e, r, "config from %s", path);
		if (r < 0)
			return r;
		if (child.ignition.config.merge.n || child.ignition.config.replace.source)
			log_warn(
				"%s: ignition.config.merge and ignition.config.replace of a base config are not followed",
				path);
		r = ign_config_merge(a, config, &child, &merged);
		if (r < 0)
			return err_errno(e, -r, "merging %s", path);
		*config = merged;
		*found = 1;
	}
	return r;
}

int base_config_load(const char *platform, struct arena *a, struct ign_config *ret, int *ret_found,
		     struct err *e)
{
	struct ign_config config, with_platform;
	char sub[PATH_MAX];
	struct err why = { 0 };
	int found = 0, found_platform = 0, r;

	ign_config_init(&config);
	r = merge_dir("base.d", a, &config, &found, e);
	if (r < 0)
		return err_wrap(e, r, "failed to acquire system base config");
	with_platform = config;
	snprintf(sub, sizeof sub, "base.platform.d/%s", platform);
	r = merge_dir(sub, a, &with_platform, &found_platform, &why);
	if (r < 0)
		log_warn("ignoring the base config of platform %s: %s", platform, why.text);
	else
		config = with_platform;
	*ret = config;
	*ret_found = found || (r == 0 && found_platform);
	return 0;
}

int user_ign_read(struct buf *out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(search); i++) {
		char path[PATH_MAX];
		struct err why = { 0 };
		int r;

		if ((size_t)snprintf(path, sizeof path, "%s/user.ign", search_dir(i)) >= sizeof path)
			return err_errno(e, ENAMETOOLONG, "%s", search_dir(i));
		r = file_read(path, out, &why);
		if (r == 0) {
			log_info("reading system config file \"%s\"", path);
			return 1;
		}
		if (r != -ENOENT)
			return err_text(e, -r, "%s", why.text);
	}
	return 0;
}
