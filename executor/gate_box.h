/* What a worker asks for when it asks for a sandbox (executor/gate.h): the job's, or one of its services'. */
#ifndef EXECUTOR_GATE_BOX_H
#define EXECUTOR_GATE_BOX_H

#include "base/msg.h"

/* Where the sandbox shows the tree that a key names (executor/sources.h), read-only. */
#define GATE_SNAPSHOT_AT "/run/snapshot"
/* Where it has room for actions, below builds_dir; no owner's name begins like this. */
#define GATE_ACTIONS "_actions"

struct gate_sandbox {
	const char *project_dir; /* inside: "/builds/group/project" */
	const char *origin;      /* scheme://host[:port] of the repository; "" no sources */
	uint64_t project_id;
	uint32_t protected_ref; /* 1: objects and trees of protected refs */
	uint32_t from_fork;     /* 1: it runs the code of another project, or perhaps */
	uint32_t kept;          /* 1: the tree of the last job of this project, slot and trust */
	uint32_t actions;       /* 1: with room for actions */
	const char *snapshot;   /* key of the tree it will ask for; "" none */
	const char *
		layers; /* of the image, as the record names them, bottom first, one after the other;
				 * "": the host's files */
	const char *user;    /* of the image; "" root */
	const char *aliases; /* of its services, with spaces between */
	const char *labels;  /* that it asks for, a line each */
	const char *folders; /* of an image: directories that are there, a line each */
};

enum {
	GATE_SERVICES = 16, /* of a job, at the most; that run at a time */
	GATE_BOXES = 256,   /* that a job may have, one after the other */
};

/* Where the sandbox of an action that is an image has what is the job's: its tree; directories that are empty. */
#define GATE_ACTION_TREE "/github/workspace"
#define GATE_ACTION_FILES "/github/file_commands"
#define GATE_ACTION_EVENT "/github/workflow"
#define GATE_ACTION_HOME "/github/home"
#define GATE_ACTION_TEMP "/github/runner_temp"

/* A sandbox beside the job's, in its network. */
struct gate_service {
	const char *layers, *user, *aliases, *folders; /* as above */
	uint32_t action; /* 1: it is an action's, with the directories above */
};

void gate_put_sandbox(struct msg *m, const struct gate_sandbox *s) __attribute__((nonnull));
/* Strings point into m. Malformed fields show in msg_end. */
void gate_get_sandbox(struct msg *m, struct gate_sandbox *ret) __attribute__((nonnull));
void gate_put_service(struct msg *m, const struct gate_service *s) __attribute__((nonnull));
void gate_get_service(struct msg *m, struct gate_service *ret) __attribute__((nonnull));

#endif
