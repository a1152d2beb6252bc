#include "executor/worker_image.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "executor/image_store.h"
#include "executor/worker.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { POLICIES = 3, AUTH_MAX = 256 << 10, TEXT = 256 };

/* --- what is asked for -------------------------------------------------------------------------- */

static const char *const policy_names[POLICIES] = { "always", "if-not-present", "never" };

/* Whether the lines hold text; an empty list allows what `otherwise` says. */
static bool listed(const char *lines, const char *text, bool pattern, bool otherwise)
{
	if (!lines[0])
		return otherwise;
	while (*lines) {
		char line[TEXT];
		size_t n = strcspn(lines, "\n");
		snprintf(line, sizeof line, "%.*s", (int)n, lines);
		if (pattern ? fnmatch(line, text, 0) == 0 : strcmp(line, text) == 0)
			return true;
		lines += n + (lines[n] == '\n');
	}
	return false;
}

int worker_image_name(struct worker *w, struct worker_image *i, const char *otherwise,
		      struct err *e)
{
	const struct job_image *asked = i->asked;
	const char *name = asked->name[0] ? asked->name : otherwise;
	i->name = vars_expand(w->vars, &w->arena, name, e);
	i->platform = i->name ? vars_expand(w->vars, &w->arena, asked->platform, e) : NULL;
	i->user = i->platform ? vars_expand(w->vars, &w->arena, asked->user, e) : NULL;
	if (!i->user)
		return err_wrap(e, "image");
	if (asked->name[0] && !i->name[0])
		return err_set(e, EINVAL, "image \"%.80s\": its variables leave nothing of it",
			       name);
	if (asked->name[0] && !listed(w->settings.images_allowed, i->name, true, true))
		return err_set(e, EINVAL,
			       "image \"%.120s\" is not one of those that this runner allows",
			       i->name);
	return 0;
}

/* --- talking to who has it or brings it ----------------------------------------------------------- */

struct image_talk {
	struct worker *w;
	struct worker_image *image;
	int sock;
	enum image_fault fault;
};

static int ask_role(struct worker *w, enum gate_type type, struct err *e)
{
	automsg m;
	msg_init(&m, type);
	if (worker_ask(w, &m, e) < 0)
		return -1;
	int fd = msg_get_fd(&w->reply);
	return msg_end(&w->reply, e) < 0 ? -1 : fd;
}

/* Messages until the one that says how it ended, which is left in m. */
static int hear(struct image_talk *t, struct msg *m, uint32_t done, struct err *e)
{
	for (;;) {
		int r = worker_wait_fd(t->w, t->sock, -1, e);
		if (r < 0)
			return -1;
		r = msg_recv(t->sock, m, e);
		if (r <= 0)
			return e->code ? -1 : err_set(e, EPIPE, "its helper has died");
		if (m->type == done)
			return 0;
		if (m->type == IMAGE_FAILED) {
			t->fault = msg_get_u32(m) % IMAGE_FAULTS;
			return err_set(e, EREMOTEIO, "%s", msg_get_str(m));
		}
		joblog_say(&t->w->log, SAY_PLAIN, msg_get_str(m));
		if (joblog_commit(&t->w->log, e) < 0)
			return -1;
		msg_done(m);
	}
}

/* The record in the store, held; -1 none. */
static int find(const struct image_talk *t, bool *ret_private, struct err *e)
{
	struct worker *w = t->w;
	automsg m;
	msg_init(&m, GATE_IMAGE);
	msg_put_str(&m, t->image->name);
	msg_put_str(&m, t->image->platform);
	if (worker_ask(w, &m, e) < 0)
		return -1;
	autofd fd = w->reply.nfds ? msg_get_fd(&w->reply) : -1;
	*ret_private = strcmp(msg_get_str(&w->reply), "private") == 0;
	if (msg_end(&w->reply, e) < 0)
		return -1;
	return fd < 0 ? err_set(e, ENOENT, "the image is not here") : fd_take(&fd);
}

static int add_login(const struct job_credential *c, struct buf *out, struct err *e)
{
	if (buf_str(out, out->len ? "," : "{\"auths\":{", e) < 0 ||
	    str_json(out, c->url, strlen(c->url), e) < 0 ||
	    buf_str(out, ":{\"username\":", e) < 0 ||
	    str_json(out, c->user, strlen(c->user), e) < 0 ||
	    buf_str(out, ",\"password\":", e) < 0 ||
	    str_json(out, c->password, strlen(c->password), e) < 0)
		return -1;
	return buf_char(out, '}', e);
}

