/*
 * The etcd subnet manager against a real etcd-server on loopback, in a temporary directory. No
 * privileges needed. Ends with 77 when etcd is not installed.
 */
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

static int free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static pid_t spawn(const char *const argv[], const char *output)
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

static int wait_exit(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool port_open(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	close(fd);
	return ok;
}

static const char *text(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static const char *text(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return buf;
}
#define TEXT(...) text((char[512]){ 0 }, 512, __VA_ARGS__)

static void server_start(struct server *s)
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
	for (int i = 0; i < 200 && !port_open(s->client_port); i++)
		usleep(20000);
	assert_true(port_open(s->client_port));
}

static void server_new(struct server *s, bool tls)
{
	static int count;

	*s = (struct server){ .client_port = free_port(), .peer_port = free_port(), .tls = tls };
	snprintf(s->dir, sizeof(s->dir), "%s/data%d", top, count++);
	server_start(s);
}

static void server_stop(struct server *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		wait_exit(s->pid);
	}
	s->pid = 0;
}

/* etcdctl with up to ten arguments; its output is returned, cut. */
static const char *ctl_with(const char *extra[], const char *a[])
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

static int got_config(void *ctx, const struct net_config *c)
{
	struct seen *s = ctx;

	s->config = true;
	s->net = *c;
	return 0;
}

static int got_lease(void *ctx, const struct lease *own, const struct err *e)
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

static void table_put(struct seen *s, const struct lease *l)
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

static int got_snapshot(void *ctx, const struct lease *leases, size_t n)
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

static int got_changes(void *ctx, const struct lease *put, size_t n_put, const struct lease *gone,
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

static int got_lost(void *ctx, const struct err *e)
{
	struct seen *s = ctx;

	s->lost = true;
	snprintf(s->why, sizeof(s->why), "%s", e->text);
	return 0;
}

static const struct subnet_events events = { got_snapshot, got_changes, got_lost };

static const char *in_table(const struct seen *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->table[i], key) == 0)
			return s->data[i];
	return NULL;
}

