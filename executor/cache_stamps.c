#include "executor/cache_stamps.h"

#include "base/fd.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Before each path and its '\0'. */
struct stamp {
	uint64_t ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	char hex[CACHE_HEX + 8];
};

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.ctime = st->st_ctim.tv_sec,
		.ctime_ns = st->st_ctim.tv_nsec,
	};
}

int cache_stamps_note(struct cache_stamps *s, const char *path, const struct stat *st,
		      const char *hex, struct err *e)
{
	struct stamp stamp = stamp_of(st);
	memcpy(stamp.hex, hex, strnlen(hex, CACHE_HEX));
	s->text.max = CACHE_STAMPS_MAX;
	if (buf_add(&s->text, &stamp, sizeof stamp, e) < 0)
		return -1;
	return buf_add(&s->text, path, strlen(path) + 1, e);
}

/* The stamp at s->at and its path; false at the end. */
static bool peek(const struct cache_stamps *s, struct stamp *ret, const char **ret_path)
{
	if (s->text.len - s->at <= sizeof *ret)
		return false;
	memcpy(ret, s->text.p + s->at, sizeof *ret);
	*ret_path = s->text.p + s->at + sizeof *ret;
	return true;
}

static void pass(struct cache_stamps *s, const char *path)
{
	s->at += sizeof(struct stamp) + strlen(path) + 1;
}

int cache_stamps_seal(const struct cache_stamps *s, struct err *e)
{
	return fd_sealed("stamps", buf_cstr(&s->text), s->text.len, e);
}

int cache_stamps_read(struct cache_stamps *s, int fd, struct err *e)
{
	s->text.max = CACHE_STAMPS_MAX;
	s->at = 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "stamps");
	return fd_read_all(fd, &s->text, e);
}

const char *cache_stamps_find(struct cache_stamps *s, const char *path, const struct stat *st)
{
	static struct stamp stamp;
	const char *noted;
	while (peek(s, &stamp, &noted)) {
		int order = strcmp(noted, path);
		if (order > 0)
			return NULL;
		pass(s, noted);
		if (order < 0)
			continue;
		struct stamp now = stamp_of(st);
		memcpy(now.hex, stamp.hex, sizeof now.hex);
		return stamp.hex[0] && memcmp(&now, &stamp, sizeof now) == 0 ? stamp.hex : NULL;
	}
	return NULL;
}

void cache_stamps_done(struct cache_stamps *s)
{
	buf_done(&s->text);
}
