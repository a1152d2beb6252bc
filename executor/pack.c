#include "executor/pack.h"

#include "base/fd.h"

#include <stdio.h>

void pack_put_checkout(struct msg *m, const struct pack_checkout *c)
{
	msg_init(m, PACK_CHECKOUT);
	msg_put_u32(m, c->state);
	msg_put_u32(m, c->files);
	msg_put_u32(m, c->modules);
	msg_put_u32(m, c->objects >= 0);
	msg_put_str(m, c->tree);
	msg_put_str(m, c->gitdir);
	msg_put_str(m, c->worktree);
	msg_put_str(m, c->alternates);
	msg_put_str(m, c->sha);
	msg_put_str(m, c->url);
	msg_put_str(m, c->clean);
	msg_put_u32(m, (uint32_t)c->nrefspecs);
	for (size_t i = 0; i < c->nrefspecs; i++)
		msg_put_str(m, c->refspecs[i]);
	msg_put_fd(m, c->refs);
	if (c->objects >= 0)
		msg_put_fd(m, c->objects);
}

static int get_refspecs(struct msg *m, struct arena *a, struct pack_checkout *c, struct err *e)
{
	c->nrefspecs = msg_get_u32(m);
	if (c->nrefspecs > FETCH_REFSPECS_MAX)
		return err_set(e, E2BIG, "%zu refspecs, at most %d", c->nrefspecs,
			       FETCH_REFSPECS_MAX);
	const char **specs = arena_array(a, c->nrefspecs + 1, sizeof *specs, e);
	if (!specs)
		return -1;
	for (size_t i = 0; i < c->nrefspecs; i++)
		specs[i] = msg_get_str(m);
	c->refspecs = specs;
	return 0;
}

int pack_get_checkout(struct msg *m, struct arena *a, struct pack_checkout *ret, struct err *e)
{
	struct pack_checkout c = { .refs = -1, .objects = -1 };
	c.state = msg_get_u32(m) == PACK_FRESH ? PACK_FRESH : PACK_KEPT;
	c.files = msg_get_u32(m) != 0;
	c.modules = msg_get_u32(m) != 0;
	bool nested = msg_get_u32(m) != 0;
	c.tree = msg_get_str(m);
	c.gitdir = msg_get_str(m);
	c.worktree = msg_get_str(m);
	c.alternates = msg_get_str(m);
	c.sha = msg_get_str(m);
	c.url = msg_get_str(m);
	c.clean = msg_get_str(m);
	if (get_refspecs(m, a, &c, e) < 0)
		return -1;
	autofd refs = msg_get_fd(m);
	autofd objects = nested ? msg_get_fd(m) : -1;
	if (msg_end(m, e) < 0)
		return -1;
	c.refs = fd_take(&refs);
	c.objects = fd_take(&objects);
	*ret = c;
	return 0;
}

void pack_put_done(struct msg *m, const struct pack_result *r)
{
	msg_init(m, PACK_DONE);
	msg_put_str(m, r->head);
	msg_put_u32(m, r->files);
	msg_put_u32(m, r->modules >= 0);
	if (r->modules >= 0)
		msg_put_fd(m, r->modules);
}

int pack_get_done(struct msg *m, struct pack_result *ret, struct err *e)
{
	struct pack_result r = PACK_RESULT;
	snprintf(r.head, sizeof r.head, "%s", msg_get_str(m));
	r.files = msg_get_u32(m);
	autofd modules = msg_get_u32(m) ? msg_get_fd(m) : -1;
	if (msg_end(m, e) < 0)
		return -1;
	r.modules = fd_take(&modules);
	*ret = r;
	return 0;
}