#define WAIT(loop, cond, ms)                                                                                 \
	do {                                                                                                 \
		int64_t until_ = loop_now_ms() + (ms);                                                       \
		while (!(cond) && loop_now_ms() < until_)                                                    \
			assert_true(loop_step(loop, 20) >= 0);                                               \
		if (!(cond))                                                                                 \
			fail_msg("not within %d ms: %s", (int)(ms), #cond);                                  \
	} while (0)

static void run_for(struct loop *l, int ms)
{
	int64_t until = loop_now_ms() + ms;

	while (loop_now_ms() < until)
		assert_true(loop_step(l, 20) >= 0);
}

static struct lease_attrs attrs_of(const char *ip, const char *data)
{
	struct lease_attrs a = { .backend_type = "vxlan" };

	assert_int_equal(ipaddr_parse(AF_INET, ip, &a.public_ip), 0);
	a.backend_data = (char *)(uintptr_t)data;
	return a;
}

static void open_with(struct seen *s, struct loop *l, struct subnet_etcd_options o)
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

static void acquire(struct seen *s, const char *ip, const char *data, const struct lease_subnet *prev)
{
	struct lease_attrs a = attrs_of(ip, data);

	assert_int_equal(subnet_get_config(s->m, got_config, s), 0);
	WAIT(s->loop, s->config, 3000);
	assert_int_equal(subnet_acquire(s->m, &s->net, &a, prev, got_lease, s), 0);
	WAIT(s->loop, s->acquired || s->failed, 8000);
}

static void start(struct seen *s, struct loop *l, const char *ip, const char *data)
{
	open_with(s, l, (struct subnet_etcd_options){ 0 });
	acquire(s, ip, data, NULL);
	assert_true(s->acquired);
	assert_int_equal(subnet_run(s->m, &events, s), 0);
	WAIT(l, s->snapshots == 1, 3000);
}

#define own_key(s) TEXT(PREFIX "/subnets/%s", (s)->own.key)

static int clean_store(void **state)
{
	if (etcd.pid == 0)
		server_new(&etcd, false);
	CTL("del", "--prefix", "/");
	CTL("put", PREFIX "/config", "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"Type\":\"vxlan\"}}");
	assert_int_equal(loop_new((struct loop **)state), 0);
	return 0;
}

static int end_loop(void **state)
{
	loop_free(*state);
	return 0;
}

static void test_acquire_and_reuse(void **state)
{
	struct loop *l = *state;
	struct lease_subnet prev = { 0 }, foreign = { 0 };
	struct seen a, b, c;
	char key[LEASE_KEY_MAX];
	int64_t mod;

	start(&a, l, "10.77.0.1", "{\"VNI\":1}");
	assert_int_equal(a.own.subnet.v4.len, 24);
	assert_string_equal(
		CTL("get", "--print-value-only", own_key(&a)),
		"{\"PublicIP\":\"10.77.0.1\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":1}}\n");
	assert_true(a.own.etcd_lease != 0);
	snprintf(key, sizeof(key), "%s", a.own.key);
	mod = a.own.mod_revision;
	subnet_free(a.m);

	/* the same node, the same value: the same key, not written again, the same etcd lease */
	open_with(&b, l, (struct subnet_etcd_options){ 0 });
	acquire(&b, "10.77.0.1", "{\"VNI\":1}", NULL);
	assert_string_equal(b.own.key, key);
	assert_true(b.own.mod_revision == mod);
	assert_true(b.own.etcd_lease == a.own.etcd_lease);
	subnet_free(b.m);
	assert_non_null(strstr(CTL("lease", "list"), "found 1 leases"));

	/* another value is written under the same etcd lease */
	open_with(&b, l, (struct subnet_etcd_options){ 0 });
	acquire(&b, "10.77.0.1", "{\"VNI\":2}", NULL);
	assert_string_equal(b.own.key, key);
	assert_true(b.own.mod_revision > mod);
	assert_true(b.own.etcd_lease == a.own.etcd_lease);
	subnet_free(b.m);

	/* a previous subnet is taken when free, not when somebody has it */
	assert_int_equal(lease_subnet_parse("10.5.200.0-24", 13, &prev, NULL), 0);
	open_with(&c, l, (struct subnet_etcd_options){ 0 });
	acquire(&c, "10.77.0.2", NULL, &prev);
	assert_string_equal(c.own.key, "10.5.200.0-24");
	subnet_free(c.m);
	open_with(&c, l, (struct subnet_etcd_options){ 0 });
	acquire(&c, "10.77.0.3", NULL, &prev);
	assert_true(c.acquired);
	assert_string_not_equal(c.own.key, "10.5.200.0-24");
	subnet_free(c.m);

	/* outside the network: ignored */
	assert_int_equal(lease_subnet_parse("10.9.1.0-24", 11, &foreign, NULL), 0);
	open_with(&c, l, (struct subnet_etcd_options){ 0 });
	acquire(&c, "10.77.0.4", NULL, &foreign);
	assert_true(strncmp(c.own.key, "10.5.", 5) == 0);
	subnet_free(c.m);

	/* after a change of the network the old lease is deleted and a new one picked */
	CTL("put", PREFIX "/config", "{\"Network\":\"10.6.0.0/16\"}");
	open_with(&c, l, (struct subnet_etcd_options){ 0 });
	acquire(&c, "10.77.0.1", NULL, NULL);
	assert_true(strncmp(c.own.key, "10.6.", 5) == 0);
	assert_string_equal(CTL("get", TEXT(PREFIX "/subnets/%s", key)), "");
	subnet_free(c.m);
}

