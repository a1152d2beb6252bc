#include "executor/cache_store.h"

#include "base/fd.h"
#include "executor/archive_object.h"
#include "executor/cache_list.h"
#include "executor/digest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	PLAIN_MAX = 16 << 10,  /* for less than some blocks it is not worth the time */
	MEMORY_MAX = 64 << 10, /* larger ones go through a file */
	LOOK_EVERY = 32 << 20, /* bytes between looks at the free space */
	NAME_BYTES = DIGEST_HEX + 8,
};

/* --- the store ---------------------------------------------------------------------------------- */

static int open_parts(struct cache_store *s, int top, const char *name, struct err *e)
{
	s->top = fcntl(top, F_DUPFD_CLOEXEC, 0);
	s->lock = openat(top, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->top < 0 || s->lock < 0 || flock(s->lock, LOCK_SH) < 0)
		return err_sys(e, "cache store");
	autofd dir = fd_mkdir_open(top, name, 0700, e);
	if (dir < 0)
		return -1;
	s->objects = fd_mkdir_open(dir, "objects", 0700, e);
	s->keys = s->objects < 0 ? -1 : fd_mkdir_open(dir, "keys", 0700, e);
	return s->keys < 0 ? -1 : 0;
}

int cache_store_open(struct cache_store *s, int top, const char *name, const struct cache_limits *l,
		     struct err *e)
{
	*s = (struct cache_store){ -1, -1, -1, -1, *l, 0 };
	if (open_parts(s, top, name, e) == 0)
		return 0;
	cache_store_close(s);
	return err_wrap(e, "cache store");
}

void cache_store_close(struct cache_store *s)
{
	fd_close(&s->keys);
	fd_close(&s->objects);
	fd_close(&s->lock);
	fd_close(&s->top);
}

bool cache_store_has(const struct cache_store *s, const char *key)
{
	char name[DIGEST_HEX];
	struct err e = { 0 };
	return cache_key_name(key, name, &e) == 0 && faccessat(s->keys, name, F_OK, 0) == 0;
}

/* --- saving ------------------------------------------------------------------------------------- */

struct saving {
	struct cache_store *s;
	struct cache_stream *from;
	struct cache_moved moved;
	struct digest *digest;
	struct buf list;
	struct buf old; /* the list that is replaced: what it has is in the store */
	size_t old_at;
	struct cache_entry old_entry;
	const uint8_t *old_digest;
	struct cache_entry entry;
	uint64_t looked; /* fresh bytes when the free space was looked at */
	uint64_t wrote;
	char memory[MEMORY_MAX];
};

static int check_room(struct saving *v, struct err *e)
{
	struct statvfs f;
	const struct cache_limits *l = &v->s->limits;
	if (v->s->total > l->max)
		return err_set(e, ENOSPC, "all caches together become larger than %llu MiB",
			       (unsigned long long)(l->max >> 20));
	if (v->wrote - v->looked < LOOK_EVERY && v->wrote)
		return 0;
	v->looked = v->wrote;
	if (fstatvfs(v->s->objects, &f) < 0)
		return err_sys(e, "cache store");
	if ((uint64_t)f.f_bavail * f.f_frsize >= l->floor)
		return 0;
	return err_set(e, ENOSPC, "less than %llu MiB are free on the disk",
		       (unsigned long long)(l->floor >> 20));
}

static bool is_there(const struct cache_store *s, const char *hex)
{
	char packed[NAME_BYTES];
	snprintf(packed, sizeof packed, "%s.z", hex);
	return faccessat(s->objects, hex, F_OK, 0) == 0 ||
	       faccessat(s->objects, packed, F_OK, 0) == 0;
}

/* The new object in fd tmp, called name so far, under its own. */
static int publish(struct saving *v, int tmp, const char *name, const char *hex, struct err *e)
{
	struct stat st;
	char own[NAME_BYTES];
	snprintf(own, sizeof own, "%s%s", hex, v->entry.size > PLAIN_MAX ? ".z" : "");
	if (fstat(tmp, &st) < 0 || renameat(v->s->objects, name, v->s->objects, own) < 0)
		return err_sys(e, "object");
	v->s->total += (uint64_t)st.st_blocks * 512;
	v->wrote += (uint64_t)st.st_blocks * 512;
	v->moved.fresh++;
	return check_room(v, e);
}

