/*
 * Secrets in a job's output become a fixed mask before anything else touches the bytes.
 *
 * A redact_set is what is looked for: the needles of one job, compiled once and then immutable. A
 * redactor is one stream that is searched for them; streams share a set. What comes out does not
 * depend on how the input was cut into pieces.
 *
 * Found are values that were registered, raw and in the encodings that tools print them in, through
 * colour codes, NULs and wrapping; and, registered or not, what has the form of a credential (token
 * prefixes, JWTs, private keys, passwords in URLs, signatures in queries, authorization headers).
 * A value in base64 or hex is found across the end of a line when that may be a wrap: at least 16 bytes
 * without white space stand before it. So the last letters of a line of words need not wait for the
 * next line. Spaces and tabs within a line do not matter.
 *
 * Not found: reversed, compressed or encrypted text, other character sets, base32, parts of a value,
 * and a value with terminal escapes in it that is printed inside another escape.
 */
#ifndef EXECUTOR_REDACT_H
#define EXECUTOR_REDACT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	REDACT_SHORT = 4,   /* shorter values are not masked */
	REDACT_ENCODED = 6, /* shorter ones are masked as they are, not encoded */
	REDACT_LINE = 8,    /* shortest line or JSON string that is a needle of its own */
	REDACT_LONGEST =
		64 << 10, /* of longer values the first and last half of this is looked for */
	REDACT_MEMORY = 4 << 20, /* a set's memory */
	REDACT_MASK_MAX = 32,
	REDACT_PREFIX_MAX = 64,
};

struct redact_opts {
	const char *mask; /* NULL: "[MASKED]"; at most REDACT_MASK_MAX bytes */
	bool short_fails; /* a value shorter than REDACT_SHORT is an error, not a warning */
};

struct redact_set;
struct redactor;

/* An empty set. opts may be NULL. NULL with e set. */
struct redact_set *redact_set_new(const struct redact_opts *opts, struct err *e)
	__attribute__((nonnull(2), warn_unused_result));

/*
 * Look for the n bytes of value, any bytes, white space around them ignored; empty is fine. Bytes are
 * copied. name is for warnings: they never hold the value. What finds no room in REDACT_MEMORY is not
 * masked, or not in all of its forms, and the warnings say so; small values come before large ones. -1: out of memory, the set is already
 * built, or the value is short and short_fails; the set is unchanged in what it held before.
 */
int redact_set_add(struct redact_set *s, const char *name, const void *value, size_t n,
		   struct err *e) __attribute__((nonnull(1, 2, 5), warn_unused_result));

/* Mask what follows prefix (features.token_mask_prefixes). One that is empty, longer than
 * REDACT_PREFIX_MAX or not printable ASCII without spaces is an error (EINVAL). */
int redact_set_prefix(struct redact_set *s, const char *prefix, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Compile. Afterwards the set is immutable and may be used by redactors. */
int redact_set_build(struct redact_set *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A new set, not built, that looks for all that s does: add to it, build it, redactor_switch to it.
 * NULL with e set. */
struct redact_set *redact_set_more(const struct redact_set *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Wipes. NULL is fine. No redactor may still use it. */
void redact_set_free(struct redact_set *s);

/* What the job should be told about its values: lines "NAME: what is wrong", "" when nothing is.
 * Complete once built. Borrowed. */
const char *redact_set_warnings(const struct redact_set *s)
	__attribute__((nonnull, returns_nonnull));

/* False: the memory limit did not allow keeping the needles out of swap; the caller says it once. */
bool redact_set_locked(const struct redact_set *s) __attribute__((nonnull));

/* Bytes of memory in use, at most REDACT_MEMORY; number of distinct needles once built. */
size_t redact_set_memory(const struct redact_set *s) __attribute__((nonnull));
size_t redact_set_needles(const struct redact_set *s) __attribute__((nonnull));

/* One stream; the set is borrowed and built. One for each file descriptor. NULL with e set. */
struct redactor *redactor_new(const struct redact_set *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * Redact n more bytes; what is certain is appended to out. Held back is what may still become a hit:
 * from where one may have begun, at most a needle and the escapes in it. -1: out's limit or memory;
 * the stream cannot go on then.
 */
int redactor_feed(struct redactor *r, const void *in, size_t n, struct buf *out, struct err *e)
	__attribute__((nonnull(1, 4, 5), warn_unused_result));

/* The stream has ended: append what was held back. cut: it was not the job's own end (log limit,
 * kill), so the beginning of a secret is masked like a whole one. The redactor starts anew. */
int redactor_flush(struct redactor *r, bool cut, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* From here on look for what next holds, which redact_set_more has made from the set so far; bytes
 * that are held back are searched again. */
int redactor_switch(struct redactor *r, const struct redact_set *next, struct buf *out,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* Nothing is held back, and nothing that was read matters for what comes: a new redactor would do as well. */
bool redactor_is_new(const struct redactor *r) __attribute__((nonnull));

/* Wipes. NULL is fine. */
void redactor_free(struct redactor *r);

#endif
