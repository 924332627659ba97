#include "ignition/disks/fs_make.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/device.h"
#include "ignition/disks/settle.h"
#include "ignition/disks/signature.h"

struct fs_job {
	const struct ign_filesystem *spec;
	struct blkdev dev;
	const char *node;
};

/* What a worker tells its parent, in memory that both see. */
struct outcome {
	int r;
	struct err err;
};

static int refuse_in_use(const char *device, const struct blkdev *d, struct arena *a, struct err *e)
{
	const char *why = NULL;
	unsigned *nos;
	size_t n = 0;
	int r = blkdev_use(d->name, a, &why, e);

	if (r < 0)
		return r;
	if (why)
		return err_text(e, EBUSY, "refusing to make a file system on \"%s\": it is %s", device, why);
	if (!d->part_no)
		r = blkdev_parts(d->name, a, &nos, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		char name[NAME_MAX + 1];

		r = blkdev_part_name(d->name, nos[i], name);
		if (r == 0)
			r = blkdev_use(name, a, &why, e);
		if (r == 0 && why)
			return err_text(e, EBUSY,
					"refusing to make a file system on \"%s\": its partition %s is %s",
					device, name, why);
	}
	return r;
}

static bool tool_exists(const char *tool)
{
	const char *path = getenv("PATH");
	char candidate[PATH_MAX];

	for (const char *p = path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *p;) {
		size_t n = strcspn(p, ":");

		if (snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)n, p, tool) <
			    (int)sizeof(candidate) &&
		    access(candidate, X_OK) == 0)
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

static int look(const struct ign_filesystem *fs, const char *node, struct arena *a, enum fs_action *ret,
		struct err *e)
{
	struct signature found;
	bool ambiguous = false;
	int r;

	CLEANUP(closep) int fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "opening %s", node);
	r = signature_probe(fd, node, a, &found, &ambiguous, e);
	if (r < 0)
		return r;
	if (ambiguous)
		log_warn("several kinds of content were recognised at \"%s\"; going by the first, %s",
			 fs->device, found.type);
	log_info("found %s filesystem at \"%s\" with uuid \"%s\" and label \"%s\"",
		 *found.type ? found.type : "no", fs->device, found.uuid, found.label);
	return fs_decide(fs, &found, ret, e);
}

int filesystem_check(const struct ign_filesystem *fs, const char *node, const struct blkdev *d,
		     struct arena *a, enum fs_action *ret, struct err *e)
{
	const char *const *argv;
	int r = look(fs, node, a, ret, e);

	if (r < 0 || *ret == FS_KEEP)
		return r;
	r = refuse_in_use(fs->device, d, a, e);
	if (r == 0)
		r = fs_make_argv(fs, node, a, &argv, e);
	if (r == 0 && argv && !tool_exists(argv[0]))
		r = err_text(e, ENOENT, "%s not found in PATH", argv[0]);
	return r;
}

static int wipe(const char *node, struct err *e)
{
	int r;

	/* Exclusive, so that nothing that is mounted or part of an array can be meant by mistake. */
	CLEANUP(closep) int fd = open(node, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "opening %s", node);
	r = signature_wipe(fd, node, e);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(e, errno, "writing %s", node);
	return r;
}

static int make_one(const struct fs_job *job, struct arena *a, struct err *e)
{
	const struct ign_filesystem *fs = job->spec;
	const char *const *argv = NULL;
	enum fs_action action;
	struct log_op op;
	int r = filesystem_check(fs, job->node, &job->dev, a, &action, e);

	if (r < 0)
		return r;
	if (action == FS_KEEP) {
		log_info("filesystem at \"%s\" is already correctly formatted. Skipping mkfs...", fs->device);
		return 0;
	}
	log_op_begin(&op, "wiping filesystem signatures from \"%s\"", fs->device);
	r = log_op_end(&op, wipe(job->node, e), e);
	if (r == 0)
		r = fs_make_argv(fs, job->node, a, &argv, e);
	if (r < 0)
		return r;
	if (argv) {
		log_op_begin(&op, "creating \"%s\" filesystem on \"%s\"", fs->format, fs->device);
		r = log_op_end(&op, proc_run(&(struct proc){ .argv = argv }, NULL, e), e);
	}
	return r < 0 ? r : settle_reread(job->dev.name, e);
}

