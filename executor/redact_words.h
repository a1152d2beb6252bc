/* The words that patterns begin with, and what each byte can be part of. */
#ifndef EXECUTOR_REDACT_WORDS_H
#define EXECUTOR_REDACT_WORDS_H

#include "executor/redact_automaton.h"

#include <stdbool.h>

enum { WORDS_PREFIXES = 64, WORD_MAX = 64 };

/* What a word begins; each has a machine of its own. */
enum kind { PREFIX, LONG, NPM, PYPI, AWS, DOT, JWT, USER, PARAM, HEADER, HEADER_TOO, KEY, KINDS };
/* Words that begin no run of their own kind. */
enum { AUTHORIZATION = KINDS, KEY_END };

/* Classes of bytes, bits. */
enum {
	C_ALNUM = 1,
	C_UPPER = 2,
	C_TOKEN = 4,
	C_BASE64 = 8,
	C_JWT = 16,
	C_USER = 32,
	C_PASS = 64,
	C_PARAM = 128,
	C_VALUE = 256,
	C_WORD = 512,
	C_LABEL = 1024,
	C_DOT = 2048,
	C_ANY = 4096,
};

/* What has to follow a word: so many bytes of a class. */
struct words_run {
	uint16_t class, min;
};
extern const struct words_run words_runs[KINDS];

/*
 * What a run that has begun waits for, a bit each: a byte that is dull in its mode only makes it longer.
 * The first are numbered as the kinds are; those of ALERT + kind find no byte dull.
 */
enum {
	SCHEME = HEADER,
	SCHEME_TOO = HEADER_TOO,
	LABEL = KEY,
	ALERT = KINDS,
	JWT_HEAD = ALERT + KINDS,
	USER_PASS,
	VALUE,
	VALUE_TOO,
	END_LABEL,
	NO_END, /* every byte is dull */
	MODES
};

/* Immutable once built; lies in the region. */
struct words {
	struct automaton lower; /* over bytes in lower case */
	struct needle *needles; /* of it; kept for what filters ahead of it */
	size_t nneedles;
	uint8_t *kinds;      /* by state: the kind that begins there, + 1 */
	uint16_t *classes;   /* by byte */
	uint32_t dull[256];  /* by byte: bits, the modes in which it is */
	uint8_t folded[256]; /* by byte: in lower case */
};

/* prefixes: further words whose following token is masked; NULL-terminated. -1: no room. */
int words_build(struct words *s, const char *const *prefixes, struct redact_region *r,
		struct err *e) __attribute__((nonnull, warn_unused_result));

/* How many bytes p[0..n), text without white space, has of a word that begins there and is followed by
 * what could make it a hit; 0: none is. What lies behind n is taken to fit. */
size_t words_begin(const struct words *w, const unsigned char *p, size_t n)
	__attribute__((nonnull));

static inline unsigned char words_lower(unsigned char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

#endif
