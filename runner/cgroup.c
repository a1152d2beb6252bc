#include "runner/cgroup.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PATH = 4096, VALUE = 64, PERIOD_US = 100000, TRIES = 50, PAUSE_MS = 2, TABLE_MAX = 1 << 20 };

static const char *const controllers[CGROUP_CONTROLLERS] = {
	[CGROUP_MEMORY] = "memory",
	[CGROUP_PIDS] = "pids",
	[CGROUP_CPU] = "cpu",
};

static int write_to(int group, const char *file, const char *value, struct err *e)
{
	autofd fd = openat(group, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return err_sys(e, "cgroup: %s = %s", file, value);
	return 0;
}

/* --- the delegated group ------------------------------------------------------------------------- */

/* What stands behind prefix in a line of the file; -1 none. */
static int line_of(const char *file, const char *prefix, char *out, size_t size)
{
	struct err e = { 0 };
	autobuf b = BUF(TABLE_MAX);
	if (fd_read_file(file, &b, &e) < 0)
		return -1;
	for (const char *s = buf_cstr(&b); *s;) {
		size_t n = strcspn(s, "\n");
		if (str_starts(s, prefix)) {
			snprintf(out, size, "%.*s", (int)(n - strlen(prefix)), s + strlen(prefix));
			return 0;
		}
		s += n + (s[n] == '\n');
	}
	return -1;
}

static int own_group(char *path, size_t size)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char below[PATH / 2];
	if (line_of("/proc/self/cgroup", "0::", below, sizeof below) < 0)
		return -1;
	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		char probe[PATH];
		snprintf(path, size, "%s%s", mounts[i], below);
		snprintf(probe, sizeof probe, "%s%s/cgroup.controllers", mounts[i], below);
		if (access(probe, F_OK) == 0)
			return 0;
	}
	return -1;
}

/* systemd says so to those that it gives a group to. */
static bool is_delegated(int group)
{
	static const char *const names[] = { "user.delegate", "trusted.delegate" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char value = 0;
		if (fgetxattr(group, names[i], &value, 1) == 1 && value == '1')
			return true;
	}
	return false;
}

static int open_group(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Of our own path that of the unit NAME-jobs.service beside ours, NAME.service, when there is one. In our own
 * group systemd could start no next supervisor while jobs go on: it puts a unit's process into the unit's
 * group, where the kernel takes none once groups below it have controllers. Its name is the sign of
 * delegation: a user's systemd marks none.
 */
static bool is_beside(char *own, size_t size)
{
	char path[PATH];
	static const char kind[] = ".service";
	size_t name = strlen(own) - (str_ends(own, kind) ? sizeof kind - 1 : 0);
	if ((size_t)snprintf(path, sizeof path, "%.*s-jobs%s", (int)name, own, kind) >= size ||
	    access(path, W_OK) < 0)
		return false;
	memcpy(own, path, strlen(path) + 1);
	return true;
}

static int open_own(char *note, size_t size)
{
	char path[PATH];
	struct err e = { 0 };
	bool known = own_group(path, sizeof path) == 0,
	     beside = known && is_beside(path, sizeof path);
	autofd group = known ? open_group(path) : -1;
	if (group < 0 || !(beside || is_delegated(group))) {
		snprintf(note, size, "no delegated cgroup v2");
		return -1;
	}
	if (beside)
		return fd_take(&group);
	if (mkdirat(group, "supervisor", 0755) < 0 && errno != EEXIST)
		err_sys(&e, "supervisor");
	else if (write_to(group, "supervisor/cgroup.procs", "0", &e) == 0)
		return fd_take(&group);
	snprintf(note, size, "cgroup v2 is delegated and of no use: %.100s", e.msg);
	return -1;
}

static void enable(struct cgroup *g)
{
	size_t missing = 0;
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		struct err e = { 0 };
		char word[VALUE];
		snprintf(word, sizeof word, "+%s", controllers[i]);
		g->has[i] = write_to(g->top, "cgroup.subtree_control", word, &e) == 0;
		if (!g->has[i])
			missing |= 1u << i;
	}
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		if (missing >> i & 1) {
			size_t at = strlen(g->note);
			snprintf(g->note + at, sizeof g->note - at, "%s%s",
				 at ? ", " : "cgroup v2 without ", controllers[i]);
		}
}

void cgroup_open(struct cgroup *g, const char *where, uint64_t id)
{
	*g = (struct cgroup){ .top = -1, .id = id };
	if (strcmp(where, "off") == 0)
		snprintf(g->note, sizeof g->note, "cgroups are off");
	else if (where[0] == '/' && (g->top = open_group(where)) < 0)
		snprintf(g->note, sizeof g->note, "%.100s: %s", where, strerror(errno));
	else if (where[0] != '/')
		g->top = open_own(g->note, sizeof g->note);
	if (g->top >= 0)
		enable(g);
}

