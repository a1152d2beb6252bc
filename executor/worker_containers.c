#include "executor/worker_containers.h"

#include "executor/worker.h"

#include <errno.h>
#include <string.h>

enum { REMARKS_MAX = 32 << 10 };

/* --- contexts ------------------------------------------------------------------------------------- */

static int open_scope(struct worker *w, struct workflow *ret, struct err *e)
{
	const char *event = arena_printf(&w->arena, e, "%s/event.json", w->files_dir);
	const struct workflow_facts facts = {
		.workspace = w->project_dir,
		.temp = "/tmp",
		.runner_name = w->settings.runner_name,
		.event_path = event,
	};
	return event ? workflow_open(ret, w->job->workflow, &facts, &w->arena, e) : -1;
}

int worker_scope(struct worker *w, struct workflow *ret, struct err *e)
{
	if (!w->services.scope)
		return open_scope(w, ret, e);
	*ret = *w->services.scope;
	return 0;
}

/* --- what is to be said --------------------------------------------------------------------------- */

static int remark_options(const struct workflow_container *c, const char *who, struct buf *out,
			  struct err *e)
{
	const struct container_options *o = &c->options;
	if (*o->ignored &&
	    buf_printf(out, e, "%s: options without effect here: %s\n", who, o->ignored) < 0)
		return -1;
	if (*c->id)
		return 0;
	if (c->nports && buf_printf(out, e, "%s: ports have no effect\n", who) < 0)
		return -1;
	if ((o->has_entrypoint || *o->health.command) &&
	    buf_printf(out, e, "%s: --entrypoint and --health-cmd have no effect\n", who) < 0)
		return -1;
	return 0;
}

/* One loopback for all: a service is where it listens. */
static int remark_ports(struct workflow_container *c, const char *who, struct buf *out,
			struct err *e)
{
	for (size_t i = 0; i < c->nports; i++) {
		struct workflow_port *p = &c->ports[i];
		if (p->host != p->inside &&
		    buf_printf(out, e,
			       "%s: port %u is reached as %u, not as %u: the job and its services "
			       "share one network; job.services.%s.ports['%u'] says so\n",
			       who, p->inside, p->inside, p->host, c->id, p->inside) < 0)
			return -1;
		p->host = p->inside;
	}
	return 0;
}

static bool names_volume(const struct workflow_container *c, const char *name)
{
	for (size_t i = 0; i < c->nvolumes; i++)
		if (strcmp(c->volume_names[i], name) == 0)
			return true;
	return false;
}

/* A named volume that another container has too would be the same in both. */
static int remark_volumes(const struct worker *w, const struct workflow_container *c,
			  struct buf *out, struct err *e)
{
	const struct worker_services *all = &w->services;
	for (size_t i = 0; i < c->nvolumes; i++) {
		const char *name = c->volume_names[i];
		bool shared = c != all->own && all->own && names_volume(all->own, name);
		for (const struct workflow_container *o = all->how; o < c && c != all->own; o++)
			shared = shared || names_volume(o, name);
		if (shared && *name &&
		    buf_printf(out, e,
			       "volume %s: each container has one of its own, which the "
			       "others do not see\n",
			       name) < 0)
			return -1;
	}
	return 0;
}

static int remark(struct worker *w, struct workflow_container *own, struct workflow_container *how,
		  struct err *e)
{
	autobuf out = BUF(REMARKS_MAX);
	if (own &&
	    (remark_options(own, "container", &out, e) < 0 || remark_volumes(w, own, &out, e) < 0))
		return -1;
	for (size_t i = 0; i < w->job->nservices; i++) {
		const char *who = arena_printf(&w->arena, e, "service %s", how[i].id);
		if (!who || remark_options(&how[i], who, &out, e) < 0 ||
		    remark_ports(&how[i], who, &out, e) < 0 ||
		    remark_volumes(w, &how[i], &out, e) < 0)
			return -1;
	}
	w->services.remarks = arena_strdup(&w->arena, buf_cstr(&out), e);
	return w->services.remarks ? 0 : -1;
}

/* --- all of them ---------------------------------------------------------------------------------- */

/* The services that have an image: those are the job's. */
static int take_services(struct worker *w, struct job *to, struct workflow_container *how,
			 struct err *e)
{
	const struct job_workflow *flow = w->job->workflow;
	struct job_image *images = arena_array(&w->arena, flow->nservices + 1, sizeof *images, e);
	size_t n = 0;
	if (!images)
		return -1;
	for (size_t i = 0; i < flow->nservices; i++) {
		if (workflow_container(w->services.scope, &flow->services[i], &how[n], e) < 0)
			return -1;
		if (*how[n].image.name)
			n++;
	}
	for (size_t i = 0; i < n; i++)
		images[i] = how[i].image;
	to->services = images;
	to->nservices = n;
	return 0;
}

static int take_own(struct worker *w, struct job *to, struct workflow_container *own, struct err *e)
{
	const struct job_container *c = &w->job->workflow->container;
	if (!c->image.line)
		return 0;
	if (workflow_container(w->services.scope, c, own, e) < 0)
		return -1;
	if (!*own->image.name)
		return 0;
	to->image = own->image;
	w->image.login = &own->login;
	w->services.own = own;
	return 0;
}

int worker_containers(struct worker *w, struct err *e)
{
	const struct job_workflow *flow = w->job->workflow;
	if (!flow || (!flow->container.image.line && !flow->nservices))
		return 0;
	struct job *job = arena_new(&w->arena, struct job, e);
	struct workflow_container *list = arena_array(&w->arena, flow->nservices + 2, sizeof *list,
						      e);
	w->services.scope = list ? arena_new(&w->arena, struct workflow, e) : NULL;
	if (!job || !w->services.scope)
		return -1;
	*job = *w->job;
	if (open_scope(w, w->services.scope, e) < 0 || take_own(w, job, list, e) < 0 ||
	    take_services(w, job, list + 1, e) < 0)
		return -1;
	w->job = job;
	w->services.how = list + 1;
	struct workflow_container *own = w->services.own ? list : NULL;
	if (remark(w, own, list + 1, e) < 0)
		return -1;
	return workflow_put_containers(w->services.scope, own, list + 1, job->nservices, e);
}

const char *worker_folders(struct worker *w, const struct workflow_container *c, struct err *e)
{
	const char *lines = "";
	for (size_t i = 0; lines && c && i < c->nvolumes; i++)
		lines = arena_printf(&w->arena, e, "%s%s\n", lines, c->volumes[i]);
	return lines;
}

static int mask(const struct workflow_container *c, struct redact_set *set, struct err *e)
{
	const char *password = c->login.password;
	if (!password || !*password)
		return 0;
	return redact_set_add(set, "a registry's password", password, strlen(password), e);
}

int worker_containers_mask(const struct worker *w, struct redact_set *set, struct err *e)
{
	if (w->services.own && mask(w->services.own, set, e) < 0)
		return -1;
	for (size_t i = 0; w->services.how && i < w->job->nservices; i++)
		if (mask(&w->services.how[i], set, e) < 0)
			return -1;
	return 0;
}
