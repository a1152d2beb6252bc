/* What has the form of a credential is masked although nobody registered it. */
#ifndef EXECUTOR_REDACT_PATTERN_H
#define EXECUTOR_REDACT_PATTERN_H

#include "executor/redact_automaton.h"
#include "executor/redact_range.h"

enum { PATTERN_KINDS = 12, PATTERN_LABEL = 48, PATTERN_PREFIXES = 64 };

/* The words that patterns begin with; immutable once built. */
struct pattern_set {
	struct automaton words; /* over bytes in lower case */
	struct needle *needles; /* of words; kept for those who filter ahead of us */
	size_t nneedles;
	uint8_t *kinds;    /* by state of words: the kind of pattern that begins there, + 1 */
	uint16_t *classes; /* by byte: what it can be part of */
};

/* prefixes: further words whose following token is masked; NULL-terminated, lower or upper case. */
int pattern_build(struct pattern_set *s, const char *const *prefixes, struct redact_region *r,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* One pattern that has begun. */
struct pattern_run {
	uint8_t phase;
	bool sure; /* it masks; else it may yet, from hold on */
	bool basic, touched;
	uint16_t n, since;
	uint64_t start, last, hold;
	char label[PATTERN_LABEL];
};

/* Where one pass over a stream stands. Starts as pattern_reset leaves it. */
struct pattern {
	uint32_t state;
	unsigned char before[2]; /* the last two bytes */
	uint16_t active;         /* bits: kinds that have begun */
	uint64_t ring[64];       /* offsets of the last bytes */
	uint64_t seen;
	struct pattern_run runs[PATTERN_KINDS];
};

enum { PATTERN_RING = 64 };

void pattern_reset(struct pattern *p) __attribute__((nonnull));

/* The next byte c (white space is ' '), which stands at offset at. */
void pattern_step(const struct pattern_set *s, struct pattern *p, unsigned char c, uint64_t at,
		  struct ranges *hits) __attribute__((nonnull));

/* A registered value was found that ends at offset to. */
void pattern_touched(struct pattern *p, uint64_t to) __attribute__((nonnull));

/* No byte follows: what waited for its end is decided. cut: as for redactor_flush. */
void pattern_end(struct pattern *p, bool cut, struct ranges *hits) __attribute__((nonnull));

/* The offset from which bytes may still become part of a hit; UINT64_MAX none. */
uint64_t pattern_hold(const struct pattern_set *s, const struct pattern *p)
	__attribute__((nonnull));

/* The length of the longest word that p[0..n) begins with and that is worth a look, 0 none. */
size_t pattern_begins(const struct pattern_set *s, const unsigned char *p, size_t n)
	__attribute__((nonnull));

#endif
