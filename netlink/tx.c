#include "netlink/tx.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "netlink/attr.h"
#include "netlink/sock.h"
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

enum {
	RCVBUF = 1 << 20, /* some 2,500 acks */
	/* Acks are queued while the send runs; after a loss or a refusal only stragglers can follow. */
	DRAIN_MS = 50,
	KEEP_BYTES = 1 << 20, /* larger queues are not kept for the next transaction */
};

struct op {
	struct nltx_op pub;
	char *text;    /* owns pub.msg when the kernel said something */
	size_t off;    /* of the request in queue */
	uint32_t name; /* offset in names */
	uint16_t ok[2];
};

struct script { /* what a recording transaction shall answer */
	size_t i;
	int code;
	char *msg;
};

struct nltx {
	int fd; /* -1: recording */
	int reply_ms;
	bool atomic, committed, oom, too_many;
	uint16_t subsys;
	uint32_t next_seq; /* of the next transaction; never reused, so that late answers match nothing */
	uint32_t first_seq;
	struct buf queue, names;
	struct op *op;
	size_t n, cap, failed;
	struct op *last; /* begun or ended last */
	struct script *script;
	size_t n_script;
	uint8_t *rx;
	union {
		struct nlmsghdr h;
		uint8_t room[NLTX_MSG_MAX];
	} scratch;
};

static int new_tx(int fd, struct nltx **ret)
{
	struct nltx *t = calloc(1, sizeof *t);

	if (!t || !(t->rx = malloc(NLSOCK_DATAGRAM_MAX))) {
		free(t);
		return -ENOMEM;
	}
	t->fd = fd;
	t->reply_ms = NLTX_REPLY_MS;
	t->next_seq = 1;
	*ret = t;
	return 0;
}

static int open_socket(int bus, struct nltx **ret, struct err *e)
{
	CLEANUP(closep) int fd = nlsock_open(bus, RCVBUF, e);
	int r;

	if (fd < 0)
		return fd;
	r = new_tx(fd, ret);
	if (r < 0)
		return err_errno(e, -r, "opening a netlink socket");
	take_fd(&fd);
	return 0;
}

int nltx_open(int bus, struct nltx **ret, struct err *e)
{
	return open_socket(bus, ret, e);
}

int nltx_open_atomic(uint16_t subsys, struct nltx **ret, struct err *e)
{
	int r = open_socket(NETLINK_NETFILTER, ret, e);

	if (r < 0)
		return r;
	(*ret)->atomic = true;
	(*ret)->subsys = subsys;
	return 0;
}

int nltx_open_recording(struct nltx **ret)
{
	return new_tx(-1, ret);
}

int nltx_open_fd(int fd, struct nltx **ret)
{
	return new_tx(fd, ret);
}

static void forget_ops(struct nltx *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->op[i].text);
	t->n = t->failed = 0;
	t->last = NULL;
	if (t->queue.cap > KEEP_BYTES) {
		buf_done(&t->queue);
		buf_done(&t->names);
		free(t->op);
		t->op = NULL;
		t->cap = 0;
	}
	buf_clear(&t->queue);
	buf_clear(&t->names);
	t->oom = t->too_many = t->committed = false;
}

struct nltx *nltx_close(struct nltx *t)
{
	if (!t)
		return NULL;
	forget_ops(t);
	for (size_t i = 0; i < t->n_script; i++)
		free(t->script[i].msg);
	free(t->script);
	free(t->op);
	buf_done(&t->queue);
	buf_done(&t->names);
	free(t->rx);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
	return NULL;
}

void nltx_set_timeout(struct nltx *t, int reply_ms)
{
	t->reply_ms = reply_ms;
}

uint32_t nltx_portid(const struct nltx *t)
{
	return t->fd >= 0 ? nlsock_portid(t->fd) : 0;
}

static bool grow(struct nltx *t)
{
	size_t cap = t->cap ? 2 * t->cap : 64;
	struct op *op;

	if (t->n < t->cap)
		return true;
	op = reallocarray(t->op, cap, sizeof *op);
	if (!op)
		return false;
	t->op = op;
	t->cap = cap;
	return true;
}

