/*
 * The messages of a storer (role courser-storer): it keeps caches on this machine's disk
 * (executor/cache_store.h). It sees the store and streams that it is given: no tree, no network.
 *
 * argv: role, "uid:gid" or "-", the store's name below the directory, the budget of all caches and the
 * bytes that stay free on the disk. fds of the role: 3 the worker, 4 the directory of all stores.
 *
 * STORER_HAS    str key
 * STORER_LOAD   str key; fd: stream to write (executor/cache_stream.h)
 * STORER_SAVE   str key; fd: stream to read
 * STORER_DONE   u32 found; u64 files, bytes, fresh
 * STORER_FAILED str text
 * It answers one request after another and ends with EOF.
 */
#ifndef EXECUTOR_STORER_H
#define EXECUTOR_STORER_H

#include "base/msg.h"

enum storer_type { STORER_HAS = 1, STORER_LOAD, STORER_SAVE, STORER_DONE = 64, STORER_FAILED };

#endif
