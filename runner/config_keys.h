/* The keys of the configuration: the one table from which parser, manual and completion come. */
#ifndef RUNNER_CONFIG_KEYS_H
#define RUNNER_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_LINE,     /* const char *, printable */
	CONFIG_TEXT,     /* const char *, any lines */
	CONFIG_SECRET,   /* as LINE, never shown */
	CONFIG_PATH,     /* const char *, absolute */
	CONFIG_URL,      /* const char *, http or https */
	CONFIG_WORD,     /* const char *, one of words */
	CONFIG_CHOICE,   /* int, the index of one of words */
	CONFIG_BOOL,     /* bool */
	CONFIG_COUNT,    /* uint64_t */
	CONFIG_DURATION, /* uint64_t milliseconds; a bare number is seconds */
	CONFIG_SIZE,     /* uint64_t bytes; a bare number is units of `bare` */
	CONFIG_TIME,     /* uint64_t seconds since 1970, from RFC 3339 or a number */
	CONFIG_LIST,     /* const char *const * of printable strings, and a count */
	CONFIG_PAIRS,    /* the same of "K=V"; a list of them, or a mapping */
	CONFIG_TYPES
};

/* Whether a profile may have the key, and which of two values gives less. */
enum config_strict {
	CONFIG_NO_PROFILE,
	CONFIG_LEAST,  /* the smaller number; 0 stands for `zero` */
	CONFIG_RANKED, /* the word of the higher rank */
	CONFIG_COMMON, /* of two lists what is in both */
	CONFIG_STRICTS
};

struct config_key {
	const char *name; /* "cancel.int": the key int in the mapping cancel */
	enum config_type type;
	size_t to, count;  /* offsets: the field, and of lists its count */
	uint64_t min, max; /* COUNT; DURATION in ms; SIZE in bytes */
	uint64_t bare;
	const char *standard;     /* the default, as it would be written; "" none */
	const char *const *words; /* NULL-terminated */
	const char *doc;          /* one sentence or two, for the manual */
	enum config_strict strict;
	const int *ranks; /* RANKED: of each word */
	uint64_t zero;    /* LEAST; 0: no limit */
};

/* A level of the file: keys beside each other, all fields in one struct. A profile is what some keys of a runner
 * say, in a struct of the same kind. */
struct config_level {
	const char *name; /* "" the file, "runners" and "profiles" an item of those */
	const struct config_key *keys;
	size_t n;
	size_t size; /* of the struct */
	bool strict; /* of the keys those that a profile may have */
};

extern const struct config_level config_file_level, config_runner_level, config_profile_level;

/* "a duration" … for error texts and the manual. */
const char *config_type_name(enum config_type type) __attribute__((returns_nonnull));

/* The key of that name, '-' and '_' being the same; NULL none. */
const struct config_key *config_key_find(const struct config_level *level, const char *name)
	__attribute__((nonnull));

/* Does the level have this key of its table. */
bool config_key_belongs(const struct config_level *level, const struct config_key *k)
	__attribute__((nonnull));

/* Is there a key "prefix.…". */
bool config_key_is_prefix(const struct config_level *level, const char *prefix)
	__attribute__((nonnull));

/* The name that was probably meant; NULL when none is near. */
const char *config_key_nearest(const struct config_level *level, const char *name)
	__attribute__((nonnull));

/* Why a key of gitlab-runner that courser does not have is not there; NULL for any other name. */
const char *config_key_foreign(const char *name) __attribute__((nonnull));

#endif
