/*
 * A job's secrets: the worker asks a keeper for them; the keeper holds what opens the vault. Here
 * are the messages between the two (base/msg) and the worker's side.
 *
 * worker to keeper (its fd 3)
 *   READ       struct secrets_read in its order; answered by VALUE or FAILED, NOTEs and MASKs before
 *   LEAVE      answered by DONE when everything is revoked; the keeper exits
 * keeper to worker
 *   VALUE      str name, bytes value, u32 fds: 1 when value is empty and in the memfd that is sent
 *   MASK       bytes value, u32 fds: a string within the value that follows
 *   FAILED     str name, u32 enum secrets_class, str text
 *   NOTE       str text: a warning of the server, for the job's log
 *   DONE       u32 revoked, u32 failed, str text
 * keeper to supervisor (its fd 4)
 *   REVOCABLE  u32 id, bytes record: a line without its newline; replaces what id was
 *   GONE       u32 id: revoked, forget the record
 *   HELLO      fd: the keeper's pidfd; first to a later supervisor, all records follow
 *
 * Its fd 5 is a memfd of settings, a key=value a line (values as str_quote writes them): ca_file,
 * cert_file, key_file, proxy, no_proxy, allowed (vault.allowed), job (for the audit), life_max_s
 * (the job's timeout and 300: no token outlives it). fd 6: the audit log, appended to. fd 7:
 * a listening socket, to which a later supervisor connects and takes the place of fd 4.
 * With a second argument "revoke" fd 4 is a memfd of records, one a line: they are revoked, DONE
 * goes to fd 3 if there is one, and the exit status is 0 only if none failed.
 */
#ifndef EXECUTOR_SECRETS_H
#define EXECUTOR_SECRETS_H

#include "base/msg.h"
#include "base/secret.h"
#include "executor/say.h"
#include "executor/vars.h"
#include "protocol/job.h"

enum secrets_type {
	SECRETS_READ = 1,
	SECRETS_LEAVE,
	SECRETS_VALUE = 64,
	SECRETS_FAILED,
	SECRETS_NOTE,
	SECRETS_DONE,
	SECRETS_MASK,
	SECRETS_REVOCABLE = 128,
	SECRETS_GONE,
	SECRETS_HELLO,
};

/* Whose fault: GitLab's runner_configuration_error, runner_external_dependency_failure,
 * runner_system_failure. MISSING: the server answered that there is no such secret or field. */
enum secrets_class {
	SECRETS_NONE,
	SECRETS_CONFIG,
	SECRETS_EXTERNAL,
	SECRETS_SYSTEM,
	SECRETS_MISSING,
};

/* One secret, expanded. The memory is the owner's. */
struct secrets_read {
	const char *name, *provider;
	const char *url, *space;
	const char *auth_name, *auth_path, *jwt, *role;
	const char *engine, *mount, *path, *field;
};

void secrets_put_read(struct msg *m, const struct secrets_read *r) __attribute__((nonnull));
/* Strings point into m. Malformed fields show in msg_end. */
void secrets_get_read(struct msg *m, struct secrets_read *ret) __attribute__((nonnull));

/* Bytes with "u32 fds" behind them. The fd that put made is the caller's to close after msg_send; -1
 * none. get reads the message to its end. */
int secrets_put_bytes(struct msg *m, const void *p, size_t n, int *ret_fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int secrets_get_bytes(struct msg *m, struct secret *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

enum {
	SECRETS_VALUE_MAX = 8 << 20,
	SECRETS_INLINE_MAX = 32 << 10, /* a longer value goes by memfd */
	SECRETS_ANSWER_MS = 90 * 1000, /* the keeper's budget for one READ is 60 s */
	SECRETS_LEAVE_MS = 15 * 1000,  /* the keeper revokes within 10 s */
};

/* keeper: its socket. fail_if_missing: FF_SECRET_RESOLVING_FAILS_IF_MISSING. back_off: FF_USE_
 * EXPONENTIAL_BACKOFF_STAGE_RETRY. wait: block until fd (-1 none) can be read: 1, ms have passed:
 * 0, or the job is cancelled: -1 with e; NULL waits with poll(2). */
struct secrets_job {
	const struct job_secret *secrets;
	size_t n;
	struct vars *vars;
	struct arena *arena;
	int keeper;
	bool fail_if_missing, back_off;
	say_fn *say;
	int (*wait)(void *arg, int fd, int ms, struct err *e);
	void *arg;
	enum secrets_class failure; /* set when secrets_resolve returns -1 */
};

/*
 * Expand, ask and define each secret as a variable {masked, raw, file as its entry says}; vars has
 * been resolved before and is resolved again. Says GitLab's lines (the section
 * "Resolving secrets" is the caller's); tries SECRETS_RETRIEVAL_ATTEMPTS
 * times. -1: s->failure has the class and e the text, "resolving secrets: …", without a secret in
 * it.
 */
int secrets_resolve(struct secrets_job *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The job is over: have everything revoked and wait for it, at most SECRETS_LEAVE_MS. The keeper is
 * gone afterwards; the socket stays the caller's to close. -1: e says what is left to its TTL. */
int secrets_leave(struct secrets_job *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
