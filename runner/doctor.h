/* Whether this host can run jobs, check by check, each with what was found in words. */
#ifndef RUNNER_DOCTOR_H
#define RUNNER_DOCTOR_H

#include "base/err.h"
#include "runner/config.h"

#include <stddef.h>

/* FAIL: no job can run. WARN: something degrades, or one thing of several does not work. */
enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor {
	const struct config *config; /* NULL: it could not be read */
	const char *config_path, *config_error;
	const char *state;
	enum doctor_level worst;
	/* Called for each finding; name is the check's, text one line. */
	void (*found)(void *arg, const char *name, enum doctor_level level, const char *text);
	void *arg;
};

/* Make every check. */
void doctor_examine(struct doctor *d) __attribute__((nonnull));

/* One finding. */
void doctor_say(struct doctor *d, const char *name, enum doctor_level level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), nonnull));

/* "ok", "warn", "fail". */
const char *doctor_level_name(enum doctor_level level) __attribute__((returns_nonnull));

/* Parts of it: a real sandbox is made and /bin/true run in it (doctor_sandbox.c); the coordinators are
 * asked (doctor_forge.c). */
void doctor_sandbox(struct doctor *d) __attribute__((nonnull));
void doctor_forges(struct doctor *d) __attribute__((nonnull));

#endif
