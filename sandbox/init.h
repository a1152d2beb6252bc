/* How a worker uses the sandbox: what it says to init (fd 3 of courser-init), and what init says. */
#ifndef SANDBOX_INIT_H
#define SANDBOX_INIT_H

#include "base/msg.h"

#include <stdbool.h>
#include <stdint.h>

enum sandbox_init_msg {
	SANDBOX_INIT_FILE = 32,
	SANDBOX_INIT_RUN,
	SANDBOX_INIT_SIGNAL,
	SANDBOX_INIT_LIST,
	SANDBOX_INIT_WIPE,
	SANDBOX_INIT_COPY,
	SANDBOX_INIT_WATCH,
	SANDBOX_INIT_MEASURE,
	SANDBOX_INIT_OPEN,
	SANDBOX_INIT_PORTS,
	SANDBOX_INIT_READY = 64,
	SANDBOX_INIT_STARTED,
	SANDBOX_INIT_ENDED,
	SANDBOX_INIT_PROCESSES,
	SANDBOX_INIT_FILE_DONE,
	SANDBOX_INIT_WIPED,
	SANDBOX_INIT_COPIED,
	SANDBOX_INIT_MEMORY,
	SANDBOX_INIT_MEASURED,
	SANDBOX_INIT_OPENED,
	SANDBOX_INIT_LISTENING,
	SANDBOX_INIT_ERROR,
};

/* Where scripts are put: a tmpfs of the sandbox, writable by the job. */
#define SANDBOX_SCRIPTS "/run/job"

/* Write what the memfd holds to dir/name, mode 0600. Answered by FILE_DONE or ERROR.
 * name: no '/', not led by '.', printable. */
int sandbox_init_file(int sock, const char *dir, const char *name, int memfd, struct err *e)
	__attribute__((nonnull, warn_unused_result));

enum { SANDBOX_ARGS = 64, SANDBOX_STEPS = 16 };

/* A step: argv[0] is an absolute path or a name looked up in the PATH of env. It gets a session of
 * its own, /dev/null as 0, and no fd beyond 2. */
struct sandbox_run {
	uint32_t id;             /* comes back in STARTED, ENDED and ERROR */
	const char *const *argv; /* ended by NULL; at most SANDBOX_ARGS */
	const char *cwd;
	int env;                 /* memfd: "K=V\0K=V\0" */
	int script;              /* memfd, or -1 */
	const char *script_name; /* with script: written to SANDBOX_SCRIPTS/…, mode 0700 */
	int out, err;            /* what becomes 1 and 2; may be the same */
};

/* Start it. Answered by STARTED or ERROR with its id. The fds stay the caller's. */
int sandbox_init_run(int sock, const struct sandbox_run *run, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Send sig to every process of the sandbox but init; not answered. */
int sandbox_init_signal(int sock, int sig, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Ask for what is running; answered by PROCESSES. */
int sandbox_init_list(int sock, struct err *e) __attribute__((nonnull, warn_unused_result));

/* End what runs and delete what is in the directory path: from inside, as the job, so that nothing can be
 * reached that the job could not. Answered by WIPED; its text says why not all went, "" if it did. */
int sandbox_init_wipe(int sock, const char *path, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Copy the working tree from into the empty directory to, as the job. Answered by COPIED, with why it
 * was not done in text, "" if it was. */
int sandbox_init_copy(int sock, const char *from, const char *to, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Sample the memory of everything within from now on; when it is more than that: kill it all, say MEMORY. */
int sandbox_init_watch(int sock, uint64_t bytes, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Ask what was used; answered by MEASURED: "peak of sampled memory, largest process, µs of CPU". */
int sandbox_init_measure(int sock, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Open the file path beneath the directory dir to read it, as the job: no symbolic link in it, no way out of
 * dir. Answered by OPENED with the fd, or with why not in text. Whoever reads it finds what the job has made. */
int sandbox_init_open(int sock, const char *dir, const char *path, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Which of the n <= 32 TCP ports answers on 127.0.0.1? LISTENING: the first that does in code; 0 none. */
int sandbox_init_ports(int sock, const unsigned *ports, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What init says. text is valid as long as the message it was decoded from. */
struct sandbox_event {
	enum sandbox_init_msg what; /* READY … ERROR */
	uint32_t id;                /* STARTED, ENDED, ERROR of a run; else 0 */
	uint32_t pid;               /* STARTED: inside */
	bool signalled;             /* ENDED: code is a signal, else an exit code */
	uint32_t code;              /* OPENED: errno; LISTENING: a port */
	/* PROCESSES: "pid\tcommand line\n"…; FILE_DONE: name; ERROR, WIPED, COPIED, OPENED: why; else "" */
	const char *text;
};

/* READY and OPENED may bring an fd, still in m then: of READY the listener of the calls that are refused within. Who does not take
 * it (msg_get_fd) closes it with m, and they are refused without being counted, as "unknown" (ENOSYS). */
int sandbox_init_event(struct msg *m, struct sandbox_event *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The listener is readable: refuse the call that waits (EPERM) and put its name into call. 1; 0 who asked is gone;
 * -1 nobody can ask any more. Never blocks when it is readable. */
enum { SANDBOX_CALL = 32 };
int sandbox_refuse(int listener, char call[SANDBOX_CALL], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The next one, received into m: 1; 0: there is none yet; -1: init has ended (EPIPE), or it is malformed. */
int sandbox_init_hear(int sock, struct msg *m, struct sandbox_event *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
