#include "ignition/files/nodes.h"
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/root.h"
#include "ignition/files/journal.h"

struct scratch {
	char dir[64];
	struct root root;
	struct arena *arena;
};

static int setup(void **state)
{
	static struct scratch s;
	static const char *const links[][2] = { { "dir", "alias" }, { "var/home", "home" }, { "to", "sym" } };

	(void)snprintf(s.dir, sizeof s.dir, "/tmp/test-nodes-XXXXXX");
	assert_non_null(mkdtemp(s.dir));
	assert_int_equal(root_open(&s.root, s.dir, NULL), 0);
	assert_int_equal(root_mkdirs(&s.root, "/dir", 0755, NULL), 0);
	assert_int_equal(root_write_file(&s.root, "/dir/file", "text", 4, 0644, (uid_t)-1, (gid_t)-1, NULL),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		assert_int_equal(symlinkat(links[i][0], s.root.fd, links[i][1]), 0);
	assert_int_equal(linkat(s.root.fd, "dir/file", s.root.fd, "hard", 0), 0);
	s.arena = arena_new();
	*state = &s;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct scratch *s = *state;

	root_close(&s->root);
	arena_free(s->arena);
	nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

enum { MAX = 5 };

/* One entry: D directory, F file, C file with contents, A file with an append, S symlink, H hard link; '!'
 * overwrite. */
struct entry {
	const char *what, *path, *target;
};

struct lists {
	struct ign_directory d[MAX];
	struct ign_file f[MAX];
	struct ign_link l[MAX];
	struct ign_storage s;
};

static struct ign_resource one_append = { .source = "data:,x" };

static void build(const struct entry *v, struct lists *o)
{
	*o = (struct lists){
		.s = { .directories = { o->d, 0 }, .files = { o->f, 0 }, .links = { o->l, 0 } }
	};
	for (; v->what; v++) {
		struct opt_bool over = { true, v->what[1] == '!' };

		if (*v->what == 'D') {
			o->d[o->s.directories.n++] = (struct ign_directory){ .path = v->path,
									     .overwrite = over };
		} else if (*v->what == 'S' || *v->what == 'H') {
			o->l[o->s.links.n++] = (struct ign_link){ .path = v->path,
								  .target = v->target,
								  .overwrite = over,
								  .hard = { true, *v->what == 'H' } };
		} else {
			struct ign_file *f = &o->f[o->s.files.n++];

			*f = (struct ign_file){ .path = v->path, .overwrite = over };
			if (*v->what == 'C')
				f->contents.source = "data:,x";
			if (*v->what == 'A') {
				f->append.v = &one_append;
				f->append.n = 1;
			}
		}
	}
}

static const struct {
	struct entry entries[MAX + 1];
	const char *order; /* resolved paths */
} orders[] = {
	{ { { "F", "/x/y/z", 0 }, { "F", "/b", 0 }, { "D", "/x", 0 }, { "D", "/x/y", 0 } },
	  "/x /b /x/y /x/y/z " },
	{ { { "H", "/h", "/a/b/c" }, { "F", "/a/b/c", 0 }, { "S", "/s", "t" } }, "/s /a/b/c /h " },
	{ { { "F", "/home/u", 0 }, { "F", "/q", 0 }, { "F", "/p/p", 0 } }, "/q /p/p /var/home/u " },
	{ { { "F", "/2", 0 }, { "F", "/1", 0 }, { "D", "/3", 0 }, { "S", "/0", "t" } }, "/3 /2 /1 /0 " },
	{ { { "H", "/z", "/y" }, { "H", "/y", "/dir/file" } }, "/z /y " },
	/* below links of the same config, also of links below links */
	{ { { "F", "/s/x", 0 }, { "S", "/s", "dir" } }, "/s /dir/x " },
	{ { { "F", "/s/x", 0 }, { "S", "/s", "/new/../home" } }, "/s /var/home/x " },
	{ { { "F", "/s/l/x", 0 },
	    { "S", "/s/l", "../r" },
	    { "S", "/s", "/q" },
	    { "D", "/s/d", 0 },
	    { "H", "/s/h", "/s/l/x" } },
	  "/s /q/d /r/x /q/l /q/h " },
	{ { { "F", "/alias/x", 0 }, { "S!", "/alias", "/new" } },
	  "/alias /dir/x " }, /* the one that is there */
};

static void test_order(void **state)
{
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		char got[256] = "";
		struct lists lists;
		struct nodes nodes;

		build(orders[i].entries, &lists);
		assert_int_equal(nodes_resolve(&s->root, &lists.s, s->arena, &nodes, NULL), 0);
		for (size_t k = 0; k < nodes.n; k++)
			(void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", nodes.v[k].path);
		assert_string_equal(got, orders[i].order);
	}
}

static const struct {
	struct entry entries[MAX + 1];
	const char *made;  /* what an interrupted run noted */
	const char *error; /* NULL: accepted */
} checks[] = {
	{ { { "C", "/dir/file", 0 } }, NULL, "A file exists there already and overwrite is false" },
	{ { { "C", "/dir/file", 0 } }, "/dir/file", NULL },
	{ { { "C!", "/dir/file", 0 } }, NULL, NULL },
	{ { { "F", "/dir/file", 0 } }, NULL, NULL },
	{ { { "A", "/dir/file", 0 } }, NULL, NULL },
	{ { { "F", "/dir", 0 } }, NULL, "A non regular file exists there already and overwrite is false" },
	{ { { "F", "/sym", 0 } }, NULL, "A non regular file exists there already and overwrite is false" },
	{ { { "D", "/dir", 0 } }, NULL, NULL },
	{ { { "D", "/dir/file", 0 } }, NULL, "A non-directory already exists and overwrite is false" },
	{ { { "D", "/sym", 0 } }, NULL, "A non-directory already exists and overwrite is false" },
	{ { { "S", "/sym", "to" } }, NULL, NULL },
	{ { { "S", "/sym", "./x/../to/" } }, NULL, NULL },
	{ { { "S", "/sym", "../to" } }, NULL, "a symlink exists at that path but points to to, not ../to" },
	{ { { "S", "/sym", "/to" } }, NULL, "a symlink exists at that path but points to to, not /to" },
	{ { { "S!", "/sym", "/to" } }, NULL, NULL },
	{ { { "S", "/dir/file", "to" } }, NULL, "overwrite is false" },
	{ { { "H", "/hard", "/dir/file" } }, NULL, NULL },
	{ { { "H", "/hard", "../alias/file" } }, NULL, NULL },
	{ { { "H", "/dir/new", "alias/file" } }, NULL, NULL },
	{ { { "H", "/dir/new", "file" } }, NULL, "hard link target /file does not exist" },
	{ { { "H", "/dir/new", "../file" } }, NULL, "hard link target /file does not exist" },
	{ { { "H", "/dir/new", "" } }, NULL, "hard link target / is a directory" },
	{ { { "H", "/hard", "/sym" } }, NULL, "is not the target" },
	{ { { "H", "/hard", "/dir/file" }, { "C!", "/dir/file", 0 } }, NULL, "is not the target" },
	{ { { "H", "/hard", "/dir/file" }, { "C", "/dir/file", 0 } }, "/dir/file", "is not the target" },
	{ { { "H", "/new", "/dir/file" } }, NULL, NULL },
	{ { { "H", "/new", "/none" } }, NULL, "does not exist" },
	{ { { "H", "/new", "/new" } }, NULL, "does not exist" },
	{ { { "H!", "/hard", "/hard" } }, NULL, NULL },
	{ { { "H", "/new", "/later" }, { "F", "/later", 0 } }, NULL, NULL },
	{ { { "H", "/new", "/dir" } }, NULL, "is a directory" },
	{ { { "H", "/z", "/y" }, { "H", "/y", "/dir/file" } }, NULL, "is made later" },
	{ { { "H", "/new", "/s/file" }, { "S", "/s", "dir" } }, NULL, NULL },
	{ { { "H", "/new", "/s/none" }, { "S", "/s", "dir" } }, NULL, "/dir/none does not exist" },
	{ { { "H", "/new", "/s/f" }, { "S", "/s", "/n" }, { "C", "/n/f", 0 } }, NULL, NULL },
	{ { { "H", "/new", "/o/s/f" },
	    { "S", "/o/s", "../p" },
	    { "S", "/p", "alias" },
	    { "C", "/dir/f", 0 } },
	  NULL,
	  NULL },
	{ { { "H", "/new", "/alias/file" }, { "S!", "/alias", "/n" } }, NULL, "/n/file does not exist" },
	{ { { "H", "/new", "/home/d/f" }, { "S", "/home/d", "/dir" } }, NULL, "/dir/f does not exist" },
	{ { { "H", "/new", "/a/f" }, { "S", "/a", "/b" }, { "S", "/b", "/a" } },
	  NULL,
	  "/a/f: Too many levels" },
	{ { { "F", "/dir/file/x", 0 } }, NULL, "/dir/file is not a directory" },
	{ { { "D!", "/dir/file", 0 }, { "F", "/dir/file/x", 0 } }, NULL, NULL },
	{ { { "D!", "/dir", 0 }, { "C", "/dir/file", 0 } }, NULL, NULL },
	{ { { "F", "/p", 0 }, { "F", "/p/q", 0 } }, NULL, "its parent /p is a file of this config" },
	{ { { "D!", "/", 0 } }, NULL, "cannot be overwritten" },
	{ { { "D", "/", 0 } }, NULL, NULL },
	{ { { "C", "/s/file", 0 }, { "S", "/s", "alias" } },
	  NULL,
	  "A file exists there already and overwrite is false" },
	{ { { "C", "/s/file", 0 }, { "S", "/s", "alias" } }, "/dir/file", NULL },
	{ { { "C!", "/s/file", 0 }, { "S", "/s", "alias" } }, NULL, NULL },
	{ { { "D", "/s/file", 0 }, { "S", "/s", "alias" } }, NULL, "A non-directory already exists" },
	{ { { "F", "/s/x", 0 }, { "S", "/s", "hard" } }, NULL, "/hard/x: /hard is not a directory" },
	{ { { "F", "/s/x", 0 }, { "S", "/s", "s" } },
	  NULL,
	  "resolving file \"/s/x\": /s/x: Too many levels" },
	{ { { "F", "/s/x", 0 }, { "S", "/s", "t/u" }, { "S", "/t", "s" } }, NULL, "Too many levels" },
	{ { { "F", "/s/n", 0 }, { "D", "/dir/n", 0 }, { "S", "/s", "dir" } },
	  NULL,
	  "file at /s/n resolved to /dir/n after symlink chasing, but another entry with path /dir/n also resolves there" },
	{ { { "F", "/dir/n", 0 }, { "S", "/alias/n", "t" } },
	  NULL,
	  "link at /alias/n resolved to /dir/n after symlink chasing, but another entry with path /dir/n also resolves "
	  "there" },
};

static void test_checks(void **state)
{
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		const char *made[] = { checks[i].made };
		struct journal old = { .made = { made, checks[i].made != NULL } }, notes;
		struct err e = { 0 };
		struct lists lists;
		struct nodes nodes;
		int r;

		build(checks[i].entries, &lists);
		r = nodes_resolve(&s->root, &lists.s, s->arena, &nodes, &e);
		if (r == 0)
			r = nodes_check(&s->root, &nodes, &old, s->arena, &notes, &e);
		if (!checks[i].error && r == 0)
			continue;
		if (!checks[i].error || r == 0 || !strstr(e.text, checks[i].error))
			fail_msg("case %zu: %d \"%s\"", i, r, e.text);
	}
}

static void test_notes(void **state)
{
	static const struct entry entries[] = { { "C", "/new", 0 },   { "A", "/dir/file", 0 },
						{ "D", "/dir", 0 },   { "C!", "/alias/x", 0 },
						{ "A", "/fresh", 0 }, { 0 } };
	struct scratch *s = *state;
	struct journal none = { .config = 42 }, notes, back;
	struct lists lists;
	struct nodes nodes;

	build(entries, &lists);
	assert_int_equal(nodes_resolve(&s->root, &lists.s, s->arena, &nodes, NULL), 0);
	assert_int_equal(nodes_check(&s->root, &nodes, &none, s->arena, &notes, NULL), 0);
	/* Before anything is written there is nothing to resume. */
	assert_int_equal(journal_load(&s->root, JOURNAL_PATH, 42, s->arena, &back, NULL), 0);
	assert_false(back.resumed);
	assert_int_equal(journal_save(&s->root, JOURNAL_PATH, &notes, NULL), 0);
	assert_int_equal(journal_load(&s->root, JOURNAL_PATH, 7, s->arena, &back, NULL),
			 0); /* unfinished: any config resumes */
	assert_true(back.resumed && back.interrupted);
	assert_int_equal(back.made.n, 3);
	assert_true(journal_made(&back, "/new") && journal_made(&back, "/dir/x") &&
		    journal_made(&back, "/fresh"));
	assert_false(journal_made(&back, "/dir") || journal_made(&back, "/dir/file"));
	assert_int_equal(back.appends.n, 1);
	assert_int_equal(journal_append(&back, "/dir/file")->size, 4);
	assert_true(journal_append(&back, "/dir/file")->sum ==
		    journal_sum(journal_sum(0, NULL, 0), "text", 4));
	notes.finished = true;
	assert_int_equal(journal_save(&s->root, JOURNAL_PATH, &notes, NULL), 0);
	assert_int_equal(journal_load(&s->root, JOURNAL_PATH, 42, s->arena, &back, NULL), 0);
	assert_true(back.resumed && !back.interrupted);
	assert_int_equal(journal_load(&s->root, JOURNAL_PATH, 7, s->arena, &back, NULL), 0);
	assert_false(back.resumed);
	assert_int_equal(back.made.n, 0);
}

static void test_damaged_journal(void **state)
{
	static const char *const damaged[] = {
		"",
		"x",
		"ignition files journal 1",
		"ignition files journal 2\nfinished\n0\n",
		"ignition files journal 1\nunfinished\nzz\nm/x\n",
		"ignition files journal 1\nunfinished\n0\nq/x\n",
		"ignition files journal 1\nunfinished\n0\na12,/x\n",
		"ignition files journal 1\nunfinished\n0\nm/x",
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		char text[128];
		struct journal j;
		size_t n = strlen(damaged[i]);

		for (size_t k = 0; k < n; k++)
			text[k] = damaged[i][k] == '\n' ? '\0' : damaged[i][k];
		assert_int_equal(
			root_write_file(&s->root, JOURNAL_PATH, text, n, 0600, (uid_t)-1, (gid_t)-1, NULL),
			0);
		assert_int_equal(journal_load(&s->root, JOURNAL_PATH, 1, s->arena, &j, NULL), 0);
		assert_false(j.resumed);
		assert_int_equal(j.made.n, 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_order), T(test_checks), T(test_notes),
					    T(test_damaged_journal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
