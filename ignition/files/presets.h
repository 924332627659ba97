/* The preset file: which units the first boot enables or disables. */
#pragma once
#include "ignition/config/types_gen.h"

struct buf;
struct err;

/*
 * Appends the lines for s to text, which holds the file as it is, leaving out lines that are there
 * already. Sorted by "<unit>-<enabled|disabled>"; instances a@i.service are grouped behind their
 * template: "enable a@.service i j". Pure. 0, -ENOMEM or -EFBIG.
 */
int presets_add(const struct ign_systemd *s, struct buf *text);
