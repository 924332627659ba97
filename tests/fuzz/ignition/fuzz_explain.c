/* Hints change no verdict; what is shown holds no controls; what is written as JSON is JSON. */
#include "base/explain.h"
#include <stdint.h>
#include <stdlib.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/jscan.h"
#include "base/report.h"
#include "base/report_json.h"
#include "ignition/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(report_done) struct report rep = { .explain = true };
	CLEANUP(report_done) struct report plain = { 0 };
	CLEANUP(buf_done) struct buf shown = { 0 };
	CLEANUP(buf_done) struct buf json = { 0 };
	const char *text = (const char *)data;
	struct ign_config c;
	struct jscan_fault fault;
	struct err e = { 0 };
	int r = ign_config_parse(text, size, a, &plain, &c, &e);
	struct explain_view v = { "f\xff", text, size, r < 0 ? e.text : NULL, false };
	struct report_subject s = { "p", "f\xff", text, size, v.reason };

	if (ign_config_parse(text, size, a, &rep, &c, &e) != r || explain_print(&rep, &v, &shown) < 0)
		abort();
	for (const unsigned char *p = (unsigned char *)shown.p; *p; p++)
		if ((*p < 0x20 && *p != '\n') || *p == 0x7f)
			abort();
	if (report_json(&rep, &s, &json) < 0 || jscan_check(json.p, json.n, &fault) < 0)
		abort();
	buf_clear(&json);
	return report_sarif(&rep, &s, &json) < 0 || jscan_check(json.p, json.n, &fault) < 0 ? abort(), 0 : 0;
}
