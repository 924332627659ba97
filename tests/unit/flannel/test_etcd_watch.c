/* Other nodes' leases and etcd's absence, against a real etcd. */
#include "tests/unit/flannel/etcd_server.h"

static void test_junk_is_isolated(void **state)
{
	struct loop *l = *state;
	struct seen a;

	CTL("put", PREFIX "/subnets/notes", "hello");
	CTL("put", PREFIX "/subnets/10.5.230.0-24", "not json");
	CTL("put", PREFIX "/subnets/10.5.231.0-24", "{\"PublicIP\":\"10.77.0.9\",\"BackendData\":1}");
	CTL("put", PREFIX "/subnets-old/10.5.232.0-24", "{\"PublicIP\":\"10.77.0.8\"}");
	start(&a, l, "10.77.0.1", NULL);
	assert_int_equal(a.n, 1);
	assert_string_equal(in_table(&a, "10.5.231.0-24"), "1");

	CTL("put", PREFIX "/subnets/more-notes", "hello");
	CTL("put", PREFIX "/subnets/10.5.233.0-24", "{\"PublicIP\":\"10.77.0.7\",\"BackendData\":2}");
	WAIT(l, in_table(&a, "10.5.233.0-24"), 2000);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.snapshots, 1);

	/* a peer whose value breaks is gone, the rest stays */
	CTL("put", PREFIX "/subnets/10.5.233.0-24", "{");
	WAIT(l, !in_table(&a, "10.5.233.0-24"), 2000);
	assert_string_equal(in_table(&a, "10.5.231.0-24"), "1");
	CTL("del", PREFIX "/subnets/10.5.231.0-24");
	WAIT(l, a.n == 0, 2000);
	subnet_free(a.m);
}

static void test_watch_resumes_after_restart(void **state)
{
	struct loop *l = *state;
	struct seen a;

	start(&a, l, "10.77.0.1", NULL);
	CTL("put", PREFIX "/subnets/10.5.240.0-24", "{\"PublicIP\":\"10.77.0.40\"}");
	WAIT(l, in_table(&a, "10.5.240.0-24"), 2000);
	server_stop(&etcd);
	run_for(l, 300);
	server_start(&etcd);
	CTL("put", PREFIX "/subnets/10.5.241.0-24", "{\"PublicIP\":\"10.77.0.41\"}");
	WAIT(l, in_table(&a, "10.5.241.0-24"), 6000);
	assert_non_null(in_table(&a, "10.5.240.0-24"));
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

	CTL("put", PREFIX "/subnets/10.5.240.0-24", "{\"PublicIP\":\"10.77.0.40\",\"BackendData\":1}");
	CTL("put", PREFIX "/subnets/10.5.241.0-24", "{\"PublicIP\":\"10.77.0.41\",\"BackendData\":1}");
	start(&a, l, "10.77.0.1", NULL);
	assert_int_equal(a.n, 2);
	server_stop(&etcd);
	run_for(l, 200);
	server_start(&etcd);
	/* the loop stands still: the manager does not see this go by */
	CTL("put", PREFIX "/subnets/10.5.240.0-24", "{\"PublicIP\":\"10.77.0.40\",\"BackendData\":2}");
	CTL("del", PREFIX "/subnets/10.5.241.0-24");
	CTL("put", PREFIX "/subnets/10.5.242.0-24", "{\"PublicIP\":\"10.77.0.42\"}");
	CTL("compact", TEXT("%lld", revision()));
	WAIT(l, a.snapshots == 2, 6000);
	assert_int_equal(a.n, 2); /* and not our own */
	assert_string_equal(in_table(&a, "10.5.240.0-24"), "2");
	assert_null(in_table(&a, "10.5.241.0-24"));
	assert_non_null(in_table(&a, "10.5.242.0-24"));
	CTL("put", PREFIX "/subnets/10.5.243.0-24", "{\"PublicIP\":\"10.77.0.43\"}");
	WAIT(l, in_table(&a, "10.5.243.0-24"), 2000);
	assert_false(a.lost);
	subnet_free(a.m);
}

