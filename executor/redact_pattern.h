/* What has the form of a credential is masked although nobody registered it. */
#ifndef EXECUTOR_REDACT_PATTERN_H
#define EXECUTOR_REDACT_PATTERN_H

#include "executor/redact_dense.h"
#include "executor/redact_range.h"
#include "executor/redact_words.h"

enum { PATTERN_LABEL = 48, PATTERN_RING = WORD_MAX };

/* One pattern that has begun. Counts are of the pattern's bytes. */
struct pattern_run {
	uint8_t phase, mode;
	bool basic, begun, touched;
	uint8_t n, since;
	uint64_t from;        /* bytes before the first of this phase */
	uint64_t due;         /* after so many the run looks, whatever the byte is */
	uint64_t mark;        /* of a key: bytes before those that may prove it, or that did */
	uint64_t start, hold; /* what is masked then; what may be, from there on */
};

/* Where one pass over a stream stands. Starts as pattern_reset leaves it. */
struct pattern {
	uint32_t state;
	uint32_t modes;              /* bits: those of the runs that have begun */
	uint64_t due;                /* no run is due before */
	uint64_t seen;               /* bytes */
	uint16_t active;             /* bits: kinds that have begun */
	uint16_t sure;               /* of them: those that mask all until they end */
	uint8_t run;                 /* bytes without white space before the first of them */
	uint64_t sure_to;            /* so far to this offset */
	uint64_t ring[PATTERN_RING]; /* the last bytes: offset << 8 | byte */
	struct pattern_run runs[KINDS];
};

void pattern_reset(struct pattern *p) __attribute__((nonnull));

/* As new, but behind this. */
void pattern_start(struct pattern *p, struct dense_back before) __attribute__((nonnull));

/* Whether the byte at offset at is one of the last few. */
bool pattern_knows(const struct pattern *p, uint64_t at) __attribute__((nonnull));

/* What is before the byte at offset at, one of the last few; before the next one otherwise. */
struct dense_back pattern_before(const struct pattern *p, uint64_t at) __attribute__((nonnull));

/*
 * For every byte of text (white space is ' '): step p->state by it in s->lower, put last, its offset << 8
 * | the byte, into p->ring[p->seen++ % PATTERN_RING]. Then pattern_go_on if p->modes has one in which the
 * byte is not dull or p->seen is p->due, and pattern_begin if something ends in the state. The caller
 * does that, who has better places for them than memory; and before anybody looks, pattern_flush. A word
 * that starts from offset limit on begins nothing.
 */
void pattern_go_on(const struct words *s, struct pattern *p, uint64_t last, struct ranges *hits)
	__attribute__((nonnull));
void pattern_begin(const struct words *s, struct pattern *p, uint64_t last, uint64_t limit,
		   struct ranges *hits) __attribute__((nonnull));
void pattern_flush(struct pattern *p, struct ranges *hits) __attribute__((nonnull));

/* A registered value was found that ends at offset to. */
void pattern_touched(struct pattern *p, uint64_t to) __attribute__((nonnull));

/* No byte follows: what waited for its end is decided. cut: as for redactor_flush. */
void pattern_end(const struct words *s, struct pattern *p, bool cut, struct ranges *hits)
	__attribute__((nonnull));

/* The offset from which bytes may still become part of a hit; UINT64_MAX none. */
uint64_t pattern_hold(const struct words *s, const struct pattern *p) __attribute__((nonnull));

#endif
