#include "tests/bench/config_shapes.h"
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/cleanup.h"

#define HEAD "{\"ignition\":{\"version\":\"3.4.0\"},"

enum { MAX_ENTRIES = 65000 }; /* a list may not have many more */

/* Bytes that look random and are the same in every run. */
static int put_base64(struct buf *out, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t x = 88172645463325252 ^ out->n;
	int r = 0;

	for (n = n / 4 * 4; r == 0 && n; n--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		r = buf_putc(out, digits[x >> 58]);
	}
	return r;
}

static int one_url(struct buf *out, size_t bytes)
{
	int r = buf_puts(out, HEAD "\"storage\":{\"files\":[{\"path\":\"/a\",\"contents\":{\"source\":"
				   "\"data:;base64,");

	if (r == 0)
		r = put_base64(out, bytes);
	return r < 0 ? r : buf_puts(out, "\"}}]}}");
}

static int escaped_url(struct buf *out, size_t bytes)
{
	int r = buf_puts(out,
			 HEAD "\"storage\":{\"files\":[{\"path\":\"/a\",\"contents\":{\"source\":\"data:,");

	while (r == 0 && out->n < bytes)
		r = buf_puts(out, "%5BUnit%5D%0ADescription%3Dx%0A");
	return r < 0 ? r : buf_puts(out, "\"}}]}}");
}

/* One more entry of a list, while there is room; *r is what the buffer said. */
static bool more(struct buf *out, size_t i, size_t bytes, int *r)
{
	if (*r == 0 && i && i < MAX_ENTRIES && out->n < bytes)
		*r = buf_putc(out, ',');
	return *r == 0 && i < MAX_ENTRIES && out->n < bytes;
}

static int files(struct buf *out, size_t bytes)
{
	size_t each = bytes / 50000 > 100 ? bytes / 50000 : 400;
	int r = buf_puts(out, HEAD "\"storage\":{\"files\":[");

	for (size_t i = 0; more(out, i, bytes, &r); i++) {
		r = buf_printf(out,
			       "{\"path\":\"/etc/dir%zu/file%zu\",\"mode\":420,\"contents\":{\"source\":"
			       "\"data:;base64,",
			       i / 100, i);
		if (r == 0)
			r = put_base64(out, each - 100);
		if (r == 0)
			r = buf_puts(out, "\"}}");
	}
	return r < 0 ? r : buf_puts(out, "]}}");
}

/* As a person has it written: indented, with owners. */
static int pretty_files(struct buf *out, size_t bytes)
{
	int r = buf_puts(out, HEAD "\n  \"storage\": {\n    \"files\": [");

	for (size_t i = 0; more(out, i, bytes, &r); i++)
		r = buf_printf(
			out,
			"\n      {\n        \"group\": {\n          \"name\": \"root\"\n        },\n"
			"        \"overwrite\": true,\n        \"path\": \"/opt/part%zu/share/f%zu\",\n"
			"        \"user\": {\n          \"name\": \"root\"\n        },\n"
			"        \"contents\": {\n          \"source\": \"data:,line%%20one%%0A\",\n"
			"          \"verification\": {}\n        },\n        \"mode\": 420\n      }",
			i / 50, i);
	return r < 0 ? r : buf_puts(out, "\n    ]\n  }\n}\n");
}

/* The most structs for the least text. */
static int directories(struct buf *out, size_t bytes)
{
	int r = buf_puts(out, HEAD "\"storage\":{\"directories\":[");

	for (size_t i = 0; more(out, i, bytes, &r); i++)
		r = buf_printf(out, "{\"path\":\"/%zx\"}", i);
	return r < 0 ? r : buf_puts(out, "]}}");
}

static int put_unit_text(struct buf *out, size_t bytes)
{
	int r = buf_puts(out, "[Unit]\\nDescription=Something \\\"quoted\\\"\\n\\n[Service]\\n");

	for (size_t end = out->n + bytes; r == 0 && out->n < end;)
		r = buf_puts(out, "ExecStart=/usr/bin/env sh -c 'exec /opt/bin/run --flag=\\\"a b\\\"'\\n");
	return r < 0 ? r : buf_puts(out, "[Install]\\nWantedBy=multi-user.target\\n");
}

static int units_and_users(struct buf *out, size_t bytes)
{
	int r = buf_puts(out, HEAD "\"systemd\":{\"units\":[");

	for (size_t i = 0; more(out, i, bytes / 2, &r); i++) {
		r = buf_printf(out, "{\"name\":\"unit-%zu.service\",\"enabled\":true,\"contents\":\"", i);
		if (r == 0)
			r = put_unit_text(out, 300);
		if (r == 0)
			r = buf_puts(out, "\",\"dropins\":[{\"name\":\"10-a.conf\",\"contents\":\"");
		if (r == 0)
			r = put_unit_text(out, 100);
		if (r == 0)
			r = buf_puts(out, "\"}]}");
	}
	if (r == 0)
		r = buf_puts(out, "]},\"passwd\":{\"users\":[");
	for (size_t i = 0; more(out, i, bytes, &r); i++) {
		r = buf_printf(out,
			       "{\"name\":\"user%zu\",\"uid\":%zu,\"groups\":[\"wheel\",\"docker\"],"
			       "\"homeDir\":\"/home/user%zu\",\"sshAuthorizedKeys\":[\"ssh-rsa ",
			       i, 100000 + i, i);
		if (r == 0)
			r = put_base64(out, 372);
		if (r == 0)
			r = buf_printf(out, " user%zu@example\"]}", i);
	}
	return r < 0 ? r : buf_puts(out, "]}}");
}

static int large_dropins(struct buf *out, size_t bytes)
{
	enum { PIECES = 5 };
	int r = buf_puts(out, HEAD "\"systemd\":{\"units\":[{\"name\":\"a.service\",\"dropins\":[");

	for (size_t i = 0; r == 0 && i < PIECES; i++) {
		r = buf_printf(out, "%s{\"name\":\"%zu.conf\",\"contents\":\"", i ? "," : "", i);
		if (r == 0)
			r = put_unit_text(out, bytes / PIECES);
		if (r == 0)
			r = buf_puts(out, "\"}");
	}
	return r < 0 ? r : buf_puts(out, "]}]}}");
}

const struct shape config_shapes[] = {
	{ "one-url", one_url },
	{ "escaped-url", escaped_url },
	{ "files", files },
	{ "pretty-files", pretty_files },
	{ "directories", directories },
	{ "units-and-users", units_and_users },
	{ "large-dropins", large_dropins },
};
const size_t config_shapes_n = ARRAY_SIZE(config_shapes);
