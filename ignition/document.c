#include "ignition/document.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/report.h"
#include <openssl/evp.h>
#include <syslog.h>

static void log_report(const struct report *rep)
{
	static const int prio[] = { [SEV_ERROR] = LOG_CRIT, [SEV_WARN] = LOG_WARNING, [SEV_INFO] = LOG_INFO };
	size_t kept = rep->n, all = 0;

	for (size_t i = 0; i < rep->n; i++) {
		CLEANUP(buf_done) struct buf line = { 0 };

		if (rep->v[i].advice)
			continue;
		if (report_format(&rep->v[i], &line) == 0)
			log_msg(prio[rep->v[i].sev], NULL, "%s", buf_str(&line));
	}
	for (size_t s = 0; s < SEV_COUNT_; s++)
		all += rep->count[s];
	if (all > kept)
		log_warn("%zu more findings are not shown", all - kept);
}

/* One line for who stands before a console: what to do about the first error, or else what is advised. */
static void log_hint(const struct report *rep)
{
	CLEANUP(buf_done) struct buf hint = { 0 };

	for (size_t i = 0; i < rep->n && hint.n == 0; i++)
		if (rep->v[i].sev == SEV_ERROR && report_format_hint(&rep->v[i], &hint) < 0)
			return;
	for (size_t i = 0; i < rep->n && hint.n == 0 && !report_fatal(rep); i++)
		if (report_format_hint(&rep->v[i], &hint) < 0)
			return;
	if (hint.n)
		log_err("hint: %s", hint.p);
}

void document_log_digest(const char *what, const struct buf *text)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	size_t n = 0;

	if (EVP_Q_digest(NULL, "SHA512", NULL, buf_str(text), text->n, md, &n) != 1)
		return;
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	log_debug("%s with SHA512: %s", what, hex);
}

int document_parse(const char *name, const struct buf *text, struct arena *a, struct ign_config *ret,
		   struct err *e)
{
	CLEANUP(report_done) struct report rep = { .explain = true };
	int r;

	document_log_digest("parsing config", text);
	r = ign_config_parse(buf_str(text), text->n, a, &rep, ret, e);
	log_report(&rep);
	if (r < 0)
		log_hint(&rep);
	if (r < 0 && r != -ENODATA && name)
		return err_wrap(e, r, "config from %s", name);
	return r;
}

int document_check(const struct ign_config *c, struct err *e)
{
	CLEANUP(report_done) struct report rep = { 0 };
	int r = ign_config_validate(c, IGN_MINOR_EXPERIMENTAL, &rep);

	if (r < 0)
		return err_errno(e, -r, "checking the merged config");
	log_report(&rep);
	if (report_fatal(&rep))
		return err_text(e, EBADMSG, "config is not valid");
	return 0;
}
