/*
 * Option tables with the syntax of Go's flag package, which upstream's users and unit files rely
 * on: -name value, -name=value, --name ...; booleans only as -b or -b=true; parsing stops at the
 * first other argument or after "--". The same table fills defaults from the environment and
 * prints --help. Programs for which upstream took pflag instead set `gnu`.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct err;

enum option_kind {
	OPT_BOOL,     /* bool */
	OPT_STRING,   /* const char * (points into argv, the environment or def) */
	OPT_INT,      /* long long; base prefixes 0x 0o 0b as in Go */
	OPT_DURATION, /* long long milliseconds; Go syntax: 90s, 1m30s, 500ms */
	OPT_STRINGS,  /* struct option_strings; repeatable */
};

struct option_strings {
	const char **v; /* array owned by the values struct: option_values_done() */
	size_t n;
};

struct option_def {
	const char *name;
	enum option_kind kind;
	size_t offset;   /* of the member in the program's values struct */
	const char *def; /* as text; NULL = zero value */
	const char *arg; /* placeholder in --help, NULL for booleans */
	const char *help;
	const char *const *choices; /* NULL-terminated; NULL = anything */
	bool hidden;
};

struct option_set {
	const char *program;    /* "flanneld" */
	const char *usage;      /* text after the program name in the usage line */
	const char *intro;      /* a line or two under it */
	const char *env_prefix; /* "FLANNELD": FLANNELD_ETCD_PREFIX for etcd-prefix; NULL = none */
	const struct option_def *defs;
	size_t n;
	bool gnu; /* two dashes only, and options may follow arguments: argv is reordered */
};

enum { OPTION_OK = 0, OPTION_HELP = 1 };

/*
 * Fills values from defaults, the environment, then the command line. Returns OPTION_OK with
 * *ret_rest the index of the first positional argument, OPTION_HELP for -h/-help/--help (nothing
 * printed yet), or -EINVAL with upstream's text ("flag provided but not defined: -xyz", "invalid
 * value "x" for flag -platform: ..."). A bad environment value is not fatal, as upstream: it is
 * reported through warn (may be NULL) and the default stays.
 */
int option_parse(const struct option_set *set, int argc, char **argv, void *values, int *ret_rest,
		 void (*warn)(const char *text), struct err *e);
bool option_given(const struct option_set *set, int argc, char **argv, const char *name);
void option_help(const struct option_set *set, FILE *f);
void option_values_done(const struct option_set *set, void *values);
