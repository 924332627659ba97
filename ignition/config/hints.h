/*
 * What to do about a finding, for who asked (report.explain): the finding says what is wrong, a hint says
 * what to write instead. Made afterwards, from the findings and the text, so that rules and decoder know
 * nothing of hints, and a document is accepted or refused without them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct cfg_desc;
struct json_object;
struct report;

struct hint_source {
	const char *text;
	size_t len;
	bool json;                   /* it is JSON, and an object */
	const struct cfg_desc *desc; /* of the version that it was read as; NULL: none */
	unsigned major, minor;
};

/*
 * Adds hints to located findings. Linear in the text and in the findings. This and the two below do
 * nothing unless rep->explain. 0 or -ENOMEM.
 */
int ign_hints_add(struct report *rep, const struct hint_source *s);

/*
 * Advice: about a version that cannot be read, which is no finding of upstream's; about modes that are
 * allowed but hardly meant, since 644 is not 0644.
 */
int ign_advise_version(struct report *rep, struct json_object *top);
int ign_advise_modes(struct report *rep, const struct hint_source *s, const void *config);
