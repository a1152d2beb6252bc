#include "executor/cache_list.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char magic[] = "courser cache 1\n";

static int digest_of(const void *p, size_t n, uint8_t ret[DIGEST_SIZE], struct err *e)
{
	struct digest *d = digest_new(e);
	int r = d ? digest_add(d, p, n, e) : -1;
	if (r == 0)
		r = digest_end(d, ret, e);
	digest_free(d);
	return r;
}

int cache_key_name(const char *key, char ret[DIGEST_HEX], struct err *e)
{
	uint8_t digest[DIGEST_SIZE];
	if (digest_of(key, strlen(key), digest, e) < 0)
		return -1;
	digest_hex(digest, ret);
	return 0;
}

int cache_list_begin(struct buf *list, struct err *e)
{
	return buf_str(list, magic, e);
}

int cache_list_end(struct buf *list, struct err *e)
{
	uint8_t digest[DIGEST_SIZE];
	if (digest_of(list->p, list->len, digest, e) < 0)
		return -1;
	return buf_add(list, digest, sizeof digest, e);
}

int cache_list_check(const struct buf *list, struct err *e)
{
	uint8_t digest[DIGEST_SIZE];
	size_t head = sizeof magic - 1;
	if (list->len < head + DIGEST_SIZE || memcmp(list->p, magic, head) != 0)
		return err_set(e, EBADMSG, "the list of the cache is damaged");
	if (digest_of(list->p, list->len - DIGEST_SIZE, digest, e) < 0)
		return -1;
	if (memcmp(digest, list->p + list->len - DIGEST_SIZE, DIGEST_SIZE) != 0)
		return err_set(e, EBADMSG, "the list of the cache is damaged");
	return 0;
}

size_t cache_list_first(void)
{
	return sizeof magic - 1;
}

int cache_list_next(const struct buf *list, size_t *at, struct cache_entry *ret,
		    const uint8_t **ret_digest, struct err *e)
{
	size_t end = list->len - DIGEST_SIZE;
	struct buf entries = { .p = list->p, .len = end };
	*ret_digest = NULL;
	if (*at >= end)
		return 0;
	if (cache_entry_get(&entries, at, ret, e) < 0)
		return -1;
	if (ret->type != CACHE_FILE)
		return 1;
	if (end - *at < DIGEST_SIZE)
		return err_set(e, EPROTO, "the list of a cache is cut short");
	*ret_digest = (const uint8_t *)list->p + *at;
	*at += DIGEST_SIZE;
	return 1;
}

/* --- what it comes to --------------------------------------------------------------------------- */

enum { SUM_UNIT = 512, SUM_MARK = 271828182 }; /* nanoseconds that no clock has for long */

static bool sum_of(const struct stat *st, uint64_t *ret)
{
	*ret = (uint64_t)st->st_mtim.tv_sec * SUM_UNIT;
	return st->st_mtim.tv_nsec == SUM_MARK && st->st_mtim.tv_sec >= 0;
}

static void keep_sum(int objects, uint64_t sum)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (time_t)(sum / SUM_UNIT), .tv_nsec = SUM_MARK },
	};
	(void)!futimens(objects, times); /* without it all of them are looked at again */
}

/* keep: nobody else is at it, and what is found out is kept. */
struct adding {
	bool keep;
	uint64_t sum;
};

static int add_up(struct adding *a, int dir, unsigned depth, struct err *e);

static int add_objects(struct adding *a, int objects, const struct stat *st, struct err *e)
{
	uint64_t before = a->sum, known;
	if (sum_of(st, &known)) {
		a->sum += known;
		return 0;
	}
	if (add_up(a, objects, 0, e) < 0)
		return -1;
	if (a->keep)
		keep_sum(objects, a->sum - before);
	return 0;
}

static int add_one(struct adding *a, int dir, unsigned depth, const char *name, struct err *e)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	a->sum += (uint64_t)st.st_blocks * SUM_UNIT;
	if (!S_ISDIR(st.st_mode) || depth == 0)
		return 0;
	autofd below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return err_sys(e, "cache store");
	if (depth == 1 && strcmp(name, "objects") == 0)
		return add_objects(a, below, &st, e);
	return add_up(a, below, depth - 1, e);
}

/* Files two levels down: TOP/NAME/objects/HEX. */
static int add_up(struct adding *a, int dir, unsigned depth, struct err *e)
{
	autofd copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "cache store");
	fd_take(&copy);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = add_one(a, dir, depth, de->d_name, e);
	closedir(d);
	return r;
}

int cache_total(int top, uint64_t *ret, struct err *e)
{
	struct adding a = { 0 };
	int r = add_up(&a, top, 2, e);
	*ret = a.sum;
	return r;
}

void cache_total_keep(int top)
{
	struct adding a = { .keep = true };
	struct err none = { 0 };
	autofd lock = openat(top, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
		(void)!add_up(&a, top, 2, &none);
}
