/*
 * sandbox-run: make one sandbox with the real spawner and run one command in it, so that tests can
 * look at it from within and from without.
 *
 *	sandbox-run [option=value …] command [argument …]
 *
 * spawner=PATH    default: ../courser-spawner beside this program
 * net=none|host   map=direct|helper|single   cwd=DIR   home=DIR   hostname=NAME
 * tree=DIR        bound by fd with OWN at /builds/tree, which becomes cwd
 * ro=DIR:TARGET   bound by fd, read-only          path=SOURCE:TARGET  an operator's bind, read-only
 * dir=DIR:TARGET  bound by fd, writable           file=NAME:CONTENT   a file variable, in /files
 * nproc=N nofile=N fsize=N tmp=BYTES cgroup=DIR
 * ready=N         have one ready before each request, and wait N ms before the first
 * close_ms=N      close init's socket after N ms, and wait until init is gone
 * signal=N:MS     send signal N to the tree after MS ms
 * list_ms=N       ask for the processes after N ms; they go to the report
 * report=PATH     key=value lines: notes, pid, started_us, ended, signalled, init, error, processes
 * join=PATH       before the command: join the sandbox as a packer does, create PATH in it
 * profile=default|strict|nested
 * layers=DIR:N,N  an image for a root: its layers below DIR, the topmost first
 * owner=ID        what their id 0 is on the disk
 * upper=DIR       where a layer for each sandbox is made; else memory
 * deaf=1          nobody listens to the calls that are refused; else they are counted in the report: denied
 * repeat=N        N sandboxes one after another; the report holds the median of started_us
 *
 * The command's output is this program's own. The exit status is the command's, or 125.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "executor/denials.h"
#include "sandbox/confine.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ID_BASE = 1879048192, RANGE = 65536, FAILED = 125, FILES_MAX = 8, REPEAT_MAX = 1000 };

extern char **environ;

static struct {
	const char *spawner, *report_path, *cwd, *join, *upper;
	struct sandbox_spec spec;
	int fds[1 + SANDBOX_FDS + 1];
	size_t nfds;
	const char *files[FILES_MAX];
	size_t nfiles;
	uint64_t owner, ready_ms, close_ms, signal_ms, list_ms, repeat;
	int signal, listener;
	uint64_t deaf;
	struct denials denials;
	char **argv;
	struct proc spawner_proc;
	int sock; /* to the spawner */
	FILE *report;
	uint64_t started_us[REPEAT_MAX];
} run = { .cwd = "/", .repeat = 1, .listener = -1 };

static uint64_t number(const char *text)
{
	uint64_t n;
	if (!str_u64(text, UINT64_MAX, &n)) {
		fprintf(stderr, "sandbox-run: %s: not a number\n", text);
		exit(FAILED);
	}
	return n;
}

static _Noreturn void die(const struct err *e)
{
	if (run.report) {
		fprintf(run.report, "error=%s\n", e->msg);
		fclose(run.report);
	}
	fprintf(stderr, "sandbox-run: %s\n", e->msg);
	exit(FAILED);
}

/* --- options -------------------------------------------------------------------------------------
 */

static uint32_t add_fd(const char *path)
{
	struct err e = { 0 };
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || run.nfds == SANDBOX_FDS) {
		err_sys(&e, "%s", path);
		die(&e);
	}
	run.fds[run.nfds] = fd;
	return (uint32_t)run.nfds++;
}

static struct sandbox_mount *add_mount(enum sandbox_mount_kind kind, const char *target,
				       uint32_t flags)
{
	struct err e = { 0 };
	struct sandbox_mount *m = sandbox_spec_mount(&run.spec, kind, target, flags, &e);
	if (!m)
		die(&e);
	return m;
}

/* "A:B" cut in two, the first half into a buffer. */
static const char *halves(const char *value, char first[SANDBOX_PATH])
{
	const char *colon = strchr(value, ':');
	snprintf(first, SANDBOX_PATH, "%.*s", colon ? (int)(colon - value) : 0, value);
	return colon ? colon + 1 : "";
}

static void opt_net(const char *v)
{
	run.spec.net = strcmp(v, "host") == 0 ? SANDBOX_NET_HOST : SANDBOX_NET_NONE;
}

