/* Checks a config before it is used: findings on stdout; 1 when it would be refused. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/explain.h"
#include "base/option.h"
#include "base/report.h"
#include "base/report_json.h"
#include "base/stdfd.h"
#include "ignition/config/config.h"

struct options {
	bool version, strict, explain;
	const char *format;
};

static const char *const formats[] = { "text", "json", "sarif", NULL };

static const struct option_def defs[] = {
	{ "explain", OPT_BOOL, offsetof(struct options, explain),
	  .help = "show the line of each finding, and hints (default: on a terminal; -explain=false for none)" },
	{ "format", OPT_STRING, offsetof(struct options, format), .def = "text", .arg = "FORMAT",
	  .choices = formats, .help = "how to write the findings" },
	{ "strict", OPT_BOOL, offsetof(struct options, strict),
	  .help = "let warnings fail, too: exit status 1" },
	{ "version", OPT_BOOL, offsetof(struct options, version),
	  .help = "print the version of the program" },
};

static const struct option_set set = {
	.program = "ignition-validate",
	.usage = "[-version] [-strict] [-explain] [-format FORMAT] FILE|-",
	.intro =
		"Checks an Ignition config (\"-\" reads standard input). Prints what it finds, one line each.\n"
		"Exit status: 0 usable (warnings possible), 1 not usable or not readable.",
	.defs = defs,
	.n = ARRAY_SIZE(defs),
};

/* All of a file, not more than one byte past the limit: the parser then says what the limit is. */
static int read_all(int fd, struct buf *out)
{
	struct stat st;
	ssize_t n;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= IGN_CONFIG_MAX_BYTES)
		r = buf_reserve(out, (size_t)st.st_size + 1);
	while (r == 0 && out->n <= IGN_CONFIG_MAX_BYTES) {
		char chunk[65536];

		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = buf_append(out, chunk, (size_t)n);
	}
	return r;
}

static int read_config(const char *name, struct buf *out, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	int r;

	if (strcmp(name, "-") == 0) {
		r = read_all(STDIN_FILENO, out);
		return r < 0 ? err_errno(e, -r, "reading standard input") : 0;
	}
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "open %s", name);
	r = read_all(fd, out);
	return r < 0 ? err_errno(e, -r, "read %s", name) : 0;
}

/* What is shown, and how. */
enum shape { LINES, EXPLAINED, JSON, SARIF };

static enum shape choose_shape(const struct options *o, bool explain_given)
{
	if (strcmp(o->format, "json") == 0)
		return JSON;
	if (strcmp(o->format, "sarif") == 0)
		return SARIF;
	return (explain_given ? o->explain : isatty(STDOUT_FILENO)) ? EXPLAINED : LINES;
}

/* https://no-color.org: set and not empty means no. */
static bool want_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static int print_report(const struct report *rep, enum shape shape, const char *file, const struct buf *text,
			const char *reason)
{
	const struct explain_view view = {
		.file = file, .text = buf_str(text), .len = text->n, .reason = reason, .colour = want_colour()
	};
	const struct report_subject subject = {
		.program = set.program, .file = file, .text = buf_str(text), .len = text->n, .reason = reason
	};
	CLEANUP(buf_done) struct buf out = { 0 };
	int r = 0;

	switch (shape) {
	case LINES:
		r = report_print(rep, &out);
		break;
	case EXPLAINED:
		r = explain_print(rep, &view, &out);
		break;
	case JSON:
		r = report_json(rep, &subject, &out);
		break;
	case SARIF:
		r = report_sarif(rep, &subject, &out);
		break;
	}
	if (r < 0)
		return r;
	return fwrite(buf_str(&out), 1, out.n, stdout) != out.n || fflush(stdout) != 0 ? -EIO : 0;
}

static int validate(const char *name, enum shape shape, bool strict)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(report_done) struct report rep = { .explain = shape != LINES };
	struct ign_config config;
	struct err e = { 0 };
	int r;

	if (!arena)
		return 1;
	if (read_config(name, &text, &e) < 0) {
		fprintf(stderr, "couldn't read config: %s\n", e.text);
		return 1;
	}
	r = ign_config_parse(buf_str(&text), text.n, arena, &rep, &config, &e);
	if (print_report(&rep, shape, name, &text, r < 0 ? e.text : NULL) < 0) {
		fprintf(stderr, "couldn't write the report\n");
		return 1;
	}
	if (r == -ENOMEM || (r < 0 && !report_fatal(&rep))) /* without memory the findings are not all */
		fprintf(stderr, "couldn't parse config: %s\n", e.text);
	if (r < 0 || !strict || rep.count[SEV_WARN] == 0)
		return r < 0;
	fprintf(stderr, "config is usable, but -strict refuses warnings\n");
	return 1;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct err e = { 0 };
	int rest, r = option_parse(&set, argc, argv, &o, &rest, NULL, &e);

	stdfd_occupy();
	if (r == OPTION_HELP) {
		option_help(&set, stdout);
		return 0;
	}
	if (r < 0) {
		fprintf(stderr, "%s\n", e.text);
		option_help(&set, stderr);
		return 2;
	}
	if (o.version) {
		printf("Ignition %s\n", HEARTH_VERSION);
		return 0;
	}
	if (argc - rest != 1) {
		option_help(&set, stderr);
		return 1;
	}
	return validate(argv[rest], choose_shape(&o, option_given(&set, argc, argv, "explain")), o.strict);
}
