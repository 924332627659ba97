/* ignition: one stage of first-boot provisioning. Flags, texts and exit codes as upstream's (reference
 * A.1.1). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/option.h"
#include "base/stdfd.h"
#include "ignition/engine.h"
#include "ignition/providers/provider.h"
#include "ignition/stages.h"
#include <signal.h>
#include <stdarg.h>

enum { EXIT_USAGE = 2 };

struct values {
	const char *config_cache, *neednet, *platform, *root, *stage, *state_file;
	long long fetch_timeout_ms;
	bool version, log_to_stdout;
};

#define OPTION(name_, kind_, member, ...)                                                                    \
	{                                                                                                    \
		.name = name_, .kind = kind_, .offset = offsetof(struct values, member), __VA_ARGS__         \
	}

static const struct option_def defs[] = {
	OPTION("config-cache", OPT_STRING, config_cache, .def = "/run/ignition.json", .arg = "PATH",
	       .help = "where the rendered user config is kept between stages"),
	OPTION("fetch-timeout", OPT_DURATION, fetch_timeout_ms, .def = "2m0s", .arg = "DURATION",
	       .help = "total time for fetching the platform's config"),
	OPTION("log-to-stdout", OPT_BOOL, log_to_stdout,
	       .help = "log to standard output rather than to the journal"),
	OPTION("neednet", OPT_STRING, neednet, .def = "/run/ignition/neednet", .arg = "PATH",
	       .help = "flag file that fetch-offline creates when the network is needed"),
	OPTION("platform", OPT_STRING, platform, .arg = "ID", .help = "where this machine runs (required)"),
	OPTION("root", OPT_STRING, root, .def = "/", .arg = "DIR", .help = "root of the system to provision"),
	OPTION("stage", OPT_STRING, stage, .arg = "NAME", .help = "stage to run (required)"),
	OPTION("state-file", OPT_STRING, state_file, .def = "/run/ignition/state", .arg = "PATH",
	       .help = "what one stage leaves for the next"),
	OPTION("version", OPT_BOOL, version, .help = "print the version and exit"),
};

static const struct option_set options = {
	.program = "ignition",
	.usage = "-platform=ID -stage=NAME [OPTION]...",
	.intro = "Runs one stage of first-boot provisioning.",
	.defs = defs,
	.n = ARRAY_SIZE(defs),
};

static void help(FILE *f)
{
	option_help(&options, f);
	fputs("\nPlatforms:", f);
	for (unsigned i = 0; provider_at(i); i++)
		fprintf(f, " %s", provider_at(i)->id);
	fputs("\nStages:", f);
	for (unsigned i = 0; stage_at(i); i++)
		fprintf(f, " %s", stage_at(i)->name);
	fputs("\nExit status: 0 success, 1 the stage failed, 2 usage, 3 no fetcher or an unreadable state file.\n",
	      f);
}

static int __attribute__((format(printf, 1, 2))) usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'ignition -help'.\n", stderr);
	return EXIT_USAGE;
}

static int run(const struct values *v)
{
	struct engine en = {
		.root = v->root,
		.config_cache = v->config_cache,
		.state_file = v->state_file,
		.neednet = v->neednet,
		.fetch_timeout_ms = v->fetch_timeout_ms / 1000 * 1000, /* whole seconds, as upstream */
	};
	struct err e = { 0 };
	int code;

	if (v->platform && *v->platform)
		en.platform = provider_find(v->platform);
	if (v->stage && *v->stage)
		en.stage = stage_find(v->stage);
	if (v->platform && *v->platform && !en.platform)
		return usage("invalid value \"%s\" for flag -platform: %s is not a valid platform",
			     v->platform, v->platform);
	if (v->stage && *v->stage && !en.stage)
		return usage("invalid value \"%s\" for flag -stage: %s is not a valid stage", v->stage,
			     v->stage);
	if (!en.platform)
		return usage("'--platform' must be provided");
	if (!en.stage)
		return usage("'--stage' must be provided");
	log_open("ignition", v->log_to_stdout ? LOG_TO_STDOUT : LOG_TO_JOURNAL, LOG_DEBUG);
	code = engine_run(&en, &e);
	if (code) { /* by the log, which keeps control characters of names off the terminal */
		log_open(NULL, LOG_TO_STDERR, LOG_CRIT);
		log_crit("%s failed: %s", en.stage->name, e.text);
	}
	log_close();
	return code;
}

int main(int argc, char **argv)
{
	struct values v = { 0 };
	struct err e = { 0 };
	int rest = 0, code;

	stdfd_occupy();
	/* A reader of the log who leaves must not end the work half-way. */
	signal(SIGPIPE, SIG_IGN);
	switch (option_parse(&options, argc, argv, &v, &rest, NULL, &e)) {
	case OPTION_OK:
		break;
	case OPTION_HELP:
		help(stdout);
		option_values_done(&options, &v);
		return 0;
	default:
		fprintf(stderr, "%s\nTry 'ignition -help'.\n", e.text);
		option_values_done(&options, &v);
		return EXIT_USAGE;
	}
	if (v.version) {
		printf("Ignition %s\n", HEARTH_VERSION);
		code = 0;
	} else {
		code = run(&v);
	}
	option_values_done(&options, &v);
	return code;
}