/* Every entry for the device of jobs[first], in order, until one fails. */
static int make_device(const struct fs_job *jobs, size_t n, size_t first, struct arena *a, struct err *e)
{
	for (size_t i = first; i < n; i++) {
		int r;

		if (jobs[i].dev.dev != jobs[first].dev.dev)
			continue;
		r = make_one(&jobs[i], a, e);
		if (r < 0)
			return err_wrap(e, r, "%s", jobs[i].spec->device);
	}
	return 0;
}

static bool is_first_of_device(const struct fs_job *jobs, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (jobs[k].dev.dev == jobs[i].dev.dev)
			return false;
	return true;
}

/* Waits for one worker; a worker that died without an outcome is a failure too. */
static void reap(struct outcome *out, pid_t *pids, size_t n)
{
	int status;
	pid_t pid;

	do
		pid = wait(&status);
	while (pid < 0 && errno == EINTR);
	for (size_t i = 0; i < n; i++) {
		if (pids[i] != pid)
			continue;
		pids[i] = 0;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			out[i].r = err_text(&out[i].err, EIO, "the process that made the file system died");
	}
}

/* proc_run() waits for its tool, so devices are worked on side by side in processes of their own. */
static int make_parallel(const struct fs_job *jobs, size_t n, struct outcome *out, struct arena *a)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t *pids = arena_alloc(a, n * sizeof(*pids));
	size_t running = 0;

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!is_first_of_device(jobs, i))
			continue;
		for (; running >= (size_t)(cpus > 1 ? cpus : 1); running--)
			reap(out, pids, n);
		pids[i] = fork();
		if (pids[i] == 0) {
			out[i].r = make_device(jobs, n, i, a, &out[i].err);
			_exit(0);
		}
		if (pids[i] < 0) {
			out[i].r = err_errno(&out[i].err, errno, "starting a process");
			pids[i] = 0;
			continue;
		}
		running++;
	}
	for (; running; running--)
		reap(out, pids, n);
	return 0;
}

static int run_jobs(const struct fs_job *jobs, size_t n, struct arena *a, struct err *e)
{
	size_t bytes = (n + 1) * sizeof(struct outcome);
	struct outcome *out = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err all = { 0 };
	size_t used = 0;
	int r;

	if (out == MAP_FAILED)
		return err_errno(e, errno, "memory for the outcomes");
	r = make_parallel(jobs, n, out, a);
	for (size_t i = 0; i < n; i++) {
		int k;

		if (out[i].r == 0)
			continue;
		r = r < 0 ? r : out[i].r;
		k = snprintf(all.text + used, sizeof(all.text) - used, "%s%s", used ? "\n" : "",
			     out[i].err.text);
		used += k < (int)(sizeof(all.text) - used) ? (size_t)k : sizeof(all.text) - used - 1;
	}
	munmap(out, bytes);
	if (r < 0)
		return used ? err_text(e, -r, "%s", all.text) : r;
	return 0;
}

int filesystems_make(const struct ign_storage *s, struct arena *a, struct err *e)
{
	struct fs_job *jobs = arena_alloc(a, (s->filesystems.n + 1) * sizeof(*jobs));
	size_t n = 0;

	if (!jobs)
		return -ENOMEM;
	for (size_t i = 0; i < s->filesystems.n; i++) {
		struct fs_job *job = &jobs[n];
		char where[64], alias[PATH_MAX];
		int r;

		job->spec = &s->filesystems.v[i];
		if (!fs_is_made(job->spec))
			continue;
		snprintf(where, sizeof(where), "$.storage.filesystems.%zu.device", i);
		r = settle_device(job->spec->device, where, &job->dev, e);
		if (r == 0)
			r = settle_alias(job->spec->device, &job->dev, alias, e);
		if (r < 0)
			return r;
		job->node = arena_strdup(a, alias);
		if (!job->node)
			return -ENOMEM;
		n++;
	}
	return run_jobs(jobs, n, a, e);
}
