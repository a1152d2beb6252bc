#include "runner/job_dir.h"

#include "base/fd.h"
#include "base/log.h"
#include "runner/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { META_MAX = 256 << 10, ARENA_MAX = 1 << 20 };

static void lock(int fd, int how)
{
	while (flock(fd, how) < 0 && errno == EINTR)
		;
}

static int make(int jobs, const char *name, struct err *e)
{
	if (mkdirat(jobs, name, 0700) < 0)
		return err_sys(e, "job directory %s", name);
	autofd dir = openat(jobs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "job directory %s", name);
	return fd_take(&dir);
}

int job_dir_make(int jobs, const char *name, struct err *e)
{
	lock(jobs, LOCK_SH);
	int dir = make(jobs, name, e);
	lock(jobs, LOCK_UN);
	return dir;
}

/* Somebody else has it locked. */
static bool locked(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

bool job_dir_worker_lives(int events)
{
	return locked(events);
}

bool job_dir_held(int jobs, int dir)
{
	autofd events = openat(dir, "events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	lock(jobs, LOCK_EX);
	bool held = locked(dir) || (events >= 0 && locked(events));
	lock(jobs, LOCK_UN);
	return held;
}

int job_dir_meta(int dir, struct arena *a, struct meta *ret, struct err *e)
{
	struct buf b = BUF(META_MAX);
	autofd fd = openat(dir, "meta", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool read = fd >= 0 ? fd_read_all(fd, &b, e) == 0 && meta_read(buf_cstr(&b), a, ret, e) == 0
			    : err_sys(e, "meta") == 0;
	buf_wipe(&b);
	return read ? 0 : -1;
}

/* Of a forge's job the daemon has to tell. */
static bool is_forges(int dir)
{
	struct arena a = ARENA(ARENA_MAX);
	struct err e = { 0 };
	struct meta m;
	bool forge = job_dir_meta(dir, &a, &m, &e) == 0 ? strcmp(m.kind, "exec") != 0
							: e.code != ENOENT;
	arena_done(&a);
	return forge;
}

void job_dir_sweep(struct host *h)
{
	autofd copy = openat(h->state.jobs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return;
	fd_take(&copy);
	for (struct dirent *de; (de = readdir(d)) != NULL;) {
		if (de->d_name[0] == '.')
			continue;
		autofd dir = openat(h->state.jobs, de->d_name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir < 0 || job_dir_held(h->state.jobs, dir) || is_forges(dir))
			continue;
		log_info("what a killed command left is removed", "job", de->d_name, NULL);
		sweep_remove(h, de->d_name);
	}
	closedir(d);
}
