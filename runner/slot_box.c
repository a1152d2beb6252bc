#include "runner/slot_box.h"

#include "base/fd.h"
#include "base/rest.h"
#include "base/str.h"
#include "runner/slot_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_BYTES = 64 << 20, HOSTNAME_BYTES = 63 };

/* What the coordinator said outweighs what the worker read in the payload. */
static uint64_t project_of(const struct slot *s, const struct gate_sandbox *want)
{
	return s->project_id ? s->project_id : want->project_id;
}

static bool protected_of(const struct slot *s, const struct gate_sandbox *want)
{
	return s->protected_ref >= 0 ? s->protected_ref : want->protected_ref != 0;
}

int slot_mirror(struct slot *s, const struct gate_sandbox *want, struct err *e)
{
	autofd fd = state_mirror(&s->host->state, want->origin, project_of(s, want),
				 protected_of(s, want), e);
	if (fd < 0 || priv_give_role(&s->host->priv, PRIV_FETCHER, s->number, fd, e) < 0)
		return err_wrap(e, "mirror");
	return fd_take(&fd);
}

/* The directory that becomes the project directory: below the job's, or kept below trees. */
static int tree_open(struct slot *s, const struct gate_sandbox *want, struct err *e)
{
	char name[64] = "tree";
	int top = s->dir;
	if (want->kept) {
		snprintf(name, sizeof name, "%llu-%u%s", (unsigned long long)project_of(s, want),
			 s->number, protected_of(s, want) ? "-p" : "");
		top = s->host->state.trees;
	}
	autofd fd = fd_mkdir_open(top, name, 0755, e);
	if (fd < 0 || priv_give_job(&s->host->priv, s->number, fd, e) < 0)
		return err_wrap(e, "tree");
	return fd_take(&fd);
}

/* A job with actions has two trees in place of one, where the one would be: what is left of a job is
 * found there (runner/sweep.h). */
static int trees_open(struct slot *s, const struct gate_sandbox *want, int *ret_actions,
		      struct err *e)
{
	autofd top = tree_open(s, want, e);
	if (top < 0 || !want->actions)
		return top < 0 ? -1 : fd_take(&top);
	autofd work = fd_mkdir_open(top, "work", 0755, e);
	autofd actions = work < 0 ? -1 : fd_mkdir_open(top, "actions", 0755, e);
	if (actions < 0 || priv_give_job(&s->host->priv, s->number, work, e) < 0 ||
	    priv_give_job(&s->host->priv, s->number, actions, e) < 0)
		return err_wrap(e, "tree");
	*ret_actions = fd_take(&actions);
	return fd_take(&work);
}

/* "/host/path:/inside" or "/host/path:/inside:rw" of the configuration. */
static int add_extra(struct sandbox_spec *spec, const char *text, struct err *e)
{
	char copy[SANDBOX_PATH];
	snprintf(copy, sizeof copy, "%s", text);
	char *inside = strchr(copy, ':');
	char *mode = inside ? strchr(inside + 1, ':') : NULL;
	if (!inside)
		return err_set(e, EINVAL, "mounts: \"%s\" is not HOST:INSIDE[:ro|rw]", text);
	*inside++ = '\0';
	if (mode)
		*mode++ = '\0';
	uint32_t flags = mode && strcmp(mode, "rw") == 0 ? 0 : SANDBOX_READONLY;
	struct sandbox_mount *m = sandbox_spec_mount(spec, SANDBOX_BIND_PATH, inside, flags, e);
	if (!m)
		return -1;
	snprintf(m->source, sizeof m->source, "%s", copy);
	return 0;
}

static int add_device(struct sandbox_spec *spec, const char *path, struct err *e)
{
	struct sandbox_mount *m = sandbox_spec_mount(spec, SANDBOX_BIND_PATH, path, SANDBOX_DEVICE,
						     e);
	if (!m)
		return -1;
	snprintf(m->source, sizeof m->source, "%.*s", (int)sizeof m->source - 1, path);
	return 0;
}

