#include "runner/supervisor.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/bulletin.h"
#include "runner/notify.h"
#include "runner/registration.h"
#include "runner/slot_end.h"
#include "runner/system_id.h"
#include "runner/token_store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct supervisor {
	const struct supervisor_options *options;
	const char **overrides; /* NULL-terminated */
	struct host host;
	struct intake intake;
	struct bulletin bulletin;
	struct control *control;
	char listen[256]; /* as it was at the start */
	struct source signals;
	struct timer patience;
	char system_id[SYSTEM_ID_SIZE];
	int lock;
	unsigned stops; /* how often we were told to stop */
	bool done;
};

static struct registry *load(struct supervisor *s, const struct registry *before)
{
	autobuf errors = BUF(256 << 10);
	struct registry *r = registry_load(s->options->config_path, s->overrides, before, &errors);
	if (r)
		return r;
	struct err e = { 0 };
	if (fd_write_all(STDERR_FILENO, buf_cstr(&errors), errors.len, &e) < 0)
		log_error("the configuration is wrong", NULL);
	return NULL;
}

/* What is configured is what can be named. */
static void choose_log(const struct config *c)
{
	enum log_level level = LOG_INFO;
	enum log_format format = LOG_LOGFMT;
	if (log_level_named(c->log_level, &level) && log_format_named(c->log_format, &format))
		log_choose(level, format);
}

/* --- told by signals ---------------------------------------------------------------------------- */

static void look_done(struct supervisor *s)
{
	bool idle = intake_busy(&s->intake) == 0;
	bool spent = idle && !s->stops && registry_is_spent(s->intake.registry);
	if (spent && !s->done)
		log_info("every registration was for one job, and has had it: nothing is left to "
			 "do",
			 NULL);
	/* and no longer, when a job comes with the signal */
	s->done = idle && (s->stops || spent);
}

static void interrupt_all(struct supervisor *s)
{
	for (unsigned n = 0; n < s->host.nslots; n++)
		if (s->host.slots[n] && s->host.slots[n]->state != SLOT_FREE)
			slot_cancel(s->host.slots[n], GATE_CANCEL_INTERRUPT);
}

static void patience_over(struct timer *t)
{
	struct supervisor *s = (struct supervisor *)(void *)((char *)t -
							     offsetof(struct supervisor, patience));
	log_warn("stopped before every job was reported; the next start reports them", NULL);
	s->done = true;
}

/* The first: no new jobs, running ones go on to their end. The second: they are interrupted. */
static void stop(struct supervisor *s)
{
	char num[STR_NUM];
	s->stops++;
	log_info(s->stops == 1 ? "draining: no new jobs" : "stopping: jobs are interrupted", "busy",
		 str_num(num, intake_busy(&s->intake)), NULL);
	notify("STOPPING=1\nSTATUS=draining");
	if (s->stops == 1) {
		intake_drain(&s->intake);
		bulletin_changed(&s->bulletin);
	}
	if (s->stops == 2) {
		interrupt_all(s);
		loop_timer(s->host.loop, &s->patience,
			   s->intake.registry->config->shutdown_timeout_ms);
	}
	look_done(s);
	s->done |= s->stops > 2;
}

static void warn_restart(const struct supervisor *s, const struct registry *next)
{
	const struct config *now = s->intake.registry->config;
	if (strcmp(now->cache_dir, next->config->cache_dir) != 0)
		log_warn("a new cache_dir is used after a restart only", "directory",
			 next->config->cache_dir, NULL);
	if (strcmp(s->listen, next->config->listen_address) != 0)
		log_warn("a new listen_address is used after a restart only", "address",
			 next->config->listen_address, NULL);
}

/* What the machine adds to the file. */
static void complete(struct supervisor *s, struct registry *r)
{
	struct err e = { 0 };
	registry_identify(r, s->system_id, s->host.hostname);
	if (registry_renew(r, s->host.state.dir, &e) < 0)
		log_error("rotated tokens of the state directory are not used", "err", e.msg, NULL);
}

static void reload(struct supervisor *s)
{
	struct err e = { 0 };
	notify("RELOADING=1");
	struct registry *next = load(s, s->intake.registry);
	if (next && host_slots(&s->host, (unsigned)next->config->concurrent, &e) < 0) {
		log_error("reload", "err", e.msg, NULL);
		registry_free(next);
		next = NULL;
	}
	if (next) {
		choose_log(next->config);
		complete(s, next);
		warn_restart(s, next);
		intake_reload(&s->intake, next);
		log_info("the configuration is in force", "path", s->options->config_path, NULL);
	} else {
		log_error("the configuration is wrong; the old one stays in force", "path",
			  s->options->config_path, NULL);
	}
	bulletin_reloaded(&s->bulletin, next != NULL);
	notify("READY=1");
}

