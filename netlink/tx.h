/*
 * Netlink transactions: queue named requests, send them in few datagrams, match every ack to its
 * request. rtnetlink runs requests independently, so success is known per request; an nftables
 * batch (nltx_open_atomic) succeeds or fails as a whole.
 *
 * A commit never takes silence for success: a request without an answer carries -ETIMEDOUT,
 * -ENOBUFS (the answer was lost) or -ECANCELED (never sent, or part of a refused atomic batch),
 * and the caller finds the truth by a dump.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nlmsghdr;
struct nltx;

enum {
	NLTX_MSG_MAX = 8192,       /* room for one request */
	NLTX_BATCH_REQUESTS = 256, /* the acks of one datagram fit the default receive buffer */
	NLTX_BATCH_BYTES = 64 * 1024,
	NLTX_REQUESTS_MAX = 1 << 20, /* queued for one commit; more is -E2BIG from the commit */
	NLTX_REPLY_MS = 10000,       /* longest silence while acks are due (the kernel may be busy) */
};

struct nltx_op {
	int err;         /* 0 or -errno; -EINPROGRESS before the commit */
	const char *msg; /* the kernel's extended ack text, or "" */
	uint64_t tag;    /* the caller's, see nltx_tag() */
};

/* bus: NETLINK_ROUTE, ... The socket is made in the current network namespace. */
int nltx_open(int bus, struct nltx **ret, struct err *e);

/* For nfnetlink subsystem subsys: one datagram between batch begin and end, all or nothing. */
int nltx_open_atomic(uint16_t subsys, struct nltx **ret, struct err *e);

/* Tests: no kernel. Requests are kept, a commit succeeds but for what nltx_record_fail() says. */
int nltx_open_recording(struct nltx **ret);

/* Tests: the socket given plays the kernel (SOCK_SEQPACKET or SOCK_DGRAM peer). Takes over fd. */
int nltx_open_fd(int fd, struct nltx **ret);

struct nltx *nltx_close(struct nltx *t); /* accepts NULL, returns NULL */
void nltx_set_timeout(struct nltx *t, int reply_ms);
uint32_t nltx_portid(const struct nltx *t); /* monitors see it as the origin of our changes */

/*
 * Starts a request; the name (printf style) is for error texts: "route 10.5.1.0/24 dev flannel.1".
 * NLM_F_REQUEST|NLM_F_ACK are added to flags. ok_errno is a positive errno that also counts as
 * success (EEXIST for a creation, ENOENT for a removal), or 0. Never NULL: when memory is gone,
 * the commit says so. Queuing after a commit starts the next transaction and forgets the results.
 */
struct nlmsghdr *nltx_begin(struct nltx *t, uint16_t type, uint16_t flags, int ok_errno, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void nltx_also_ok(struct nltx *t, int errno_value); /* one more, for the request just begun */
void nltx_tag(struct nltx *t, uint64_t tag);        /* for the request just begun or just ended */
void nltx_end(struct nltx *t);
void nltx_cancel(struct nltx *t); /* forget everything queued and all results */

/*
 * Sends what is queued. Returns 0 when every request succeeded; else the first failure's -errno
 * with "<name>: <errno text> (<kernel's words>)" and how many others failed.
 */
int nltx_commit(struct nltx *t, struct err *e);

size_t nltx_count(const struct nltx *t); /* requests of the queued or just committed transaction */
const struct nltx_op *nltx_op(const struct nltx *t, size_t i);
const char *nltx_name(const struct nltx *t, size_t i);
size_t nltx_failed(const struct nltx *t); /* how many have err < 0 */

/* The i-th request as queued; valid until the next nltx_begin(). */
const struct nlmsghdr *nltx_request(const struct nltx *t, size_t i);

/* Tests: the i-th request of the next commit of a recording transaction fails with -errno_value. */
void nltx_record_fail(struct nltx *t, size_t i, int errno_value, const char *msg);

static inline void nltx_closep(struct nltx **t)
{
	nltx_close(*t);
}
