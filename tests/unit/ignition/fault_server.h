/*
 * A server on 127.0.0.1 that plays faults, each path its own; for test_fetch.c alone. One thread
 * accepts, one per connection answers; requests are counted so that a path may fail only at first.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <zlib.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"

enum { MAX_CONNECTIONS = 256, BOMB_BYTES = 32 << 20 };

struct server {
	int fd;
	unsigned port, other_port; /* other_port: another origin to redirect to */
	SSL_CTX *tls;
	pthread_t thread, connections[MAX_CONNECTIONS];
	size_t n_connections;
	atomic_int requests, busy, most_busy;
	char request[8192]; /* the last one */
};

struct connection {
	struct server *srv;
	int fd;
	SSL *ssl;
};

static struct server plain, other, secure, broken_tls;
static struct buf ca_pem, bomb;
static char bundle[] = "/tmp/hearth-fetch-ca-XXXXXX";

static void reply(struct connection *c, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

static void answer(struct connection *c, const char *status, const char *headers, const void *body, size_t n)
{
	char head[512];
	int len = snprintf(head, sizeof head,
			   "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
			   headers, n);

	reply(c, head, (size_t)len);
	reply(c, body, n);
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static size_t gzip(const void *data, size_t n, void *out, size_t size)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)n };

	z.next_out = out;
	z.avail_out = (unsigned)size;
	deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return size - z.avail_out;
}

/* "CONNECT host:port": a tunnel to the TLS server, whatever the host, until one side closes. */
static void tunnel(struct connection *c)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CLEANUP(closep) int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd pf[2] = { { c->fd, POLLIN, 0 }, { far, POLLIN, 0 } };
	char b[8192];

	sa.sin_port = htons((uint16_t)c->srv->other_port);
	if (connect(far, (void *)&sa, sizeof sa) < 0)
		return;
	reply(c, "HTTP/1.1 200 Go ahead\r\nX-Proxy: yes\r\n\r\n", 39);
	while (poll(pf, 2, 5000) > 0) {
		int from = pf[0].revents ? 0 : 1;
		ssize_t n = recv(pf[from].fd, b, sizeof b, 0);

		if (n <= 0 || send(pf[!from].fd, b, (size_t)n, MSG_NOSIGNAL) != n)
			return;
	}
}

static void long_header(struct connection *c)
{
	static const char line[] = "HTTP/1.1 200 OK\r\nX-Long: ";
	char *value = malloc(200000);

	memset(value, 'x', 200000);
	reply(c, line, strlen(line));
	reply(c, value, 200000);
	free(value);
}

/* nth counts requests to this server since the test began, from 1. */
static void play(struct connection *c, const char *path, int nth)
{
	char to[128], zipped[256];

	if (strcmp(path, "/ok") == 0)
		answer(c, "200 OK", "", "hello", 5);
	else if (strcmp(path, "/ca") == 0)
		answer(c, "200 OK", "", ca_pem.p, ca_pem.n);
	else if (strcmp(path, "/nocontent") == 0)
		reply(c, "HTTP/1.1 204 No Content\r\n\r\n", 27);
	else if (strcmp(path, "/flaky") == 0 && nth < 3)
		answer(c, nth == 1 ? "500 Oops" : "408 Late", "", "error page", 10);
	else if (strcmp(path, "/later") == 0 && nth == 1)
		answer(c, "503 Busy", "Retry-After: 1\r\n", "", 0);
	else if (strcmp(path, "/busy") == 0 && nth == 1)
		answer(c, "429 Calm Down", "", "", 0);
	else if (strcmp(path, "/down") == 0)
		answer(c, "503 Busy", "", "", 0);
	else if (strcmp(path, "/forbidden") == 0)
		answer(c, "403 No", "", "no", 2);
	else if (strcmp(path, "/unheard-of") == 0)
		answer(c, "499 Strange", "", "", 0);
	else if (strcmp(path, "/long-header") == 0)
		long_header(c);
	else if (strcmp(path, "/created") == 0)
		answer(c, "201 Created", "", "new", 3);
	else if (strcmp(path, "/cut") == 0 && nth < 3)
		reply(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello wor", 49);
	else if (strcmp(path, "/hang-up") == 0 && nth < 2)
		; /* not a word */
	else if (strcmp(path, "/slow") == 0 && nth == 1)
		sleep_ms(1500);
	else if (strcmp(path, "/never") == 0)
		(void)!recv(c->fd, zipped, sizeof zipped, 0); /* until the client gives up */
	else if (strcmp(path, "/nowhere") == 0)
		answer(c, "302 Found", "", "", 0);
	else if (strcmp(path, "/ftp") == 0)
		answer(c, "302 Found", "Location: ftp://127.0.0.1/x\r\n", "", 0);
	else if (strcmp(path, "/loop") == 0)
		answer(c, "302 Found", "Location: loop\r\n", "", 0);
	else if (strcmp(path, "/same") == 0)
		answer(c, "307 Temporary", "Location: /echo?x=1\r\n", "moved", 5);
	else if (strcmp(path, "/away") == 0) {
		snprintf(to, sizeof to, "Location: http://127.0.0.1:%u/echo\r\n", c->srv->other_port);
		answer(c, "302 Found", to, "", 0);
	} else if (strncmp(path, "/echo", 5) == 0 || strncmp(path, "http://", 7) == 0)
		answer(c, "200 OK", "", c->srv->request, strlen(c->srv->request));
	else if (strcmp(path, "/gz") == 0)
		answer(c, "200 OK", "Content-Encoding: gzip\r\n", zipped,
		       gzip("hello", 5, zipped, sizeof zipped));
	else if (strcmp(path, "/bomb") == 0)
		answer(c, "200 OK", "", bomb.p, bomb.n);
	else if (strncmp(path, "/n/", 3) == 0) {
		int busy = ++c->srv->busy;

		if (busy > c->srv->most_busy)
			c->srv->most_busy = busy;
		sleep_ms(100);  /* long enough for others to come in, also on a busy machine */
		c->srv->busy--; /* before the client can know */
		answer(c, "200 OK", "", path + 3, strlen(path + 3));
	} else if (strcmp(path, "/missing") == 0)
		answer(c, "404 Not Found", "", "gone", 4);
	else
		answer(c, "200 OK", "", "hello", 5);
}

static void *serve_one(void *ctx)
{
	struct connection *c = ctx;
	struct server *s = c->srv;
	char b[8192] = "", path[1024] = "";
	int n = 0;

	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		SSL_set_fd(c->ssl, c->fd);
	}
	if (!c->ssl || SSL_accept(c->ssl) == 1) {
		while (n < (int)sizeof b - 1) {
			ssize_t r = c->ssl ? SSL_read(c->ssl, b + n, (int)sizeof b - 1 - n)
					   : recv(c->fd, b + n, sizeof b - 1 - (size_t)n, 0);

			if (r <= 0)
				break;
			n += (int)r;
			b[n] = '\0';
			if (strstr(b, "\r\n\r\n"))
				break;
		}
		if (strncmp(b, "CONNECT ", 8) == 0) {
			memcpy(s->request, b, (size_t)n + 1);
			tunnel(c);
		} else if (n > 0 && sscanf(b, "%*s %1023s", path) == 1) {
			if (strncmp(path, "/n/", 3) != 0)
				memcpy(s->request, b, (size_t)n + 1);
			play(c, path, ++s->requests);
		}
	}
	if (c->ssl)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	shutdown(c->fd, SHUT_WR);
	while (recv(c->fd, b, sizeof b, 0) > 0) /* no reset that overtakes the answer */
		;
	close(c->fd);
	free(c);
	return NULL;
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct connection *c = calloc(1, sizeof *c);

		c->srv = s;
		c->fd = fd;
		if (s->n_connections == MAX_CONNECTIONS ||
		    pthread_create(&s->connections[s->n_connections++], NULL, serve_one, c) != 0)
			abort();
	}
	return NULL;
}

