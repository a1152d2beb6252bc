/*
 * confine-try: confine this process as a role would, then try one thing, so that tests can see what is left.
 *
 *	confine-try [option=value …] action [argument]
 *
 * profile=NAME  ids=UID:GID|-  read=DIR  write=DIR  exec=DIR  network=1  nofile=N
 *
 * status          the lines of /proc/self/status (opened before, read after)
 * open PATH       create PATH       exec PATH       socket       connect PORT
 *
 * instrumented    whether this build's roles may do more, so that sanitizers and gcov work in them
 *
 * Exit status 0: it worked; 1: refused, the error on stderr; 125: could not be confined.
 */
#include "base/fd.h"
#include "base/str.h"
#include "sandbox/confine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FAILED = 125, PATHS = 16 };

static struct confine_path paths[PATHS];
static struct confine how = { .profile = "worker", .paths = paths };
static int status_fd;

static int number(const char *text)
{
	uint64_t n = 0;
	return str_u64(text, INT32_MAX, &n) ? (int)n : -1;
}

static void add(const char *path, unsigned rights)
{
	if (how.npaths < PATHS)
		paths[how.npaths++] = (struct confine_path){ AT_FDCWD, path, rights };
}

static int set(const char *name, const char *value)
{
	struct err e = { 0 };
	if (strcmp(name, "profile") == 0)
		how.profile = value;
	else if (strcmp(name, "ids") == 0)
		return confine_ids(&how, value, &e);
	else if (strcmp(name, "read") == 0)
		add(value, CONFINE_READ);
	else if (strcmp(name, "write") == 0)
		add(value, CONFINE_READ | CONFINE_WRITE);
	else if (strcmp(name, "exec") == 0)
		add(value, CONFINE_READ | CONFINE_EXEC);
	else if (strcmp(name, "network") == 0)
		how.allow_network = true;
	else if (strcmp(name, "nofile") == 0)
		how.nofile = (uint64_t)number(value);
	return 0;
}

static int do_status(const char *unused)
{
	struct err e = { 0 };
	autobuf b = BUF(16 << 10);
	(void)unused;
	if (fd_read_all(status_fd, &b, &e) < 0)
		return -1;
	return fd_write_all(1, buf_cstr(&b), b.len, &e);
}

static int do_open(const char *path)
{
	autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

static int do_create(const char *path)
{
	autofd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : 0;
}

static int do_exec(const char *path)
{
	return execl(path, path, (char *)NULL);
}

static int do_socket(const char *unused)
{
	(void)unused;
	autofd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : 0;
}

static int do_connect(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)number(port)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	autofd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof to);
}

static int do_instrumented(const char *unused)
{
	(void)unused;
#if defined(COURSER_SANITIZED) || defined(COURSER_COVERAGE)
	return 0;
#else
	return -1;
#endif
}

static const struct {
	const char *name;
	int (*run)(const char *argument);
} actions[] = {
	{ "status", do_status },
	{ "open", do_open },
	{ "create", do_create },
	{ "exec", do_exec },
	{ "socket", do_socket },
	{ "connect", do_connect },
	{ "instrumented", do_instrumented },
};

static int act(const char *name, const char *argument)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		if (actions[i].run(argument) == 0)
			return 0;
		perror(name);
		return 1;
	}
	return FAILED;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int i = 1;
	for (char *eq; i < argc && (eq = strchr(argv[i], '=')) != NULL; i++) {
		*eq = '\0';
		if (set(argv[i], eq + 1) < 0)
			return FAILED;
	}
	status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (i >= argc || confine_role(&how, &e) < 0) {
		fprintf(stderr, "confine-try: %s\n", e.msg);
		return FAILED;
	}
	return act(argv[i], i + 1 < argc ? argv[i + 1] : "");
}
