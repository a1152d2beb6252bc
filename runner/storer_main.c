/* courser-storer: caches on this machine's disk (executor/storer.h is the contract). */
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/verb.h"
#include "executor/cache_list.h"
#include "executor/cache_store.h"
#include "executor/storer.h"
#include "sandbox/confine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FD_WORKER = 3, FD_TOP, FILES = 256 };

struct storer {
	const char *name;
	struct cache_limits limits;
};

static int confine(const char *ids, struct err *e)
{
	static const struct confine_path paths[] = {
		{ FD_TOP, "", CONFINE_READ | CONFINE_WRITE },
	};
	struct confine c = {
		.profile = "packer",
		.paths = paths,
		.npaths = sizeof paths / sizeof *paths,
		.nofile = FILES,
	};
	return confine_ids(&c, ids, e) < 0 ? -1 : confine_role(&c, e);
}

static int done(uint32_t found, const struct cache_moved *v, struct err *e)
{
	automsg m;
	msg_init(&m, STORER_DONE);
	msg_put_u32(&m, found);
	msg_put_u64(&m, v->files);
	msg_put_u64(&m, v->bytes);
	msg_put_u64(&m, v->fresh);
	return msg_send(FD_WORKER, &m, e);
}

static int failed(const struct err *why, struct err *e)
{
	automsg m;
	msg_init(&m, STORER_FAILED);
	msg_put_str(&m, why->msg);
	return msg_send(FD_WORKER, &m, e);
}

static int has(void *storer, struct msg *m, struct err *e)
{
	const struct storer *s = storer;
	static const struct cache_moved nothing;
	struct cache_store store;
	struct err why = { 0 };
	const char *key = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (cache_store_open(&store, FD_TOP, s->name, &s->limits, &why) < 0)
		return failed(&why, e);
	bool found = cache_store_has(&store, key);
	cache_store_close(&store);
	return done(found, &nothing, e);
}

/* Whether it is there, -1: why. */
static int move_out(const struct storer *s, const char *key, int fd, struct cache_moved *ret,
		    struct err *why)
{
	struct cache_store store;
	struct cache_stream *to = cache_stream_new(fd, why);
	int r = -1;
	if (to && cache_store_open(&store, FD_TOP, s->name, &s->limits, why) == 0) {
		r = cache_store_load(&store, key, to, ret, why);
		cache_store_close(&store);
	}
	cache_stream_free(to);
	return r;
}

/* Room first, for as much as is said to come: while it comes nothing can go. */
static int make_room(const struct storer *s, struct cache_stream *from, uint64_t *ret_total,
		     struct err *e)
{
	uint64_t max = s->limits.max;
	struct cache_entry *facts = malloc(sizeof *facts);
	int r = facts ? cache_get(from, facts, e) : err_set(e, ENOMEM, "out of memory");
	if (r == 0 && facts->type != CACHE_FACTS)
		r = err_set(e, EPROTO, "the cache is malformed");
	uint64_t size = r == 0 ? facts->size : 0;
	free(facts);
	if (r == 0)
		r = cache_total(FD_TOP, ret_total, e);
	if (r < 0 || (size < max && *ret_total < max - size))
		return r;
	return cache_store_trim(FD_TOP, size < max ? max - size : max / 2, ret_total, e);
}

/* 1: it is there now, -1: why. */
static int move_in(const struct storer *s, const char *key, int fd, struct cache_moved *ret,
		   struct err *why)
{
	struct cache_store store;
	uint64_t total = 0;
	struct cache_stream *from = cache_stream_new(fd, why);
	int r = -1;
	if (from && make_room(s, from, &total, why) == 0 &&
	    cache_store_open(&store, FD_TOP, s->name, &s->limits, why) == 0) {
		store.total = total;
		r = cache_store_save(&store, key, from, ret, why) < 0 ? -1 : 1;
		total = store.total;
		cache_store_close(&store);
	}
	cache_stream_free(from);
	struct err late = { 0 };
	if (total > s->limits.max && cache_store_trim(FD_TOP, s->limits.max, &total, &late) < 0)
		log_warn("caches", "err", late.msg, NULL);
	return r;
}

/* A key and a stream: the cache moves out through it, or in. */
static int move(const struct storer *s, struct msg *m,
		int (*by)(const struct storer *s, const char *key, int fd, struct cache_moved *ret,
			  struct err *why),
		struct err *e)
{
	struct cache_moved v = { 0 };
	struct err why = { 0 };
	const char *key = msg_get_str(m);
	autofd fd = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	int r = by(s, key, fd, &v, &why);
	fd_close(&fd); /* before it is answered: who reads it has heard the end */
	return r < 0 ? failed(&why, e) : done((uint32_t)r, &v, e);
}

static int load(void *storer, struct msg *m, struct err *e)
{
	return move(storer, m, move_out, e);
}

static int save(void *storer, struct msg *m, struct err *e)
{
	int r = move(storer, m, move_in, e);
	if (r == 0)
		cache_total_keep(FD_TOP); /* behind the answer: nobody waits for it */
	return r;
}

static int run(struct storer *s, struct err *e)
{
	static const struct verb verbs[] = {
		{ STORER_HAS, has },
		{ STORER_LOAD, load },
		{ STORER_SAVE, save },
	};
	return verb_serve(FD_WORKER, verbs, sizeof verbs / sizeof *verbs, s, e);
}

static bool is_name(const char *s)
{
	return *s && strspn(s, "0123456789abcdef") == strlen(s);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct storer s = { .name = argc > 2 ? argv[2] : "" };
	log_setup("storer");
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (argc != 5 || !is_name(s.name) || !str_u64(argv[3], UINT64_MAX, &s.limits.max) ||
	    !str_u64(argv[4], UINT64_MAX, &s.limits.floor))
		err_set(&e, EINVAL, "usage: courser-storer UID:GID|- NAME BUDGET FLOOR");
	else if (confine(argv[1], &e) == 0)
		(void)!run(&s, &e);
	if (e.code)
		log_line(LOG_ERROR, "storer ends", "error", e.msg, NULL);
	coverage_flush();
	return e.code != 0;
}
