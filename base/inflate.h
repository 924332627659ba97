/*
 * gunzip in the pipeline: several members are joined, anything else behind the last one is an
 * error, as is an end in the middle. Output is handed on in pieces, so limits are the next sink's.
 */
#pragma once
#include <stdbool.h>
#include "base/sink.h"

struct inflate_sink {
	struct sink base;
	struct sink *next;
	void *z; /* z_stream */
	bool in_member, any;
};

int inflate_sink_init(struct inflate_sink *s, struct sink *next, struct err *e);
void inflate_sink_done(struct inflate_sink *s); /* accepts an all-zero struct */
