/* One reading of a stream: where the automata of both lanes and the patterns stand in it. */
#ifndef EXECUTOR_REDACT_SCAN_H
#define EXECUTOR_REDACT_SCAN_H

#include "executor/redact_set.h"

struct within;
struct scan {
	struct lane lanes[LANES];
	struct pattern pattern;
	struct ranges *hits;   /* what is found goes there */
	uint64_t limit;        /* a needle that begins from here on is another reading's */
	uint64_t again_to;     /* patterns have seen what stands before this */
	uint64_t width_from;   /* bytes of the dense lane before the last white space */
	bool space;            /* the last byte was white space */
	bool wraps;            /* what stood before the last white space is long enough for that */
	bool found;            /* a needle was; latched until somebody looks */
	bool stops;            /* before an escape */
	struct within *within; /* reads escapes; NULL: they are text */
};

/* Starts zeroed; again with another set: the states then mean nothing until scan_reset. */
int scan_init(struct scan *s, const struct redact_set *set, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void scan_done(struct scan *s) __attribute__((nonnull));

/* Nothing has begun. */
void scan_reset(struct scan *s) __attribute__((nonnull));

/* Nothing has begun behind this. */
void scan_start(struct scan *s, struct dense_back before) __attribute__((nonnull));

/* After scan_init: lanes read again what patterns have read, [from, to). */
void scan_again(struct scan *s, uint64_t from, uint64_t to) __attribute__((nonnull));

/* How many bytes have come since the last white space. */
static inline uint64_t scan_width(const struct scan *s)
{
	return s->lanes[LANE_DENSE].seen - s->width_from;
}

/* So many have. */
void scan_width_set(struct scan *s, uint64_t n) __attribute__((nonnull));

/* Read p[0..n), which stands at offset at, as text, and the escapes that begin in it. Returns how many bytes that
 * were: fewer than n when an escape is not all there, or one stops it. */
size_t scan_run(const struct redact_set *set, struct scan *s, const unsigned char *p, size_t n,
		uint64_t at) __attribute__((nonnull));

/* What is found so far is among the hits. */
void scan_flush(struct scan *s) __attribute__((nonnull));

/* No byte follows: patterns are decided. cut: as for redactor_flush. */
void scan_end(const struct redact_set *set, struct scan *s, bool cut) __attribute__((nonnull));

/* What was before offset x, one of the last few; false: it is not known. */
bool scan_before(const struct scan *s, uint64_t x, struct dense_back *ret)
	__attribute__((nonnull, warn_unused_result));

/* Where the oldest match that is not yet one may have begun; UINT64_MAX nowhere. next: the offset
 * that s reads next. */
uint64_t scan_hold(const struct redact_set *set, const struct scan *s, uint64_t next)
	__attribute__((nonnull));

/* A match that began more than max bytes before next is given up, for shorter ones that began later. */
void scan_limit(const struct redact_set *set, struct scan *s, uint64_t next, uint64_t max)
	__attribute__((nonnull));

/* The stream was cut at next: what has matched half of a needle, and at least least bytes, is a hit. */
void scan_cut(const struct redact_set *set, struct scan *s, uint64_t next, uint32_t least)
	__attribute__((nonnull));

#endif
