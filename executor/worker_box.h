/* The job's sandbox as its worker holds it: asked for early, waited for late, proven empty at the end. */
#ifndef EXECUTOR_WORKER_BOX_H
#define EXECUTOR_WORKER_BOX_H

#include "base/loop.h"
#include "executor/denials.h"
#include "executor/gate_box.h"
#include "executor/usage.h"
#include "sandbox/sandbox.h"

struct worker;
struct worker_image;

struct worker_box {
	const struct worker_image *image; /* what it shows; its name is "" of the host's files */
	const char *files_dir;            /* where init writes files, inside */
	int init;                         /* socket of courser-init, -1 none */
	int pidfd;                        /* of courser-init: readable when the sandbox is empty */
	struct source src;                /* of init */
	struct source refused; /* the listener of calls that are refused within; fd -1 none */
	struct denials denials;
	struct usage usage;
	bool measured;
	struct loop *loop;
	bool ready, dead;
	void (*event)(void *arg, const struct sandbox_event *ev); /* NULL: nobody is interested */
	void *arg;
	unsigned files;  /* file variables that init has not written yet */
	char error[256]; /* what init could not do, "" nothing */
	bool wiped;
	bool snapshot; /* the tree of its key is at GATE_SNAPSHOT_AT */
	bool copied;
	char copy_error[256];
	struct {
		bool answered;
		int fd;
		int code; /* errno */
		char error[256];
	} opened; /* what worker_box_read waits for */
};

/* Ask for the sandbox; nothing is waited for. */
int worker_box_ask(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Wait for it. */
int worker_box_open(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));
/* The second half of that for any sandbox, whose init and pidfd are b's: it is ready then. -1: the caller ends it. */
int worker_box_begin(struct worker *w, struct worker_box *b, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Ask for one beside the job's: its init and the pidfd of it. */
int worker_box_beside(struct worker *w, const struct gate_service *g, int *ret_init, int *ret_pidfd,
		      struct err *e) __attribute__((nonnull, warn_unused_result));
/* End everything in it and wait until it is empty. */
void worker_box_end(struct worker *w, struct worker_box *b) __attribute__((nonnull));

/* The next three are about the sandbox of the step under way. Write a file into its files_dir. */
int worker_box_file(struct worker *w, const char *name, const void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Wait until init has written them all. */
int worker_box_files_wait(struct worker *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* What the job's file path beneath the directory dir holds, to out: job-controlled bytes, at most out->max. -1: it
 * is not there or no file (ENOENT …), has more (E2BIG), or init is gone (EPIPE). */
int worker_box_read(struct worker *w, const char *dir, const char *path, struct buf *out,
		    struct err *e) __attribute__((nonnull, warn_unused_result));
/* End everything in it but init, and be sure of it: nothing of the job moves any more. */
int worker_box_quiet(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Copy the tree that it shows to the project directory. */
int worker_box_copy(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));
/* End everything in it, delete the job's tree from inside, and wait until it is empty. */
void worker_box_close(struct worker *w) __attribute__((nonnull));

#endif
