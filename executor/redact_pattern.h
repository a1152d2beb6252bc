/* What has the form of a credential is masked although nobody registered it. */
#ifndef EXECUTOR_REDACT_PATTERN_H
#define EXECUTOR_REDACT_PATTERN_H

#include "executor/redact_dense.h"
#include "executor/redact_lane.h"
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
	uint32_t modes;                   /* bits: those of the runs that have begun */
	uint64_t due;                     /* no run is due before */
	uint64_t seen;                    /* bytes */
	uint16_t active;                  /* bits: kinds that have begun */
	uint16_t sure;                    /* of them: those that mask all until they end */
	uint8_t run;                      /* bytes without white space before the first of them */
	uint64_t sure_to;                 /* so far to this offset */
	unsigned char ring[PATTERN_RING]; /* the last bytes */
	struct pattern_run runs[KINDS];
};

/* A byte on its way through the machines, and the run that it is for. */
struct symbol {
	unsigned char c;
	uint16_t class;
	uint64_t at;
	uint64_t before; /* where the last byte before it ends */
	unsigned slot;
	struct pattern *p;
	struct ranges *hits;
	const struct words *words;
	const struct lane *text; /* its last byte is this one */
};

void pattern_reset(struct pattern *p) __attribute__((nonnull));

/* As new, but behind this. */
void pattern_start(struct pattern *p, struct dense_back before) __attribute__((nonnull));

/* What is before the last `back` bytes, fewer than PATTERN_RING. */
struct dense_back pattern_before(const struct pattern *p, unsigned back) __attribute__((nonnull));

/*
 * For every byte of text (white space is ' '): step p->state by it in s->lower, put it into
 * p->ring[p->seen++ % PATTERN_RING]. Then pattern_go_on if p->modes has one in which the byte is not dull
 * or p->seen is p->due, and pattern_begin if something ends in the state. The caller does that, who has
 * better places for them than memory; and before anybody looks, pattern_flush, with the offset behind the
 * last byte. A word that starts from offset limit on begins nothing.
 */
void pattern_go_on(struct symbol *s) __attribute__((nonnull));
void pattern_begin(struct symbol *s, uint64_t limit) __attribute__((nonnull));
void pattern_flush(struct pattern *p, struct ranges *hits, uint64_t to) __attribute__((nonnull));

/* A registered value was found that ends at offset to. */
void pattern_touched(struct pattern *p, uint64_t to) __attribute__((nonnull));

/* No byte follows s, the last one: what waited for its end is decided. cut: as for redactor_flush. */
void pattern_end(struct symbol *s, bool cut) __attribute__((nonnull));

/* The offset from which bytes may still become part of what a run masks; UINT64_MAX none. */
uint64_t pattern_hold(const struct pattern *p) __attribute__((nonnull));

#endif
