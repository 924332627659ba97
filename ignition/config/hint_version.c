/* Versions that are not among those that are read. */
#include "ignition/config/hint_priv.h"
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "ignition/config/config.h"
#include "ignition/config/tree.h"

#define NEWEST "3.6.0"

int hint_version(const struct hint *h)
{
	unsigned major = 0, minor = 0, patch = 0;
	char text[64], rest[64] = "";

	if (!hint_string(h, text, sizeof text) ||
	    sscanf(text, "%9u.%9u.%9u%63s", &major, &minor, &patch, rest) < 3)
		return 0;
	if (major == 3 && minor == IGN_MINOR_EXPERIMENTAL && !*rest)
		return hint_say(h,
				"3.%u.0 is not final yet: write \"3.%u.0-experimental\", or \"" NEWEST "\"",
				minor, minor);
	if (major == 3 && minor <= IGN_MINOR_STABLE && (*rest || patch))
		return hint_say(h, "write \"3.%u.0\"", minor);
	if (major == 3 && minor == IGN_MINOR_EXPERIMENTAL)
		return hint_say(h, "write \"3.%u.0-experimental\" exactly", minor);
	if (major == 2)
		return hint_say(h, "of spec 2, the versions 2.0.0 to 2.4.0 are read");
	if (major < 3)
		return hint_say(h, "write \"" NEWEST
				   "\"; spec 1 has \"ignitionVersion\": 1 instead of a version");
	return hint_say(h, "this build knows versions up to " NEWEST
			   ": write that when nothing newer is used, or "
			   "take a newer build");
}

static int advise_about(struct report *rep, const struct cfg_path *at, const char *text)
{
	unsigned major, minor;
	char rest;

	if (*text == 'v' || *text == 'V')
		return report_advise(rep, at, "a version is written without the letter: \"%.40s\"", text + 1);
	if (sscanf(text, "%9u.%9u%c", &major, &minor, &rest) == 2)
		return report_advise(rep, at, "a version has three parts: \"%u.%u.0\"", major, minor);
	if (sscanf(text, "%9u%c", &major, &rest) == 1)
		return report_advise(rep, at, "a version has three parts: \"%s\"",
				     major == 3 ? NEWEST : "2.4.0");
	return report_advise(rep, at, "a version has three parts and no space: \"" NEWEST "\"");
}

int ign_advise_version(struct report *rep, struct json_object *top)
{
	const struct cfg_path *ign_at = CFG_CHILD(NULL, "ignition"), *at = CFG_CHILD(ign_at, "version");
	struct json_object *ign = tree_member(top, "ignition"), *version;

	if (!rep->explain || rep->n) /* a finding says what is wrong with it */
		return 0;
	if (tree_member(top, "variant"))
		return report_advise(rep, CFG_CHILD(NULL, "variant"),
				     "this is a Butane config: translate it first (butane --strict FILE)");
	version = json_object_is_type(ign, json_type_object) ? tree_member(ign, "version") : NULL;
	if (version)
		return advise_about(rep, at, json_object_get_string(version));
	if (tree_member(top, "version"))
		return report_advise(
			rep, CFG_CHILD(NULL, "version"),
			"the version belongs in the object ignition: {\"ignition\": {\"version\": "
			"\"" NEWEST "\"}}");
	return report_advise(rep, ign ? ign_at : NULL,
			     "a config says its version: {\"ignition\": {\"version\": \"" NEWEST "\"}, ...}");
}
