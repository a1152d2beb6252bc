#include "executor/gate.h"

#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int gate_say_start(int sock, const struct gate_start *s, struct err *e)
{
	automsg m;
	msg_init(&m, GATE_START);
	for (unsigned i = 0; i < GATE_START_FDS; i++)
		msg_put_fd(&m, s->fds[i]);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "worker") : 0;
}

/* Out of the way first: one may have come at a number where another belongs. */
static int place(struct msg *m, struct err *e)
{
	int away[GATE_START_FDS], r = 0;
	for (int i = 0; i < GATE_START_FDS; i++) {
		autofd came = msg_get_fd(m);
		away[i] = came < 0 ? -1 : fcntl(came, F_DUPFD_CLOEXEC, WORKER_FDS_END);
	}
	for (int i = 0; i < GATE_START_FDS; i++) {
		autofd from = away[i];
		if (r == 0 && (from < 0 || dup3(from, WORKER_PAYLOAD + i, O_CLOEXEC) < 0))
			r = err_sys(e, "fds of the job");
	}
	return r < 0 ? -1 : msg_end(m, e);
}

int gate_wait_start(struct err *e)
{
	struct pollfd p = { .fd = WORKER_SUPERVISOR, .events = POLLIN };
	automsg m = { 0 };
	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return err_sys(e, "poll");
	int r = msg_recv(WORKER_SUPERVISOR, &m, e);
	if (r <= 0)
		return r;
	if (m.type != GATE_START)
		return err_set(e, EPROTO, "message %u before a job", m.type);
	return place(&m, e) < 0 ? -1 : 1;
}

void gate_put_sandbox(struct msg *m, const struct gate_sandbox *s)
{
	msg_put_str(m, s->project_dir);
	msg_put_str(m, s->origin);
	msg_put_u64(m, s->project_id);
	msg_put_u32(m, s->protected_ref);
	msg_put_u32(m, s->from_fork);
	msg_put_u32(m, s->kept);
	msg_put_u32(m, s->actions);
	msg_put_str(m, s->snapshot);
	msg_put_str(m, s->layers);
	msg_put_str(m, s->user);
	msg_put_str(m, s->aliases);
	msg_put_str(m, s->labels);
	msg_put_str(m, s->folders);
}

void gate_put_service(struct msg *m, const struct gate_service *s)
{
	msg_put_str(m, s->layers);
	msg_put_str(m, s->user);
	msg_put_str(m, s->aliases);
	msg_put_str(m, s->folders);
	msg_put_u32(m, s->action);
}

void gate_get_service(struct msg *m, struct gate_service *ret)
{
	ret->layers = msg_get_str(m);
	ret->user = msg_get_str(m);
	ret->aliases = msg_get_str(m);
	ret->folders = msg_get_str(m);
	ret->action = msg_get_u32(m);
}

void gate_get_sandbox(struct msg *m, struct gate_sandbox *ret)
{
	ret->project_dir = msg_get_str(m);
	ret->origin = msg_get_str(m);
	ret->project_id = msg_get_u64(m);
	ret->protected_ref = msg_get_u32(m);
	ret->from_fork = msg_get_u32(m);
	ret->kept = msg_get_u32(m);
	ret->actions = msg_get_u32(m);
	ret->snapshot = msg_get_str(m);
	ret->layers = msg_get_str(m);
	ret->user = msg_get_str(m);
	ret->aliases = msg_get_str(m);
	ret->labels = msg_get_str(m);
	ret->folders = msg_get_str(m);
}
