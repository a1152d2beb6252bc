#include "sandbox/init.h"

#include <errno.h>
#include <stdbool.h>

int sandbox_init_file(int sock, const char *dir, const char *name, int memfd, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_FILE);
	msg_put_str(&m, dir);
	msg_put_str(&m, name);
	msg_put_fd(&m, memfd);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: file %s", name) : 0;
}

int sandbox_init_run(int sock, const struct sandbox_run *run, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_RUN);
	msg_put_u32(&m, run->id);
	msg_put_str(&m, run->cwd);
	msg_put_str(&m, run->script >= 0 ? run->script_name : "");
	uint32_t argc = 0;
	while (run->argv[argc])
		argc++;
	msg_put_u32(&m, argc);
	for (uint32_t i = 0; i < argc; i++)
		msg_put_str(&m, run->argv[i]);
	msg_put_fd(&m, run->env);
	msg_put_fd(&m, run->out);
	msg_put_fd(&m, run->err);
	if (run->script >= 0)
		msg_put_fd(&m, run->script);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: run") : 0;
}

int sandbox_init_signal(int sock, int sig, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_SIGNAL);
	msg_put_u32(&m, (uint32_t)sig);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: signal") : 0;
}

int sandbox_init_list(int sock, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_LIST);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: list") : 0;
}

int sandbox_init_watch(int sock, uint64_t bytes, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_WATCH);
	msg_put_u64(&m, bytes);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: watch") : 0;
}

int sandbox_init_measure(int sock, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_MEASURE);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: measure") : 0;
}

int sandbox_init_ports(int sock, const unsigned *ports, size_t n, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_PORTS);
	msg_put_u32(&m, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		msg_put_u32(&m, ports[i]);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: ports") : 0;
}

int sandbox_init_wipe(int sock, const char *path, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_WIPE);
	msg_put_str(&m, path);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: wipe") : 0;
}

int sandbox_init_copy(int sock, const char *from, const char *to, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_COPY);
	msg_put_str(&m, from);
	msg_put_str(&m, to);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: copy") : 0;
}

int sandbox_init_open(int sock, const char *dir, const char *path, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_INIT_OPEN);
	msg_put_str(&m, dir);
	msg_put_str(&m, path);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "init: open") : 0;
}

int sandbox_init_event(struct msg *m, struct sandbox_event *ret, struct err *e)
{
	struct sandbox_event ev = { .what = (enum sandbox_init_msg)m->type };
	if (m->type < SANDBOX_INIT_READY || m->type > SANDBOX_INIT_ERROR)
		return err_set(e, EPROTO, "init: message %u", m->type);
	ev.id = msg_get_u32(m);
	ev.pid = msg_get_u32(m);
	ev.signalled = msg_get_u32(m) != 0;
	ev.code = msg_get_u32(m);
	ev.text = msg_get_str(m);
	bool with_fd = (ev.what == SANDBOX_INIT_READY || ev.what == SANDBOX_INIT_OPENED) &&
		       m->nfds == 1;
	if (!(with_fd && !m->bad && m->at == m->body.len) && msg_end(m, e) < 0)
		return err_wrap(e, "init");
	*ret = ev;
	return 0;
}

int sandbox_init_hear(int sock, struct msg *m, struct sandbox_event *ret, struct err *e)
{
	int r = msg_recv(sock, m, e);
	if (r < 0 && e->code == EAGAIN)
		return 0;
	if (r <= 0)
		return err_set(e, EPIPE, "its init has ended");
	return sandbox_init_event(m, ret, e) < 0 ? -1 : 1;
}
