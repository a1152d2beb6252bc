/* courser register, verify, unregister, list: the configuration's registrations and their
 * coordinators. */
#include "runner/cmd.h"
#include "runner/cmd_config.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "protocol/gitea_identity.h"
#include "runner/courier_ask.h"
#include "runner/registration.h"
#include "runner/state.h"
#include "runner/system_id.h"
#include "runner/token_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { TOKEN_BYTES = 4096, TEXT_BYTES = 1 << 20, PATH_BYTES = 4096 };

enum { REFUSED = 1 }; /* verify: a token is not valid */

struct context {
	const struct command_line *l;
	struct arena arena;
	const char *path;
	const struct config *config;
	char system_id[SYSTEM_ID_SIZE];
	int state; /* the directory, -1 until it is needed */
};

/* EX_OK, or what to exit with. */
static int context_open(struct context *x, const struct command_line *l, bool absent, struct err *e)
{
	*x = (struct context){ .l = l, .arena = CMD_CONFIG_ARENA, .state = -1 };
	x->path = cmd_config_path(l, &x->arena, e);
	if (!x->path)
		return EX_OSERR;
	x->config = cmd_config_load(x->path, absent, &x->arena, e);
	return x->config ? EX_OK : EX_CONFIG;
}

static void context_done(struct context *x)
{
	fd_close(&x->state);
	arena_done(&x->arena);
}

/* Who we are for the coordinators; it is kept in the state directory. */
static int identify(struct context *x, struct err *e)
{
	const char *given = command_value(x->l, "state");
	struct state s;
	if (state_open(&s, given ? given : x->config->state_dir, x->config->cache_dir, e) < 0)
		return -1;
	int r = system_id_load(s.dir, x->system_id, e);
	x->state = fd_take(&s.dir);
	state_close(&s);
	return r;
}

/* The registration with the token that counts: one that was rotated since is in the state directory. */
static int current(struct context *x, const struct config_runner *r, struct config_runner *ret,
		   struct err *e)
{
	const struct token_kept like = { .name = r->name, .url = r->url, .replaced = r->token };
	struct token_kept kept;
	int found = token_store_find(x->state, &like, &x->arena, &kept, e);
	*ret = *r;
	if (found == 1)
		ret->token = kept.token;
	return found < 0 ? -1 : 0;
}

static const struct config_runner *runner_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nrunners; i++)
		if (strcmp(c->runners[i].name, name) == 0)
			return &c->runners[i];
	return NULL;
}

static int question(struct context *x, const char *verb, const struct config_runner *r,
		    struct courier_oneshot *ret, struct err *e)
{
	if (courier_question(verb, r, &x->arena, ret, e) < 0)
		return -1;
	ret->system_id = x->system_id;
	return 0;
}

/* What only GitLab has: a call to take a runner back. */
static bool can_unregister(const struct config_runner *r)
{
	return strcmp(r->forge, "gitlab") == 0;
}

static int refused_exit(const struct courier_said *said)
{
	return said->status == 0 || said->status >= 500 || said->status == 429 ? EX_TEMPFAIL
									       : EX_UNAVAILABLE;
}

/* --- register ----------------------------------------------------------------------------------- */

