#include "ignition/fetch/ca.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}

static int append_certificate(X509 *cert, struct buf *out, struct err *e)
{
	CLEANUP(bio_freep) BIO *mem = BIO_new(BIO_s_mem());
	char *text;
	long n;
	int r;

	if (!mem || PEM_write_bio_X509(mem, cert) != 1)
		return err_errno(e, ENOMEM, "keeping a certificate");
	n = BIO_get_mem_data(mem, &text);
	r = buf_append(out, text, (size_t)n);
	return r < 0 ? err_errno(e, -r, "keeping a certificate") : 0;
}

/* The label is not looked at, as upstream: the bytes decide. */
static int next_block(BIO *in, struct buf *out, struct err *e)
{
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	X509 *cert;
	long n = 0;
	int r;

	if (PEM_read_bio(in, &label, &header, &der, &n) != 1) {
		ERR_clear_error();
		return err_text(e, EBADMSG, "unable to decode PEM block");
	}
	p = der;
	cert = d2i_X509(NULL, &p, n);
	ERR_clear_error();
	if (!cert || p != der + n)
		r = err_text(e, EBADMSG, "a PEM block (%.40s) is not a certificate", label);
	else
		r = append_certificate(cert, out, e);
	X509_free(cert);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return r;
}

int ca_append(const char *pem, size_t n, struct buf *out, struct err *e)
{
	CLEANUP(bio_freep) BIO *in = n < INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
	int r = 0;

	if (!in)
		return err_errno(e, ENOMEM, "reading certificates");
	while (r == 0 && BIO_pending(in) > 0)
		r = next_block(in, out, e);
	return r;
}
