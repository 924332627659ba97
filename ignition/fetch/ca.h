/* Certificate authorities that a config brings along. */
#pragma once
#include <stddef.h>

struct buf;
struct err;

/*
 * Reads PEM text, any number of blocks, each a certificate, nothing behind the last one; appends them
 * to out as PEM. -EBADMSG: "unable to decode PEM block" or what is wrong with the certificate.
 */
int ca_append(const char *pem, size_t n, struct buf *out, struct err *e);
