#include "base/log.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"

enum {
	MAX_FIELDS = 16,
	MAX_DEPTH = 8,
	MAX_PREFIX = 96,
	MAX_TEXT = 4096,
	KMSG_CHUNK = 800, /* the kernel takes about 1000 bytes per record */
	JOURNAL_WAIT_S = 2,
};

static const char journal_default[] = "/run/systemd/journal/socket";
static const char kmsg_default[] = "/dev/kmsg";

/* The project's one mutable global. */
static struct {
	const char *ident;
	enum log_target target;
	int max_prio;
	int journal, kmsg;
	unsigned depth, last_op;
	char prefix[MAX_DEPTH][MAX_PREFIX];
	const char *journal_path, *kmsg_path;
} L = { .target = LOG_TO_STDERR, .max_prio = LOG_INFO, .journal = -1, .kmsg = -1 };

/* One text of bounded size; what does not fit ends in an ellipsis. */
struct text {
	char b[MAX_TEXT];
	size_t n;
	bool cut;
};

static void text_add(struct text *t, const char *s, size_t n)
{
	if (t->cut)
		return;
	if (n > sizeof t->b - t->n) {
		n = sizeof t->b - t->n;
		t->cut = true;
	}
	memcpy(t->b + t->n, s, n);
	t->n += n;
}

static void text_end(struct text *t)
{
	static const char more[] = "\u2026";

	if (t->cut) {
		t->n = sizeof t->b - sizeof more;
		while (t->n > 0 && ((unsigned char)t->b[t->n] & 0xc0) == 0x80) /* not inside a character */
			t->n--;
		memcpy(t->b + t->n, more, sizeof more - 1);
		t->n += sizeof more - 1;
	}
	while (t->n > 0 && t->b[t->n - 1] == '\n')
		t->n--;
	if (t->n == sizeof t->b)
		t->n--;
	t->b[t->n] = '\0';
}

void log_paths(const char *journal_socket, const char *kmsg)
{
	L.journal_path = journal_socket;
	L.kmsg_path = kmsg;
}

void log_open(const char *ident, enum log_target target, int max_prio)
{
	int saved = errno;

	log_close();
	L.ident = ident;
	L.target = target;
	L.max_prio = max_prio;
	if (target == LOG_TO_JOURNAL) {
		struct timeval wait = { .tv_sec = JOURNAL_WAIT_S };

		L.journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (L.journal >= 0) /* a hung journald must not hang the boot */
			(void)setsockopt(L.journal, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	}
	errno = saved;
}

void log_close(void)
{
	int saved = errno;

	if (L.journal >= 0)
		close(L.journal);
	if (L.kmsg >= 0)
		close(L.kmsg);
	L.journal = L.kmsg = -1;
	L.depth = L.last_op = 0;
	errno = saved;
}

bool log_wants(int prio)
{
	return LOG_PRI(prio) <= L.max_prio;
}

/* Native protocol datagram: KEY=value lines, or KEY, length and bytes when the value has a newline. */
struct datagram {
	struct iovec v[(MAX_FIELDS + 5) * 5];
	size_t n;
	uint64_t len[MAX_FIELDS + 5];
	size_t nlen;
};

static void put(struct datagram *d, const void *p, size_t n)
{
	d->v[d->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)p, .iov_len = n };
}

static void put_field(struct datagram *d, const char *key, const char *value)
{
	size_t n = strlen(value);

	put(d, key, strlen(key));
	if (memchr(value, '\n', n)) {
		uint64_t *len = &d->len[d->nlen++];

		*len = htole64(n);
		put(d, "\n", 1);
		put(d, len, sizeof *len);
	} else {
		put(d, "=", 1);
	}
	put(d, value, n);
	put(d, "\n", 1);
}

