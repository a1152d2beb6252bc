/*
 * Which of the configuration's profiles a job has, and what its rights are then: of what its registration says, what
 * profiles name instead. Of several the one that gives least wins, key by key. Pure: it looks at nothing but its
 * arguments.
 */
#ifndef RUNNER_PROFILE_H
#define RUNNER_PROFILE_H

#include "base/buf.h"
#include "runner/config.h"
#include "runner/config_keys.h"

/* What is known of a job when its rights are decided. */
struct profile_facts {
	bool protected_ref, from_fork;
	const char *labels; /* that it asks for, a line each */
};

/* A profile that fits. */
struct profile_fit {
	const struct config_profile *profile;
	const char *why; /* "profile", or what of the rule stands before the last '=' */
	size_t why_n;
};

/* What is decided about: jobs of `from` in the configuration. */
struct profile_asked {
	const struct config *config;
	const struct config_runner *from;
	const struct profile_facts *facts; /* NULL: what holds for every job */
};

struct profile_choice {
	struct config_runner rights; /* the registration, with what the profiles change */
	struct profile_fit fits[CONFIG_PROFILES_MAX];
	size_t n;
	unsigned char by[CONFIG_RUNNER_KEYS_MAX]; /* 1 + the fit that a key's value comes from */
};

/* The profile's name in "WHEN=PROFILE". NULL with e set: WHEN is nothing that can be asked. */
const char *profile_rule_check(const char *rule, struct err *e) __attribute__((nonnull));

/* Whether jobs of the registration may have profiles at all. */
bool profile_is_asked(const struct config_runner *from) __attribute__((nonnull));

/* Lists that are made live in a; the rest is borrowed from the configuration. */
int profile_choose(const struct profile_asked *q, struct arena *a, struct profile_choice *ret,
		   struct err *e) __attribute__((nonnull, warn_unused_result));

/* "untrusted (fork), base (profile)", "none". */
int profile_names(const struct profile_choice *c, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Keys that give more than the registration itself: "isolation, limits.memory"; nothing when there is none. */
int profile_weaker(const struct profile_choice *c, const struct config_runner *from,
		   struct buf *out, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The key's value as it would be written in a file; lists in brackets. */
int profile_value(const struct config_key *k, const struct config_runner *of, struct buf *out,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
