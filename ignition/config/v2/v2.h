/*
 * Configs of spec 2.0 to 2.4: read as what they are, checked by the rules of their time, then
 * rewritten as the newest 3.x. One struct family for all five; `minor` is the version the document
 * was written in (2.3.0 -> 3). Everything decoded lives in the arena given.
 */
#pragma once
#include "ignition/config/v2/types_gen.h"

struct arena;
struct ign_config;
struct report;

/*
 * The rules of 2.minor (reference B.8.3) over a decoded config, texts and severities as Ignition
 * 0.35 has them; what it called deprecated is a warning. Whether the config may be used is
 * report_fatal()'s answer. Returns 0 or -ENOMEM.
 */
int ign2_validate(const struct ign2_config *c, unsigned minor, struct report *rep);

/*
 * Rewrites a config that ign2_validate() found nothing fatal in as the newest 3.x. What 3.x cannot
 * say is an error at its place in the 2.x config; report_fatal() decides, and *ret is set only when
 * there is none. The result shares memory with c. Returns 0 or -ENOMEM.
 */
int ign2_convert(const struct ign2_config *c, unsigned minor, struct arena *a, struct report *rep,
		 struct ign_config *ret);
