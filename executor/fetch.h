/*
 * The messages of a fetcher, and the worker's side of them. A fetcher (role courser-fetcher) brings
 * one repository's commits into one bare mirror; it sees the network and the mirror, no job's tree.
 *
 * fds of the role: 3 the worker, 4 the mirror's directory (may be empty; writable by the fetcher's
 * uid, and every directory above it searchable by it), 5 http settings (a memfd, optional).
 * Settings, a line each, values as str_quote writes them: ca_file, cert_file, key_file (paths),
 * proxy (a URL), no_proxy (hosts without it, with commas), max_bytes (of one transfer; default
 * 16 GiB), stall_s (default 60), git (path of the git program; "" never use it; default
 * /usr/bin/git). A client certificate and a proxy need the git program.
 *
 * What lies in the mirror's directory: a bare repository whose refs are called as on the server,
 * and files of ours (lock, asked, set-aside-*). A job is shown nothing but "objects", read-only (it
 * must not be able to lock the lock): fetch_objects gives the supervisor an fd to bind.
 *
 * FETCH_GET     u32 whose, force, depth, timeout_s, want; str url, user, token, sha, object_format,
 *               ref; u32 n and n × str refspec
 * FETCH_PROGRESS str text                               any number, then one of
 * FETCH_DONE    u32 requests, hit; u64 bytes; str engine, note, sha, ref; fds refs, store, each behind
 *               a u32: 1 when it comes along
 * FETCH_FAILED  u32 kind; str text
 * EOF from the worker ends a transfer at once.
 */
#ifndef EXECUTOR_FETCH_H
#define EXECUTOR_FETCH_H

#include "base/arena.h"
#include "base/msg.h"
#include "executor/sources_fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fetch_type { FETCH_GET = 1, FETCH_PROGRESS = 64, FETCH_DONE, FETCH_FAILED };

enum fetch_force {
	FETCH_NORMAL,
	FETCH_ASK,     /* ask the server even if the commit is there */
	FETCH_REBUILD, /* the mirror is damaged: set it aside and start anew */
	FETCH_OFFLINE, /* ask nobody: what the mirror has */
	FETCH_FORCES,
};

/*
 * Whose repository it is, which decides whether a commit that is there is served without asking:
 * the job's own is (its coordinator named it), of any other the server is asked with this token first.
 * What was fetched without a token, into a mirror that nothing else was fetched into, is anybody's.
 */
enum fetch_whose { FETCH_OTHERS, FETCH_OWN, FETCH_PUBLIC, FETCH_WHOSES };

/* What comes with a repository that is not the job's own. */
enum fetch_want {
	FETCH_STORE, /* its objects, to be a repository (executor/git_store.h) */
	FETCH_TREE,  /* the files of the commit (executor/git_export.h) */
	FETCH_WANTS,
};

enum { FETCH_REFSPECS_MAX = 1024 };

enum { FETCH_SHA = 41, FETCH_REF = 256 };

/* depth is noted only: a mirror holds whole histories, so that any depth is served from it.
 * ref: where sha is "", the name of the commit at the server: a branch, a tag (in this order), a whole
 * "refs/…", or "HEAD". */
struct fetch_request {
	const char *url, *user, *token;
	const char *sha, *object_format, *ref;
	const char *const *refspecs;
	size_t nrefspecs;
	unsigned depth, timeout_s; /* timeout_s 0: an hour */
	enum fetch_force force;
	enum fetch_whose whose;
	enum fetch_want want;
};

/* refs: a sealed memfd, the refs that the refspecs give a clone, in the form of git's packed-refs.
 * store: for a repository that is not the job's own, which no sandbox shows: a file with what is
 * wanted of it; else -1. Both are the caller's. requests: conversations with
 * the server (0 is a hit). note: "" or something a person should know (a mirror was rebuilt).
 * sha, ref: the commit, and the whole name of the ref that was asked for ("" unknown). */
struct fetch_result {
	unsigned requests;
	bool hit;
	uint64_t bytes;
	char engine[32], note[256], sha[FETCH_SHA], ref[FETCH_REF];
	int refs, store;
};

#define FETCH_RESULT                    \
	{                               \
		.refs = -1, .store = -1 \
	}

void fetch_put(struct msg *m, const struct fetch_request *r) __attribute__((nonnull));
/* Strings point into m, the array into a. -1 when malformed. */
int fetch_get(struct msg *m, struct arena *a, struct fetch_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

void fetch_put_done(struct msg *m, const struct fetch_result *r) __attribute__((nonnull));
int fetch_get_done(struct msg *m, struct fetch_result *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The "objects" directory of a mirror, made if absent with the mirror's owner: what a sandbox shows
 * read-only at, say, /run/mirror/objects. It stays the same directory when a mirror is rebuilt. */
int fetch_objects(int mirror, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
