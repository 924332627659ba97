#include "flannel/health.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

enum { PAUSE_MS = 500 };

struct connection {
	struct health *owner;
	struct connection *next;
	int fd;
	bool answered; /* only waiting for the peer to close */
	struct loop_source *source, *deadline;
	size_t n;
	char in[HEALTH_REQUEST_MAX + 1];
};

struct health {
	struct loop *loop;
	int fd;
	bool ready;
	struct loop_source *source;
	struct loop_source *pause; /* armed while connections are left waiting for want of a descriptor */
	struct connection *connections;
	size_t count;
};

/* Connections beyond the limit wait in the kernel. */
static void listen_if_room(struct health *h)
{
	loop_fd_events(h->source,
		       h->count < HEALTH_CONNECTIONS_MAX && !loop_timer_armed(h->pause) ? POLLIN : 0);
}

static int on_pause_end(void *ctx)
{
	listen_if_room(ctx);
	return 0;
}

static bool token_char(unsigned char c)
{
	return c > 0x20 && c < 0x7f;
}

int health_request_parse(const char *data, size_t n, struct health_request *ret)
{
	const char *eol = memchr(data, '\n', n), *end = data + n, *p = data, *target;
	struct health_request rq = { 0 };
	bool complete = false;
	size_t len;

	for (const char *q = eol; q && !complete; q = memchr(q + 1, '\n', (size_t)(end - q - 1))) {
		const char *after = q + 1;

		if (after < end && *after == '\r')
			after++;
		complete = after < end && *after == '\n';
	}
	if (!eol && n < HEALTH_REQUEST_MAX)
		return memchr(data, '\0', n) ? -EINVAL : -EAGAIN;
	if (!eol)
		return -EMSGSIZE;

	while (p < eol && token_char((unsigned char)*p))
		p++;
	if (p == data || p == eol || *p != ' ')
		return -EINVAL;
	rq.head = p - data == 4 && memcmp(data, "HEAD", 4) == 0;
	target = ++p;
	while (p < eol && token_char((unsigned char)*p))
		p++;
	if (p == target || (*target != '/' && *target != '*'))
		return -EINVAL;
	len = (size_t)(p - target);
	for (size_t i = 0; i < len; i++)
		if (target[i] == '?' || target[i] == '#')
			len = i;
	if (len >= sizeof(rq.path))
		len = sizeof(rq.path) - 1;
	memcpy(rq.path, target, len);
	if (eol - p < 8 || memcmp(p, " HTTP/1.", 8) != 0)
		return -EINVAL;
	if (!complete)
		return n < HEALTH_REQUEST_MAX ? -EAGAIN : -EMSGSIZE;
	*ret = rq;
	return 0;
}

static void connection_free(struct connection *c)
{
	struct connection **at = &c->owner->connections;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at) {
		*at = c->next;
		c->owner->count--;
	}
	listen_if_room(c->owner);
	loop_source_free(c->source);
	loop_source_free(c->deadline);
	close(c->fd);
	free(c);
}

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 431, "Request Header Fields Too Large" },
	{ 503, "Service Unavailable" },
};