static void signal_ready(struct source *src, uint32_t events)
{
	struct supervisor *s = (struct supervisor *)(void *)((char *)src -
							     offsetof(struct supervisor, signals));
	struct signalfd_siginfo si;
	(void)events;
	if (read(src->fd, &si, sizeof si) != (ssize_t)sizeof si)
		return;
	if (si.ssi_signo == SIGHUP)
		reload(s);
	else
		stop(s);
}

/* --- what the courier says beside jobs ---------------------------------------------------------- */

static struct supervisor *of_intake(struct intake *in)
{
	return (struct supervisor *)(void *)((char *)in - offsetof(struct supervisor, intake));
}

/* What the file says of a registration, whatever the state directory adds. */
static const char *configured_token(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->config->nrunners; i++)
		if (strcmp(r->config->runners[i].name, name) == 0)
			return r->config->runners[i].token;
	return "";
}

/* The configuration's file first, where operators look; the state directory where it cannot be written,
 * or does not count. */
static void keep_token(struct supervisor *s, const struct registration_who *who,
		       const struct registration *with, struct err *e)
{
	if (registration_renew(s->options->config_path, who, with, e) < 0) {
		log_warn("the configuration does not take the new token: it is kept in the state "
			 "directory",
			 "registration", who->name, "err", e->msg, NULL);
		err_clear(e);
	} else {
		reload(s);
	}
	const struct registry_row *now = registry_named(s->intake.registry, who->name);
	if (now && strcmp(now->wire.token, with->token) == 0) {
		if (token_store_forget(s->host.state.dir, who->name, who->url, e) < 0)
			log_warn("an old token stays in the state directory", "err", e->msg, NULL);
		return;
	}
	const struct token_kept kept = {
		.name = who->name,
		.url = who->url,
		.replaced = configured_token(s->intake.registry, who->name),
		.token = with->token,
		.obtained = with->token_obtained_at,
		.expires = with->token_expires_at,
	};
	if (token_store_keep(s->host.state.dir, &kept, e) < 0)
		log_error("the new token cannot be kept", "registration", who->name, "err", e->msg,
			  NULL);
	else
		reload(s);
}

static void on_token(struct intake *in, const struct courier_token *t)
{
	struct supervisor *s = of_intake(in);
	const struct registry_row *r = registry_at(in->registry, t->idx);
	struct arena a = ARENA(64 << 10);
	struct err e = { 0 };
	if (!r || r->gone)
		return;
	/* what a reload replaces is copied */
	const struct registration_who who = { .name = arena_strdup(&a, r->wire.name, &e),
					      .url = arena_strdup(&a, r->wire.url, &e) };
	const struct registration with = {
		.token = t->token,
		.token_obtained_at = t->obtained,
		.token_expires_at = t->expires,
	};
	if (who.name && who.url)
		keep_token(s, &who, &with, &e);
	arena_done(&a);
}

static void on_health(struct intake *in, const struct courier_health *h)
{
	bulletin_health(&of_intake(in)->bulletin, h); /* the courier has logged it */
}

static void on_stat(struct intake *in, const struct courier_stat *c)
{
	recorder_tell_count(of_intake(in)->bulletin.recorder, c->name, c->labels, c->value);
}

static void on_changed(void *arg)
{
	struct supervisor *s = arg;
	bulletin_changed(&s->bulletin);
	look_done(s);
}

static void on_started(void *arg, const struct slot *slot)
{
	struct supervisor *s = arg;
	bulletin_started(&s->bulletin, &slot->label);
}

static void on_ended(void *arg, const char *name, const struct slot_label *l,
		     const struct slot_result *r)
{
	struct supervisor *s = arg;
	bulletin_ended(&s->bulletin, name, l, r);
}

static void on_restarted(void *arg, const char *role)
{
	struct supervisor *s = arg;
	bulletin_restarted(&s->bulletin, role);
}

static const struct intake_ops ops = {
	.started = on_started,
	.ended = on_ended,
	.changed = on_changed,
	.restarted = on_restarted,
};

/* --- what the operator asks --------------------------------------------------------------------- */

static int on_status(void *arg, struct control_reply *r, struct err *e)
{
	const struct supervisor *s = arg;
	return bulletin_status(&s->bulletin, r, e);
}

static int on_cancel(void *arg, uint64_t job, bool all, bool abort, struct err *e)
{
	struct supervisor *s = arg;
	int count = 0;
	(void)e;
	for (unsigned n = 0; n < s->host.nslots; n++) {
		struct slot *slot = s->host.slots[n];
		if (!slot || (slot->state != SLOT_WAITING && slot->state != SLOT_RUNNING) ||
		    !(all || slot->id == job))
			continue;
		log_info("cancelled by the operator", "job", slot->name, NULL);
		slot_cancel(slot, abort ? GATE_CANCEL_ABORT : GATE_CANCEL_GRACEFUL);
		count++;
	}
	return count;
}

