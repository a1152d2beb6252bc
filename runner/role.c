#include "runner/role.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>

enum { ARGS_MAX = 64 };

static void exited(struct source *s, uint32_t events)
{
	struct role *r = (struct role *)(void *)((char *)s - offsetof(struct role, exit));
	char num[STR_NUM];
	(void)events;
	loop_unwatch(r->loop, &r->exit);
	int status = proc_wait(&r->proc);
	if (status > 0)
		log_warn("a role ended badly", "name", r->name, "status",
			 str_num(num, (uint64_t)status), NULL);
	if (r->ended)
		r->ended(r, status);
}

int role_start(struct role *r, struct loop *l, int libexec, const struct role_start *s,
	       struct err *e)
{
	char file[64];
	const char *argv[ARGS_MAX + 3] = { s->name, s->ids };
	char *const envp[] = { log_environment(), NULL };
	snprintf(file, sizeof file, "courser-%s", s->name);
	for (unsigned i = 0; s->args && s->args[i] && i < ARGS_MAX; i++)
		argv[2 + i] = s->args[i];
	autofd exe = openat(libexec, file, O_PATH | O_CLOEXEC);
	if (exe < 0)
		return err_sys(e, "%s", file);
	struct proc_spec spec = {
		.exe = exe,
		.argv = (char *const *)(void *)argv,
		.envp = envp,
		.fds = s->fds,
		.nfds = s->nfds,
		.stdio = { -1, -1, -1 },
	};
	autofd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	spec.stdio[0] = spec.stdio[1] = null;
	if (null < 0 || proc_spawn(&r->proc, &spec, e) < 0)
		return null < 0 ? err_sys(e, "/dev/null") : -1;
	r->name = s->name;
	r->loop = l;
	r->exit = (struct source){ .fd = r->proc.pidfd, .ready = exited };
	if (loop_watch(l, &r->exit, EPOLLIN, e) == 0)
		return 0;
	proc_signal(&r->proc, 9);
	proc_wait(&r->proc);
	return -1;
}

int role_adopt(struct role *r, const char *name, struct loop *l, int pidfd, struct err *e)
{
	r->name = name;
	r->loop = l;
	r->proc = (struct proc){ .pid = -1, .pidfd = pidfd };
	r->exit = (struct source){ .fd = pidfd, .ready = exited };
	return loop_watch(l, &r->exit, EPOLLIN, e);
}

int role_move(struct role *from, struct role *to, struct err *e)
{
	void (*ended)(struct role * r, int status) = to->ended;
	loop_unwatch(from->loop, &from->exit);
	*to = *from;
	to->ended = ended;
	if (loop_watch(to->loop, &to->exit, EPOLLIN, e) < 0)
		return -1;
	*from = (struct role){ .ended = from->ended };
	return 0;
}

bool role_runs(const struct role *r)
{
	return r->loop && r->proc.pid != 0;
}

void role_signal(const struct role *r, int sig)
{
	if (role_runs(r))
		proc_signal(&r->proc, sig);
}

void role_forget(struct role *r)
{
	if (!role_runs(r))
		return;
	loop_unwatch(r->loop, &r->exit);
	proc_forget(&r->proc);
}
