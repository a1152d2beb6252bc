/*
 * How long a sandbox takes from the request until its init runs, and until it is gone again; beside
 * it, in turns, a bare clone with the same namespaces, the same number of mounts of the same kinds
 * and the same init.
 *
 *	sandbox_bench [none|host [SANDBOXES]]
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "sandbox/idmap.h"
#include "sandbox/ns.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEFAULT = 250, MOST = 5000, ID_BASE = 1879048192, RANGE = 65536, WAIT_MS = 30000 };

static struct {
	struct sandbox_spec spec;
	int dir, sock, init, tree, sync;
	struct proc spawner;
} bench;

static _Noreturn void die(const char *what, const struct err *e)
{
	fprintf(stderr, "sandbox_bench: %s: %s\n", what, e->code ? e->msg : strerror(errno));
	exit(1);
}

/* What a measurement yields, in µs. */
struct times {
	size_t n;
	uint64_t start[MOST], end[MOST];
};

static int by_value(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

/* A row of the report: the medians, and what a tenth stayed below, which a busy machine blurs less. */
static void report(const char *what, uint64_t *ours, uint64_t *floor, size_t n)
{
	qsort(ours, n, sizeof *ours, by_value);
	qsort(floor, n, sizeof *floor, by_value);
	printf("  %-24s", what);
	for (size_t at = n / 2, i = 0; i < 2; at = n / 10, i++)
		printf("  %s %5.2f ms, bare %5.2f ms: %.2f", i ? "| tenth" : "median",
		       (double)ours[at] / 1e3, (double)floor[at] / 1e3,
		       (double)ours[at] / (double)floor[at]);
	printf("\n");
}

/* --- by the spawner ------------------------------------------------------------------------------
 */

/* The folder above the one that this program lies in. */
static void open_build(void)
{
	char path[PATH_MAX];
	struct err e = { 0 };
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 4);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (!slash)
		die("/proc/self/exe", &e);
	memcpy(slash, "/..", sizeof "/..");
	bench.dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bench.init = openat(bench.dir, "courser-init", O_RDONLY | O_CLOEXEC);
	if (bench.init < 0)
		die("courser-init", &e);
}

static void start_spawner(void)
{
	int pair[2];
	struct err e = { 0 };
	autofd exe = openat(bench.dir, "courser-spawner", O_PATH | O_CLOEXEC);
	if (exe < 0 || msg_pair(pair, &e) < 0)
		die("spawner", &e);
	struct proc_spec spec = {
		.exe = exe,
		.argv = (char *[]){ (char[]){ "courser-spawner" }, NULL },
		.envp = (char *[]){ NULL },
		.fds = &pair[1],
		.nfds = 1,
		.stdio = { -1, -1, -1 },
	};
	if (proc_spawn(&bench.spawner, &spec, &e) < 0)
		die("spawner", &e);
	close(pair[1]);
	bench.sock = pair[0];
}

/* As a job has it: a tree, and a place for file variables. */
static void make_spec(enum sandbox_net net)
{
	struct err e = { 0 };
	struct sandbox_spec *s = &bench.spec;
	bool root = geteuid() == 0;
	char dir[] = "/tmp/sandbox-bench-XXXXXX";
	sandbox_spec_init(s);
	s->net = (uint32_t)net;
	s->map_by = root ? SANDBOX_MAP_DIRECT : SANDBOX_MAP_SINGLE;
	s->nuids = s->ngids = 1;
	s->uids[0] = root ? (struct sandbox_ids){ 0, ID_BASE, RANGE }
			  : (struct sandbox_ids){ SANDBOX_JOB_ID, geteuid(), 1 };
	s->gids[0] = root ? s->uids[0] : (struct sandbox_ids){ SANDBOX_JOB_ID, getegid(), 1 };
	if (!mkdtemp(dir) || (bench.tree = open(dir, O_PATH | O_CLOEXEC)) < 0 || rmdir(dir) < 0)
		die(dir, &e);
	struct sandbox_mount *tmp = sandbox_spec_mount(s, SANDBOX_TMPFS, "/builds/tree.tmp", 0, &e);
	struct sandbox_mount *tree = sandbox_spec_mount(s, SANDBOX_BIND_PATH, "/builds/tree",
							SANDBOX_READONLY, &e);
	if (!tmp || !tree)
		die("spec", &e);
	memcpy(tree->source, "/usr/share", sizeof "/usr/share");
	tmp->size = 1 << 20;
}

static void hear(struct sandbox_made *made, int what)
{
	automsg m;
	struct err e = { 0 };
	if (msg_recv_within(bench.sock, &m, WAIT_MS, &e) != 1 ||
	    sandbox_spawn_reply(&m, made, &e) < 0)
		die("spawner", &e);
	if ((int)made->what != what) {
		err_set(&e, EIO, "%s", made->text);
		die("spawner", &e);
	}
}

/* Until init speaks. */
static void wait_ready(int init)
{
	automsg m;
	struct err e = { 0 };
	if (msg_recv_within(init, &m, WAIT_MS, &e) != 1 || m.type != SANDBOX_INIT_READY)
		die("init", &e);
}