static void test_ipv6_only(void **state)
{
	struct loop *l = *state;
	struct seen a[2];

	CTL("put", PREFIX "/config",
	    "{\"EnableIPv4\":false,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:8::/48\"}");
	for (int i = 0; i < 2; i++) {
		struct lease_attrs attrs = { .backend_type = "vxlan" };

		assert_int_equal(ipaddr_parse(AF_INET6, i ? "fd77::2" : "fd77::1", &attrs.public_ipv6), 0);
		open_with(&a[i], l, (struct subnet_etcd_options){ 0 });
		assert_int_equal(subnet_get_config(a[i].m, got_config, &a[i]), 0);
		WAIT(l, a[i].config, 3000);
		assert_int_equal(subnet_acquire(a[i].m, &a[i].net, &attrs, NULL, got_lease, &a[i]), 0);
		WAIT(l, a[i].acquired || a[i].failed, 3000);
		assert_true(a[i].acquired);
		assert_true(strncmp(a[i].own.key, "0.0.0.0-0&fd00:8:0:", 19) == 0);
	}
	/* the second node does not take the first one's lease */
	assert_string_not_equal(a[0].own.key, a[1].own.key);
	subnet_free(a[0].m);
	subnet_free(a[1].m);
}

static void test_race(void **state)
{
	struct loop *l = *state;
	struct seen a[4];
	char ip[16];

	/* a /28 has three usable subnets: three managers get one each, the fourth is told */
	CTL("put", PREFIX "/config", "{\"Network\":\"10.5.0.0/28\"}");
	for (int i = 0; i < 4; i++) {
		open_with(&a[i], l, (struct subnet_etcd_options){ 0 });
		assert_int_equal(subnet_get_config(a[i].m, got_config, &a[i]), 0);
	}
	WAIT(l, a[0].config && a[1].config && a[2].config && a[3].config, 3000);
	for (int i = 0; i < 3; i++) {
		struct lease_attrs attrs;

		snprintf(ip, sizeof(ip), "10.77.0.%d", i + 1);
		attrs = attrs_of(ip, NULL);
		assert_int_equal(subnet_acquire(a[i].m, &a[i].net, &attrs, NULL, got_lease, &a[i]), 0);
	}
	WAIT(l, a[0].acquired && a[1].acquired && a[2].acquired, 10000);
	assert_string_not_equal(a[0].own.key, a[1].own.key);
	assert_string_not_equal(a[0].own.key, a[2].own.key);
	assert_string_not_equal(a[1].own.key, a[2].own.key);

	acquire(&a[3], "10.77.0.4", NULL, NULL);
	assert_true(a[3].failed);
	assert_string_equal(a[3].why, "out of subnets");
	run_for(l, 100); /* the lease it had asked for is given back */
	for (int i = 0; i < 4; i++)
		subnet_free(a[i].m);
	assert_non_null(strstr(CTL("lease", "list"), "found"));
}

static void test_reservation(void **state)
{
	struct loop *l = *state;
	struct seen a;

	CTL("put", PREFIX "/subnets/10.5.9.0-24", "{\"PublicIP\":\"10.77.0.1\",\"PublicIPv6\":null}");
	start(&a, l, "10.77.0.1", "{\"VNI\":1}");
	assert_string_equal(a.own.key, "10.5.9.0-24");
	assert_true(a.own.etcd_lease == 0);
	assert_non_null(strstr(CTL("get", "-w", "fields", own_key(&a)), "\"Lease\" : 0"));
	assert_non_null(strstr(CTL("get", own_key(&a)), "\"VNI\":1"));
	subnet_free(a.m);
}

static void test_junk_is_isolated(void **state)
{
	struct loop *l = *state;
	struct seen a;

	CTL("put", PREFIX "/subnets/notes", "hello");
	CTL("put", PREFIX "/subnets/10.5.30.0-24", "not json");
	CTL("put", PREFIX "/subnets/10.5.31.0-24", "{\"PublicIP\":\"10.77.0.9\",\"BackendData\":1}");
	CTL("put", PREFIX "/subnets-old/10.5.32.0-24", "{\"PublicIP\":\"10.77.0.8\"}");
	start(&a, l, "10.77.0.1", NULL);
	assert_int_equal(a.n, 1);
	assert_string_equal(in_table(&a, "10.5.31.0-24"), "1");

	CTL("put", PREFIX "/subnets/more-notes", "hello");
	CTL("put", PREFIX "/subnets/10.5.33.0-24", "{\"PublicIP\":\"10.77.0.7\",\"BackendData\":2}");
	WAIT(l, in_table(&a, "10.5.33.0-24"), 2000);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.snapshots, 1);

	/* a peer whose value breaks is gone, the rest stays */
	CTL("put", PREFIX "/subnets/10.5.33.0-24", "{");
	WAIT(l, !in_table(&a, "10.5.33.0-24"), 2000);
	assert_string_equal(in_table(&a, "10.5.31.0-24"), "1");
	CTL("del", PREFIX "/subnets/10.5.31.0-24");
	WAIT(l, a.n == 0, 2000);
	subnet_free(a.m);
}

