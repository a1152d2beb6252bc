/* One request of a fetcher while it is served: what its parts share. */
#ifndef EXECUTOR_GIT_WORK_H
#define EXECUTOR_GIT_WORK_H

#include "executor/fetch.h"
#include "executor/fetch_settings.h"
#include "executor/refspec.h"

#include <stdatomic.h>

/* In memory shared by the process that works and the one that watches it. moved_ms: when something
 * last came from the server (clock_ms). waiting: for another fetcher's lock, so that silence is no
 * stall. ended: the answer has been sent. */
struct fetch_watch {
	_Atomic uint64_t moved_ms;
	_Atomic int waiting, ended;
};

struct git_repository;

/* What a server has of the names that a ref may mean (executor/git_listing.h). */
enum { GIT_LISTING_ROWS = 5 };
struct git_listing {
	char sha[GIT_LISTING_ROWS][FETCH_SHA];
	char head[FETCH_REF]; /* the branch that HEAD stands for */
};

/* r: the request, its sha filled in once it is known, and the refspec of its ref; specs has room for
 * it. dir: the mirror's directory, also the working directory. lock: -1 until it is held. */
struct git_work {
	struct arena arena;
	struct fetch_request *r;
	const struct fetch_settings *settings;
	struct refspec *specs;
	struct fetch_watch *watch;
	int sock, dir, lock;
	struct git_repository *repo;
	bool fresh;  /* nothing was in the mirror */
	bool listed; /* the server has just said what the ref stands for */
	struct git_listing listing;
	enum sources_fault fault;
	struct fetch_result result;
};

/* The number of refs of the request that the server did not have is not counted anywhere: that the
 * commit is there in the end is what counts. An engine brings the refs that specs[0..n) name, and
 * what they reach, into the mirror; an oid is stored as "refs/commits/" and its digits. -1 with
 * w->fault and e. */
typedef int git_engine_fn(struct git_work *w, const struct refspec *specs, size_t n, struct err *e);

/* By libgit2 in this process (executor/git_remote.c); by the git program (executor/git_program.c). */
git_engine_fn git_remote_update, git_program_update;

/* Ask the server for its refs and give them to git_listing_take, by either engine. */
typedef int git_list_fn(struct git_work *w, struct err *e);
git_list_fn git_remote_ask, git_program_ask;

/* A line for the worker, which may show it. */
void git_work_say(struct git_work *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull));

/* Something came. */
void git_work_moved(struct git_work *w) __attribute__((nonnull));

#endif