static void opt_profile(const char *v)
{
	static const char *const names[] = { "default", "strict", "nested" };
	for (uint32_t i = 0; i < SANDBOX_PROFILES; i++)
		if (strcmp(v, names[i]) == 0)
			run.spec.profile = i;
}

static void opt_map(const char *v)
{
	static const char *const names[] = { "direct", "helper", "single" };
	for (uint32_t i = 0; i < SANDBOX_MAP_WAYS; i++)
		if (strcmp(v, names[i]) == 0)
			run.spec.map_by = i;
}

static void opt_tree(const char *v)
{
	uint32_t fd = add_fd(v);
	add_mount(SANDBOX_BIND_FD, "/builds/tree", SANDBOX_OWN)->fd = fd;
	run.cwd = "/builds/tree";
}

static void bind_fd(const char *v, uint32_t flags)
{
	char source[SANDBOX_PATH];
	const char *target = halves(v, source);
	uint32_t fd = add_fd(source);
	add_mount(SANDBOX_BIND_FD, target, flags)->fd = fd;
}

static void opt_ro(const char *v)
{
	bind_fd(v, SANDBOX_READONLY);
}

static void opt_dir(const char *v)
{
	bind_fd(v, 0);
}

static void opt_path(const char *v)
{
	char source[SANDBOX_PATH];
	const char *target = halves(v, source);
	memcpy(add_mount(SANDBOX_BIND_PATH, target, SANDBOX_READONLY)->source, source,
	       sizeof source);
}

static void opt_file(const char *v)
{
	if (run.nfiles == 0) {
		add_mount(SANDBOX_TMPFS, "/files", SANDBOX_NOEXEC)->size = 1 << 20;
	}
	if (run.nfiles < FILES_MAX)
		run.files[run.nfiles++] = v;
}

static void opt_signal(const char *v)
{
	char sig[SANDBOX_PATH];
	run.signal_ms = number(halves(v, sig));
	run.signal = (int)number(sig);
}

static void opt_layers(const char *v)
{
	char dir[SANDBOX_PATH];
	struct sandbox_image *i = &run.spec.image;
	const char *names = halves(v, dir);
	i->layers_fd = (int32_t)add_fd(dir);
	run.spec.uid = run.spec.gid = 0;
	for (char *next; *names && i->nlayers < SANDBOX_LAYERS; names = next) {
		i->layers[i->nlayers++] = (uint32_t)strtoul(names, &next, 10);
		next += *next == ',';
	}
}

static void opt_cgroup(const char *v)
{
	run.spec.cgroup_fd = (int)add_fd(v);
}

static void opt_home(const char *v)
{
	snprintf(run.spec.home, sizeof run.spec.home, "%s", v);
}

static void opt_hostname(const char *v)
{
	snprintf(run.spec.hostname, sizeof run.spec.hostname, "%s", v);
}

static const struct {
	const char *name;
	void (*set)(const char *value);
	uint64_t *number;
	const char **text;
} options[] = {
	{ "spawner", NULL, NULL, &run.spawner },
	{ "report", NULL, NULL, &run.report_path },
	{ "cwd", NULL, NULL, &run.cwd },
	{ "layers", opt_layers, NULL, NULL },
	{ "owner", NULL, &run.owner, NULL },
	{ "upper", NULL, NULL, &run.upper },
	{ "join", NULL, NULL, &run.join },
	{ "nproc", NULL, &run.spec.limits.nproc, NULL },
	{ "nofile", NULL, &run.spec.limits.nofile, NULL },
	{ "fsize", NULL, &run.spec.limits.fsize, NULL },
	{ "tmp", NULL, &run.spec.tmp_bytes, NULL },
	{ "ready", NULL, &run.ready_ms, NULL },
	{ "close_ms", NULL, &run.close_ms, NULL },
	{ "list_ms", NULL, &run.list_ms, NULL },
	{ "repeat", NULL, &run.repeat, NULL },
	{ "deaf", NULL, &run.deaf, NULL },
	{ "profile", opt_profile, NULL, NULL },
	{ "net", opt_net, NULL, NULL },
	{ "map", opt_map, NULL, NULL },
	{ "tree", opt_tree, NULL, NULL },
	{ "ro", opt_ro, NULL, NULL },
	{ "dir", opt_dir, NULL, NULL },
	{ "path", opt_path, NULL, NULL },
	{ "file", opt_file, NULL, NULL },
	{ "signal", opt_signal, NULL, NULL },
	{ "cgroup", opt_cgroup, NULL, NULL },
	{ "home", opt_home, NULL, NULL },
	{ "hostname", opt_hostname, NULL, NULL },
};

