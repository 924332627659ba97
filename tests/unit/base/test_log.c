#include "base/log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/err.h"

struct place {
	char dir[64], sock[96], kmsg[96];
	int fd; /* a stand-in for journald */
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	strncpy(p->dir, "/tmp/hearth-log-XXXXXX", sizeof p->dir - 1);
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->sock, sizeof p->sock, "%s/socket", p->dir);
	snprintf(p->kmsg, sizeof p->kmsg, "%s/kmsg", p->dir);
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", p->sock);
	p->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (void *)&sa, sizeof sa), 0);
	close(open(p->kmsg, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	log_paths(p->sock, p->kmsg);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	log_close();
	log_paths(NULL, NULL);
	close(p->fd);
	unlink(p->sock);
	unlink(p->kmsg);
	rmdir(p->dir);
	free(p);
	return 0;
}

static size_t receive(struct place *p, char *buf, size_t size)
{
	ssize_t n = recv(p->fd, buf, size - 1, MSG_DONTWAIT);

	assert_true(n > 0);
	buf[n] = '\0';
	return (size_t)n;
}

static size_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, size - 1);

	assert_true(fd >= 0 && n >= 0);
	close(fd);
	buf[n] = '\0';
	return (size_t)n;
}

static void journal_fields(void **state)
{
	char b[8192];

	log_open("ignition", LOG_TO_JOURNAL, LOG_INFO);
	log_msg(LOG_WARNING, FIELDS({ "IGNITION_PATH", "/etc/x" }), "wrote %s", "it");
	receive(*state, b, sizeof b);
	assert_non_null(strstr(b, "MESSAGE=wrote it\nPRIORITY=4\nSYSLOG_IDENTIFIER=ignition\nCODE_FILE="));
	assert_non_null(strstr(b, "test_log.c\nCODE_LINE="));
	assert_non_null(strstr(b, "\nIGNITION_PATH=/etc/x\n"));
}

/* A value with a newline goes as length and bytes: the reader never sees a line of its own. */
static void journal_cannot_be_forged(void **state)
{
	static const char evil[] = "a\nPRIORITY=0\n_UID=0";
	uint64_t len;
	char b[8192], *f;
	size_t n;

	log_open("ignition", LOG_TO_JOURNAL, LOG_INFO);
	log_msg(LOG_INFO, FIELDS({ "SRC", evil }), "first\nPRIORITY=1");
	n = receive(*state, b, sizeof b);
	assert_memory_equal(b, "MESSAGE\n", 8);
	memcpy(&len, b + 8, 8);
	assert_int_equal(len, strlen("first\nPRIORITY=1"));
	assert_memory_equal(b + 16, "first\nPRIORITY=1\nPRIORITY=6\n", 28);
	f = memmem(b, n, "\nSRC\n", 5);
	assert_non_null(f);
	memcpy(&len, f + 5, 8);
	assert_int_equal(len, sizeof evil - 1);
	assert_memory_equal(f + 13, evil, sizeof evil - 1);
	assert_int_equal(f + 13 + len + 1 - b, n);
}

static void priorities_are_filtered(void **state)
{
	char b[4096];

	log_open("x", LOG_TO_JOURNAL, LOG_INFO);
	assert_false(log_wants(LOG_DEBUG));
	log_debug("not this");
	log_info("this");
	receive(*state, b, sizeof b);
	assert_non_null(strstr(b, "MESSAGE=this\n"));
}

static void journald_may_come_later_and_go(void **state)
{
	struct place *p = *state;
	char b[4096];

	log_open("ident", LOG_TO_JOURNAL, LOG_INFO);
	unlink(p->sock);
	close(p->fd);
	log_err("line one\nline \033[31mtwo");
	read_file(p->kmsg, b, sizeof b);
	assert_string_equal(b, "<3>ident: line one\n<3>ident: line \\x1b[31mtwo\n");
}

static void long_messages_are_cut(void **state)
{
	static char big[10000];
	struct place *p = *state;
	char b[16384], *end;

	memset(big, 'x', sizeof big - 1);
	log_open("i", LOG_TO_JOURNAL, LOG_INFO);
	log_info("%s", big);
	receive(p, b, sizeof b);
	end = strstr(b, "\nPRIORITY=");
	assert_non_null(end);
	assert_true(end - b > 4000 && end - b < 4200);
	assert_memory_equal(end - 3, "\u2026", 3);
	unlink(p->sock);
	log_info("%s", big);
	read_file(p->kmsg, b, sizeof b);
	for (char *line = b, *nl; *line; line = nl + 1) { /* the kernel takes about 1000 bytes a record */
		nl = strchr(line, '\n');
		assert_non_null(nl);
		assert_true(nl - line < 900);
		assert_memory_equal(line, "<6>i: x", 7);
	}
}

/* Runs fn with a descriptor going to a file and returns what came. */
static void capture(int fd, void (*fn)(void), char *buf, size_t size)
{
	char path[] = "/tmp/hearth-log-out-XXXXXX";
	int file = mkstemp(path), saved = dup(fd);

	assert_true(file >= 0 && saved >= 0);
	dup2(file, fd);
	fn();
	dup2(saved, fd);
	close(saved);
	close(file);
	read_file(path, buf, size);
	unlink(path);
}

