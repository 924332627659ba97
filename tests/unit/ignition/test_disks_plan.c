/* The decision table of reference F.3, gaps, numbers and geometry, without a disk. */
#include "ignition/disks/plan.h"
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
#include "ignition/disks/pmbr.h"
#include "ignition/disks/space.h"

#define LINUX "0fc63daf-8483-4772-8e79-3d69d8477de4"
#define ESP   "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define G1    "11111111-1111-4111-8111-111111111111"
#define G2    "22222222-2222-4222-8222-222222222222"

#define NUM(n)  .number = { true, n }
#define SIZE(n) .size_mib = { true, n }
#define AT(n)   .start_mib = { true, n }
#define ABSENT  .should_exist = { true, false }
#define WIPE    .wipe_partition_entry = { true, true }
#define RESIZE  .resize = { true, true }

enum { MAX = 6 };

struct plan_case {
	const char *name;
	bool wipe_table;
	struct ign_partition want[MAX];
	struct disk_part have[MAX];
	int r;
	const char *ops;       /* "-3 +1@2048+204800 =2": deletions, creations, kept; or the whole error */
	unsigned sector_bytes; /* 0 = 512 */
	uint64_t disk_lba;     /* 0 = 1 GiB */
	const char *disk_use, *foreign;
	bool blank, damaged;
};

/* One partition of 100 MiB at 1 MiB, one of 100 MiB at 300 MiB; 1 GiB disk. */
#define ONE                                                                                                  \
	{                                                                                                    \
		.no = 1, .start_lba = 2048, .size_lba = 204800, .label = "one", .guid = G1,                  \
		.type_guid = LINUX                                                                           \
	}
#define TWO                                                                                                  \
	{                                                                                                    \
		.no = 2, .start_lba = 614400, .size_lba = 204800, .label = "two", .guid = G2,                \
		.type_guid = ESP                                                                             \
	}
#define ONE_USED                                                                                             \
	{                                                                                                    \
		.no = 1, .start_lba = 2048, .size_lba = 204800, .label = "one", .guid = G1,                  \
		.type_guid = LINUX, .use = "mounted on /x"                                                   \
	}

