/*
 * Configs of spec 1 (top-level `ignitionVersion: 1`): read as what they are, checked by the rules of
 * their time, then rewritten as 2.0. Everything decoded lives in the arena given.
 */
#pragma once
#include "ignition/config/v1/types_gen.h"
#include "ignition/config/v2/types_gen.h"

struct arena;
struct ign_config;
struct report;

/*
 * The rules of spec 1 (reference B.8.1) over a decoded config. Whether the config may be used is
 * report_fatal()'s answer. Returns 0 or -ENOMEM.
 */
int ign1_validate(const struct ign1_config *c, struct report *rep);

/*
 * Rewrites a config that ign1_validate() found nothing fatal in as 2.0, and that as the newest 3.x.
 * Findings name places in the spec 1 config; report_fatal() decides, and *ret is set only when there
 * is none. The result shares memory with c. Returns 0 or -ENOMEM.
 */
int ign1_convert(const struct ign1_config *c, struct arena *a, struct report *rep, struct ign_config *ret);
