#include "runner/keeper_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void keeper_store_init(struct keeper_store *s, struct vault_net *net, uint64_t life_max_s)
{
	*s = (struct keeper_store){ .net = net, .life_max_s = life_max_s };
}

static void cached_done(struct keeper_cached *c)
{
	free(c->mount);
	free(c->path);
	vault_reply_free(c->reply);
	*c = (struct keeper_cached){ 0 };
}

void keeper_store_done(struct keeper_store *s)
{
	while (s->nreads)
		cached_done(&s->reads[--s->nreads]);
	while (s->nidentities)
		vault_free(s->identities[--s->nidentities]);
}

struct vault *keeper_store_identity(struct keeper_store *s, const struct vault_identity *id,
				    unsigned *ret_index, struct err *e)
{
	for (size_t i = 0; i < s->nidentities; i++)
		if (vault_is(s->identities[i], id)) {
			*ret_index = (unsigned)i;
			return s->identities[i];
		}
	if (s->nidentities == KEEPER_IDENTITIES) {
		err_set(e, EINVAL, "more than %d different logins", KEEPER_IDENTITIES);
		return NULL;
	}
	struct vault *v = vault_new(s->net, id, s->life_max_s, e);
	if (!v)
		return NULL;
	*ret_index = (unsigned)s->nidentities;
	return s->identities[s->nidentities++] = v;
}

const struct vault_reply *keeper_store_find(const struct keeper_store *s, const struct vault *v,
					    const struct vault_want *w)
{
	for (size_t i = 0; i < s->nreads; i++) {
		const struct keeper_cached *c = &s->reads[i];
		if (c->vault == v && c->engine == w->engine && strcmp(c->mount, w->mount) == 0 &&
		    strcmp(c->path, w->path) == 0)
			return c->reply;
	}
	return NULL;
}

int keeper_store_keep(struct keeper_store *s, struct vault *v, const struct vault_want *w,
		      struct vault_reply *reply, struct err *e)
{
	struct keeper_cached c = {
		.vault = v,
		.engine = w->engine,
		.mount = strdup(w->mount),
		.path = strdup(w->path),
		.reply = reply,
	};
	if (c.mount && c.path && s->nreads < KEEPER_READS) {
		s->reads[s->nreads++] = c;
		return 0;
	}
	cached_done(&c);
	return s->nreads < KEEPER_READS
		       ? err_set(e, ENOMEM, "out of memory")
		       : err_set(e, EINVAL, "more than %d different secrets", KEEPER_READS);
}

uint64_t keeper_store_due(const struct keeper_store *s)
{
	uint64_t due = UINT64_MAX;
	for (size_t i = 0; i < s->nidentities; i++) {
		uint64_t one = vault_due(s->identities[i]);
		due = one < due ? one : due;
	}
	return due;
}