/* The image's own, or the forge's own registry and its like, as a file of docker's form would have them. */
static int job_logins(const struct worker *w, const struct job_credential *own, struct buf *out,
		      struct err *e)
{
	if (own && own->user[0] && add_login(own, out, e) < 0)
		return -1;
	for (size_t i = 0; !own && i < w->job->ncredentials; i++) {
		const struct job_credential *c = &w->job->credentials[i];
		if (strcmp(c->type, "registry") == 0 && add_login(c, out, e) < 0)
			return -1;
	}
	return out->len ? buf_str(out, "}}", e) : 0;
}

static int send_pull(struct image_talk *t, struct err *e)
{
	const struct var *auth = vars_find(t->w->vars, "DOCKER_AUTH_CONFIG");
	struct buf logins = BUF(AUTH_MAX);
	automsg m;
	int r = job_logins(t->w, t->image->login, &logins, e);
	msg_init(&m, IMAGE_PULL);
	msg_put_str(&m, t->image->name);
	msg_put_str(&m, t->image->platform);
	msg_put_str(&m, auth && auth->content ? auth->content : "");
	msg_put_str(&m, buf_cstr(&logins));
	if (r == 0)
		r = msg_send(t->sock, &m, e);
	buf_wipe(&logins);
	return r;
}

/* What the registry says the image is; its blobs are in the store then. */
static int fetch(struct image_talk *t, bool *ret_private, struct err *e)
{
	t->sock = ask_role(t->w, GATE_PULLER, e);
	autofd sock = t->sock;
	automsg m = { 0 };
	if (sock < 0 || send_pull(t, e) < 0 || hear(t, &m, IMAGE_PULLED, e) < 0)
		return -1;
	*ret_private = msg_get_u32(&m) != 0;
	autofd record = msg_get_fd(&m);
	return msg_end(&m, e) < 0 ? -1 : fd_take(&record);
}

/* Make layers of them, and let go of what the store has no room for. */
static int unpack(struct image_talk *t, int record, bool private, struct err *e)
{
	char key[IMAGE_HEX + 1];
	struct err ignored = { 0 };
	automsg m, done = { 0 }, trim, trimmed = { 0 };
	image_store_key(t->image->name, t->image->platform, key);
	msg_init(&trim, IMAGE_TRIM);
	msg_put_u64(&trim, t->w->settings.image_keep);
	msg_init(&m, IMAGE_UNPACK);
	msg_put_u32(&m, private);
	msg_put_str(&m, key);
	msg_put_fd(&m, record);
	t->sock = ask_role(t->w, GATE_UNPACKER, e);
	autofd sock = t->sock;
	if (sock < 0 || msg_send(sock, &m, e) < 0 || hear(t, &done, IMAGE_UNPACKED, e) < 0)
		return -1;
	bool now;
	t->image->hold = find(t, &now, e);
	if (t->image->hold < 0)
		return -1;
	if (msg_send(sock, &trim, &ignored) < 0 || hear(t, &trimmed, IMAGE_TRIMMED, &ignored) < 0)
		log_warn("image store", "err", ignored.msg, NULL);
	return 0;
}

/* --- one policy ---------------------------------------------------------------------------------- */

static int load(struct worker *w, int fd, struct image_record *ret, struct err *e)
{
	return image_record_load(fd, &w->arena, ret, e);
}

/* Whether the store already holds what the registry says the name is now; then it is held. */
static bool same_as_here(const struct image_talk *t, int pulled, bool private)
{
	struct worker *w = t->w;
	struct err none = { 0 };
	struct image_record here, there;
	bool was_private = false;
	autofd held = find(t, &was_private, &none);
	if (held < 0 || was_private != private || load(w, held, &here, &none) < 0 ||
	    load(w, pulled, &there, &none) < 0 || strcmp(here.digest, there.digest) != 0)
		return false;
	t->image->hold = fd_take(&held);
	return true;
}

static int pull(struct image_talk *t, struct err *e)
{
	bool private = false;
	joblog_sayf(&t->w->log, SAY_PLAIN, "Pulling image %s ...", t->image->name);
	if (joblog_commit(&t->w->log, e) < 0)
		return -1;
	autofd record = fetch(t, &private, e);
	if (record < 0)
		return -1;
	return same_as_here(t, record, private) ? 0 : unpack(t, record, private, e);
}

static int use_here(struct image_talk *t, bool only, struct err *e)
{
	bool private = false;
	autofd held = find(t, &private, e);
	t->fault = IMAGE_NOT_FOUND;
	if (held < 0)
		return -1;
	/* Who pulled it last had a right to it; whether this job has, only its registry knows. */
	if (private)
		return err_set(e, ENOENT, "it is here, and not for everybody%s",
			       only ? ": use another pull policy, so that its registry is asked"
				    : "");
	t->image->hold = fd_take(&held);
	return 0;
}

