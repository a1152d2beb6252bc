/*
 * What the machine itself needs for what courser does: the floor that its figures are set beside.
 *
 *	floor_bench job PORT DIR      a runner without anything of a runner: the same requests, one
 *	                              clone with the same namespaces, bash. Until the server is gone.
 *	floor_bench log PORT DIR FILE the same, but its job is to cat FILE, sent 1 MiB at a time
 *	floor_bench sandbox N INIT    N times the same namespaces and mounts, and the exec of INIT:
 *	                              the median in µs
 *
 * DIR holds the headers of a request for a job and the bodies as courser sends them: headers, request,
 * running, final, with @T@ for the token of the job, @U@ for X-GitLab-Last-Update, @C@ and @S@ for checksum and size.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <zlib.h>

enum { PATCH_MAX = 1 << 20, ANSWER_MAX = 4 << 20, FAILED = 1, REPEAT_MAX = 1000 };
enum {
	NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
		     CLONE_NEWCGROUP
};

static _Noreturn void die(const char *what)
{
	perror(what);
	_exit(FAILED);
}

/* --- one bare sandbox ---------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	autofd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
}

/* uid, gid: who it was before it had a user namespace. */
static void map_ids(uid_t uid, gid_t gid)
{
	char line[64];
	put("/proc/self/setgroups", "deny");
	snprintf(line, sizeof line, "0 %u 1", (unsigned)uid);
	put("/proc/self/uid_map", line);
	snprintf(line, sizeof line, "0 %u 1", (unsigned)gid);
	put("/proc/self/gid_map", line);
}

