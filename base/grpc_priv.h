/* Parts of the gRPC client that its files share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;

struct grpc_endpoint {
	char *name; /* "http://127.0.0.1:2379", for messages */
	char *host, *port;
	bool tls;
};

/* Appends to list (of max entries). -EINVAL names the endpoint and the reason. */
int grpc_endpoints_parse(const char *text, struct grpc_endpoint *list, size_t max, size_t *n, struct err *e);
void grpc_endpoint_done(struct grpc_endpoint *ep);
