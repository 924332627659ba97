#include "base/conn.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/ip.h"
#include "base/loop.h"

enum {
	ADDRESSES_MAX = 4,          /* of one name; each gets its share of the time */
	READ_BYTES = 32 << 10,      /* at once */
	READS_PER_TURN = 8,         /* other sources want their turn, too */
	RESOLVER_STACK = 256 << 10, /* the resolver's modules fit, a default stack is 8 MB */
};

/* Shared with the helper thread, which may outlive the connection: the last one out frees it. */
struct resolve {
	atomic_int refs;
	int done_fd;
	int rc, saved_errno;
	struct addrinfo *found;
	char *host, *port;
};

struct conn {
	struct loop *loop;
	const struct conn_events *ev;
	void *ctx;
	char *host, *port, *alpn;
	int timeout_ms;

	struct resolve *resolve;
	struct addrinfo *addrs, *try; /* try: the one being connected */
	int fd;
	struct loop_source *io, *timer;

	SSL *ssl;
	BIO *in, *out_bio; /* the SSL's, memory only: sockets are ours */

	struct buf out;
	size_t out_sent;
	bool started, connected, up, ended;
	bool freed; /* conn_free() came while one of our frames was on the stack */
	unsigned busy;
	struct err last; /* of the address tried before */
};

static void resolve_unref(struct resolve *r)
{
	if (!r || atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	if (r->found)
		freeaddrinfo(r->found);
	if (r->done_fd >= 0)
		close(r->done_fd);
	free(r->host);
	free(r->port);
	free(r);
}

static int lookup(struct resolve *r, int flags)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags };

	r->rc = getaddrinfo(r->host, r->port, &hints, &r->found);
	r->saved_errno = errno;
	return r->rc;
}

static void *resolve_thread(void *arg)
{
	struct resolve *r = arg;

	lookup(r, AI_ADDRCONFIG);
	/* names of this machine resolve without any configured address */
	if (r->rc != 0)
		lookup(r, 0);
	eventfd_write(r->done_fd, 1);
	resolve_unref(r);
	return NULL;
}

static void close_socket(struct conn *c)
{
	c->io = loop_source_free(c->io);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void release(struct conn *c)
{
	close_socket(c);
	loop_source_free(c->timer);
	resolve_unref(c->resolve);
	SSL_free(c->ssl);
	buf_done(&c->out);
	free(c->host);
	free(c->port);
	free(c->alpn);
	free(c);
}

struct conn *conn_free(struct conn *c)
{
	if (!c)
		return NULL;
	c->freed = c->ended = true;
	if (c->busy == 0)
		release(c);
	return NULL;
}

/* Every entry from the loop ends here. */
static int leave(struct conn *c, int r)
{
	if (--c->busy == 0 && c->freed)
		release(c);
	return r;
}

static int end(struct conn *c, const struct err *why)
{
	if (c->ended)
		return 0;
	c->ended = true;
	close_socket(c);
	loop_timer_set(c->timer, -1);
	return c->ev->down(c->ctx, why);
}

static void tls_reason(struct conn *c, const char *what, struct err *e)
{
	long verify = c->ssl ? SSL_get_verify_result(c->ssl) : X509_V_OK;
	unsigned long code = ERR_peek_last_error();
	char text[256] = "no reason given";

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	if (verify != X509_V_OK)
		err_text(e, EPROTO, "%s: the server's certificate was refused: %s", what,
			 X509_verify_cert_error_string(verify));
	else
		err_text(e, EPROTO, "%s: %s", what, text);
}

/* Moves what TLS wants to send to the output buffer. */
static int drain_tls(struct conn *c)
{
	char chunk[16 << 10];
	int n;

	while ((n = BIO_read(c->out_bio, chunk, sizeof(chunk))) > 0) {
		int r = buf_append(&c->out, chunk, (size_t)n);

		if (r < 0)
			return r;
	}
	return 0;
}

static void want_events(struct conn *c)
{
	if (c->io)
		loop_fd_events(c->io, POLLIN | (c->out.n > c->out_sent ? POLLOUT : 0));
}

static int flush(struct conn *c)
{
	while (!c->ended && c->out.n > c->out_sent) {
		ssize_t n = send(c->fd, c->out.p + c->out_sent, c->out.n - c->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			struct err e = { 0 };

			err_errno(&e, errno, "sending");
			return end(c, &e);
		}
		c->out_sent += (size_t)n;
	}
	if (!c->ended && c->out.n == c->out_sent) {
		buf_clear(&c->out);
		c->out_sent = 0;
	}
	want_events(c);
	return 0;
}

static int come_up(struct conn *c)
{
	c->up = true;
	loop_timer_set(c->timer, -1);
	return c->ev->up(c->ctx);
}

static int tls_start(struct conn *c, struct err *e)
{
	struct ipaddr ip;
	int ok = 1;

	c->in = BIO_new(BIO_s_mem());
	c->out_bio = BIO_new(BIO_s_mem());
	if (!c->in || !c->out_bio) {
		BIO_free(c->in);
		BIO_free(c->out_bio);
		return err_errno(e, ENOMEM, "TLS");
	}
	SSL_set_bio(c->ssl, c->in, c->out_bio); /* the SSL owns them now */
	SSL_set_connect_state(c->ssl);

	/* a certificate names an address in another kind of entry than a host name */
	if (ipaddr_parse(AF_UNSPEC, c->host, &ip) == 0) {
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), c->host);
	} else {
		SSL_set_hostflags(c->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		ok = SSL_set1_host(c->ssl, c->host) && SSL_set_tlsext_host_name(c->ssl, c->host);
	}
	if (c->alpn) {
		unsigned char wire[256];
		size_t n = strlen(c->alpn);

		if (n == 0 || n > 255)
			return err_text(e, EINVAL, "protocol name for ALPN is empty or too long");
		wire[0] = (unsigned char)n;
		memcpy(wire + 1, c->alpn, n);
		ok = ok && SSL_set_alpn_protos(c->ssl, wire, (unsigned)n + 1) == 0;
	}
	return ok ? 0 : err_text(e, EPROTO, "cannot prepare TLS for host %s", c->host);
}