static const struct plan_case cases[] = {
	/* the table, row by row */
	{ "no/no", .want = { { NUM(5), ABSENT } }, .have = { ONE }, .ops = "" },
	{ "no/yes", .want = { { NUM(5), SIZE(10), AT(1) } }, .blank = true, .ops = "+5@2048+20480" },
	{ "yes/no/keep", .want = { { NUM(1), ABSENT } }, .have = { ONE }, .r = -EEXIST,
	  .ops = "partition 1 exists but is specified as nonexistant and wipePartitionEntry is false" },
	{ "yes/no/wipe", .want = { { NUM(1), ABSENT, WIPE } }, .have = { ONE }, .ops = "-1" },
	{ "match", .want = { { NUM(1), .label = "one", .guid = G1, .type_guid = LINUX, SIZE(100), AT(1) } },
	  .have = { ONE }, .ops = "=1" },
	{ "match whatever is there", .want = { { NUM(1) } }, .have = { ONE, TWO }, .ops = "=1" },
	{ "guid case", .want = { { NUM(2), .type_guid = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" } },
	  .have = { ONE, TWO }, .ops = "=2" },
	{ "resize grows into the gap", .want = { { NUM(1), SIZE(0), RESIZE } }, .have = { ONE, TWO },
	  .ops = "-1 +1@2048+612352~ \"one\" " G1 " " LINUX },
	{ "resize, but the label differs", .want = { { NUM(1), SIZE(200), RESIZE, .label = "x" } },
	  .have = { ONE }, .r = -EINVAL,
	  .ops = "partition 1 didn't match: size did not match (specified 409600, got 204800)" },
	{ "start", .want = { { NUM(1), AT(2) } }, .have = { ONE }, .r = -EINVAL,
	  .ops = "partition 1 didn't match: starting sector did not match (specified 4096, got 2048)" },
	{ "size", .want = { { NUM(1), SIZE(50) } }, .have = { ONE }, .r = -EINVAL,
	  .ops = "partition 1 didn't match: size did not match (specified 102400, got 204800)" },
	{ "guid", .want = { { NUM(1), .guid = G2 } }, .have = { ONE }, .r = -EINVAL,
	  .ops = "partition 1 didn't match: GUID did not match" },
	{ "type", .want = { { NUM(1), .type_guid = ESP } }, .have = { ONE }, .r = -EINVAL,
	  .ops = "partition 1 didn't match: type GUID did not match" },
	{ "label", .want = { { NUM(1), .label = "" } }, .have = { ONE }, .r = -EINVAL,
	  .ops = "partition 1 didn't match: label did not match" },
	{ "wipe and create", .want = { { NUM(1), WIPE, .label = "new", SIZE(10) } }, .have = { ONE, TWO },
	  .ops = "-1 +1@819200+20480 \"new\"" },
	/* in use */
	{ "active kept", .want = { { NUM(1), .label = "one" } }, .have = { ONE_USED }, .ops = "=1" },
	{ "active changed", .want = { { NUM(1), SIZE(0), RESIZE } }, .have = { ONE_USED }, .r = -EBUSY,
	  .ops = "refusing to modify active partition 1 on \"/dev/x\": it is mounted on /x" },
	{ "active deleted", .want = { { NUM(1), ABSENT, WIPE } }, .have = { ONE_USED }, .r = -EBUSY,
	  .ops = "refusing to modify active partition 1 on \"/dev/x\": it is mounted on /x" },
	{ "neighbour of an active one", .want = { { NUM(3), SIZE(10) } }, .have = { ONE_USED },
	  .ops = "+3@206848+20480" },
	{ "wipe active", true, .want = { { NUM(3), SIZE(10) } }, .have = { ONE_USED }, .r = -EBUSY,
	  .ops = "refusing to wipe active disk \"/dev/x\": x1 is mounted on /x" },
	{ "disk in use", .want = { { NUM(3), SIZE(10) } }, .blank = true, .disk_use = "held by dm-0",
	  .r = -EBUSY, .ops = "refusing to operate on directly active disk \"/dev/x\": it is held by dm-0" },
	/* tables */
	{ "dos table", .want = { { NUM(1) } }, .foreign = "dos", .r = -EINVAL,
	  .ops = "disk does not have a GPT (it has a table of type \"dos\"; wipeTable would replace it)" },
	{ "dos table wiped", true, .want = { { NUM(1), SIZE(1) } }, .foreign = "dos",
	  .ops = "! +1@2048+2048" },
	{ "wipe only", true, .have = { ONE }, .ops = "!" },
	{ "wiped ones do not count", true, .want = { { NUM(2), SIZE(0) } }, .have = { ONE, TWO },
	  .ops = "! +2@2048+2095071" },
	{ "damaged, nothing else", .want = { { NUM(1) } }, .have = { ONE }, .damaged = true, .ops = "* =1" },
	{ "damaged and wiped", true, .want = { { NUM(1), SIZE(1) } }, .have = { ONE }, .damaged = true,
	  .ops = "! +1@2048+2048" },
	{ "damaged, none wanted", .have = { ONE }, .damaged = true, .ops = "" },
	/* placing */
	{ "whole disk to the last sector", .want = { { NUM(1) } }, .blank = true, .ops = "+1@2048+2095071" },
	{ "4K sectors", .want = { { NUM(1), SIZE(10) }, { NUM(2) } }, .blank = true, .sector_bytes = 4096,
	  .disk_lba = 262144, .ops = "+1@256+2560 +2@2816+259323" },
	{ "largest gap, not the first", .want = { { NUM(3), SIZE(10) } }, .have = { ONE, TWO },
	  .ops = "+3@819200+20480" },
	{ "start in a smaller gap, to its end", .want = { { NUM(3), AT(200), SIZE(0) } },
	  .have = { ONE, TWO }, .ops = "+3@409600+204800" },
	{ "alignment follows what is there", .want = { { NUM(2), SIZE(1) } },
	  .have = { { .no = 1,
		      .start_lba = 34,
		      .size_lba = 100,
		      .label = "",
		      .guid = G1,
		      .type_guid = LINUX } },
	  .ops = "+2@134+2048" },
	{ "numbered first", .want = { { .label = "a", SIZE(10) }, { NUM(1), SIZE(20) } }, .blank = true,
	  .ops = "+1@2048+40960 +2@43008+20480 \"a\"" },
	{ "next free number", .want = { { .label = "a", SIZE(10) } },
	  .have = { { .no = 2,
		      .start_lba = 2048,
		      .size_lba = 2048,
		      .label = "",
		      .guid = G1,
		      .type_guid = LINUX } },
	  .ops = "+1@4096+20480 \"a\"" },
	{ "number of a deleted one", .want = { { NUM(1), ABSENT, WIPE }, { .label = "a", SIZE(10) } },
	  .have = { ONE, TWO }, .ops = "-1 +1@819200+20480 \"a\"" },
	{ "any number, made by an earlier run", .want = { { .label = "one", SIZE(100) } }, .have = { ONE },
	  .ops = "=1" },
	{ "any number, same label, other size", .want = { { .label = "one", SIZE(10) } }, .have = { ONE },
	  .ops = "+2@206848+20480 \"one\"" },
	{ "a floating one makes room for one that stays", .want = { { NUM(3), SIZE(50) }, { NUM(1) } },
	  .have = { ONE }, .ops = "+3@206848+102400 =1" },
	{ "too big", .want = { { NUM(3), .label = "var", SIZE(2000) } }, .have = { ONE, TWO }, .r = -ENOSPC,
	  .ops = "partition 3 (\"var\") does not fit: 2000 MiB (4096000 sectors) wanted, 623 MiB (1277919 "
		 "sectors) free in the largest free block" },
	{ "too big at its place", .want = { { NUM(3), AT(200), SIZE(101) } }, .have = { ONE, TWO },
	  .r = -ENOSPC,
	  .ops = "partition 3 does not fit: 101 MiB (206848 sectors) wanted, 100 MiB (204800 sectors) free at "
		 "sector 409600" },
	{ "place taken", .want = { { NUM(3), AT(50), SIZE(1) } }, .have = { ONE }, .r = -ENOSPC,
	  .ops = "partition 3 does not fit: 1 MiB (2048 sectors) wanted, 0 MiB (0 sectors) free at sector 102400" },
	{ "what is left before the first MiB", .want = { { NUM(1) }, { NUM(2) } }, .blank = true,
	  .disk_lba = 8192, .ops = "+1@2048+6111 +2@34+2014" },
	{ "nothing left", .want = { { NUM(1), AT(1) }, { NUM(2), AT(0) }, { NUM(3) } }, .blank = true,
	  .r = -ENOSPC, .ops = "partition 3 does not fit: no free space on the disk" },
	{ "number beyond the table", .want = { { NUM(129), SIZE(1) } }, .blank = true, .r = -ENOSPC,
	  .ops = "partition 129: the table has room for 128 partitions" },
	{ "negative size", .want = { { NUM(1), SIZE(-1) } }, .blank = true, .r = -ERANGE,
	  .ops = "partition 1: sizeMiB -1 is out of range" },
	{ "absurd start", .want = { { NUM(1), AT(INT64_MAX) } }, .blank = true, .r = -ERANGE,
	  .ops = "partition 1: startMiB 9223372036854775807 is out of range" },
	{ "tiny disk", .want = { { NUM(1) } }, .blank = true, .disk_lba = 60, .r = -ENOSPC,
	  .ops = "60 sectors of 512 bytes are too few for a GPT" },
};

static size_t count_want(const struct plan_case *c)
{
	size_t n = 0;

	for (size_t i = 0; i < MAX; i++)
		if (c->want[i].number.set || c->want[i].label)
			n = i + 1;
	return n;
}

static void describe(const struct disk_op *ops, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		const struct disk_op *op = &ops[i];

		if (i)
			buf_puts(b, " ");
		switch (op->kind) {
		case DISK_OP_WIPE:
			buf_puts(b, "!");
			break;
		case DISK_OP_REPAIR:
			buf_puts(b, "*");
			break;
		case DISK_OP_DELETE:
			buf_printf(b, "-%u", op->no);
			break;
		case DISK_OP_KEEP:
			buf_printf(b, "=%u", op->no);
			break;
		case DISK_OP_CREATE:
			buf_printf(b, "+%u@%llu+%llu%s", op->no, (unsigned long long)op->start_lba,
				   (unsigned long long)op->size_lba, op->same_start ? "~" : "");
			if (op->label)
				buf_printf(b, " \"%s\"", op->label);
			if (op->guid)
				buf_printf(b, " %s", op->guid);
			if (op->type_guid)
				buf_printf(b, " %s", op->type_guid);
		}
	}
}

static void run_case(const struct plan_case *c)
{
	CLEANUP(arena_freep) struct arena *a = arena_new();
	CLEANUP(buf_done) struct buf text = BUF_INIT();
	struct ign_partition want[MAX];
	struct disk_part parts[MAX];
	struct ign_disk disk = { .device = "/dev/x", .wipe_table = { c->wipe_table, c->wipe_table } };
	struct disk_state have = { .device = "/dev/x",
				   .sector_bytes = c->sector_bytes ? c->sector_bytes : 512,
				   .disk_lba = c->disk_lba ? c->disk_lba : 2097152 };
	struct disk_op *ops = NULL;
	struct err e = { 0 };
	size_t n = 0;
	int r;

	memcpy(want, c->want, sizeof(want));
	memcpy(parts, c->have, sizeof(parts));
	disk.partitions.v = want;
	disk.partitions.n = count_want(c);
	disk_state_fresh_table(&have, NULL);
	have.has_gpt = !c->blank && !c->foreign;
	have.foreign_table = c->foreign;
	have.damaged = c->damaged;
	have.use = c->disk_use;
	have.parts = parts;
	while (have.n_parts < MAX && parts[have.n_parts].no) {
		if (parts[have.n_parts].use)
			have.part_use = "x1 is mounted on /x";
		have.n_parts++;
	}
	r = disks_plan(&disk, &have, a, &ops, &n, &e);
	if (r == 0)
		describe(ops, n, &text);
	if (r != c->r || strcmp(r < 0 ? e.text : buf_str(&text), c->ops) != 0)
		fail_msg("%s: got %d \"%s\", want %d \"%s\"", c->name, r, r < 0 ? e.text : buf_str(&text),
			 c->r, c->ops);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		run_case(&cases[i]);
}

/* Whatever was planned and written, planning again finds nothing to do: a killed run can be repeated. */
static void test_again_is_quiet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct plan_case *c = &cases[i];
		CLEANUP(arena_freep) struct arena *a = arena_new();
		struct ign_partition want[MAX];
		struct disk_part parts[2 * MAX];
		struct ign_disk disk = { .device = "/dev/x" };
		struct disk_state have = { .device = "/dev/x",
					   .sector_bytes = c->sector_bytes ? c->sector_bytes : 512,
					   .disk_lba = c->disk_lba ? c->disk_lba : 2097152 };
		struct disk_op *ops;
		size_t n, kept = 0;

		if (c->r < 0 || c->wipe_table)
			continue;
		memcpy(want, c->want, sizeof(want));
		memcpy(parts, c->have, sizeof(c->have));
		memset(parts + MAX, 0, sizeof(parts) - sizeof(c->have));
		disk.partitions.v = want;
		disk.partitions.n = count_want(c);
		disk_state_fresh_table(&have, NULL);
		have.has_gpt = !c->blank;
		have.parts = parts;
		while (parts[have.n_parts].no)
			have.n_parts++;
		assert_int_equal(disks_plan(&disk, &have, a, &ops, &n, NULL), 0);
		for (size_t k = 0; k < n; k++) {
			const struct disk_op *op = &ops[k];
			size_t at = 0;

			while (at < have.n_parts && parts[at].no != op->no)
				at++;
			if (op->kind == DISK_OP_DELETE)
				parts[at] = parts[--have.n_parts];
			if (op->kind == DISK_OP_CREATE)
				parts[have.n_parts++] = (struct disk_part){
					.no = op->no,
					.start_lba = op->start_lba,
					.size_lba = op->size_lba,
					.label = op->label ? op->label : "",
					.guid = op->guid ? op->guid : G1,
					.type_guid = op->type_guid ? op->type_guid : LINUX
				};
		}
		have.has_gpt = true;
		assert_int_equal(disks_plan(&disk, &have, a, &ops, &n, NULL), 0);
		for (size_t k = 0; k < n; k++)
			kept += ops[k].kind == DISK_OP_KEEP;
		if (kept != n)
			fail_msg("%s: planning again writes", c->name);
	}
}