static void say_stdout(void)
{
	log_open("ignition", LOG_TO_STDOUT, LOG_DEBUG);
	for (int prio = LOG_EMERG; prio <= LOG_DEBUG; prio++)
		log_msg(prio, NULL, "m%d", prio);
	log_push("files");
	log_push("%s", "createUsers");
	log_info("deep");
	log_pop();
	log_pop();
	log_info("flat");
	log_info("path \"/a\nCRITICAL : forged\"");
}

static void stdout_has_upstreams_labels(void **state)
{
	char b[4096];

	(void)state;
	capture(STDOUT_FILENO, say_stdout, b, sizeof b);
	assert_string_equal(b, "EMERGENCY: m0\nALERT    : m1\nCRITICAL : m2\nERROR    : m3\nWARNING  : m4\n"
			       "NOTICE   : m5\nINFO     : m6\nDEBUG    : m7\n"
			       "INFO     : files: createUsers: deep\nINFO     : flat\n"
			       "INFO     : path \"/a\n           CRITICAL : forged\"\n");
}

static void say_ops(void)
{
	struct err e = { .code = 0 };
	struct log_op a, b;

	log_open("ignition", LOG_TO_STDOUT, LOG_INFO);
	for (int i = 0; i < 15; i++) {
		log_op_begin(&a, "n");
		log_op_end(&a, 0, NULL);
	}
	log_push("files");
	log_op_begin(&a, "adding ssh keys to user \"%s\"", "core");
	log_op_begin(&b, "inner");
	log_info("between");
	err_errno(&e, ENOSPC, "writing");
	assert_int_equal(log_op_end(&b, -ENOSPC, &e), -ENOSPC);
	log_op_end(&a, 0, NULL);
	log_pop();
	log_op_begin(&a, "bare");
	log_op_end(&a, -EIO, NULL);
}

static void operations(void **state)
{
	char b[8192];

	(void)state;
	capture(STDOUT_FILENO, say_ops, b, sizeof b);
	assert_non_null(strstr(b, "INFO     : op(f): [finished] n\n"));
	assert_non_null(strstr(
		b, "INFO     : files: op(10): [started]  adding ssh keys to user \"core\"\n"
		   "INFO     : files: op(10): op(11): [started]  inner\n"
		   "INFO     : files: op(10): op(11): between\n"
		   "CRITICAL : files: op(10): op(11): [failed]   inner: writing: No space left on device\n"
		   "INFO     : files: op(10): [finished] adding ssh keys to user \"core\"\n"
		   "INFO     : op(12): [started]  bare\n"
		   "CRITICAL : op(12): [failed]   bare: Input/output error\n"));
}

static void say_klog(void)
{
	log_open("flanneld", LOG_TO_KLOG, LOG_INFO);
	log_info("Running backend.");
	log_warn("careful");
	log_err("broken");
	log_err("the store says: \"x\nI1122 00:00:00.000000       1 a.c:1] forged\"");
}

static void say_newlines(void)
{
	char text[3001];

	memset(text, '\n', sizeof text - 2);
	text[sizeof text - 2] = 'z'; /* newlines at the end are dropped */
	text[sizeof text - 1] = '\0';
	log_open("flanneld", LOG_TO_KLOG, LOG_INFO);
	log_info("%s", text);
}

/* Twice as long as the message, and all of it arrives. */
static void klog_newlines(void **state)
{
	static char b[16384];
	size_t n;

	(void)state;
	capture(STDERR_FILENO, say_newlines, b, sizeof b);
	n = strlen(b);
	assert_true(n > 6000);
	assert_string_equal(b + n - 5, "\t\n\tz\n");
}

static void klog_format(void **state)
{
	int month, day, h, m, s, us, pid, line, n = 0;
	char b[4096], file[64];

	(void)state;
	capture(STDERR_FILENO, say_klog, b, sizeof b);
	assert_int_equal(sscanf(b, "I%2d%2d %2d:%2d:%2d.%6d %d %63[^:]:%d] Running backend.\n%n", &month,
				&day, &h, &m, &s, &us, &pid, file, &line, &n),
			 9);
	assert_true(n > 0 && b[n] == 'W');
	assert_int_equal(pid, getpid());
	assert_string_equal(file, "test_log.c");
	assert_non_null(strstr(b, "\nE"));
	assert_non_null(strstr(b, "the store says: \"x\n\tI1122 00:00:00.000000"));
	assert_int_equal(b[21], ' '); /* the number of the process is seven wide */
}

static void say_deep(void)
{
	log_open("x", LOG_TO_STDOUT, LOG_INFO);
	for (int i = 0; i < 40; i++)
		log_push("%d", i);
	log_info("deep");
	for (int i = 0; i < 50; i++)
		log_pop();
	errno = EXDEV;
	log_info("flat");
	assert_int_equal(errno, EXDEV);
}

static void prefixes_are_bounded(void **state)
{
	char b[4096];

	(void)state;
	capture(STDOUT_FILENO, say_deep, b, sizeof b);
	assert_non_null(strstr(b, "INFO     : 0: 1: 2: "));
	assert_non_null(strstr(b, ": deep\nINFO     : flat\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(journal_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(journal_cannot_be_forged, setup, teardown),
		cmocka_unit_test_setup_teardown(priorities_are_filtered, setup, teardown),
		cmocka_unit_test_setup_teardown(journald_may_come_later_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(long_messages_are_cut, setup, teardown),
		cmocka_unit_test(stdout_has_upstreams_labels),
		cmocka_unit_test(operations),
		cmocka_unit_test(klog_newlines),
		cmocka_unit_test(klog_format),
		cmocka_unit_test(prefixes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
