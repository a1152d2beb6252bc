/*
 * inside fuzz MILLISECONDS SEED: make random system calls in short-lived children until the time is up, and
 * print how many. Arguments are small numbers, descriptors, flags, and pointers to a page of random bytes. Some are
 * left out: those that end or stop the fuzzer itself.
 */
#include "tests/inside/inside.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NUMBERS = 480, CALLS_A_CHILD = 400, CHILD_S = 1, PAGE = 4096 };

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* They would end the child, or have it wait, before it has asked anything. */
static const int left_out[] = {
	SYS_exit,           SYS_exit_group,
	SYS_rt_sigreturn,   SYS_pause,
	SYS_rt_sigsuspend,  SYS_rt_sigtimedwait,
	SYS_alarm,          SYS_kill,
	SYS_tkill,          SYS_tgkill,
	SYS_vfork,          SYS_fork,
	SYS_clone,          SYS_futex,
	SYS_nanosleep,      SYS_clock_nanosleep,
	SYS_select,         SYS_poll,
	SYS_ppoll,          SYS_pselect6,
	SYS_wait4,          SYS_waitid,
	SYS_execve,         SYS_setitimer,
	SYS_rt_sigaction,   SYS_sigaltstack,
	SYS_rt_sigprocmask,
};

static int omitted(long number)
{
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		if (left_out[i] == number)
			return 1;
	return 0;
}

static long small(char *page)
{
	(void)page;
	return (long)(next() % 8);
}

static long any(char *page)
{
	(void)page;
	return (long)next();
}

static long pointer(char *page)
{
	return (long)(uintptr_t)(page + next() % PAGE);
}

static long bit(char *page)
{
	(void)page;
	return 1L << next() % 40;
}

static long negative(char *page)
{
	(void)page;
	return -(long)(next() % 200);
}

static long size(char *page)
{
	(void)page;
	return (long)(next() % PAGE);
}

static long (*const kinds[])(char *page) = { small, any, pointer, bit, negative, size };

static long argument(char *page)
{
	return kinds[next() % (sizeof kinds / sizeof *kinds)](page);
}

static void names(char *page)
{
	static const char *const paths[] = { "/",           "/proc/1",  "/tmp/f",
					     "/dev/null",   "/usr/bin", "/proc/self/mem",
					     "/etc/passwd", "..",       "/dev/tty",
					     "/home/job/f" };
	for (size_t at = 0; at + 8 <= PAGE; at += 8) {
		uint64_t word = next();
		memcpy(page + at, &word, sizeof word);
	}
	const char *path = paths[next() % (sizeof paths / sizeof *paths)];
	memcpy(page + next() % (PAGE / 2) / 8 * 8, path, strlen(path) + 1);
}

static _Noreturn void child(char *page)
{
	alarm(CHILD_S);
	close(STDOUT_FILENO); /* what it writes by chance is not for who reads us */
	close(STDERR_FILENO);
	for (int i = 0; i < CALLS_A_CHILD; i++) {
		long number = (long)(next() % NUMBERS);
		if (omitted(number))
			continue;
		names(page);
		syscall(number, argument(page), argument(page), argument(page), argument(page),
			argument(page), argument(page));
	}
	_exit(0);
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Only where root is not the machine's: random calls outside a sandbox may do anything. */
static int in_sandbox(void)
{
	return !inside_is_host() && getuid() != 0;
}

int inside_fuzz(int argc, char **argv)
{
	if (!in_sandbox()) {
		fprintf(stderr, "fuzz: this is no sandbox\n");
		return 77;
	}
	uint64_t end = now_ms() + (argc > 0 ? strtoull(argv[0], NULL, 10) : 1000);
	unsigned long children = 0, killed = 0;
	state = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) | 1;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 1;
	while (now_ms() < end) {
		int status = 0;
		next();
		pid_t pid = fork();
		if (pid == 0) {
			setsid();
			child(page);
		}
		if (pid < 0)
			continue;
		waitpid(pid, &status, 0);
		kill(-pid, SIGKILL);
		children++;
		killed += WIFSIGNALED(status);
	}
	printf("children=%lu killed=%lu\n", children, killed);
	return 0;
}