static void test_own_lease_comes_back(void **state)
{
	struct loop *l = *state;
	struct lease_attrs attrs;
	struct seen a;

	start(&a, l, "10.77.0.1", "{\"VNI\":1}");
	CTL("lease", "revoke", TEXT("%llx", (unsigned long long)a.own.etcd_lease));
	run_for(l, 400);
	assert_non_null(strstr(CTL("get", own_key(&a)), "\"VNI\":1"));
	assert_null(strstr(CTL("get", "-w", "fields", own_key(&a)), "\"Lease\" : 0"));

	CTL("del", own_key(&a));
	run_for(l, 400);
	assert_non_null(strstr(CTL("get", own_key(&a)), "\"VNI\":1"));

	CTL("put", own_key(&a), "broken");
	run_for(l, 400);
	assert_non_null(strstr(CTL("get", own_key(&a)), "\"VNI\":1"));

	/* new attributes, and a new address: still our lease */
	attrs = attrs_of("10.77.0.99", "{\"VNI\":3}");
	assert_int_equal(subnet_set_attrs(a.m, &attrs), 0);
	run_for(l, 400);
	assert_non_null(strstr(CTL("get", own_key(&a)), "{\"PublicIP\":\"10.77.0.99\""));
	assert_false(a.lost);

	/* somebody else has it: told once, nothing overwritten */
	CTL("put", own_key(&a), "{\"PublicIP\":\"10.77.0.50\"}");
	WAIT(l, a.lost, 6000);
	assert_non_null(strstr(a.why, "10.77.0.50"));
	assert_non_null(strstr(CTL("get", own_key(&a)), "10.77.0.50"));
	subnet_free(a.m);
}

static void test_renewal(void **state)
{
	struct loop *l = *state;
	struct seen a;

	open_with(&a, l, (struct subnet_etcd_options){ .lease_ttl_s = 3, .renew_margin_s = 2 });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	run_for(l, 5000); /* well beyond the TTL */
	assert_non_null(strstr(CTL("get", own_key(&a)), "10.77.0.1"));
	assert_true(a.own.create_revision == a.own.mod_revision);
	assert_non_null(strstr(CTL("get", "-w", "fields", own_key(&a)), "\"Version\" : 1"));
	subnet_free(a.m);
}

static void test_watch_resumes_after_restart(void **state)
{
	struct loop *l = *state;
	struct seen a;

	start(&a, l, "10.77.0.1", NULL);
	CTL("put", PREFIX "/subnets/10.5.40.0-24", "{\"PublicIP\":\"10.77.0.40\"}");
	WAIT(l, in_table(&a, "10.5.40.0-24"), 2000);
	server_stop(&etcd);
	run_for(l, 300);
	server_start(&etcd);
	CTL("put", PREFIX "/subnets/10.5.41.0-24", "{\"PublicIP\":\"10.77.0.41\"}");
	WAIT(l, in_table(&a, "10.5.41.0-24"), 6000);
	assert_non_null(in_table(&a, "10.5.40.0-24"));
	assert_int_equal(a.snapshots, 1); /* resumed, not listed anew */
	subnet_free(a.m);
}

static long long revision(void)
{
	const char *p = strstr(CTL("get", "-w", "fields", "nothing"), "\"Revision\" : ");

	return p ? atoll(p + strlen("\"Revision\" : ")) : 0;
}

