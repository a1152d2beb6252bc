#include "runner/snapshot_store.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/host.h"
#include "runner/snapshot.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { NAME = 72, KEPT = 8 };
#define PREFIX "snapshots-"

bool snapshot_key_ok(const char *key)
{
	size_t n = strspn(key, "0123456789abcdef");
	size_t rest = key[n] == '-' ? strspn(key + n + 1, "0123456789abcdef") : 0;
	return n && rest && key[n + 1 + rest] == '\0' && n + rest < NAME - 8;
}

/* Of this life of the machine. */
static const char *boot_name(void)
{
	static char name[NAME];
	char id[NAME] = "";
	if (name[0])
		return name;
	autofd fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, id, sizeof id - 1);
	id[n < 0 ? 0 : n] = '\0';
	snprintf(name, sizeof name, PREFIX "%.8s", isxdigit((unsigned char)id[0]) ? id : "none");
	return name;
}

int snapshot_dir(int mirror, bool make, struct err *e)
{
	if (make)
		return fd_mkdir_open(mirror, boot_name(), 0711, e);
	int fd = openat(mirror, boot_name(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(e, "snapshots") : fd;
}

int snapshot_find(int mirror, const char *key)
{
	struct err none = { 0 };
	if (!snapshot_key_ok(key))
		return -1;
	autofd dir = snapshot_dir(mirror, false, &none);
	autofd fd = dir < 0 ? -1
			    : openat(dir, key, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0 || futimens(fd, NULL) < 0)
		return -1;
	return fd_take(&fd);
}

/* Into STATE/jobs, whose sweeping knows how to remove what jobs own. */
void snapshot_remove(struct host *h, int dir, const char *name)
{
	char as[2 * NAME];
	autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	snprintf(as, sizeof as, "snapshot-%" PRIx64 "-%.40s", clock_wall_us(), name);
	if (renameat(dir, name, h->state.jobs, as) < 0)
		log_warn("a snapshot cannot be removed", "name", name, NULL);
	else
		sweep_remove(h, as);
}

struct oldest {
	char name[NAME];
	struct timespec used;
	unsigned n;
};

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* How many there are, and the one that was used least lately. */
static void look(int dir, struct oldest *o)
{
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	*o = (struct oldest){ 0 };
	for (struct dirent *entry; d && (entry = readdir(d)) != NULL;) {
		struct stat st;
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= NAME ||
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (o->n++ == 0 || before(&st.st_mtim, &o->used)) {
			snprintf(o->name, sizeof o->name, "%.71s", entry->d_name);
			o->used = st.st_mtim;
		}
	}
	if (d)
		closedir(d);
	else
		fd_close(&own);
}

static void keep_at_most(struct host *h, int dir, unsigned most)
{
	struct oldest o;
	unsigned before_n;
	look(dir, &o);
	do {
		before_n = o.n;
		if (o.n > most)
			snapshot_remove(h, dir, o.name);
		look(dir, &o);
	} while (o.n > most && o.n < before_n);
}

void snapshot_prune(struct host *h, int mirror)
{
	int own = openat(mirror, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d)
		fd_close(&own);
	for (struct dirent *entry; d && (entry = readdir(d)) != NULL;) {
		if (!str_starts(entry->d_name, PREFIX))
			continue;
		autofd dir = openat(mirror, entry->d_name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		bool ours = strcmp(entry->d_name, boot_name()) == 0;
		if (dir >= 0)
			keep_at_most(h, dir, ours ? KEPT : 0);
		if (dir >= 0 && !ours)
			(void)!unlinkat(mirror, entry->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}
