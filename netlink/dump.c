#include "netlink/dump.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/attr.h"
#include "netlink/sock.h"
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { RCVBUF = 1 << 20, ROOM = 1024, RETRY_PAUSE_MS = 2 };

struct nldump {
	int fd, bus; /* bus -1: a test's socket, which cannot be opened again */
	uint32_t seq;
	bool stale; /* an answer may still be under way: the socket is not fit for another question */
	struct buf answer;
	uint8_t *rx;
	union {
		struct nlmsghdr h;
		uint8_t room[ROOM];
	} ask;
};

static int open_fd(int bus, struct err *e)
{
	const int on = 1;
	int fd = nlsock_open(bus, RCVBUF, e);

	/* Without it (before 4.20) filters are ignored; callers filter again anyway. */
	if (fd >= 0 && bus == NETLINK_ROUTE)
		(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	return fd;
}

static int new_dump(int fd, int bus, struct nldump **ret)
{
	struct nldump *d = calloc(1, sizeof *d);

	if (!d || !(d->rx = malloc(NLSOCK_DATAGRAM_MAX))) {
		free(d);
		return -ENOMEM;
	}
	d->fd = fd;
	d->bus = bus;
	d->answer.max = NLDUMP_BYTES_MAX;
	*ret = d;
	return 0;
}

int nldump_open(int bus, struct nldump **ret, struct err *e)
{
	CLEANUP(closep) int fd = open_fd(bus, e);
	int r;

	if (fd < 0)
		return fd;
	r = new_dump(fd, bus, ret);
	if (r < 0)
		return err_errno(e, -r, "opening a netlink socket");
	take_fd(&fd);
	return 0;
}

int nldump_open_fd(int fd, struct nldump **ret)
{
	return new_dump(fd, -1, ret);
}

struct nldump *nldump_close(struct nldump *d)
{
	if (!d)
		return NULL;
	buf_done(&d->answer);
	free(d->rx);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
	return NULL;
}

struct nlmsghdr *nldump_begin(struct nldump *d, uint16_t type, uint16_t flags)
{
	memset(&d->ask, 0, sizeof d->ask);
	mnl_nlmsg_put_header(&d->ask.h);
	d->ask.h.nlmsg_type = type;
	/* A dump ends with NLMSG_DONE, a single answer with its ack. */
	d->ask.h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (flags & NLM_F_DUMP ? flags : flags | NLM_F_ACK));
	return &d->ask.h;
}

struct outcome {
	bool done, again;
	int error;
	char msg[128]; /* the kernel's words */
};

static void kernel_words(const struct nlmsghdr *h, size_t hdr, struct outcome *o)
{
	struct nlattr_view tb[NLMSGERR_ATTR_MAX + 1];

	if (h->nlmsg_flags & NLM_F_ACK_TLVS && attr_index_msg(h, hdr, tb, ARRAY_SIZE(tb)) == 0)
		attr_str(&tb[NLMSGERR_ATTR_MSG], o->msg, sizeof o->msg);
}

static void on_end(const struct nlmsghdr *h, struct outcome *o)
{
	o->done = true;
	if (h->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *ack = attr_header(h, sizeof *ack);
		size_t hdr = sizeof *ack;

		if (!ack) {
			o->error = -EBADMSG;
			return;
		}
		if (!(h->nlmsg_flags & NLM_F_CAPPED) && ack->error && ack->msg.nlmsg_len > NLMSG_HDRLEN)
			hdr += ack->msg.nlmsg_len - NLMSG_HDRLEN;
		o->error = ack->error;
		kernel_words(h, hdr, o);
	} else {
		const int32_t *code = attr_header(h, sizeof *code);

		o->error = code ? *code : 0; /* a dump that failed half-way says so here */
		kernel_words(h, sizeof *code, o);
	}
	if (o->error > 0)
		o->error = -EBADMSG;
}