static int tls_handshake(struct conn *c)
{
	struct err e = { 0 };
	const unsigned char *proto = NULL;
	unsigned n = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (drain_tls(c) < 0) {
		err_errno(&e, ENOMEM, "TLS handshake");
		return end(c, &e);
	}
	if (rc != 1) {
		int why = SSL_get_error(c->ssl, rc);

		if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
			return 0;
		tls_reason(c, "TLS handshake", &e);
		return end(c, &e);
	}
	if (c->alpn) {
		SSL_get0_alpn_selected(c->ssl, &proto, &n);
		if (n != strlen(c->alpn) || memcmp(proto, c->alpn, n) != 0) {
			err_text(&e, EPROTO, "the server does not offer \"%s\" (ALPN) on this port", c->alpn);
			return end(c, &e);
		}
	}
	return come_up(c);
}

static int tls_read(struct conn *c)
{
	char chunk[16 << 10];

	for (;;) {
		struct err e = { 0 };
		int why, n, r;

		if (c->ended)
			return 0;
		if (!c->up) {
			r = tls_handshake(c);
			if (r < 0 || !c->up)
				return r;
			continue;
		}
		ERR_clear_error();
		n = SSL_read(c->ssl, chunk, sizeof(chunk));
		if (n > 0) {
			r = c->ev->data(c->ctx, chunk, (size_t)n);
			if (r < 0)
				return r;
			continue;
		}
		why = SSL_get_error(c->ssl, n);
		if (drain_tls(c) < 0) {
			err_errno(&e, ENOMEM, "TLS");
			return end(c, &e);
		}
		if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
			return 0;
		if (why == SSL_ERROR_ZERO_RETURN)
			err_text(&e, ECONNRESET, "the server closed the connection");
		else
			tls_reason(c, "TLS", &e);
		return end(c, &e);
	}
}

static int feed(struct conn *c, const void *p, size_t n)
{
	if (!c->ssl)
		return c->ev->data(c->ctx, p, n);
	if (BIO_write(c->in, p, (int)n) != (int)n) {
		struct err e = { 0 };

		err_errno(&e, ENOMEM, "TLS");
		return end(c, &e);
	}
	return tls_read(c);
}

static int read_some(struct conn *c)
{
	char chunk[READ_BYTES];

	for (unsigned i = 0; i < READS_PER_TURN && !c->ended; i++) {
		ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);
		struct err e = { 0 };
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			err_errno(&e, errno, "receiving");
			return end(c, &e);
		}
		if (n == 0) {
			err_text(&e, ECONNRESET,
				 c->up ? "the server closed the connection"
				       : "the server closed the connection during the handshake");
			return end(c, &e);
		}
		r = feed(c, chunk, (size_t)n);
		if (r < 0)
			return r;
		if ((size_t)n < sizeof(chunk))
			return 0;
	}
	return 0;
}

static int try_next(struct conn *c);

static int connected(struct conn *c)
{
	struct err e = { 0 };
	int r;

	c->connected = true;
	if (!c->ssl)
		return come_up(c);
	r = tls_start(c, &e);
	return r < 0 ? end(c, &e) : tls_handshake(c);
}

static int on_io(void *ctx, int fd, unsigned revents)
{
	struct conn *c = ctx;
	int r = 0;

	c->busy++;
	if (!c->connected) {
		int why = 0;
		socklen_t n = sizeof(why);

		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
			why = errno;
		if (why) {
			err_errno(&c->last, why, "connecting");
			return leave(c, try_next(c));
		}
		r = connected(c);
	} else if (revents & (POLLIN | POLLHUP | POLLERR)) {
		r = read_some(c);
	}
	if (r >= 0 && !c->ended)
		r = flush(c);
	return leave(c, r);
}

