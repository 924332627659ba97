#include "base/digest.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/evp.h>
#include "base/cleanup.h"
#include "base/err.h"

static int digest_write(struct sink *s, const void *data, size_t n, struct err *e)
{
	struct digest_sink *d = (struct digest_sink *)s;

	if (EVP_DigestUpdate(d->ctx, data, n) != 1)
		return err_text(e, EIO, "the hash function failed");
	return sink_write(d->next, data, n, e);
}

static int digest_finish(struct sink *s, struct err *e)
{
	struct digest_sink *d = (struct digest_sink *)s;
	unsigned char got[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_DigestFinal_ex(d->ctx, got, &n) != 1 || n > DIGEST_MAX_BYTES)
		return err_text(e, EIO, "the hash function failed");
	for (unsigned i = 0; i < n; i++)
		snprintf(d->got + 2 * (size_t)i, 3, "%02x", got[i]);
	if (d->want && strcasecmp(d->want, d->got) != 0) {
		char want[sizeof d->got];
		size_t i = 0;

		for (; d->want[i] && i + 1 < sizeof want; i++)
			want[i] = (char)tolower((unsigned char)d->want[i]);
		want[i] = '\0';
		return err_text(e, EBADMSG, "hash verification failed (calculated %s but expected %s)",
				d->got, want);
	}
	return sink_finish(d->next, e);
}

static int digest_reset(struct sink *s, struct err *e)
{
	struct digest_sink *d = (struct digest_sink *)s;

	if (EVP_DigestInit_ex2(d->ctx, NULL, NULL) != 1)
		return err_text(e, EIO, "the hash function failed");
	return d->next->reset ? d->next->reset(d->next, e)
			      : err_text(e, ESPIPE, "the output cannot start again");
}

int digest_sink_init(struct digest_sink *d, const char *want, struct sink *next, struct err *e)
{
	static const struct {
		const char *name;
		size_t hex_len;
	} functions[] = { { "sha512", 128 }, { "sha256", 64 } };
	const size_t len = strcspn(want, "-");
	const char *hex = want[len] ? want + len + 1 : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		EVP_MD_CTX *ctx;
		EVP_MD *md;
		int ok;

		if (strlen(functions[i].name) != len || memcmp(functions[i].name, want, len) != 0)
			continue;
		if (hex && strlen(hex) != functions[i].hex_len)
			return err_text(e, EINVAL, "incorrect size for hash sum");
		md = EVP_MD_fetch(NULL, functions[i].name, NULL);
		ctx = md ? EVP_MD_CTX_new() : NULL;
		ok = ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
		EVP_MD_free(md);
		if (!ok) {
			EVP_MD_CTX_free(ctx);
			return err_text(e, ENOSYS, "%s is not available in the crypto library",
					functions[i].name);
		}
		*d = (struct digest_sink){
			.base = { .write = digest_write, .finish = digest_finish, .reset = digest_reset },
			.next = next,
			.ctx = ctx,
			.want = hex,
		};
		return 0;
	}
	return err_text(e, EINVAL, "unrecognized hash function in \"%.40s\"", want);
}

void digest_sink_done(struct digest_sink *d)
{
	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
}
