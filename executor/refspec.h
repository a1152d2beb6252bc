/* Refspecs as a forge sends them, and how they map: server's name, mirror's name (the same), name in
 * a job's clone. Pure text; the rules are stricter than git's where a forge never needs more. */
#ifndef EXECUTOR_REFSPEC_H
#define EXECUTOR_REFSPEC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REF_NAME_MAX = 1024, SHA1_HEX = 40 };

/* "+src:dst". src is a ref, a pattern "refs/…/" and a star or 40 hex digits (oid); both sides of a pattern end
 * in the star, which is not counted in their lengths. Borrowed from the text. */
struct refspec {
	const char *src, *dst;
	size_t nsrc, ndst;
	bool glob, oid;
};

/* -1 with e saying what is wrong: no dst, not below refs/, a name that git refuses, a star elsewhere
 * than at the end, a negative refspec. */
int refspec_parse(struct refspec *ret, const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether the server's ref name is fetched by s. Never for an oid. */
bool refspec_matches(const struct refspec *s, const char *name) __attribute__((nonnull));

/* What the server's ref name (which matches) is called in the clone, into out; false: too long. */
bool refspec_local(const struct refspec *s, const char *name, char *out, size_t size)
	__attribute__((nonnull));

/* Whether name is "refs/…" and git's rules for names hold (check-ref-format). */
bool ref_name_ok(const char *name, size_t n) __attribute__((nonnull));

/* Exactly 40 lower-case hex digits. */
bool ref_is_sha1(const char *s, size_t n) __attribute__((nonnull));

/* A number for a list of refspecs, the same for the same list. */
uint64_t refspec_hash(const char *const *texts, size_t n) __attribute__((nonnull(1)));

#endif
