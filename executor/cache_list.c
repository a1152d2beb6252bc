#include "executor/cache_list.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
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

/* Files two levels down: TOP/NAME/objects/HEX. */
static int add_up(int dir, unsigned depth, uint64_t *sum, struct err *e)
{
	autofd copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "cache store");
	fd_take(&copy);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;) {
		struct stat st;
		bool own = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
		if (own || fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*sum += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || depth == 0)
			continue;
		autofd below = openat(dir, de->d_name,
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = below < 0 ? err_sys(e, "cache store") : add_up(below, depth - 1, sum, e);
	}
	closedir(d);
	return r;
}

int cache_total(int top, uint64_t *ret, struct err *e)
{
	*ret = 0;
	return add_up(top, 2, ret, e);
}
