#include "sandbox/step.h"

#include "base/fd.h"
#include "base/pages.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { CHILD_STACK = 64 << 10 };

/* What the child is given; it shares our memory until it execs, and says here why it could not. */
struct start {
	const struct step *step;
	char **env;
	const char *volatile failed; /* what it was doing */
	volatile int code;
};

int step_read(struct step *s, struct msg *m, struct err *e)
{
	*s = (struct step){ .env = -1, .script = -1, .out = -1, .err = -1 };
	s->id = msg_get_u32(m);
	s->cwd = msg_get_str(m);
	s->script_name = msg_get_str(m);
	uint32_t argc = msg_get_u32(m);
	if (argc < 1 || argc > SANDBOX_ARGS)
		return err_set(e, EPROTO, "run: %u arguments", argc);
	for (uint32_t i = 0; i < argc; i++)
		s->argv[i] = msg_get_str(m);
	s->env = msg_get_fd(m);
	s->out = msg_get_fd(m);
	s->err = msg_get_fd(m);
	if (s->script_name[0])
		s->script = msg_get_fd(m);
	if (msg_end(m, e) == 0)
		return 0;
	step_done(s);
	return -1;
}

void step_done(struct step *s)
{
	fd_close(&s->env);
	fd_close(&s->out);
	fd_close(&s->err);
	fd_close(&s->script);
}

/* What from holds, as it stands in the page cache. */
static int copy(int from, int to, struct err *e)
{
	autopages g = { 0 };
	if (pages_map_file(&g, from, e) < 0)
		return -1;
	return g.p ? fd_write_all(to, g.p, g.size, e) : 0;
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n <= NAME_MAX && name[0] != '.' && !strchr(name, '/') &&
	       str_is_printable(name, n);
}

int step_write_file(const char *dir, const char *name, int memfd, mode_t mode, struct err *e)
{
	if (!name_ok(name))
		return err_set(e, EINVAL, "file: not a name");
	autofd d = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d < 0)
		return err_sys(e, "file %s: %s", name, dir[0] ? dir : "no directory for files");
	if (unlinkat(d, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "file %s", name);
	autofd fd = openat(d, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return err_sys(e, "file %s", name);
	return copy(memfd, fd, e) < 0 ? err_wrap(e, "file %s", name) : 0;
}

/* Pointers to the strings in text[0..n), which ends with a '\0', as execve wants them. */
static int list_env(struct pages *list, const struct pages *text, const char *home, struct err *e)
{
	char *p = text->p;
	size_t n = text->size;
	size_t count = 0;
	if (n && p[n - 1] != '\0')
		return err_set(e, EINVAL, "environment: does not end");
	for (size_t i = 0; i < n; i++)
		count += p[i] == '\0';
	if (pages_map(list, (count + 2) * sizeof(char *), e) < 0)
		return err_wrap(e, "environment");
	char **env = (char **)(void *)list->p;
	for (size_t i = 0, at = 0; i < count; i++) {
		env[i] = p + at;
		if (strncmp(env[i], "HOME=", 5) == 0)
			home = NULL;
		at += strlen(p + at) + 1;
	}
	if (home)
		env[count] = (char *)(uintptr_t)home;
	return 0;
}

static const char *path_of(char **env)
{
	for (; *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

/* As execvpe(3), with the PATH of the environment that is given. */
static void exec_step(const struct start *st)
{
	char *const *argv = (char *const *)(uintptr_t)st->step->argv;
	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, st->env);
		return;
	}
	for (const char *p = path_of(st->env); *p;) {
		char file[PATH_MAX];
		int n = (int)strcspn(p, ":");
		if (snprintf(file, sizeof file, "%.*s/%s", n, p, argv[0]) < (int)sizeof file)
			execve(file, argv, st->env);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return;
		p += n + (p[n] == ':');
	}
}

/* Init ignores and handles no signal, so only the mask is undone. 0 stays init's /dev/null. What is not 0, 1, 2 is gone before any path is looked at: no directory
 * of ours can be reached by /proc/self/fd. */
static const char *enter(const struct step *s)
{
	sigset_t none;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || setsid() < 0)
		return "session";
	if (dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0 || close_range(3, ~0u, 0) < 0)
		return "output";
	umask(022);
	char where[PATH_MAX];
	if (chdir(s->cwd) < 0)
		return s->cwd;
	return getcwd(where, sizeof where) && where[0] == '/' ? NULL : "working directory";
}

static int child(void *arg)
{
	struct start *st = arg;
	const char *failed = enter(st->step);
	if (!failed) {
		errno = ENOENT;
		exec_step(st);
		failed = st->step->argv[0];
	}
	st->code = errno;
	st->failed = failed;
	_exit(127);
}

static pid_t start(struct start *st, struct err *e)
{
	autopages stack = { 0 };
	if (pages_map(&stack, CHILD_STACK, e) < 0)
		return -1;
	pid_t pid = clone(child, stack.p + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, st);
	if (pid < 0)
		return err_sys(e, "start");
	/* A child that failed is reaped like any other that is not a step. */
	return st->failed ? err_set(e, st->code, "%s: %s", st->failed, strerror(st->code)) : pid;
}

pid_t step_start(const struct step *s, struct err *e)
{
	autopages text = { 0 }, list = { 0 };
	if (s->script >= 0 &&
	    step_write_file(SANDBOX_SCRIPTS, s->script_name, s->script, 0700, e) < 0)
		return -1;
	if (pages_map_file(&text, s->env, e) < 0)
		return err_wrap(e, "environment");
	if (list_env(&list, &text, s->home, e) < 0)
		return -1;
	struct start go = { .step = s, .env = (char **)(void *)list.p };
	return start(&go, e);
}
