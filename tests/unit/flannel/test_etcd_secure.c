/* TLS and authentication, against a real etcd. */
#include "tests/unit/flannel/etcd_server.h"

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
	ctl_with(tls_ctl, (const char *[]){ "put", PREFIX "/subnets/10.5.250.0-24",
					    "{\"PublicIP\":\"10.77.0.50\"}", NULL });
	WAIT(l, in_table(&a, "10.5.250.0-24"), 3000);
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
	/* a passphrase is nothing to wait for */
	openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret -out locked.key");
	assert_int_equal(
		subnet_etcd_new(l,
				&(struct subnet_etcd_options){ .endpoints = endpoint,
							       .certfile = cert,
							       .keyfile = TEXT("%s/locked.key", top) },
				&m, &e),
		-EINVAL);
	assert_non_null(strstr(e.text, "locked.key: is protected by a passphrase"));
	assert_int_equal(subnet_etcd_new(l,
					 &(struct subnet_etcd_options){
						 .endpoints = endpoint, .certfile = key, .keyfile = key },
					 &m, &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "client.key: holds no usable certificate"));

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
	ctl_with(root, (const char *[]){ "put", PREFIX "/subnets/10.5.250.0-24",
					 "{\"PublicIP\":\"10.77.0.50\"}", NULL });
	WAIT(l, in_table(&a, "10.5.250.0-24"), 8000);
	subnet_free(a.m);

	open_with(&b, l, (struct subnet_etcd_options){ .username = "flannel", .password = "wrong" });
	assert_int_equal(subnet_get_config(b.m, got_config, &b), 0);
	run_for(l, 500);
	assert_false(b.config);
	subnet_free(b.m);
	assert_non_null(strstr(ctl_with(root, (const char *[]){ "auth", "disable", NULL }), "Disabled"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tls), CASE(test_auth), /* last: it leaves users behind */
	};

	return ETCD_TESTS(tests);
}