static int on_message(struct nldump *d, const struct nlmsghdr *h, struct outcome *o)
{
	static const char pad[NLMSG_ALIGNTO];
	int r;

	if (h->nlmsg_seq != d->seq)
		return 0; /* an answer to a question that was given up */
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		o->again = true;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		on_end(h, o);
		return 0;
	}
	if (h->nlmsg_type == NLMSG_OVERRUN)
		o->again = true;
	if (h->nlmsg_type < NLMSG_MIN_TYPE || o->again)
		return 0;
	r = buf_append(&d->answer, h, h->nlmsg_len);
	return r < 0 ? r : buf_append(&d->answer, pad, NLMSG_ALIGN(h->nlmsg_len) - h->nlmsg_len);
}

static int ask(struct nldump *d)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t r;

	d->ask.h.nlmsg_seq = ++d->seq;
	do {
		if (d->bus >= 0)
			r = sendto(d->fd, &d->ask, d->ask.h.nlmsg_len, MSG_NOSIGNAL,
				   (struct sockaddr *)&kernel, sizeof kernel);
		else
			r = send(d->fd, &d->ask, d->ask.h.nlmsg_len, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int collect(struct nldump *d, struct outcome *o)
{
	int r = ask(d);

	buf_clear(&d->answer);
	while (r == 0 && !o->done) {
		ssize_t n = nlsock_recv(d->fd, d->rx, NLSOCK_DATAGRAM_MAX, NLDUMP_REPLY_MS);
		const void *at = d->rx;
		const struct nlmsghdr *h;
		size_t left = n > 0 ? (size_t)n : 0;

		if (n == 0)
			return -ETIMEDOUT;
		if (n == -ENOBUFS || n == -EMSGSIZE) { /* something was lost, the rest still comes */
			o->again = true;
			continue;
		}
		if (n < 0)
			return (int)n;
		while (r == 0 && !o->done && (h = nlmsg_take(&at, &left)))
			r = on_message(d, h, o);
	}
	return r;
}

static bool worth_another_try(int error)
{
	return error == -EINTR || error == -EAGAIN || error == -EBUSY;
}

static int reopen(struct nldump *d, struct err *e)
{
	int fd;

	if (!d->stale || d->bus < 0)
		return 0;
	fd = open_fd(d->bus, e);
	if (fd < 0)
		return fd;
	close(d->fd);
	d->fd = fd;
	d->stale = false;
	return 0;
}

static int deliver(const struct nldump *d, nldump_fn fn, void *ctx)
{
	size_t at = 0;
	int r = 0;

	while (r >= 0 && at < d->answer.n) {
		const struct nlmsghdr *h = (const void *)(d->answer.p + at);

		r = fn(ctx, h);
		at += NLMSG_ALIGN(h->nlmsg_len);
	}
	return r < 0 ? r : 0;
}

int nldump_run(struct nldump *d, nldump_fn fn, void *ctx, const char *what, struct err *e)
{
	struct outcome o;
	int r;

	for (unsigned try = 1;; try++) {
		o = (struct outcome){ 0 };
		r = reopen(d, e);
		if (r < 0)
			return err_wrap(e, r, "reading %s", what);
		r = collect(d, &o);
		if (r < 0) {
			d->stale = true;
			return err_errno(e, -r, "reading %s from the kernel", what);
		}
		if (!o.again && !worth_another_try(o.error))
			break;
		if (try == NLDUMP_TRIES)
			return err_text(e, EAGAIN, "reading %s from the kernel: it kept changing (%d tries)",
					what, NLDUMP_TRIES);
		nanosleep(&(struct timespec){ .tv_nsec = try * RETRY_PAUSE_MS * 1000000L }, NULL);
	}
	if (o.error < 0 && o.msg[0])
		return err_text(e, -o.error, "reading %s from the kernel: %s (%s)", what,
				strerrordesc_np(-o.error) ?: "unknown error", o.msg);
	if (o.error < 0)
		return err_errno(e, -o.error, "reading %s from the kernel", what);
	r = deliver(d, fn, ctx);
	if (d->answer.cap > RCVBUF)
		buf_done(&d->answer);
	return r;
}