/* 0 in the child. */
static pid_t clone_bare(void)
{
	struct clone_args args = { .flags = NAMESPACES, .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		die("clone3");
	return pid;
}

static const char *const dirs[] = { "etc",     "dev",       "proc",  "tmp",     "run",
				    "home",    "var",       "usr",   "opt",     "dev/pts",
				    "dev/shm", "home/job",  "mnt",   "var/lib", "var/cache",
				    "var/log", "var/spool", "builds" };
static const char *const links[][2] = {
	{ "usr/bin", "bin" }, { "usr/sbin", "sbin" }, { "usr/lib", "lib" }, { "usr/lib64", "lib64" }
};
static const char *const nodes[] = { "dev/null", "dev/zero",   "dev/full",
				     "dev/tty",  "dev/random", "dev/urandom" };
static const char *const masked[] = { "cmdline",  "keys",        "key-users",  "kallsyms",
				      "kmsg",     "timer_list",  "kpagecount", "kpageflags",
				      "slabinfo", "vmallocinfo", "kpagecgroup" };

static void tmpfs(const char *at)
{
	if (mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=755") < 0)
		die(at);
}

static void bind_read_only(const char *from, const char *at)
{
	if (mount(from, at, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
		    0)
		die(from);
}

/* As many and the same kinds of mounts as a sandbox of courser has. */
static void mount_devices(void)
{
	char from[32];
	tmpfs("dev");
	if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 0755) < 0)
		die("dev");
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		autofd file = open(nodes[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		snprintf(from, sizeof from, "/%s", nodes[i]);
		if (file < 0 || mount(from, nodes[i], NULL, MS_BIND, NULL) < 0)
			die(nodes[i]);
	}
	if (mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance") < 0)
		die("devpts");
	tmpfs("dev/shm");
}

static void mount_proc(void)
{
	char at[32];
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("proc");
	for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
		snprintf(at, sizeof at, "proc/%s", masked[i]);
		if (mount("dev/null", at, NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
			die(at);
	}
	bind_read_only("proc/sys", "proc/sys");
}

static void mount_all(void)
{
	umask(022);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("private");
	tmpfs("/tmp");
	if (chdir("/tmp") < 0)
		die("/tmp");
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (mkdir(dirs[i], 0755) < 0)
			die(dirs[i]);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			die(links[i][1]);
	bind_read_only("/usr", "usr");
	bind_read_only("/opt", "opt");
	tmpfs("etc");
	if (mount("etc", "etc", "overlay", MS_RDONLY, "lowerdir=etc:/etc") < 0)
		die("etc");
	mount_devices();
	mount_proc();
	tmpfs("tmp");
	tmpfs("run");
	tmpfs("home/job");
	bind_read_only("/mnt", "builds");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("pivot_root");
}

/* µs from the clone to the exec. */
static uint64_t sandbox_once(int program)
{
	int sync[2];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char c;
	if (pipe2(sync, O_CLOEXEC) < 0)
		die("pipe");
	uint64_t begin = clock_us();
	pid_t pid = clone_bare();
	if (pid == 0) {
		char *argv[] = { (char[]){ "init" }, NULL }, *envp[] = { NULL };
		map_ids(uid, gid);
		mount_all();
		syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
		die("exec");
	}
	close(sync[1]);
	if (read(sync[0], &c, 1) != 0)
		die("sync");
	uint64_t took = clock_us() - begin;
	close(sync[0]);
	waitpid(pid, NULL, 0);
	return took;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int sandbox_many(int argc, char **argv)
{
	static uint64_t took[REPEAT_MAX];
	(void)argc;
	size_t n = strtoul(argv[2], NULL, 10);
	autofd program = open(argv[3], O_RDONLY | O_CLOEXEC);
	autofd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (program < 0 || null < 0 || n < 1 || n > REPEAT_MAX || dup2(null, 0) < 0)
		die(argv[3]);
	for (size_t i = 0; i < n; i++)
		took[i] = sandbox_once(program);
	qsort(took, n, sizeof *took, by_value);
	printf("%llu\n", (unsigned long long)took[n / 2]);
	return 0;
}

/* --- a runner without anything of a runner ------------------------------------------------------- */

struct answer {
	int status;
	char head[4096];
	char *body;
	size_t n;
};

static struct {
	int sock;
	const char *dir, *file; /* file: NULL the trivial job */
	char headers[512], request[64 << 10], running[64 << 10], final[64 << 10];
	char id[32], token[128], update[128];
	uint64_t sent;
	uLong crc;
	struct answer answer;
} run;

static void load(const char *name, char *to, size_t size)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", run.dir, name);
	autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);
	if (n < 0)
		die(path);
	to[n] = '\0';
}

static void connect_to(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;
	run.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (run.sock < 0 || connect(run.sock, (struct sockaddr *)&a, sizeof a) < 0 ||
	    setsockopt(run.sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		die("connect");
}

static void write_all(const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(run.sock, p, n);
		if (w <= 0)
			_exit(0); /* the server is gone: that is the end */
		p += w;
		n -= (size_t)w;
	}
}

/* The value of a header of the last answer; "" none. */
static const char *header(const char *name, char *out, size_t size)
{
	const char *at = strcasestr(run.answer.head, name);
	out[0] = '\0';
	if (at)
		snprintf(out, size, "%.*s", (int)strcspn(at + strlen(name), "\r"),
			 at + strlen(name));
	return out;
}

static void read_answer(void)
{
	static char in[ANSWER_MAX];
	char length[32];
	size_t n = 0, head = 0;
	while (!head || n < head + run.answer.n) {
		ssize_t r = read(run.sock, in + n, sizeof in - 1 - n);
		if (r <= 0)
			_exit(0);
		n += (size_t)r;
		in[n] = '\0';
		const char *blank = head ? NULL : strstr(in, "\r\n\r\n");
		if (!blank)
			continue;
		head = (size_t)(blank - in) + 4;
		snprintf(run.answer.head, sizeof run.answer.head, "%.*s", (int)head, in);
		run.answer.n = strtoul(header("\nContent-Length: ", length, sizeof length), NULL,
				       10);
		run.answer.body = in + head;
	}
	run.answer.status = (int)strtol(in + strlen("HTTP/1.1 "), NULL, 10);
}

static void call(const char *start, const char *headers, const char *body, size_t n)
{
	char head[1024];
	int len = snprintf(head, sizeof head,
			   "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %zu\r\n\r\n", start,
			   headers, n);
	write_all(head, (size_t)len);
	write_all(body, n);
	read_answer();
}

/* The text with its marks filled in. */
static char *filled(const char *text, char *out, size_t size)
{
	char crc[16], bytes[24];
	const char *const values[][2] = {
		{ "@T@", run.token }, { "@U@", run.update }, { "@C@", crc }, { "@S@", bytes }
	};
	size_t at = 0;
	snprintf(crc, sizeof crc, "%08lx", run.crc);
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)run.sent);
	while (*text && at + 256 < size) {
		size_t i = 0;
		while (i < 4 && strncmp(text, values[i][0], 3) != 0)
			i++;
		if (i == 4) {
			out[at++] = *text++;
			continue;
		}
		at += (size_t)snprintf(out + at, size - at, "%s", values[i][1]);
		text += 3;
	}
	out[at] = '\0';
	return out;
}

static void put_state(const char *body)
{
	static char text[64 << 10];
	char start[128], headers[256];
	snprintf(start, sizeof start, "PUT /api/v4/jobs/%s", run.id);
	snprintf(headers, sizeof headers, "JOB-TOKEN: %s\r\nContent-Type: application/json\r\n",
		 run.token);
	filled(body, text, sizeof text);
	call(start, headers, text, strlen(text));
	if (run.answer.status != 200)
		die("PUT");
}

static void patch(const char *data, size_t n)
{
	char start[128], headers[256];
	snprintf(start, sizeof start, "PATCH /api/v4/jobs/%s/trace?debug_trace=false", run.id);
	snprintf(headers, sizeof headers,
		 "JOB-TOKEN: %s\r\nContent-Type: text/plain\r\nContent-Range: %llu-%llu\r\n",
		 run.token, (unsigned long long)run.sent, (unsigned long long)(run.sent + n - 1));
	call(start, headers, data, n);
	if (run.answer.status != 202)
		die("PATCH");
	run.crc = crc32(run.crc, (const Bytef *)data, (uInt)n);
	run.sent += n;
}

static void child(int out, uid_t uid, gid_t gid)
{
	char script[] = "echo first-byte",
	     *bash[] = { (char[]){ "bash" }, (char[]){ "-c" }, script, NULL };
	char *cat[] = { (char[]){ "cat" }, (char *)(uintptr_t)run.file, NULL };
	map_ids(uid, gid);
	if (dup2(out, 1) < 0)
		die("dup2");
	if (run.file)
		execv("/bin/cat", cat);
	else
		execv("/bin/bash", bash);
	die("exec");
}

static void run_job(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	static char data[PATCH_MAX];
	int out[2];
	size_t n = 0;
	ssize_t r;
	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	pid_t pid = clone_bare();
	if (pid == 0)
		child(out[1], uid, gid);
	close(out[1]);
	run.sent = 0;
	run.crc = 0;
	while ((r = read(out[0], data + n, sizeof data - n)) > 0) {
		n += (size_t)r;
		if (run.file && n < sizeof data)
			continue;
		patch(data, n);
		n = 0;
	}
	if (n)
		patch(data, n);
	close(out[0]);
	waitpid(pid, NULL, 0);
}

/* The value of "key": in the answer's JSON: the first one is the job's. */
static void member(const char *key, char *out, size_t size)
{
	const char *at = strstr(run.answer.body, key);
	if (!at)
		die(key);
	at += strlen(key);
	at += strspn(at, " \"");
	snprintf(out, size, "%.*s", (int)strcspn(at, "\","), at);
}

static int serve(int argc, char **argv)
{
	static char text[64 << 10];
	run.dir = argv[3];
	run.file = argc > 4 ? argv[4] : NULL;
	load("headers", run.headers, sizeof run.headers);
	load("request", run.request, sizeof run.request);
	load("running", run.running, sizeof run.running);
	load("final", run.final, sizeof run.final);
	connect_to(argv[2]);
	for (;;) {
		filled(run.request, text, sizeof text);
		call("POST /api/v4/jobs/request", run.headers, text, strlen(text));
		if (run.answer.status == 201) {
			member("\"id\":", run.id, sizeof run.id);
			member("\"token\":", run.token, sizeof run.token);
			put_state(run.running);
			run_job();
			put_state(run.final);
		} else if (run.answer.status == 204) {
			header("\nX-GitLab-Last-Update: ", run.update, sizeof run.update);
		} else {
			die("POST jobs/request");
		}
	}
}

static const struct {
	const char *name;
	int args;
	int (*run)(int argc, char **argv);
} modes[] = { { "job", 4, serve }, { "log", 5, serve }, { "sandbox", 4, sandbox_many } };

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
		if (strcmp(argv[1], modes[i].name) == 0 && argc == modes[i].args)
			return modes[i].run(argc, argv);
	fprintf(stderr, "usage: floor_bench job PORT DIR | log PORT DIR FILE | sandbox N INIT\n");
	return FAILED;
}
