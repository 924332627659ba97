/*
 * Platforms as a table, one small file each. A provider appends the raw user config to out; an
 * empty result means "no config here", which is not an error.
 */
#pragma once

struct buf;
struct err;
struct fetcher;

struct provider {
	const char *id; /* ignition.platform.id */
	/* 0; -EFETCH_NEEDNET when offline and the network is needed; other -errno with a story */
	int (*fetch)(struct fetcher *f, struct buf *out, struct err *e);
};

const struct provider *provider_find(const char *id); /* NULL when unknown */
const struct provider *provider_at(unsigned i);       /* NULL past the last, for lists in --help */

int provider_file(struct fetcher *f, struct buf *out, struct err *e);
int provider_metal(struct fetcher *f, struct buf *out, struct err *e);
int provider_qemu(struct fetcher *f, struct buf *out, struct err *e);

/* The file below /sys/firmware/qemu_fw_cfg/by_name/ that holds a config; testable on any folder. */
int qemu_fw_cfg_read(const char *by_name, struct buf *out, struct err *e);
