/*
 * The health server of --healthz-ip/--healthz-port: a very small HTTP/1 server on the loop.
 *   /healthz  200 "flanneld is running", always
 *   /readyz   503 "flanneld is not ready yet" until health_set_ready(), then 200 "flanneld is ready"
 * Any method is accepted, other paths are 404; one answer per connection. Owns its sockets; the
 * number of connections, the size of a request and the time it may take are limited.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct health;
struct loop;

enum {
	HEALTH_CONNECTIONS_MAX = 32,
	HEALTH_REQUEST_MAX = 8192,
	HEALTH_TIMEOUT_MS = 5000,
};

struct health_request {
	bool head;      /* the method is HEAD: no body in the answer */
	char path[128]; /* without the query; cut when longer, which no known path is */
};

/*
 * Looks at the n bytes received so far. Returns 0 and the request once its head is complete,
 * -EAGAIN when more is needed, -EMSGSIZE when it grew past HEALTH_REQUEST_MAX, -EINVAL when it is
 * not HTTP/1.
 */
int health_request_parse(const char *data, size_t n, struct health_request *ret);

/* Listens on ip:port; port 0 lets the kernel choose. ip is an IPv4 or IPv6 address. */
int health_new(struct loop *l, const char *ip, unsigned port, struct health **ret, struct err *e);
struct health *health_free(struct health *h); /* accepts NULL, returns NULL */

void health_set_ready(struct health *h); /* accepts NULL: the server is optional */
unsigned health_port(const struct health *h);

static inline void health_freep(struct health **h)
{
	health_free(*h);
}
