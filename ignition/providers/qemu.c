#include "ignition/providers/provider.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/proc.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/* QEMU's firmware configuration device, docs/specs/fw_cfg in QEMU; key as upstream uses it. */
#define FW_CFG_DIR "/sys/firmware/qemu_fw_cfg"
#define FW_CFG_KEY "opt/com.coreos/config"

enum { SIZE_TEXT_MAX = 64, CHUNK_BYTES = 1 << 20, SLOW_MS = 10000, PROGRESS_MS = 5000 };

static int read_size(const char *path, size_t max, size_t *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(.max = SIZE_TEXT_MAX);
	unsigned long long size;
	char *end;
	int r;

	r = file_read(path, &text, e);
	if (r < 0)
		return r;
	errno = 0;
	size = strtoull(buf_str(&text), &end, 10);
	if (errno || end == buf_str(&text) || (*end && *end != '\n'))
		return err_text(e, EBADMSG, "%s does not hold a number", path);
	if (size > max)
		return err_text(e, EFBIG, "the config in fw_cfg has %llu bytes, more than the limit of %zu",
				size, max);
	*ret = (size_t)size;
	return 0;
}

/* The kernel's cost is quadratic in the number of reads of one item, so few large reads. */
static int read_raw(const char *path, size_t size, struct buf *out, struct err *e)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t start = loop_now_ms(), next_notice = start + SLOW_MS;
	size_t got = 0;
	int r;

	if (fd < 0)
		return err_errno(e, errno, "opening %s", path);
	r = buf_reserve(out, size + 1);
	if (r < 0)
		return err_errno(e, -r, "reading %s", path);
	for (;;) {
		/* one byte past the size: the end of the item must be where the size says */
		size_t want = size + 1 - got < CHUNK_BYTES ? size + 1 - got : CHUNK_BYTES;
		ssize_t n = read(fd, out->p + out->n, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "reading %s", path);
		if (n == 0)
			break;
		got += (size_t)n;
		if (got > size)
			return err_text(e, EBADMSG, "%s has more bytes than its size of %zu: missing EOF",
					path, size);
		out->n += (size_t)n;
		out->p[out->n] = '\0';
		if (loop_now_ms() > next_notice) {
			next_notice = loop_now_ms() + PROGRESS_MS;
			log_warn("reading the config from fw_cfg is slow: %zu of %zu bytes after %lld s", got,
				 size, (long long)(loop_now_ms() - start) / 1000);
		}
	}
	if (got < size)
		return err_text(e, EBADMSG, "%s ended after %zu of %zu bytes", path, got, size);
	return 0;
}

int qemu_fw_cfg_read(const char *by_name, struct buf *out, struct err *e)
{
	char path[PATH_MAX];
	struct err why = { 0 };
	size_t size = 0;
	int r;

	snprintf(path, sizeof path, "%s/" FW_CFG_KEY "/size", by_name);
	r = read_size(path, out->max ? out->max - 1 : SIZE_MAX / 4, &size, &why);
	if (r == -ENOENT) {
		log_info("QEMU firmware config was not found. Ignoring...");
		return 0;
	}
	if (r < 0)
		return err_text(e, -r, "%s", why.text);
	snprintf(path, sizeof path, "%s/" FW_CFG_KEY "/raw", by_name);
	return read_raw(path, size, out, e);
}

int provider_qemu(struct fetcher *f, struct buf *out, struct err *e)
{
	struct stat st;

	(void)f;
	if (stat(FW_CFG_DIR, &st) < 0) {
		int r = RUN(e, "modprobe", "qemu_fw_cfg");

		if (r < 0)
			return err_wrap(e, r, "loading the kernel module for QEMU's fw_cfg");
	}
	return qemu_fw_cfg_read(FW_CFG_DIR "/by_name", out, e);
}