static void by_spawner(struct times *t)
{
	struct err e = { 0 };
	struct sandbox_made made, gone;
	const int fds[] = { -1 };
	uint64_t begin = clock_us();
	if (sandbox_spawn_request(bench.sock, 1, &bench.spec, fds, &e) < 0)
		die("request", &e);
	hear(&made, SANDBOX_MADE);
	wait_ready(made.init);
	t->start[t->n] = clock_us() - begin;
	if (t->n == 0 && made.text[0])
		fprintf(stderr, "%s", made.text);
	fd_close(&made.userns); /* as long as these are held the mounts are */
	fd_close(&made.mntns);
	begin = clock_us();
	fd_close(&made.init);
	hear(&gone, SANDBOX_ENDED);
	t->end[t->n++] = clock_us() - begin;
	fd_close(&made.pidfd);
}

/* --- bare ----------------------------------------------------------------------------------------
 */

static void must(bool done, const char *what)
{
	struct err e = { 0 };
	if (!done)
		die(what, &e);
}

static void bind_to(const char *from, const char *to)
{
	must(mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0, to);
}

/* The kinds and numbers of a sandbox's mounts, and no more than it takes to have them. */
static void bare_mounts(void)
{
	static const char *const tmpfs[] = { "etc", "tmp", "run", "home", "files", "dev" };
	static const char *const dirs[] = { "usr",  "opt",     "proc",   "sys",
					    "tree", "dev/pts", "dev/shm" };
	static const char *const masks[] = { "cmdline",    "kcore",         "keys",
					     "key-users",  "kallsyms",      "kmsg",
					     "timer_list", "sysrq-trigger", "kpagecount",
					     "kpageflags", "kpagecgroup",   "vmallocinfo" };
	enum { NODES = 6 };
	must(mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0 && chdir("/tmp") == 0, "root");
	for (size_t i = 0; i < sizeof tmpfs / sizeof *tmpfs; i++)
		must(mkdir(tmpfs[i], 0755) == 0 &&
			     mount("tmpfs", tmpfs[i], "tmpfs", MS_NOSUID | MS_NODEV, NULL) == 0,
		     tmpfs[i]);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		must(mkdir(dirs[i], 0755) == 0, dirs[i]);
	bind_to("/usr", "usr");
	bind_to("/opt", "opt");
	bind_to("/usr/share", "tree");
	must(mount("etc", "etc", "overlay", MS_RDONLY, "lowerdir=etc:/etc") == 0, "etc");
	for (char node[] = "dev/a"; node[4] < 'a' + NODES; node[4]++) {
		close(open(node, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
		bind_to("/dev/null", node);
	}
	must(mount("devpts", "dev/pts", "devpts", 0, "newinstance") == 0, "devpts");
	must(mount("tmpfs", "dev/shm", "tmpfs", 0, NULL) == 0, "shm");
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		char path[32];
		snprintf(path, sizeof path, "proc/%s", masks[i]);
		mount("/dev/null", path, NULL, MS_BIND, NULL);
	}
	bind_to("proc/sys", "proc/sys");
	must(bench.spec.net == SANDBOX_NET_HOST ||
		     mount("sysfs", "sys", "sysfs", MS_RDONLY, NULL) == 0,
	     "sys");
	must(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0, "pivot");
}

static _Noreturn void bare_child(int control)
{
	char byte;
	struct err e = { 0 };
	char *argv[] = { (char[]){ "courser-init" }, NULL };
	char *envp[] = { NULL };
	must(read(bench.sync, &byte, 1) == 1, "sync");
	if (geteuid() != bench.spec.uid && idmap_become(0, 0, &e) < 0)
		die("ids", &e);
	bare_mounts();
	must(dup2(bench.init, 4) >= 0 && dup2(control, 3) >= 0, "fds");
	must(close_range(4, ~0u, CLOSE_RANGE_CLOEXEC) == 0, "fds");
	syscall(SYS_execveat, 4, "", argv, envp, AT_EMPTY_PATH);
	die("init", &e);
}

static void bare(struct times *t)
{
	int pair[2], sync[2];
	struct err e = { 0 };
	struct ns_child child;
	uint64_t begin = clock_us();
	must(pipe2(sync, O_CLOEXEC) == 0, "pipe");
	if (msg_pair(pair, &e) < 0 ||
	    ns_clone(ns_flags((enum sandbox_net)bench.spec.net), -1, &child, &e) < 0)
		die("clone", &e);
	bench.sync = sync[0];
	if (child.pid == 0)
		bare_child(pair[1]);
	if (idmap_write(&bench.spec, child.pid, &e) < 0)
		die("maps", &e);
	must(write(sync[1], "", 1) == 1, "sync");
	close(pair[1]);
	wait_ready(pair[0]);
	t->start[t->n] = clock_us() - begin;
	begin = clock_us();
	close(pair[0]);
	waitpid(child.pid, NULL, 0);
	t->end[t->n++] = clock_us() - begin;
	close(sync[0]);
	close(sync[1]);
	fd_close(&child.pidfd);
}

int main(int argc, char **argv)
{
	static struct times ours, floor;
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : DEFAULT;
	open_build();
	make_spec(argc > 1 && strcmp(argv[1], "host") == 0 ? SANDBOX_NET_HOST : SANDBOX_NET_NONE);
	start_spawner();
	n = n > MOST || n == 0 ? DEFAULT : n;
	for (size_t i = 0; i < n; i++) {
		by_spawner(&ours);
		bare(&floor);
	}
	printf("sandbox, network %s, %zu of each:\n", argc > 1 ? argv[1] : "none", n);
	report("request to init running", ours.start, floor.start, n);
	report("end of init to gone", ours.end, floor.end, n);
	close(bench.sock);
	return proc_wait(&bench.spawner) != 0;
}
