/* Which versions of the config format are read, and which of them a document is in. */
#pragma once

struct err;
struct json_object;
struct report;

struct ign_version {
	unsigned major, minor; /* 3.7.0-experimental is 3, 7 */
};

/* 0; -EINVAL when the text is no version; -ENOTSUP when it is one that is not read. */
int ign_version_parse(const char *text, struct ign_version *ret);

/*
 * The version a document says it is in, at .ignition.version or, in spec 1, .ignitionVersion. 0;
 * -EBADMSG with upstream's reason ("unsupported config version", ...); -ENOMEM. A member of the wrong
 * type is a finding ("config is not valid").
 */
int ign_version_find(struct json_object *root, struct report *rep, struct ign_version *ret, struct err *e);

/* The newest version, in which every config is held and written. */
extern const char ign_version_newest[];
