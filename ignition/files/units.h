/* systemd units, drop-ins, masks and presets, written as files: no D-Bus, no systemctl. */
#pragma once

struct err;
struct ign_systemd;
struct root;
struct touched;

#define PRESET_PATH "/etc/systemd/system-preset/20-ignition.preset"

/* Names that could leave the unit directory are refused; nothing is written. */
int units_check(const struct ign_systemd *s, struct err *e);

/* Repeatable: files are replaced whole, preset lines are not doubled. */
int units_write(const struct root *root, const struct ign_systemd *s, struct touched *t, struct err *e);
