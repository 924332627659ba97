#include "base/conn.h"
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include "base/err.h"

static int load_client_cert(SSL_CTX *ctx, const char *certfile, const char *keyfile, struct err *e)
{
	const char *what = certfile;

	if (SSL_CTX_use_certificate_chain_file(ctx, certfile) == 1) {
		what = keyfile;
		if (SSL_CTX_use_PrivateKey_file(ctx, keyfile, SSL_FILETYPE_PEM) == 1) {
			if (SSL_CTX_check_private_key(ctx) == 1)
				return 0;
			return err_text(e, EINVAL, "%s: is not the key of the certificate in %s", keyfile,
					certfile);
		}
	}
	/* OpenSSL's error queue starts with the reason nearest to the file */
	unsigned long code = ERR_peek_error();

	return err_text(e, EINVAL, "%s: %s", what,
			ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
					       : ERR_reason_error_string(code));
}

int conn_tls_new(const char *cafile, const char *certfile, const char *keyfile, SSL_CTX **ret, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int r = 0;

	if (!ctx)
		return err_errno(e, ENOMEM, "TLS");
	ERR_clear_error();
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
	if (cafile && SSL_CTX_load_verify_file(ctx, cafile) != 1) {
		unsigned long code = ERR_peek_error();
		const char *why = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
							 : ERR_reason_error_string(code);

		r = err_text(e, EINVAL, "%s: %s", cafile, why ? why : "holds no certificate");
	} else if (!cafile && SSL_CTX_set_default_verify_paths(ctx) != 1) {
		r = err_text(e, EINVAL, "the system's CA certificates cannot be loaded");
	}
	if (r == 0 && certfile && keyfile)
		r = load_client_cert(ctx, certfile, keyfile, e);
	ERR_clear_error();
	if (r < 0) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}