static int option(const char *arg)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		size_t n = strlen(options[i].name);
		if (strncmp(arg, options[i].name, n) != 0 || arg[n] != '=')
			continue;
		if (options[i].number)
			*options[i].number = number(arg + n + 1);
		else if (options[i].text)
			*options[i].text = arg + n + 1;
		else
			options[i].set(arg + n + 1);
		return 1;
	}
	return 0;
}

/* --- ids -----------------------------------------------------------------------------------------
 */

/* The first range of the user in /etc/subuid or /etc/subgid. */
static int subordinate(const char *path, const char *name, uint32_t *ret)
{
	char line[256];
	size_t n = strlen(name);
	FILE *f = fopen(path, "re");
	int found = 0;
	while (f && !found && fgets(line, sizeof line, f))
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			*ret = (uint32_t)strtoul(line + n + 1, NULL, 10);
			found = 1;
		}
	if (f)
		fclose(f);
	return found;
}

/* Inside 0..65534 are the range's; the runner's own id is the last one. */
static void map_range(struct sandbox_ids *rows, uint32_t *n, uint32_t first, uint32_t own)
{
	rows[0] = (struct sandbox_ids){ 0, first, RANGE - 1 };
	rows[1] = (struct sandbox_ids){ RANGE - 1, own, 1 };
	*n = 2;
}

static void set_maps(void)
{
	struct sandbox_spec *s = &run.spec;
	struct passwd *pw = getpwuid(getuid());
	uint32_t uids, gids;
	if (getuid() == 0) {
		s->nuids = s->ngids = 1;
		s->uids[0] = s->gids[0] = (struct sandbox_ids){ 0, ID_BASE, RANGE };
		return;
	}
	if (s->map_by != SANDBOX_MAP_SINGLE && pw &&
	    subordinate("/etc/subuid", pw->pw_name, &uids) &&
	    subordinate("/etc/subgid", pw->pw_name, &gids)) {
		s->map_by = SANDBOX_MAP_HELPER;
		map_range(s->uids, &s->nuids, uids, getuid());
		map_range(s->gids, &s->ngids, gids, getgid());
		return;
	}
	s->map_by = SANDBOX_MAP_SINGLE;
	s->nuids = s->ngids = 1;
	s->uids[0] = (struct sandbox_ids){ SANDBOX_JOB_ID, getuid(), 1 };
	s->gids[0] = (struct sandbox_ids){ SANDBOX_JOB_ID, getgid(), 1 };
}

/* --- one sandbox ---------------------------------------------------------------------------------
 */

static void start_spawner(struct err *e)
{
	char path[PATH_MAX];
	int pair[2];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 40);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (!slash || msg_pair(pair, e) < 0)
		die(e);
	memcpy(slash, "/../courser-spawner", sizeof "/../courser-spawner");
	autofd exe = open(run.spawner ? run.spawner : path, O_PATH | O_CLOEXEC);
	struct proc_spec spec = {
		.exe = exe,
		.argv = (char *[]){ (char[]){ "courser-spawner" }, NULL },
		.envp = (char *[]){ NULL },
		.fds = &pair[1],
		.nfds = 1,
		.stdio = { -1, -1, -1 },
	};
	if (proc_spawn(&run.spawner_proc, &spec, e) < 0)
		die(e);
	close(pair[1]);
	run.sock = pair[0];
}

static int environment(struct err *e)
{
	autobuf b = BUF(1 << 20);
	for (char **v = environ; *v; v++)
		if (buf_add(&b, *v, strlen(*v) + 1, e) < 0)
			die(e);
	return fd_sealed("env", b.p, b.len, e);
}