static int try_always(struct image_talk *t, struct err *e)
{
	return pull(t, e);
}

static int try_if_not_present(struct image_talk *t, struct err *e)
{
	struct err absent = { 0 };
	if (use_here(t, false, &absent) == 0)
		return 0;
	if (absent.code != ENOENT) {
		*e = absent;
		return -1;
	}
	return pull(t, e);
}

static int try_never(struct image_talk *t, struct err *e)
{
	return use_here(t, true, e);
}

static int (*const tries[POLICIES])(struct image_talk *t, struct err *e) = {
	try_always,
	try_if_not_present,
	try_never,
};

/* --- all of them --------------------------------------------------------------------------------- */

struct policies {
	int list[POLICIES];
	size_t n;
};

static int add_policy(struct policies *p, const char *name, struct err *e)
{
	for (int i = 0; i < POLICIES; i++)
		if (strcmp(policy_names[i], name) == 0) {
			if (p->n < POLICIES)
				p->list[p->n++] = i;
			return 0;
		}
	return err_set(e, EINVAL, "pull policy \"%.40s\": not always, if-not-present or never",
		       name);
}

static int add_lines(struct policies *p, const char *lines, struct err *e)
{
	while (*lines) {
		char name[TEXT];
		size_t n = strcspn(lines, "\n");
		snprintf(name, sizeof name, "%.*s", (int)n, lines);
		if (add_policy(p, name, e) < 0)
			return -1;
		lines += n + (lines[n] == '\n');
	}
	return 0;
}

/* The job's own where the operator allows them, else the operator's. */
static int choose(struct worker *w, const struct job_image *asked, struct policies *p,
		  struct err *e)
{
	const struct settings *s = &w->settings;
	const char *standard = s->image_policy[0] ? s->image_policy : "always\n";
	const char *allowed = s->image_policies_allowed[0] ? s->image_policies_allowed : standard;
	for (size_t i = 0; i < asked->npolicies; i++) {
		const char *name = asked->policies[i];
		if (add_policy(p, name, e) < 0)
			return -1;
		if (!listed(allowed, name, false, true))
			return err_set(e, EINVAL,
				       "pull policy \"%s\" is not allowed on this runner", name);
	}
	return p->n ? 0 : add_lines(p, standard, e);
}

static enum ending ending_of(enum image_fault fault)
{
	if (fault >= IMAGE_DISK)
		return ENDING_INFRA;
	return image_fault_passes(fault) ? ENDING_REGISTRY : ENDING_IMAGE;
}

static void say_policies(struct worker *w, const char *image, const struct policies *p)
{
	char text[TEXT] = "";
	for (size_t i = 0; i < p->n; i++) {
		size_t at = strlen(text);
		snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "",
			 policy_names[p->list[i]]);
	}
	joblog_sayf(&w->log, SAY_PLAIN, "Using image %s, pull policy [%s] ...", image, text);
}

static int try_all(struct worker *w, struct worker_image *i, const struct policies *p,
		   struct err *e)
{
	for (size_t k = 0; k < p->n; k++) {
		struct image_talk t = { .w = w, .image = i, .sock = -1, .fault = IMAGE_INTERNAL };
		err_clear(e);
		if (tries[p->list[k]](&t, e) == 0)
			return 0;
		i->fault = t.fault;
		if (k + 1 == p->n || e->code == ECANCELED)
			return -1;
		joblog_sayf(&w->log, SAY_WARNING,
			    "WARNING: with pull policy %s: %s; trying the next one",
			    policy_names[p->list[k]], e->msg);
	}
	return -1;
}

int worker_image_have(struct worker *w, struct worker_image *i, enum ending *ret, struct err *e)
{
	struct policies p = { .n = 0 };
	*ret = ENDING_CONFIG;
	i->fault = IMAGE_FAULTS;
	if (choose(w, i->asked, &p, e) < 0)
		return -1;
	say_policies(w, i->name, &p);
	if (try_all(w, i, &p, e) < 0) {
		*ret = ending_of(i->fault);
		return -1;
	}
	*ret = ENDING_INFRA;
	struct image_record *r = arena_new(&w->arena, struct image_record, e);
	if (!r || load(w, i->hold, r, e) < 0)
		return -1;
	i->record = r;
	joblog_sayf(&w->log, SAY_PLAIN, "Using image sha256:%s for %s ...", r->digest, i->name);
	return 0;
}

