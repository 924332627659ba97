#include "base/conn.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>
#include "base/err.h"

/* OpenSSL would ask at the terminal and wait. */
static int no_passphrase(char *buf, int size, int writing, void *asked)
{
	(void)buf, (void)size, (void)writing;
	*(bool *)asked = true;
	return -1;
}

/* OpenSSL's error queue starts with the reason nearest to the file. */
static int unusable(const char *file, const char *what, struct err *e)
{
	unsigned long code = ERR_peek_error();
	const char *why = ERR_reason_error_string(code);

	if (ERR_SYSTEM_ERROR(code))
		return err_text(e, EINVAL, "%s: %s", file, strerror(ERR_GET_REASON(code)));
	return err_text(e, EINVAL, "%s: holds no usable %s in PEM format%s%s%s", file, what, why ? " (" : "",
			why ? why : "", why ? ")" : "");
}

static int load_client_cert(SSL_CTX *ctx, const char *certfile, const char *keyfile, struct err *e)
{
	bool asked = false;
	int ok;

	if (SSL_CTX_use_certificate_chain_file(ctx, certfile) != 1)
		return unusable(certfile, "certificate", e);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	ok = SSL_CTX_use_PrivateKey_file(ctx, keyfile, SSL_FILETYPE_PEM);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (asked)
		return err_text(e, EINVAL, "%s: is protected by a passphrase; give a file without one",
				keyfile);
	if (ok != 1)
		return unusable(keyfile, "private key", e);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return err_text(e, EINVAL, "%s: is not the key of the certificate in %s", keyfile, certfile);
	return 0;
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
		r = unusable(cafile, "certificate", e);
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
