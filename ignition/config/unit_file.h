/*
 * The unit-file grammar by which upstream accepts or refuses systemd units (reference C.5), without
 * its limit on the length of lines, which there depends on where a read buffer happens to end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * 0 with *ret_install telling whether an option stands in [Install]; -EBADMSG with the reason in
 * reterr_why.
 */
int unit_file_check(const char *text, bool *ret_install, char *reterr_why, size_t why_size);
