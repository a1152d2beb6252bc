/* The registrations of the configuration as the daemon works with them: a stable index for each name,
 * what the courier is told, what their jobs get. Replaced whole by a reload; jobs that run keep what
 * they started with. */
#ifndef RUNNER_REGISTRY_H
#define RUNNER_REGISTRY_H

#include "runner/config.h"
#include "runner/courier.h"
#include "runner/slot.h"

struct registry_row {
	uint32_t idx;
	bool gone;  /* no longer in the configuration */
	bool spent; /* it was for one job, and has had it */
	struct courier_registration wire;
	struct settings settings;
	struct slot_options slot;
	char short_token[16];
};

/* The configuration that is in force, and what was made of it. Kept while a job uses it. */
struct registry {
	struct arena arena;
	const struct config *config;
	struct registry_row *rows;
	size_t n;
	const char *const *certificates; /* directories that the courier must read; ended by NULL */
	unsigned users;                  /* jobs that hold pointers into it */
};

/* Load the file at path with overrides (NULL-terminated, or NULL). before: the registry whose indices
 * are kept (NULL none). NULL with every error in errors, a line each. */
struct registry *registry_load(const char *path, const char *const *overrides,
			       const struct registry *before, struct buf *errors)
	__attribute__((nonnull(1, 4), warn_unused_result));
void registry_free(struct registry *r);

/* One row, from what is configured; r->idx stays. Texts live in a. */
int registry_row_fill(struct registry_row *r, const struct config *c,
		      const struct config_runner *from, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Fill in what is the machine's, not the file's. */
void registry_identify(struct registry *r, const char *system_id, const char *hostname)
	__attribute__((nonnull));

/* Tokens of the state directory that are newer than the configuration's. */
int registry_renew(struct registry *r, int state_dir, struct err *e)
	__attribute__((nonnull, warn_unused_result));

const struct registry_row *registry_at(const struct registry *r, uint32_t idx)
	__attribute__((nonnull));
/* A job of that registration has begun. */
void registry_begun(struct registry *r, uint32_t idx) __attribute__((nonnull));
/* There are registrations, and each was for one job that has come: no other will. */
bool registry_is_spent(const struct registry *r) __attribute__((nonnull));
const struct registry_row *registry_named(const struct registry *r, const char *name)
	__attribute__((nonnull));

#endif
