#include "base/http_tls.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

const char *http_ca_file(void)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
	};
	const char *own = secure_getenv("SSL_CERT_FILE");

	if (own && *own)
		return own;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

int http_ca_collect(const void *extra, size_t n, struct buf *out, struct err *e)
{
	const char *path = http_ca_file();
	CLEANUP(closep) int fd = -1;
	char piece[16384];
	ssize_t got = 1;
	int r = 0;

	if (path) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(e, errno, "opening the certificates in %s", path);
	}
	while (path && r == 0 && got > 0) {
		got = read(fd, piece, sizeof piece);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			return err_errno(e, errno, "reading the certificates in %s", path);
		else
			r = buf_append(out, piece, (size_t)got);
	}
	if (r == 0)
		r = buf_putc(out, '\n');
	if (r == 0)
		r = buf_append(out, extra, n);
	return r < 0 ? err_errno(e, -r, "collecting certificates") : 0;
}
