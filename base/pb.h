/*
 * The protobuf wire format, as much as etcd's messages need: varints, length-delimited fields and
 * messages inside messages. A reader walks the fields of one message in place, copies nothing and
 * never leaves its bounds; a writer appends to a buffer. Fields with the value zero are not
 * written, as proto3 asks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_reader {
	const uint8_t *p, *end;
};

struct pb_field {
	uint32_t no;
	enum pb_wire wire;
	uint64_t v;       /* varint and fixed values */
	const uint8_t *p; /* PB_BYTES: points into the message, n bytes */
	size_t n;
};

static inline struct pb_reader pb_reader(const void *p, size_t n)
{
	return (struct pb_reader){ p, (const uint8_t *)p + n };
}

/* 1 with the next field, 0 at the end, -EBADMSG when the bytes are no message. */
int pb_next(struct pb_reader *r, struct pb_field *ret);

/* The bytes of a PB_BYTES field as a message of its own; an empty one for other wire types. */
struct pb_reader pb_inner(const struct pb_field *f);

/* All return 0, -ENOMEM or -EFBIG (the buffer's limit). */
int pb_put_uint(struct buf *b, uint32_t no, uint64_t v);
int pb_put_int(struct buf *b, uint32_t no, int64_t v);
int pb_put_bool(struct buf *b, uint32_t no, bool v);
int pb_put_bytes(struct buf *b, uint32_t no, const void *p, size_t n);
/* A message inside: written even when empty, because its presence means something (oneof). */
int pb_put_message(struct buf *b, uint32_t no, const struct buf *inner);
