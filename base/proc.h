/* Starting a process with nothing inherited but what is named, and holding it by pidfd. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct proc {
	pid_t pid;
	int pidfd; /* -1 when there is no process */
};

/* The child gets fds[i] as fd 3 + i (none where it is -1) and no other fd but 0, 1, 2; argv and envp
 * as given. Its signal mask is empty and every disposition is the default. stdio: what becomes 0, 1, 2;
 * -1 inherits ours. */
struct proc_spec {
	int exe; /* fd of the executable */
	char *const *argv;
	char *const *envp;
	const int *fds;
	unsigned nfds; /* at most PROC_FDS */
	int stdio[3];
};

enum { PROC_FDS = 16 };

/* Start it (vfork semantics: cost does not grow with our memory). A failing exec is reported here. */
int proc_spawn(struct proc *ret, const struct proc_spec *spec, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Send sig by pidfd; no error when it has already ended. */
void proc_signal(const struct proc *p, int sig) __attribute__((nonnull));

/* Reap p, waiting for it. Returns the status as a shell sees it: 0-255, or 128 + signal. -1 when it
 * is not ours to wait for. The pidfd is closed. */
int proc_wait(struct proc *p) __attribute__((nonnull));

/* Close the pidfd, leave the process alone. */
void proc_forget(struct proc *p) __attribute__((nonnull));

/* Our executable's directory, opened, where the roles lie: beside it or in ../libexec/courser. */
int proc_libexec(struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