/* Starts a connect to the next address, or ends when there is none left. */
static int try_next(struct conn *c)
{
	unsigned share = 0;

	close_socket(c);
	c->try = c->try ? c->try->ai_next : c->addrs;
	for (const struct addrinfo *ai = c->addrs; ai && share < ADDRESSES_MAX; ai = ai->ai_next)
		share++;

	for (unsigned tried = 0; c->try && tried < ADDRESSES_MAX; c->try = c->try->ai_next, tried++) {
		struct addrinfo *ai = c->try;
		int one = 1, r;

		c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (c->fd < 0) {
			err_errno(&c->last, errno, "opening a socket");
			continue;
		}
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		r = connect(c->fd, ai->ai_addr, ai->ai_addrlen) < 0 ? errno : 0;
		if (r == 0 || r == EINPROGRESS) {
			/* a finished connect shows as writable as well: one path for both */
			r = loop_add_fd(c->loop, c->fd, POLLOUT, on_io, c, &c->io);
			if (r == 0) {
				loop_timer_set(c->timer, c->timeout_ms / (int)(share ? share : 1));
				return 0;
			}
			r = -r;
		}
		err_errno(&c->last, r, "connecting");
		close_socket(c);
	}
	return end(c, &c->last);
}

static int on_resolved(void *ctx, int fd, unsigned revents)
{
	struct conn *c = ctx;
	struct resolve *r = c->resolve;
	struct err e = { 0 };

	(void)fd, (void)revents;
	c->busy++;
	c->io = loop_source_free(c->io);
	c->addrs = r->found;
	if (r->rc != 0) {
		err_text(&e, EHOSTUNREACH, "resolving %s: %s", c->host,
			 r->rc == EAI_SYSTEM ? strerror(r->saved_errno) : gai_strerror(r->rc));
		return leave(c, end(c, &e));
	}
	return leave(c, try_next(c));
}

static int start_thread(struct resolve *r)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t t;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, RESOLVER_STACK);
	/* signals belong to the loop */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&r->refs, 1);
	rc = pthread_create(&t, &attr, resolve_thread, r);
	if (rc != 0)
		atomic_fetch_sub(&r->refs, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

static int start(struct conn *c)
{
	struct err e = { 0 };
	struct resolve *r = c->resolve;
	int rc;

	if (lookup(r, AI_NUMERICHOST) == 0) {
		c->addrs = r->found;
		return try_next(c);
	}
	r->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = r->done_fd < 0 ? -errno : loop_add_fd(c->loop, r->done_fd, POLLIN, on_resolved, c, &c->io);
	if (rc == 0)
		rc = start_thread(r);
	if (rc < 0) {
		err_errno(&e, -rc, "resolving %s", c->host);
		return end(c, &e);
	}
	loop_timer_set(c->timer, c->timeout_ms);
	return 0;
}

static int on_timer(void *ctx)
{
	struct conn *c = ctx;
	struct err e = { 0 };

	c->busy++;
	if (!c->started) {
		c->started = true;
		return leave(c, start(c));
	}
	if (!c->addrs) {
		err_text(&e, ETIMEDOUT, "resolving %s: no answer within %d ms", c->host, c->timeout_ms);
		return leave(c, end(c, &e));
	}
	if (c->connected) { /* half a handshake cannot be continued elsewhere */
		err_text(&c->last, ETIMEDOUT, "TLS handshake: no answer in time");
		return leave(c, end(c, &c->last));
	}
	err_text(&c->last, ETIMEDOUT, "connecting: no answer in time");
	return leave(c, try_next(c));
}

int conn_open(struct loop *l, const struct conn_options *o, const struct conn_events *ev, void *ctx,
	      struct conn **ret, struct err *e)
{
	struct conn *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c)
		return err_errno(e, ENOMEM, "connecting");
	*c = (struct conn){ .loop = l, .ev = ev, .ctx = ctx, .timeout_ms = o->timeout_ms, .fd = -1 };
	c->out.max = CONN_OUT_MAX;
	c->host = strdup(o->host);
	c->port = strdup(o->port);
	c->alpn = o->alpn ? strdup(o->alpn) : NULL;
	c->ssl = o->tls ? SSL_new(o->tls) : NULL;
	c->resolve = calloc(1, sizeof(*c->resolve));
	if (c->resolve) {
		atomic_init(&c->resolve->refs, 1);
		c->resolve->done_fd = -1;
		c->resolve->host = strdup(o->host);
		c->resolve->port = strdup(o->port);
	}
	if (c->host && c->port && (c->alpn || !o->alpn) && (c->ssl || !o->tls) && c->resolve &&
	    c->resolve->host && c->resolve->port)
		r = loop_add_timer(l, on_timer, c, &c->timer);
	if (r < 0) {
		conn_free(c);
		return err_errno(e, -r, "connecting");
	}
	loop_timer_set(c->timer, 0);
	*ret = c;
	return 0;
}

int conn_write(struct conn *c, const void *p, size_t n)
{
	int r;

	if (!c->up || c->ended)
		return -ENOTCONN;
	if (c->out_sent > 0 && c->out_sent == c->out.n) {
		buf_clear(&c->out);
		c->out_sent = 0;
	}
	if (!c->ssl) {
		r = buf_append(&c->out, p, n);
	} else {
		ERR_clear_error();
		r = n > 0 && SSL_write(c->ssl, p, (int)n) <= 0 ? -EPROTO : drain_tls(c);
	}
	want_events(c);
	return r;
}