static int add_store(struct sandbox_spec *spec, const char *at, uint32_t fd, struct err *e)
{
	struct sandbox_mount *m = sandbox_spec_mount(spec, SANDBOX_BIND_FD, at, SANDBOX_READONLY,
						     e);
	if (m)
		m->fd = fd;
	return m ? 0 : -1;
}

/* What the configuration adds. */
static int add_operators(const struct slot *s, struct sandbox_spec *spec, struct err *e)
{
	for (size_t i = 0; i < s->options->nmounts; i++)
		if (add_extra(spec, s->options->mounts[i], e) < 0)
			return -1;
	for (size_t i = 0; i < s->options->ndevices; i++)
		if (add_device(spec, s->options->devices[i], e) < 0)
			return -1;
	return 0;
}

/* Beside the project directory, with the fd that comes behind the others'. */
static int add_actions(struct slot *s, struct sandbox_spec *spec, uint32_t fd, struct err *e)
{
	char at[SANDBOX_PATH];
	snprintf(at, sizeof at, "%.200s/%s", s->options->builds_dir, GATE_ACTIONS);
	struct sandbox_mount *m = sandbox_spec_mount(spec, SANDBOX_BIND_FD, at, SANDBOX_OWN, e);
	if (m)
		m->fd = fd;
	return m ? 0 : -1;
}

static int add_mounts(struct slot *s, struct sandbox_spec *spec, const struct gate_sandbox *want,
		      struct err *e)
{
	bool mirror = want->origin[0] != '\0';
	struct sandbox_mount *tree = sandbox_spec_mount(spec, SANDBOX_BIND_FD, s->project_dir,
							SANDBOX_OWN, e);
	if (!tree)
		return -1;
	tree->fd = 0;
	char files_dir[SANDBOX_PATH];
	snprintf(files_dir, sizeof files_dir, "%.200s.tmp", s->project_dir);
	struct sandbox_mount *files = sandbox_spec_mount(spec, SANDBOX_TMPFS, files_dir, 0, e);
	if (!files)
		return -1;
	files->size = FILES_BYTES;
	if (mirror && add_store(spec, SLOT_MIRROR, 1, e) < 0)
		return -1;
	if (s->snapshot >= 0 && add_store(spec, GATE_SNAPSHOT_AT, 2, e) < 0)
		return -1;
	if (want->actions && add_actions(s, spec, 1u + mirror + (s->snapshot >= 0), e) < 0)
		return -1;
	return add_operators(s, spec, e);
}
/* What does not depend on the job. */
static void fill_common(const struct host *h, unsigned number, const struct slot_options *o,
			struct sandbox_spec *spec)
{
	sandbox_spec_init(spec);
	priv_map(&h->priv, number, spec);
	spec->net = o->net;
	snprintf(spec->work, sizeof spec->work, "%s", o->builds_dir);
	spec->limits = o->limits;
	spec->limits.cpu_first = number * o->limits.cpus;
	spec->profile = o->profile;
	if (o->tmp_bytes)
		spec->tmp_bytes = o->tmp_bytes;
	snprintf(spec->hostname, sizeof spec->hostname, "%.*s", HOSTNAME_BYTES, h->hostname);
}

int slot_box_prepare(struct host *h, unsigned number, const struct slot_options *o, struct err *e)
{
	struct sandbox_spec spec;
	if (h->spawner_socket.fd < 0)
		return 0;
	fill_common(h, number, o, &spec);
	return sandbox_prepare_request(h->spawner_socket.fd, &spec, e);
}

