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
 * FETCH_GET     u32 own, force, depth, timeout_s; str url, user, token, sha, object_format;
 *               u32 n and n × str refspec
 * FETCH_PROGRESS str text                               any number, then one of
 * FETCH_DONE    u32 requests, hit; u64 bytes; str engine, note; fds refs, store, each behind a u32: 1
 *               when it comes along
 * FETCH_FAILED  u32 kind; str text
 * EOF from the worker ends a transfer at once.
 */
#ifndef EXECUTOR_FETCH_H
#define EXECUTOR_FETCH_H

#include "base/arena.h"
#include "base/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fetch_type { FETCH_GET = 1, FETCH_PROGRESS = 64, FETCH_DONE, FETCH_FAILED };

/* Why sources could not be had; for fetcher and packer. SOURCES_OK is no failure. */
enum sources_fault {
	SOURCES_OK,
	SOURCES_CONFIG,    /* what the job or the payload asks for cannot be done */
	SOURCES_AUTH,      /* the server refused the token */
	SOURCES_NOT_FOUND, /* no such repository, ref or commit */
	SOURCES_NETWORK,   /* the server could not be reached, or broke off */
	SOURCES_TIMEOUT,   /* out of time, or nothing came for too long */
	SOURCES_PROTOCOL,  /* the server's answer makes no sense, or is over a limit */
	SOURCES_DISK,      /* no room, no permission */
	SOURCES_CORRUPT,   /* objects are missing or damaged */
	SOURCES_HOSTILE,   /* the repository holds what may not be written to disk */
	SOURCES_CANCELLED,
	SOURCES_INTERNAL,
	SOURCES_FAULTS,
};

/* "auth", "not found" …; and what a person can do about it, one sentence. */
const char *sources_fault_name(enum sources_fault f) __attribute__((returns_nonnull));
const char *sources_fault_advice(enum sources_fault f) __attribute__((returns_nonnull));

enum fetch_force {
	FETCH_NORMAL,
	FETCH_ASK,     /* ask the server even if the commit is there */
	FETCH_REBUILD, /* the mirror is damaged: set it aside and start anew */
};

enum { FETCH_REFSPECS_MAX = 1024 };

/* depth is noted only: a mirror holds whole histories, so that any depth is served from it.
 * own: the repository is the job's own, so that a commit that is there is served without asking;
 * of any other the server is asked with this token first. */
struct fetch_request {
	const char *url, *user, *token;
	const char *sha, *object_format;
	const char *const *refspecs;
	size_t nrefspecs;
	unsigned depth, timeout_s; /* timeout_s 0: an hour */
	enum fetch_force force;
	bool own;
};

/* refs: a sealed memfd, the refs that the refspecs give a clone, in the form of git's packed-refs.
 * store: for a repository that is not the job's own, which no sandbox shows: a file that holds its
 * object store (executor/git_store.h); else -1. Both are the caller's. requests: conversations with
 * the server (0 is a hit). note: "" or something a person should know (a mirror was rebuilt). */
struct fetch_result {
	unsigned requests;
	bool hit;
	uint64_t bytes;
	char engine[32], note[256];
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
