/* The roles that carry a job's files, as its worker holds them. */
#ifndef EXECUTOR_WORKER_ROLES_H
#define EXECUTOR_WORKER_ROLES_H

#include "executor/archiver.h"
#include "executor/worker.h"

/* What they share while artifacts or caches are moved: asked for when first needed. */
struct worker_roles {
	int archiver, carrier, storer; /* sockets, -1 none yet */
};

#define WORKER_ROLES                                        \
	{                                                   \
		.archiver = -1, .carrier = -1, .storer = -1 \
	}

/* The socket, borrowed. -1 with e set. */
int worker_archiver(struct worker *w, struct worker_roles *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int worker_carrier(struct worker *w, struct worker_roles *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int worker_storer(struct worker *w, struct worker_roles *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* They end. */
void worker_roles_done(struct worker_roles *r) __attribute__((nonnull));
#define autoroles __attribute__((cleanup(worker_roles_done))) struct worker_roles

/* A new file without a name, the caller's. */
int worker_spool(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The next message on sock of who. -1: the job is to end (ECANCELED), or who has died. */
int worker_hear(struct worker *w, int sock, const char *who, struct msg *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What a role came to. fault: of a failure. found: of packing, how many entries. */
struct worker_heard {
	struct archiver_result result;
	enum sources_fault fault;
	uint64_t found, bytes;
	int stamps; /* of a restore, the caller's; else as it was */
	char text[256];
};

/* Listen to an archiver: its lines are said. 1: it has found what to pack, listen again; 0 its end; -1
 * it failed. */
int worker_hear_archiver(struct worker *w, int sock, struct worker_heard *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Listen to a carrier to its end: its notes are said. 0, or -1 it failed. */
int worker_hear_carrier(struct worker *w, int sock, struct worker_heard *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
