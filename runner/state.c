#include "runner/state.h"

#include "base/fd.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { PIECE = 200, URL_BYTES = 4096 };

static int make_path(const char *path, struct err *e)
{
	autobuf b = BUF(4096);
	if (buf_str(&b, path, e) < 0)
		return -1;
	for (char *slash = b.p + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(b.p, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "%s", b.p);
		*slash = '/';
	}
	if (mkdir(b.p, 0711) < 0 && errno != EEXIST)
		return err_sys(e, "%s", b.p);
	return 0;
}

/* In STATE, or in CACHE. */
static const struct part {
	const char *name;
	mode_t mode;
	bool cache;
	size_t offset;
} parts[] = {
	{ "jobs", 0700, false, offsetof(struct state, jobs) },
	{ "trees", 0700, false, offsetof(struct state, trees) },
	{ "slots", 0700, false, offsetof(struct state, slots) },
	/* Reached by roles under other ids: their way is searchable, not readable. */
	{ "mirrors", 0711, true, offsetof(struct state, mirrors) },
	{ "images", 0711, true, offsetof(struct state, images) },
	{ "caches", 0700, true, offsetof(struct state, caches) },
};

static int *fd_of(struct state *s, const struct part *p)
{
	return (int *)(void *)((char *)s + p->offset);
}

static int open_top(const char *path, struct err *e)
{
	if (make_path(path, e) < 0)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}

int state_open(struct state *s, const char *path, const char *cache, struct err *e)
{
	const char *there = *cache ? cache : path;
	*s = (struct state)STATE_CLOSED;
	s->dir = open_top(path, e);
	s->cache = s->dir < 0 ? -1 : open_top(there, e);
	if (s->cache < 0) {
		state_close(s);
		return -1;
	}
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const struct part *p = &parts[i];
		int *fd = fd_of(s, p);
		*fd = fd_mkdir_open(p->cache ? s->cache : s->dir, p->name, p->mode, e);
		if (*fd < 0) {
			state_close(s);
			return err_wrap(e, "%s", p->cache ? there : path);
		}
	}
	return 0;
}

void state_close(struct state *s)
{
	fd_close(&s->dir);
	fd_close(&s->cache);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		fd_close(fd_of(s, &parts[i]));
}

static int lock_file(int dir, const char *name, struct err *e)
{
	autofd fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "%s", name);
	return fd_take(&fd);
}

int state_lock(const struct state *s, struct err *e)
{
	int fd = lock_file(s->dir, "lock", e);
	if (fd < 0 && e->code == EWOULDBLOCK)
		return err_set(e, EWOULDBLOCK, "another courser runs on this state directory");
	return fd;
}

int state_slot(const struct state *s, unsigned n, struct err *e)
{
	char name[16];
	snprintf(name, sizeof name, "%u", n);
	return lock_file(s->slots, name, e);
}

/*
 * text as directory names, reversibly, so that no two texts share a place: letters, digits, '.', '-'
 * and ':' stand for themselves, any other byte is %XX, a piece of PIECE bytes is a level of its own.
 */
static int escaped(const char *text, struct buf *out, struct err *e)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = isalnum(c) || c == '-' || c == ':' || (c == '.' && out->len);
		if (plain ? buf_char(out, (char)c, e) < 0 : buf_printf(out, e, "%%%02X", c) < 0)
			return -1;
	}
	return 0;
}

static int descend(int top, const char *text, struct err *e)
{
	autobuf path = BUF(3 * URL_BYTES);
	if (escaped(text, &path, e) < 0)
		return -1;
	autofd dir = fcntl(top, F_DUPFD_CLOEXEC, 0);
	for (const char *p = buf_cstr(&path); dir >= 0 && *p;) {
		char piece[PIECE + 1];
		snprintf(piece, sizeof piece, "%s", p);
		p += strlen(piece);
		int next = fd_mkdir_open(dir, piece, 0711, e);
		fd_close(&dir);
		dir = next;
	}
	return dir < 0 ? -1 : fd_take(&dir);
}

static int mirror_at(const struct state *s, const char *place, const char *name, struct err *e)
{
	autofd dir = descend(s->mirrors, place[0] ? place : "none", e);
	if (dir < 0)
		return err_wrap(e, "mirror");
	int fd = fd_mkdir_open(dir, name, 0711, e);
	return fd < 0 ? err_wrap(e, "mirror %s", place) : fd;
}

int state_mirror(const struct state *s, const char *origin, uint64_t project, bool protected_ref,
		 struct err *e)
{
	char name[40];
	snprintf(name, sizeof name, "%" PRIu64 "%s", project, protected_ref ? "-p" : "");
	return mirror_at(s, origin, name, e);
}

int state_mirror_of_url(const struct state *s, const char *url, bool public, struct err *e)
{
	return mirror_at(s, url, public ? "public" : "any", e);
}

int state_audit(const struct state *s, struct err *e)
{
	int fd = openat(s->dir, "audit", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
			0600);
	return fd < 0 ? err_sys(e, "audit") : fd;
}

bool state_existing(const char *path, char *ret)
{
	char known[STATE_PATH];
	snprintf(known, sizeof known, "%s", path);
	while (!realpath(known, ret)) {
		char *slash = strrchr(known, '/');
		if (errno != ENOENT)
			return false;
		if (!slash)
			return realpath(".", ret) != NULL;
		slash[slash == known] = '\0';
	}
	return true;
}

bool state_reachable(const char *path, char *ret_shut)
{
	char whole[STATE_PATH];
	struct stat st;
	if (!state_existing(path, whole))
		return true; /* another error will tell */
	for (size_t n = 1;; n += 1 + strcspn(whole + n + 1, "/")) {
		snprintf(ret_shut, STATE_PATH, "%.*s", (int)n, whole);
		if (stat(ret_shut, &st) == 0 && !(st.st_mode & S_IXOTH))
			return false;
		if (whole[n] == '\0')
			return true;
	}
}

int state_default_path(struct buf *out, struct err *e)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (geteuid() == 0)
		return buf_str(out, "/var/lib/courser", e);
	if (xdg && xdg[0] == '/')
		return buf_printf(out, e, "%s/courser", xdg);
	if (!home || home[0] != '/') {
		struct passwd *pw = getpwuid(geteuid());
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home)
		return err_set(e, ENOENT,
			       "no state directory: neither XDG_STATE_HOME nor HOME is set");
	return buf_printf(out, e, "%s/.local/state/courser", home);
}
