#include "sandbox/usage.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { TEXT = 1024, PATH = 40, KIB = 1024 };

/* The start of a file of a process; "" when it is gone or lets nobody look. */
static const char *read_of(int proc, const char *pid, const char *name, char text[TEXT])
{
	char path[PATH];
	snprintf(path, sizeof path, "%.10s/%s", pid, name);
	autofd fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static uint64_t resident(int proc, const char *pid)
{
	char text[TEXT];
	const char *second = strchr(read_of(proc, pid, "statm", text), ' ');
	return second ? strtoull(second + 1, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t proportional(int proc, const char *pid)
{
	char text[TEXT];
	const char *pss = strstr(read_of(proc, pid, "smaps_rollup", text), "Pss:");
	return pss ? strtoull(pss + 4, NULL, 10) * KIB : resident(proc, pid);
}

static uint64_t of_processes(uint64_t (*measure)(int proc, const char *pid))
{
	uint64_t sum = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *d; proc && (d = readdir(proc)) != NULL;)
		if (d->d_name[0] > '0' && d->d_name[0] <= '9' && strcmp(d->d_name, "1") != 0)
			sum += measure(dirfd(proc), d->d_name);
	if (proc)
		closedir(proc);
	return sum;
}

static uint64_t of_files(void)
{
	static const char *const places[] = { "/tmp", "/run", "/dev/shm", "/home/job" };
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct statfs s;
		if (statfs(places[i], &s) == 0 && s.f_type == TMPFS_MAGIC)
			sum += (uint64_t)(s.f_blocks - s.f_bfree) * (uint64_t)s.f_bsize;
	}
	return sum;
}

uint64_t usage_memory(uint64_t enough)
{
	uint64_t files = of_files(), sum = files + of_processes(resident);
	return sum > enough ? files + of_processes(proportional) : sum;
}
