/*
 * The messages of a carrier (role courser-carrier): it takes artifacts to a coordinator and brings
 * them from there. It sees the network and open files that it is given, nothing else.
 *
 * fds of the role: 3 the worker, 4 http settings (a memfd, optional; see executor/fetch.h).
 *
 * CARRIER_UPLOAD   str url, token; u64 job; u32 timeout_s; str type, format, expire_in, filename;
 *                  fds: spool to read, pipe of its notices (executor/spool.h)
 * CARRIER_DOWNLOAD str url, token; u64 job; u32 timeout_s, direct; u64 max_bytes; fd: file to write
 * CARRIER_NOTE     str text                             any number, then one of
 * CARRIER_DONE     u64 bytes; str text                  "201 Created"
 * CARRIER_FAILED   u32 enum sources_fault; str text     SOURCES_CANCELLED: the spool was given up
 * It answers one request after another and ends with EOF, also in the middle of a transfer.
 */
#ifndef EXECUTOR_CARRIER_H
#define EXECUTOR_CARRIER_H

#include "base/msg.h"
#include "executor/fetch.h"

enum carrier_type {
	CARRIER_UPLOAD = 1,
	CARRIER_DOWNLOAD,
	CARRIER_NOTE = 64,
	CARRIER_DONE,
	CARRIER_FAILED
};

/* What both have. url: of the coordinator. token: the job's whose artifacts they are. timeout_s: for
 * all attempts together. */
struct carrier_job {
	const char *url, *token;
	uint64_t job;
	unsigned timeout_s;
};

/* spool and pipe are borrowed by put and the caller's after get. */
struct carrier_upload {
	struct carrier_job to;
	const char *type, *format, *expire_in, *filename;
	int spool, pipe;
};
void carrier_put_upload(struct msg *m, const struct carrier_upload *u) __attribute__((nonnull));
int carrier_get_upload(struct msg *m, struct carrier_upload *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* direct: the coordinator may point to its object store. */
struct carrier_download {
	struct carrier_job from;
	bool direct;
	uint64_t max_bytes;
	int file;
};
void carrier_put_download(struct msg *m, const struct carrier_download *d) __attribute__((nonnull));
int carrier_get_download(struct msg *m, struct carrier_download *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
