#include "netlink/sock.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

int nlsock_open(int bus, int rcvbuf, struct err *e)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	CLEANUP(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	const int on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		return err_errno(e, errno, "opening a netlink socket");
	/* Older kernels lack these; then errors come without text, and acks are longer. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof rcvbuf) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	return take_fd(&fd);
}

uint32_t nlsock_portid(int fd)
{
	struct sockaddr_nl self = { 0 };
	socklen_t n = sizeof self;

	if (getsockname(fd, (struct sockaddr *)&self, &n) < 0 || self.nl_family != AF_NETLINK)
		return 0;
	return self.nl_pid;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_readable(int fd, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - now_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int r = poll(&p, 1, left > 0 ? (int)left : 0);

		if (r >= 0)
			return r;
		if (errno != EINTR)
			return -errno;
	}
}

ssize_t nlsock_recv(int fd, void *data, size_t n, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? 0 : now_ms() + timeout_ms;

	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { data, n };
		struct msghdr m = {
			.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1
		};
		ssize_t got;

		if (timeout_ms >= 0) {
			int r = wait_readable(fd, deadline);

			if (r <= 0)
				return r;
		}
		got = recvmsg(fd, &m, 0);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? 0 : -errno;
		}
		/* Another process may write to our port: only the kernel (port 0) is believed. */
		if (m.msg_namelen >= sizeof from && from.nl_family == AF_NETLINK && from.nl_pid != 0)
			continue;
		if (got == 0)
			return -ECONNRESET;
		if (m.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		return got;
	}
}
