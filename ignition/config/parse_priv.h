/* Between the parser and the rules. */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include "base/err.h"

struct ign_config;
struct report;

int ign_validate_document(const struct ign_config *c, unsigned minor, bool merged, struct report *rep);

/* What the translations between versions change (reference B.7). */
void ign_translate(struct ign_config *c, unsigned from_minor);

static inline int config_not_valid(struct err *e)
{
	return err_text(e, EBADMSG, "config is not valid");
}
