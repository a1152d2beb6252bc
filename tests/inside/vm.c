/*
 * inside vm: the first process of a virtual machine. Sees what this project promises and what a machine with
 * other cgroups cannot show: real limits of cgroup v2 by runner/cgroup.c, the kernel's own end of a job that takes
 * too much memory, and core dump handlers. A line for each: "vm: NAME ok" or "vm: NAME FAIL why"; then it is off.
 */
#include "tests/inside/inside.h"

#include "runner/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, LIMIT_MIB = 64, PIDS = 10, BUSY_MS = 600, KILLED = 128 + SIGKILL, SLOT = 3 };

#define GROUPS "/sys/fs/cgroup"
#define TOP GROUPS "/courser"
#define DUMPED "/tmp/dumped"

static struct cgroup g;
static char why[256];

static int fails(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int fails(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return -1;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("vm: %s: %s\n", path, strerror(errno));
	close(fd);
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

/* A child in the group that runs the function and exits with what it returns. */
static pid_t in_group(int group, int (*run)(void))
{
	struct err e = { 0 };
	int gate[2];
	char byte;
	if (pipe2(gate, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 1 ? run() : 1);
	}
	close(gate[0]);
	if (cgroup_enter(group, pid, &e) < 0)
		return fails("%s", e.msg);
	bool told = write(gate[1], "x", 1) == 1;
	close(gate[1]);
	return told ? pid : fails("gate");
}

static int end_of(pid_t pid)
{
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int job(const struct cgroup_limits *l, struct usage *u)
{
	struct err e = { 0 };
	usage_init(u);
	u->memory_max = l->memory;
	int group = cgroup_job(&g, SLOT, l, &e);
	if (group < 0 || cgroup_files(group, u->files, &e) < 0)
		return fails("%s", e.msg);
	return group;
}

static int gone(struct usage *u, int group)
{
	usage_done(u);
	close(group);
	cgroup_end(&g, SLOT);
	return access(TOP "/job-7-3", F_OK) == 0 ? fails("the group is still there") : 0;
}

/* --- memory ---------------------------------------------------------------------------------------- */

static int take_memory(void)
{
	for (int i = 0; i < 4 * LIMIT_MIB; i++) {
		char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
		if (p == MAP_FAILED)
			return 2;
		memset(p, 1, MIB);
	}
	return 0;
}

static int sleep_long(void)
{
	nap(20000);
	return 0;
}

static int memory_ends_the_whole_job(void)
{
	struct usage u;
	int group = job(&(struct cgroup_limits){ .memory = (uint64_t)LIMIT_MIB * MIB }, &u);
	if (group < 0)
		return -1;
	pid_t bystander = in_group(group, sleep_long), taker = in_group(group, take_memory);
	int taken = end_of(taker), other = end_of(bystander);
	if (taken != KILLED || other != KILLED)
		return fails("ends %d and %d", taken, other);
	usage_read(&u);
	if (!usage_out_of_memory(&u) || u.memory_peak > u.memory_max ||
	    u.memory_peak < u.memory_max / 2)
		return fails("peak %llu", (unsigned long long)u.memory_peak);
	return gone(&u, group);
}

static int enough_memory_is_enough(void)
{
	struct usage u;
	int group = job(&(struct cgroup_limits){ .memory = (uint64_t)5 * LIMIT_MIB * MIB }, &u);
	if (group < 0)
		return -1;
	int ended = end_of(in_group(group, take_memory));
	if (ended || usage_out_of_memory(&u))
		return fails("end %d", ended);
	return gone(&u, group);
}

/* --- processes, processor ---------------------------------------------------------------------------- */

static int fork_much(void)
{
	int n = 0;
	while (n < 10 * PIDS) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(sleep_long());
		if (pid < 0)
			break;
		n++;
	}
	return n;
}

static int processes_are_counted(void)
{
	struct usage u;
	int group = job(&(struct cgroup_limits){ .pids = PIDS }, &u);
	if (group < 0)
		return -1;
	int n = end_of(in_group(group, fork_much));
	if (n != PIDS - 1)
		return fails("%d children", n);
	return gone(&u, group);
}

static int be_busy(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (long from = t.tv_sec * 1000 + t.tv_nsec / 1000000, now = from; now - from < BUSY_MS;
	     now = t.tv_sec * 1000 + t.tv_nsec / 1000000)
		clock_gettime(CLOCK_MONOTONIC, &t);
	return 0;
}

/* Two are busy on two processors; what they got, in thousandths of one. */
static long busy(uint64_t cpus)
{
	struct usage u;
	int group = job(&(struct cgroup_limits){ .cpus = cpus }, &u);
	if (group < 0)
		return -1;
	pid_t one = in_group(group, be_busy), two = in_group(group, be_busy);
	if (end_of(one) || end_of(two))
		return fails("it did not run");
	usage_read(&u);
	long got = (long)(u.cpu_us / BUSY_MS);
	return gone(&u, group) < 0 ? -1 : got;
}

static int processor_time_is_shared_out(void)
{
	long free = busy(0), one = busy(1);
	if (free < 1500 || one < 500 || one > 1300)
		return fails("%ld of 2000 without a limit, %ld with one of 1000", free, one);
	return 0;
}

/* --- the end of a job -------------------------------------------------------------------------------- */

static int escape(void)
{
	if (fork() == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		if (fork() == 0)
			_exit(sleep_long());
		_exit(sleep_long());
	}
	nap(100);
	return 0;
}

static int nobody_escapes_the_end(void)
{
	struct usage u;
	int group = job(&(struct cgroup_limits){ .pids = PIDS }, &u);
	if (group < 0 || end_of(in_group(group, escape)) != 0)
		return -1;
	if (gone(&u, group) < 0)
		return -1;
	pid_t left; /* the first process is the parent of whoever lost its own */
	while ((left = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	return left == 0 ? fails("somebody is left") : 0;
}

/* --- core dumps -------------------------------------------------------------------------------------- */

/* Does the handler of core_pattern run when a process with this limit crashes. */
static bool handler_runs(rlim_t limit)
{
	struct rlimit r = { limit, limit };
	unlink(DUMPED);
	pid_t pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &r);
		abort();
	}
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 50 && access(DUMPED, F_OK) < 0; i++)
		nap(10);
	return access(DUMPED, F_OK) == 0;
}

static int only_a_limit_of_one_stops_the_handler(void)
{
	put("/proc/sys/kernel/core_pattern", "|/init core");
	bool zero = handler_runs(0), one = handler_runs(1);
	return zero && !one ? 0 : fails("with 0: %d, with 1: %d", zero, one);
}

/* --- the machine ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(void);
} cases[] = {
	{ "memory-ends-the-whole-job", memory_ends_the_whole_job },
	{ "enough-memory-is-enough", enough_memory_is_enough },
	{ "processes-are-counted", processes_are_counted },
	{ "processor-time-is-shared-out", processor_time_is_shared_out },
	{ "nobody-escapes-the-end", nobody_escapes_the_end },
	{ "only-a-limit-of-one-stops-the-handler", only_a_limit_of_one_stops_the_handler },
};

static void set_up(void)
{
	static const char *const dirs[] = { "/proc", "/sys", "/dev", "/tmp" };
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		mkdir(dirs[i], 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	if (mount("cgroup2", GROUPS, "cgroup2", 0, NULL) < 0)
		printf("vm: cgroup2: %s\n", strerror(errno));
	put(GROUPS "/cgroup.subtree_control", "+memory +pids +cpu");
	mkdir(TOP, 0755);
	cgroup_open(&g, TOP, 7);
	printf("vm: cgroup \"%s\"\n", g.note);
}

int inside_core(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return open(DUMPED, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0;
}

int inside_vm(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (getpid() != 1) {
		fprintf(stderr, "vm: the first process of a machine of its own, or nothing\n");
		return 77;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	set_up();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		why[0] = '\0';
		if (cases[i].run() == 0)
			printf("vm: %s ok\n", cases[i].name);
		else
			printf("vm: %s FAIL %s\n", cases[i].name, why);
	}
	printf("vm: done\n");
	reboot(RB_POWER_OFF);
	return 0;
}
