/*
 * The reading from within an escape: what a terminal would swallow is still in the log, so the bytes of
 * an escape and the text behind it are looked at as if they were all text. What begins behind the escape
 * is the main reading's.
 */
#ifndef EXECUTOR_REDACT_WITHIN_H
#define EXECUTOR_REDACT_WITHIN_H

#include "executor/redact_scan.h"

enum { WITHIN_MAX = 256 << 10 }; /* what has not become a hit within this does not */

struct within {
	bool reads;             /* something that began in the escape goes on */
	const unsigned char *p; /* what is there from `from` on */
	size_t n;
	const unsigned char *end; /* of all there is */
	bool last;                /* nothing will come behind it */
	uint64_t from, to;        /* the escape */
	uint64_t pos;             /* the next byte to read */
	uint64_t seen[LANES];     /* bytes of the lanes of scan up to `to` */
	struct scan scan;
	struct ranges *hits;
	struct ranges spoiled; /* escapes that have a hit in them */
};

/* The escape at p, which stands at offset at, width is what the main reading has before it: reads as far as
 * anything needs, at most to the next escape. The caller has set end and last. Returns its length; 0: not all
 * of it is there. */
size_t within_escape(struct within *w, const struct redact_set *set, const unsigned char *p,
		     uint64_t at, uint64_t width) __attribute__((nonnull));

/* There is more text: the caller has set p and n. */
void within_more(struct within *w, const struct redact_set *set) __attribute__((nonnull));

/* The next escape, or the end of the stream. */
void within_end(struct within *w, const struct redact_set *set, bool cut) __attribute__((nonnull));

#endif
