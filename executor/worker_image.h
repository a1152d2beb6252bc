/* A job that runs in an image: having it, and what it adds to the job's steps. */
#ifndef EXECUTOR_WORKER_IMAGE_H
#define EXECUTOR_WORKER_IMAGE_H

#include "executor/image.h"
#include "executor/verdict.h"
#include "protocol/job.h"
#include "sandbox/sandbox.h"

struct worker;
struct vars;

/* name "": the job runs on the host's files. record is NULL until the image is here; hold keeps it here. */
struct worker_image {
	const struct job_image *asked;
	const struct job_credential *login; /* it alone is used; NULL: the job's */
	const char *name, *platform, *user;
	const struct image_record *record;
	int hold;
	enum image_fault fault; /* why it could not be had; IMAGE_FAULTS: not for its own sake */
};

/* What i->asked asks for, with the job's variables in it; otherwise: if it names none. -1 (EINVAL): what it
 * asks for is not allowed. */
int worker_image_name(struct worker *w, struct worker_image *i, const char *otherwise,
		      struct err *e) __attribute__((nonnull, warn_unused_result));

/* Have it here. -1 with e, and whose fault that is. */
int worker_image_have(struct worker *w, struct worker_image *i, enum ending *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The same for the job itself. -1: the verdict is set. */
int worker_image_get(struct worker *w, struct worker_image *i)
	__attribute__((nonnull, warn_unused_result));

/* The layers for the gate, one name after the other, "" the host's files; NULL with e set. */
const char *worker_image_layers(struct worker *w, const struct worker_image *i, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whom it runs as: the job's word outweighs the image's. */
const char *worker_image_user(const struct worker_image *i)
	__attribute__((nonnull, returns_nonnull));

/* The words of its entrypoint into argv, which has SANDBOX_ARGS; how many there are. The job's word outweighs
 * the image's; [""] is none. */
size_t worker_image_entrypoint(const struct worker_image *i, const char **argv)
	__attribute__((nonnull));

/* What it runs by itself. As docker does it: an entrypoint of the job's own is not given the image's command. */
int worker_image_command(const struct worker_image *i, const char *argv[SANDBOX_ARGS + 1],
			 struct err *e) __attribute__((nonnull, warn_unused_result));

/* Append the image's variables that vars does not have, and a PATH if nobody has one. */
int worker_image_environ(const struct worker_image *i, const struct vars *vars, struct buf *out,
			 struct err *e) __attribute__((nonnull, warn_unused_result));

/* The environment of a step: the image's, outweighed by the job's. */
int worker_environ(const struct worker *w, const struct vars *vars, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The command that runs the script at path: the image's entrypoint, and the shell that is there. */
int worker_command(const struct worker *w, const char *path, const char *argv[SANDBOX_ARGS + 1],
		   struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