/* A file, "-", or the name of a credential that systemd gave us. */
static int open_token(const char *given, struct err *e)
{
	char path[PATH_BYTES];
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	if (strcmp(given, "-") == 0)
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (credentials && !strchr(given, '/')) {
		snprintf(path, sizeof path, "%s/%s", credentials, given);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	int fd = open(given, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%.200s", given) : fd;
}

static int read_token(const char *given, struct secret *ret, struct err *e)
{
	struct buf b = BUF(TOKEN_BYTES);
	autofd fd = open_token(given, e);
	if (fd < 0)
		return -1;
	int r = fd_read_all(fd, &b, e);
	size_t n = b.len;
	while (n && strchr(" \t\r\n", b.p[n - 1]))
		n--;
	if (r == 0 && (n == 0 || !str_is_printable(b.p, n)))
		r = err_set(e, EINVAL, "%.200s: holds no token", given);
	if (r == 0)
		r = secret_set(ret, b.p, n, e);
	buf_wipe(&b);
	return r;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* "A,B" as r->labels, each checked. */
static int split_labels(struct context *x, struct config_runner *r, struct err *e)
{
	const char *text = or_empty(command_value(x->l, "labels"));
	size_t most = strlen(text) / 2 + 1;
	const char **labels = arena_array(&x->arena, most, sizeof *labels, e);
	if (!labels)
		return -1;
	for (; *text; text += *text == ',') {
		size_t n = strcspn(text, ",");
		labels[r->nlabels] = arena_strndup(&x->arena, text, n, e);
		if (n && (!labels[r->nlabels] || gitea_label_check(labels[r->nlabels++], e) < 0))
			return -1;
		text += n;
	}
	r->labels = labels;
	return 0;
}

static const char *const forges[] = { "gitlab", "gitea", "forgejo" };

/* The options that belong to one kind of forge. */
static int check_forge(const struct context *x, const struct config_runner *r, struct err *e)
{
	bool known = false, offline = command_has(x->l, "offline");
	for (size_t i = 0; i < sizeof forges / sizeof *forges; i++)
		known = known || strcmp(forges[i], r->forge) == 0;
	if (!known)
		return err_set(e, EINVAL,
			       "--forge: %.40s is not served; gitlab, gitea and "
			       "forgejo are",
			       r->forge);
	if (can_unregister(r))
		return r->nlabels || r->ephemeral || offline
			       ? err_set(e, EINVAL,
					 "--labels, --ephemeral and --offline need "
					 "--forge=gitea or forgejo")
			       : 0;
	if (!r->nlabels)
		return err_set(e, EINVAL, "--labels: without one no job would ever come");
	return offline && r->ephemeral
		       ? err_set(e, EINVAL,
				 "--offline: the server made the runner, and not for "
				 "one job")
		       : 0;
}

/* -1: the command line is wrong. */
static int asked_for(struct context *x, struct config_runner *ret, struct err *e)
{
	const struct command_line *l = x->l;
	const char *forge = command_value(l, "forge");
	*ret = (struct config_runner){
		.url = command_value(l, "url"),
		.token = "",
		.forge = forge ? forge : "gitlab",
		.ephemeral = command_has(l, "ephemeral"),
		.tls_ca_file = or_empty(command_value(l, "tls-ca-file")),
		.tls_cert_file = or_empty(command_value(l, "tls-cert-file")),
		.tls_key_file = or_empty(command_value(l, "tls-key-file")),
		.proxy = or_empty(command_value(l, "proxy")),
		.no_proxy = "",
	};
	return split_labels(x, ret, e) < 0 ? -1 : check_forge(x, ret, e);
}

static int keep(const struct context *x, const struct courier_oneshot *q,
		const struct config_runner *r, const struct courier_said *said, struct err *e)
{
	const char *token = said->token.n ? secret_expose(&said->token) : r->token;
	struct registration add = {
		.name = r->name,
		.url = r->url,
		.token = token,
		.forge = can_unregister(r) ? "" : r->forge,
		.labels = q->labels,
		.ephemeral = r->ephemeral,
		.id = said->id,
		.token_obtained_at = clock_wall_us() / 1000000,
		.token_expires_at = said->expires,
		.tls_ca_file = r->tls_ca_file,
		.tls_cert_file = r->tls_cert_file,
		.tls_key_file = r->tls_key_file,
		.proxy = r->proxy,
	};
	return registration_add(x->path, &add, e);
}

/* What was made at the coordinator and cannot be kept here is taken back. */
static void take_back(struct context *x, const struct config_runner *r,
		      const struct courier_said *said)
{
	struct courier_oneshot q;
	struct courier_said answer = { 0 };
	struct err e = { 0 };
	int asked = can_unregister(r) ? question(x, "unregister", r, &q, &e) : -1;
	if (asked == 0) {
		q.token = said->token.n ? secret_expose(&said->token) : r->token;
		asked = courier_ask(x->config, &q, &answer, &e);
	}
	if (asked < 0 || !answer.ok)
		fprintf(stderr, "courser: warning: the runner %" PRIu64 " stays at %s\n", said->id,
			r->url);
	courier_said_done(&answer);
}

/* What a legacy registration says about the new runner. */
static int fill_options(const struct command_line *l, struct courier_oneshot *q, struct err *e)
{
	uint64_t timeout = 0;
	const char *text = command_value(l, "maximum-timeout");
	if (text && !str_duration(text, 1000, &timeout))
		return err_set(e, EINVAL, "--maximum-timeout: %.40s is no duration", text);
	q->tags = or_empty(command_value(l, "tags"));
	q->access_level = or_empty(command_value(l, "access-level"));
	q->run_untagged = command_has(l, "run-untagged") || q->tags[0] == '\0';
	q->locked = command_has(l, "locked");
	q->paused = command_has(l, "paused");
	q->maximum_timeout = (uint32_t)(timeout / 1000);
	return 0;
}

static int ask_register(struct context *x, const struct config_runner *r, struct err *e)
{
	const char *description = or_empty(command_value(x->l, "description"));
	bool made = command_has(x->l, "offline"); /* the server has it: it hears our labels */
	struct courier_oneshot q;
	struct courier_said said = { 0 };
	int status = EX_OK;
	if (question(x, made ? "verify" : "register", r, &q, e) < 0)
		return EX_OSERR;
	if (fill_options(x->l, &q, e) < 0)
		return EX_USAGE;
	q.description = *description ? description : r->name;
	if (courier_ask(x->config, &q, &said, e) < 0) {
		status = EX_OSERR;
	} else if (!said.ok) {
		err_set(e, EACCES, "%s: %s", r->url, said.text);
		status = refused_exit(&said);
	} else if (keep(x, &q, r, &said, e) < 0) {
		take_back(x, r, &said);
		status = EX_CANTCREAT;
	} else {
		printf("%s: runner %" PRIu64 " of %s is in %s\n", r->name, said.id, r->url,
		       x->path);
		if (r->ephemeral && !said.ephemeral)
			printf("%s: the server is too old for ephemeral runners: delete it there "
			       "after its job\n",
			       r->name);
	}
	courier_said_done(&said);
	return status;
}

static const char *name_of(const struct command_line *l, char *host, size_t size)
{
	const char *given = command_value(l, "name");
	if (given)
		return given;
	if (gethostname(host, size - 1) < 0)
		snprintf(host, size, "runner");
	host[size - 1] = '\0';
	return host;
}

/* A secret of Forgejo's becomes the credentials that belong to it. */
static int use_secret(struct secret *token, struct err *e)
{
	char both[FORGE_TOKEN_MAX];
	if (gitea_offline_token(secret_expose(token), both, e) < 0)
		return -1;
	int r = secret_set(token, both, strlen(both), e);
	explicit_bzero(both, sizeof both);
	return r;
}

static int perform_register(struct context *x, struct err *e)
{
	char host[256];
	struct config_runner r;
	autosecret token = { 0 };
	if (asked_for(x, &r, e) < 0)
		return EX_USAGE;
	r.name = name_of(x->l, host, sizeof host);
	if (runner_named(x->config, r.name)) {
		err_set(e, EEXIST, "%s: there is a registration \"%.80s\" already; choose a --name",
			x->path, r.name);
		return EX_USAGE;
	}
	if (read_token(command_value(x->l, "token-file"), &token, e) < 0)
		return e->code == EINVAL ? EX_DATAERR : EX_NOINPUT;
	if (command_has(x->l, "offline") && use_secret(&token, e) < 0)
		return EX_DATAERR;
	if (identify(x, e) < 0)
		return EX_OSERR;
	r.token = secret_expose(&token);
	return ask_register(x, &r, e);
}

int cmd_register(const struct command_line *l, struct err *e)
{
	struct context x;
	int status = context_open(&x, l, true, e);
	if (status == EX_OK)
		status = perform_register(&x, e);
	context_done(&x);
	return status;
}

/* --- verify ------------------------------------------------------------------------------------- */

static int verify_one(struct context *x, const struct config_runner *r, struct err *e)
{
	struct courier_oneshot q;
	struct courier_said said = { 0 };
	int status = EX_OK;
	if (question(x, "verify", r, &q, e) < 0 || courier_ask(x->config, &q, &said, e) < 0) {
		status = EX_OSERR;
	} else if (said.ok) {
		printf("%s: the token is valid\n", r->name);
	} else {
		printf("%s: %s\n", r->name, said.text);
		status = said.status == 401 || said.status == 403 ? REFUSED : refused_exit(&said);
	}
	courier_said_done(&said);
	return status;
}

/* Do it to the one that is named, or to all. The first failure counts. */
static int each(struct context *x,
		int (*perform)(struct context *, const struct config_runner *, struct err *),
		struct err *e)
{
	const char *name = command_value(x->l, "name");
	int status = EX_OK;
	if (name && !runner_named(x->config, name)) {
		err_set(e, ENOENT, "%s: no registration \"%.80s\"", x->path, name);
		return EX_UNAVAILABLE;
	}
	if (identify(x, e) < 0)
		return EX_OSERR;
	for (size_t i = 0; i < x->config->nrunners && e->code == 0; i++) {
		const struct config_runner *r = &x->config->runners[i];
		if (name && strcmp(r->name, name) != 0)
			continue;
		struct config_runner now;
		int one = current(x, r, &now, e) < 0 ? EX_OSERR : perform(x, &now, e);
		status = status == EX_OK ? one : status;
	}
	return status;
}

int cmd_verify(const struct command_line *l, struct err *e)
{
	struct context x;
	int status = context_open(&x, l, false, e);
	if (status == EX_OK)
		status = each(&x, verify_one, e);
	context_done(&x);
	return status;
}

/* --- unregister --------------------------------------------------------------------------------- */

/* Gitea and Forgejo have no call for it. */
static int forget_one(struct context *x, const struct config_runner *r, struct err *e)
{
	struct registration_who who = { .name = r->name, .url = r->url };
	if (registration_remove(x->path, &who, e) < 0)
		return EX_CANTCREAT;
	printf("%s: removed here; runner %" PRIu64
	       " must be deleted at the server itself (Settings, "
	       "Actions, Runners): %s has no call for it\n",
	       r->name, r->id, r->url);
	return EX_OK;
}

static int unregister_one(struct context *x, const struct config_runner *r, struct err *e)
{
	struct courier_oneshot q;
	struct registration_who who = { .name = r->name, .url = r->url };
	struct courier_said said = { 0 };
	int status = EX_OK;
	if (!can_unregister(r))
		return forget_one(x, r, e);
	if (question(x, "unregister", r, &q, e) < 0 || courier_ask(x->config, &q, &said, e) < 0) {
		status = EX_OSERR;
	} else if (!said.ok && said.status != 403 && said.status != 404) {
		err_set(e, EIO, "%s: %s; it stays in the configuration", r->name, said.text);
		status = refused_exit(&said);
	} else if (registration_remove(x->path, &who, e) < 0 ||
		   token_store_forget(x->state, r->name, r->url, e) < 0) {
		status = EX_CANTCREAT;
	} else {
		printf("%s: %s\n", r->name,
		       said.ok ? "unregistered" : "removed; the coordinator did not know it");
	}
	courier_said_done(&said);
	return status;
}

int cmd_unregister(const struct command_line *l, struct err *e)
{
	struct context x;
	if (command_has(l, "all") == (command_value(l, "name") != NULL)) {
		err_set(e, EINVAL, "\"unregister\" needs --name=NAME or --all");
		return EX_USAGE;
	}
	int status = context_open(&x, l, false, e);
	if (status == EX_OK)
		status = each(&x, unregister_one, e);
	context_done(&x);
	return status;
}

/* --- list --------------------------------------------------------------------------------------- */

static int list_json(const struct config_runner *r, struct buf *out, struct err *e)
{
	if (buf_str(out, "{\"name\": ", e) < 0 || str_json(out, r->name, strlen(r->name), e) < 0 ||
	    buf_str(out, ", \"url\": ", e) < 0 || str_json(out, r->url, strlen(r->url), e) < 0)
		return -1;
	return buf_printf(out, e, ", \"id\": %" PRIu64 ", \"token_expires_at\": %" PRIu64 "}\n",
			  r->id, r->token_expires_at);
}

static int list_row(const struct config_runner *r, struct buf *out, struct err *e)
{
	char expires[CLOCK_TEXT] = "never expires";
	if (r->token_expires_at)
		clock_text(r->token_expires_at * 1000000, expires);
	return buf_printf(out, e, "%-24s %10" PRIu64 "  %-28s %s\n", r->name, r->id, expires,
			  r->url);
}

int cmd_list(const struct command_line *l, struct err *e)
{
	struct context x;
	autobuf out = BUF(TEXT_BYTES);
	int status = context_open(&x, l, false, e);
	bool json = command_has(l, "json");
	for (size_t i = 0; status == EX_OK && i < x.config->nrunners; i++)
		if ((json ? list_json : list_row)(&x.config->runners[i], &out, e) < 0)
			status = EX_SOFTWARE;
	context_done(&x);
	return status == EX_OK ? cmd_print(&out, e) : status;
}
