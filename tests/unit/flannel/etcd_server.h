/*
 * A real etcd-server on loopback, in a temporary directory, and a record of what a subnet manager
 * reports: what the tests of the etcd manager share. No privileges needed.
 */
#pragma once
#include "flannel/subnet.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "flannel/config.h"

#define PREFIX "/coreos.com/network"

struct server {
	pid_t pid;
	int client_port, peer_port;
	char dir[64];
	bool tls, any_client; /* any_client: no certificate asked for */
};

static char top[] = "/tmp/hearth-etcd-XXXXXX";
static struct server etcd;

static inline bool port_free(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	close(fd);
	return ok;
}

/* A name that only one process of this network namespace can have; gone with the process. */
static inline bool port_reserve(int port)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "hearth-test-port-%d", port);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return true; /* never closed */
	close(fd);
	return false;
}

/*
 * Free, and free it stays, also while a server is down: the kernel gives outgoing connections ports
 * from 32768 on, and other runs of these tests respect the reservation.
 */
static inline int free_port(void)
{
	enum { FIRST = 20000, COUNT = 12000 };

	for (int i = 0; i < COUNT; i++) {
		int port = FIRST + (getpid() * 7 + i) % COUNT;

		if (port_reserve(port) && port_free(port))
			return port;
	}
	fail_msg("no free port");
	return -1;
}

static inline pid_t spawn(const char *const argv[], const char *output)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, 1);
		dup2(fd, 2);
		setenv("ETCDCTL_API", "3", 1);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static inline int wait_exit(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static inline bool port_open(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	close(fd);
	return ok;
}

static inline const char *text(char *buf, size_t n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static inline const char *text(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return buf;
}
#define TEXT(...) text((char[512]){ 0 }, 512, __VA_ARGS__)

static inline void server_start(struct server *s)
{
	const char *scheme = s->tls ? "https" : "http";
	/* compound literals live as long as their block */
	const char *cert = TEXT("%s/server.pem", top), *key = TEXT("%s/server.key", top),
		   *ca = TEXT("%s/ca.pem", top);
	const char *client = TEXT("%s://127.0.0.1:%d", scheme, s->client_port);
	const char *peer = TEXT("http://127.0.0.1:%d", s->peer_port);
	const char *argv[40] = { "etcd",
				 "--name",
				 "t",
				 "--data-dir",
				 s->dir,
				 "--listen-client-urls",
				 client,
				 "--advertise-client-urls",
				 client,
				 "--listen-peer-urls",
				 peer,
				 "--initial-advertise-peer-urls",
				 peer,
				 "--initial-cluster",
				 TEXT("t=%s", peer),
				 "--heartbeat-interval",
				 "20",
				 "--election-timeout",
				 "100" };
	size_t n = 0;

	while (argv[n])
		n++;
	if (s->tls) {
		argv[n++] = "--cert-file";
		argv[n++] = cert;
		argv[n++] = "--key-file";
		argv[n++] = key;
	}
	if (s->tls && !s->any_client) {
		argv[n++] = "--client-cert-auth";
		argv[n++] = "--trusted-ca-file";
		argv[n++] = ca;
	}
	s->pid = spawn(argv, TEXT("%s/etcd.log", top));
	for (int i = 0; i < 3000 && !port_open(s->client_port); i++) {
		if (waitpid(s->pid, NULL, WNOHANG) != 0)
			fail_msg("etcd ended");
		usleep(20000);
	}
	assert_true(port_open(s->client_port));
}

static inline void server_new(struct server *s, bool tls)
{
	static int count;

	*s = (struct server){ .client_port = free_port(), .peer_port = free_port(), .tls = tls };
	snprintf(s->dir, sizeof(s->dir), "%s/data%d", top, count++);
	server_start(s);
}

static inline void server_stop(struct server *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		wait_exit(s->pid);
	}
	s->pid = 0;
}

/* etcdctl with up to ten arguments; its output is returned, cut. */
static inline const char *ctl_with(const char *extra[], const char *a[])
{
	static char out[8192];
	const char *path = TEXT("%s/ctl.out", top);
	const char *argv[24] = { "etcdctl", "--endpoints",
				 TEXT("%s://127.0.0.1:%d", etcd.tls ? "https" : "http", etcd.client_port) };
	size_t n = 3;
	FILE *f;

	while (extra && *extra)
		argv[n++] = *extra++;
	while (*a)
		argv[n++] = *a++;
	unlink(path);
	wait_exit(spawn(argv, path));
	memset(out, 0, sizeof(out));
	f = fopen(path, "re");
	assert_non_null(f);
	(void)!fread(out, 1, sizeof(out) - 1, f);
	fclose(f);
	return out;
}
#define CTL(...) ctl_with(NULL, (const char *[]){ __VA_ARGS__, NULL })

/* Everything a manager tells us. */
struct seen {
	struct loop *loop;
	struct subnet_manager *m;
	bool config, acquired, failed, lost;
	char why[1024];
	struct net_config net;
	struct lease own;
	unsigned snapshots, batches;
	char table[64][LEASE_KEY_MAX]; /* the others, as the events say */
	char data[64][64];
	size_t n;
};

static inline int got_config(void *ctx, const struct net_config *c)
{
	struct seen *s = ctx;

	s->config = true;
	s->net = *c;
	return 0;
}

static inline int got_lease(void *ctx, const struct lease *own, const struct err *e)
{
	struct seen *s = ctx;

	s->acquired = own != NULL;
	s->failed = !own;
	if (own)
		s->own = *own; /* pointers are not looked at */
	else
		snprintf(s->why, sizeof(s->why), "%s", e->text);
	return 0;
}

static bool count_only; /* more leases than a table holds */

static inline void table_put(struct seen *s, const struct lease *l)
{
	size_t i;

	for (i = 0; i < s->n && strcmp(s->table[i], l->key) != 0; i++)
		;
	assert_true(i < 64);
	if (i == s->n)
		s->n++;
	snprintf(s->table[i], LEASE_KEY_MAX, "%s", l->key);
	snprintf(s->data[i], 64, "%s", l->attrs.backend_data ? l->attrs.backend_data : "");
}

static inline int got_snapshot(void *ctx, const struct lease *leases, size_t n)
{
	struct seen *s = ctx;

	s->snapshots++;
	s->n = count_only ? n : 0;
	if (count_only)
		return 0;
	for (size_t i = 0; i < n; i++)
		table_put(s, &leases[i]);
	return 0;
}

static inline int got_changes(void *ctx, const struct lease *put, size_t n_put, const struct lease *gone,
			      size_t n_gone)
{
	struct seen *s = ctx;

	s->batches++;
	for (size_t i = 0; i < n_put; i++)
		table_put(s, &put[i]);
	for (size_t g = 0; g < n_gone; g++)
		for (size_t i = 0; i < s->n; i++)
			if (strcmp(s->table[i], gone[g].key) == 0) {
				s->n--;
				memmove(s->table[i], s->table[s->n], LEASE_KEY_MAX);
				memmove(s->data[i], s->data[s->n], 64);
				break;
			}
	return 0;
}

static inline int got_lost(void *ctx, const struct err *e)
{
	struct seen *s = ctx;

	s->lost = true;
	snprintf(s->why, sizeof(s->why), "%s", e->text);
	return 0;
}

static const struct subnet_events events = { got_snapshot, got_changes, got_lost };

static inline const char *in_table(const struct seen *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->table[i], key) == 0)
			return s->data[i];
	return NULL;
}

