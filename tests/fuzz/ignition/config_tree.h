/*
 * A config built from arbitrary bytes, straight into the structs: what no document could say is in it
 * too. Strings come from a table of those that rules look for, or from the bytes as they are.
 */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "ignition/config/config.h"

struct bytes {
	const uint8_t *p;
	size_t n;
	struct arena *arena;
};

static inline uint8_t take(struct bytes *b)
{
	return b->n ? b->n--, *b->p++ : 0;
}

static inline const char *take_text(struct bytes *b)
{
	static const char *const known[] = {
		"",
		"/",
		"/a",
		"/a/b",
		"/a/b/..",
		"/dev/sda",
		"/etc/systemd/system/a.service",
		"/etc/systemd/system/a.service.d/a.conf",
		"a",
		"a.service",
		"a@.service",
		"a@b.service",
		"a.conf",
		"[Install]\nA=b",
		"[Unit]\nA=b",
		"[A",
		"data:,x",
		"data:;base64,eA==",
		"http://h/x",
		"s3://b/k?versionId=",
		"arn:aws:s3:::b/k",
		"gs://b/k",
		"tftp://h/x",
		"3.7.0-experimental",
		"ext4",
		"none",
		"virtiofs",
		"swap",
		"gzip",
		"sha512-0",
		"sha256-",
		"raid0",
		"raid1",
		"linear",
		"tang",
		"sss",
		"{}",
		"[",
		"a:b",
		"01234567-89AB-CDEF-EDCB-A98765432101",
		"0123456789012345678901234567890123456789012345678",
	};
	static const char *const old[] = {
		/* what spec 1 and 2.x know besides */
		"root",
		"oem",
		"oem:///x",
		"/usr/share/oem",
		"/dev/disk/by-label/OEM",
		"btrfs",
		"xfs",
		"vfat",
		"x.network",
		"x.link",
		"x.netdev",
		"/etc/systemd/network/x.network",
		"/etc/systemd/network/x.network.d/a.conf",
		"data",
		"//a/./b/",
		"/dev/../dev/sda",
		"mirror",
		("sha512-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123"
		 "456789abcdef0123456789abcdef0123456789abcdef"),
		"data:;base64,H4sIAAAAAAAAA6sAAIMW3IwBAAAA",
		"a@.service",
	};
	size_t k = take(b), n = k < b->n ? k : b->n;
	const char *s;

	if (k >= 200 - ARRAY_SIZE(old) && k < 200)
		return old[k - (200 - ARRAY_SIZE(old))];
	if (k < 200)
		return known[k % ARRAY_SIZE(known)];
	n %= 40;
	s = arena_strndup(b->arena, (const char *)b->p, n);
	b->p += n;
	b->n -= n;
	return s ? s : "";
}

static inline void take_object(struct bytes *b, const struct cfg_desc *desc, char *out)
{
	for (size_t i = 0; i < desc->n_fields; i++) {
		const struct cfg_field *f = &desc->fields[i];
		void *at = out + f->off;
		struct cfg_list *l = at;
		uint8_t how = take(b);

		if (f->kind == CFG_OBJ) {
			take_object(b, f->sub, at);
			if (f->flags & CFG_OPTIONAL)
				*(bool *)at = how % 2;
		} else if (f->kind == CFG_STR) {
			*(const char **)at = how % 4 ? take_text(b) : f->flags & CFG_PLAIN ? "" : NULL;
		} else if (f->kind == CFG_BOOL) {
			*(struct opt_bool *)at = (struct opt_bool){ how % 3 > 0, how % 3 == 2 };
		} else if (f->kind == CFG_INT) {
			int64_t v = how < 128 ? how % 16 : (int64_t)((uint64_t)how << take(b) % 64 >> 1);

			*(struct opt_i64 *)at = (struct opt_i64){ how % 4 > 0, how % 4 == 1 ? -v
									       : how % 4    ? v
											    : 0 };
		} else if (how % 4 && b->n) {
			size_t size = f->kind == CFG_LIST ? f->sub->size : sizeof(char *);
			char *v = arena_alloc(b->arena, (how % 4) * size);

			if (!v)
				abort();
			*l = (struct cfg_list){ v, how % 4 };
			for (size_t k = 0; k < l->n; k++, v += size)
				if (f->kind == CFG_LIST)
					take_object(b, f->sub, v);
				else
					*(const char **)(void *)v = take_text(b);
		}
	}
}