/* What is in memory (content -1) or in the file content becomes an object. */
static int write_object(struct saving *v, int content, const char *hex, struct err *e)
{
	char name[48];
	snprintf(name, sizeof name, ".tmp-%d", getpid());
	autofd tmp = openat(v->s->objects, name,
			    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (tmp < 0)
		return err_sys(e, "object");
	if (v->entry.size <= PLAIN_MAX) {
		if (fd_write_all(tmp, v->memory, (size_t)v->entry.size, e) < 0)
			return -1;
		return publish(v, tmp, name, hex, e);
	}
	autofd own = content < 0 ? memfd_create("object", MFD_CLOEXEC) : -1;
	if (content < 0) {
		if (own < 0)
			return err_sys(e, "memory file");
		if (fd_write_all(own, v->memory, (size_t)v->entry.size, e) < 0)
			return -1;
		content = own;
	}
	return archive_object_pack(content, tmp, e) < 0 ? -1 : publish(v, tmp, name, hex, e);
}

/* The file's bytes through the digest, into memory or, when there are many, into a file. */
static int take_content(struct saving *v, int content, uint8_t digest[DIGEST_SIZE], struct err *e)
{
	uint64_t left = v->entry.size;
	do {
		size_t n = left < sizeof v->memory ? (size_t)left : sizeof v->memory;
		if (cache_get_data(v->from, v->memory, n, e) < 0 ||
		    digest_add(v->digest, v->memory, n, e) < 0 ||
		    (content >= 0 && fd_write_all(content, v->memory, n, e) < 0))
			return -1;
		left -= n;
	} while (left);
	return digest_end(v->digest, digest, e);
}

static int take_file(struct saving *v, struct err *e)
{
	uint8_t digest[DIGEST_SIZE];
	char hex[DIGEST_HEX];
	bool large = v->entry.size > sizeof v->memory;
	if (v->entry.size > v->s->limits.max)
		return err_set(e, ENOSPC, "%.200s: a file larger than all caches may be",
			       v->entry.path);
	autofd content = large ? openat(v->s->objects, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
			       : -1;
	if (large && content < 0)
		return err_sys(e, "cache store");
	if (take_content(v, content, digest, e) < 0)
		return -1;
	digest_hex(digest, hex);
	v->moved.files++;
	v->moved.bytes += v->entry.size;
	if (!is_there(v->s, hex) && write_object(v, content, hex, e) < 0)
		return -1;
	return buf_add(&v->list, digest, sizeof digest, e);
}

/* The list of the key so far. One that is absent or damaged knows nothing. */
static void read_old(struct saving *v, const char *name)
{
	struct err none = { 0 };
	autofd fd = openat(v->s->keys, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	v->old_at = cache_list_first();
	if (fd < 0 || fd_read_all(fd, &v->old, &none) < 0 || cache_list_check(&v->old, &none) < 0)
		buf_done(&v->old);
}

/* Whether the entry of this path in it had this digest. Both lists are in the order of strcmp. */
static bool was_listed(struct saving *v, const uint8_t digest[DIGEST_SIZE])
{
	struct err none = { 0 };
	int order = v->old_entry.path[0] ? strcmp(v->old_entry.path, v->entry.path) : -1;
	while (v->old.len && order < 0) {
		if (cache_list_next(&v->old, &v->old_at, &v->old_entry, &v->old_digest, &none) <= 0)
			buf_done(&v->old);
		else
			order = strcmp(v->old_entry.path, v->entry.path);
	}
	return v->old.len && order == 0 && v->old_digest &&
	       memcmp(v->old_digest, digest, DIGEST_SIZE) == 0;
}

/* A file that was restored from here and has not changed since. */
static int take_known(struct saving *v, struct err *e)
{
	uint8_t digest[DIGEST_SIZE];
	if (!digest_from_hex(v->entry.target, digest) ||
	    (!was_listed(v, digest) && !is_there(v->s, v->entry.target)))
		return err_set(e, ESTALE, "%.200s: what it was restored from is gone",
			       v->entry.path);
	v->entry.type = CACHE_FILE;
	v->entry.target[0] = '\0';
	v->moved.files++;
	v->moved.bytes += v->entry.size;
	if (cache_entry_put(&v->list, &v->entry, e) < 0)
		return -1;
	return buf_add(&v->list, digest, sizeof digest, e);
}

static int take_one(struct saving *v, struct err *e)
{
	if (v->entry.type == CACHE_FACTS)
		return err_set(e, EPROTO, "the cache is malformed");
	if (v->entry.type == CACHE_KNOWN)
		return take_known(v, e);
	if (cache_entry_put(&v->list, &v->entry, e) < 0)
		return -1;
	return v->entry.type == CACHE_FILE ? take_file(v, e) : 0;
}

static int take_all(struct saving *v, struct err *e)
{
	for (;;) {
		if (cache_get(v->from, &v->entry, e) < 0)
			return -1;
		if (v->entry.type == CACHE_END)
			return 0;
		if (take_one(v, e) < 0)
			return -1;
	}
}

static int save(struct saving *v, const char *name, struct err *e)
{
	read_old(v, name);
	v->digest = digest_new(e);
	if (!v->digest || check_room(v, e) < 0 || cache_list_begin(&v->list, e) < 0 ||
	    take_all(v, e) < 0 || cache_list_end(&v->list, e) < 0)
		return -1;
	return fd_replace_file(v->s->keys, name, 0600, &v->list, e);
}

int cache_store_save(struct cache_store *s, const char *key, struct cache_stream *from,
		     struct cache_moved *ret, struct err *e)
{
	struct saving *v = calloc(1, sizeof *v);
	char name[DIGEST_HEX];
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	*v = (struct saving){
		.s = s,
		.from = from,
		.list = BUF(CACHE_LIST_MAX),
		.old = BUF(CACHE_LIST_MAX),
	};
	int r = cache_key_name(key, name, e) < 0 ? -1 : save(v, name, e);
	*ret = v->moved;
	digest_free(v->digest);
	buf_done(&v->list);
	buf_done(&v->old);
	free(v);
	return r;
}

/* --- loading ------------------------------------------------------------------------------------ */

struct loading {
	struct cache_store *s;
	struct cache_stream *to;
	struct cache_moved moved;
	struct digest *digest;
	struct buf list;
	struct cache_entry entry;
	uint64_t sent; /* of the file */
	char chunk[CACHE_CHUNK];
};

static int give(void *loading, const void *p, size_t n, struct err *e)
{
	struct loading *l = loading;
	l->sent += n;
	if (l->sent > l->entry.size)
		return err_set(e, EBADMSG, "an object is longer than it was");
	if (digest_add(l->digest, p, n, e) < 0)
		return -1;
	return cache_put_data(l->to, p, n, e);
}

static int give_plain(struct loading *l, int fd, struct err *e)
{
	ssize_t n;
	while ((n = read(fd, l->chunk, sizeof l->chunk)) > 0)
		if (give(l, l->chunk, (size_t)n, e) < 0)
			return -1;
	return n < 0 ? err_sys(e, "object") : 0;
}

static int give_object(struct loading *l, const char *hex, struct err *e)
{
	char packed[NAME_BYTES];
	autofd fd = openat(l->s->objects, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		return give_plain(l, fd, e);
	snprintf(packed, sizeof packed, "%s.z", hex);
	autofd z = openat(l->s->objects, packed, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return z < 0 ? err_set(e, EBADMSG, "an object is gone")
		     : archive_object_unpack(z, give, l, e);
}

/* A damaged object goes: whoever has the file next writes it anew. */
static int spoiled(struct loading *l, const char *hex, struct err *e)
{
	char packed[NAME_BYTES];
	snprintf(packed, sizeof packed, "%s.z", hex);
	(void)unlinkat(l->s->objects, hex, 0);
	(void)unlinkat(l->s->objects, packed, 0);
	return err_set(e, EBADMSG, "%.200s: its object is damaged", l->entry.path);
}

static int give_file(struct loading *l, const uint8_t *digest, struct err *e)
{
	uint8_t got[DIGEST_SIZE];
	char hex[DIGEST_HEX];
	digest_hex(digest, hex);
	l->sent = 0;
	int r = give_object(l, hex, e);
	if (r < 0 && e->code == EBADMSG)
		return spoiled(l, hex, e);
	if (r < 0 || digest_end(l->digest, got, e) < 0)
		return -1;
	if (l->sent != l->entry.size || memcmp(got, digest, sizeof got) != 0)
		return spoiled(l, hex, e);
	l->moved.files++;
	l->moved.bytes += l->sent;
	return 0;
}

static int give_all(struct loading *l, struct err *e)
{
	size_t at = cache_list_first();
	const uint8_t *digest;
	int r;
	while ((r = cache_list_next(&l->list, &at, &l->entry, &digest, e)) > 0) {
		if (digest)
			digest_hex(digest, l->entry.target);
		if (cache_put(l->to, &l->entry, e) < 0 || (digest && give_file(l, digest, e) < 0))
			return -1;
	}
	if (r < 0)
		return -1;
	l->entry = (struct cache_entry){ .type = CACHE_END };
	return cache_put(l->to, &l->entry, e) < 0 ? -1 : cache_flush(l->to, e);
}

static int load(struct loading *l, const char *name, struct err *e)
{
	autofd fd = openat(l->s->keys, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cache");
	if (fd_read_all(fd, &l->list, e) < 0 || cache_list_check(&l->list, e) < 0 ||
	    give_all(l, e) < 0) {
		if (e->code == EBADMSG || e->code == EPROTO)
			(void)unlinkat(l->s->keys, name, 0);
		return -1;
	}
	return utimensat(l->s->keys, name, NULL, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(e, "cache") : 1;
}

int cache_store_load(struct cache_store *s, const char *key, struct cache_stream *to,
		     struct cache_moved *ret, struct err *e)
{
	char name[DIGEST_HEX];
	struct loading *l = calloc(1, sizeof *l);
	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	*l = (struct loading){ .s = s, .to = to, .list = BUF(CACHE_LIST_MAX) };
	l->digest = digest_new(e);
	int r = l->digest && cache_key_name(key, name, e) == 0 ? load(l, name, e) : -1;
	*ret = l->moved;
	digest_free(l->digest);
	buf_done(&l->list);
	free(l);
	return r;
}
