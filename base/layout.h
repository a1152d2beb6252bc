/*
 * Plain structs as messages (base/msg.h), by table: each type of message has a layout, the list of its
 * fields in the order of its body. Who sends packs the struct that belongs to the type, who receives
 * unpacks it.
 */
#ifndef BASE_LAYOUT_H
#define BASE_LAYOUT_H

#include "base/msg.h"

#include <stddef.h>
#include <stdint.h>

enum layout_kind {
	LAYOUT_U32,
	LAYOUT_U64,
	LAYOUT_DOUBLE,
	LAYOUT_STR, /* const char *: NULL is sent as ""; a received one is borrowed from the message */
	LAYOUT_FD, /* int, -1 none: a u32, 1 when the fd travels along; a received one is the caller's */
	LAYOUT_U64S, /* an array of `count` u64 */
	LAYOUT_BOOL, /* bool, as a u32 */
	LAYOUT_TEXT, /* char[count]: what does not fit is cut off */
};

struct layout_field {
	enum layout_kind kind;
	size_t at;
	unsigned count;
};

enum { LAYOUT_FIELDS = 26 };

struct layout {
	size_t size; /* of the struct */
	unsigned n;
	struct layout_field f[LAYOUT_FIELDS];
};

/* What two processes say to each other: rows[type], a row without fields is no message. */
struct layout_table {
	const char *name; /* for error texts */
	const struct layout *rows;
	uint32_t n;
};

/* LAYOUT(struct x, LAYOUT_FIELD(U32, struct x, member), …) is one row; LAYOUT_FIELD_TEXT for a TEXT. */
#define LAYOUT_FIELD(kind_, type, name)                            \
	{                                                          \
		.kind = LAYOUT_##kind_, .at = offsetof(type, name) \
	}
#define LAYOUT_FIELD_TEXT(type, name)                            \
	{                                                        \
		.kind = LAYOUT_TEXT, .at = offsetof(type, name), \
		.count = sizeof(((const type *)NULL)->name)      \
	}
#define LAYOUT(type, ...)                                                      \
	{                                                                      \
		sizeof(type),                                                  \
			sizeof((const struct layout_field[]){ __VA_ARGS__ }) / \
				sizeof(struct layout_field),                   \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}

/* Send the struct of that type. -1 with e set (EINVAL: no such type; EAGAIN: the peer does not read). */
int layout_send(const struct layout_table *t, int sock, uint32_t type, const void *from,
		struct err *e) __attribute__((nonnull, warn_unused_result));

/* Fields of m into the struct of its type. -1 with e set: unknown or malformed; no fd stays open
 * then. */
int layout_take(const struct layout_table *t, struct msg *m, void *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* One layout alone, for a message that holds more than a struct: its fields are put behind what is in m,
 * or read from where m stands. After the rest has been read layout_end ends the message: -1 with e set
 * when it is malformed, then ret's fds are closed. */
void layout_put(const struct layout *l, struct msg *m, const void *from) __attribute__((nonnull));
void layout_get(const struct layout *l, struct msg *m, void *ret) __attribute__((nonnull));
int layout_end(const struct layout *l, struct msg *m, void *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