static void send_files(int init, struct err *e)
{
	for (size_t i = 0; i < run.nfiles; i++) {
		char name[SANDBOX_PATH];
		const char *text = halves(run.files[i], name);
		autofd memfd = fd_sealed("file", text, strlen(text), e);
		if (memfd < 0 || sandbox_init_file(init, "/files", name, memfd, e) < 0)
			die(e);
	}
}

static void send_run(int init, struct err *e)
{
	autofd env = environment(e);
	struct sandbox_run step = {
		.id = 7,
		.argv = (const char *const *)run.argv,
		.cwd = run.cwd,
		.env = env,
		.script = -1,
		.out = 1,
		.err = 2,
	};
	if (env < 0 || sandbox_init_run(init, &step, e) < 0)
		die(e);
}

static void report_pid(int pidfd)
{
	char path[64], line[128];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "Pid:", 4) == 0 && run.report)
			fprintf(run.report, "pid=%lu\n", strtoul(line + 4, NULL, 10));
	if (f)
		fclose(f);
}

/* What is due after a while: true once, when its time has come. */
static int due(uint64_t *ms, uint64_t since)
{
	if (!*ms || clock_ms() - since < *ms)
		return 0;
	*ms = 0;
	return 1;
}

static void ask_what_is_due(int init, uint64_t since, struct err *e)
{
	if (due(&run.list_ms, since) && sandbox_init_list(init, e) < 0)
		die(e);
	if (due(&run.signal_ms, since) && sandbox_init_signal(init, run.signal, e) < 0)
		die(e);
}

/* A call that waits is refused and counted; nobody asks any more: the listener is let go. */
static void refuse(short revents)
{
	char call[SANDBOX_CALL];
	struct err e = { 0 };
	int r = revents & POLLIN ? sandbox_refuse(run.listener, call, &e) : revents ? -1 : 0;
	if (r > 0)
		denials_add(&run.denials, call);
	if (r < 0)
		fd_close(&run.listener);
}

/* The next message of init within 20 ms; calls that are refused meanwhile are answered. As msg_recv. */
static int next(int init, struct msg *m, struct err *e)
{
	struct pollfd p[] = { { .fd = init, .events = POLLIN },
			      { .fd = run.listener, .events = POLLIN } };
	if (poll(p, 2, 20) > 0 && p[1].revents)
		refuse(p[1].revents);
	if (p[0].revents)
		return msg_recv_within(init, m, 0, e);
	msg_init(m, 0);
	return err_set(e, ETIMEDOUT, "nothing yet");
}

/* One event; true when the step has ended. */
static int hear(struct msg *m, int *status, struct err *e)
{
	struct sandbox_event ev;
	if (sandbox_init_event(m, &ev, e) < 0)
		die(e);
	if (ev.what == SANDBOX_INIT_READY && m->nfds && !run.deaf)
		run.listener = msg_get_fd(m);
	if (ev.what == SANDBOX_INIT_PROCESSES && run.report)
		fprintf(run.report, "processes=%s\n", ev.text);
	if (ev.what == SANDBOX_INIT_ERROR) {
		err_set(e, EIO, "%s", ev.text);
		die(e);
	}
	*status = (int)(ev.signalled ? 128 + ev.code : ev.code);
	return ev.what == SANDBOX_INIT_ENDED;
}

/* Talk to init until the step has ended; its exit status as a shell sees it. -1: the socket is to be
 * closed. */
static int talk(int init, struct err *e)
{
	uint64_t since = clock_ms();
	for (;;) {
		automsg m;
		int status;
		if (due(&run.close_ms, since))
			return -1;
		ask_what_is_due(init, since, e);
		int r = next(init, &m, e);
		if (r < 0 && e->code == ETIMEDOUT)
			continue;
		if (r == 0)
			err_set(e, EPIPE, "init is gone");
		if (r <= 0)
			die(e);
		if (hear(&m, &status, e))
			return status;
	}
}

/* The next message of the spawner, which must be of that kind. */
static void expect(struct sandbox_made *made, int what, struct err *e)
{
	automsg m;
	int r = msg_recv_within(run.sock, &m, 30000, e);
	if (r == 0)
		err_set(e, EPIPE, "the spawner is gone");
	if (r <= 0 || sandbox_spawn_reply(&m, made, e) < 0)
		die(e);
	if ((int)made->what == what)
		return;
	err_set(e, EIO, "%s", made->text);
	die(e);
}

