#include "sandbox/sandbox.h"

#include "base/fd.h"

#include <string.h>

int sandbox_spawn_request(int sock, uint64_t cookie, const struct sandbox_spec *spec,
			  const int *fds, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_SPAWN);
	msg_put_u64(&m, cookie);
	msg_put_bytes(&m, spec, sizeof *spec);
	for (; *fds >= 0; fds++)
		msg_put_fd(&m, *fds);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "spawner") : 0;
}

int sandbox_prepare_request(int sock, const struct sandbox_spec *spec, struct err *e)
{
	automsg m;
	msg_init(&m, SANDBOX_PREPARE);
	msg_put_u64(&m, 0);
	msg_put_bytes(&m, spec, sizeof *spec);
	return msg_send(sock, &m, e) < 0 ? err_wrap(e, "spawner") : 0;
}

static void take_text(struct sandbox_made *made, const char *text)
{
	size_t n = strnlen(text, sizeof made->text - 1);
	memcpy(made->text, text, n);
	made->text[n] = '\0';
}

static void take_spawned(struct msg *m, struct sandbox_made *made)
{
	made->what = msg_get_u32(m) ? SANDBOX_MADE : SANDBOX_REFUSED;
	take_text(made, msg_get_str(m));
	if (made->what == SANDBOX_REFUSED)
		return;
	made->uid = msg_get_u32(m);
	made->gid = msg_get_u32(m);
	made->init = msg_get_fd(m);
	made->pidfd = msg_get_fd(m);
	made->userns = msg_get_fd(m);
	made->mntns = msg_get_fd(m);
}

int sandbox_spawn_reply(struct msg *m, struct sandbox_made *ret, struct err *e)
{
	struct sandbox_made made = { .init = -1, .pidfd = -1, .userns = -1, .mntns = -1 };
	made.cookie = msg_get_u64(m);
	if (m->type == SANDBOX_SPAWNED) {
		take_spawned(m, &made);
	} else if (m->type == SANDBOX_GONE) {
		made.what = SANDBOX_ENDED;
		made.status = msg_get_u32(m);
	} else {
		m->bad = true;
	}
	if (msg_end(m, e) == 0) {
		*ret = made;
		return 0;
	}
	sandbox_made_done(&made);
	return err_wrap(e, "spawner");
}

void sandbox_made_done(struct sandbox_made *made)
{
	fd_close(&made->init);
	fd_close(&made->pidfd);
	fd_close(&made->userns);
	fd_close(&made->mntns);
}