struct nlmsghdr *nltx_begin(struct nltx *t, uint16_t type, uint16_t flags, int ok_errno, const char *fmt, ...)
{
	char name[256];
	va_list ap;

	if (t->committed)
		forget_ops(t);
	memset(&t->scratch, 0, sizeof t->scratch.h);
	t->scratch.h.nlmsg_len = NLMSG_HDRLEN;
	t->scratch.h.nlmsg_type = type;
	t->scratch.h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	t->last = NULL;
	if (t->n >= NLTX_REQUESTS_MAX)
		t->too_many = true;
	else if (!grow(t))
		t->oom = true;
	else
		t->last = &t->op[t->n];
	if (!t->last)
		return &t->scratch.h; /* written to, and dropped by nltx_end() */
	*t->last = (struct op){
		.pub = { .err = -EINPROGRESS, .msg = "" },
		.off = t->queue.n,
		.name = (uint32_t)t->names.n,
		.ok = { (uint16_t)ok_errno },
	};
	va_start(ap, fmt);
	if (vsnprintf(name, sizeof name, fmt, ap) < 0)
		name[0] = '\0';
	va_end(ap);
	if (buf_append(&t->names, name, strlen(name) + 1) < 0) {
		t->oom = true;
		t->last = NULL;
	}
	return &t->scratch.h;
}

void nltx_also_ok(struct nltx *t, int errno_value)
{
	if (t->last)
		t->last->ok[1] = (uint16_t)errno_value;
}

void nltx_tag(struct nltx *t, uint64_t tag)
{
	if (t->last)
		t->last->pub.tag = tag;
}

void nltx_end(struct nltx *t)
{
	size_t n = NLMSG_ALIGN(t->scratch.h.nlmsg_len);

	if (!t->last)
		return;
	/* bytes between the length and its alignment must be defined */
	memset(t->scratch.room + t->scratch.h.nlmsg_len, 0, n - t->scratch.h.nlmsg_len);
	if (buf_append(&t->queue, &t->scratch, n) < 0) {
		t->oom = true;
		t->last = NULL;
		return;
	}
	t->n++;
}

void nltx_cancel(struct nltx *t)
{
	forget_ops(t);
}

static struct nlmsghdr *request(const struct nltx *t, size_t i)
{
	return (struct nlmsghdr *)(void *)(t->queue.p + t->op[i].off);
}

static size_t end_of(const struct nltx *t, size_t i)
{
	return i + 1 < t->n ? t->op[i + 1].off : t->queue.n;
}

/* Every answer passes here, once per request. */
static void settle(struct nltx *t, size_t i, int error, const char *msg, size_t msg_len)
{
	struct op *op = &t->op[i];

	if (error && (error == -op->ok[0] || error == -op->ok[1]))
		error = 0;
	op->pub.err = error;
	if (msg_len > 0 && (op->text = strndup(msg, msg_len)))
		op->pub.msg = op->text;
}

struct round { /* one datagram and its answers */
	size_t from, to, due;
	uint32_t begin_seq; /* of an atomic batch */
	int refused;        /* -errno for the batch as a whole, or of any part of it */
	bool refused_whole, lost;
};

static void on_ack(struct nltx *t, struct round *rd, const struct nlmsghdr *h)
{
	const struct nlmsgerr *ack = attr_header(h, sizeof *ack);
	struct nlattr_view tb[NLMSGERR_ATTR_MAX + 1] = { 0 };
	size_t i = h->nlmsg_seq - t->first_seq, hdr = sizeof *ack;

	if (!ack)
		return;
	if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
		if (!(h->nlmsg_flags & NLM_F_CAPPED) && ack->msg.nlmsg_len > NLMSG_HDRLEN)
			hdr += ack->msg.nlmsg_len - NLMSG_HDRLEN;
		if (attr_index_msg(h, hdr, tb, ARRAY_SIZE(tb)) < 0)
			tb[NLMSGERR_ATTR_MSG].p = NULL;
	}
	if (t->atomic && ack->error && h->nlmsg_seq == rd->begin_seq) {
		rd->refused = ack->error;
		rd->refused_whole = true;
		return;
	}
	if (i < rd->from || i >= rd->to || t->op[i].pub.err != -EINPROGRESS || ack->error > 0)
		return;
	struct nlattr_view *msg = &tb[NLMSGERR_ATTR_MSG];
	settle(t, i, ack->error, msg->p, msg->p ? strnlen(msg->p, msg->n) : 0);
	if (t->op[i].pub.err < 0 && !rd->refused)
		rd->refused = t->op[i].pub.err;
	rd->due--;
}