/* In a child: into the sandbox, confined, create the file. */
static void join(const struct sandbox_made *made, struct err *e)
{
	const struct confine_path all = { AT_FDCWD, "/", CONFINE_READ | CONFINE_WRITE };
	const struct confine packer = { .profile = "packer", .paths = &all, .npaths = 1 };
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		if (confine_join(made->userns, made->mntns, e) < 0 || confine_role(&packer, e) < 0)
			fprintf(stderr, "sandbox-run: %s\n", e->msg);
		_exit(e->code || open(run.join, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) < 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		err_set(e, EIO, "join: status %d", status);
		die(e);
	}
}

/* As a daemon does when nothing else is to be done: before the first, and while the one before runs. */
static void prepare(struct err *e)
{
	struct sandbox_spec bare = run.spec;
	bare.nmounts = 0;
	bare.cgroup_fd = -1;
	memset(bare.mounts, 0, sizeof bare.mounts);
	if (run.ready_ms && sandbox_prepare_request(run.sock, &bare, e) < 0)
		die(e);
}

static const char *denied_text(void)
{
	static struct buf b = BUF(4096);
	struct err e = { 0 };
	return denials_text(&run.denials, &b, &e) < 0 ? "?" : buf_cstr(&b);
}

/* A directory of its own for what this one writes into its image. */
static void make_upper(size_t round, struct err *e)
{
	char path[SANDBOX_PATH + 32];
	static size_t at;
	if (!run.upper)
		return;
	if (round == 0)
		at = run.nfds++;
	else
		close(run.fds[at]);
	snprintf(path, sizeof path, "%.200s/%zu", run.upper, round);
	run.spec.image.upper_fd = (int32_t)at;
	run.fds[at] = mkdir(path, 0755) < 0 ? -1 : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint32_t id = run.spec.uids[0].outside;
	if (run.fds[at] < 0 || (geteuid() == 0 && chown(path, id, id) < 0)) {
		err_sys(e, "%s", path);
		die(e);
	}
}

static int one(size_t round, struct err *e)
{
	struct sandbox_made made, gone;
	run.spec.image.owner = (uint32_t)run.owner;
	make_upper(round, e);
	uint64_t begin = clock_us();
	run.fds[run.nfds] = -1;
	if (sandbox_spawn_request(run.sock, round, &run.spec, run.fds, e) < 0)
		die(e);
	expect(&made, SANDBOX_MADE, e);
	run.started_us[round] = clock_us() - begin;
	if (round + 1 < run.repeat)
		prepare(e);
	if (run.report && round == 0)
		fprintf(run.report, "notes=%s\n", made.text);
	report_pid(made.pidfd);
	if (run.join)
		join(&made, e);
	send_files(made.init, e);
	send_run(made.init, e);
	int status = talk(made.init, e);
	close(made.init);
	fd_close(&run.listener);
	expect(&gone, SANDBOX_ENDED, e);
	if (run.report && round + 1 == run.repeat)
		fprintf(run.report, "ended=%d\ninit=%u\ndenied=%s\n", status, gone.status,
			denied_text());
	close(made.pidfd);
	close(made.userns);
	close(made.mntns);
	return status < 0 ? 0 : status;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int i = 1, status = 0;
	sandbox_spec_init(&run.spec);
	while (i < argc && option(argv[i]))
		i++;
	if (i >= argc || run.repeat < 1 || run.repeat > REPEAT_MAX) {
		fprintf(stderr, "usage: sandbox-run [option=value ...] command [argument ...]\n");
		return FAILED;
	}
	run.argv = argv + i;
	run.report = run.report_path ? fopen(run.report_path, "we") : NULL;
	set_maps();
	start_spawner(&e);
	prepare(&e);
	usleep((useconds_t)run.ready_ms * 1000);
	for (size_t round = 0; round < run.repeat; round++)
		status = one(round, &e);
	qsort(run.started_us, run.repeat, sizeof *run.started_us, by_value);
	if (run.report) {
		fprintf(run.report, "started_us=%llu\n",
			(unsigned long long)run.started_us[run.repeat / 2]);
		fclose(run.report);
	}
	close(run.sock);
	return proc_wait(&run.spawner_proc) ? FAILED : status;
}
