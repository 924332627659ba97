/*
 * One outgoing TCP connection on the loop, in the clear or in TLS: name resolution (in a helper
 * thread unless the host is an address), connect with a deadline, handshake, ordered bytes both
 * ways. Writing never raises SIGPIPE.
 */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct err;
struct loop;

enum {
	CONN_OUT_MAX = 16 << 20, /* bytes waiting to be sent */
};

/* Return values follow base/loop.h. Any of them may free the connection. */
struct conn_events {
	int (*up)(void *ctx); /* connected, and the handshake is done */
	int (*data)(void *ctx, const void *p, size_t n);
	int (*down)(void *ctx, const struct err *why); /* once, last; also when it never was up */
};

struct conn_options {
	const char *host; /* name or address */
	const char *port;
	SSL_CTX *tls;     /* NULL = in the clear; a reference is taken */
	const char *alpn; /* protocol that must be agreed on in TLS, for example "h2"; NULL = none */
	int timeout_ms;   /* until up() */
};

/* No event is called before the next turn of the loop. Strings are copied. */
int conn_open(struct loop *l, const struct conn_options *o, const struct conn_events *ev, void *ctx,
	      struct conn **ret, struct err *e);
/* Queues bytes. -EFBIG above CONN_OUT_MAX, -ENOMEM, -ENOTCONN. Failures to send arrive by down(). */
int conn_write(struct conn *c, const void *p, size_t n);
struct conn *conn_free(struct conn *c); /* no event any more; accepts NULL, returns NULL */

/*
 * A client's TLS settings: TLS 1.2 or newer, peers are verified. cafile NULL = the system's roots.
 * certfile and keyfile (PEM) go together; NULL = no client certificate.
 */
int conn_tls_new(const char *cafile, const char *certfile, const char *keyfile, SSL_CTX **ret, struct err *e);
