/* data: URLs as upstream's decoder accepts them (reference C.7). Pure; used by validation too. */
#pragma once
#include <stddef.h>

struct buf;

/* Decodes into out. Returns 0, -EBADMSG with *reterr_why a constant text of C.7, -EFBIG, -ENOMEM. */
int dataurl_decode(const char *url, struct buf *out, const char **reterr_why);

/* Only the verdict, no output and no allocation: 0 or -EBADMSG. */
int dataurl_check(const char *url, const char **reterr_why);
