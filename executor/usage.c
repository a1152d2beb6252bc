#include "executor/usage.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 512, MIB = 1 << 20 };

void usage_init(struct usage *u)
{
	memset(u, 0, sizeof *u);
	memset(u->files, -1, sizeof u->files);
}

void usage_done(struct usage *u)
{
	for (size_t i = 0; i < USAGE_FILES; i++)
		fd_close(&u->files[i]);
}

void usage_take(struct usage *u, struct msg *m)
{
	u->memory_max = msg_get_u64(m);
	for (size_t i = 0; i < USAGE_FILES && m->fdat < m->nfds; i++)
		u->files[i] = msg_get_fd(m);
}

bool usage_by_cgroup(const struct usage *u)
{
	return u->files[USAGE_MEMORY_EVENTS] >= 0;
}

void usage_measured(struct usage *u, const char *text)
{
	uint64_t *const fields[] = { &u->memory_peak, &u->largest, &u->cpu_us };
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		char *end;
		*fields[i] = strtoull(text, &end, 10);
		text = end;
	}
}

/* The number behind key, at the start of a line; key "": at the start of the file. */
static uint64_t number_of(const struct usage *u, enum usage_file file, const char *key)
{
	char text[TEXT];
	size_t n = strlen(key);
	ssize_t got = u->files[file] < 0 ? -1 : pread(u->files[file], text, sizeof text - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, key, n) == 0 && (n == 0 || line[n] == ' '))
			return strtoull(line + n, NULL, 10);
	return 0;
}

void usage_read(struct usage *u)
{
	if (!usage_by_cgroup(u))
		return;
	u->memory_peak = number_of(u, USAGE_MEMORY_PEAK, "");
	u->processes = number_of(u, USAGE_PIDS_PEAK, "");
	u->cpu_us = number_of(u, USAGE_CPU_STAT, "usage_usec");
}

bool usage_out_of_memory(const struct usage *u)
{
	return u->over || number_of(u, USAGE_MEMORY_EVENTS, "oom_kill") > 0;
}

const char *usage_source(const struct usage *u)
{
	if (usage_by_cgroup(u))
		return "cgroup";
	return u->memory_max ? "samples" : "processes";
}

static int add_bytes(struct buf *out, const char *what, uint64_t bytes, struct err *e)
{
	return buf_printf(out, e, "%s %llu.%llu MiB", what, (unsigned long long)(bytes / MIB),
			  (unsigned long long)(bytes % MIB * 10 / MIB));
}

static int add_memory(const struct usage *u, struct buf *out, struct err *e)
{
	if (u->memory_peak) {
		if (add_bytes(out, "memory at most", u->memory_peak, e) < 0)
			return -1;
		return u->memory_max ? add_bytes(out, ", allowed", u->memory_max, e) : 0;
	}
	return u->largest ? add_bytes(out, "largest process", u->largest, e) : 0;
}

int usage_text(const struct usage *u, struct buf *out, struct err *e)
{
	if (add_memory(u, out, e) < 0)
		return -1;
	if (u->cpu_us && buf_printf(out, e, "%sCPU %llu.%03u s", out->len ? "; " : "",
				    (unsigned long long)(u->cpu_us / 1000000),
				    (unsigned)(u->cpu_us / 1000 % 1000)) < 0)
		return -1;
	if (u->processes && buf_printf(out, e, "%s%llu processes at most", out->len ? "; " : "",
				       (unsigned long long)u->processes) < 0)
		return -1;
	return out->len ? buf_printf(out, e, " (by %s)", usage_source(u)) : 0;
}
