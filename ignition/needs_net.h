/* Whether provisioning with a config needs the network (reference D.7). Pure. */
#pragma once

struct buf;
struct ign_config;

/*
 * NULL when nothing does; else what does, for a log line: a source as written in the config, or a
 * fixed text. Sources are not redacted: see below.
 */
const char *config_needs_net(const struct ign_config *c);

/* The same, fit for printing: a source's password or token is taken out, in the space of `out`. */
const char *config_needs_net_shown(const struct ign_config *c, struct buf *out);
