#include "ignition/files/journal.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/root.h"
#include "base/sink.h"
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { JOURNAL_MAX = 256 << 20 };

static const char magic[] = "ignition files journal 1";

uint64_t journal_sum(uint64_t sum, const void *data, size_t n)
{
	const unsigned char *p = data;

	if (!p)
		return 14695981039346656037u; /* FNV-1a: tells versions apart, keeps no secret */
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 1099511628211u;
	return sum;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_append_path(const void *a, const void *b)
{
	return strcmp(((const struct journal_append *)a)->path, ((const struct journal_append *)b)->path);
}

/*
 * Records end with a NUL byte, since paths may hold anything else:
 * the magic, "unfinished" or "finished", the fingerprint, then "m/path" or "muser NAME", "mgroup NAME",
 * "mhome NAME", and "a<size>,<sum>,/path".
 */
static int parse(const char *text, size_t n, struct arena *a, struct journal *j)
{
	const char *end = text + n, *p = text;
	size_t records = 0, k = 0;

	for (size_t i = 0; i < n; i++)
		records += text[i] == '\0';
	if (records < 3 || n == 0 || text[n - 1] != '\0' || strcmp(text, magic))
		return -EBADMSG;
	j->made.v = arena_alloc(a, records * sizeof *j->made.v);
	j->appends.v = arena_alloc(a, records * sizeof *j->appends.v);
	if (!j->made.v || !j->appends.v)
		return -ENOMEM;
	for (; p < end; p += strlen(p) + 1, k++) {
		struct journal_append ap;
		int len = 0;

		if (k == 0)
			continue;
		if (k == 1)
			j->finished = !strcmp(p, "finished");
		else if (k == 2 && sscanf(p, "%" SCNx64, &j->config) == 1)
			continue;
		else if (k > 2 && p[0] == 'm' && p[1])
			j->made.v[j->made.n++] = p + 1;
		else if (k > 2 && sscanf(p, "a%" SCNu64 ",%" SCNx64 ",%n", &ap.size, &ap.sum, &len) == 2 &&
			 len > 0 && p[len] == '/')
			j->appends.v[j->appends.n++] = (ap.path = p + len, ap);
		else
			return -EBADMSG;
	}
	return 0;
}

int journal_load(const struct root *root, const char *path, uint64_t config, struct arena *a,
		 struct journal *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = JOURNAL_MAX);
	struct journal j = { 0 };
	struct err why = { 0 };
	char *keep;
	int r = root_read_file(root, path, &text, &why);

	*ret = (struct journal){ .config = config };
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	keep = arena_strndup(a, buf_str(&text), text.n);
	if (!keep)
		return err_errno(e, ENOMEM, "%s", path);
	r = parse(keep, text.n, a, &j);
	if (r == -ENOMEM)
		return err_errno(e, ENOMEM, "%s", path);
	if (r < 0) { /* written whole or not at all, so this is not ours */
		log_debug("%s: not a journal, ignored", path);
		return 0;
	}
	if (j.finished && j.config != config)
		return 0;
	log_debug("resuming after an earlier run (%s)", j.finished ? "finished" : "interrupted");
	j.config = config;
	j.interrupted = !j.finished;
	j.finished = false;
	j.resumed = true;
	*ret = j;
	return 0;
}

static int format(const struct journal *j, struct buf *out)
{
	int r = buf_append(out, magic, sizeof magic);

	if (r == 0)
		r = j->finished ? buf_append(out, "finished", 9) : buf_append(out, "unfinished", 11);
	if (r == 0)
		r = buf_printf(out, "%016" PRIx64, j->config);
	if (r == 0)
		r = buf_append(out, "", 1);
	for (size_t i = 0; r == 0 && i < j->made.n; i++) {
		r = buf_putc(out, 'm');
		if (r == 0)
			r = buf_append(out, j->made.v[i], strlen(j->made.v[i]) + 1);
	}
	for (size_t i = 0; r == 0 && i < j->appends.n; i++) {
		const struct journal_append *ap = &j->appends.v[i];

		r = buf_printf(out, "a%" PRIu64 ",%016" PRIx64 ",", ap->size, ap->sum);
		if (r == 0)
			r = buf_append(out, ap->path, strlen(ap->path) + 1);
	}
	return r;
}

/* The old notes stay whole until the new ones are on the disk. */
static int write_durably(const struct root *root, const char *path, const struct buf *text, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	CLEANUP(closep) int sync_dir = -1;
	CLEANUP(closep) int fd = -1;
	char leaf[NAME_MAX + 1], temp[NAME_MAX + 1];
	struct fd_sink out;
	int r;

	r = root_open_parent(root, path, true, &dir, leaf, NULL, e);
	if (r < 0)
		return r;
	fd = root_temp_create(dir, leaf, temp);
	if (fd < 0)
		return err_errno(e, -fd, "creating a temporary file for %s", path);
	fd_sink_init(&out, fd, path);
	r = sink_write(&out.base, text->p, text->n, e);
	if (r == 0 && (fsync(fd) < 0 || renameat(dir, temp, dir, leaf) < 0))
		r = err_errno(e, errno, "writing %s", path);
	if (r < 0) {
		(void)unlinkat(dir, temp, 0);
		return r;
	}
	sync_dir = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sync_dir < 0 || fsync(sync_dir) < 0)
		return err_errno(e, errno, "syncing the directory of %s", path);
	return 0;
}

int journal_save(const struct root *root, const char *path, struct journal *j, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = JOURNAL_MAX);
	int r;

	if (j->made.n)
		qsort(j->made.v, j->made.n, sizeof *j->made.v, by_path);
	if (j->appends.n)
		qsort(j->appends.v, j->appends.n, sizeof *j->appends.v, by_append_path);
	r = format(j, &text);
	if (r < 0)
		return err_errno(e, -r, "preparing %s", path);
	return write_durably(root, path, &text, e);
}

bool journal_made(const struct journal *j, const char *path)
{
	return j->made.n && bsearch(&path, j->made.v, j->made.n, sizeof *j->made.v, by_path);
}

const struct journal_append *journal_append(const struct journal *j, const char *path)
{
	const struct journal_append key = { .path = path };

	return j->appends.n ? bsearch(&key, j->appends.v, j->appends.n, sizeof key, by_append_path) : NULL;
}