static void answer(struct connection *c, int status, const char *body, bool head)
{
	char out[512];
	const char *reason = "";
	int n;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			reason = reasons[i].reason;
	n = snprintf(out, sizeof(out),
		     "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		     "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		     status, reason, strlen(body), head ? "" : body);
	/* A fresh socket has room for these few bytes; a peer that takes none of them gets none. */
	(void)!send(c->fd, out, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	/*
	 * Closing with unread bytes would send a reset that can overtake the answer, so the peer
	 * closes first, or the deadline does.
	 */
	(void)shutdown(c->fd, SHUT_WR);
	c->answered = true;
}

static void handle(struct connection *c)
{
	struct health_request rq;
	int r = health_request_parse(c->in, c->n, &rq);

	if (r == -EAGAIN)
		return;
	if (r == -EMSGSIZE)
		answer(c, 431, "request is too large", false);
	else if (r < 0)
		answer(c, 400, "not an HTTP/1 request", false);
	else if (strcmp(rq.path, "/healthz") == 0)
		answer(c, 200, "flanneld is running", rq.head);
	else if (strcmp(rq.path, "/readyz") == 0 && c->owner->ready)
		answer(c, 200, "flanneld is ready", rq.head);
	else if (strcmp(rq.path, "/readyz") == 0)
		answer(c, 503, "flanneld is not ready yet", rq.head);
	else
		answer(c, 404, "404 page not found\n", rq.head);
}

static int on_data(void *ctx, int fd, unsigned revents)
{
	struct connection *c = ctx;
	ssize_t n;

	(void)revents;
	if (c->answered)
		c->n = 0;
	n = recv(fd, c->in + c->n, HEALTH_REQUEST_MAX - c->n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		connection_free(c);
		return 0;
	}
	c->n += (size_t)n;
	if (!c->answered)
		handle(c);
	return 0;
}

static int on_deadline(void *ctx)
{
	connection_free(ctx);
	return 0;
}

static int connection_add(struct health *h, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->owner = h;
	c->fd = fd;
	r = loop_add_timer(h->loop, on_deadline, c, &c->deadline);
	if (r == 0)
		r = loop_add_fd(h->loop, fd, POLLIN, on_data, c, &c->source);
	if (r < 0) {
		loop_source_free(c->deadline);
		free(c);
		return r;
	}
	loop_timer_set(c->deadline, HEALTH_TIMEOUT_MS);
	c->next = h->connections;
	h->connections = c;
	h->count++;
	listen_if_room(h);
	return 0;
}

static int on_connect(void *ctx, int fd, unsigned revents)
{
	struct health *h = ctx;
	CLEANUP(closep) int c = -1;
	int r;

	(void)revents;
	c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	/* The connection stays where it is, and the socket readable: without a pause the loop would spin. */
	if (c < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		log_debug("health server: cannot take a connection: %s", strerror(errno));
		loop_timer_set(h->pause, PAUSE_MS);
		listen_if_room(h);
	}
	if (c < 0)
		return 0;
	r = connection_add(h, c);
	if (r < 0) {
		log_debug("health server: cannot take a connection: %s", strerror(-r));
		return 0;
	}
	(void)take_fd(&c);
	return 0;
}

static int parse_address(const char *ip, unsigned port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*ret_len = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*v6);
		return 0;
	}
	return -EINVAL;
}

int health_new(struct loop *l, const char *ip, unsigned port, struct health **ret, struct err *e)
{
	struct health *h;
	struct sockaddr_storage sa;
	socklen_t len = 0;
	CLEANUP(closep) int fd = -1;
	int r;

	if (port > 65535)
		return err_text(e, EINVAL, "port %u is out of range", port);
	r = parse_address(ip, port, &sa, &len);
	if (r < 0)
		return err_text(e, -r, "\"%s\" is not an IP address", ip);
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, errno, "opening a socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (const struct sockaddr *)&sa, len) < 0 || listen(fd, HEALTH_CONNECTIONS_MAX) < 0)
		return err_errno(e, errno, "listening on %s port %u", ip, port);

	h = calloc(1, sizeof(*h));
	if (!h)
		return err_errno(e, ENOMEM, "health server");
	h->loop = l;
	h->fd = -1;
	r = loop_add_timer(l, on_pause_end, h, &h->pause);
	if (r == 0)
		r = loop_add_fd(l, fd, POLLIN, on_connect, h, &h->source);
	if (r < 0) {
		health_free(h);
		return err_errno(e, -r, "health server");
	}
	h->fd = take_fd(&fd);
	*ret = h;
	return 0;
}

struct health *health_free(struct health *h)
{
	if (!h)
		return NULL;
	while (h->connections)
		connection_free(h->connections);
	loop_source_free(h->source);
	loop_source_free(h->pause);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
	return NULL;
}

void health_set_ready(struct health *h)
{
	if (h)
		h->ready = true;
}

unsigned health_port(const struct health *h)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
	socklen_t len = sizeof(sa);

	memset(&sa, 0, sizeof(sa));
	if (getsockname(h->fd, &sa.any, &len) < 0)
		return 0;
	return ntohs(sa.any.sa_family == AF_INET6 ? sa.v6.sin6_port : sa.v4.sin_port);
}