int worker_image_get(struct worker *w, struct worker_image *i)
{
	struct err e = { 0 };
	enum ending ending;
	if (worker_image_have(w, i, &ending, &e) == 0)
		return 0;
	if (e.code == ECANCELED && w->stop)
		worker_stop_verdict(w);
	else
		verdict_set(&w->verdict, ending, "%s", e.msg);
	if (i->fault != IMAGE_FAULTS)
		verdict_evidence(&w->verdict, "image %s: %s", i->name, image_fault_name(i->fault));
	return -1;
}

/* --- its steps ----------------------------------------------------------------------------------- */

const char *worker_image_layers(struct worker *w, const struct worker_image *i, struct err *e)
{
	const struct image_record *r = i->record;
	if (!r)
		return "";
	char *out = arena_alloc(&w->arena, r->nlayers * IMAGE_HEX + 1, e);
	for (size_t k = 0; out && k < r->nlayers; k++)
		memcpy(out + k * IMAGE_HEX, r->layers[k].diff, IMAGE_HEX);
	return out;
}

const char *worker_image_user(const struct worker_image *i)
{
	return i->user[0] || !i->record ? i->user : i->record->user;
}

static bool job_has(const struct vars *vars, const char *entry)
{
	char key[TEXT];
	size_t n = strcspn(entry, "=");
	if (n >= sizeof key)
		return false;
	snprintf(key, sizeof key, "%.*s", (int)n, entry);
	return vars_find(vars, key) != NULL;
}

int worker_image_environ(const struct worker_image *i, const struct vars *vars, struct buf *out,
			 struct err *e)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const struct image_record *r = i->record;
	bool has_path = !r || job_has(vars, path);
	for (size_t k = 0; r && k < r->nenv; k++) {
		if (job_has(vars, r->env[k]))
			continue;
		has_path = has_path || str_starts(r->env[k], "PATH=");
		if (buf_add(out, r->env[k], strlen(r->env[k]) + 1, e) < 0)
			return -1;
	}
	return has_path ? 0 : buf_add(out, path, sizeof path, e);
}

int worker_environ(const struct worker *w, const struct vars *vars, struct buf *out, struct err *e)
{
	return worker_image_environ(w->here->image, vars, out, e) < 0 ? -1
								      : vars_environ(vars, out, e);
}

/* The first that is there; $0 is the script. */
static const char detect[] =
	"for s in /usr/local/bin/bash /usr/bin/bash /bin/bash; do [ -x $s ] && exec $s \"$0\"; done; "
	"exec sh \"$0\"";

size_t worker_image_entrypoint(const struct worker_image *i, const char **argv)
{
	const struct image_record *r = i->record;
	const struct job_image *asked = i->asked;
	const char *const *words = asked->has_entrypoint ? asked->entrypoint : r->entrypoint;
	size_t n = asked->has_entrypoint ? asked->nentrypoint : r->nentrypoint, at = 0;
	for (size_t k = 0; k < n && k < IMAGE_WORDS_MAX; k++)
		if ((k || words[k][0]) && at++ < SANDBOX_ARGS)
			argv[at - 1] = words[k];
	return at;
}

int worker_image_command(const struct worker_image *i, const char *argv[SANDBOX_ARGS + 1],
			 struct err *e)
{
	const struct job_image *asked = i->asked;
	const struct image_record *r = i->record;
	const char *const *words = asked->ncommand ? asked->command : r->command;
	size_t n = asked->ncommand ? asked->ncommand : asked->has_entrypoint ? 0 : r->ncommand;
	size_t at = worker_image_entrypoint(i, argv);
	if (at + n == 0)
		return err_set(e, EINVAL, "neither the image nor the job names a command");
	if (at + n > SANDBOX_ARGS)
		return err_set(e, E2BIG, "its command has %zu words", at + n);
	for (size_t k = 0; k < n; k++)
		argv[at++] = words[k];
	argv[at] = NULL;
	return 0;
}

int worker_command(const struct worker *w, const char *path, const char *argv[SANDBOX_ARGS + 1],
		   struct err *e)
{
	const char *found[] = { "sh", "-c", detect, path, NULL };
	const char *plain[] = { w->settings.shell, path, NULL };
	bool look = w->image.record && strcmp(w->settings.shell, "sh") != 0;
	const char **rest = look ? found : plain;
	size_t at = w->image.record ? worker_image_entrypoint(&w->image, argv) : 0;
	if (at + sizeof found / sizeof *found > SANDBOX_ARGS)
		return err_set(e, E2BIG, "the entrypoint has %zu words", at);
	for (size_t i = 0; rest[i]; i++)
		argv[at++] = rest[i];
	argv[at] = NULL;
	return 0;
}