static void test_compaction_while_away(void **state)
{
	struct loop *l = *state;
	struct seen a;

	CTL("put", PREFIX "/subnets/10.5.40.0-24", "{\"PublicIP\":\"10.77.0.40\",\"BackendData\":1}");
	CTL("put", PREFIX "/subnets/10.5.41.0-24", "{\"PublicIP\":\"10.77.0.41\",\"BackendData\":1}");
	start(&a, l, "10.77.0.1", NULL);
	assert_int_equal(a.n, 2);
	server_stop(&etcd);
	run_for(l, 200);
	server_start(&etcd);
	/* the loop stands still: the manager does not see this go by */
	CTL("put", PREFIX "/subnets/10.5.40.0-24", "{\"PublicIP\":\"10.77.0.40\",\"BackendData\":2}");
	CTL("del", PREFIX "/subnets/10.5.41.0-24");
	CTL("put", PREFIX "/subnets/10.5.42.0-24", "{\"PublicIP\":\"10.77.0.42\"}");
	CTL("compact", TEXT("%lld", revision()));
	WAIT(l, a.snapshots == 2, 6000);
	assert_int_equal(a.n, 2); /* and not our own */
	assert_string_equal(in_table(&a, "10.5.40.0-24"), "2");
	assert_null(in_table(&a, "10.5.41.0-24"));
	assert_non_null(in_table(&a, "10.5.42.0-24"));
	CTL("put", PREFIX "/subnets/10.5.43.0-24", "{\"PublicIP\":\"10.77.0.43\"}");
	WAIT(l, in_table(&a, "10.5.43.0-24"), 2000);
	assert_false(a.lost);
	subnet_free(a.m);
}

static void test_many_leases_in_pages(void **state)
{
	struct loop *l = *state;
	struct seen a;
	const char *path = TEXT("%s/txn", top);
	unsigned third;
	FILE *f;

	/* more than two pages of keys, by transactions of up to 128 operations */
	for (int t = 0; t < 20; t++) {
		const char *argv[] = {
			"sh", "-c",
			TEXT("etcdctl --endpoints http://127.0.0.1:%d txn < %s", etcd.client_port, path), NULL
		};

		f = fopen(path, "we");
		assert_non_null(f);
		fputs("\n", f);
		for (int i = 0; i < 110; i++)
			fprintf(f,
				"put %s/subnets/10.5.%d.%d-30 \"{\\\"PublicIP\\\":\\\"10.78.%d.%d\\\"}\"\n",
				PREFIX, t * 4 + i / 60, (i % 60) * 4, t, i + 1);
		fputs("\n\n", f);
		fclose(f);
		assert_int_equal(wait_exit(spawn(argv, "/dev/null")), 0);
	}
	open_with(&a, l, (struct subnet_etcd_options){ 0 });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_true(a.acquired);
	count_only = true;
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	WAIT(l, a.snapshots == 1, 3000);
	count_only = false;
	assert_int_equal(a.n, 2200);
	/* the ranges taken by the small leases were not given out */
	third = a.own.subnet.v4.addr.b[2];
	assert_true(third >= 80 || third % 4 >= 2);
	subnet_free(a.m);
}

static void test_dead_endpoint_first(void **state)
{
	struct loop *l = *state;
	int64_t began = loop_now_ms();
	struct seen a;

	open_with(&a, l,
		  (struct subnet_etcd_options){ .endpoints = TEXT("http://127.0.0.1:%d, 127.0.0.1:%d",
								  free_port(), etcd.client_port) });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_true(a.acquired);
	assert_true(loop_now_ms() - began < 1500);
	subnet_free(a.m);
}