static void test_fresh_geometry(void **state)
{
	static const struct {
		unsigned sector;
		uint64_t disk, first, last;
	} rows[] = { { 512, 2097152, 34, 2097118 }, { 4096, 262144, 6, 262138 }, { 512, 68, 34, 34 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct disk_state d = { .sector_bytes = rows[i].sector, .disk_lba = rows[i].disk };

		assert_int_equal(disk_state_fresh_table(&d, NULL), 0);
		assert_int_equal(d.first_usable_lba, rows[i].first);
		assert_int_equal(d.last_usable_lba, rows[i].last);
	}
	assert_int_equal(
		disk_state_fresh_table(&(struct disk_state){ .sector_bytes = 520, .disk_lba = 9999 }, NULL),
		-EINVAL);
}

static void test_alignment(void **state)
{
	const struct extent odd = { 63, 100 };
	const struct extent eight = { 2056, 3000 };

	(void)state;
	assert_int_equal(space_alignment(512, 1 << 20, NULL, 0), 2048);
	assert_int_equal(space_alignment(4096, 1 << 20, NULL, 0), 256);
	assert_int_equal(space_alignment(512, 1 << 20, &eight, 1), 8);
	assert_int_equal(space_alignment(512, 1 << 20, &odd, 1), 1);
	assert_int_equal(space_alignment(512, 586072368, &odd, 1), 8);
}

static void test_pmbr(void **state)
{
	static const struct {
		uint64_t disk;
		uint8_t chs[3], size[4];
	} rows[] = {
		{ 524288, { 0xa2, 0x02, 0x20 }, { 0xff, 0xff, 0x07, 0x00 } },
		{ 33554432, { 0xff, 0xff, 0xff }, { 0xff, 0xff, 0xff, 0x01 } },
		{ 6442450944, { 0xff, 0xff, 0xff }, { 0xff, 0xff, 0xff, 0xff } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t mbr[MBR_BYTES] = { 0x90 };

		assert_false(pmbr_is_valid(mbr));
		pmbr_fill(mbr, rows[i].disk);
		assert_true(pmbr_is_valid(mbr));
		assert_true(pmbr_covers(mbr, rows[i].disk));
		assert_false(pmbr_covers(mbr, 4096));
		assert_int_equal(mbr[0], 0x90);
		assert_memory_equal(mbr + 451, rows[i].chs, 3);
		assert_memory_equal(mbr + 458, rows[i].size, 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),          cmocka_unit_test(test_again_is_quiet),
		cmocka_unit_test(test_fresh_geometry), cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_pmbr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
