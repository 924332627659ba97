/* ignition-apply: files and units of a config, applied while a container image is built (reference A.1.3). */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/option.h"
#include "base/stdfd.h"
#include "ignition/apply.h"
#include <signal.h>
#include <stdio.h>

enum { EXIT_FAILED = 1, EXIT_ARGUMENTS = 1, EXIT_OPTIONS = 2 };

struct values {
	const char *root;
	bool ignore_unsupported, offline, version;
};

#define OPTION(name_, kind_, member, ...)                                                                    \
	{                                                                                                    \
		.name = name_, .kind = kind_, .offset = offsetof(struct values, member), __VA_ARGS__         \
	}

static const struct option_def defs[] = {
	OPTION("ignore-unsupported", OPT_BOOL, ignore_unsupported,
	       .help = "leave out what only a first boot can do, instead of refusing the config"),
	OPTION("offline", OPT_BOOL, offline, .help = "refuse a config that needs the network"),
	OPTION("root", OPT_STRING, root, .def = "/", .arg = "DIR", .help = "root of the image"),
	OPTION("version", OPT_BOOL, version, .help = "print the version and exit"),
};

static const struct option_set options = {
	.program = "ignition-apply",
	.usage = "[OPTION]... FILE|-",
	.intro =
		"Applies the files, directories, links and systemd units of an Ignition config while a container\n"
		"image is built (\"-\" reads standard input). Refuses to run outside a container.\n"
		"Exit status: 0 success, 1 not applied or wrong arguments, 2 unknown option.",
	.defs = defs,
	.n = ARRAY_SIZE(defs),
	.gnu = true,
};

static int run(const struct values *v, const char *config)
{
	const struct apply how = { config, v->root, v->ignore_unsupported, v->offline };
	struct err e = { 0 };
	int r;

	log_open("ignition", LOG_TO_STDOUT, LOG_DEBUG);
	log_info("Ignition %s", HEARTH_VERSION);
	r = apply_run(&how, &e);
	if (r < 0)
		log_crit("%s", e.text);
	else
		log_info("Ignition finished successfully");
	log_close();
	return r < 0 ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
	struct values v = { 0 };
	struct err e = { 0 };
	int rest = 0, r;

	stdfd_occupy();
	/* A reader of the log who leaves must not end the work half-way. */
	signal(SIGPIPE, SIG_IGN);
	r = option_parse(&options, argc, argv, &v, &rest, NULL, &e);
	if (r == OPTION_HELP) {
		option_help(&options, stdout);
		return 0;
	}
	if (r < 0) {
		fprintf(stderr, "%s\nTry 'ignition-apply --help'.\n", e.text);
		return EXIT_OPTIONS;
	}
	if (v.version) {
		printf("Ignition %s\n", HEARTH_VERSION);
		return 0;
	}
	if (argc - rest != 1) {
		option_help(&options, stderr);
		return EXIT_ARGUMENTS;
	}
	return run(&v, argv[rest]);
}
