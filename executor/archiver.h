/*
 * The messages of an archiver (role courser-archiver): it packs and unpacks archives of a job's tree
 * from within the job's user and mount namespaces, as the job's uid, with no network.
 *
 * argv: role, "-", "join". fds of the role: 3 the worker, 4 the job's user namespace, 5 its mount
 * namespace.
 *
 * ARCHIVER_PACK   u32 piped; fds: parcel (executor/parcel.h), spool, and if piped the pipe of its
 *                 notices (executor/spool.h)
 * ARCHIVER_UNPACK str tree; fd: archive
 * ARCHIVER_STOW   u32 stamped; fds: parcel, stream (executor/cache_stream.h) to write, and if stamped
 *                 the stamps of a restore
 * ARCHIVER_RESTORE str tree; u64 newest (seconds: no file is younger); fd: stream to read
 * ARCHIVER_HASH   str root; u32 follow, n; n × str pattern   executor/file_hash.h
 * ARCHIVER_HASHED str hex                          the answer to it
 * ARCHIVER_LINE   u32 enum say_style; str text     any number
 * ARCHIVER_FOUND  u64 n                            of PACK and STOW: what will be packed; 0: nothing is written
 * ARCHIVER_STAMPS fd: how restored files look (executor/cache_stamps.h); before the DONE of RESTORE
 * ARCHIVER_DONE   u64 files, bytes, size           of content; size: of the archive
 * ARCHIVER_FAILED u32 enum sources_fault; str text
 * It answers one request after another and ends with EOF.
 */
#ifndef EXECUTOR_ARCHIVER_H
#define EXECUTOR_ARCHIVER_H

#include "base/msg.h"
#include "executor/fetch.h"
#include "executor/say.h"

enum archiver_type {
	ARCHIVER_PACK = 1,
	ARCHIVER_UNPACK,
	ARCHIVER_STOW,
	ARCHIVER_RESTORE,
	ARCHIVER_HASH,
	ARCHIVER_LINE = 64,
	ARCHIVER_FOUND,
	ARCHIVER_DONE,
	ARCHIVER_FAILED,
	ARCHIVER_STAMPS,
	ARCHIVER_HASHED
};

struct archiver_result {
	uint64_t files, bytes, size;
};

/* The role's side. Each says its lines and its end to sock; -1: the worker cannot be told. fds stay the
 * caller's. */
int archiver_pack(int sock, int parcel, int spool, int pipe, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int archiver_unpack(int sock, const char *tree, int archive, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* stamps: -1 none. */
struct archiver_stow {
	int parcel, stream, stamps;
};
int archiver_stow(int sock, const struct archiver_stow *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Nothing of the cache is in the tree unless all of it is. */
int archiver_restore(int sock, const char *tree, uint64_t newest, int stream, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Messages to the worker wait when it is slow. */
int archiver_say(int sock, enum say_style style, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), nonnull, warn_unused_result));
int archiver_done(int sock, const struct archiver_result *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int archiver_failed(int sock, const struct err *why, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int archiver_found(int sock, uint64_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
