#include "executor/pack.h"

#include "base/fd.h"

#include <stdio.h>

void pack_put_checkout(struct msg *m, const struct pack_checkout *c)
{
	msg_init(m, PACK_CHECKOUT);
	msg_put_u32(m, c->state);
	msg_put_u32(m, c->files);
	msg_put_u32(m, c->modules);
	msg_put_u32(m, c->store >= 0);
	msg_put_str(m, c->tree);
	msg_put_str(m, c->parent);
	msg_put_str(m, c->name);
	msg_put_str(m, c->worktree);
	msg_put_str(m, c->alternates);
	msg_put_str(m, c->sha);
	msg_put_str(m, c->url);
	msg_put_str(m, c->clean);
	msg_put_fd(m, c->refs);
	if (c->store >= 0)
		msg_put_fd(m, c->store);
}

int pack_get_checkout(struct msg *m, struct pack_checkout *ret, struct err *e)
{
	struct pack_checkout c = { .refs = -1, .store = -1 };
	c.state = msg_get_u32(m) == PACK_FRESH ? PACK_FRESH : PACK_KEPT;
	c.files = msg_get_u32(m) != 0;
	c.modules = msg_get_u32(m) != 0;
	bool stored = msg_get_u32(m) != 0;
	c.tree = msg_get_str(m);
	c.parent = msg_get_str(m);
	c.name = msg_get_str(m);
	c.worktree = msg_get_str(m);
	c.alternates = msg_get_str(m);
	c.sha = msg_get_str(m);
	c.url = msg_get_str(m);
	c.clean = msg_get_str(m);
	autofd refs = msg_get_fd(m);
	autofd store = stored ? msg_get_fd(m) : -1;
	if (msg_end(m, e) < 0)
		return -1;
	c.refs = fd_take(&refs);
	c.store = fd_take(&store);
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
