/* Which certificate authorities the system trusts. */
#pragma once
#include <stddef.h>

struct buf;
struct err;

/* The system's bundle: $SSL_CERT_FILE, else the first of the usual places; NULL when there is none. */
const char *http_ca_file(void);

/* The bundle's content followed by extra (PEM). */
int http_ca_collect(const void *extra, size_t n, struct buf *out, struct err *e);
