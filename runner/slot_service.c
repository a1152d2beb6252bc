#include "runner/slot_service.h"

#include "base/fd.h"
#include "base/log.h"
#include "runner/slot.h"
#include "runner/slot_box.h"
#include "runner/slot_image.h"
#include "runner/slot_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Nothing of the job's but its network, its ids and its limits. */
static int fill(struct slot *s, const struct gate_service *want, struct err *e)
{
	struct sandbox_spec *spec = &s->order->spec;
	const struct slot_image image = { want->layers, want->user, want->folders,
					  s->services.n + 1 };
	snprintf(spec->aliases, sizeof spec->aliases, "%s", want->aliases);
	if (spec->net != SANDBOX_NET_HOST) {
		spec->net = SANDBOX_NET_JOIN;
		spec->net_fd = 0;
		s->order->fds[0] = fcntl(s->pidfd, F_DUPFD_CLOEXEC, 0);
		if (s->order->fds[0] < 0)
			return err_sys(e, "the job's network");
	}
	return slot_image_fill(s, &image, e);
}

static int check(const struct slot *s, const struct gate_service *want, struct err *e)
{
	if (s->pidfd < 0)
		return err_set(e, ENOENT,
			       "there is no sandbox of the job's that it could be beside");
	if (s->services.n == GATE_SERVICES)
		return err_set(e, E2BIG, "more than %d services", GATE_SERVICES);
	if (!want->layers[0] || strlen(want->aliases) >= SANDBOX_ALIASES)
		return err_set(e, EINVAL, want->layers[0] ? "names too long" : "no image");
	return 0;
}

static int request(struct slot *s, const struct gate_service *want, struct err *e)
{
	if (check(s, want, e) < 0 || !slot_order_new(s, e))
		return -1;
	if (fill(s, want, e) < 0) {
		slot_box_forget(s);
		return -1;
	}
	if (slot_order_send(s, e) < 0)
		return -1;
	s->services.asked = true;
	return 0;
}

int slot_service_serve(struct slot *s, struct msg *m, struct err *e)
{
	struct gate_service want;
	struct err why = { 0 };
	gate_get_service(m, &want);
	if (msg_end(m, e) < 0)
		return -1;
	if (s->sandbox_pending)
		return err_set(e, EPROTO, "another sandbox is being made");
	if (request(s, &want, &why) < 0)
		slot_refuse(s, why.msg);
	return 0;
}

void slot_service_made(struct slot *s, struct sandbox_made *made)
{
	int pidfd = fd_take(&made->pidfd), grant[] = { made->init, pidfd };
	s->services.asked = false;
	s->services.pidfds[s->services.n++] = pidfd;
	slot_limits_join(s, pidfd);
	slot_grant(s, grant, 2, made->text);
}

void slot_service_adopt(struct slot *s, int pidfd)
{
	if (s->services.n < GATE_SERVICES)
		s->services.pidfds[s->services.n++] = pidfd;
	else
		close(pidfd);
}

bool slot_services_gone(const struct slot *s)
{
	for (unsigned i = 0; i < s->services.n; i++) {
		struct pollfd p = { .fd = s->services.pidfds[i], .events = POLLIN };
		if (poll(&p, 1, 0) != 1)
			return false;
	}
	return true;
}

void slot_services_done(struct slot *s)
{
	while (s->services.n)
		fd_close(&s->services.pidfds[--s->services.n]);
}
