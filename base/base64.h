/* Standard base64 (RFC 4648 section 4) with padding. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;

/*
 * Appends the decoded bytes. Line ends are errors unless skip_newlines (documents of cloud metadata
 * services contain them). Surplus bits of the last group are ignored, as Go's decoder does, so that
 * what upstream reads is read here too. Returns 0, -EBADMSG, -EFBIG or -ENOMEM; out may hold a part.
 */
int base64_decode(const char *s, size_t n, bool skip_newlines, struct buf *out);

/* Only the verdict of base64_decode(): 0 or -EBADMSG. */
int base64_check(const char *s, size_t n, bool skip_newlines);

/* Appends the encoded text. Returns 0, -EFBIG or -ENOMEM. */
int base64_encode(const void *data, size_t n, struct buf *out);
