/*
 * A mount namespace prepared once, whose read-only root holds what all sandboxes have alike: the
 * host's directories, the filtered /etc, the nodes of /dev, and places to mount on. A sandbox cloned from
 * within it has that root in its copy and nothing else of the host; it only adds what is its own.
 */
#ifndef SANDBOX_STAGE_H
#define SANDBOX_STAGE_H

#include "sandbox/etc.h"
#include "sandbox/setup.h"

#include <sys/stat.h>

/* What the content of one depends on, beside the watched. */
struct stage_key {
	uint32_t uid, gid;
	char home[SANDBOX_PATH], work[SANDBOX_PATH], hostname[SANDBOX_HOSTNAME];
	struct timespec changed[3]; /* "/", and the files that are copied */
	ino_t inodes[3];
};

struct stage {
	int home, root;        /* the spawner's own mount namespace, and its root in it */
	int mounts;            /* POLLPRI: the host's mounts have changed */
	int watch;             /* POLLIN: names below /etc have changed; -1 nothing is prepared */
	int ns[SANDBOX_NETS];  /* -1 not made */
	bool no[SANDBOX_NETS]; /* could not be made: not tried again before something changes */
	struct stage_key key[SANDBOX_NETS];
};

/* Nothing prepared yet. Without privilege over the host's mounts nothing ever is. */
void stage_init(struct stage *g) __attribute__((nonnull));

/* Something that was prepared is out of date: mounts or watch have said so. */
void stage_forget(struct stage *g) __attribute__((nonnull));

/* What the content of one for s depends on, as it is now, beside the watched; comparable as bytes. */
struct stage_key stage_key(const struct sandbox_spec *s) __attribute__((nonnull));

/* Have the names below /etc watched, if they are not yet. */
int stage_watch(struct stage *g, const struct etc_hidden *hidden, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * Move this process into the namespace prepared for s, made anew if it has to be. False: there is
 * none, and nothing has changed. Who was moved is brought back by stage_leave(), or starts what may
 * never see the host; -1: it cannot go back, and must end.
 */
bool stage_enter(struct stage *g, const struct sandbox_spec *s, const struct etc_hidden *hidden)
	__attribute__((nonnull, warn_unused_result));
int stage_leave(const struct stage *g, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
