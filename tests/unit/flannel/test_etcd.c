/* Getting and keeping a lease, against a real etcd. */
#include "tests/unit/flannel/etcd_server.h"

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

static void test_dual_stack(void **state)
{
	struct lease_attrs attrs = attrs_of("10.77.0.1", NULL);
	struct loop *l = *state;
	struct seen a;

	CTL("put", PREFIX "/config",
	    "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:7::/48\"}");
	CTL("put", PREFIX "/subnets/10.5.1.0-24",
	    "{\"PublicIP\":\"10.77.0.1\"}"); /* of the time before IPv6 */
	CTL("put", PREFIX "/subnets/10.5.2.0-24&fd00:7:0:2::-64",
	    "{\"PublicIP\":\"10.77.0.2\",\"PublicIPv6\":\"fd77::2\"}");
	assert_int_equal(ipaddr_parse(AF_INET6, "fd77::1", &attrs.public_ipv6), 0);
	open_with(&a, l, (struct subnet_etcd_options){ 0 });
	assert_int_equal(subnet_get_config(a.m, got_config, &a), 0);
	WAIT(l, a.config, 3000);
	assert_int_equal(subnet_acquire(a.m, &a.net, &attrs, NULL, got_lease, &a), 0);
	WAIT(l, a.acquired || a.failed, 3000);
	assert_true(a.acquired);
	assert_non_null(strstr(a.own.key, "-24&fd00:7:0:"));
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	WAIT(l, a.snapshots == 1, 3000);
	assert_non_null(in_table(&a, "10.5.2.0-24&fd00:7:0:2::-64"));
	assert_string_equal(
		CTL("get", "--print-value-only", own_key(&a)),
		"{\"PublicIP\":\"10.77.0.1\",\"PublicIPv6\":\"fd77::1\",\"BackendType\":\"vxlan\"}\n");
	subnet_free(a.m);
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

static void test_own_lease_comes_back(void **state)
{
	struct loop *l = *state;
	struct lease_attrs attrs;
	struct seen a;

	start(&a, l, "10.77.0.1", "{\"VNI\":1}");
	CTL("lease", "revoke", TEXT("%llx", (unsigned long long)a.own.etcd_lease));
	WAIT(l, strstr(CTL("get", own_key(&a)), "\"VNI\":1"), 2000);
	assert_null(strstr(CTL("get", "-w", "fields", own_key(&a)), "\"Lease\" : 0"));

	CTL("del", own_key(&a));
	WAIT(l, strstr(CTL("get", own_key(&a)), "\"VNI\":1"), 2000);

	CTL("put", own_key(&a), "broken");
	WAIT(l, strstr(CTL("get", own_key(&a)), "\"VNI\":1"), 2000);

	/* new attributes, and a new address: still our lease */
	attrs = attrs_of("10.77.0.99", "{\"VNI\":3}");
	assert_int_equal(subnet_set_attrs(a.m, &attrs), 0);
	WAIT(l, strstr(CTL("get", own_key(&a)), "{\"PublicIP\":\"10.77.0.99\""), 2000);
	assert_false(a.lost);

	/* the same before run() */
	subnet_free(a.m);
	open_with(&a, l, (struct subnet_etcd_options){ 0 });
	acquire(&a, "10.77.0.99", "{\"VNI\":4}", NULL);
	attrs = attrs_of("10.77.0.98", "{\"VNI\":5}");
	assert_int_equal(subnet_set_attrs(a.m, &attrs), 0);
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	WAIT(l, strstr(CTL("get", own_key(&a)), "{\"PublicIP\":\"10.77.0.98\""), 2000);
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

	open_with(&a, l, (struct subnet_etcd_options){ .lease_ttl_s = 8, .renew_margin_s = 7 });
	acquire(&a, "10.77.0.1", NULL, NULL);
	assert_int_equal(subnet_run(a.m, &events, &a), 0);
	run_for(l, 10000); /* well beyond the TTL */
	assert_non_null(strstr(CTL("get", own_key(&a)), "10.77.0.1"));
	assert_true(a.own.create_revision == a.own.mod_revision);
	assert_non_null(strstr(CTL("get", "-w", "fields", own_key(&a)), "\"Version\" : 1"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_acquire_and_reuse), CASE(test_ipv6_only),
		CASE(test_dual_stack),        CASE(test_race),
		CASE(test_reservation),       CASE(test_own_lease_comes_back),
		CASE(test_renewal),           CASE(test_many_leases_in_pages),
	};

	return ETCD_TESTS(tests);
}
