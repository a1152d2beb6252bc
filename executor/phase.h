/* The phases of a job: one table of names, used in logs, results, journals and metrics. */
#ifndef EXECUTOR_PHASE_H
#define EXECUTOR_PHASE_H

enum phase {
	PHASE_QUEUE,   /* in the forge's queue, as the forge says */
	PHASE_PREPARE, /* payload, variables, sandbox */
	PHASE_SECRETS,
	PHASE_SOURCES,
	PHASE_STEPS,
	PHASE_AFTER,
	PHASE_UPLOAD,
	PHASE_CLEANUP,
	PHASES
};

/* "queue", "prepare" …; never NULL. */
const char *phase_name(enum phase p) __attribute__((returns_nonnull));

/* The phase of that name, or PHASES. */
enum phase phase_named(const char *name) __attribute__((nonnull));

#endif
