/*
 * Images: the messages of those who bring and unpack them, and the record that says what one is.
 *
 * A puller (role courser-puller) speaks to registries and writes blobs into the store; it sees the
 * network and the store (executor/image_store.h), no job's tree, and needs no right in the layers.
 * fds: 3 the worker, 4 the store's directory, 5 http settings (executor/fetch_settings.h), 6 image
 * settings (below).
 * IMAGE_PULL      str name, platform, auth, job_auth (docker's config.json form, "" none; before and
 *                 after the operator's own)
 * IMAGE_PROGRESS  str text                              any number, then one of
 * IMAGE_PULLED    u32 private; fd: the record, sealed
 * IMAGE_FAILED    u32 enum image_fault; str text
 *
 * An unpacker is a packer (role courser-packer, mode "store") in a user namespace of the store's ids, with
 * no network and nothing to see but the store. fds: 3 the worker, 4 the store's directory.
 * IMAGE_UNPACK    u32 private; str key; fd: the record   what is absent is unpacked, the image published
 *                                                       IMAGE_PROGRESS, IMAGE_UNPACKED, IMAGE_FAILED
 * IMAGE_TRIM      u64 bytes                              the least recently used goes until the layers
 *                                                       take no more; what is in use stays
 * IMAGE_TRIMMED   u32 images; u64 bytes
 */
#ifndef EXECUTOR_IMAGE_H
#define EXECUTOR_IMAGE_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_type {
	IMAGE_PULL = 1,
	IMAGE_UNPACK,
	IMAGE_TRIM,
	IMAGE_PROGRESS = 64,
	IMAGE_PULLED,
	IMAGE_UNPACKED,
	IMAGE_TRIMMED,
	IMAGE_FAILED,
};

/* Why an image could not be had. */
enum image_fault {
	IMAGE_CONFIG,      /* its name, platform or credentials are not what can be used */
	IMAGE_NOT_FOUND,   /* no such image, tag or digest */
	IMAGE_PLATFORM,    /* not made for this machine */
	IMAGE_AUTH,        /* the registry refuses us */
	IMAGE_UNREACHABLE, /* no answer, or broken off */
	IMAGE_DAMAGED,     /* not what its digest promised */
	IMAGE_REFUSED,     /* it holds what is not unpacked: over a limit, or hostile */
	IMAGE_DISK,
	IMAGE_INTERNAL,
	IMAGE_FAULTS
};

/* "not found", "access denied" …; whether another try may end otherwise. */
const char *image_fault_name(enum image_fault f) __attribute__((returns_nonnull));
bool image_fault_passes(enum image_fault f);

enum {
	IMAGE_LAYERS_MAX = 127,
	IMAGE_WORDS_MAX = 1024,
	IMAGE_RECORD_MAX = 2 << 20,
	IMAGE_HEX = 64, /* digits of a digest; here they are written without "sha256:" */
};

/* diff: of the unpacked tar, which names the layer; blob: of what is fetched. */
struct image_layer {
	const char *diff, *blob;
	uint64_t size; /* of the blob */
};

/* Lists of texts are what a step is made of. No string is NULL. */
struct image_record {
	const char *name;   /* in its one form, as the log shows it */
	const char *digest; /* of the manifest */
	const char *user, *workdir;
	const char *const *env, *const *entrypoint, *const *command;
	const char *const *ports;         /* exposed: "5432/tcp" */
	const struct image_layer *layers; /* bottom first, at least one */
	size_t nenv, nentrypoint, ncommand, nports, nlayers;
};

int image_record_write(const struct image_record *r, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Strings live in a. -1 (EINVAL): malformed. */
int image_record_read(const char *text, size_t n, struct arena *a, struct image_record *ret,
		      struct err *e) __attribute__((nonnull, warn_unused_result));

/* The same from a file, wherever its offset stands. */
int image_record_load(int fd, struct arena *a, struct image_record *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "12.5 MiB", "812 B": for the log. */
enum { IMAGE_SIZE_TEXT = 32 };
void image_size_text(uint64_t bytes, char out[IMAGE_SIZE_TEXT]) __attribute__((nonnull));

/* IMAGE_HEX lower-case hex digits, nothing else. */
bool image_hex_ok(const char *s) __attribute__((nonnull));

#endif
