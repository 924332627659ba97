/* From raw bytes of a config to a usable one, with its findings in the log. */
#pragma once
#include "ignition/config/config.h"

struct buf;

/* "<what> with SHA512: <hex>", at debug. */
void document_log_digest(const char *what, const struct buf *text);

/*
 * Logs the SHA512, parses, validates, and logs every finding (error -> critical, warning, info);
 * when it is refused, one more line "hint: ..." says what to do, if that is known.
 * A zero-length document gives -ENODATA ("not a config (empty)"). name is for the story; NULL when the
 * caller tells what it was about.
 */
int document_parse(const char *name, const struct buf *text, struct arena *a, struct ign_config *ret,
		   struct err *e);

/* Validates a config made in memory by the newest rules; logs the findings. -EBADMSG when one is an error. */
int document_check(const struct ign_config *c, struct err *e);