/* A store made anew under the old name, whose revision is beyond ours when we come back. */
static void test_data_lost_and_passed(void **state)
{
	struct loop *l = *state;
	struct seen a;
	long long before;

	start(&a, l, "10.77.0.1", NULL);
	CTL("put", PREFIX "/subnets/10.5.240.0-24", "{\"PublicIP\":\"10.77.0.40\"}");
	WAIT(l, in_table(&a, "10.5.240.0-24"), 2000);
	before = revision();
	server_stop(&etcd);
	run_for(l, 200);
	snprintf(etcd.dir, sizeof(etcd.dir), "%s/anew", top);
	server_start(&etcd);
	while (revision() < before + 5)
		CTL("put", "/something", "else");
	CTL("put", PREFIX "/subnets/10.5.244.0-24", "{\"PublicIP\":\"10.77.0.44\"}");
	WAIT(l, in_table(&a, "10.5.244.0-24"), 6000);
	WAIT(l, strstr(CTL("get", own_key(&a)), "10.77.0.1"), 3000);
	assert_null(in_table(&a, "10.5.240.0-24"));
	assert_int_equal(a.n, 1); /* and not our own */
	assert_false(a.lost);
	CTL("put", PREFIX "/subnets/10.5.245.0-24", "{\"PublicIP\":\"10.77.0.45\"}");
	WAIT(l, in_table(&a, "10.5.245.0-24"), 2000);
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
	assert_true(loop_now_ms() - began < 4500); /* not after the deadline of a call, 5 s */
	subnet_free(a.m);
}

/* A port that takes connections and never answers. */
static int mute_port(int *ret_fd)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(*ret_fd, 5), 0);
	assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&sa, &n), 0);
	return ntohs(sa.sin_port);
}

static void test_mute_endpoint_first(void **state)
{
	CLEANUP(closep) int fd = -1;
	struct loop *l = *state;
	struct seen a;

	/* the deadline passes, then the other one is asked; the prefix is cleaned as a path */
	open_with(&a, l,
		  (struct subnet_etcd_options){
			  .endpoints = TEXT("127.0.0.1:%d,127.0.0.1:%d", mute_port(&fd), etcd.client_port),
			  .prefix = "//coreos.com/./x/../network/",
			  .call_timeout_ms = 300 });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_true(a.acquired);
	subnet_free(a.m);
}

/* What was logged up to now. */
static const char *logged(int fd, char *line, size_t size)
{
	size_t n = strlen(line);

	(void)!read(fd, line + n, size - n - 1);
	return line;
}

static void test_etcd_absent(void **state)
{
	struct loop *l = *state;
	CLEANUP(closep) int mute = -1;
	char line[4096] = "";
	int64_t began;
	int out[2], saved, port;
	struct seen a;

	port = mute_port(&mute);
	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	fflush(stderr);
	saved = dup(2);
	dup2(out[1], 2);
	open_with(&a, l,
		  (struct subnet_etcd_options){
			  .endpoints = TEXT("http://127.0.0.1:%d,http://127.0.0.1:%d", free_port(), port),
			  .call_timeout_ms = 500,
			  .username = "root",
			  .password = "hush-hush" });
	assert_int_equal(subnet_get_config(a.m, got_config, &a), 0);
	began = loop_now_ms();
	while (!strstr(logged(out[0], line, sizeof(line)), "DeadlineExceeded") &&
	       loop_now_ms() - began < 900 * PATIENCE)
		assert_true(loop_step(l, 20) >= 0);
	dup2(saved, 2);
	close(saved);
	close(out[0]);
	close(out[1]);
	assert_false(a.config);
	assert_non_null(strstr(line, "Couldn't fetch network config: DeadlineExceeded: "));
	assert_non_null(strstr(line, TEXT("no answer from http://127.0.0.1:%d within 500 ms", port)));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_junk_is_isolated),      CASE(test_watch_resumes_after_restart),
		CASE(test_compaction_while_away), CASE(test_data_lost_and_passed),
		CASE(test_dead_endpoint_first),   CASE(test_mute_endpoint_first),
		CASE(test_etcd_absent),           CASE(test_config_arrives_late),
	};

	return ETCD_TESTS(tests);
}