static bool to_journal(int prio, const char *file, int line, const struct log_field *fields, const char *msg)
{
	const char *path = L.journal_path ? L.journal_path : journal_default;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char prio_text[16], line_text[16];
	struct datagram d = { .n = 0 };
	ssize_t r;

	if (L.journal < 0 || strlen(path) >= sizeof sa.sun_path)
		return false;
	memcpy(sa.sun_path, path, strlen(path));
	snprintf(prio_text, sizeof prio_text, "%d", LOG_PRI(prio));
	snprintf(line_text, sizeof line_text, "%d", line);
	put_field(&d, "MESSAGE", msg);
	put_field(&d, "PRIORITY", prio_text);
	put_field(&d, "SYSLOG_IDENTIFIER", L.ident ? L.ident : "hearth");
	put_field(&d, "CODE_FILE", file);
	put_field(&d, "CODE_LINE", line_text);
	struct msghdr mh = { .msg_name = &sa, .msg_namelen = sizeof sa, .msg_iov = d.v, .msg_iovlen = d.n };
	const size_t bare = d.n;

	for (size_t i = 0; fields && fields[i].key && i < MAX_FIELDS; i++)
		if (fields[i].value)
			put_field(&d, fields[i].key, fields[i].value);
	/* Addressed each time: journald of the initramfs is not the one of the real root. */
	mh.msg_iovlen = d.n;
	r = sendmsg(L.journal, &mh, MSG_NOSIGNAL);
	if (r < 0 && errno == EMSGSIZE) { /* huge fields must not cost the message */
		mh.msg_iovlen = bare;
		r = sendmsg(L.journal, &mh, MSG_NOSIGNAL);
	}
	return r >= 0;
}

/* Copies up to a newline or max bytes, control characters as \xNN. Returns the bytes consumed. */
static size_t escape_line(struct text *out, const char *s, size_t n, size_t max)
{
	size_t i = 0;

	for (; i < n && s[i] != '\n' && out->n < max; i++) {
		unsigned char c = (unsigned char)s[i];
		char hex[8];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			snprintf(hex, sizeof hex, "\\x%02x", c);
			text_add(out, hex, 4);
		} else {
			text_add(out, s + i, 1);
		}
	}
	return i;
}

static void write_all(int fd, const struct text *t)
{
	for (size_t done = 0; done < t->n;) {
		ssize_t w = write(fd, t->b + done, t->n - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		done += (size_t)w;
	}
}

/* One record per line of the message, each with its own head: a value cannot forge a record. */
static bool to_kmsg(int prio, const struct text *msg)
{
	if (L.kmsg < 0)
		L.kmsg = open(L.kmsg_path ? L.kmsg_path : kmsg_default,
			      O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
	if (L.kmsg < 0)
		return false;
	for (size_t i = 0; i < msg->n;) {
		struct text rec = { .n = 0 };
		int n = snprintf(rec.b, sizeof rec.b, "<%d>%.32s: ", LOG_PRI(prio),
				 L.ident ? L.ident : "hearth");

		rec.n = (size_t)n;
		i += escape_line(&rec, msg->b + i, msg->n - i, KMSG_CHUNK);
		while (i < msg->n && ((unsigned char)msg->b[i] & 0xc0) == 0x80) /* whole characters */
			text_add(&rec, msg->b + i++, 1);
		if (i < msg->n && msg->b[i] == '\n')
			i++;
		text_add(&rec, "\n", 1);
		write_all(L.kmsg, &rec);
	}
	return true;
}

/* Terminals and pipes: newlines stay, with `next` before the lines that follow; other control characters do
 * not. */
static void to_stream(int fd, const char *head, const char *next, const struct text *msg)
{
	struct text out = { .n = 0 };
	const size_t full = sizeof out.b - 8;

	text_add(&out, head, strlen(head));
	for (size_t i = 0; i < msg->n;) {
		i += escape_line(&out, msg->b + i, msg->n - i, full);
		if (i < msg->n && (msg->b[i] != '\n' || out.n >= full)) {
			write_all(fd, &out);
			out.n = 0;
		} else if (i < msg->n) {
			text_add(&out, "\n", 1);
			text_add(&out, next, strlen(next));
			i++;
		}
	}
	text_add(&out, "\n", 1);
	write_all(fd, &out);
}

static void to_stdout(int prio, const struct text *msg)
{
	static const char *const labels[] = { "EMERGENCY", "ALERT    ", "CRITICAL ", "ERROR    ",
					      "WARNING  ", "NOTICE   ", "INFO     ", "DEBUG    " };
	char head[16];

	snprintf(head, sizeof head, "%s: ", labels[LOG_PRI(prio)]);
	/* further lines stand under the text: a value with a newline cannot forge a line with a label */
	to_stream(STDOUT_FILENO, head, "           ", msg);
}

static void to_klog(int prio, const char *file, int line, const struct text *msg)
{
	const char letter = prio <= LOG_CRIT ? 'F' : prio == LOG_ERR ? 'E' : prio == LOG_WARNING ? 'W' : 'I';
	const char *slash = strrchr(file, '/');
	struct timespec now;
	struct tm tm;
	char head[128];

	clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm))
		memset(&tm, 0, sizeof tm);
	snprintf(head, sizeof head, "%c%02d%02d %02d:%02d:%02d.%06ld %7d %.40s:%d] ", letter, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000, (int)getpid(),
		 slash ? slash + 1 : file, line);
	/* Each record is a line: what comes from others must not look like the next one. */
	to_stream(STDERR_FILENO, head, "\t", msg);
}