static int receive(struct nltx *t, struct round *rd)
{
	while (rd->due > 0) {
		bool drain = rd->lost || (t->atomic && rd->refused);
		ssize_t n = nlsock_recv(t->fd, t->rx, NLSOCK_DATAGRAM_MAX, drain ? DRAIN_MS : t->reply_ms);
		const void *at = t->rx;
		const struct nlmsghdr *h;
		size_t left = n > 0 ? (size_t)n : 0;

		if (n == 0)
			return rd->lost ? -ENOBUFS : drain ? -ECANCELED : -ETIMEDOUT;
		if (n == -ENOBUFS || n == -EMSGSIZE) {
			rd->lost = true;
			continue;
		}
		if (n < 0)
			return (int)n;
		while ((h = nlmsg_take(&at, &left)))
			if (h->nlmsg_type == NLMSG_ERROR)
				on_ack(t, rd, h);
	}
	return 0;
}

static int send_all(int fd, struct iovec *iov, size_t n)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	int domain = 0;
	socklen_t len = sizeof domain;
	ssize_t r;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_NETLINK) {
		m.msg_name = &kernel;
		m.msg_namelen = sizeof kernel;
	}
	do
		r = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static void finish_round(struct nltx *t, const struct round *rd, int rest)
{
	for (size_t i = rd->from; i < rd->to; i++) {
		int *err = &t->op[i].pub.err;

		if (*err == -EINPROGRESS)
			*err = rest;
		else if (*err == 0 && t->atomic && rest < 0)
			*err = -ECANCELED; /* acknowledged, then rolled back with the others */
	}
}

static int run_datagram(struct nltx *t, size_t from, size_t to)
{
	struct round rd = { .from = from, .to = to, .due = to - from };
	struct iovec iov = { t->queue.p + t->op[from].off, end_of(t, to - 1) - t->op[from].off };
	int r = send_all(t->fd, &iov, 1);

	if (r == 0)
		r = receive(t, &rd);
	finish_round(t, &rd, r);
	return r;
}

static void batch_frame(struct nlmsghdr *h, uint16_t type, uint32_t seq, uint16_t subsys)
{
	struct nfgenmsg *g;

	mnl_nlmsg_put_header(h);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(subsys);
}

static int run_atomic(struct nltx *t)
{
	union {
		struct nlmsghdr h;
		char room[64];
	} begin, end;
	struct round rd = { .to = t->n, .due = t->n, .begin_seq = t->first_seq - 1 };
	int r;

	batch_frame(&begin.h, NFNL_MSG_BATCH_BEGIN, rd.begin_seq, t->subsys);
	batch_frame(&end.h, NFNL_MSG_BATCH_END, t->first_seq + (uint32_t)t->n, t->subsys);
	struct iovec iov[] = {
		{ &begin, begin.h.nlmsg_len },
		{ t->queue.p, t->queue.n },
		{ &end, end.h.nlmsg_len },
	};
	r = send_all(t->fd, iov, ARRAY_SIZE(iov));
	if (r == 0)
		r = receive(t, &rd);
	if (rd.refused)
		r = rd.refused_whole ? rd.refused : -ECANCELED;
	finish_round(t, &rd, r);
	return rd.refused ? rd.refused : r;
}

static int run_independent(struct nltx *t)
{
	size_t from = 0;
	int r = 0;

	while (from < t->n) {
		size_t to = from + 1;

		while (to < t->n && to - from < NLTX_BATCH_REQUESTS &&
		       end_of(t, to) - t->op[from].off <= NLTX_BATCH_BYTES)
			to++;
		r = run_datagram(t, from, to);
		from = to;
		if (r < 0 && r != -ENOBUFS) /* lost answers do not stop the rest; a dead socket does */
			break;
	}
	for (; from < t->n; from++)
		t->op[from].pub.err = -ECANCELED;
	return r;
}

