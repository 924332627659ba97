#include "base/sink.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "base/base64.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/inflate.h"

static size_t gzip(const void *data, size_t n, unsigned char *out, size_t size)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)n };

	z.next_out = out;
	z.avail_out = (unsigned)size;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return size - z.avail_out;
}

static void base64_both_ways(void **state)
{
	static const struct {
		const char *plain, *text;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xbe", "+/++" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf text = BUF_INIT(.max = 100);
		CLEANUP(buf_done) struct buf plain = BUF_INIT(.max = 100);

		assert_int_equal(base64_encode(cases[i].plain, strlen(cases[i].plain), &text), 0);
		assert_string_equal(buf_str(&text), cases[i].text);
		assert_int_equal(base64_decode(text.p ? text.p : "", text.n, false, &plain), 0);
		assert_string_equal(buf_str(&plain), cases[i].plain);
	}
}

static void base64_refuses(void **state)
{
	static const char *const bad[] = { "Z",     "Zg",     "Zg=",   "Zg===", "=",
					   "====",  "Zm9v=",  "Zm9vZ", "Z=g=",  "Zg==Zg==",
					   "Zm 9v", "Zm9v\n", "Zm-_",  "Zm9v!", "Z===" };
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (base64_check(bad[i], strlen(bad[i]), false) != -EBADMSG)
			fail_msg("%s was accepted", bad[i]);
		if (base64_decode(bad[i], strlen(bad[i]), false, &out) != -EBADMSG)
			fail_msg("%s was decoded", bad[i]);
	}
	assert_int_equal(base64_check("Zh==", 4, false), 0); /* surplus bits: as Go */
	buf_clear(&out);
	assert_int_equal(base64_decode("Zm\r\n9v\nYg=\n=", 12, true, &out), 0);
	assert_string_equal(buf_str(&out), "foob");
	out.max = 5;
	assert_int_equal(base64_decode("Zm9v", 4, false, &out), -EFBIG);
}

static void base64_of_much(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = 0);
	CLEANUP(buf_done) struct buf lines = BUF_INIT(.max = 0);
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 0);
	unsigned char data[10001];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 2654435761U >> 11);
	for (size_t n = sizeof data; n > sizeof data - 3; n--) {
		buf_clear(&text);
		buf_clear(&lines);
		assert_int_equal(base64_encode(data, n, &text), 0);
		for (size_t i = 0; i < text.n; i += 75) {
			assert_int_equal(buf_append(&lines, text.p + i, text.n - i < 75 ? text.n - i : 75),
					 0);
			assert_int_equal(buf_puts(&lines, "\r\n"), 0);
		}
		for (int k = 0; k < 2; k++) {
			const struct buf *in = k ? &lines : &text;

			buf_clear(&out);
			assert_int_equal(base64_decode(in->p, in->n, k == 1, &out), 0);
			assert_int_equal(out.n, n);
			assert_memory_equal(out.p, data, n);
		}
		text.p[5000] = '*';
		assert_int_equal(base64_check(text.p, text.n, false), -EBADMSG);
	}
}

static void memory_has_a_limit(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 10);
	struct err e = { .code = 0 };
	struct buf_sink s;

	(void)state;
	assert_int_equal(buf_puts(&b, "keep "), 0);
	buf_sink_init(&s, &b);
	assert_int_equal(sink_write(&s.base, "1234", 4, &e), 0);
	assert_int_equal(sink_write(&s.base, "5678", 4, &e), -EFBIG);
	assert_string_equal(e.text, "larger than 10 bytes");
	assert_int_equal(s.base.reset(&s.base, &e), 0);
	assert_string_equal(buf_str(&b), "keep "); /* what was there before stays */
	assert_int_equal(sink_finish(&s.base, &e), 0);
}

