/*
 * Reading large configs, beside json-c reading the same bytes into its tree and freeing it. Of the
 * memory only what is added to the text counts. "cache-" lines write the config as the fetch stage
 * leaves it and read that back; "merge-" lines merge two configs that were parsed before.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/report.h"
#include "ignition/config/config.h"
#include "tests/bench/bench.h"
#include "tests/bench/config_shapes.h"

struct text {
	struct buf json;
	struct arena *arena;
	struct ign_config config; /* when it was parsed before */
};

static int parse(const struct buf *text, struct arena *arena, struct ign_config *ret)
{
	CLEANUP(report_done) struct report rep = { 0 };
	struct err e = { 0 };
	int r = ign_config_parse(buf_str(text), text->n, arena, &rep, ret, &e);

	if (r < 0)
		fprintf(stderr, "%s: %s\n", e.text, rep.n ? rep.v[0].text : "");
	return r;
}

static int ours_parse(const void *arg)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	const struct text *t = arg;
	struct ign_config c;

	return arena ? parse(&t->json, arena, &c) : -1;
}

static int peer_parse(const void *arg)
{
	const struct text *t = arg;
	struct json_tokener *tok = json_tokener_new_ex(100);
	struct json_object *root = tok ? json_tokener_parse_ex(tok, t->json.p, (int)t->json.n) : NULL;
	int r = root ? 0 : -1;

	json_object_put(root);
	if (tok)
		json_tokener_free(tok);
	return r;
}

static int ours_cache(const void *arg)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	CLEANUP(buf_done) struct buf out = { 0 };
	const struct text *t = arg;
	struct ign_config c;
	struct err e;

	if (!arena || ign_config_emit(&t->config, &out) < 0)
		return -1;
	return ign_config_parse_cache(buf_str(&out), out.n, arena, &c, &e);
}

static int ours_merge(const void *arg)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	const struct text *t = arg;
	struct ign_config out;

	return arena ? ign_config_merge(arena, &t->config, &t->config, &out) : -1;
}

/* A whole ignition-validate beside a program that only reads the file and parses it with json-c. */
static int peer_program(const char *file)
{
	CLEANUP(fclosep) FILE *f = fopen(file, "re");
	CLEANUP(buf_done) struct buf json = { 0 };
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0 || buf_reserve(&json, (size_t)st.st_size) < 0)
		return 1;
	json.n = fread(json.p, 1, (size_t)st.st_size, f);
	return peer_parse(&(struct text){ .json = json }) != 0;
}

static void program_line(struct bench *b, const struct shape *s, size_t size, const char *self)
{
	const char *bin = getenv("HEARTH_BIN_DIR");
	CLEANUP(buf_done) struct buf json = { 0 };
	char file[] = "/tmp/bench-config-XXXXXX", name[40], validate[4096];
	CLEANUP(closep) int fd = -1;
	size_t n;

	(void)snprintf(name, sizeof name, "validate-%s", s->name);
	if (!bin || !bench_wants(b, name) || s->make(&json, size) < 0)
		return;
	fd = mkstemp(file);
	n = json.n;
	if (fd >= 0 && write(fd, json.p, n) == (ssize_t)n) {
		buf_done(&json); /* a child's peak begins with what this process holds */
		(void)snprintf(validate, sizeof validate, "%s/ignition-validate", bin);
		bench_programs(
			b, name, n, (char *[]){ validate, file, NULL },
			(char *[]){ (char *)(uintptr_t)self, (char *)(uintptr_t) "--peer", file, NULL });
	}
	(void)unlink(file);
}

static void shape_lines(struct bench *b, const struct shape *s, size_t size)
{
	CLEANUP(arena_freep) struct arena *arena = arena_new();
	char cache[40], merge[40];
	struct text t = { .arena = arena };
	bool more;

	(void)snprintf(cache, sizeof cache, "cache-%s", s->name);
	(void)snprintf(merge, sizeof merge, "merge-%s", s->name);
	more = bench_wants(b, cache) || bench_wants(b, merge);
	if (!more && !bench_wants(b, s->name))
		return;
	if (!arena || s->make(&t.json, size) < 0) {
		b->failed = true;
		return;
	}
	if (bench_wants(b, s->name))
		bench_pair(b, s->name, t.json.n, ours_parse, peer_parse, &t);
	if (more && parse(&t.json, arena, &t.config) < 0)
		b->failed = true;
	else if (bench_wants(b, cache))
		bench_pair(b, cache, t.json.n, ours_cache, peer_parse, &t);
	if (bench_wants(b, merge) && !b->failed)
		bench_pair(b, merge, t.json.n, ours_merge, peer_parse, &t);
	buf_done(&t.json);
}

int main(int argc, char **argv)
{
	struct bench b;
	size_t size;

	if (argc == 3 && strcmp(argv[1], "--peer") == 0)
		return peer_program(argv[2]);
	bench_begin(&b, "config_parse", "Reading a config of about 20 MB beside a plain json-c parse of it.",
		    argc, argv);
	size = b.smoke ? 4096 : 20000000;
	for (size_t i = 0; i < config_shapes_n; i++)
		program_line(&b, &config_shapes[i], size, argv[0]);
	for (size_t i = 0; i < config_shapes_n; i++)
		shape_lines(&b, &config_shapes[i], size);
	return bench_end(&b);
}