bool cgroup_expect(const char *where, char *note, size_t size)
{
	char path[PATH], list[VALUE * 4] = "";
	bool named = where[0] == '/';
	snprintf(path, sizeof path, "%s", where);
	snprintf(note, size, "no delegated cgroup v2");
	if (strcmp(where, "off") == 0)
		snprintf(note, size, "cgroups are off");
	if (strcmp(where, "off") == 0 || (!named && own_group(path, sizeof path) < 0))
		return false;
	named = named || is_beside(path, sizeof path);
	autofd group = open_group(path);
	autofd file = group < 0 ? -1 : openat(group, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
	if (file < 0 || (!named && !is_delegated(group)))
		return false;
	snprintf(note, size, "cgroup v2 without memory");
	return read(file, list, sizeof list - 1) > 0 && strstr(list, controllers[CGROUP_MEMORY]);
}

void cgroup_close(struct cgroup *g)
{
	fd_close(&g->top);
}

/* --- the group of a job -------------------------------------------------------------------------- */

static void name_of(const struct cgroup *g, unsigned slot, char *out, size_t size)
{
	snprintf(out, size, "job-%llx-%u", (unsigned long long)g->id, slot);
}

/* The group is empty when the kernel has buried the last of them. */
void cgroup_end(const struct cgroup *g, unsigned slot)
{
	char name[VALUE];
	struct err e = { 0 };
	name_of(g, slot, name, sizeof name);
	autofd group = openat(g->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (group < 0)
		return;
	if (write_to(group, "cgroup.kill", "1", &e) < 0)
		log_debug("cgroup.kill", "err", e.msg, NULL); /* Linux 5.14 */
	for (int i = 0; i < TRIES && unlinkat(g->top, name, AT_REMOVEDIR) < 0 && errno == EBUSY;
	     i++)
		poll(NULL, 0, PAUSE_MS);
}

static int set_limits(const struct cgroup *g, int group, const struct cgroup_limits *l,
		      struct err *e)
{
	char memory[STR_NUM], pids[STR_NUM], cpu[VALUE];
	snprintf(cpu, sizeof cpu, "%llu %d", (unsigned long long)l->cpus * PERIOD_US, PERIOD_US);
	const struct {
		enum cgroup_controller by;
		uint64_t asked;
		const char *file, *value;
		bool optional;
	} rows[] = {
		{ CGROUP_MEMORY, l->memory, "memory.max", str_num(memory, l->memory), false },
		{ CGROUP_MEMORY, l->memory, "memory.swap.max", "0", true }, /* no swap, no file */
		{ CGROUP_MEMORY, l->memory, "memory.oom.group", "1", false },
		{ CGROUP_PIDS, l->pids, "pids.max", str_num(pids, l->pids), false },
		{ CGROUP_CPU, l->cpus, "cpu.max", cpu, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err ignored = { 0 };
		if (rows[i].asked && g->has[rows[i].by] &&
		    write_to(group, rows[i].file, rows[i].value, rows[i].optional ? &ignored : e) <
			    0 &&
		    !rows[i].optional)
			return -1;
	}
	return 0;
}

int cgroup_find(const struct cgroup *g, unsigned slot, struct err *e)
{
	char name[VALUE];
	name_of(g, slot, name, sizeof name);
	int group = openat(g->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return group < 0 ? err_sys(e, "cgroup %s", name) : group;
}

int cgroup_job(const struct cgroup *g, unsigned slot, const struct cgroup_limits *l, struct err *e)
{
	char name[VALUE];
	name_of(g, slot, name, sizeof name);
	cgroup_end(g, slot);
	if (mkdirat(g->top, name, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "cgroup %s", name);
	autofd group = cgroup_find(g, slot, e);
	if (group < 0)
		return -1;
	return set_limits(g, group, l, e) < 0 ? -1 : fd_take(&group);
}

int cgroup_enter(int group, pid_t pid, struct err *e)
{
	char number[STR_NUM];
	return write_to(group, "cgroup.procs", str_num(number, (uint64_t)pid), e);
}

int cgroup_files(int group, int ret[USAGE_FILES], struct err *e)
{
	static const char *const names[USAGE_FILES] = {
		[USAGE_MEMORY_EVENTS] = "memory.events",
		[USAGE_MEMORY_PEAK] = "memory.peak", /* Linux 5.19 */
		[USAGE_PIDS_PEAK] = "pids.peak",     /* Linux 6.6 */
		[USAGE_CPU_STAT] = "cpu.stat",
	};
	for (size_t i = 0; i < USAGE_FILES; i++) {
		ret[i] = openat(group, names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (ret[i] < 0)
			ret[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (ret[i] >= 0)
			continue;
		err_sys(e, "cgroup: %s", names[i]);
		while (i-- > 0)
			fd_close(&ret[i]);
		return -1;
	}
	return 0;
}