static void server_start(struct server *s, SSL_CTX *tls)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;

	s->tls = tls;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (void *)&sa, sizeof sa), 0);
	assert_int_equal(listen(s->fd, 64), 0);
	assert_int_equal(getsockname(s->fd, (void *)&sa, &len), 0);
	s->port = ntohs(sa.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->n_connections; i++)
		pthread_join(s->connections[i], NULL);
	close(s->fd);
	SSL_CTX_free(s->tls);
}

/* A certificate for 127.0.0.1 that is its own authority. */
static SSL_CTX *make_tls(struct buf *ret_pem)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *mem = BIO_new(BIO_s_mem());
	X509V3_CTX v3;
	char *text;
	long n;
	static const struct {
		int nid;
		const char *value;
	} exts[] = { { NID_subject_alt_name, "IP:127.0.0.1,DNS:name.test" },
		     { NID_basic_constraints, "critical,CA:TRUE" } };

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"hearth test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509V3_set_ctx(&v3, cert, cert, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(exts); i++) {
		X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &v3, exts[i].nid, exts[i].value);

		X509_add_ext(cert, x, -1);
		X509_EXTENSION_free(x);
	}
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	assert_int_equal(PEM_write_bio_X509(mem, cert), 1);
	n = BIO_get_mem_data(mem, &text);
	if (ret_pem)
		assert_int_equal(buf_append(ret_pem, text, (size_t)n), 0);
	BIO_free(mem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static int start_servers(void **state)
{
	const size_t room = 1 << 20;
	char *zeros = calloc(1, BOMB_BYTES), *packed = malloc(room);
	CLEANUP(buf_done) struct buf unused = BUF_INIT(.max = 10000);

	(void)state;
	/* The system's authorities, for here: one that nobody uses. Quick to load, the same everywhere. */
	assert_int_equal(buf_append(&unused, "\n", 1), 0);
	SSL_CTX_free(make_tls(&unused));
	int fd = mkstemp(bundle);
	assert_int_equal(write(fd, unused.p, unused.n), unused.n);
	close(fd);
	setenv("SSL_CERT_FILE", bundle, 1);
	signal(SIGPIPE, SIG_IGN); /* SSL_write() has no MSG_NOSIGNAL */
	log_open("test", LOG_TO_STDERR, LOG_CRIT);
	assert_int_equal(buf_append(&bomb, packed, gzip(zeros, BOMB_BYTES, packed, room)), 0);
	free(zeros);
	free(packed);
	server_start(&plain, NULL);
	server_start(&other, NULL);
	server_start(&secure, make_tls(&ca_pem));
	server_start(&broken_tls, make_tls(NULL)); /* nobody's authority */
	plain.other_port = other.port;
	other.other_port = secure.port;
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	server_stop(&plain);
	server_stop(&other);
	server_stop(&secure);
	server_stop(&broken_tls);
	unlink(bundle);
	buf_done(&ca_pem);
	buf_done(&bomb);
	return 0;
}
