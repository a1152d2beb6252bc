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
#include <unistd.h>

enum { FILES_BYTES = 64 << 20 };

/* As slot_box.c has it: of a job with actions, which this is. */
static int open_tree(const struct slot *s, struct err *e)
{
	int fd = openat(s->dir, "tree/work", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(e, "tree") : fd;
}

/* The job's tree, and room for what the runner and the action say to each other. */
static int fill_action(struct slot *s, uint32_t fd, struct err *e)
{
	static const char *const empty[] = { GATE_ACTION_EVENT, GATE_ACTION_HOME,
					     GATE_ACTION_TEMP };
	struct sandbox_spec *spec = &s->order->spec;
	s->order->fds[fd] = open_tree(s, e);
	if (s->order->fds[fd] < 0)
		return -1;
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		if (!sandbox_spec_mount(spec, SANDBOX_FOLDER, empty[i], SANDBOX_OWN, e))
			return -1;
	struct sandbox_mount *files = sandbox_spec_mount(spec, SANDBOX_TMPFS, GATE_ACTION_FILES, 0,
							 e);
	struct sandbox_mount *tree = files ? sandbox_spec_mount(spec, SANDBOX_BIND_FD,
								GATE_ACTION_TREE, 0, e)
					   : NULL;
	if (!tree)
		return -1;
	files->size = FILES_BYTES;
	tree->fd = fd;
	return 0;
}

/* Nothing of the job's but its network, its ids and its limits. */
static int fill(struct slot *s, const struct gate_service *want, struct err *e)
{
	struct sandbox_spec *spec = &s->order->spec;
	const struct slot_image image = { want->layers, want->user, want->folders,
					  s->services.made };
	uint32_t at = 0;
	snprintf(spec->aliases, sizeof spec->aliases, "%s", want->aliases);
	if (spec->net != SANDBOX_NET_HOST) {
		spec->net = SANDBOX_NET_JOIN;
		spec->net_fd = 0;
		s->order->fds[at++] = fcntl(s->pidfd, F_DUPFD_CLOEXEC, 0);
		if (s->order->fds[0] < 0)
			return err_sys(e, "the job's network");
	}
	if (want->action && fill_action(s, at, e) < 0)
		return -1;
	return slot_image_fill(s, &image, e);
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

/* Those that have ended leave their places. */
static void forget_ended(struct slot_services *all)
{
	unsigned n = 0;
	for (unsigned i = 0; i < all->n; i++) {
		if (has_ended(all->pidfds[i]))
			fd_close(&all->pidfds[i]);
		else
			all->pidfds[n++] = all->pidfds[i];
	}
	all->n = n;
}

/* The next number; an adopted job has used some already. */
static int take_number(struct slot *s, struct err *e)
{
	char box[SLOT_IMAGE_BOX];
	do
		slot_image_box(++s->services.made, box);
	while (s->services.made <= GATE_BOXES &&
	       faccessat(s->dir, box, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if (s->services.made <= GATE_BOXES)
		return 0;
	return err_set(e, E2BIG, "more than %d services and actions", GATE_BOXES);
}

static int check(struct slot *s, const struct gate_service *want, struct err *e)
{
	forget_ended(&s->services);
	if (s->pidfd < 0)
		return err_set(e, ENOENT,
			       "there is no sandbox of the job's that it could be beside");
	if (s->services.n == GATE_SERVICES)
		return err_set(e, E2BIG, "more than %d services", GATE_SERVICES);
	if (!want->layers[0] || strlen(want->aliases) >= SANDBOX_ALIASES)
		return err_set(e, EINVAL, want->layers[0] ? "names too long" : "no image");
	return take_number(s, e);
}

static int request(struct slot *s, const struct gate_service *want, struct err *e)
{
	if (check(s, want, e) < 0 || !slot_order_new(s, e))
		return -1;
	if (fill(s, want, e) < 0) {
		s->services.made--;
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
	for (unsigned i = 0; i < s->services.n; i++)
		if (!has_ended(s->services.pidfds[i]))
			return false;
	return true;
}

void slot_services_done(struct slot *s)
{
	while (s->services.n)
		fd_close(&s->services.pidfds[--s->services.n]);
	s->services.made = 0;
}
