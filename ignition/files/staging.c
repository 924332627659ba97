#include "ignition/files/staging.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/root.h"
#include "base/sink.h"
#include "ignition/config/types_gen.h"
#include "ignition/fetch/fetch.h"
#include "ignition/files/nodes.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { OTHER_FDS = 256 }; /* connections, directories, libraries: more than ever are open at once */

/* Takes everything and keeps nothing: the fetcher's verdict is what counts. */
static int discard_write(struct sink *s, const void *data, size_t n, struct err *e)
{
	(void)s, (void)data, (void)n, (void)e;
	return 0;
}

static int discard_end(struct sink *s, struct err *e)
{
	(void)s, (void)e;
	return 0;
}

static bool is_remote(const struct ign_resource *res)
{
	return res->source && *res->source && fetch_needs_net(res->source);
}

static bool can_fail(const struct ign_resource *res)
{
	return (res->verification.hash && *res->verification.hash) || (res->compression && *res->compression);
}

static int try_inline(struct fetcher *f, const struct ign_resource *res, struct err *e)
{
	struct sink nothing = { .write = discard_write, .finish = discard_end, .reset = discard_end };

	return can_fail(res) ? fetch_resource(f, res, &nothing, e) : 0;
}

/* The nearest directory above path that exists: what is made below it is on the same file system. */
static int open_above(const struct root *root, const char *path, struct err *e)
{
	char dir[PATH_MAX];
	size_t n = strlen(path);

	memcpy(dir, path, n + 1);
	for (;;) {
		struct err why = { 0 };
		char *cut = strrchr(dir, '/');
		int fd;

		cut[cut == dir] = '\0';
		fd = root_open_file(root, dir, O_PATH | O_DIRECTORY, &why);
		if (fd >= 0)
			return fd;
		if ((fd != -ENOENT && fd != -ENOTDIR) || !strcmp(dir, "/")) {
			*e = why;
			return fd;
		}
	}
}

static int open_staged(const struct root *root, const char *path, struct staged *st, struct err *e)
{
	CLEANUP(closep) int dir = open_above(root, path, e);
	char temp[NAME_MAX + 1];

	if (dir < 0)
		return dir;
	st->fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	st->linkable = st->fd >= 0;
	if (st->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)) {
		/* No nameless files there (vfat): the name goes at once, the content is copied later. */
		st->fd = root_temp_create(dir, path, temp);
		if (st->fd >= 0)
			(void)unlinkat(dir, temp, 0);
		else
			errno = -st->fd;
	}
	return st->fd < 0 ? err_errno(e, errno, "making room for %s", path) : 0;
}

struct batch {
	struct fetch_job *jobs;
	struct fd_sink *sinks;
	const struct node **nodes;
	size_t n;
};

static int add_resource(const struct root *root, struct fetcher *f, const struct node *n,
			const struct ign_resource *res, struct staged *st, struct batch *b, struct staging *s,
			struct err *e)
{
	int r;

	st->fd = -1;
	if (!is_remote(res)) {
		r = try_inline(f, res, e);
		return r < 0 ? err_wrap(e, r, "file \"%s\"", n->config_path) : 0;
	}
	r = open_staged(root, n->path, st, e);
	if (r < 0)
		return r;
	s->v[s->n++] = st;
	fd_sink_init(&b->sinks[b->n], st->fd, n->path);
	b->nodes[b->n] = n;
	b->jobs[b->n] = (struct fetch_job){ .res = res, .out = &b->sinks[b->n].base };
	b->n++;
	return 0;
}

static int add_node(const struct root *root, struct fetcher *f, struct node *n, struct arena *a,
		    struct batch *b, struct staging *s, struct err *e)
{
	const struct ign_file *file = n->file;
	int r;

	n->contents = arena_alloc(a, (1 + file->append.n) * sizeof *n->contents);
	if (!n->contents)
		return err_errno(e, ENOMEM, "fetching files");
	n->append = n->contents + 1;
	r = add_resource(root, f, n, &file->contents, n->contents, b, s, e);
	for (size_t i = 0; r == 0 && i < file->append.n; i++)
		r = add_resource(root, f, n, &file->append.v[i], &n->append[i], b, s, e);
	return r;
}

/* One descriptor for each remote resource, until staging_close(). */
static void raise_limit(size_t more, struct rlimit *ret_old)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur >= more + OTHER_FDS)
		return;
	*ret_old = lim;
	lim.rlim_cur = more + OTHER_FDS;
	if (lim.rlim_max != RLIM_INFINITY && lim.rlim_max < lim.rlim_cur)
		lim.rlim_max = lim.rlim_cur;
	(void)setrlimit(RLIMIT_NOFILE, &lim); /* refused: opening says so */
}

static int fetch_batch(struct fetcher *f, struct batch *b, struct err *e)
{
	int r = fetch_resources(f, b->jobs, b->n, e);

	for (size_t i = 0; r < 0 && i < b->n; i++)
		if (b->jobs[i].result == r)
			return err_wrap(e, r, "file \"%s\"", b->nodes[i]->config_path);
	return r;
}

int staging_fetch(const struct root *root, struct fetcher *f, struct nodes *nodes, struct arena *a,
		  struct staging *ret, struct err *e)
{
	struct staging s = { 0 };
	struct batch b = { 0 };
	size_t remote = 0;
	int r = 0;

	for (size_t i = 0; i < nodes->n; i++) {
		const struct ign_file *file = nodes->v[i].file;

		if (!file)
			continue;
		remote += is_remote(&file->contents);
		for (size_t k = 0; k < file->append.n; k++)
			remote += is_remote(&file->append.v[k]);
	}
	s.v = arena_alloc(a, (remote + 1) * sizeof(struct staged *));
	b.jobs = arena_alloc(a, (remote + 1) * sizeof *b.jobs);
	b.sinks = arena_alloc(a, (remote + 1) * sizeof *b.sinks);
	b.nodes = arena_alloc(a, (remote + 1) * sizeof(struct node *));
	if (!s.v || !b.jobs || !b.sinks || !b.nodes)
		return err_errno(e, ENOMEM, "fetching files");
	raise_limit(remote, &s.old_limit);
	for (size_t i = 0; r == 0 && i < nodes->n; i++)
		if (nodes->v[i].file)
			r = add_node(root, f, &nodes->v[i], a, &b, &s, e);
	if (r == 0 && b.n)
		r = fetch_batch(f, &b, e);
	if (r < 0) {
		staging_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void staging_close(struct staging *s)
{
	for (size_t i = 0; i < s->n; i++)
		closep(&s->v[i]->fd);
	if (s->old_limit.rlim_cur)
		(void)setrlimit(RLIMIT_NOFILE, &s->old_limit);
	*s = (struct staging){ 0 };
}

static int copy_fd(int from, int to, const char *name, struct err *e)
{
	struct fd_sink out;
	char chunk[65536];
	off_t at = 0;

	fd_sink_init(&out, to, name);
	for (;;) {
		ssize_t n = pread(from, chunk, sizeof chunk, at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "reading what was fetched for %s", name);
		if (n == 0)
			return 0;
		r = sink_write(&out.base, chunk, (size_t)n, e);
		if (r < 0)
			return r;
		at += n;
	}
}

int staging_copy(struct fetcher *f, const struct ign_resource *res, const struct staged *st, int fd,
		 const char *name, struct err *e)
{
	struct fd_sink out;

	if (st->fd >= 0)
		return copy_fd(st->fd, fd, name, e);
	if (!res->source || !*res->source)
		return 0;
	fd_sink_init(&out, fd, name);
	return fetch_resource(f, res, &out.base, e);
}
