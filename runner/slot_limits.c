#include "runner/slot_limits.h"

#include "base/fd.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 1024 };

/* The number that the process behind a pidfd has here. */
static pid_t pid_of(int pidfd, struct err *e)
{
	char path[64];
	autobuf b = BUF(TEXT);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	if (fd_read_file(path, &b, e) < 0)
		return -1;
	const char *line = strstr(buf_cstr(&b), "\nPid:");
	long pid = line ? strtol(line + 5, NULL, 10) : -1;
	return pid > 0 ? (pid_t)pid : err_set(e, ESRCH, "init has ended");
}

static int enter(struct slot *s, int files[USAGE_FILES], struct err *e)
{
	const struct cgroup *g = &s->host->cgroup;
	const struct cgroup_limits l = {
		.memory = s->options->memory,
		.pids = s->options->limits.nproc,
		.cpus = s->options->limits.cpus,
	};
	autofd group = cgroup_job(g, s->number, &l, e);
	if (group < 0)
		return -1;
	pid_t pid = pid_of(s->pidfd, e);
	if (pid < 0 || cgroup_enter(group, pid, e) < 0)
		return -1;
	return g->has[CGROUP_MEMORY] ? cgroup_files(group, files, e) : 0;
}

static void add_note(char *notes, size_t size, const char *why)
{
	size_t at = strlen(notes);
	snprintf(notes + at, size - at, "memory limit: %s, sampled every 200 ms\n", why);
}

bool slot_limits_set(struct slot *s, int files[USAGE_FILES], char *notes, size_t size)
{
	const struct cgroup *g = &s->host->cgroup;
	struct err e = { 0 };
	memset(files, -1, USAGE_FILES * sizeof *files);
	if (!s->options)
		return false;
	if (g->top >= 0 && enter(s, files, &e) < 0)
		log_warn("cgroup of a job", "job", s->name, "err", e.msg, NULL);
	if (files[0] >= 0)
		return true;
	if (s->options->memory)
		add_note(notes, size, e.code ? e.msg : g->note);
	return false;
}

void slot_limits_join(struct slot *s, int pidfd)
{
	const struct cgroup *g = &s->host->cgroup;
	struct err e = { 0 };
	if (g->top < 0)
		return;
	autofd group = cgroup_find(g, s->number, &e);
	pid_t pid = group < 0 ? -1 : pid_of(pidfd, &e);
	if (pid < 0 || cgroup_enter(group, pid, &e) < 0)
		log_warn("cgroup of a service", "job", s->name, "err", e.msg, NULL);
}

void slot_limits_end(struct slot *s)
{
	if (s->host->cgroup.top >= 0)
		cgroup_end(&s->host->cgroup, s->number);
}
