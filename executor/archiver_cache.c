/* Caches from the tree and back into it. */
#include "base/fd.h"
#include "executor/archiver.h"
#include "executor/cache_list.h"
#include "executor/cache_stamps.h"
#include "executor/cache_stream.h"
#include "executor/file_pick.h"
#include "executor/git_tree.h"
#include "executor/place.h"
#include "executor/stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char stage_name[] = ".courser-restore";

/* --- into the stream ---------------------------------------------------------------------------- */

struct stowing {
	struct file_pick pick;
	struct cache_stream *to;
	struct cache_stamps stamps;
	struct cache_entry entry;
	struct archiver_result result;
	struct buf entries; /* of everything, before anything is sent */
	uint64_t unknown;   /* bytes that have to be read */
	char chunk[CACHE_CHUNK];
};

static void describe(struct cache_entry *x, char type, const char *path, const struct stat *st)
{
	x->type = type;
	x->mode = st->st_mode & 0777;
	x->sec = st->st_mtim.tv_sec;
	x->nsec = (uint32_t)st->st_mtim.tv_nsec;
	x->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	x->target[0] = '\0';
	snprintf(x->path, sizeof x->path, "%s", path);
}

static int put_content(struct stowing *w, int fd, uint64_t left, struct err *e)
{
	while (left) {
		size_t want = left < sizeof w->chunk ? (size_t)left : sizeof w->chunk;
		ssize_t n = read(fd, w->chunk, want);
		if (n <= 0)
			return n < 0 ? err_sys(e, "%.200s", w->entry.path)
				     : err_set(e, EIO,
					       "%.200s: it became shorter while it was read",
					       w->entry.path);
		if (cache_put_data(w->to, w->chunk, (size_t)n, e) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	w->result.files++;
	w->result.bytes += w->entry.size;
	return 0;
}

static int put_file(struct stowing *w, const char *path, struct err *e)
{
	struct err why = { 0 };
	struct stat st;
	autofd fd = fd_open_beneath(w->pick.list.tree, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0,
				    &why);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return archiver_say(w->pick.sock, SAY_WARNING, e, "WARNING: left out: %s: %s", path,
				    why.msg);
	describe(&w->entry, CACHE_FILE, path, &st);
	return cache_put(w->to, &w->entry, e) < 0 ? -1 : put_content(w, fd, w->entry.size, e);
}

/* Each is looked at once: what it is, and whether the store has it. */
static int look_at(struct stowing *w, const char *path, struct err *e)
{
	struct stat st;
	struct cache_entry *x = &w->entry;
	int tree = w->pick.list.tree;
	if (fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%.200s", path);
	const char *hex = S_ISREG(st.st_mode) ? cache_stamps_find(&w->stamps, path, &st) : NULL;
	if (S_ISREG(st.st_mode)) {
		describe(x, hex ? CACHE_KNOWN : CACHE_FILE, path, &st);
		snprintf(x->target, sizeof x->target, "%s", hex ? hex : "");
		w->unknown += hex ? 0 : x->size;
	} else {
		describe(x, S_ISDIR(st.st_mode) ? CACHE_DIR : CACHE_LINK, path, &st);
	}
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(tree, path, x->target, CACHE_PATH - 1);
		if (n < 0)
			return err_sys(e, "%.200s", path);
		x->target[n] = '\0';
	}
	return cache_entry_put(&w->entries, x, e);
}

static int put_seen(struct stowing *w, struct err *e)
{
	size_t at = 0;
	for (size_t i = 0; i < w->pick.list.n; i++) {
		if (cache_entry_get(&w->entries, &at, &w->entry, e) < 0)
			return -1;
		if (w->entry.type == CACHE_FILE ? put_file(w, w->pick.list.paths[i], e) < 0
						: cache_put(w->to, &w->entry, e) < 0)
			return -1;
	}
	return 0;
}

static int put_all(struct stowing *w, struct err *e)
{
	for (size_t i = 0; i < w->pick.list.n; i++)
		if (look_at(w, w->pick.list.paths[i], e) < 0)
			return -1;
	w->entry = (struct cache_entry){ .type = CACHE_FACTS, .size = w->unknown };
	if (cache_put(w->to, &w->entry, e) < 0 || put_seen(w, e) < 0)
		return -1;
	w->entry = (struct cache_entry){ .type = CACHE_END };
	return cache_put(w->to, &w->entry, e) < 0 ? -1 : cache_flush(w->to, e);
}

static int stow(struct stowing *w, const struct archiver_stow *s, struct err *e)
{
	if (s->stamps >= 0 && cache_stamps_read(&w->stamps, s->stamps, e) < 0)
		return -1;
	if (file_pick_read(&w->pick, s->parcel, e) < 0 || file_pick_find(&w->pick, e) < 0 ||
	    archiver_found(w->pick.sock, w->pick.list.n, e) < 0)
		return -1;
	if (w->pick.list.n == 0)
		return 0;
	w->to = cache_stream_new(s->stream, e);
	return w->to ? put_all(w, e) : -1;
}

int archiver_stow(int sock, const struct archiver_stow *s, struct err *e)
{
	struct stowing *w = calloc(1, sizeof *w);
	struct err why = { 0 };
	if (!w)
		return err_set(e, ENOMEM, "out of memory");
	w->entries.max = CACHE_LIST_MAX;
	file_pick_init(&w->pick, sock, "cache");
	int r = stow(w, s, &why);
	int sent = r < 0 ? archiver_failed(sock, &why, e) : archiver_done(sock, &w->result, e);
	cache_stream_free(w->to);
	cache_stamps_done(&w->stamps);
	buf_done(&w->entries);
	file_pick_done(&w->pick);
	free(w);
	return sent;
}

/* --- out of the stream -------------------------------------------------------------------------- */

struct restoring {
	struct cache_stream *from;
	struct cache_entry entry;
	struct place place;
	struct cache_stamps stamps;
	uint64_t newest; /* seconds */
	struct archiver_result result;
	char path[PLACE_PATH], chunk[CACHE_CHUNK];
};

/* A cache is older than what was checked out: make must not take its files for up to date. */
static struct timespec mtime_of(const struct restoring *r)
{
	int64_t newest = (int64_t)r->newest;
	if (r->entry.sec >= newest)
		return (struct timespec){ .tv_sec = newest };
	return (struct timespec){ .tv_sec = r->entry.sec, .tv_nsec = r->entry.nsec };
}

static int get_file(struct restoring *r, struct err *e)
{
	struct stat st;
	autofd fd = place_file(&r->place, r->path, r->entry.mode, e);
	if (fd < 0)
		return -1;
	for (uint64_t left = r->entry.size; left;) {
		size_t n = left < sizeof r->chunk ? (size_t)left : sizeof r->chunk;
		if (cache_get_data(r->from, r->chunk, n, e) < 0 ||
		    fd_write_all(fd, r->chunk, n, e) < 0)
			return err_wrap(e, "%.200s", r->path);
		left -= n;
	}
	r->result.files++;
	r->result.bytes += r->entry.size;
	if (place_finish(fd, r->entry.mode, mtime_of(r), e) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%.200s", r->path);
	return cache_stamps_note(&r->stamps, r->path, &st, r->entry.target, e);
}

static int get_one(struct restoring *r, struct err *e)
{
	if (place_path(r->entry.path, r->path, e) < 0)
		return -1;
	if (!r->path[0])
		return err_set(e, EPERM, "an entry without a name");
	if (r->entry.type == CACHE_FILE)
		return get_file(r, e);
	if (r->entry.type == CACHE_DIR)
		return place_dir(&r->place, r->path, r->entry.mode, e);
	if (r->entry.type == CACHE_LINK)
		return place_link(&r->place, r->path, r->entry.target, e);
	return err_set(e, EPROTO, "the cache is malformed");
}

static int get_all(struct restoring *r, struct err *e)
{
	for (;;) {
		if (cache_get(r->from, &r->entry, e) < 0)
			return -1;
		if (r->entry.type == CACHE_END)
			return 0;
		if (get_one(r, e) < 0)
			return -1;
	}
}

static int restore(struct restoring *r, int dir, int sock, struct err *e)
{
	size_t kept = 0;
	if (fd_remove_tree(dir, stage_name, e) < 0)
		return -1;
	autofd stage = fd_mkdir_open(dir, stage_name, 0700, e);
	if (stage < 0)
		return -1;
	place_init(&r->place, stage);
	int ret = get_all(r, e);
	place_done(&r->place);
	if (ret == 0)
		ret = stage_commit(stage, dir, &kept, e);
	if (ret == 0 && kept)
		ret = archiver_say(
			sock, SAY_WARNING, e,
			"WARNING: %zu paths of the cache are of another kind than what is "
			"there, which stays",
			kept);
	struct err after = { 0 };
	if (fd_remove_tree(dir, stage_name, &after) < 0 && ret == 0) {
		*e = after;
		ret = -1;
	}
	return ret;
}

static int say_stamps(const struct restoring *r, int sock, struct err *e)
{
	automsg m;
	autofd fd = cache_stamps_seal(&r->stamps, e);
	if (fd < 0)
		return -1;
	msg_init(&m, ARCHIVER_STAMPS);
	msg_put_fd(&m, fd);
	return msg_send(sock, &m, e);
}

int archiver_restore(int sock, const char *tree, uint64_t newest, int stream, struct err *e)
{
	struct restoring *r = calloc(1, sizeof *r);
	struct err why = { 0 };
	if (!r)
		return err_set(e, ENOMEM, "out of memory");
	r->newest = newest;
	r->from = cache_stream_new(stream, &why);
	autofd dir = r->from ? git_tree_open(tree, &why) : -1;
	int ret = dir < 0 ? -1 : restore(r, dir, sock, &why);
	if (ret == 0)
		ret = say_stamps(r, sock, &why);
	int sent = ret < 0 ? archiver_failed(sock, &why, e) : archiver_done(sock, &r->result, e);
	cache_stream_free(r->from);
	cache_stamps_done(&r->stamps);
	free(r);
	return sent;
}