static int fill(struct slot *s, struct sandbox_spec *spec, const struct gate_sandbox *want,
		struct err *e)
{
	if (strlen(want->project_dir) > SANDBOX_PATH - 8 || !sandbox_path_ok(want->project_dir))
		return err_set(e, EINVAL,
			       "project directory \"%.80s\" is not a path that a sandbox "
			       "can have",
			       want->project_dir);
	snprintf(s->project_dir, sizeof s->project_dir, "%s", want->project_dir);
	if (strlen(want->aliases) >= sizeof spec->aliases)
		return err_set(e, E2BIG, "services: their names are too long");
	snprintf(spec->aliases, sizeof spec->aliases, "%s", want->aliases);
	return add_mounts(s, spec, want, e);
}

/* The objects of the job's mirror, and the tree it asks for if that is there. */
static int stores_open(struct slot *s, const struct gate_sandbox *want, int *ret, struct err *e)
{
	autofd mirror = slot_mirror(s, want, e);
	if (mirror < 0)
		return -1;
	s->snapshot = snapshot_find(mirror, want->snapshot);
	if (s->snapshot >= 0)
		ret[1] = openat(s->snapshot, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (ret[1] < 0)
		fd_close(&s->snapshot);
	autofd objects = fd_mkdir_open(mirror, "objects", 0755, e);
	if (objects < 0 || priv_give_role(&s->host->priv, PRIV_FETCHER, s->number, objects, e) < 0)
		return err_wrap(e, "mirror");
	ret[0] = fd_take(&objects);
	return 0;
}

void slot_box_forget(struct slot *s)
{
	if (!s->order)
		return;
	for (size_t i = 0; i < sizeof s->order->fds / sizeof *s->order->fds; i++)
		fd_close(&s->order->fds[i]);
	free(s->order);
	s->order = NULL;
}

/* A socket holds a dozen requests. When it is full the order waits: each of those in it will be
 * answered, and each answer is a reason to try again. */
int slot_order_send(struct slot *s, struct err *e)
{
	uint64_t cookie = s->number | (uint64_t)s->generation << 32;
	int r = sandbox_spawn_request(s->host->spawner_socket.fd, cookie, &s->order->spec,
				      s->order->fds, e);
	bool later = r < 0 && e->code == EAGAIN;
	if (later)
		err_clear(e);
	else
		slot_box_forget(s);
	s->sandbox_pending = later || r == 0;
	return later ? 0 : r;
}

void slot_box_ask_again(struct host *h)
{
	bool waited = false;
	for (unsigned n = 0; n < h->nslots; n++) {
		struct err e = { 0 };
		struct slot *s = h->slots[n];
		if (!s || !s->order)
			continue;
		if (slot_order_send(s, &e) < 0)
			slot_refuse(s, e.msg);
		if (s->order)
			return; /* still full */
		waited = true;
	}
	if (waited)
		rest(); /* many came at once: what they needed leaves large holes */
}

static int fill_order(struct slot *s, const struct gate_sandbox *want, struct err *e)
{
	int *fds = s->order->fds;
	bool sources = want->origin[0] != '\0';
	autofd actions = -1;
	fds[0] = trees_open(s, want, &actions, e);
	if (fds[0] < 0 || (sources && stores_open(s, want, fds + 1, e) < 0))
		return -1;
	while (*fds >= 0)
		fds++;
	*fds = fd_take(&actions);
	if (fill(s, &s->order->spec, want, e) < 0)
		return -1;
	const struct slot_image image = { want->layers, want->user, want->folders, 0 };
	return want->layers[0] ? slot_image_fill(s, &image, e) : 0;
}

struct slot_order *slot_order_new(struct slot *s, struct err *e)
{
	s->order = malloc(sizeof *s->order);
	if (!s->order) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	memset(s->order->fds, -1, sizeof s->order->fds);
	fill_common(s->host, s->number, s->options, &s->order->spec);
	return s->order;
}

int slot_box_request(struct slot *s, const struct gate_sandbox *want, struct err *e)
{
	if (!slot_order_new(s, e))
		return -1;
	if (fill_order(s, want, e) < 0) {
		slot_box_forget(s);
		return -1;
	}
	return slot_order_send(s, e);
}
