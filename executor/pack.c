#include "executor/pack.h"

#include "base/layout.h"

#define F(kind, name) LAYOUT_FIELD(kind, struct pack_checkout, name)
static const struct layout checkout = LAYOUT(
	struct pack_checkout, F(U32, state), F(BOOL, files), F(BOOL, modules), F(STR, tree),
	F(STR, parent), F(STR, name), F(STR, worktree), F(STR, alternates), F(STR, sha),
	F(STR, url), F(STR, clean), F(STR, branch), F(STR, include), F(STR, sparse), F(FD, refs),
	F(FD, store));
#undef F

#define F(kind, name) LAYOUT_FIELD(kind, struct pack_result, name)
static const struct layout result = LAYOUT(struct pack_result,
					   LAYOUT_FIELD_TEXT(struct pack_result, head),
					   F(U32, files), F(FD, modules));
#undef F

void pack_put_checkout(struct msg *m, const struct pack_checkout *c)
{
	msg_init(m, PACK_CHECKOUT);
	layout_put(&checkout, m, c);
}

int pack_get_checkout(struct msg *m, struct pack_checkout *ret, struct err *e)
{
	struct pack_checkout c;
	layout_get(&checkout, m, &c);
	c.state = c.state == PACK_FRESH ? PACK_FRESH : PACK_KEPT;
	if (layout_end(&checkout, m, &c, e) < 0)
		return -1;
	*ret = c;
	return 0;
}

void pack_put_done(struct msg *m, const struct pack_result *r)
{
	msg_init(m, PACK_DONE);
	layout_put(&result, m, r);
}

int pack_get_done(struct msg *m, struct pack_result *ret, struct err *e)
{
	struct pack_result r;
	layout_get(&result, m, &r);
	if (layout_end(&result, m, &r, e) < 0)
		return -1;
	*ret = r;
	return 0;
}
