/*
 * A slot: one job from its intake to the end of all its processes. It makes the job's directory,
 * starts the worker, serves the worker's gate, and answers for the job when the worker cannot.
 */
#ifndef RUNNER_SLOT_H
#define RUNNER_SLOT_H

#include "base/secret.h"
#include "executor/fetch.h"
#include "executor/gate.h"
#include "executor/journal.h"
#include "executor/settings.h"
#include "runner/host.h"
#include "runner/role.h"
#include "runner/slot_job.h"
#include "runner/slot_service.h"
#include "sandbox/sandbox.h"

/* What is shown of a job. */
struct slot_label {
	uint64_t id, project_id;
	char registration[128], project[256];
};
void slot_label_set(struct slot_label *l, const char *registration, const char *project)
	__attribute__((nonnull(1)));

struct registry;
struct slot_profile;

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_RUNNING, SLOT_ENDING, SLOT_OVER };

struct slot {
	struct host *host;
	unsigned number, generation;
	enum slot_state state;
	uint64_t cookie, id, project_id, timeout_s;
	struct slot_label label;
	int protected_ref;
	bool from_fork;
	char name[128];
	int dir, lock;
	int log, events; /* to read */
	int doorbell;    /* the one that rings for others: courier or exec */
	const struct slot_options *options;
	struct slot_profile *profile; /* options are its then; NULL none fits */
	struct role worker, fetcher, packer, keeper, archiver, carrier, storer, puller, unpacker;
	struct source socket; /* the worker's */
	struct source keeper_socket;
	struct slot_waiting {
		uint32_t type; /* of the request: a role is wanted; 0 none */
		enum fetch_whose whose;
		char *url;       /* of the fetcher's mirror; heap */
	} waiting;               /* the request that waits for the end of the role before */
	struct secret revocable; /* records for a keeper to come */
	uint64_t keeper_job, keeper_life_s; /* what a keeper is told: 0 unknown, no bound */
	enum phase phase;
	unsigned used; /* requests served, a bit each */
	bool sandbox_pending;
	struct slot_order *order; /* a sandbox that the spawner could not be asked for yet */
	int pidfd, userns, mntns; /* of the sandbox */
	struct slot_services services;
	int snapshot;      /* the tree that it shows, locked; -1 none */
	uint32_t uid, gid; /* the job's in it */
	char project_dir[SANDBOX_PATH];
	char origin[512];      /* of the job's own repository */
	uint64_t want_project; /* the worker's word, where the coordinator's is not known */
	bool want_protected;
	struct timer patience, empty;
	unsigned looks; /* whether the sandbox is empty */
	uint64_t started_ms;
	bool adopted; /* from an earlier supervisor */
	/* the owner's */
	void *owner;
	struct registry *registry; /* what options point into */
	uint64_t project_number;   /* CI_CONCURRENT_PROJECT_ID */
	bool dropped, reported;
	bool keep_dir;                 /* slot_release leaves the job's directory */
	void (*ready)(struct slot *s); /* adopted: the worker has said hello */
	void (*over)(struct slot *s);  /* all processes are gone and the journal is whole */
};

/* Make the directory and start the worker; it waits for slot_go. -1: nothing is left behind. */
int slot_start(struct slot *s, const struct slot_job *j, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* A job whose worker outlived its supervisor; the rest comes with the worker's HELLO. */
struct slot_adopt {
	const char *name;
	uint64_t cookie, id, project_id;
	const char *registration, *project;
	bool accepted;                      /* the forge has said yes: it runs */
	const struct slot_options *options; /* NULL: no more helpers for it */
	void (*ready)(struct slot *s);      /* HELLO has come */
};
int slot_adopt(struct slot *s, const struct slot_adopt *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

void slot_go(struct slot *s) __attribute__((nonnull));
void slot_cancel(struct slot *s, enum gate_cancel how) __attribute__((nonnull));

/* The forge does not want it any more, or it never began: end everything, report nothing. */
void slot_drop(struct slot *s) __attribute__((nonnull));

/* Remove the job's directory and free the slot. Once it is over. */
void slot_release(struct slot *s) __attribute__((nonnull));

/* A reply of the spawner that carries this slot's cookie. */
void slot_spawned(struct slot *s, struct sandbox_made *made) __attribute__((nonnull));

/* One message of the worker (gate_serve.c). */
void slot_serve(struct slot *s, struct msg *m) __attribute__((nonnull));

/* Start what waits for the end of the role before it, if that has come. */
void slot_serve_waiting(struct slot *s) __attribute__((nonnull));

/* Answer the worker's open request; fds are borrowed. */
void slot_grant(struct slot *s, const int *fds, unsigned n, const char *notes)
	__attribute__((nonnull(1)));
void slot_refuse(struct slot *s, const char *why) __attribute__((nonnull));

#endif
