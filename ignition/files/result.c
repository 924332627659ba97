#include "ignition/files/result.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/jscan.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/root.h"
#include "ignition/files/write.h"
#include "ignition/state.h"
#include <limits.h>
#include <string.h>
#include <time.h>

enum { RESULT_MAX = 4 << 20 };

static int new_line(struct buf *out, unsigned depth)
{
	int r = buf_putc(out, '\n');

	while (r == 0 && depth--)
		r = buf_puts(out, "  ");
	return r;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Indents a document that jscan_check() accepted; members stay in order and are not changed. */
static int indent(const char *p, size_t n, unsigned depth, struct buf *out)
{
	const char *end = p + n;
	bool in_string = false;
	int r = 0;

	for (; r == 0 && p < end; p++) {
		const char *next = p + 1;

		if (in_string || (!is_space(*p) && !strchr("{}[],:", *p))) {
			r = buf_putc(out, *p);
			if (*p == '\\' && in_string && next < end)
				r = r ? r : buf_putc(out, *++p);
			else if (*p == '"')
				in_string = !in_string;
			continue;
		}
		if (is_space(*p))
			continue;
		while (next < end && is_space(*next))
			next++;
		if (*p == '}' || *p == ']') {
			r = new_line(out, --depth);
			r = r ? r : buf_putc(out, *p);
		} else if ((*p == '{' || *p == '[') && next < end && (*next == '}' || *next == ']')) {
			r = buf_putc(out, *p);
			r = r ? r : buf_putc(out, *next);
			p = next;
		} else {
			r = buf_putc(out, *p);
			if (r == 0 && *p == ':')
				r = buf_putc(out, ' ');
			else if (r == 0)
				r = new_line(out, *p == ',' ? depth : ++depth);
		}
	}
	return r;
}

int result_format(const struct result *res, struct buf *out)
{
	int r = buf_printf(out,
			   "{\n  \"provisioningBootID\": \"%s\",\n  \"provisioningDate\": \"%s\",\n"
			   "  \"userConfigProvided\": %s",
			   res->boot_id, res->date, res->user_config ? "true" : "false");

	if (r == 0 && res->previous) {
		r = buf_puts(out, ",\n  \"previousReport\": ");
		r = r ? r : indent(res->previous, res->previous_len, 1, out);
	}
	return r ? r : buf_puts(out, "\n}\n");
}

/* The distribution's helper: a live system starts anew with each boot, there is no previous run. */
static bool is_live_image(void)
{
	struct err why = { 0 };
	int status = 0;
	int r = proc_run(&(struct proc){ .argv = (const char *const[]){ "is-live-image", NULL } }, &status,
			 &why);

	if (r < 0)
		log_notice("assuming this is no live image: %s", why.text);
	return r == 0 && status == 0;
}

int result_read_previous(const struct root *root, struct buf *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = RESULT_MAX);
	struct jscan_fault fault;
	struct err why = { 0 };
	int r = root_read_file(root, RESULT_PATH, &text, &why);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	if (is_live_image())
		return 0;
	log_warn("Ignition has already run on this system. Unexpected behavior may occur. Ignition is not "
		 "designed to run more than once per system.");
	r = jscan_check(buf_str(&text), text.n, &fault);
	if (r == -EBADMSG)
		return err_text(e, EBADMSG, "couldn't unmarshal previous report output: %s: %s", RESULT_PATH,
				fault.why);
	if (r == 0)
		r = buf_append(ret, buf_str(&text), text.n);
	return r < 0 ? err_errno(e, -r, "reading %s", RESULT_PATH) : 0;
}

/* Local time as 2006-01-02T15:04:05+01:00, or with Z for UTC. */
static void format_date(char *ret, size_t size)
{
	time_t now = time(NULL);
	char zone[8] = "Z";
	struct tm tm;
	size_t n;

	localtime_r(&now, &tm);
	if (tm.tm_gmtoff) {
		long off = tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff;

		(void)snprintf(zone, sizeof zone, "%c%02d:%02d", tm.tm_gmtoff < 0 ? '-' : '+',
			       (int)(off / 3600 % 24), (int)(off / 60 % 60));
	}
	n = strftime(ret, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret + n, size - n, "%s", zone);
}

int result_write(const struct root *root, const struct ign_state *state, const struct buf *previous,
		 struct touched *t, struct err *e)
{
	CLEANUP(buf_done) struct buf boot_id = BUF_INIT(.max = 128);
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(closep) int dir = -1;
	char date[64], leaf[NAME_MAX + 1];
	struct result res = { .date = date };
	struct log_op op;
	int r;

	r = file_read("/proc/sys/kernel/random/boot_id", &boot_id, e);
	if (r < 0)
		return r;
	if (boot_id.n && boot_id.p[boot_id.n - 1] == '\n')
		boot_id.p[--boot_id.n] = '\0';
	format_date(date, sizeof date);
	res.boot_id = buf_str(&boot_id);
	for (size_t i = 0; i < state->fetched_configs.n; i++)
		res.user_config |= !strcmp(state->fetched_configs.v[i].kind, "user");
	if (previous->n) {
		res.previous = previous->p;
		res.previous_len = previous->n;
	}
	r = result_format(&res, &text);
	if (r < 0)
		return err_errno(e, -r, "preparing %s", RESULT_PATH);
	log_op_begin(&op, "writing file \"%s%s\"", strcmp(root->path, "/") ? root->path : "", RESULT_PATH);
	r = root_open_parent(root, RESULT_PATH, true, &dir, leaf, NULL, e);
	if (r == 0)
		r = touched_add(t, dir, e);
	if (r == 0)
		r = root_write_file(root, RESULT_PATH, text.p, text.n, 0600, 0, 0, e);
	return log_op_end(&op, r, e);
}