static void to_stderr(const struct text *msg)
{
	char head[48] = "";

	if (L.ident)
		snprintf(head, sizeof head, "%.40s: ", L.ident);
	to_stream(STDERR_FILENO, head, "", msg);
}

void log_emit(int prio, const char *file, int line, const struct log_field *fields, const char *fmt, ...)
{
	unsigned shown = L.depth < MAX_DEPTH ? L.depth : MAX_DEPTH;
	struct text msg = { .n = 0 };
	int saved = errno;
	char body[MAX_TEXT + 2]; /* so that what is too long is seen to be */
	va_list ap;

	prio = LOG_PRI(prio);
	if (!log_wants(prio))
		return;
	for (unsigned i = 0; i < shown; i++) {
		text_add(&msg, L.prefix[i], strlen(L.prefix[i]));
		text_add(&msg, ": ", 2);
	}
	errno = saved; /* for %m */
	va_start(ap, fmt);
	(void)vsnprintf(body, sizeof body, fmt, ap);
	va_end(ap);
	text_add(&msg, body, strlen(body));
	text_end(&msg);
	switch (L.target) {
	case LOG_TO_JOURNAL:
		if (!to_journal(prio, file, line, fields, msg.b) && !to_kmsg(prio, &msg))
			to_stderr(&msg);
		break;
	case LOG_TO_STDOUT:
		to_stdout(prio, &msg);
		break;
	case LOG_TO_KLOG:
		to_klog(prio, file, line, &msg);
		break;
	case LOG_TO_STDERR:
		to_stderr(&msg);
		break;
	}
	errno = saved;
}

void log_push(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (L.depth < MAX_DEPTH) {
		va_start(ap, fmt);
		(void)vsnprintf(L.prefix[L.depth], MAX_PREFIX, fmt, ap);
		va_end(ap);
	}
	L.depth++;
	errno = saved;
}

void log_pop(void)
{
	if (L.depth > 0)
		L.depth--;
}

void log_op_begin(struct log_op *op, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	op->id = ++L.last_op;
	va_start(ap, fmt);
	(void)vsnprintf(op->what, sizeof op->what, fmt, ap);
	va_end(ap);
	log_push("op(%x)", op->id);
	log_info("[started]  %s", op->what);
	errno = saved;
}

int log_op_end(struct log_op *op, int r, const struct err *e)
{
	if (r >= 0) {
		log_info("[finished] %s", op->what);
	} else {
		const char *why = e && e->code ? e->text : strerrordesc_np(-r);

		log_crit("[failed]   %s: %s", op->what, why ? why : "unknown error");
	}
	log_pop();
	return r;
}
