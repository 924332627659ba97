/* What a document of spec 1 or 2.x must become: nothing, with an error; or a config of the newest version. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/parse_priv.h"
#include "tests/fuzz/ignition/config_tree.h"

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

static inline void check_old_document(const struct buf *json, struct arena *a)
{
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(report_done) struct report newest = { 0 };
	CLEANUP(buf_done) struct buf findings = { 0 };
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf twice = { 0 };
	struct ign_config c, again, cached;
	struct err e = { 0 };
	int r = ign_config_parse(json->p, json->n, a, &rep, &c, &e);

	must(report_print(&rep, &findings) == 0 && (r < 0) == report_fatal(&rep));
	if (r < 0)
		return;
	/* the newest rules find nothing wrong, also when it is read again */
	must(ign_validate_document(&c, IGN_MINOR_EXPERIMENTAL, false, &newest) == 0 &&
	     !report_fatal(&newest));
	must(ign_config_emit(&c, &text) == 0);
	must(ign_config_parse(text.p, text.n, a, &newest, &again, &e) == 0 && !report_fatal(&newest));
	must(ign_config_parse_cache(text.p, text.n, a, &cached, &e) == 0);
	must(cfg_equal(&ign_config_desc, &c, &again) && cfg_equal(&ign_config_desc, &c, &cached));
	must(ign_config_emit(&again, &twice) == 0 && strcmp(text.p, twice.p) == 0);
}
