/*
 * Logging for commands. Library code logs at debug only; a command logs an error once, where it
 * stops. Never fails, never allocates, keeps errno. The one mutable global of the project.
 *
 * Formats:
 *   LOG_TO_JOURNAL  native journal protocol with fields; without journald "<prio>ident: text" to
 *                   /dev/kmsg; without that, stderr
 *   LOG_TO_STDOUT   upstream Ignition's `--log-to-stdout`: "INFO     : text" (9-wide label);
 *                   further lines of a message are indented
 *   LOG_TO_KLOG     upstream flannel's: "Immdd hh:mm:ss.uuuuuu pid file:line] text" on stderr
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

struct err;

enum log_target { LOG_TO_STDERR, LOG_TO_JOURNAL, LOG_TO_STDOUT, LOG_TO_KLOG };

struct log_field {
	const char *key, *value;
};
#define FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { NULL, NULL } })

/* ident is kept by reference (SYSLOG_IDENTIFIER). Messages above max_prio are dropped. */
void log_open(const char *ident, enum log_target target, int max_prio);
void log_close(void);
bool log_wants(int prio);

/* Tests: where journald listens and where the kernel log is; NULL = the usual place. */
void log_paths(const char *journal_socket, const char *kmsg);

#define log_msg(prio, fields, ...) log_emit(prio, __FILE__, __LINE__, fields, __VA_ARGS__)
#define log_debug(...)             log_msg(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...)              log_msg(LOG_INFO, NULL, __VA_ARGS__)
#define log_notice(...)            log_msg(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_warn(...)              log_msg(LOG_WARNING, NULL, __VA_ARGS__)
#define log_err(...)               log_msg(LOG_ERR, NULL, __VA_ARGS__)
#define log_crit(...)              log_msg(LOG_CRIT, NULL, __VA_ARGS__)

void log_emit(int prio, const char *file, int line, const struct log_field *fields, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Prefix stack: "files: createUsers: text". Bounded depth; pushes past it are counted, not shown. */
void log_push(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_pop(void);

/*
 * An operation, as upstream logs it:
 *   op(1f): [started]  adding ssh keys to user "core"
 *   op(1f): [finished] adding ssh keys to user "core"      or (critical)
 *   op(1f): [failed]   adding ssh keys to user "core": why
 * Between the two, messages carry the op(...) prefix. log_op_end returns r.
 */
struct log_op {
	unsigned id;
	char what[256];
};
void log_op_begin(struct log_op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int log_op_end(struct log_op *op, int r, const struct err *e);
