/*
 * The variables of a job: a set in which a later definition wins, expanded once, as GitLab users
 * know it.
 *
 * Expansion is one pass over every value that is not raw, with Go's os.Expand syntax: $X and ${X}
 * become the value of X as it was defined (not expanded again), or the path of its file if X is a
 * file variable; an unknown name becomes nothing, $$ becomes $, $1 $@ $? $# $* $! $- become
 * nothing, "${}" and the "${" of an unclosed one vanish, a $ before anything else stays. $(…) is
 * untouched.
 */
#ifndef EXECUTOR_VARS_H
#define EXECUTOR_VARS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/secret.h"
#include "protocol/job.h"

#include <stdbool.h>
#include <stddef.h>

/* FINAL: later definitions of the key are ignored (but masked all the same). */
enum var_flag {
	VAR_PUBLIC = 1 << 0,
	VAR_MASKED = 1 << 1,
	VAR_RAW = 1 << 2,
	VAR_FILE = 1 << 3,
	VAR_FINAL = 1 << 4,
};

/* value: as defined, n bytes and a '\0'. content: after expansion; what a file variable's file
 * holds. env: what the job sees in its environment: content, or the file's path. content and env
 * are NULL until vars_resolve. Only a file variable may hold a NUL. */
struct var {
	const char *key, *value, *content, *env;
	size_t n, content_n;
	unsigned flags;
};

enum {
	VARS_ENTRY_MAX = 128 << 10, /* "KEY=value" and its '\0': the kernel's MAX_ARG_STRLEN */
	VARS_ENVIRON_MAX =
		1920 << 10,          /* all entries and their pointers: 2 MiB less room for argv */
	VARS_EXPANDED_MAX = 8 << 20, /* one value after expansion */
};

struct vars;

/* An empty set whose memory is a's. NULL with e set. */
struct vars *vars_new(struct arena *a, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Define a variable; strings are copied. Refused (EINVAL): an empty key, a '=' in it, a NUL in the
 * value of a variable that is no file, a file variable whose key is no file name. */
int vars_set(struct vars *v, const char *key, const char *value, unsigned flags, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int vars_set_secret(struct vars *v, const char *key, const struct secret *value, unsigned flags,
		    struct err *e) __attribute__((nonnull, warn_unused_result));
int vars_add(struct vars *v, const struct job_var *var, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A value that must be masked although no variable has it: a part of a secret. */
int vars_mask(struct vars *v, const void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Expand everything that was defined until now: fills content and env. May be called again after
 * more definitions. An error names the variable. */
int vars_resolve(struct vars *v, struct err *e) __attribute__((nonnull, warn_unused_result));

/* text expanded with what the job sees (with the values as defined where vars_resolve has not
 * been); memory is a's. NULL with e set. */
const char *vars_expand(const struct vars *v, struct arena *a, const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The variable of that name (its last definition), NULL when there is none. */
const struct var *vars_find(const struct vars *v, const char *key) __attribute__((nonnull));

/* What the job sees as $key: env if resolved, else value; "" when there is none. */
const char *vars_get(const struct vars *v, const char *key)
	__attribute__((nonnull, returns_nonnull));

/* The set in order of first definition: i in [0, vars_count). */
size_t vars_count(const struct vars *v) __attribute__((nonnull));
const struct var *vars_at(const struct vars *v, size_t i) __attribute__((nonnull, returns_nonnull));

/* Call add for every value that must be masked: of each masked definition, overridden ones too, the
 * value as defined and, where it differs, as expanded. Empty ones are left out. Stops at add's
 * first -1. */
int vars_masked(const struct vars *v, int (*add)(void *arg, const char *p, size_t n, struct err *e),
		void *arg, struct err *e) __attribute__((nonnull(1, 2, 4), warn_unused_result));

/* "KEY=value\0" of every variable appended to out, in order. Resolved before by the caller. An
 * entry over VARS_ENTRY_MAX or a total over VARS_ENVIRON_MAX cannot be given to a process: E2BIG,
 * with the variable named. */
int vars_environ(const struct vars *v, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