static void test_etcd_absent(void **state)
{
	struct loop *l = *state;
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	CLEANUP(closep) int mute = -1;
	char line[4096] = "";
	int64_t began;
	int out[2], saved;
	struct seen a;

	/* a port that takes connections and never answers */
	mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(mute, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(mute, 5), 0);
	assert_int_equal(getsockname(mute, (struct sockaddr *)&sa, &n), 0);

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	fflush(stderr);
	saved = dup(2);
	dup2(out[1], 2);
	open_with(&a, l,
		  (struct subnet_etcd_options){ .endpoints = TEXT("http://127.0.0.1:%d,http://127.0.0.1:%d",
								  free_port(), ntohs(sa.sin_port)),
						.call_timeout_ms = 500,
						.username = "root",
						.password = "hush-hush" });
	assert_int_equal(subnet_get_config(a.m, got_config, &a), 0);
	began = loop_now_ms();
	run_for(l, 900);
	dup2(saved, 2);
	close(saved);
	(void)!read(out[0], line, sizeof(line) - 1);
	close(out[0]);
	close(out[1]);
	assert_true(loop_now_ms() - began < 2000);
	assert_false(a.config);
	assert_non_null(strstr(line, "Couldn't fetch network config: DeadlineExceeded: "));
	assert_non_null(
		strstr(line, TEXT("no answer from http://127.0.0.1:%d within 500 ms", ntohs(sa.sin_port))));
	assert_null(strstr(line, "hush-hush"));
	subnet_free(a.m);
}

static void test_config_arrives_late(void **state)
{
	struct loop *l = *state;
	struct seen a;

	CTL("del", PREFIX "/config");
	open_with(&a, l, (struct subnet_etcd_options){ 0 });
	assert_int_equal(subnet_get_config(a.m, got_config, &a), 0);
	run_for(l, 300);
	assert_false(a.config);
	CTL("put", PREFIX "/config", "{\"Network\":\"10.5.0.0\"}");
	run_for(l, 1100);
	assert_false(a.config);
	CTL("put", PREFIX "/config", "{\"network\":\"10.5.0.0/16\"}");
	WAIT(l, a.config, 2000);
	assert_string_equal(a.net.backend_type, "udp");
	subnet_free(a.m);
}

static void test_auth(void **state)
{
	const char *root[] = { "--user", "root:secret", NULL };
	struct loop *l = *state;
	struct seen a, b;

	CTL("user", "add", "root:secret");
	CTL("user", "add", "flannel:word");
	CTL("role", "add", "flannel");
	CTL("role", "grant-permission", "flannel", "readwrite", "--prefix=true", PREFIX "/");
	CTL("user", "grant-role", "flannel", "flannel");
	CTL("user", "grant-role", "root", "root");
	assert_non_null(strstr(CTL("auth", "enable"), "Enabled"));

	open_with(&a, l, (struct subnet_etcd_options){ .username = "flannel", .password = "word" });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_true(a.acquired);
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	WAIT(l, a.snapshots == 1, 3000);

	/* simple tokens die with the server: the next call logs in again */
	server_stop(&etcd);
	server_start(&etcd);
	ctl_with(root, (const char *[]){ "put", PREFIX "/subnets/10.5.50.0-24",
					 "{\"PublicIP\":\"10.77.0.50\"}", NULL });
	WAIT(l, in_table(&a, "10.5.50.0-24"), 8000);
	subnet_free(a.m);

	open_with(&b, l, (struct subnet_etcd_options){ .username = "flannel", .password = "wrong" });
	assert_int_equal(subnet_get_config(b.m, got_config, &b), 0);
	run_for(l, 500);
	assert_false(b.config);
	subnet_free(b.m);
	assert_non_null(strstr(ctl_with(root, (const char *[]){ "auth", "disable", NULL }), "Disabled"));
}

static void openssl(const char *cmd)
{
	const char *argv[] = { "sh", "-c", TEXT("cd %s && openssl %s", top, cmd), NULL };

	assert_int_equal(wait_exit(spawn(argv, TEXT("%s/openssl.log", top))), 0);
}

