/* URLs of a config and unit files, both arbitrary text; what is shown of a URL holds no control character. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/http_url.h"
#include "ignition/config/unit_file.h"
#include "ignition/config/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(.max = 1 << 20);
	char *text = malloc(size + 1), why[256];
	struct http_proxies p = { .http = "http://p", .https = "http://q" };
	const char *none[] = { text };
	struct url u;
	bool install;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (url_parse(text, &u) == 0) {
		(void)url_path(&u, &b);
		(void)url_query_empty(&u, "versionId");
	}
	buf_clear(&b);
	if (http_url_redact(text, &b) == 0)
		for (size_t i = 0; i < b.n; i++)
			if ((unsigned char)b.p[i] < 0x20 || b.p[i] == 0x7f)
				abort();
	buf_clear(&b);
	(void)http_url_encode(text, &b);
	p.none = none;
	p.n_none = 1;
	(void)http_proxy_for(&p, size & 1, "node.example.org", 443);
	(void)http_proxy_for(&p, size & 1, "fd00::7", 80);
	(void)unit_file_check(text, &install, why, sizeof why);
	buf_done(&b);
	free(text);
	return 0;
}
