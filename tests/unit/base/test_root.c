#include "base/root.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/* A scratch directory holding "in" (the root) and "out" (what must never be touched). */
struct scratch {
	char dir[64];
	struct root root;
	char root_path[96];
};

static void put(const char *dir, const char *rel, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, rel);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void link_in(struct scratch *s, const char *target, const char *rel)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%s", s->root_path, rel);
	assert_int_equal(symlink(target, path), 0);
}

static void dir_in(struct scratch *s, const char *rel)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%s", s->root_path, rel);
	assert_int_equal(mkdir(path, 0755), 0);
}

static bool exists(const char *dir, const char *rel)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", dir, rel);
	return lstat(path, &st) == 0;
}

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);
	char path[PATH_MAX];

	if (!s)
		return -1;
	/* Thousands of directories come and go: on a busy disk that takes most of a minute. */
	(void)snprintf(s->dir, sizeof s->dir, "%s/test-root-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->root_path, sizeof s->root_path, "%s/in", s->dir);
	assert_int_equal(mkdir(s->root_path, 0755), 0);
	(void)snprintf(path, sizeof path, "%s/out", s->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	put(s->dir, "out/secret", "outside");

	dir_in(s, "etc");
	put(s->root_path, "etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	link_in(s, "var/home", "home"); /* dangling, as on image-based systems */
	link_in(s, "/", "self");        /* what /proc/self/root says */
	link_in(s, "../../../../../..", "climb");
	link_in(s, "/etc", "abs");
	link_in(s, path, "absout");
	link_in(s, "loop-b", "loop-a");
	link_in(s, "loop-a", "loop-b");
	link_in(s, "etc/passwd", "tofile");
	link_in(s, "/nowhere/at/all", "dangling");
	link_in(s, "chain1", "chain0");
	link_in(s, "abs/../etc", "chain1");
	link_in(s, "/proc/self/root", "magic");
	assert_int_equal(root_open(&s->root, s->root_path, NULL), 0);
	*state = s;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct scratch *s = *state;

	assert_true(exists(s->dir, "out/secret"));
	assert_false(exists(s->dir, "out/leaked"));
	assert_false(exists("/", "leaked"));
	root_close(&s->root);
	nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(s);
	return 0;
}

static void test_resolve(void **state)
{
	struct scratch *s = *state;
	static const struct {
		const char *path, *want;
		int code;
	} cases[] = {
		{ "/", "/", 0 },
		{ "/etc/passwd", "/etc/passwd", 0 },
		{ "/home", "/home", 0 },
		{ "/home/core", "/var/home/core", 0 },
		{ "/home/core/a/b", "/var/home/core/a/b", 0 },
		{ "/self/self/etc/x", "/etc/x", 0 },
		{ "/climb/etc/x", "/etc/x", 0 },
		{ "/climb/../../etc/./x", "/etc/x", 0 },
		{ "/etc/../../../x", "/x", 0 },
		{ "/abs/x", "/etc/x", 0 },
		{ "/chain0/x", "/etc/x", 0 },
		{ "/magic/x", "/proc/self/root/x", 0 },
		{ "/new/../etc/x", "/etc/x", 0 },
		{ "/new/../abs/x", "/etc/x", 0 },
		{ "/new/a/../../home/x", "/var/home/x", 0 },
		{ "/new/a/../abs/x", "/new/abs/x", 0 },
		{ "/etc/passwd/../../abs/x", "/etc/x", 0 },
		{ "/dangling/x", "/nowhere/at/all/x", 0 },
		{ "/tofile", "/tofile", 0 },
		{ "/tofile/x", "/etc/passwd/x", 0 },
		{ "/etc/passwd/x", "/etc/passwd/x", 0 },
		{ "/loop-a/x", NULL, -ELOOP },
		{ "etc", NULL, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char got[PATH_MAX] = "untouched";
		struct err e = { 0 };
		int r = root_resolve(&s->root, cases[i].path, got, &e);

		if (r != cases[i].code)
			fail_msg("%s: %d (%s)", cases[i].path, r, e.text);
		assert_string_equal(got, cases[i].want ? cases[i].want : "untouched");
		assert_int_equal(e.code, -cases[i].code);
	}
}

static void test_resolve_outside(void **state)
{
	struct scratch *s = *state;
	char got[PATH_MAX], want[PATH_MAX];

	assert_int_equal(root_resolve(&s->root, "/absout/leaked", got, NULL), 0);
	(void)snprintf(want, sizeof want, "%s/out/leaked", s->dir);
	assert_string_equal(got, want); /* the same text, but below the root */
	assert_int_equal(
		root_write_file(&s->root, "/absout/leaked", "x", 1, 0644, (uid_t)-1, (gid_t)-1, NULL), 0);
	assert_true(exists(s->root_path, want + 1));
}

static void test_long_names(void **state)
{
	struct scratch *s = *state;
	char path[PATH_MAX + 16], got[PATH_MAX], part[NAME_MAX + 3];
	struct err e = { 0 };

	memset(part, 'n', sizeof part);
	part[0] = '/';
	part[NAME_MAX + 2] = '\0';
	assert_int_equal(root_resolve(&s->root, part, got, &e), -ENAMETOOLONG);
	part[NAME_MAX + 1] = '\0';
	assert_int_equal(root_resolve(&s->root, part, got, &e), 0);
	memset(path, '/', sizeof path);
	for (size_t i = 1; i < sizeof path; i += 2)
		path[i] = 'a';
	path[sizeof path - 1] = '\0';
	assert_int_equal(root_resolve(&s->root, path, got, &e), -ENAMETOOLONG);
	/* Short enough as given, too long once the link has been put in. */
	path[PATH_MAX - 1] = '\0';
	memcpy(path, "/home/", 6);
	assert_int_equal(root_resolve(&s->root, path, got, &e), -ENAMETOOLONG);
}

static void test_open_parent(void **state)
{
	struct scratch *s = *state;
	char leaf[NAME_MAX + 1], made[PATH_MAX];
	int fd = -1;

	assert_int_equal(root_open_parent(&s->root, "/home/core/.ssh/x", false, &fd, leaf, made, NULL),
			 -ENOENT);
	assert_int_equal(fd, -1);
	assert_int_equal(root_open_parent(&s->root, "/home/core/.ssh/x", true, &fd, leaf, made, NULL), 0);
	close(fd);
	assert_string_equal(leaf, "x");
	assert_string_equal(made, "/var");
	assert_true(exists(s->root_path, "var/home/core/.ssh"));
	assert_int_equal(root_open_parent(&s->root, "/home/core/new/x", true, &fd, leaf, made, NULL), 0);
	close(fd);
	assert_string_equal(made, "/var/home/core/new");
	assert_int_equal(root_open_parent(&s->root, "/home/core/new/y", true, &fd, leaf, made, NULL), 0);
	close(fd);
	assert_string_equal(made, "");
	assert_int_equal(root_open_parent(&s->root, "/", true, &fd, leaf, made, NULL), -EINVAL);
	assert_int_equal(root_open_parent(&s->root, "/etc/..", true, &fd, leaf, made, NULL), -EINVAL);
	assert_int_equal(root_open_parent(&s->root, "/etc/passwd/x", true, &fd, leaf, made, NULL), -ENOTDIR);
	assert_int_equal(root_open_parent(&s->root, "/loop-b/x", true, &fd, leaf, made, NULL), -ELOOP);
}

/* The bits of new directories are ours, whatever umask we were started with. */
static void test_mkdirs(void **state)
{
	struct scratch *s = *state;
	mode_t old = umask(077);
	struct stat st;

	assert_int_equal(root_mkdirs(&s->root, "/home/a/b", 0755, NULL), 0);
	umask(old);
	assert_int_equal(fstatat(s->root.fd, "var/home/a", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(root_mkdirs(&s->root, "/home/a/b", 0700, NULL), 0); /* exists: left alone */
	assert_int_equal(fstatat(s->root.fd, "var/home/a/b", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(root_mkdirs(&s->root, "/dangling", 0755, NULL), 0);
	assert_true(exists(s->root_path, "nowhere/at/all"));
	assert_int_equal(root_mkdirs(&s->root, "/etc/passwd", 0755, NULL), -ENOTDIR);
	assert_int_equal(root_mkdirs(&s->root, "/", 0755, NULL), 0);
}

static void test_open_file(void **state)
{
	struct scratch *s = *state;
	struct buf b = BUF_INIT(.max = 1000);
	struct err e = { 0 };
	char path[PATH_MAX];
	int fd;

	assert_int_equal(root_read_file(&s->root, "/self/tofile", &b, &e), 0);
	assert_string_equal(buf_str(&b), "root:x:0:0::/root:/bin/sh\n");
	b.max = b.n + 5;
	assert_int_equal(root_read_file(&s->root, "/tofile", &b, &e), -EFBIG);
	assert_non_null(strstr(e.text, "larger than"));
	b.max = 0;
	link_in(s, "../../../../../out/secret", "toout");
	assert_int_equal(root_read_file(&s->root, "/toout", &b, &e), -ENOENT);
	assert_int_equal(root_read_file(&s->root, "/etc", &b, &e), -EINVAL);
	(void)snprintf(path, sizeof path, "%s/fifo", s->root_path);
	assert_int_equal(mkfifo(path, 0666), 0);
	assert_int_equal(root_read_file(&s->root, "/fifo", &b, &e), -EINVAL);
	assert_int_equal(root_open_file(&s->root, "/loop-a", O_RDONLY, &e), -ELOOP);
	fd = root_open_file(&s->root, "/climb", O_RDONLY | O_DIRECTORY, &e);
	assert_true(fd >= 0);
	assert_int_equal(faccessat(fd, "etc", F_OK, 0), 0);
	close(fd);
	buf_done(&b);
}

static void test_write_file(void **state)
{
	struct scratch *s = *state;
	struct buf b = BUF_INIT(.max = 1000);
	struct stat st;
	mode_t old = umask(077);
	char temp[NAME_MAX + 1], back[1];
	int fd;

	/* What a killed run left behind goes away with the next. */
	fd = root_temp_create(s->root.fd, "tofile", temp);
	assert_true(fd >= 0);
	/* the files stage reads back what it fetched where there are no nameless files */
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(pread(fd, back, 1, 0), 1);
	close(fd);
	/* A link at the path is replaced, never written through. */
	assert_int_equal(root_write_file(&s->root, "/tofile", "new", 3, 04755, (uid_t)-1, (gid_t)-1, NULL),
			 0);
	umask(old);
	assert_false(exists(s->root_path, temp));
	assert_int_equal(fstatat(s->root.fd, "tofile", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(root_read_file(&s->root, "/etc/passwd", &b, NULL), 0);
	assert_string_equal(buf_str(&b), "root:x:0:0::/root:/bin/sh\n");
	assert_int_equal(root_write_file(&s->root, "/etc", "x", 1, 0644, (uid_t)-1, (gid_t)-1, NULL),
			 -EISDIR);
	assert_int_equal(root_write_file(&s->root, "/etc/passwd/x", "x", 1, 0644, (uid_t)-1, (gid_t)-1, NULL),
			 -ENOTDIR);
	buf_done(&b);
}

static void test_remove_tree(void **state)
{
	struct scratch *s = *state;
	char path[PATH_MAX];
	int at;

	assert_int_equal(root_remove_tree(&s->root, "/absent/x", NULL), 0);
	assert_int_equal(root_remove_tree(&s->root, "/absent", NULL), 0);
	assert_int_equal(root_remove_tree(&s->root, "/abs", NULL), 0); /* the link, not its target */
	assert_true(exists(s->root_path, "etc/passwd"));
	assert_false(exists(s->root_path, "abs"));

	/* Links inside are removed, not followed. */
	dir_in(s, "tree");
	(void)snprintf(path, sizeof path, "%s/out", s->dir);
	link_in(s, path, "tree/out");
	link_in(s, "../../out", "tree/rel");
	/* Deeper than any descriptor limit and longer than PATH_MAX. */
	(void)snprintf(path, sizeof path, "%s/tree", s->root_path);
	at = open(path, O_PATH | O_CLOEXEC);
	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(at, "deep", 0755), 0);
		next = openat(at, "deep", O_PATH | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(root_remove_tree(&s->root, "/self/tree", NULL), 0);
	assert_false(exists(s->root_path, "tree"));
	assert_int_equal(root_remove_tree(&s->root, "/", NULL), -EINVAL);
}

static void test_too_many_links(void **state)
{
	struct scratch *s = *state;
	char name[32], target[32], got[PATH_MAX];

	link_in(s, "etc", "l0");
	for (int i = 1; i <= ROOT_MAX_LINKS; i++) {
		(void)snprintf(name, sizeof name, "l%d", i);
		(void)snprintf(target, sizeof target, "l%d", i - 1);
		link_in(s, target, name);
	}
	assert_int_equal(root_resolve(&s->root, "/l39/x", got, NULL), 0);
	assert_string_equal(got, "/etc/x");
	assert_int_equal(root_resolve(&s->root, "/l40/x", got, NULL), -ELOOP);
}

/* Someone in the target turns a directory into a link to the outside, and back, all the time. */
static pid_t swap_for_ever(const struct scratch *s, const char *a, const char *b)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (renameat2(s->root.fd, a, s->root.fd, b, RENAME_EXCHANGE) == 0)
		usleep(20); /* or nobody else gets at the directory */
	_exit(1);
}

static void test_swapped(void **state)
{
	struct scratch *s = *state;
	unsigned done = 0;
	pid_t pid;

	dir_in(s, "swap");
	pid = swap_for_ever(s, "swap", "absout");
	assert_true(pid > 0);
	for (int i = 0; i < 400; i++) {
		CLEANUP(closep) int fd = -1;
		char text[8] = "";

		done += root_write_file(&s->root, "/swap/leaked", "x", 1, 0644, (uid_t)-1, (gid_t)-1, NULL) ==
			0;
		(void)root_mkdirs(&s->root, "/swap/leaked/x", 0755, NULL);
		(void)root_remove_tree(&s->root, "/swap/leaked", NULL);
		(void)root_write_file(&s->root, "/swap/secret", "inside", 6, 0644, (uid_t)-1, (gid_t)-1,
				      NULL);
		fd = root_open_file(&s->root, "/swap/secret", O_RDONLY, NULL);
		if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
			assert_string_equal(text, "inside");
		(void)root_remove_tree(&s->root, "/swap/secret", NULL);
	}
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it has been at it until now */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(done > 0);
	/* The teardown looks at what is outside. */
}

static void test_open_root(void **state)
{
	struct root r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(root_open(&r, "/does/not/exist", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/does/not/exist"));
}

/* As in a container whose filter knows no openat2, or on a kernel that has none. */
static int without_openat2(void **state)
{
	const unsigned answer = SECCOMP_RET_ERRNO | (unsigned)(uintptr_t)*state;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = ARRAY_SIZE(code), .filter = code };
	struct open_how how = { .flags = O_PATH };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		return -1;
	return syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how) < 0 &&
			       errno == (int)(answer & SECCOMP_RET_DATA)
		       ? 0
		       : -1;
}

static int no_system_call(void **state)
{
	*state = (void *)(uintptr_t)ENOSYS;
	return without_openat2(state);
}

static int forbidden_system_call(void **state)
{
	*state = (void *)(uintptr_t)EPERM;
	return without_openat2(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_resolve),
		T(test_resolve_outside),
		T(test_long_names),
		T(test_open_parent),
		T(test_mkdirs),
		T(test_open_file),
		T(test_write_file),
		T(test_remove_tree),
		T(test_too_many_links),
		T(test_swapped),
		cmocka_unit_test(test_open_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) +
	       cmocka_run_group_tests_name("without openat2", tests, no_system_call, NULL) +
	       cmocka_run_group_tests_name("openat2 forbidden", tests, forbidden_system_call, NULL);
}
