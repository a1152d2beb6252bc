/*
 * inside probe host=INODE [userns|root] [name …]: ask the kernel for what a job must not have, and say how it answered.
 *
 * Prints "name=" for what was given and "name=ERRNO" or "name=SIGNAL" for what was not. Without names all
 * probes are made. Every one runs in a child of its own.
 *
 * INODE is that of the machine's own mount namespace. Before the first child is forked it is looked whether we are
 * out of it, whatever the way: many of these probes would be granted there, and hide /tmp and /proc from everybody.
 *
 *	(nothing)  inside a sandbox. In the machine's own user namespace nothing is done at all: there many
 *	           of these would be granted.
 *	userns     as anybody may who has no sandbox: an ordinary user, never root, who has become root of
 *	           namespaces of its own. What a probe gets here is what the sandbox keeps from it.
 *	root       the machine's root, in a mount namespace of its own: only probes that are marked for it, and
 *	           that change nothing.
 */
#include "tests/inside/probe.h"

#include "tests/inside/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_S = 5, ENDED = 64, NOBODY = 65534, NO_SANDBOX = 77, USAGE = 64 };

int probe_victim = 1;
static bool alone; /* in namespaces of our own */

static void say(const char *name, int code, int status)
{
	const char *word = "";
	if (WIFSIGNALED(status))
		word = sigabbrev_np(WTERMSIG(status));
	else if (code)
		word = strerrorname_np(code);
	printf("%s=%s%s\n", name, WIFSIGNALED(status) ? "SIG" : "", word ? word : "?");
}

static void ask(const struct probe *p)
{
	int ends[2], code = ENDED, status = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(PATIENCE_S);
		if (alone && unshare(CLONE_NEWNS) < 0) /* what one mounts the next does not see */
			_exit(1);
		errno = 0;
		code = p->run() < 0 ? errno : 0;
		_exit(write(ends[1], &code, sizeof code) != (ssize_t)sizeof code);
	}
	close(ends[1]);
	if (pid < 0 || (read(ends[0], &code, sizeof code) < 0))
		exit(1);
	waitpid(pid, &status, 0);
	close(ends[0]);
	say(p->name, code, status);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

bool inside_is_host(void)
{
	char map[64] = "";
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, map, sizeof map - 1) < 0)
		map[0] = '\0';
	close(fd);
	char *at = map;
	unsigned long row[3]; /* inside, outside, count */
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		row[i] = strtoul(at, &at, 10);
	return !map[0] || (row[0] == 0 && row[1] == 0 && row[2] > UINT16_MAX);
}

/* Nothing that is mounted or written to /tmp from here on is seen by anybody else. */
static void own_mounts(void)
{
	need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
	need(mount("probe", "/tmp", "tmpfs", 0, NULL) == 0, "/tmp");
}

static void own_namespaces(void)
{
	char uids[32], gids[32];
	if (geteuid() == 0) {
		need(setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
			     setresuid(NOBODY, NOBODY, NOBODY) == 0,
		     "become nobody");
		prctl(PR_SET_DUMPABLE, 1);
	}
	snprintf(uids, sizeof uids, "0 %u 1\n", getuid());
	snprintf(gids, sizeof gids, "0 %u 1\n", getgid());
	need(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
		     CLONE_NEWCGROUP) == 0,
	     "unshare");
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", uids);
	put("/proc/self/gid_map", gids);
	own_mounts();
}

static void own_root(void)
{
	need(geteuid() == 0, "root");
	need(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) ==
		     0,
	     "unshare");
	own_mounts();
}

/* A child that waits to be attacked, of the same user. */
static void own_victim(void)
{
	probe_victim = fork();
	need(probe_victim >= 0, "victim");
	if (probe_victim > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* In a sandbox: nothing, it is there. */
static void in_sandbox(void)
{
	if (!inside_is_host())
		return;
	fprintf(stderr,
		"probe: this is no sandbox: in the machine's own user namespace nothing is tried\n");
	exit(NO_SANDBOX);
}

static const struct mode {
	const char *name;
	void (*enter)(void);
	unsigned flags; /* what a probe must have to be made */
	bool alone;     /* in namespaces of our own, with a victim of our own */
} modes[] = {
	{ "userns", own_namespaces, 0, true },
	{ "root", own_root, PROBE_ROOT, true },
	{ "", in_sandbox, 0, false },
};

static const struct mode *mode_of(int argc, char **argv)
{
	const struct mode *m = modes;
	while (m->name[0] && (argc < 1 || strcmp(argv[0], m->name) != 0))
		m++;
	return m;
}

static bool wanted(const char *name, int n, char **names)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return n == 0;
}

static void ask_all(unsigned flags, int n, char **names)
{
	for (size_t k = 0; probe_tables[k]; k++)
		for (const struct probe *p = probe_tables[k]; p->name; p++)
			if (wanted(p->name, n, names) && (p->flags & flags) == flags)
				ask(p);
}

/* Out of the namespace whose inode is named: the last look before anything is tried. */
static void out_of(const char *host)
{
	struct stat st;
	unsigned long long inode = strtoull(host, NULL, 10);
	if (inode && stat("/proc/self/ns/mnt", &st) == 0 && st.st_ino != inode)
		return;
	fprintf(stderr, "probe: the mount namespace is the machine's own: nothing is tried\n");
	exit(NO_SANDBOX);
}

int inside_probe(int argc, char **argv)
{
	if (argc < 1 || strncmp(argv[0], "host=", 5) != 0) {
		fprintf(stderr, "usage: inside probe host=INODE [userns|root] [name ...]\n");
		return USAGE;
	}
	const char *host = argv[0] + 5;
	argc--;
	argv++;
	const struct mode *mode = mode_of(argc, argv);
	mode->enter();
	out_of(host);
	if (mode->alone)
		own_victim();
	alone = mode->alone;
	ask_all(mode->flags, argc - mode->alone, argv + mode->alone);
	if (alone)
		kill(probe_victim, SIGKILL);
	return 0;
}