static void test_tls(void **state)
{
	struct loop *l = *state;
	struct server plain = etcd;
	const char *ca = TEXT("%s/ca.pem", top), *cert = TEXT("%s/client.pem", top),
		   *key = TEXT("%s/client.key", top);
	const char *tls_ctl[] = { "--cacert", ca, "--cert", cert, "--key", key, NULL };
	struct subnet_manager *m = NULL;
	struct seen a;
	struct err e = { 0 };
	FILE *f = fopen(TEXT("%s/server.ext", top), "we");

	assert_non_null(f);
	fputs("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n", f);
	fclose(f);
	openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2");
	for (int i = 0; i < 2; i++) {
		const char *who = i ? "client" : "server";

		openssl(TEXT(
			"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.csr -subj /CN=%s",
			who, who, who));
		openssl(TEXT(
			"x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out %s.pem",
			who, who));
	}
	server_new(&etcd, true);
	ctl_with(tls_ctl, (const char *[]){ "put", PREFIX "/config", "{\"Network\":\"10.5.0.0/16\"}", NULL });
	const char *endpoint = TEXT("https://127.0.0.1:%d", etcd.client_port);

	open_with(&a, l,
		  (struct subnet_etcd_options){
			  .endpoints = endpoint, .cafile = ca, .certfile = cert, .keyfile = key });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_true(a.acquired);
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	WAIT(l, a.snapshots == 1, 3000);
	ctl_with(tls_ctl, (const char *[]){ "put", PREFIX "/subnets/10.5.50.0-24",
					    "{\"PublicIP\":\"10.77.0.50\"}", NULL });
	WAIT(l, in_table(&a, "10.5.50.0-24"), 3000);
	subnet_free(a.m);

	/* without our CA, and by a name that is not in the certificate: refused */
	open_with(&a, l,
		  (struct subnet_etcd_options){ .endpoints = endpoint, .certfile = cert, .keyfile = key });
	assert_int_equal(subnet_get_config(a.m, got_config, &a), 0);
	run_for(l, 400);
	assert_false(a.config);
	subnet_free(a.m);
	open_with(&a, l,
		  (struct subnet_etcd_options){ .endpoints = TEXT("https://localhost:%d", etcd.client_port),
						.cafile = ca,
						.certfile = cert,
						.keyfile = key });
	assert_int_equal(subnet_get_config(a.m, got_config, &a), 0);
	run_for(l, 400);
	assert_false(a.config);
	subnet_free(a.m);

	/* mistakes in the options are found before anything is tried */
	assert_int_equal(
		subnet_etcd_new(l, &(struct subnet_etcd_options){ .endpoints = endpoint, .certfile = cert },
				&m, &e),
		-EINVAL);
	assert_non_null(strstr(e.text, "etcd-keyfile"));
	assert_int_equal(
		subnet_etcd_new(l,
				&(struct subnet_etcd_options){ .endpoints = endpoint, .cafile = "/none.pem" },
				&m, &e),
		-EINVAL);
	assert_non_null(strstr(e.text, "/none.pem: No such file"));

	/* a CA alone is enough where the server asks for no client certificate */
	server_stop(&etcd);
	etcd.any_client = true;
	server_start(&etcd);
	open_with(&a, l, (struct subnet_etcd_options){ .endpoints = endpoint, .cafile = ca });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_true(a.acquired);
	subnet_free(a.m);
	server_stop(&etcd);
	etcd = plain;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(path);
}

static int group_teardown(void **state)
{
	(void)state;
	server_stop(&etcd);
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, clean_store, end_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_acquire_and_reuse),
		CASE(test_ipv6_only),
		CASE(test_race),
		CASE(test_reservation),
		CASE(test_junk_is_isolated),
		CASE(test_own_lease_comes_back),
		CASE(test_renewal),
		CASE(test_watch_resumes_after_restart),
		CASE(test_compaction_while_away),
		CASE(test_many_leases_in_pages),
		CASE(test_dead_endpoint_first),
		CASE(test_etcd_absent),
		CASE(test_config_arrives_late),
		CASE(test_tls),
		CASE(test_auth), /* last: it leaves users behind */
	};

	if (access("/usr/bin/etcd", X_OK) != 0 || access("/usr/bin/etcdctl", X_OK) != 0) {
		printf("etcd-server and etcd-client are not installed\n");
		return 77;
	}
	if (!mkdtemp(top))
		return 1;
	log_open("test_etcd", LOG_TO_STDERR, LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, group_teardown);
}