/* --- start -------------------------------------------------------------------------------------- */

static int copy_overrides(struct supervisor *s, struct err *e)
{
	const struct supervisor_options *o = s->options;
	s->overrides = calloc(o->noverrides + 1, sizeof *s->overrides);
	if (!s->overrides)
		return err_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < o->noverrides; i++)
		s->overrides[i] = o->overrides[i];
	return 0;
}

/* As root the fetcher is another id, and goes to its mirror by path. */
static void warn_of_way(const struct supervisor *s, const char *path)
{
	char shut[STATE_PATH];
	if (s->host.priv.root && !state_reachable(path, shut))
		log_warn("the way to this directory is closed to the roles: no sources",
			 "directory", shut, "remedy", "chmod o+x, or another place", NULL);
}

static int open_host(struct supervisor *s, struct err *e)
{
	const struct config *c = s->intake.registry->config;
	struct host_options h = {
		.state_dir = s->options->state_dir ? s->options->state_dir : c->state_dir,
		.cache_dir = c->cache_dir,
		.id_base = (uint32_t)c->id_base,
		.nslots = (unsigned)c->concurrent,
		.cgroup = c->cgroup,
	};
	if (host_open(&s->host, &h, e) < 0)
		return -1;
	warn_of_way(s, h.state_dir);
	if (*h.cache_dir)
		warn_of_way(s, h.cache_dir);
	s->lock = state_lock(&s->host.state, e);
	if (s->lock < 0)
		return err_wrap(e, "%s", h.state_dir);
	if (system_id_load(s->host.state.dir, s->system_id, e) < 0) {
		log_warn("system id", "err", e->msg, NULL);
		err_clear(e);
	}
	complete(s, s->intake.registry);
	return 0;
}

static int watch_signals(struct supervisor *s, struct err *e)
{
	static const int caught[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, 0 };
	s->signals = (struct source){ .fd = loop_signals(caught, e), .ready = signal_ready };
	if (s->signals.fd < 0)
		return -1;
	return loop_watch(s->host.loop, &s->signals, EPOLLIN, e);
}

/* The recorder first: what an earlier life left is told to it. */
static int open_all(struct supervisor *s, struct err *e)
{
	const struct control_ops asked = { on_status, on_cancel, s };
	bulletin_init(&s->bulletin, &s->intake);
	snprintf(s->listen, sizeof s->listen, "%s", s->intake.registry->config->listen_address);
	if (open_host(s, e) < 0 || watch_signals(s, e) < 0)
		return -1;
	s->host.restarted = on_restarted;
	s->host.arg = s;
	if (bulletin_open(&s->bulletin, &s->host, s->listen, e) < 0 ||
	    intake_open(&s->intake, e) < 0)
		return -1;
	s->control = control_open(s->host.loop, s->host.state.dir, &asked, e);
	return s->control ? 0 : -1;
}

static void close_all(struct supervisor *s)
{
	control_close(s->control);
	intake_close(&s->intake);
	bulletin_close(&s->bulletin);
}

static int serve(struct supervisor *s, struct err *e)
{
	s->intake.host = &s->host;
	s->intake.ops = &ops;
	s->intake.arg = s;
	s->intake.token = on_token;
	s->intake.health = on_health;
	s->intake.stat = on_stat;
	s->patience.fire = patience_over;
	int r = open_all(s, e);
	if (r == 0) {
		log_info("ready", "version", VERSION, "config", s->options->config_path, NULL);
		notify("READY=1");
		r = loop_until(s->host.loop, &s->done, e);
	}
	close_all(s);
	return r;
}

/* The configuration, and whether this machine has room for its ids. */
static int configure(struct supervisor *s, struct err *e)
{
	struct priv ids;
	s->intake.registry = load(s, NULL);
	if (!s->intake.registry)
		return err_set(e, EINVAL, "%s: the configuration is wrong",
			       s->options->config_path);
	choose_log(s->intake.registry->config);
	return priv_init(&ids, (uint32_t)s->intake.registry->config->id_base, PRIV_SLOTS, e);
}

int supervisor_run(const struct supervisor_options *o, bool *ret_config, struct err *e)
{
	struct supervisor s = {
		.options = o,
		.signals = { .fd = -1 },
		.lock = -1,
	};
	signal(SIGPIPE, SIG_IGN);
	*ret_config = false;
	if (copy_overrides(&s, e) < 0)
		return -1;
	int r = configure(&s, e);
	*ret_config = r < 0;
	if (r == 0)
		r = serve(&s, e);
	if (s.host.loop)
		host_close(&s.host);
	registry_free(s.intake.registry);
	fd_close(&s.signals.fd);
	fd_close(&s.lock);
	free(s.overrides);
	return r;
}