static void files_start_again(void **state)
{
	char path[] = "/tmp/hearth-sink-XXXXXX", got[32] = "";
	CLEANUP(closep) int fd = mkstemp(path);
	CLEANUP(closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err e = { .code = 0 };
	struct fd_sink s;
	int p[2];

	(void)state;
	unlink(path);
	assert_int_equal(write(fd, "head", 4), 4);
	fd_sink_init(&s, fd, "x");
	assert_int_equal(sink_write(&s.base, "wrong and long", 14, &e), 0);
	assert_int_equal(s.base.reset(&s.base, &e), 0);
	assert_int_equal(sink_write(&s.base, "good", 4, &e), 0);
	assert_int_equal(sink_finish(&s.base, &e), 0);
	assert_int_equal(pread(fd, got, sizeof got - 1, 0), 8);
	assert_string_equal(got, "headgood");
	fd_sink_init(&s, full, "/dev/full");
	assert_int_equal(sink_write(&s.base, "x", 1, &e), -ENOSPC);
	assert_string_equal(e.text, "writing /dev/full: No space left on device");
	assert_int_equal(pipe(p), 0);
	fd_sink_init(&s, p[1], "a pipe");
	assert_int_equal(s.base.reset(&s.base, &e), -ESPIPE);
	close(p[0]);
	close(p[1]);
}

#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                               \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"   \
	"454d4423643ce80e2a9ac94fa54ca49f"

static void hashes(void **state)
{
	static const struct {
		const char *spec;
		int init, finish;
	} cases[] = {
		{ "sha256-" ABC256, 0, 0 },
		{ "sha512-" ABC512, 0, 0 },
		{ "sha256-BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", 0, 0 },
		{ "sha512", 0, 0 },
		{ "sha256-aa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 0, -EBADMSG },
		{ "sha256-za7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 0, -EBADMSG },
		{ "sha256-ba78", -EINVAL, 0 },
		{ "sha512-" ABC256, -EINVAL, 0 },
		{ "md5-900150983cd24fb0d6963f7d28e17f72", -EINVAL, 0 },
		{ "SHA256-" ABC256, -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 10);
		CLEANUP(digest_sink_done) struct digest_sink d = { .ctx = NULL };
		struct err e = { .code = 0 };
		struct buf_sink s;

		buf_sink_init(&s, &b);
		assert_int_equal(digest_sink_init(&d, cases[i].spec, &s.base, &e), cases[i].init);
		if (cases[i].init < 0)
			continue;
		assert_int_equal(sink_write(&d.base, "xx", 2, &e), 0);
		assert_int_equal(d.base.reset(&d.base, &e), 0); /* a download that started again */
		assert_int_equal(sink_write(&d.base, "a", 1, &e), 0);
		assert_int_equal(sink_write(&d.base, "bc", 2, &e), 0);
		assert_int_equal(sink_finish(&d.base, &e), cases[i].finish);
		assert_string_equal(d.got, strncmp(cases[i].spec, "sha256", 6) == 0 ? ABC256 : ABC512);
		assert_string_equal(buf_str(&b), "abc");
		if (cases[i].finish < 0)
			assert_string_equal(e.text + 0,
					    strstr(e.text, "hash verification failed (calculated " ABC256
							   " but expected "));
	}
}

/* Feeds data in pieces of every size and expects one verdict. */
static int gunzip(const unsigned char *data, size_t n, size_t piece, struct buf *out, struct err *e)
{
	CLEANUP(inflate_sink_done) struct inflate_sink z = { .z = NULL };
	struct buf_sink s;
	int r;

	buf_clear(out);
	buf_sink_init(&s, out);
	r = inflate_sink_init(&z, &s.base, e);
	for (size_t i = 0; r == 0 && i < n; i += piece)
		r = sink_write(&z.base, data + i, n - i < piece ? n - i : piece, e);
	return r < 0 ? r : sink_finish(&z.base, e);
}

static void gunzip_table(void **state)
{
	unsigned char one[256], data[1024];
	const size_t n = gzip("hello world", 11, one, sizeof one);
	const struct {
		const char *what;
		size_t members, cut;
		const char *junk;
		int junk_len, want;
		const char *text;
	} cases[] = {
		{ "plain", 1, 0, "", 0, 0, "hello world" },
		{ "two members", 2, 0, "", 0, 0, "hello worldhello world" },
		{ "cut", 1, 3, "", 0, -EBADMSG, NULL },
		{ "cut in the header", 1, n - 5, "", 0, -EBADMSG, NULL },
		{ "empty", 0, 0, "", 0, -EBADMSG, NULL },
		{ "trailing junk", 1, 0, "junk", 4, -EBADMSG, NULL },
		{ "trailing zeros", 1, 0, "\0\0", 2, -EBADMSG, NULL },
		{ "second member cut", 2, 1, "", 0, -EBADMSG, NULL },
		{ "not gzip", 0, 0, "plain text", 10, -EBADMSG, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = 0;

		for (size_t k = 0; k < cases[i].members; k++, len += n)
			memcpy(data + len, one, n);
		len -= cases[i].cut;
		memcpy(data + len, cases[i].junk, (size_t)cases[i].junk_len);
		len += (size_t)cases[i].junk_len;
		for (size_t piece = 1; piece < 80; piece++) {
			CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100);
			struct err e = { .code = 0 };
			int r = gunzip(data, len, piece, &out, &e);

			if (r != cases[i].want ||
			    (cases[i].text && strcmp(buf_str(&out), cases[i].text) != 0))
				fail_msg("%s in pieces of %zu: %d %s", cases[i].what, piece, r, e.text);
		}
	}
	data[0] = one[0];
	memcpy(data, one, n);
	data[n - 6] ^= 1; /* the checksum */
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 100);
	struct err e = { .code = 0 };
	assert_int_equal(gunzip(data, n, n, &out, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "gunzip: "));
}

/* 64 MiB of zeros in 64 KiB: stops at the limit of what is behind, having asked for no more. */
static void bombs_stop_at_the_limit(void **state)
{
	const size_t size = 64 << 20;
	CLEANUP(freep) char *zeros = calloc(1, size);
	CLEANUP(freep) unsigned char *bomb = malloc(1 << 20);
	CLEANUP(buf_done) struct buf out = BUF_INIT(.max = 1 << 20);
	struct err e = { .code = 0 };
	size_t n = gzip(zeros, size, bomb, 1 << 20);

	(void)state;
	assert_int_equal(gunzip(bomb, n, n, &out, &e), -EFBIG);
	assert_string_equal(e.text, "larger than 1048576 bytes");
	assert_true(out.cap <= 2 << 20);
}

/* The whole chain: gunzip, hash of the content, memory; and again after a reset in the middle. */
static void chain_and_reset(void **state)
{
	unsigned char data[256];
	const size_t n = gzip("abc", 3, data, sizeof data);
	CLEANUP(buf_done) struct buf b = BUF_INIT(.max = 100);
	CLEANUP(digest_sink_done) struct digest_sink d = { .ctx = NULL };
	CLEANUP(inflate_sink_done) struct inflate_sink z = { .z = NULL };
	struct err e = { .code = 0 };
	struct buf_sink s;

	(void)state;
	buf_sink_init(&s, &b);
	assert_int_equal(digest_sink_init(&d, "sha512-" ABC512, &s.base, &e), 0);
	assert_int_equal(inflate_sink_init(&z, &d.base, &e), 0);
	assert_int_equal(sink_write(&z.base, data, n - 4, &e), 0);
	assert_int_equal(z.base.reset(&z.base, &e), 0);
	assert_int_equal(sink_write(&z.base, data, n, &e), 0);
	assert_int_equal(sink_finish(&z.base, &e), 0);
	assert_string_equal(buf_str(&b), "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_both_ways),  cmocka_unit_test(base64_refuses),
		cmocka_unit_test(base64_of_much),    cmocka_unit_test(memory_has_a_limit),
		cmocka_unit_test(files_start_again), cmocka_unit_test(hashes),
		cmocka_unit_test(gunzip_table),      cmocka_unit_test(bombs_stop_at_the_limit),
		cmocka_unit_test(chain_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
