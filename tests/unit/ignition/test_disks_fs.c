/* Reuse, wipe or refuse (reference F.6), and the tools' command lines. */
#include "ignition/disks/fs.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ignition/config/types_gen.h"
#include "ignition/disks/signature.h"

#define U "0F3E2D1C-0000-4000-8000-00000000ABCD"
#define u "0f3e2d1c-0000-4000-8000-00000000abcd"

#define WIPE .wipe_filesystem = { true, true }

static const struct {
	struct ign_filesystem fs;
	struct signature found;
	int want; /* enum fs_action, or -errno */
	const char *text;
} decisions[] = {
	{ { .format = "ext4" }, { "", "", "" }, FS_MAKE, NULL },
	{ { .format = "ext4" }, { "ext4", u, "x" }, FS_KEEP, NULL },
	{ { .format = "ext4", .label = "x", .uuid = U }, { "ext4", u, "x" }, FS_KEEP, NULL },
	{ { .format = "ext4", .label = "" }, { "ext4", u, "" }, FS_KEEP, NULL },
	{ { .format = "ext4", .uuid = "" }, { "ext4", u, "" }, FS_KEEP, NULL },
	{ { .format = "ext4", WIPE }, { "ext4", u, "x" }, FS_MAKE, NULL },
	{ { .format = "ext4", WIPE }, { "xfs", u, "x" }, FS_MAKE, NULL },
	{ { .format = "ext4" },
	  { "xfs", u, "x" },
	  -EEXIST,
	  "filesystem is not of the correct type: found xfs with uuid \"" u "\" and label \"x\", wanted type "
	  "\"ext4\" (wipeFilesystem would replace it)" },
	{ { .format = "ext4", .label = "y" },
	  { "ext4", u, "x" },
	  -EEXIST,
	  "filesystem is not of the correct type: found ext4 with uuid \"" u
	  "\" and label \"x\", wanted label "
	  "\"y\" (wipeFilesystem would replace it)" },
	{ { .format = "ext4", .uuid = "00000000-0000-4000-8000-00000000abcd" },
	  { "ext4", u, "x" },
	  -EEXIST,
	  NULL },
	{ { .format = "vfat", .uuid = "DEAD-BEEF" }, { "vfat", "DEAD-BEEF", "" }, FS_KEEP, NULL },
	{ { .format = "vfat", .uuid = "deadbeef" }, { "vfat", "DEAD-BEEF", "" }, FS_KEEP, NULL },
	{ { .format = "vfat", .uuid = "DEAD-BEE0" }, { "vfat", "DEAD-BEEF", "" }, -EEXIST, NULL },
	{ { .format = "swap" }, { "swap", u, "" }, FS_KEEP, NULL },
	{ { .format = "none" }, { "", "", "" }, FS_KEEP, NULL },
	{ { .format = "none" }, { "ext4", u, "" }, -EEXIST, NULL },
	{ { .format = "none", WIPE }, { "ext4", u, "" }, FS_MAKE, NULL },
	{ { .format = "" }, { "", "", "" }, FS_KEEP, NULL },
	{ { .format = "", WIPE }, { "", "", "" }, -EINVAL, "unsupported filesystem format: \"\"" },
	{ { .format = "reiserfs" }, { "", "", "" }, -EINVAL, "unsupported filesystem format: \"reiserfs\"" },
};

static void test_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
		enum fs_action action = FS_KEEP;
		struct err e = { 0 };
		int r = fs_decide(&decisions[i].fs, &decisions[i].found, &action, &e);

		if (r == 0)
			r = action;
		if (r != decisions[i].want || (decisions[i].text && strcmp(e.text, decisions[i].text) != 0))
			fail_msg("row %zu: got %d \"%s\"", i, r, e.text);
	}
}

static const char *options[] = { "-O", "^metadata_csum" };

static const struct {
	struct ign_filesystem fs;
	const char *argv;
} lines[] = {
	{ { .format = "ext4" }, "mkfs.ext4 -F D" },
	{ { .format = "ext4", .options = { options, 2 }, .uuid = U, .label = "l" },
	  "mkfs.ext4 -O ^metadata_csum -F -U " u " -L l D" },
	{ { .format = "xfs", .uuid = U, .label = "" }, "mkfs.xfs -f -m uuid=" u " -L  D" },
	{ { .format = "btrfs", .uuid = U, .label = "l" }, "mkfs.btrfs --force -U " u " -L l D" },
	{ { .format = "vfat", .uuid = "DEAD-BEEF", .label = "EFI" }, "mkfs.fat -i deadbeef -n EFI D" },
	{ { .format = "swap", .label = "s" }, "mkswap -f -L s D" },
	{ { .format = "none" }, NULL },
};

static void test_argv(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CLEANUP(arena_freep) struct arena *a = arena_new();
		CLEANUP(buf_done) struct buf text = BUF_INIT();
		const char *const *argv = NULL;

		assert_int_equal(fs_make_argv(&lines[i].fs, "D", a, &argv, NULL), 0);
		if (!lines[i].argv) {
			assert_null(argv);
			continue;
		}
		for (size_t k = 0; argv[k]; k++)
			buf_printf(&text, "%s%s", k ? " " : "", argv[k]);
		assert_string_equal(buf_str(&text), lines[i].argv);
	}
}

static void test_which(void **state)
{
	static const struct {
		const char *format, *path;
		bool made, mounted;
	} rows[] = {
		{ NULL, NULL, false, false },      { NULL, "/x", false, false },
		{ "", "/x", true, false },         { "ext4", NULL, true, false },
		{ "ext4", "", true, false },       { "ext4", "/x", true, true },
		{ "swap", "/x", true, false },     { "none", "/x", true, false },
		{ "virtiofs", "/x", false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ign_filesystem fs = { .format = rows[i].format, .path = rows[i].path };

		assert_int_equal(fs_is_made(&fs), rows[i].made);
		assert_int_equal(fs_is_mounted(&fs), rows[i].mounted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_argv),
		cmocka_unit_test(test_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