/* ms is what it takes on a quiet machine at most. On a busy one, with sanitizers, it takes longer. */
enum { PATIENCE = 15 };

#define WAIT(loop, cond, ms)                                                                                 \
	do {                                                                                                 \
		int64_t until_ = loop_now_ms() + (int64_t)(ms)*PATIENCE;                                     \
		while (!(cond) && loop_now_ms() < until_)                                                    \
			assert_true(loop_step(loop, 20) >= 0);                                               \
		if (!(cond))                                                                                 \
			fail_msg("not within %d ms: %s", (int)(ms)*PATIENCE, #cond);                         \
	} while (0)

static inline void run_for(struct loop *l, int ms)
{
	int64_t until = loop_now_ms() + ms;

	while (loop_now_ms() < until)
		assert_true(loop_step(l, 20) >= 0);
}

static inline struct lease_attrs attrs_of(const char *ip, const char *data)
{
	struct lease_attrs a = { .backend_type = "vxlan" };

	assert_int_equal(ipaddr_parse(AF_INET, ip, &a.public_ip), 0);
	a.backend_data = (char *)(uintptr_t)data;
	return a;
}

static inline void open_with(struct seen *s, struct loop *l, struct subnet_etcd_options o)
{
	const char *usual = TEXT("http://127.0.0.1:%d", etcd.client_port);
	struct err e = { 0 };
	int r;

	*s = (struct seen){ .loop = l };
	if (!o.endpoints)
		o.endpoints = usual;
	o.prefix = o.prefix ? o.prefix : PREFIX;
	r = subnet_etcd_new(l, &o, &s->m, &e);
	if (r < 0)
		fail_msg("%s", e.text);
}

static inline void acquire(struct seen *s, const char *ip, const char *data, const struct lease_subnet *prev)
{
	struct lease_attrs a = attrs_of(ip, data);

	assert_int_equal(subnet_get_config(s->m, got_config, s), 0);
	WAIT(s->loop, s->config, 3000);
	assert_int_equal(subnet_acquire(s->m, &s->net, &a, prev, got_lease, s), 0);
	WAIT(s->loop, s->acquired || s->failed, 8000);
}

static inline void start(struct seen *s, struct loop *l, const char *ip, const char *data)
{
	open_with(s, l, (struct subnet_etcd_options){ 0 });
	acquire(s, ip, data, NULL);
	assert_true(s->acquired);
	assert_int_equal(subnet_run(s->m, &events, s), 0);
	WAIT(l, s->snapshots == 1, 3000);
}

#define own_key(s) TEXT(PREFIX "/subnets/%s", (s)->own.key)

static inline int clean_store(void **state)
{
	if (etcd.pid == 0)
		server_new(&etcd, false);
	CTL("del", "--prefix", "/");
	CTL("put", PREFIX "/config", "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}");
	assert_int_equal(loop_new((struct loop **)state), 0);
	return 0;
}

static inline int end_loop(void **state)
{
	loop_free(*state);
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(path);
}

static inline int group_teardown(void **state)
{
	(void)state;
	server_stop(&etcd);
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, clean_store, end_loop)

/* Runs the tests; 77 when etcd is not installed. */
#define ETCD_TESTS(tests)                                                                                    \
	(access("/usr/bin/etcd", X_OK) != 0 || access("/usr/bin/etcdctl", X_OK) != 0                         \
		 ? (puts("etcd-server and etcd-client are not installed"), 77)                               \
	 : !mkdtemp(top) ? 1                                                                                 \
			 : (log_open("test_etcd", LOG_TO_STDERR, LOG_INFO),                                  \
			    cmocka_run_group_tests(tests, NULL, group_teardown)))
