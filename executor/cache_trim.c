/* Room in the store of caches: what belongs to no cache goes, then caches, the least recently used first. */
#include "base/fd.h"
#include "executor/cache_list.h"
#include "executor/cache_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { KEYS_MAX = 100000, REFS_MAX = 64 << 20, PROJECT = 80 };

/* A cache: where it is and when it was used. */
struct cached {
	char project[PROJECT], key[DIGEST_HEX];
	struct timespec used;
};

struct trim {
	int top;
	struct cached *list;
	size_t n, room;
};

typedef int name_fn(void *arg, int dir, const char *name, struct err *e);

static int each_name(int dir, name_fn *fn, void *arg, struct err *e)
{
	autofd copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "cache store");
	fd_take(&copy);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fn(arg, dir, de->d_name, e);
	closedir(d);
	return r;
}

static int open_dir(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- what belongs to none ----------------------------------------------------------------------- */

struct refs {
	uint8_t (*list)[DIGEST_SIZE];
	size_t n, room;
};

static int add_ref(struct refs *r, const uint8_t *digest, struct err *e)
{
	if (r->n == r->room) {
		size_t room = r->room ? r->room * 2 : 1024;
		void *more = room > REFS_MAX ? NULL : realloc(r->list, room * sizeof *r->list);
		if (!more)
			return err_set(e, ENOMEM, "out of memory");
		r->list = more;
		r->room = room;
	}
	memcpy(r->list[r->n++], digest, DIGEST_SIZE);
	return 0;
}

static int read_refs(struct refs *r, const struct buf *list, struct err *e)
{
	struct cache_entry *x = malloc(sizeof *x);
	size_t at = cache_list_first();
	const uint8_t *digest;
	int got = x ? 1 : err_set(e, ENOMEM, "out of memory");
	while (got > 0) {
		got = cache_list_next(list, &at, x, &digest, e);
		if (got > 0 && digest && add_ref(r, digest, e) < 0)
			got = -1;
	}
	free(x);
	return got;
}

/* A list that is damaged keeps nothing, and goes. */
static int refs_of_key(void *arg, int keys, const char *name, struct err *e)
{
	struct buf list = BUF(CACHE_LIST_MAX);
	struct err why = { 0 };
	autofd fd = openat(keys, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	int r = fd_read_all(fd, &list, &why);
	if (r == 0)
		r = cache_list_check(&list, &why);
	if (r == 0)
		r = read_refs(arg, &list, &why);
	buf_done(&list);
	if (r < 0 && why.code != EBADMSG && why.code != EPROTO) {
		*e = why;
		return -1;
	}
	if (r < 0)
		(void)unlinkat(keys, name, 0);
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_SIZE);
}

/* An object's name: its digest, and ".z" when it is packed. */
static bool from_name(const char *name, uint8_t ret[DIGEST_SIZE])
{
	char hex[DIGEST_HEX];
	size_t n = strlen(name);
	if (n != DIGEST_HEX - 1 && !(n == DIGEST_HEX + 1 && strcmp(name + n - 2, ".z") == 0))
		return false;
	snprintf(hex, sizeof hex, "%.64s", name);
	return digest_from_hex(hex, ret);
}

static int drop_unused(void *arg, int objects, const char *name, struct err *e)
{
	const struct refs *r = arg;
	uint8_t digest[DIGEST_SIZE];
	bool used = from_name(name, digest) && r->n &&
		    bsearch(digest, r->list, r->n, sizeof *r->list, by_digest);
	(void)e;
	if (!used)
		(void)unlinkat(objects, name, 0);
	return 0;
}

static int collect(void *arg, int top, const char *project, struct err *e)
{
	struct refs r = { 0 };
	(void)arg;
	autofd dir = open_dir(top, project);
	autofd keys = dir < 0 ? -1 : open_dir(dir, "keys");
	autofd objects = dir < 0 ? -1 : open_dir(dir, "objects");
	if (keys < 0 || objects < 0)
		return 0; /* the lock */
	int ret = each_name(keys, refs_of_key, &r, e);
	if (ret == 0 && r.n)
		qsort(r.list, r.n, sizeof *r.list, by_digest);
	if (ret == 0)
		ret = each_name(objects, drop_unused, &r, e);
	free(r.list);
	return ret;
}

/* --- the least recently used -------------------------------------------------------------------- */

struct naming {
	struct trim *t;
	const char *project;
};

static int add_key(void *arg, int keys, const char *name, struct err *e)
{
	struct naming *n = arg;
	struct trim *t = n->t;
	struct stat st;
	if (strlen(name) != DIGEST_HEX - 1 || fstatat(keys, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		void *more = room > 2 * KEYS_MAX ? NULL : realloc(t->list, room * sizeof *t->list);
		if (!more)
			return err_set(e, ENOMEM, "out of memory");
		t->list = more;
		t->room = room;
	}
	struct cached *c = &t->list[t->n++];
	*c = (struct cached){ .used = st.st_mtim };
	snprintf(c->project, sizeof c->project, "%.*s", PROJECT - 1, n->project);
	memcpy(c->key, name, DIGEST_HEX);
	return 0;
}

static int add_project(void *arg, int top, const char *project, struct err *e)
{
	struct naming n = { arg, project };
	autofd dir = open_dir(top, project);
	autofd keys = dir < 0 ? -1 : open_dir(dir, "keys");
	return keys < 0 ? 0 : each_name(keys, add_key, &n, e);
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct cached *)a)->used;
	const struct timespec *y = &((const struct cached *)b)->used;
	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec == y->tv_nsec ? 0 : x->tv_nsec < y->tv_nsec ? -1 : 1;
}

static int evict(struct trim *t, const struct cached *c, struct err *e)
{
	autofd dir = open_dir(t->top, c->project);
	autofd keys = dir < 0 ? -1 : open_dir(dir, "keys");
	if (keys < 0 || unlinkat(keys, c->key, 0) < 0)
		return err_sys(e, "cache");
	return collect(NULL, t->top, c->project, e);
}

static int trim_to(struct trim *t, uint64_t max, uint64_t *total, struct err *e)
{
	if (cache_total(t->top, total, e) < 0)
		return -1;
	if (*total <= max)
		return 0;
	if (each_name(t->top, collect, NULL, e) < 0 || each_name(t->top, add_project, t, e) < 0 ||
	    cache_total(t->top, total, e) < 0)
		return -1;
	if (t->n)
		qsort(t->list, t->n, sizeof *t->list, by_use);
	for (size_t i = 0; i<t->n && * total> max; i++)
		if (evict(t, &t->list[i], e) < 0 || cache_total(t->top, total, e) < 0)
			return -1;
	return 0;
}

int cache_store_trim(int top, uint64_t max, uint64_t *ret_total, struct err *e)
{
	struct trim t = { .top = top };
	autofd lock = openat(top, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return err_sys(e, "cache store");
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? cache_total(top, ret_total, e)
					    : err_sys(e, "cache store");
	int r = trim_to(&t, max, ret_total, e);
	free(t.list);
	return r;
}
