/*
 * A forge as the courier sees it: one table for each kind. The courier decides when something is sent
 * and keeps sites, jobs and journals; the table says what is asked next, builds the request and reads
 * the answer. Nothing here blocks, and nothing but a registration's `forge` chooses the table.
 */
#ifndef RUNNER_FORGE_WIRE_H
#define RUNNER_FORGE_WIRE_H

#include "executor/journal.h"
#include "protocol/forge.h"
#include "protocol/http.h"
#include "runner/courier.h"
#include "runner/courier_hub.h"

/* One request for a job, as poll and polled tell each other. */
struct forge_poll {
	unsigned what;    /* the table's own note of what was asked */
	bool pushed_back; /* the server asked for patience on the way */
};

/* What is said of a job before its worker may go. */
enum forge_state {
	FORGE_PENDING,  /* it waits for a slot */
	FORGE_ACCEPTED, /* it is about to run */
	FORGE_CANCELED, /* it was cancelled before it began */
};
enum forge_accept {
	FORGE_ACCEPT_GO,
	FORGE_ACCEPT_DROP,     /* it is gone: say nothing more about it */
	FORGE_ACCEPT_CANCELED, /* being cancelled: report it as such, then drop it */
};

/* What is to be said next of a running job. */
enum forge_todo { FORGE_WAIT, FORGE_ASK, FORGE_OVER };
struct forge_next {
	enum forge_todo todo;
	uint64_t at_ms;     /* WAIT: until then; 0 until the journal grows */
	enum hub_call call; /* ASK: how it is counted */
	bool delivered;     /* OVER: the forge has the result, or does not want it */
	const char *text;   /* OVER: how it ended */
};
enum forge_news {
	FORGE_NO_NEWS,
	FORGE_CANCEL, /* end it gracefully; said once */
	FORGE_ABORT,  /* end it now; said once */
};

/* A question of the command line. */
struct forge_verb {
	const char *name;
	int (*build)(const struct courier_oneshot *o, const char *url, struct forge_request *ret,
		     struct err *e);
	/* -1 with e set: it was a no. ret is zeroed before. */
	int (*read)(const struct http_reply *r, struct forge_identity *ret, struct err *e);
};

struct forge_wire {
	const char *name; /* "gitlab" */
	bool patient;     /* 429, 5xx: the same request is sent again, as the server says */
	uint64_t
		held_ms; /* a request for a job under way for longer is held by the server and may be
			   * ended; 0: it never may, it could bring a job */
	size_t site_bytes,
		task_bytes; /* of what the table keeps in site->own and task->own, zeroed */
	/* The address as the table's requests want it, appended to ret. */
	int (*base)(const char *url, struct buf *ret, struct err *e);
	/* A new registration: s->own is to be filled. */
	int (*open)(struct courier_site *s, const struct courier_registration *r, struct err *e);
	/* The registration is known to work: plan what its token needs; NULL nothing. */
	void (*keep)(struct courier_site *s);
	/* Whether a job may be asked for now; else *ret_at is when to look again, 0: when a request
	 * ends. */
	bool (*may)(const struct courier_site *s, uint64_t now_ms, uint64_t *ret_at);
	int (*poll)(struct courier_site *s, struct forge_poll *p, struct forge_request *ret,
		    struct err *e);
	void (*polled)(struct courier_site *s, const struct forge_poll *p,
		       const struct http_reply *r);
	/* A job: */
	int (*state)(struct courier_task *j, enum forge_state what, struct forge_request *ret,
		     struct err *e);
	enum forge_accept (*accepted)(struct courier_task *j, const struct http_reply *r);
	/* Its journal is there; records come to event, in order, before next is asked. */
	void (*begin)(struct courier_task *j, uint64_t now_ms);
	void (*event)(struct courier_task *j, const struct journal_record *r);
	struct forge_next (*next)(struct courier_task *j, uint64_t now_ms);
	int (*build)(struct courier_task *j, struct forge_request *ret, struct err *e);
	void (*busy)(struct courier_task *j); /* while the request is on its way; NULL nothing */
	enum forge_news (*heard)(struct courier_task *j, uint64_t now_ms,
				 const struct http_reply *r);
	void (*done)(struct courier_task *j); /* before own is freed; NULL nothing */
	/* The verb of the command line; NULL: the forge has none like it. */
	const struct forge_verb *(*verb)(const char *name, const char *token);
};

extern const struct forge_wire forge_wire_gitlab, forge_wire_gitea, forge_wire_forgejo;

/* "" is GitLab; NULL: no such forge. */
const struct forge_wire *forge_wire_find(const char *name) __attribute__((nonnull));

#endif
