#include "ignition/files/shadow.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/root.h"
#include "ignition/files/account.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* What the initramfs calls PATH need not be right in the target. */
static const char *const target_env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  NULL };

void shadow_arg(struct shadow_args *a, const char *arg)
{
	if (a->n < SHADOW_MAX_ARGS)
		a->v[a->n++] = arg;
}

void shadow_option(struct shadow_args *a, const char *option, const char *value)
{
	if (!value)
		return;
	shadow_arg(a, option);
	shadow_arg(a, value);
}

static int run(const struct root *root, const char *tool, const struct shadow_args *args, const char *name,
	       const struct buf *input, struct err *e)
{
	const char *argv[SHADOW_MAX_ARGS + 6];
	struct proc p = { .argv = argv, .input = input ? input->p : NULL, .input_len = input ? input->n : 0 };
	struct err why = { 0 };
	size_t n = 0;
	int r;

	argv[n++] = tool;
	argv[n++] = "--root";
	argv[n++] = root->path;
	for (size_t i = 0; i < args->n; i++)
		argv[n++] = args->v[i];
	if (name)
		argv[n++] = name;
	argv[n] = NULL;
	r = proc_run(&p, NULL, &why);
	if (r == -ENOENT) {
		log_debug("%s: using the one in %s", why.text, root->path);
		argv[2] = tool; /* without "--root R" */
		p.argv = argv + 2;
		p.chroot = root->path;
		p.env = target_env;
		why = (struct err){ 0 };
		r = proc_run(&p, NULL, &why);
	}
	if (r == -ENOENT)
		return err_text(e, ENOENT, "%s is needed, but neither in PATH nor in %s", tool, root->path);
	if (r < 0 && e)
		*e = why;
	return r;
}

int shadow_run(const struct root *root, const char *tool, const struct shadow_args *args, const char *name,
	       struct err *e)
{
	return run(root, tool, args, name, NULL, e);
}

int shadow_set_password(const struct root *root, bool group, const char *name, const char *hash,
			struct err *e)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	struct shadow_args args = { 0 };
	int r = buf_printf(&line, "%s:%s\n", name, *hash ? hash : "*");

	if (r < 0)
		return err_errno(e, -r, "setting a password");
	shadow_arg(&args, "--encrypted");
	r = run(root, group ? "chgpasswd" : "chpasswd", &args, NULL, &line, e);
	explicit_bzero(line.p, line.n);
	return r;
}

/* The text of a buf ends with a NUL byte, and may hold others after a loss of power. */
static bool is_line_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(line, name, n) && line[n] == ':';
}

static const char *next_line(const char *line, const char *end)
{
	const char *nl = memchr(line, '\n', (size_t)(end - line));

	return nl ? nl + 1 : end;
}

/* ret_st may be NULL. Returns 0 when there is no such file. */
static int read_lines(const struct root *root, const char *path, struct buf *text, struct stat *ret_st,
		      struct err *e)
{
	CLEANUP(closep) int fd = -1;
	struct err why = { 0 };
	int r = root_read_file(root, path, text, &why);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	if (!ret_st)
		return 1;
	fd = root_open_file(root, path, O_PATH, e);
	if (fd < 0)
		return fd;
	return fstat(fd, ret_st) < 0 ? err_errno(e, errno, "%s", path) : 1;
}

int shadow_has_line(const struct root *root, const char *path, const char *name, bool *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = ACCOUNT_FILE_MAX);
	int r = read_lines(root, path, &text, NULL, e);
	const char *p = buf_str(&text), *end = p + text.n;
	bool found = r == 0;

	if (r < 0)
		return r;
	for (; p < end && !found; p = next_line(p, end))
		found = is_line_of(p, name);
	*ret = found;
	return 0;
}

int shadow_drop_lines(const struct root *root, const char *path, const char *name, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = ACCOUNT_FILE_MAX);
	CLEANUP(buf_done) struct buf kept = BUF_INIT(.max = ACCOUNT_FILE_MAX);
	struct stat st;
	int r = read_lines(root, path, &text, &st, e);
	const char *p = buf_str(&text), *end = p + text.n;

	if (r <= 0)
		return r;
	for (const char *next; p < end; p = next) {
		next = next_line(p, end);
		if (!is_line_of(p, name) && buf_append(&kept, p, (size_t)(next - p)) < 0)
			return err_errno(e, ENOMEM, "%s", path);
	}
	if (kept.n == text.n)
		return 0;
	return root_write_file(root, path, buf_str(&kept), kept.n, st.st_mode & 07777, st.st_uid, st.st_gid,
			       e);
}

/* "passwd.lock", "passwd+" (the next version), "passwd.1234" (a lock in the making). */
static bool is_left_over(const char *name)
{
	static const char *const files[] = { "passwd", "group", "shadow", "gshadow", "subuid", "subgid" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		size_t n = strlen(files[i]);

		if (strncmp(name, files[i], n))
			continue;
		name += n;
		return !strcmp(name, ".lock") || !strcmp(name, "+") ||
		       (*name == '.' && name[1] && name[1 + strspn(name + 1, "0123456789")] == '\0');
	}
	return false;
}

int shadow_clean_up(const struct root *root, struct err *e)
{
	int fd = root_open_file(root, "/etc", O_RDONLY | O_DIRECTORY, e);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;
	int r = 0;

	if (fd < 0)
		return fd;
	if (!d) {
		close(fd);
		return err_errno(e, errno, "reading /etc");
	}
	while (r == 0 && (de = readdir(d)) != NULL)
		if (is_left_over(de->d_name) && unlinkat(dirfd(d), de->d_name, 0) < 0 && errno != ENOENT)
			r = err_errno(e, errno, "removing the stale /etc/%s", de->d_name);
	closedir(d);
	return r;
}
