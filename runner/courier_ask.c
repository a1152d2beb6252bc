#include "runner/courier_ask.h"

#include "base/fd.h"
#include "runner/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MS = 60 * 1000, FILES = 3, PATH_BYTES = 4096, LABELS_BYTES = 64 << 10 };

struct asking {
	struct proc proc;
	int sock;
	char directories[FILES][PATH_BYTES];
	char ids[PRIV_TEXT];
	const char *argv[FILES + 3];
};

/* The directories of the certificates are all of the file system that it may read. */
static void fill_argv(struct asking *a, const struct courier_oneshot *q)
{
	const char *files[FILES] = { q->ca_file, q->cert_file, q->key_file };
	size_t n = 0;
	a->argv[n++] = "courier";
	a->argv[n++] = a->ids;
	for (size_t i = 0; i < FILES; i++) {
		const char *slash = files[i] ? strrchr(files[i], '/') : NULL;
		if (!slash)
			continue;
		int len = slash == files[i] ? 1 : (int)(slash - files[i]);
		snprintf(a->directories[i], PATH_BYTES, "%.*s", len, files[i]);
		a->argv[n++] = a->directories[i];
	}
}

static int start(struct asking *a, const struct config *c, const struct courier_oneshot *q,
		 struct err *e)
{
	struct priv priv;
	char *const envp[] = { NULL };
	int pair[2];
	if (priv_init(&priv, (uint32_t)c->id_base, 1, e) < 0)
		return -1;
	priv_role_text(&priv, PRIV_COURIER, 0, a->ids);
	fill_argv(a, q);
	autofd libexec = proc_libexec(e);
	if (libexec < 0)
		return -1;
	autofd exe = openat(libexec, "courser-courier", O_PATH | O_CLOEXEC);
	if (exe < 0)
		return err_sys(e, "courser-courier");
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	a->sock = pair[0];
	struct proc_spec spec = {
		.exe = exe,
		.argv = (char *const *)(void *)a->argv,
		.envp = envp,
		.fds = &theirs,
		.nfds = 1,
		.stdio = { -1, -1, -1 },
	};
	return proc_spawn(&a->proc, &spec, e);
}

static int take(struct asking *a, struct courier_said *ret, struct err *e)
{
	struct courier_result r;
	automsg m;
	int got = msg_recv_within(a->sock, &m, ANSWER_MS, e);
	if (got == 0)
		return err_set(e, EPIPE, "the courier ended");
	if (got < 0)
		return -1;
	if (m.type != COURIER_RESULT)
		return err_set(e, EPROTO, "the courier says something else");
	if (courier_take(&m, &r, e) < 0)
		return -1;
	ret->ok = r.ok != 0;
	ret->status = r.status;
	ret->id = r.id;
	ret->expires = r.expires;
	ret->ephemeral = r.ephemeral != 0;
	snprintf(ret->text, sizeof ret->text, "%s", r.text);
	return r.token[0] ? secret_set(&ret->token, r.token, strlen(r.token), e) : 0;
}

int courier_question(const char *verb, const struct config_runner *r, struct arena *a,
		     struct courier_oneshot *ret, struct err *e)
{
	autobuf labels = BUF(LABELS_BYTES);
	for (size_t i = 0; i < r->nlabels; i++)
		if (buf_printf(&labels, e, "%s\n", r->labels[i]) < 0)
			return -1;
	const char *lines = arena_strdup(a, buf_cstr(&labels), e);
	if (!lines)
		return -1;
	*ret = (struct courier_oneshot){
		.verb = verb,
		.url = r->url,
		.token = r->token,
		.system_id = "",
		.shell = r->shell ? r->shell : "bash",
		.ca_file = r->tls_ca_file,
		.cert_file = r->tls_cert_file,
		.key_file = r->tls_key_file,
		.proxy = r->proxy,
		.no_proxy = r->no_proxy,
		.forge = r->forge,
		.labels = lines,
		.ephemeral = r->ephemeral,
	};
	return 0;
}

int courier_ask(const struct config *c, struct courier_oneshot *q, struct courier_said *ret,
		struct err *e)
{
	struct asking a = { .proc = { 0, -1 }, .sock = -1 };
	*ret = (struct courier_said){ 0 };
	q->cookie = 1;
	int r = start(&a, c, q, e);
	if (r == 0)
		r = courier_send(a.sock, COURIER_ONESHOT, q, e) < 0 ? -1 : take(&a, ret, e);
	fd_close(&a.sock);
	if (a.proc.pid > 0) {
		if (r < 0)
			proc_signal(&a.proc, SIGKILL);
		proc_wait(&a.proc);
	}
	return r;
}

void courier_said_done(struct courier_said *s)
{
	secret_done(&s->token);
}
