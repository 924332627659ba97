/* Whether provisioning with a config needs the network (reference D.7). Pure. */
#pragma once

struct ign_config;

/*
 * NULL when nothing does; else what does, for a log line: a source as written in the config, or a
 * fixed text. Sources are not redacted: use fetch_redact() before printing.
 */
const char *config_needs_net(const struct ign_config *c);
