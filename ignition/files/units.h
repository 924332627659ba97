/* systemd units, drop-ins, masks and presets, written as files: no D-Bus, no systemctl. */
#pragma once

struct err;
struct ign_systemd;
struct root;
struct touched;

#define PRESET_PATH "/etc/systemd/system-preset/20-ignition.preset"

/* Names that could leave the unit directory are refused; nothing is written. */
int units_check(const struct ign_systemd *s, struct err *e);

/* Refuses what the target as it is has in the way: a file for a directory, or the reverse. */
int units_check_target(const struct root *root, const struct ign_systemd *s, struct err *e);

/* Repeatable: files are replaced whole, preset lines are not doubled. */
int units_write(const struct root *root, const struct ign_systemd *s, struct touched *t, struct err *e);