static void run_recording(struct nltx *t)
{
	for (size_t i = 0; i < t->n; i++)
		settle(t, i, 0, NULL, 0);
	for (size_t k = 0; k < t->n_script; k++) {
		struct script *s = &t->script[k];

		if (s->i < t->n)
			settle(t, s->i, -s->code, s->msg, s->msg ? strlen(s->msg) : 0);
		free(s->msg);
	}
	t->n_script = 0;
}

static int refuse_all(struct nltx *t, int code)
{
	for (size_t i = 0; i < t->n; i++)
		t->op[i].pub.err = -ECANCELED;
	t->failed = t->n;
	t->committed = true;
	return code;
}

static int report(struct nltx *t, int transport, struct err *e)
{
	const struct op *first = NULL;
	char more[96] = "";
	int code;

	t->failed = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct op *op = &t->op[i];

		if (op->pub.err >= 0)
			continue;
		t->failed++;
		if (!first || (first->pub.err == -ECANCELED && op->pub.err != -ECANCELED))
			first = op;
	}
	if (!first)
		return 0;
	code = first->pub.err != -ECANCELED ? first->pub.err : transport < 0 ? transport : -ECANCELED;
	if (t->failed > 1 && !t->atomic)
		snprintf(more, sizeof more, "; %zu more of %zu requests failed", t->failed - 1, t->n);
	if (t->atomic && first->pub.err == -ECANCELED)
		return err_errno(e, -code, "netlink transaction of %zu requests", t->n);
	const char *why = strerrordesc_np(-code);
	if (!why)
		why = "unknown error";
	if (first->pub.msg[0])
		return err_text(e, -code, "%s: %s (%s)%s", t->names.p + first->name, why, first->pub.msg,
				more);
	return err_text(e, -code, "%s: %s%s", t->names.p + first->name, why, more);
}

int nltx_commit(struct nltx *t, struct err *e)
{
	int r = 0;

	if (t->committed)
		forget_ops(t);
	if (t->oom)
		return err_errno(e, -refuse_all(t, -ENOMEM), "queuing netlink requests");
	if (t->too_many || (t->atomic && (t->n > NLTX_BATCH_REQUESTS || t->queue.n > NLTX_BATCH_BYTES)))
		return err_text(e, -refuse_all(t, -E2BIG),
				"too many netlink requests for one transaction (%zu)", t->n);
	if (t->n == 0)
		return 0;
	t->first_seq = t->next_seq + 1; /* the one before is the batch's own */
	t->next_seq = t->first_seq + (uint32_t)t->n + 1;
	for (size_t i = 0; i < t->n; i++)
		request(t, i)->nlmsg_seq = t->first_seq + (uint32_t)i;
	if (t->fd < 0)
		run_recording(t);
	else
		r = t->atomic ? run_atomic(t) : run_independent(t);
	t->committed = true;
	return report(t, r, e);
}

size_t nltx_count(const struct nltx *t)
{
	return t->n;
}

const struct nltx_op *nltx_op(const struct nltx *t, size_t i)
{
	return i < t->n ? &t->op[i].pub : NULL;
}

const char *nltx_name(const struct nltx *t, size_t i)
{
	return i < t->n ? t->names.p + t->op[i].name : "";
}

size_t nltx_failed(const struct nltx *t)
{
	return t->failed;
}

const struct nlmsghdr *nltx_request(const struct nltx *t, size_t i)
{
	return i < t->n ? request(t, i) : NULL;
}

void nltx_record_fail(struct nltx *t, size_t i, int errno_value, const char *msg)
{
	struct script *s = reallocarray(t->script, t->n_script + 1, sizeof *s);

	if (!s) {
		t->oom = true;
		return;
	}
	t->script = s;
	s[t->n_script++] = (struct script){ i, errno_value, msg ? strdup(msg) : NULL };
}
