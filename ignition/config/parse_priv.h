/* Between the parser and the rules. */
#pragma once
#include <stdbool.h>

struct ign_config;
struct report;

/* 0 with the minor; -EINVAL when the text is no version, -ENOTSUP when it is one we do not read. */
int ign_version_parse(const char *text, unsigned *ret_minor);

int ign_validate_document(const struct ign_config *c, unsigned minor, bool merged, struct report *rep);

/* What the translations between versions change (reference B.7). */
void ign_translate(struct ign_config *c, unsigned from_minor);
