/* The supervisor's side of the courier: it is started, started again when it dies, and heard. */
#ifndef RUNNER_COURIER_LINK_H
#define RUNNER_COURIER_LINK_H

#include "runner/courier.h"
#include "runner/host.h"

/* What the owner does with what the courier says. Strings and structs are borrowed. */
struct courier_ops {
	void (*up)(void *arg); /* a new courier: tell it registrations, jobs and capacity */
	/* directories whose certificates it must read, ended by NULL: asked before each start */
	const char *const *(*certificates)(void *arg);
	void (*job)(void *arg, struct courier_job *j); /* takes j->payload */
	void (*accepted)(void *arg, const struct courier_accepted *a);
	void (*dropped)(void *arg, const struct courier_dropped *d);
	void (*cancel)(void *arg, const struct courier_cancel *c);
	void (*reported)(void *arg, const struct courier_reported *r);
	void (*token)(void *arg, const struct courier_token *t);
	void (*health)(void *arg, const struct courier_health *h);
	void (*stat)(void *arg, const struct courier_stat *s);
};

struct courier_link {
	struct host *host;
	const struct courier_ops *ops;
	void *arg;
	struct role role;
	struct source socket;
	struct timer again;
	uint64_t pause_ms, started_ms;
	bool stopping;
};

/* Start it; ops->up is called before this returns, and after each restart. */
int courier_link_open(struct courier_link *l, struct host *h, const struct courier_ops *ops,
		      void *arg, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Say something; an error is logged: a courier that does not listen is replaced. */
void courier_link_say(struct courier_link *l, enum courier_type type, const void *from)
	__attribute__((nonnull));

/* Close the socket and wait for its end. */
void courier_link_close(struct courier_link *l) __attribute__((nonnull));

#endif
