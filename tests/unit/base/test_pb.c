#include "base/pb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include "base/buf.h"
#include "base/cleanup.h"

static void test_write(void **state)
{
	static const uint8_t want[] = { 0x08, 0x96, 0x01, 0x12, 0x02, 'h',  'i',  0x1a, 0x00, 0x20, 0x01,
					0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	CLEANUP(buf_done) struct buf b = { 0 };
	struct buf empty = { 0 };

	(void)state;
	assert_int_equal(pb_put_uint(&b, 1, 150), 0);
	assert_int_equal(pb_put_bytes(&b, 2, "hi", 2), 0);
	assert_int_equal(pb_put_message(&b, 3, &empty), 0); /* present though empty */
	assert_int_equal(pb_put_bool(&b, 4, true), 0);
	assert_int_equal(pb_put_int(&b, 5, -1), 0);
	/* zero values are not written */
	assert_int_equal(pb_put_uint(&b, 6, 0), 0);
	assert_int_equal(pb_put_bytes(&b, 7, "", 0), 0);
	assert_int_equal(pb_put_bool(&b, 8, false), 0);
	assert_int_equal(b.n, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
}

static void test_limit(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 4);

	(void)state;
	assert_int_equal(pb_put_bytes(&b, 1, "hello", 5), -EFBIG);
	assert_int_equal(b.n, 0);
}

static void test_read(void **state)
{
	static const uint8_t in[] = { 0x08, 0x96, 0x01, 0x15, 1, 2, 3,    4,    0x19, 1,    2,
				      3,    4,    5,    6,    7, 8, 0xa2, 0x06, 2,    0x08, 0x05 };
	struct pb_reader r = pb_reader(in, sizeof(in)), inner;
	struct pb_field f;

	(void)state;
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.no == 1 && f.wire == PB_VARINT && f.v == 150);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.no == 2 && f.wire == PB_FIXED32 && f.v == 0x04030201);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.no == 3 && f.wire == PB_FIXED64 && f.v == 0x0807060504030201);
	assert_int_equal(pb_next(&r, &f), 1);
	assert_true(f.no == 100 && f.wire == PB_BYTES && f.n == 2);
	inner = pb_inner(&f);
	assert_int_equal(pb_next(&inner, &f), 1);
	assert_true(f.no == 1 && f.v == 5);
	assert_int_equal(pb_next(&inner, &f), 0);
	assert_int_equal(pb_next(&r, &f), 0);
}

static void test_broken(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "\x08", 1 },                                              /* no value */
		{ "\x08\x80", 2 },                                          /* half a varint */
		{ "\x12\x05hi", 4 },                                        /* shorter than it says */
		{ "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12 },    /* length of 2^64-1 */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 },     /* more than 64 bits */
		{ "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12 }, /* eleven bytes */
		{ "\x0b", 1 },                                              /* a group */
		{ "\x0f", 1 },                                              /* no such type */
		{ "\x00\x00", 2 },                                          /* field number 0 */
		{ "\x0d\x01\x02\x03", 4 },                                  /* half a fixed value */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pb_reader r = pb_reader(cases[i].bytes, cases[i].n);
		struct pb_field f;

		if (pb_next(&r, &f) != -EBADMSG)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
