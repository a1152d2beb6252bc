/* The one check that cannot be guessed at: whether a sandbox can be had here. */
#include "runner/doctor.h"

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runner/priv.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 10 * 1000, COOKIE = 1, STEP = 1, NOTES = 1024 };

struct trial {
	struct proc spawner;
	int sock, init; /* ours, to the spawner and to init */
	char notes[NOTES];
};

static int start(struct trial *t, struct err *e)
{
	char *const argv[] = { (char[]){ "spawner" }, (char[]){ "-" }, NULL };
	char *const envp[] = { NULL };
	int pair[2];
	autofd libexec = proc_libexec(e);
	if (libexec < 0)
		return -1;
	autofd exe = openat(libexec, "courser-spawner", O_PATH | O_CLOEXEC);
	if (exe < 0)
		return err_sys(e, "courser-spawner");
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	t->sock = pair[0];
	struct proc_spec spec = {
		.exe = exe,
		.argv = argv,
		.envp = envp,
		.fds = &theirs,
		.nfds = 1,
		.stdio = { -1, -1, -1 },
	};
	return proc_spawn(&t->spawner, &spec, e);
}

static int request(struct trial *t, const struct priv *priv, struct err *e)
{
	struct sandbox_spec spec;
	int fds[] = { -1 };
	sandbox_spec_init(&spec);
	priv_map(priv, 0, &spec);
	return sandbox_spawn_request(t->sock, COOKIE, &spec, fds, e);
}

static int made(struct trial *t, struct err *e)
{
	struct sandbox_made m;
	automsg reply;
	int r = msg_recv_within(t->sock, &reply, PATIENCE_MS, e);
	if (r == 0)
		return err_set(e, EPIPE, "the spawner ended");
	if (r < 0 || sandbox_spawn_reply(&reply, &m, e) < 0)
		return -1;
	t->init = fd_take(&m.init);
	sandbox_made_done(&m);
	snprintf(t->notes, sizeof t->notes, "%s", m.text);
	return m.what == SANDBOX_MADE ? 0 : err_set(e, EPERM, "%s", m.text);
}

/* Until init says what, or that something is wrong. */
static int await(struct trial *t, enum sandbox_init_msg what, struct err *e)
{
	for (;;) {
		struct sandbox_event ev;
		automsg m;
		int r = msg_recv_within(t->init, &m, PATIENCE_MS, e);
		if (r == 0)
			return err_set(e, EPIPE, "init ended");
		if (r < 0 || sandbox_init_event(&m, &ev, e) < 0)
			return -1;
		if (ev.what == SANDBOX_INIT_ERROR)
			return err_set(e, EIO, "%s", ev.text);
		if (ev.what == SANDBOX_INIT_ENDED && (ev.signalled || ev.code))
			return err_set(e, EIO, "/bin/true ended with %u", (unsigned)ev.code);
		if (ev.what == what)
			return 0;
	}
}

static int step(struct trial *t, struct err *e)
{
	static const char *const argv[] = { "/bin/true", NULL };
	static const char path[] = "PATH=/usr/bin:/bin";
	autofd env = fd_sealed("env", path, sizeof path, e);
	autofd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (env < 0)
		return -1;
	if (null < 0)
		return err_sys(e, "/dev/null");
	struct sandbox_run run = {
		.id = STEP,
		.argv = argv,
		.cwd = "/",
		.env = env,
		.script = -1,
		.out = null,
		.err = null,
	};
	if (await(t, SANDBOX_INIT_READY, e) < 0 || sandbox_init_run(t->init, &run, e) < 0)
		return -1;
	return await(t, SANDBOX_INIT_ENDED, e);
}

static int attempt(struct trial *t, const struct priv *priv, struct err *e)
{
	if (start(t, e) < 0 || request(t, priv, e) < 0 || made(t, e) < 0)
		return -1;
	return step(t, e);
}

static void say_notes(struct doctor *d, const char *notes)
{
	while (*notes) {
		int n = (int)strcspn(notes, "\n");
		doctor_say(d, "sandbox", DOCTOR_WARN, "%.*s", n, notes);
		notes += n + (notes[n] == '\n');
	}
}

void doctor_sandbox(struct doctor *d)
{
	struct trial t = { .spawner = { 0, -1 }, .sock = -1, .init = -1 };
	struct priv priv;
	struct err e = { 0 };
	uint32_t base = d->config ? (uint32_t)d->config->id_base : PRIV_ID_BASE;
	unsigned slots = d->config ? (unsigned)d->config->concurrent : 1;
	if (priv_init(&priv, base, slots, &e) < 0) {
		doctor_say(d, "ids", DOCTOR_FAIL, "%s", e.msg);
		return;
	}
	if (priv.note[0])
		doctor_say(d, "ids", DOCTOR_WARN, "%s", priv.note);
	else
		doctor_say(d, "ids", DOCTOR_OK,
			   priv.root ? "root; jobs use ids from %u on"
				     : "a range of subordinate ids (%u rows)",
			   priv.root ? priv.base : priv.nids);
	if (attempt(&t, &priv, &e) < 0)
		doctor_say(d, "sandbox", DOCTOR_FAIL, "%s", e.msg);
	else
		doctor_say(d, "sandbox", DOCTOR_OK, "one was made, /bin/true ran in it");
	say_notes(d, e.code ? "" : t.notes);
	fd_close(&t.init);
	fd_close(&t.sock);
	if (t.spawner.pid > 0) {
		if (e.code)
			proc_signal(&t.spawner, SIGTERM);
		proc_wait(&t.spawner);
	}
}
