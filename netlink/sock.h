/* Netlink sockets, private to this layer. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum { NLSOCK_DATAGRAM_MAX = 64 * 1024 }; /* the kernel builds no larger answers (32 KiB today) */

/*
 * Opens and binds, with extended and capped acks; rcvbuf in bytes, as far as privileges allow.
 * Returns the descriptor or -errno.
 */
int nlsock_open(int bus, int rcvbuf, struct err *e);
uint32_t nlsock_portid(int fd);

/*
 * Waits at most timeout_ms (negative: the socket's blocking mode decides) for one datagram of the
 * kernel's. Returns its size; 0 when none came in time; -ENOBUFS when the kernel dropped
 * something; -EMSGSIZE for a datagram that does not fit; another -errno.
 */
ssize_t nlsock_recv(int fd, void *data, size_t n, int timeout_ms);
